//! Operators change weights and drains: without scripts, and with the keyboard alone.

use hydra_tests::Browser;
use serde_json::json;

use super::{TOKEN, World, arrive};

/// Clicks on what the selector finds.
fn click(browser: &Browser, selector: &str) {
    let found = browser.run(&format!(
        "const it = document.querySelector(`{selector}`); it?.click(); return it !== null"
    ));
    assert_eq!(found, true, "{selector}");
}

fn wait_for_heading(browser: &Browser, heading: &str) {
    browser.wait_for_text("h1", heading);
}

#[test]
fn without_scripts_weights_change_by_plain_forms() {
    let world = World::open().with_troubles();
    let browser = Browser::open();
    browser.allow_scripts(false);
    let place = "/sign-in?place=%2Fservice%3Fname%3Dcatalogue";
    arrive(&browser, &world, "/service?name=catalogue", place);
    wait_for_heading(&browser, "Sign in");
    browser.type_into("#token", "the-token-of-other-operators");
    click(&browser, "main button");
    browser.wait_for_text("[role=alert]", "This is not the `admin_token` of this gateway.");
    browser.type_into("#token", TOKEN);
    click(&browser, "main button");
    browser.wait(
        "return location.pathname + location.search",
        "/service?name=catalogue",
    );
    browser.wait_for_text(".head a", "Change weights");
    click(&browser, ".head a");
    wait_for_heading(&browser, "Weights of catalogue");
    // The newest version is the first.
    browser.type_into("#weight-1", "10");
    browser.type_into("#weight-2", "90");
    click(&browser, ".panel button");
    wait_for_heading(&browser, "Change the weights of catalogue?");
    assert_eq!(
        world.weights("catalogue")["weights_from"],
        "instances",
        "it waits"
    );
    let table = "return [...document.querySelectorAll('tbody tr')].map((row) => [...row.children].map((cell) => cell.textContent.trim()))";
    assert_eq!(
        browser.run(table),
        json!([["2.5.0-rc1", "50 %", "10 %", "1"], ["2.4.1", "50 %", "90 %", "1"]])
    );
    click(&browser, "main button");
    browser.wait(
        "return document.querySelector('.notice.good')?.textContent.slice(0, 24)",
        "The weights are changed,",
    );
    let after = world.weights("catalogue");
    assert_eq!(after["weights_from"], "operator");
    let shares: Vec<_> = after["versions"]
        .as_array()
        .expect("versions")
        .iter()
        .map(|one| one["share"].clone())
        .collect();
    assert_eq!(shares, [json!(0.9), json!(0.1)]);
    // There is nothing that tells of updates, which need scripts.
    assert_eq!(
        browser.run("return document.querySelector('#state').textContent"),
        ""
    );
}

#[test]
fn the_keyboard_leads_everywhere() {
    let world = World::open().with_troubles();
    let browser = Browser::open();
    arrive(&browser, &world, "/", "/sign-in?place=%2F");
    browser.wait("return document.activeElement.name", "token");
    browser.type_text(TOKEN);
    browser.press("Enter");
    wait_for_heading(&browser, "Services");
    browser.press("Tab");
    assert_eq!(
        browser.run("return document.activeElement.textContent"),
        "Skip to the content"
    );
    browser.press("Enter");
    browser.wait("return location.hash", "#main");
    browser.tab_to("catalogue");
    browser.press("Enter");
    wait_for_heading(&browser, "catalogue");
    browser.tab_to("Drain 127.0.0.1:1");
    browser.press("Enter");
    browser.wait(
        "return document.querySelector('h1')?.textContent.slice(0, 11)",
        "Drain http:",
    );
    // What was asked for is at hand.
    browser.wait("return document.activeElement.textContent", "Confirm");
    browser.press("Space");
    browser.wait(
        "return document.querySelector('.notice.good')?.textContent.slice(0, 20)",
        "The drain has begun:",
    );
    let versions = world.weights("catalogue")["versions"].to_string();
    assert!(versions.contains("\"drained\":true"), "{versions}");
    browser.tab_to("End the drain of 127.0.0.1:1");
    browser.press("Enter");
    wait_for_heading(&browser, "End the drain of http://127.0.0.1:1#0 catalogue?");
    browser.tab_to("Cancel");
    browser.press("Enter");
    wait_for_heading(&browser, "catalogue");
    let versions = world.weights("catalogue")["versions"].to_string();
    assert!(
        versions.contains("\"drained\":true"),
        "nothing was confirmed: {versions}"
    );
    browser.tab_to("Sign out");
    browser.press("Enter");
    wait_for_heading(&browser, "Sign in");
}
