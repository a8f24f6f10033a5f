//! The shop on a phone: what there is fits, and every link can be reached.

use hydra_tests::{Browser, PATIENCE, Shop, get, wait_for};
use serde_json::{Value, json};

/// The narrowest phones in use, one of the usual width, and a desk.
const WIDTHS: [u32; 4] = [320, 360, 412, 1280];

/// What of the menu is not as it must be: hidden, beside the screen, behind something else, or on top of another entry.
const MENU: &str = "const wrong = []; \
    const all = [...document.querySelectorAll('header a, header .away')]; \
    for (const entry of all) { \
        entry.scrollIntoView({block: 'center', behavior: 'instant'}); \
        const { left, right, top, bottom, width, height } = entry.getBoundingClientRect(); \
        const at = document.elementFromPoint((left + right) / 2, (top + bottom) / 2); \
        if (width < 24 || height < 24) wrong.push(`${entry.textContent} is too small to be hit: ${width} x ${height}`); \
        if (left < 0 || right > document.documentElement.clientWidth) wrong.push(`${entry.textContent} is beside the screen: ${left} to ${right}`); \
        if (!entry.contains(at)) wrong.push(`${entry.textContent} is behind ${at?.outerHTML}`); \
        for (const other of all) { \
            const box = other.getBoundingClientRect(); \
            if (other !== entry && box.left < right && box.right > left && box.top < bottom && box.bottom > top) \
                wrong.push(`${entry.textContent} is on ${other.textContent}`); \
        } \
    } \
    if (all.length < 4) wrong.push(`only ${all.length} entries`); \
    return wrong";

/// How far the page can be scrolled to the side, and what reaches beyond the screen.
pub(crate) const BESIDE: &str = "return [document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth, \
    ...[...document.querySelectorAll('body *')].filter((element) => element.getBoundingClientRect().right > document.documentElement.clientWidth + 0.5) \
       .map((element) => element.outerHTML.slice(0, 80))]";

fn of_width(browser: &Browser, width: u32) {
    let size = json!({"width": width, "height": 740, "deviceScaleFactor": 2, "mobile": width < 600});
    browser.tell("Emulation.setDeviceMetricsOverride", &size);
}

fn open(browser: &Browser, gateway: &str, path: &str) {
    browser.go(&format!("{gateway}{path}"));
    browser.wait("return location.pathname", path);
    browser.wait("return document.readyState", "complete");
}

#[test]
fn every_page_fits_the_screen_and_every_link_of_the_menu_can_be_hit() {
    let mut shop = Shop::open();
    let gateway = shop.gateway.address.clone();
    let browser = Browser::open();
    for services in ["there", "away"] {
        for width in WIDTHS {
            of_width(&browser, width);
            for path in [
                "/",
                "/product/mint",
                "/product/nope",
                "/checkout",
                "/new",
                "/nothing",
            ] {
                // The gateway's own error pages need no service, and have no menu but a link to the teas.
                let has_menu = path != "/nothing" && (services == "there" || path != "/new");
                open(&browser, &gateway, path);
                let what = format!("{path} at {width}, services {services}");
                assert_eq!(browser.run(BESIDE), json!([0]), "{what}");
                if has_menu {
                    assert_eq!(browser.run(MENU), json!([]), "{what}");
                } else {
                    let link = "return document.querySelector('main a').getAttribute('href')";
                    assert_eq!(browser.run(link), "/", "{what}");
                }
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
fn each_link_of_the_menu_leads_to_its_page_on_a_phone() {
    let shop = Shop::open();
    let gateway = &shop.gateway.address;
    let browser = Browser::open();
    of_width(&browser, 360);
    for from in ["/", "/new", "/checkout"] {
        for (label, to) in [("Teas", "/"), ("New teas", "/new"), ("Basket", "/checkout")] {
            open(&browser, gateway, from);
            // A click in its middle, as a finger makes it: what lies on top of it would get it.
            let click = format!(
                "const link = [...document.querySelectorAll('nav a')].find((link) => link.firstChild.data.trim() === '{label}'); \
                 window.isLeft = false; const box = link.getBoundingClientRect(); \
                 document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2).click()"
            );
            assert_eq!(browser.run(&click), Value::Null, "{from} {label}");
            browser.wait("return window.isLeft === undefined && location.pathname", to);
        }
    }
}
