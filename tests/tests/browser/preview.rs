//! The bar that says what is previewed, as a browser shows it.

use hydra_tests::{Axe, Browser};
use serde_json::{Value, json};

use crate::{
    accessible::look,
    site::{Part, Plan, Site, page},
};

/// A page that styles what the bar consists of.
const PAGE: &str = "<main><h1>Text</h1><p>text</p><div id='place'>{{ 0 | __hydra }}</div></main>\
    <style>dialog, form { display: grid; position: static; width: 100%; margin: 3rem } \
    button, a { display: none; color: #eee; background: #eee }</style>";
const DIALOG: &str = "document.querySelector('dialog[aria-label=Preview]')";

fn site(policy: &'static str) -> Site {
    Plan {
        page: page(PAGE),
        parts: vec![Part::new("deferred", "<b>here</b>")],
        policy,
        ..Plan::default()
    }
    .serve()
}

/// From now on the browser sends what a gateway tells an application. Nothing where it is empty.
fn previews(browser: &Browser, state: &str) {
    browser.tell("Network.enable", &json!({}));
    let headers = match state {
        "" => json!({}),
        state => json!({"Hydra-Preview": state}),
    };
    browser.tell("Network.setExtraHTTPHeaders", &json!({ "headers": headers }));
}

fn open(browser: &Browser, site: &Site) {
    browser.go_anew(&site.address);
    browser.wait("return document.querySelector('#place b')?.textContent", "here");
    browser.wait("return document.readyState", "complete");
}

fn size(browser: &Browser, width: u32) {
    let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
    browser.tell("Emulation.setDeviceMetricsOverride", &size);
}

/// Where everything but the bar stands, and how large the page is.
fn layout(browser: &Browser) -> Value {
    browser.run(
        "const root = document.documentElement; \
         return [root.scrollWidth, root.scrollHeight, ...[...document.querySelectorAll('main *')].map(one => JSON.stringify(one.getBoundingClientRect()))]",
    )
}

#[test]
fn the_bar_is_seen_hidden_and_left_and_moves_nothing_on_the_page() {
    let browser = Browser::open();
    for policy in [
        "",
        "default-src 'self'; style-src 'unsafe-inline'; form-action 'none'",
        "default-src 'self'",
    ] {
        let site = site(policy);
        for width in [360, 1280] {
            println!("{width} under `{policy}`");
            size(&browser, width);
            previews(&browser, "");
            open(&browser, &site);
            assert_eq!(browser.run(&format!("return {DIALOG}")), Value::Null);
            let without = layout(&browser);
            previews(&browser, "orders@2.5.0-rc1, my%20app@3;gone");
            open(&browser, &site);
            browser.wait(&format!("return {DIALOG}?.open"), true);
            if policy.is_empty() || policy.contains("unsafe-inline") {
                assert_eq!(layout(&browser), without);
                let stands_inside = format!(
                    "const box = {DIALOG}.getBoundingClientRect(); \
                     return box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight && box.height < 200 && box.width > 100"
                );
                assert_eq!(browser.run(&stands_inside), json!(true));
                let button = format!("return getComputedStyle({DIALOG}.querySelector('button')).display");
                assert_eq!(browser.run(&button), json!("inline-block"));
            }
            let text = format!("return {DIALOG}.textContent.replace(/\\s+/g, ' ').trim()");
            let words = "Preview: orders 2.5.0-rc1; my app 3 does not run any more: this is what all visitors see. Leave Hide";
            assert_eq!(browser.run(&text), json!(words));
            let focus = format!(
                "return document.activeElement !== null && !{DIALOG}.contains(document.activeElement)"
            );
            assert_eq!(browser.run(&focus), json!(true), "it takes no focus");
            browser.tell("Emulation.setScriptExecutionDisabled", &json!({"value": false}));
            assert_eq!(
                browser.run(&format!(
                    "{DIALOG}.querySelector('button').click(); return {DIALOG}.open"
                )),
                json!(false)
            );
            assert_eq!(browser.run("return location.search"), json!(""));
            open(&browser, &site);
            assert_eq!(
                browser.run(&format!("{DIALOG}.querySelector('a').click()")),
                Value::Null
            );
            browser.wait(
                "return location.pathname + location.search",
                "/?hydra-preview=off",
            );
        }
    }
}

#[test]
fn the_bar_is_accessible_in_light_and_dark_and_on_a_phone() {
    let axe = Axe::fetch();
    let browser = Browser::open();
    let site = Plan {
        page: page("<main><h1>Text</h1><p>text</p></main>"),
        ..Plan::default()
    }
    .serve();
    for (color, width) in [("light", 1280), ("dark", 360)] {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": color}]});
        browser.tell("Emulation.setEmulatedMedia", &media);
        size(&browser, width);
        previews(&browser, "orders@2.5.0-rc1");
        look(&browser, &axe, &site.address, &format!("{color}, {width}"));
        assert_eq!(browser.run(&format!("return {DIALOG}.open")), json!(true));
    }
}
