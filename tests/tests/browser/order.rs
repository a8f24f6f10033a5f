//! A visitor orders by keyboard alone, with and without scripts, and first types a wrong postal code.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hydra_tests::{Axe, Browser, Shop, target_folder};
use serde_json::{Value, json};

use super::{phone::BESIDE, visit::REST};

/// The name of what has the focus, and the text that describes it.
const FOCUS: &str = "const it = document.activeElement; \
    return [it.name, document.getElementById(it.getAttribute('aria-describedby'))?.textContent]";

/// How many teas the header says that there are.
const COUNT: &str =
    "return document.readyState === 'complete' && document.querySelector('.basket span')?.textContent";

fn open(browser: &Browser, gateway: &str) {
    browser.tell("Network.clearBrowserCookies", &json!({}));
    browser.go_anew(&format!("{gateway}/checkout"));
    browser.wait(COUNT, "2");
}

/// Types a text in the place of the one that is there.
fn type_anew(browser: &Browser, text: &str) {
    let all =
        json!({"type": "keyDown", "key": "a", "code": "KeyA", "modifiers": 2, "commands": ["selectAll"]});
    browser.tell("Input.dispatchKeyEvent", &all);
    browser.type_text(text);
}

/// Sends the form with a wrong postal code, and waits for the page that says so.
fn send_wrong(browser: &Browser) {
    browser.tab_to("zip");
    type_anew(browser, "90");
    browser.press("Enter");
    browser.wait_for_text("#zip-error", "A postal code has four digits, such as 9000.");
}

fn wait_for_thanks(browser: &Browser) {
    browser.wait("return location.pathname.startsWith('/thanks/')", true);
    browser.wait_for_text("#thanks", "Your teas for € 30.90 are on their way to you.");
    browser.wait(COUNT, "0");
}

#[test]
fn a_visitor_orders_by_keyboard_with_scripts_and_without() {
    let shop = Shop::open();
    let gateway = &shop.gateway.address;
    let browser = Browser::open();
    for may_run in [true, false] {
        browser.allow_scripts(may_run);
        open(&browser, gateway);
        let rest = browser.run(REST);
        send_wrong(&browser);
        let expected = json!(["zip", "A postal code has four digits, such as 9000."]);
        assert_eq!(browser.run(FOCUS), expected, "scripts: {may_run}");
        assert_eq!(browser.run("return document.activeElement.value"), "90");
        assert_eq!(browser.run(REST), rest, "the rest of the page stays");

        // The summary leads to the field.
        let link = "const it = document.activeElement; return it.getAttribute('href')";
        browser.tab_to("A postal code has four digits, such as 9000.");
        assert_eq!(browser.run(link), "#zip");
        browser.press("Enter");
        browser.wait("return document.activeElement.name", "zip");

        type_anew(&browser, "9000");
        browser.press("Enter");
        wait_for_thanks(&browser);

        // Back is the basket, which is empty, and not a page that asks whether the form is to be sent again.
        assert_eq!(browser.run("history.back()"), Value::Null);
        browser.wait("return location.pathname", "/checkout");
        browser.wait("return document.readyState", "complete");
        // The log of Chromium has each page with an error status.
        let errors = browser.console_errors();
        assert!(
            errors.iter().all(|error| error.contains("status of 422")),
            "{errors:?}"
        );
    }
}

#[test]
fn what_is_wrong_is_accessible_on_phones_and_desks_light_and_dark() {
    let axe = Axe::fetch();
    let shop = Shop::open();
    let browser = Browser::open();
    let folder = target_folder().join("pictures/shop");
    fs::create_dir_all(&folder).expect("made");
    for (color, width) in [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)] {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": color}]});
        browser.tell("Emulation.setEmulatedMedia", &media);
        let size = json!({"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600});
        browser.tell("Emulation.setDeviceMetricsOverride", &size);
        open(&browser, &shop.gateway.address);
        browser.tab_to("street");
        type_anew(&browser, " ");
        send_wrong(&browser);
        let what = format!("{color}, {width} px");
        assert_eq!(
            browser.run(FOCUS),
            json!(["street", "Please fill in your street."]),
            "{what}"
        );
        assert_eq!(browser.run(BESIDE), json!([0]), "{what}");
        let none: [String; 0] = [];
        assert_eq!(axe.violations(&browser), none, "{what}");
        let picture = STANDARD.decode(browser.picture()).expect("base64");
        fs::write(folder.join(format!("wrong-{width}-{color}.png")), picture).expect("written");
    }
}

#[test]
fn a_double_click_and_a_reload_of_what_is_wrong_order_once() {
    let shop = Shop::open();
    let browser = Browser::open();
    open(&browser, &shop.gateway.address);
    send_wrong(&browser);
    // The address of the answer to a form shows the page when it is visited.
    let address = browser.run("return location.href");
    browser.go_anew(address.as_str().expect("an address"));
    browser.wait("return location.pathname + location.search", "/checkout");
    browser.wait(COUNT, "2");
    assert_eq!(
        browser.run("return document.querySelector('.form-errors')"),
        Value::Null
    );

    let twice = "const pay = document.querySelector('.pay'); pay.click(); pay.click()";
    assert_eq!(browser.run(twice), Value::Null);
    wait_for_thanks(&browser);
}
