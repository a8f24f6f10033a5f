//! The pages on phones and desks, light and dark: they fit, axe finds nothing, and pictures of them are kept in the
//! target folder.

use std::fs;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hydra_tests::{Axe, Browser, get, target_folder};
use serde_json::{Value, json};

use super::{TOKEN, World, open};

const PAGES: [(&str, &str); 8] = [
    ("services", "/"),
    ("service", "/service?name=catalogue"),
    ("order-service", "/service?name=orderService"),
    ("weights", "/weights?name=catalogue"),
    ("fragments", "/flows"),
    ("routes", "/routes"),
    ("problems", "/problems"),
    ("unknown", "/service?name=nothing"),
];

/// How far the page can be scrolled to the side, and what reaches beyond the screen.
const BESIDE: &str = "return [document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth, \
    ...[...document.querySelectorAll('main *')].filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5) \
       .map((element) => element.outerHTML.slice(0, 80))]";

/// What could not be hit with a finger.
const SMALL: &str = "return [...document.querySelectorAll('button, .button, input:not([type=hidden], [type=checkbox]), label.check, .tabs a')] \
    .filter((element) => element.getBoundingClientRect().height < 24).map((element) => element.outerHTML)";

fn look(browser: &Browser, axe: &Axe, name: &str, (color, width): (&str, u32)) {
    let what = format!("{name}, {color}, {width} px");
    browser.wait("return document.readyState", "complete");
    assert_eq!(browser.run(BESIDE), json!([0]), "{what}");
    assert_eq!(browser.run(SMALL), json!([]), "{what}");
    let headings =
        "return [document.querySelectorAll('main').length, document.querySelectorAll('h1').length]";
    assert_eq!(browser.run(headings), json!([1, 1]), "{what}");
    let none: [String; 0] = [];
    assert_eq!(axe.violations(browser), none, "{what}");
    let folder = target_folder().join("pictures/operators");
    fs::create_dir_all(&folder).expect("made");
    // The whole page, not only what fits on the screen.
    let height = browser.run("return document.documentElement.scrollHeight");
    resize(browser, width, height.as_u64().unwrap_or(800).clamp(800, 4_000));
    let picture = STANDARD.decode(browser.picture()).expect("base64");
    fs::write(folder.join(format!("{name}-{width}-{color}.png")), picture).expect("written");
    resize(browser, width, 800);
}

fn resize(browser: &Browser, width: u32, height: u64) {
    let size = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
    browser.tell("Emulation.setDeviceMetricsOverride", &size);
}

#[test]
fn every_page_fits_and_is_accessible_light_and_dark() {
    let axe = Axe::fetch();
    let world = World::open().with_troubles();
    for _ in 0..20 {
        let _ = get(&world.gateway.address, "/checkout");
        let _ = get(&world.gateway.address, "/catalogue");
    }
    let browser = Browser::open();
    for look_of in [("light", 1280), ("dark", 1280), ("light", 360), ("dark", 360)] {
        let (color, width) = look_of;
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": color}]});
        browser.tell("Emulation.setEmulatedMedia", &media);
        resize(&browser, width, 800);
        open(&browser, &world, "/sign-in");
        look(&browser, &axe, "sign-in", look_of);
        browser.type_into("#token", TOKEN);
        assert_eq!(
            browser.run("document.querySelector('main button').click()"),
            Value::Null
        );
        browser.wait("return location.pathname", "/");
        for (name, path) in PAGES {
            open(&browser, &world, path);
            look(&browser, &axe, name, look_of);
        }
        open(&browser, &world, "/service?name=catalogue");
        assert_eq!(
            browser.run("document.querySelector('button[name=drain]').click()"),
            Value::Null
        );
        browser.wait("return location.pathname", "/change");
        look(&browser, &axe, "confirmation", look_of);
        assert_eq!(
            browser.run("document.querySelector('.session button').click()"),
            Value::Null
        );
        browser.wait(
            "return document.querySelector('.session')?.textContent",
            "Sign in",
        );
    }
}
