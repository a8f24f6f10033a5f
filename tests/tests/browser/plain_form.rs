//! The web server of the guide that knows nothing of Hydra: its form in a page, over HTTP and in a browser.

use std::{fs, net::TcpListener, process::Command, thread};

use hydra_runtime::{
    App, Page, app::page_response, axum::response::Response, axum::routing::get as on_get, serde::Serialize,
    settings::Partial,
};
use hydra_tests::{
    Answer, Browser, PATIENCE, Running, Start, get, get_with_cookie,
    markdown::{Block, blocks},
    post_form_from, wait_for, workspace,
};
use serde_json::json;
use tempfile::TempDir;

/// The web server, the gateway, and an application with the page `/`.
struct Site {
    _folder: TempDir,
    _newsletter: Running,
    gateway: Running,
}

#[derive(Serialize)]
#[serde(crate = "hydra_runtime::serde")]
struct Home {}

impl Page for Home {
    const TEMPLATE: &'static str = "home.html";
}

async fn home() -> Response {
    page_response(&Home {})
}

impl Site {
    fn open() -> Self {
        let guide = fs::read_to_string(workspace().join("docs/guide/forms.md")).expect("the guide");
        let blocks: Vec<Block> = blocks(&guide)
            .into_iter()
            .filter(|block| block.section == "A plain service")
            .collect();
        let block = |file: &str| {
            let found = blocks.iter().find(|block| block.file() == Some(file));
            &found.expect("the guide has the file").text
        };
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("newsletter.py");
        fs::write(&program, block("newsletter/newsletter.py")).expect("written");
        let mut python = Command::new("python3");
        python.arg(program).arg("0");
        let newsletter = Start::command(python).listening();
        let settings = block("gateway/hydra.toml").replace("http://127.0.0.1:9100", &newsletter.address);
        let config = folder.path().join("hydra.toml");
        fs::write(&config, settings).expect("written");
        let gateway = Start::program("hydra")
            .arg("gateway")
            .arg("--config")
            .arg(&config.display().to_string())
            .arg("--listen")
            .arg("127.0.0.1:0")
            .listening();
        serve_page(&gateway.address);
        let site = Self {
            _folder: folder,
            _newsletter: newsletter,
            gateway,
        };
        wait_for("the page with its form", PATIENCE, || {
            let page = site.page("").filter(|page| page.body.contains("<form"));
            page.map(drop)
        });
        site
    }

    /// The page, for a visitor with this cookie.
    fn page(&self, cookie: &str) -> Option<Answer> {
        let page = get_with_cookie(&self.gateway.address, "/", cookie).ok()?;
        (page.status == 200).then_some(page)
    }
}

/// Serves the page behind a gateway until the test ends.
fn serve_page(gateway: &str) {
    let source = "<!doctype html>\n<html lang=\"en\"><head><title>News</title></head>\
        <body><h1>News</h1><main>{{ 0 | __hydra }}</main><footer>The end</footer></body></html>";
    let place = json!({"file": "home.html", "line": 1, "column": 1});
    let plan = json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [{"name": "home.html", "source": source}],
        "sites": [{"place": place, "gives": [],
                   "slot": {"service": {"fixed": "newsletter"}, "ref": {"fixed": "banner"}, "exports": []}}],
        "pages": [{"template": "home.html", "exports": []}],
        "contract": {"service": "", "fragments": {}}, "offers": {},
    });
    // The port is free until the application takes it.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let settings = Partial::default().listen(address).gateway(gateway);
    let app = App::with_plan("shop", plan.to_string())
        .settings(settings)
        .route("/", on_get(home));
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(app.serve())
    });
}

/// The part of a text between two others.
fn between<'t>(text: &'t str, before: &str, after: &str) -> &'t str {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{text}"));
    rest.split_once(after).map_or(rest, |(found, _)| found)
}

/// The page without its form.
fn around(page: &str) -> String {
    let form = between(page, "<form", "</form>");
    page.replace(form, "")
}

