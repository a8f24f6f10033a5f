//! The pages of the demo shop keep to WCAG 2.2, level AA, as far as axe can tell (<https://github.com/dequelabs/axe-core>).

use hydra_tests::{Axe, Browser, PATIENCE, Shop, get, wait_for};
use serde_json::{Value, json};

/// Whether it is a page with a title, in a language, with one part that holds what it is about.
const WHOLE: &str = "return [document.documentElement.lang, document.title !== '', document.querySelectorAll('main').length, \
                     document.querySelectorAll('h1').length]";

pub(crate) fn look(browser: &Browser, axe: &Axe, address: &str, what: &str) {
    browser.go_anew(address);
    browser.wait("return location.href", address);
    browser.wait("return document.readyState", "complete");
    assert_eq!(browser.run(WHOLE), json!(["en", true, 1, 1]), "{address} {what}");
    let none: [String; 0] = [];
    assert_eq!(axe.violations(browser), none, "{address} {what}");
}

#[test]
fn the_shop_is_accessible_with_its_services_there_and_away() {
    let axe = Axe::fetch();
    let browser = Browser::open();
    let mut shop = Shop::open();
    let gateway = shop.gateway.address.clone();
    for services in ["there", "away"] {
        for (color, width) in [("light", 1280), ("dark", 360)] {
            let media = json!({"features": [{"name": "prefers-color-scheme", "value": color}]});
            browser.tell("Emulation.setEmulatedMedia", &media);
            let size = json!({"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": false});
            browser.tell("Emulation.setDeviceMetricsOverride", &size);
            for path in [
                "/",
                "/product/mint",
                "/product/nope",
                "/checkout",
                "/new",
                "/nothing",
            ] {
                let what = format!("{color}, services {services}");
                look(&browser, &axe, &format!("{gateway}{path}"), &what);
            }
        }
        if services == "there" {
            shop.orders.terminate();
            shop.recommendations.terminate();
            wait_for("they are away", PATIENCE, || {
                let page = get(&gateway, "/checkout").ok()?.body;
                (page.contains("Fallback info") && page.contains("class=\"away\"")).then_some(())
            });
        }
    }
}

#[test]
fn the_menu_says_which_page_this_is() {
    let browser = Browser::open();
    let shop = Shop::open();
    for (path, expected) in [
        ("/", json!(["/"])),
        ("/checkout", json!(["/checkout"])),
        ("/new", json!(["/new"])),
        ("/product/mint", json!([])),
        ("/product/nope", json!([])),
    ] {
        browser.go(&format!("{}{path}", shop.gateway.address));
        browser.wait("return location.pathname", path);
        browser.wait("return document.readyState", "complete");
        let current = "return [...document.querySelectorAll('nav [aria-current=page]')].map((link) => link.getAttribute('href'))";
        assert_eq!(browser.run(current), expected, "{path}");
    }
}

#[test]
fn the_birth_date_lands_in_no_address() {
    let browser = Browser::open();
    let shop = Shop::open();
    browser.go(&format!("{}/checkout", shop.gateway.address));
    browser.wait("return document.querySelectorAll('.pay').length", 1);
    assert_eq!(browser.run("document.querySelector('.pay').click()"), Value::Null);
    browser.wait("return location.pathname.startsWith('/thanks/')", true);
    let address = browser.run("return location.href").to_string();
    assert!(!address.contains("1990") && !address.contains("dob"), "{address}");
}
