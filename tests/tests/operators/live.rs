//! Open pages are kept up to date.

use hydra_tests::{Browser, PATIENCE, get, wait_for};

use super::{World, sign_in};

/// The state of a service in the list.
fn state_of(service: &str) -> String {
    format!(
        "const row = [...document.querySelectorAll('tbody tr')].find((row) => row.querySelector('th').textContent === '{service}'); \
         return row?.children[1].textContent.trim()"
    )
}

#[test]
fn a_service_that_is_killed_becomes_inactive_on_open_pages() {
    let mut world = World::open();
    let browser = Browser::open();
    sign_in(&browser, &world, "/");
    browser.wait("return document.querySelector('#state').textContent", "live");
    browser.wait(&state_of("recommendations"), "active");
    // What is not replaced keeps the focus, and the page is never loaded again.
    let focus = "window.mark = 7; [...document.querySelectorAll('tbody a')].find((link) => link.textContent === 'recommendations').focus()";
    assert_eq!(browser.run(focus), serde_json::Value::Null);
    drop(world.recommendations.take());
    browser.wait(&state_of("recommendations"), "inactive");
    browser.wait(
        "return document.querySelector('.tiles .bad')?.textContent",
        "1 inactive",
    );
    assert_eq!(
        browser.run("return [window.mark, document.activeElement.textContent]"),
        serde_json::json!([7, "recommendations"])
    );
    assert_eq!(browser.run(&state_of("storefront")), "active");
}

#[test]
fn the_graph_tells_what_becomes_of_fragments() {
    let mut world = World::open();
    let browser = Browser::open();
    sign_in(&browser, &world, "/flows");
    // Old requests count no longer, so there are new ones until the page shows what became of them.
    let shows = |world: &World, part: &str| {
        let script = format!(
            "return [...document.querySelectorAll('.edges td:last-child')].some((cell) => cell.textContent.includes('{part}'))"
        );
        wait_for(part, PATIENCE, || {
            let page = get(&world.gateway.address, "/checkout").ok()?.body;
            // On a busy machine one answer in hundreds is late.
            let is_whole = page.contains("class=\"checkout-form\"");
            (is_whole && browser.run(&script) == true).then_some(())
        });
    };
    shows(&world, "100 % rendered");
    drop(world.recommendations.take());
    shows(&world, "inactive");
    let text = browser
        .run("return document.querySelector('#live').textContent")
        .to_string();
    for part in ["Pages of", "checkout.html", "gets", "gives", "/s"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn a_page_says_when_its_gateway_is_gone() {
    let mut world = World::open();
    let browser = Browser::open();
    sign_in(&browser, &world, "/routes");
    browser.wait("return document.querySelector('#state').textContent", "live");
    assert!(
        world
            .gateway
            .printed()
            .contains(&format!("the operators' page is at {}/", world.operators))
    );
    assert!(world.gateway.terminate().success());
    browser.wait(
        "return document.querySelector('#state').textContent",
        "not live, trying again",
    );
}
