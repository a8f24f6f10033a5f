//! A visit to the shop as the demo proposes it: a tea, the basket, the order, and what becomes of it while `orderService` is away.

use hydra_tests::{Browser, Shop, service};
use serde_json::{Value, json};

fn text(selector: &str) -> String {
    format!("return document.querySelector('{selector}')?.textContent.trim().replace(/\\s+/g, ' ')")
}

/// Clicks on what is seen at the place of an element, as a visitor does, and waits for the page behind it.
fn click(browser: &Browser, selector: &str, leads_to: &str) {
    let click = format!(
        "window.isLeft = false; const found = document.querySelector('{selector}'); \
         found.scrollIntoView({{block: 'center', behavior: 'instant'}}); const box = found.getBoundingClientRect(); \
         const seen = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2); \
         seen.click(); return found.contains(seen)"
    );
    assert_eq!(browser.run(&click), true, "{selector} can be hit");
    browser.wait(
        "return window.isLeft === undefined && location.pathname",
        leads_to,
    );
    browser.wait("return document.readyState", "complete");
}

/// Loads the page anew until a script returns `expected` there: gateways hear a moment later who is away.
fn reload_until(browser: &Browser, script: &str, expected: &str) {
    hydra_tests::wait_for(script, hydra_tests::PATIENCE, || {
        assert_eq!(
            browser.run("window.isLeft = false; location.reload()"),
            Value::Null
        );
        browser.wait(
            "return window.isLeft === undefined && document.readyState",
            "complete",
        );
        (browser.run(script) == expected).then_some(())
    });
}

/// The page without what comes from `orderService`.
pub(crate) const REST: &str = "const copy = document.body.cloneNode(true); \
    for (const own of copy.querySelectorAll('.order, .delivery > :not(h2, .quiet), style, script, link')) own.remove(); \
    return copy.textContent.replace(/\\s+/g, ' ')";

#[test]
fn a_visitor_buys_a_tea_and_sees_what_the_demo_says_of_a_service_that_stops() {
    let mut shop = Shop::open();
    let gateway = shop.gateway.address.clone();
    let browser = Browser::open();
    for width in [1280, 360] {
        let size = json!({"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width < 600});
        browser.tell("Emulation.setDeviceMetricsOverride", &size);
        browser.tell("Network.clearBrowserCookies", &json!({}));
        browser.go(&format!("{gateway}/"));
        browser.wait("return location.pathname", "/");
        browser.wait("return document.readyState", "complete");
        browser.wait(&text(".basket span"), "2");
        click(&browser, "a[href=\"/product/mint\"]", "/product/mint");
        browser.wait(&text("h1"), "Garden Mint");
        browser.wait(&text(".recommendations h2"), "Goes well with it");
        let proposed = "return document.querySelectorAll('.recommendations a[href$=\"/mint\"], .recommendations \
                        a[href$=\"/jasmine\"]').length";
        assert_eq!(
            browser.run(proposed),
            0,
            "neither this tea nor what is in the basket"
        );
        click(&browser, "form .button", "/checkout");
        browser.wait(&text(".basket span"), "3");
        for (row, line) in [
            ("1", "1 × Sencha Morning € 12.50"),
            ("2", "1 × Jasmine Pearls € 18.40"),
            ("3", "1 × Garden Mint € 6.20"),
            ("4", "Total, sent to Belgium (BE) € 37.10"),
        ] {
            let cells = format!(
                "return [...document.querySelectorAll('.checkout-form tr:nth-child({row}) td')].map((cell) => cell.textContent.trim()) \
                 .filter((text) => text).join(' ')"
            );
            assert_eq!(browser.run(&cells), line);
        }
        browser.wait(&text("#address"), "Kouter 12, second floor");
        let whole = browser.run(REST);

        shop.orders.terminate();
        reload_until(&browser, &text(".order"), "Fallback info");
        browser.wait(&text("#no-address"), "We ask for your address when you order.");
        assert_eq!(browser.run(&text("#address")), Value::Null);
        assert_eq!(browser.run(REST), whole, "the rest of the page is as before");

        shop.orders = service("order-service", &gateway).listening();
        reload_until(&browser, &text(".checkout-form h2"), "Your order");
        browser.wait(&text("#address"), "Kouter 12, second floor");
        assert_eq!(browser.run(REST), whole);
        // The next round begins with an own basket.
        click(&browser, "nav a[href=\"/new\"]", "/new");
        browser.wait(&text(".basket span"), "3");
    }
}
