//! A service of the shop that hangs: it takes connections and answers none.

use std::process::Command;

use hydra_tests::{Browser, Copy, Shop, program, workspace};
use serde_json::json;

/// Whether something has been painted while no file of another service is awaited: then the page is complete, too.
const PAINTED: &str =
    "return performance.getEntriesByName('first-contentful-paint').length === 1 && document.readyState";

/// The files of a service that the page links, or shows.
fn files_of(service: &str) -> String {
    format!("return document.querySelectorAll('[href^=\"/{service}/\"], [src^=\"/{service}/\"]').length")
}

#[test]
fn no_page_waits_for_the_files_of_a_service_that_hangs() {
    let text = |selector: &str| format!("return document.querySelector('{selector}')?.textContent.trim()");
    let shop = Shop::open();
    let gateway = &shop.gateway.address;
    let browser = Browser::open();
    // With all services there, pages link what the fragments of others need.
    for (page, service) in [
        ("/checkout", "orderService"),
        ("/checkout", "recommendations"),
        ("/product/mint", "recommendations"),
        ("/new", "storefront"),
    ] {
        browser.go(&format!("{gateway}{page}"));
        browser.wait("return location.pathname", page);
        browser.wait(PAINTED, "complete");
        browser.wait(&format!("{} > 0", files_of(service)), true);
    }
    for (process, service, pages) in [
        (
            &shop.orders,
            "orderService",
            vec![
                ("/checkout", text(".order"), "Fallback info"),
                ("/product/mint", text("h1"), "Garden Mint"),
                ("/", text("h1"), "Tea that is worth the wait"),
                ("/new", text("h1"), "New teas"),
            ],
        ),
        (
            &shop.recommendations,
            "recommendations",
            vec![
                ("/product/mint", text("main > .quiet"), "See all our teas"),
                ("/checkout", text("main > .quiet"), "See all our teas"),
                (
                    "/",
                    text("main > .quiet"),
                    "New teas arrive every week. Come back soon!",
                ),
                (
                    "/product/nope",
                    text("h1"),
                    "We have no such tea, and no such page.",
                ),
            ],
        ),
        (
            &shop.storefront,
            "storefront",
            vec![
                ("/new", text("h1"), "New teas"),
                ("/new", text(".recommendations h2"), "New this week"),
            ],
        ),
    ] {
        process.pause();
        // What the browser has kept would hide what a page waits for.
        browser.tell("Network.clearBrowserCache", &json!({}));
        for (page, shown, expected) in pages {
            println!("{page} while {service} hangs");
            browser.go(&format!("{gateway}{page}"));
            browser.wait("return location.pathname", page);
            browser.wait(PAINTED, "complete");
            browser.wait(&shown, expected);
            assert_eq!(browser.run(&files_of(service)), 0, "{page} {service}");
        }
        process.resume();
    }
}

/// What the check says of the templates of a service of the shop, which lie in `folder`.
fn check(folder: &std::path::Path, service: &str) -> String {
    let mut check = Command::new(program("hydra-compile"));
    check.current_dir(folder).args(["check", "--service", service]);
    if folder.join("contracts").is_dir() {
        check.args(["--contracts", "contracts"]);
    }
    let output = check.arg("templates").output().expect("it runs");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
    String::from_utf8_lossy(&said).into_owned()
}

#[test]
fn no_template_of_the_shop_links_files_of_another_service_and_the_check_tells_one_that_does() {
    let shop = workspace().join("fixtures/shop");
    for (folder, service) in [
        ("storefront", "storefront"),
        ("order-service", "orderService"),
        ("recommendations", "recommendations"),
    ] {
        assert!(
            !check(&shop.join(folder), service).contains("file-of-another-service"),
            "{service}"
        );
    }
    const OWN: &str = "<link rel=\"stylesheet\" href=\"/storefront/shop.css\">";
    for (link, help) in [
        (
            "<link rel=\"stylesheet\" href=\"/orderService/order.css\">",
            "`m:styles=\"order.css\"`",
        ),
        (
            "<script src=\"/orderService/js/pay.js\" defer></script>",
            "`m:scripts=\"js/pay.js\"`",
        ),
        (
            "<style>@import \"/recommendations/recommendations.css\";</style>",
            "`m:styles=\"recommendations.css\"`",
        ),
        (
            "<link rel=\"preload\" as=\"style\" href=\"/orderService/order.css\">",
            "",
        ),
    ] {
        let copy = Copy::of_workspace(&["storefront"]);
        copy.add("storefront", &shop.join("storefront"));
        copy.change(
            "storefront/templates/layout.html",
            OWN,
            &format!("{OWN}\n  {link}"),
        );
        let said = check(&copy.path().join("storefront"), "storefront");
        let is_told = said.contains("file-of-another-service");
        // A preload holds nothing up: the page is painted without it.
        assert_eq!(is_told, !help.is_empty(), "{link}: {said}");
        if is_told {
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(
                said.contains("layout.html:8") && said.contains(help),
                "{link}: {said}"
            );
        }
    }
}