#[test]
fn a_web_server_in_python_keeps_its_own_protection() {
    let site = Site::open();
    let gateway = &site.gateway.address;
    let first = site.page("theme=dark").expect("the page");
    let pair = between(&first.head, "set-cookie: HYDRA-COOKIE-", ";");
    let cookie = format!("theme=dark; HYDRA-COOKIE-{pair}");
    let token = between(&first.body, "name=\"csrftoken\" value=\"", "\"").to_owned();
    assert!(pair.ends_with(&format!("-csrftoken={token}")), "{first:?}");
    assert!(
        first.head.contains("cache-control: private, no-store"),
        "{first:?}"
    );
    let again = site.page(&cookie).expect("the page");
    assert_eq!(again.body, first.body, "the visitor keeps the token");

    let post = |cookie: &str, form: &str| {
        post_form_from(gateway, "/subscribe", "/", cookie, form).expect("an answer")
    };
    let wrong = post(&cookie, &format!("csrftoken={token}&email=ann+%26+bob"));
    assert_eq!(wrong.status, 422, "{wrong:?}");
    for part in [
        "value=\"ann &amp; bob\"",
        "Please enter an e-mail address.",
        &token,
    ] {
        assert!(wrong.body.contains(part), "{part}: {wrong:?}");
    }
    assert_eq!(around(&wrong.body), around(&first.body));
    let right = post(&cookie, &format!("csrftoken={token}&email=ann%40shop.example"));
    assert_eq!(right.status, 303, "{right:?}");
    assert!(right.head.contains("location: /subscribed"), "{right:?}");
    let thanks = get(gateway, "/subscribed").expect("an answer");
    assert!(thanks.body.contains("Thank you"), "{thanks:?}");

    let form = format!("csrftoken={token}&email=ann%40shop.example");
    let unprefixed = format!("csrftoken={token}");
    let other = cookie.replace(&token, "0123");
    for (what, cookie) in [
        ("no cookie", ""),
        ("the cookie of another service", &*unprefixed),
        ("another token", &*other),
    ] {
        assert_eq!(post(cookie, &form).status, 403, "{what}");
    }
}

/// What is on the page beside its form.
const AROUND: &str = "const copy = document.documentElement.cloneNode(true); copy.querySelector('form').remove(); \
    return copy.outerHTML";

#[test]
fn its_form_works_in_a_browser_with_scripts_without_and_by_keyboard() {
    let site = Site::open();
    for (has_scripts, by_keyboard) in [(true, false), (false, false), (true, true)] {
        let browser = Browser::open();
        browser.allow_scripts(has_scripts);
        browser.go(&site.gateway.address);
        browser.wait_for_text("footer", "The end");
        let before = browser.run(AROUND);
        if by_keyboard {
            browser.tab_to("email");
            browser.type_text("ann");
        } else {
            browser.type_into("[name=email]", "ann");
        }
        browser.press("Enter");
        browser.wait_for_text("[role=alert]", "Please enter an e-mail address.");
        assert_eq!(browser.run(AROUND), before, "nothing else of the page changes");
        let field = "const it = document.activeElement; \
            return [it.name, it.value, it.getAttribute('aria-invalid'), document.getElementById(it.getAttribute('aria-describedby'))?.role]";
        browser.wait(field, json!(["email", "ann", "true", "alert"]));
        if by_keyboard {
            browser.type_text("@shop.example");
        } else {
            browser.type_into("[name=email]", "@shop.example");
        }
        browser.press("Enter");
        browser.wait_for_text("h1", "Thank you");
        browser.wait("return location.pathname", "/subscribed");
        let errors = browser.console_errors();
        // The browser reports the status of the page, and asks for an icon that the site lacks.
        let is_known = |line: &&String| line.contains("422") || line.contains("/favicon.ico");
        let unexpected: Vec<_> = errors.iter().filter(|line| !is_known(line)).collect();
        assert!(unexpected.is_empty(), "{unexpected:?}");
    }
}
