//! One login at the gateway opens the pages of all services, as a browser sees it.

use std::{fs, path::PathBuf};

use hydra_tests::{
    Axe, Browser, PATIENCE, Running, Start, ask, get, get_with_cookie, post_form, service, wait_for,
};
use serde_json::{Value, json};

use crate::accessible::look;

const PASSWORD: &str = "a password for tests";

/// The shop behind a gateway with users and keys, which outlive the gateway.
struct Site {
    folder: tempfile::TempDir,
    gateway: Running,
    _services: [Running; 3],
}

impl Site {
    fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let users = folder.path().join("users.toml").display().to_string();
        for (name, more) in [
            ("ann", "--metadata=address=Kouter 12, 9000 Gent"),
            ("bob", "--role=ADMIN"),
        ] {
            let add = hydra(&["user", "add", name, more, "--login-users", &users]);
            let mut add = add.start();
            add.type_line(PASSWORD);
            assert!(add.ended().success(), "{}", add.printed());
        }
        let gateway = gateway(&folder, "127.0.0.1:0");
        let start = |name| service(name, &gateway.address).listening();
        let site = Self {
            _services: ["storefront", "order-service", "recommendations"].map(start),
            folder,
            gateway,
        };
        site.wait_for_services();
        site
    }

    fn address(&self) -> &str {
        &self.gateway.address
    }

    fn keys(&self) -> PathBuf {
        self.folder.path().join("keys")
    }

    /// Waits until both guarded pages lead to the login page: then their services have the gateway's keys.
    fn wait_for_services(&self) {
        wait_for("the services are registered", PATIENCE, || {
            let is_guarded = |path: &str| {
                ask(self.address(), "GET", path, "text/html")
                    .is_ok_and(|page| page.status == 302 && page.head.contains("/login"))
            };
            (is_guarded("/account") && is_guarded("/orders")).then_some(())
        });
    }

    fn restart_gateway(&mut self) {
        let address = self.address().to_owned();
        assert!(self.gateway.terminate().success());
        self.gateway = gateway(&self.folder, address.trim_start_matches("http://"));
        self.wait_for_services();
    }

    /// Makes the next key, and sets its clock forward by the minute after which it signs.
    fn rotate_keys(&self) {
        let folder = self.keys().display().to_string();
        let mut rotate = hydra(&["keys", "rotate", "--login-keys", &folder]).start();
        assert!(rotate.ended().success(), "{}", rotate.printed());
        let file = self.keys().join("2.key");
        let mut record: Value =
            serde_json::from_str(&fs::read_to_string(&file).expect("a key")).expect("JSON");
        record["signsFrom"] = record["created"].clone();
        fs::write(&file, record.to_string()).expect("written");
        let newest = wait_for("both keys are published", PATIENCE, || {
            let set = get(self.address(), "/.well-known/jwks.json").ok()?;
            let set: Value = serde_json::from_str(&set.body).ok()?;
            Some(set["keys"][1]["kid"].as_str()?.to_owned())
        });
        let form = format!("username=bob&password={}", PASSWORD.replace(' ', "+"));
        let cookie = wait_for("the new key signs", PATIENCE, || {
            let cookie = post_form(self.address(), "/login", &form)
                .ok()?
                .cookie("HYDRA-SSO")?;
            let head = base64_url(cookie.split(['=', '.']).nth(1)?)?;
            let head: Value = serde_json::from_slice(&head).ok()?;
            (head["kid"] == newest.as_str()).then_some(cookie)
        });
        wait_for("the services know it", PATIENCE, || {
            let is_in = |path: &str| {
                get_with_cookie(self.address(), path, &cookie).is_ok_and(|page| page.status == 200)
            };
            (is_in("/account") && is_in("/orders")).then_some(())
        });
    }
}

fn base64_url(text: &str) -> Option<Vec<u8>> {
    use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
    BASE64_URL_SAFE_NO_PAD.decode(text).ok()
}

fn hydra(arguments: &[&str]) -> Start {
    arguments
        .iter()
        .fold(Start::program("hydra"), |start, argument| start.arg(argument))
}

fn gateway(folder: &tempfile::TempDir, listen: &str) -> Running {
    let path = |name: &str| folder.path().join(name).display().to_string();
    hydra(&[
        "gateway",
        "--listen",
        listen,
        "--login-keys",
        &path("keys"),
        "--login-users",
        &path("users.toml"),
    ])
    .listening()
}

