//! Forms that a test sends.

use hydra_compile::{Input, compile, source::Source};

use super::*;
use crate::{
    User,
    form::{Done, Fields, Invalid},
};

pub(super) const ORDER: &str = r#"<section m:ref="order" m:imports="country: string"><form m:action="place">
<input name="zip" value="{{ form.values.zip }}">{% if form.errors.zip %}<p class="zip">{{ form.errors.zip }}</p>{% endif %}
<input type="checkbox" name="gifts" value="tea"><h2>To {{ country }}</h2><m:fragment service="weather" ref="today">dry</m:fragment>
</form></section>"#;

/// What the form sends, as `#[derive(Form)]` would make it.
pub(super) struct Place {
    zip: String,
    gifts: Vec<String>,
}

impl Form for Place {
    const REF: &'static str = "order";
    const ACTION: &'static str = "place";
    const FIELDS: &'static [&'static str] = &["zip", "gifts"];
    const RUST_FIELDS: &'static [&'static str] = &["zip", "gifts"];

    fn read(fields: &mut Fields) -> Option<Self> {
        let (zip, gifts) = (fields.take("zip"), fields.take("gifts"));
        Some(Self {
            zip: zip?,
            gifts: gifts?,
        })
    }
}

taken_by_handlers!(Place);

type Placed = std::result::Result<Done, Invalid<Place>>;

pub(super) async fn place(
    user: Option<User>,
    order: Place,
) -> std::result::Result<Placed, (StatusCode, &'static str)> {
    let name = user.map_or("you".to_owned(), |user| user.name().to_owned());
    match order.zip.as_str() {
        "9000 Gent & co" => Ok(Ok(Done::to(format!("/thanks/{name}/{}", order.gifts.join("+"))))),
        "forbidden" => Err((StatusCode::FORBIDDEN, "not for you")),
        _ => Ok(Err(Invalid::new().field("zip", "No such code."))),
    }
}

fn orders() -> TestApp {
    let compiled = compile(&Input {
        sources: vec![Source::new("order.html", "templates/order.html", ORDER)],
        templates: 1,
        ..Input::default()
    });
    let site = compiled.site.unwrap_or_else(|| panic!("{:?}", compiled.problems));
    let plan = serde_json::to_string(site.plan()).expect("JSON");
    TestApp::new(App::with_plan("orders", plan).action(place)).expect("it starts")
}

#[tokio::test]
async fn a_form_leads_on_or_is_shown_again_or_fails() -> Result {
    let app = orders();
    let send = |zip: &'static str| {
        let fields = [("gifts", "tea"), ("zip", zip), ("gifts", "mug")];
        app.post_form::<Place>(fields).imports(json!({"country": "BE"}))
    };
    let sent = send("9000 Gent & co").user(TestUser::new("ann")).await?;
    assert_eq!(sent.status(), 303);
    assert_eq!(sent.done()?, &Done::to("/thanks/ann/tea+mug"));
    assert_eq!((sent.html(), sent.reason()), ("", None));

    let sent = send("<x>").fragment("weather", "today", "<i>sun</i>", ()).await?;
    assert_eq!(sent.status(), 422);
    assert_eq!(sent.text(".zip")?, "No such code.");
    assert_eq!(sent.one("[name=zip]")?.attribute("value")?, "<x>");
    assert_eq!(
        (sent.text("h2")?, sent.text("i")?),
        ("To BE".to_owned(), "sun".to_owned())
    );
    assert_eq!(sent.asked().len(), 1);
    let text = said(sent.done());
    assert!(
        text.starts_with("the form `place` of the fragment `order` is shown again:\n<section"),
        "{text}"
    );

    let sent = send("forbidden").await?;
    assert_eq!(
        (sent.status().as_u16(), sent.reason()),
        (403, Some("its handler answered 403 Forbidden: not for you"))
    );
    assert!(
        said(sent.done())
            .starts_with("the form `place` of the fragment `order` failed with 403 Forbidden: its handler")
    );

    // A field that is missing is one that does not fit its type.
    let sent = app
        .post_form::<Place>([("gifts", "tea")])
        .imports(json!({"country": "BE"}))
        .await?;
    assert_eq!(sent.status(), 422);
    Ok(())
}

#[tokio::test]
async fn what_a_form_cannot_send_is_an_error() {
    let app = orders();
    let unknown = app.post_form::<Place>([("zipp", "9000")]).await;
    assert_eq!(
        said(unknown),
        "the form `place` of the fragment `order` has no field `zipp`: it has `gifts` and `zip`"
    );
    let imports = app.post_form::<Place>([("zip", "9000")]).imports("BE").await;
    assert_eq!(
        said(imports),
        "the imports of the fragment `order` can't be sent: they are not a struct with named fields"
    );
    let unused = app
        .post_form::<Place>([("zip", "9000 Gent & co")])
        .away("weather", "today")
        .await;
    let text = said(unused);
    assert!(
        text.starts_with(
            "the form `place` of the fragment `order` does not ask for the fragment `weather/today`"
        ),
        "{text}"
    );
}
