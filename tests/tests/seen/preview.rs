//! A version that ordinary visitors do not get, for the visitor of a link.

use hydra_tests::{Answer, PATIENCE, Running, Start, get, wait_for};

use super::{debug::get_with, header, operators, site, start, web_server};

const TOKEN: &str = "the-token-of-the-operators";
/// What only a page with the bar contains.
const BAR: &str = "<dialog open lang=\"en\" aria-label=\"Preview\"";

/// A gateway, the pages of the demo shop, and its order form.
struct Shop {
    gateway: Running,
    admin: String,
    _storefront: Running,
}

impl Shop {
    fn open() -> Self {
        let mut gateway = start("hydra", &["gateway"])
            .env("HYDRA_ADMIN_TOKEN", TOKEN)
            .listening();
        let admin = operators(&mut gateway);
        let storefront = start("storefront", &[])
            .env("HYDRA_GATEWAY", &gateway.address)
            .listening();
        Self {
            gateway,
            admin,
            _storefront: storefront,
        }
    }

    fn orders(&self, version: &str) -> Running {
        orders(&self.gateway.address, version)
    }

    /// The checkout page of a visitor with these cookies, once it is so.
    fn checkout(&self, cookies: &str, what: &str, is_so: impl Fn(&Answer) -> bool) -> Answer {
        wait_for(what, PATIENCE, || {
            let page = get_with(&self.gateway.address, "/checkout", cookies);
            (page.status == 200 && is_so(&page)).then_some(page)
        })
    }
}

fn orders(gateway: &str, version: &str) -> Running {
    start("order-service", &[])
        .env("HYDRA_GATEWAY", gateway)
        .env("HYDRA_VERSION_NAME", version)
        .listening()
}

fn has_form(page: &Answer) -> bool {
    page.body.contains("class=\"checkout-form\"")
}

/// Runs a command of an operator until it succeeds, and gives its first line with `text`.
fn operator(arguments: &[&str], text: &str) -> String {
    wait_for(&format!("{arguments:?}"), PATIENCE, || {
        let mut program = start("hydra", arguments).env("HYDRA_ADMIN_TOKEN", TOKEN).start();
        program.find_line(text).ok()
    })
}

/// The cookie of a visitor who opens the link of the command.
fn opened(address: &str, admin: &str, target: &str) -> String {
    let arguments = [
        "preview", target, "--for", "5m", "--url", address, "--admin", admin,
    ];
    let link = operator(&arguments, "hydra-preview=");
    let path = link.strip_prefix(address).expect("the address first");
    let answer = get(address, path).expect("an answer");
    assert_eq!((answer.status, header(&answer, "location")), (303, Some("/")));
    let cookie = header(&answer, "set-cookie").expect("a cookie");
    assert!(
        cookie.contains("; HttpOnly") && cookie.contains("; Max-Age="),
        "{cookie}"
    );
    cookie.split(';').next().expect("a pair").to_owned()
}

#[test]
fn a_page_of_an_application_shows_the_version_of_the_link_and_says_so() {
    let shop = Shop::open();
    let mut old = shop.orders("2.4.0");
    let mut new = shop.orders("2.5.0-rc1");
    let weights = [
        "weights",
        "orderService",
        "2.4.0=1",
        "2.5.0-rc1=0",
        "--admin",
        &shop.admin,
    ];
    operator(&weights, "closed");
    let cookie = opened(&shop.gateway.address, &shop.admin, "orderService@2.5.0-rc1");
    let page = shop.checkout(&cookie, "the page with its form", has_form);
    assert!(
        page.body.contains(BAR) && page.body.contains("<b>orderService</b> 2.5.0-rc1."),
        "{}",
        page.body
    );
    assert!(
        page.body.trim_end().ends_with("</body>\n</html>"),
        "{}",
        page.body
    );
    assert!(
        page.body.contains("href=\"/checkout?hydra-preview=off\""),
        "{}",
        page.body
    );
    assert_eq!(header(&page, "hydra-preview"), Some("orderService@2.5.0-rc1"));
    assert_eq!(header(&page, "cache-control"), Some("private, no-store"));

    old.terminate();
    let ordinary = shop.checkout("a=b", "the page without the form", |page| !has_form(page));
    assert!(!ordinary.body.contains(BAR) && header(&ordinary, "hydra-preview").is_none());
    let page = shop.checkout(&cookie, "the form of the new version", has_form);
    assert!(
        page.body.contains("<b>orderService</b> 2.5.0-rc1."),
        "{}",
        page.body
    );

    let _old = shop.orders("2.4.0");
    shop.checkout("a=b", "the form of the old version", has_form);
    new.terminate();
    let page = shop.checkout(&cookie, "a page that says that it is gone", |page| {
        header(page, "hydra-preview") == Some("orderService@2.5.0-rc1;gone") && has_form(page)
    });
    assert!(
        page.body.contains("2.5.0-rc1 does not run any more"),
        "{}",
        page.body
    );
    let left = get_with(&shop.gateway.address, "/checkout?a=1&hydra-preview=off", &cookie);
    assert_eq!(
        (left.status, header(&left, "location")),
        (303, Some("/checkout?a=1"))
    );
}