fn open(browser: &Browser, site: &Site, path: &str, ends_at: &str) {
    browser.go_anew(&format!("{}{path}", site.address()));
    browser.wait("return location.pathname", ends_at);
    browser.wait("return document.readyState", "complete");
}

/// Fills in the login page that is open.
fn log_in(browser: &Browser, name: &str, ends_at: &str) {
    browser.type_into("[name=username]", name);
    browser.type_into("[name=password]", PASSWORD);
    click(browser, "form button");
    browser.wait("return location.pathname", ends_at);
}

fn click(browser: &Browser, selector: &str) {
    let click = format!("document.querySelector('{selector}').click()");
    assert_eq!(browser.run(&click), Value::Null);
}

/// The status of a page, requested by a script.
fn status(browser: &Browser, path: &str) -> Value {
    browser.run(&format!(
        "const request = new XMLHttpRequest(); request.open('GET', '{path}', false); request.send(); return request.status"
    ))
}

/// That both services show the user their guarded pages.
fn is_let_in(browser: &Browser, site: &Site, name: &str) {
    open(browser, site, "/account", "/account");
    browser.wait("return document.querySelector('#name')?.textContent", name);
    open(browser, site, "/orders", "/orders");
    browser.wait("return document.querySelector('#user')?.textContent", name);
}

#[test]
fn one_login_opens_two_services_across_a_restart_and_a_rotation_until_the_logout() {
    let mut site = Site::open();
    let browser = Browser::open();
    open(&browser, &site, "/orders", "/login");
    browser.type_into("[name=username]", "ann");
    browser.type_into("[name=password]", "another password");
    click(&browser, "form button");
    browser.wait_for_text("[role=alert]", "The name or the password is wrong.");
    log_in(&browser, "ann", "/orders");
    is_let_in(&browser, &site, "ann");
    assert_eq!(
        browser.run("return document.cookie.includes('HYDRA-SSO')"),
        json!(false)
    );
    open(&browser, &site, "/account", "/account");
    let address = "return document.querySelector('#address')?.innerText";
    browser.wait(address, "ann\nKouter 12, 9000 Gent");
    let links = "return [...document.querySelectorAll('.links a')].map((link) => link.pathname)";
    assert_eq!(browser.run(links), json!(["/orders", "/logout"]));
    assert_eq!(status(&browser, "/orders/all"), 403);

    site.restart_gateway();
    is_let_in(&browser, &site, "ann");
    site.rotate_keys();
    is_let_in(&browser, &site, "ann");

    open(&browser, &site, "/logout", "/logout");
    click(&browser, "button:not([name])");
    browser.wait("return location.pathname", "/");
    open(&browser, &site, "/account", "/login");
    open(&browser, &site, "/orders", "/login");

    // The next login is signed with the new key.
    log_in(&browser, "bob", "/orders");
    is_let_in(&browser, &site, "bob");
    open(&browser, &site, "/account", "/account");
    assert_eq!(browser.run(links), json!(["/orders", "/orders/all", "/logout"]));
    assert_eq!(status(&browser, "/orders/all"), 200);
}

#[test]
fn the_pages_of_the_login_are_accessible_and_fit_a_phone() {
    let axe = Axe::fetch();
    let site = Site::open();
    let browser = Browser::open();
    for (color, width) in [("light", 1280), ("dark", 360), ("light", 320)] {
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": color}]});
        browser.tell("Emulation.setEmulatedMedia", &media);
        let size = json!({"width": width, "height": 740, "deviceScaleFactor": 1, "mobile": width < 600});
        browser.tell("Emulation.setDeviceMetricsOverride", &size);
        let see = |path: &str| {
            let what = format!("{path}, {color}, {width}");
            look(&browser, &axe, &format!("{}{path}", site.address()), &what);
            let beside =
                "return document.scrollingElement.scrollWidth - document.scrollingElement.clientWidth";
            assert_eq!(browser.run(beside), json!(0), "{what}");
        };
        browser.tell("Network.clearBrowserCookies", &json!({}));
        for path in ["/login", "/login?error", "/logout"] {
            see(path);
        }
        open(&browser, &site, "/login?next=/account", "/login");
        log_in(&browser, "bob", "/account");
        for path in ["/login", "/logout", "/account", "/orders", "/orders/all"] {
            see(path);
        }
    }
}
