//! The own form of a page, at an application alone and behind a gateway, with scripts and without.

use std::{net::TcpListener, thread};

use hydra_runtime::{
    App, Page,
    app::page_response,
    axum::{
        extract::{FromRequest, Path, Request},
        response::Response,
        routing::get as on_get,
    },
    form::{self, Done, Fields, Form, FormRejection, Invalid},
    serde::Serialize,
    settings::Partial,
};
use hydra_tests::{Browser, PATIENCE, Running, Start, get, wait_for};
use serde_json::{Value, json};

const SOURCE: &str = "<!doctype html>\n<html lang=\"en\"><head><title>Contact</title></head><body><h1>Write to {{ team }}</h1>\
    <form method=\"post\" action=\"{{ form.addresses[\"write\"] }}\">\
    <label>Text <input name=\"text\" value=\"{{ form.values.text }}\"\
    {% if form.errors.text %} aria-invalid=\"true\" autofocus{% endif %}></label>\
    {% if form.errors.text %}<p role=\"alert\">{{ form.errors.text }}</p>{% endif %}\
    <label>Code <input type=\"password\" name=\"code\" value=\"{{ form.values.code }}\"></label>\
    <button>Send</button></form></body></html>";

#[derive(Serialize)]
#[serde(crate = "hydra_runtime::serde")]
struct Contact {
    team: String,
}

impl Page for Contact {
    const TEMPLATE: &'static str = "contact.html";
}

async fn contact(Path(team): Path<String>) -> Response {
    page_response(&Contact { team })
}

/// What the form sends, as `#[derive(Form)]` would make it.
struct Message {
    text: String,
}

impl Form for Message {
    const REF: &'static str = "";
    const ACTION: &'static str = "write";
    const FIELDS: &'static [&'static str] = &["text", "code"];
    const RUST_FIELDS: &'static [&'static str] = &["text", "code"];

    fn read(fields: &mut Fields) -> Option<Self> {
        let (text, code) = (fields.take("text"), fields.take::<String>("code"));
        code?;
        Some(Self { text: text? })
    }
}

impl<S: Send + Sync> FromRequest<S> for Message {
    type Rejection = FormRejection;

    async fn from_request(request: Request, _: &S) -> Result<Self, FormRejection> {
        form::extract(request).await
    }
}

async fn write(Path(team): Path<String>, message: Message) -> Result<Done, Invalid<Message>> {
    match message.text.as_str() {
        "short" => Err(Invalid::new().field("text", "Please write more.")),
        _ => Ok(Done::to(format!("/thanks/{team}"))),
    }
}

/// Serves the page until the test ends. Returns its address.
fn serve(gateway: Option<&str>) -> String {
    let plan = json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [{"name": "contact.html", "source": SOURCE}],
        "sites": [],
        "pages": [{"template": "contact.html", "exports": [],
                   "forms": {"write": {"fields": {"text": "text", "code": "secret"}}}}],
        "contract": {"service": "", "fragments": {}}, "offers": {},
    });
    // The port is free until the application takes it.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let mut settings = Partial::default().listen(&address);
    if let Some(gateway) = gateway {
        settings = settings.gateway(gateway);
    }
    let app = App::with_plan("contact", plan.to_string())
        .settings(settings)
        .route("/contact/{team}", on_get(contact))
        .route("/thanks/{team}", on_get(async || "Thank you"))
        .action(write);
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(app.serve())
    });
    format!("http://{address}")
}

/// Types two texts and sends the form.
fn send(browser: &Browser, text: &str) {
    browser.type_into("[name=text]", text);
    browser.type_into("[name=code]", "secret");
    browser.press("Enter");
}

#[test]
fn a_page_shows_its_own_form_again_and_leads_on() {
    let gateway: Running = Start::program("hydra")
        .arg("gateway")
        .arg("--listen")
        .arg("127.0.0.1:0")
        .listening();
    let behind = serve(Some(&gateway.address));
    let alone = serve(None);
    drop(behind);
    for site in [&gateway.address, &alone] {
        wait_for("the page", PATIENCE, || {
            let page = get(site, "/contact/sales?page=2").ok()?;
            (page.status == 200).then_some(())
        });
        for has_scripts in [true, false] {
            let browser = Browser::open();
            browser.allow_scripts(has_scripts);
            browser.go(&format!("{site}/contact/sales?page=2"));
            browser.wait_for_text("h1", "Write to sales");
            send(&browser, "short");
            browser.wait_for_text("[role=alert]", "Please write more.");
            let fields = "return [...document.querySelectorAll('input')].map(it => it.value)";
            assert_eq!(browser.run(fields), json!(["short", ""]));
            browser.wait("return document.activeElement.name", "text");
            send(&browser, "a longer text");
            browser.wait("return location.pathname", "/thanks/sales");

            // Back is the page with its form, and not a question whether it is to be sent again.
            assert_eq!(browser.run("history.back()"), Value::Null);
            browser.wait_for_text("h1", "Write to sales");
            let errors = browser.console_errors();
            let is_known = |line: &&String| line.contains("422") || line.contains("/favicon.ico");
            let unexpected: Vec<_> = errors.iter().filter(|line| !is_known(line)).collect();
            assert!(unexpected.is_empty(), "{unexpected:?}");
        }
    }
}