#[test]
fn a_page_of_a_folder_shows_it_too() {
    let (port, _) = web_server();
    let folder = site(port, "");
    let text = "<!doctype html><title>Shop</title><p>text</p>\n\
                <m:fragment service=\"legacy\" ref=\"banner\" cache=\"1h\">no banner</m:fragment></body>\n";
    std::fs::write(folder.path().join("pages/index.html"), text).expect("written");
    std::fs::write(folder.path().join("pages/file.txt"), "a file").expect("written");
    let mut hydra = super::serve(&folder, &[])
        .env("HYDRA_ADMIN_TOKEN", TOKEN)
        .listening();
    let admin = operators(&mut hydra);
    let _orders = orders(&hydra.address, "2.5.0-rc1");
    let cookie = opened(&hydra.address, &admin, "orderService@2.5.0-rc1");
    for _ in 0..2 {
        let page = get_with(&hydra.address, "/?a=1", &cookie);
        assert!(
            page.body.contains(BAR) && page.body.trim_end().ends_with("</dialog>\n</body>"),
            "{}",
            page.body
        );
        assert!(
            page.body.contains("href=\"/?a=1&amp;hydra-preview=off\""),
            "{}",
            page.body
        );
        assert_eq!(header(&page, "hydra-preview"), Some("orderService@2.5.0-rc1"));
        assert_eq!(header(&page, "cache-control"), Some("private, no-store"));
        let ordinary = get(&hydra.address, "/").expect("a page");
        assert!(!ordinary.body.contains("<dialog"), "{}", ordinary.body);
        assert_eq!(header(&ordinary, "hydra-preview"), None);
    }
    let file = get_with(&hydra.address, "/file.txt", &cookie);
    assert_eq!(
        (file.body.as_str(), header(&file, "cache-control")),
        ("a file", Some("private, no-store"))
    );
    let plain = get_with(&hydra.address, "/old/x", &cookie);
    assert!(plain.body == "<b>hi</b>", "{}", plain.body);
    assert_eq!(header(&plain, "hydra-preview"), Some("orderService@2.5.0-rc1"));
    let left = get_with(&hydra.address, "/?hydra-preview=off", &cookie);
    assert_eq!((left.status, header(&left, "location")), (303, Some("/")));
}

#[test]
fn the_command_says_what_is_wrong() {
    let shop = Shop::open();
    let _orders = shop.orders("2.4.0");
    operator(&["weights", "orderService", "--admin", &shop.admin], "2.4.0");
    for (arguments, token, words) in [
        (
            &["orderService@2.5"][..],
            TOKEN,
            "has no running version `2.5`; it has 2.4.0",
        ),
        (&["orderService"], TOKEN, "orderService@2.5.0-rc1"),
        (&["news@1"], TOKEN, "no service `news` is active"),
        (&["orderService@2.4.0"], "a token of another gateway", "401"),
        (&["orderService@2.4.0", "--for", "8d"], TOKEN, "--for 8d"),
        (&["orderService@2.4.0", "--for", "169h"], TOKEN, "from 1s to 168h"),
        (&["orderService@2.4.0", "--for", "10ms"], TOKEN, "from 1s to 168h"),
        (
            &["orderService@2.4.0", "--url", "shop.example"],
            TOKEN,
            "is not the address of a page",
        ),
    ] {
        let all = [&["preview", "--admin", &shop.admin], arguments].concat();
        let mut program = start("hydra", &all).env("HYDRA_ADMIN_TOKEN", token).start();
        assert_eq!(program.ended().code(), Some(2), "{arguments:?}");
        wait_for(words, PATIENCE, || {
            program.printed().contains(words).then_some(())
        });
    }
    let mut keyless = Start::program("hydra")
        .arg("gateway")
        .env("HYDRA_LISTEN", "127.0.0.1:0")
        .env("HYDRA_ADMIN_TOKEN", TOKEN)
        .listening();
    let admin = operators(&mut keyless);
    let mut program = start("hydra", &["preview", "orderService@1", "--admin", &admin])
        .env("HYDRA_ADMIN_TOKEN", TOKEN)
        .start();
    assert_eq!(program.ended().code(), Some(2));
    wait_for("the reason", PATIENCE, || {
        program.printed().contains("needs a private key").then_some(())
    });
}
