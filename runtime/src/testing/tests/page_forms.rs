//! The own form of a page that also shows fragments, one of which has a form, too.

use axum::response::{IntoResponse, Response};
use hydra_compile::{Input, compile, source::Source};

use super::{
    forms::{ORDER, Place, place},
    *,
};
use crate::{
    Page,
    app::{Route, page_response},
    form::{Done, Fields, Invalid},
};

const CONTACT: &str = r#"<html><head></head><body><h1>{{ team }}</h1><form m:action="write">
<input name="text" value="{{ form.values.text }}">{% if form.errors.text %}<p id="text-error">{{ form.errors.text }}</p>{% endif %}
<input type="password" name="code" value="{{ form.values.code }}"></form>
<m:fragment ref="order" imports="team as country">-</m:fragment>
<m:fragment service="news" ref="banner" imports="team">-</m:fragment></body></html>"#;

const RUST: &str = r#"#[derive(Page, Serialize)]
#[page(template = "contact.html", path = "/contact")]
struct Contact { team: String }"#;

/// What no other service may see.
const TYPED: &str = "canary-4711";

#[derive(serde::Serialize)]
struct Contact {
    team: &'static str,
}

impl Page for Contact {
    const TEMPLATE: &'static str = "contact.html";
}

impl Route for Contact {
    const PATH: &'static str = "/contact";
}

impl IntoResponse for Contact {
    fn into_response(self) -> Response {
        page_response(&self)
    }
}

/// What the page's form sends, as `#[derive(Form)]` would make it.
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

taken_by_handlers!(Message);

type Written = std::result::Result<Done, Invalid<Message>>;

async fn write(message: Message) -> std::result::Result<Written, (StatusCode, &'static str)> {
    match message.text.as_str() {
        "forbidden" => Err((StatusCode::FORBIDDEN, "not for you")),
        TYPED => Ok(Err(Invalid::new().field("text", "Something else."))),
        _ => Ok(Ok(Done::stay_at("top"))),
    }
}

fn contact() -> TestApp {
    let compiled = compile(&Input {
        sources: vec![
            Source::new("contact.html", "templates/contact.html", CONTACT),
            Source::new("order.html", "templates/order.html", ORDER),
            Source::new("main.rs", "src/main.rs", RUST),
        ],
        templates: 2,
        ..Input::default()
    });
    let site = compiled.site.unwrap_or_else(|| panic!("{:?}", compiled.problems));
    let plan = serde_json::to_string(site.plan()).expect("JSON");
    let page = async || Contact { team: "sales" };
    let app = App::with_plan("contact", plan)
        .page(page)
        .action(write)
        .action(place);
    TestApp::new(app).expect("it starts")
}

#[tokio::test]
async fn a_page_shows_its_own_form_again_and_what_was_typed_leaves_its_service_nowhere() -> Result {
    let app = contact();
    let page = app.get("/contact?x=1").await?;
    assert_eq!(
        page.one("body > form")?.attribute("action")?,
        "?x=1&hydra-form=page:write"
    );
    let sent = app
        .post_form::<Message>([("text", TYPED), ("code", TYPED)])
        .page("/contact?x=1")
        .await?;
    assert_eq!(sent.status(), 422);
    assert_eq!(
        (sent.text("h1")?, sent.text("#text-error")?),
        ("sales".to_owned(), "Something else.".to_owned())
    );
    let field = sent.one("[name=text]")?;
    assert_eq!(field.attribute("value")?, TYPED);
    assert_eq!(field.attribute("aria-invalid")?, "true");
    assert_eq!(sent.one("[name=code]")?.attribute("value")?, "");
    assert_eq!(sent.html().matches(TYPED).count(), 1);
    // The form of the fragment is as it was.
    assert_eq!(sent.one("[name=zip]")?.attribute("value")?, "");
    let asked = format!("{:?}", sent.asked());
    assert!(asked.contains("news") && !asked.contains(TYPED), "{asked}");
    Ok(())
}

#[tokio::test]
async fn the_form_of_a_fragment_is_shown_again_on_a_page_with_a_form_of_its_own() -> Result {
    let sent = contact()
        .post_form::<Place>([("zip", TYPED)])
        .imports(json!({"country": "sales"}))
        .page("/contact")
        .await?;
    assert_eq!(sent.status(), 422);
    assert_eq!(sent.text(".zip")?, "No such code.");
    assert_eq!(sent.one("[name=text]")?.attribute("value")?, "");
    assert!(sent.select("#text-error")?.is_empty());
    Ok(())
}

#[tokio::test]
async fn an_action_of_a_page_is_done_or_fails() -> Result {
    let app = contact();
    let send = |text: &'static str| app.post_form::<Message>([("text", text), ("code", "")]);
    let sent = send("hello").page("/contact").await?;
    assert_eq!(
        (sent.status().as_u16(), sent.done()?),
        (303, &Done::stay_at("top"))
    );
    let sent = send("forbidden").page("/contact").await?;
    assert_eq!(
        (sent.status().as_u16(), sent.reason()),
        (403, Some("its handler answered 403 Forbidden: not for you"))
    );
    assert_eq!(
        said(send("hello").await),
        "the form `write` is that of a page: say from which page it is sent, as with `.page(\"/contact\")`"
    );
    Ok(())
}
