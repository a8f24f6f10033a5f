//! Gateways pass forms on, and applications without one take them themselves.

use futures_util::{StreamExt as _, stream};
use hydra_runtime_wire::{
    Attributes,
    forms::{imports_hash, seal_in, seal_of},
};

use super::*;
use crate::form::{Done, Fields, Form, FormSealer, Invalid, SealedForm};

pub(super) const KEY: &str = "a private key for tests";

/// The fragment `checkout`, which imports `who` and has the form `place`.
pub(super) fn form_plan() -> String {
    let form = "<form action=\"{{ form.addresses[\"place\"] }}\">{{ form.action }}|{{ form.values.zip }}|{{ form.values.card }}|\
                {% if form.errors.zip %}{{ form.errors.zip }}{% endif %}|{{ form.message }}|{{ who }}</form>";
    json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [{"name": "#checkout/checkout.html", "source": form}],
        "sites": [], "pages": [],
        "contract": {"service": "", "fragments": {"checkout": {
            "imports": {"who": {"type": "string", "default": "you"}}, "styles": ["form.css"],
            "actions": {"place": {"fields": {"zip": "text", "card": "secret", "count": "text"}}},
        }}},
        "offers": {"checkout": "#checkout/checkout.html"},
    })
    .to_string()
}

/// What the form sends, as `#[derive(Form)]` would make it.
pub(super) struct Place {
    zip: String,
    count: Option<u8>,
}

impl Form for Place {
    const REF: &'static str = "checkout";
    const ACTION: &'static str = "place";
    const FIELDS: &'static [&'static str] = &["zip", "count"];
    const RUST_FIELDS: &'static [&'static str] = &["zip", "count"];

    fn read(fields: &mut Fields) -> Option<Self> {
        let zip = fields.take::<String>("zip");
        let count = fields.take::<Option<u8>>("count");
        Some(Self {
            zip: zip?,
            count: count?,
        })
    }
}

taken_by_handlers!(Place);

pub(super) async fn place(order: Place) -> Result<Result<Done, Invalid<Place>>, StatusCode> {
    match order.zip.as_str() {
        "panic" => panic!("as asked"),
        "hang" => std::future::pending().await,
        "forbidden" => Err(StatusCode::FORBIDDEN),
        "gone" => Err(StatusCode::GONE),
        "unavailable" => Err(StatusCode::SERVICE_UNAVAILABLE),
        "elsewhere" => Ok(Ok(Done::to("//evil.example"))),
        "stay" => Ok(Ok(Done::stay_at("orders"))),
        "9000" => Ok(Ok(Done::to(format!(
            "/thanks?count={}",
            order.count.unwrap_or(1)
        )))),
        _ => Ok(Err(Invalid::new()
            .field("zip", "No <such> code.")
            .message("Sorry."))),
    }
}

pub(super) fn form_app() -> App {
    App::with_plan("shop", form_plan())
        .action(place)
        .settings(Partial::default().private_key(KEY).action_timeout("500ms"))
}

/// The signed call with the form `body` for the action that `seal` names.
pub(super) fn sent(seal: &str, body: impl Into<Body>) -> Request<Body> {
    let path = format!("/h/action/hydra?form={seal}");
    let call = Call {
        to: "shop",
        method: &Method::POST,
        path: &path,
        body: &[],
    };
    let signatures = Signer::new(KEY, "hydra").sign_streamed("hydra", call, SystemTime::now());
    let mut request = Request::post(&path)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(body.into())
        .unwrap();
    request.headers_mut().extend(signatures.unwrap());
    request
}

/// The fragment for `attributes`, as a page would get it.
async fn rendered(attributes: Value) -> Value {
    let item = json!({"id": "a", "ref": "checkout", "attributes": attributes, "deadline": 5000});
    let body = json!({"protocol": 2, "requests": {"shop": [item]}}).to_string();
    let path = "/h/fragment/hydra/requestFragment";
    let call = Call {
        to: "shop",
        method: &Method::POST,
        path,
        body: body.as_bytes(),
    };
    let signatures = Signer::new(KEY, "hydra").sign("hydra", call, SystemTime::now());
    let mut request = Request::post(path).body(Body::from(body.clone())).unwrap();
    request.headers_mut().extend(signatures.unwrap());
    let (status, _, body) = answer(form_app(), request).await;
    assert_eq!(status, StatusCode::OK);
    serde_json::from_str::<Value>(&body).unwrap()["fragments"][0].take()
}

/// The seal in the fragment's HTML.
fn seal_of_html(html: &str) -> String {
    let address = html.split('"').nth(1).expect("the address");
    seal_in(address.strip_prefix('?').expect("a query"))
        .expect("a seal")
        .to_owned()
}

pub(super) async fn seal(attributes: Value) -> String {
    let fragment = rendered(attributes).await;
    seal_of_html(fragment["renderedHTML"].as_str().expect("HTML"))
}

#[tokio::test]
async fn a_form_is_shown_with_an_address_that_depends_on_its_imports_only() {
    let fragment = rendered(json!({"who": "Ann"})).await;
    let html = fragment["renderedHTML"].as_str().expect("HTML");
    assert!(html.ends_with("\">|||||Ann</form>"), "{html}");
    assert_eq!(seal(json!({"who": "Ann"})).await, seal_of_html(html));
    assert_ne!(seal(json!({"who": "Bob"})).await, seal_of_html(html));
}

#[tokio::test]
async fn an_action_that_is_done_says_where_the_visitor_goes() {
    let seal = seal(json!({"who": "Ann"})).await;
    let of_checkout = |more: Value| {
        let mut answer = json!({"outcome": "done", "ref": "checkout", "action": "place"});
        let more = more.as_object().cloned().expect("an object");
        answer.as_object_mut().expect("an object").extend(more);
        answer
    };
    for (body, expected) in [
        ("zip=9000", json!({"to": "/thanks?count=1"})),
        ("zip=9000&count=7", json!({"to": "/thanks?count=7"})),
        ("zip=stay&other=1", json!({"anchor": "orders"})),
    ] {
        let (status, _, body) = answer(form_app(), sent(&seal, body)).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(
            serde_json::from_str::<Value>(&body).unwrap(),
            of_checkout(expected)
        );
    }
}

#[tokio::test]
async fn an_invalid_form_comes_back_as_it_was_filled_in() {
    let seal = seal(json!({"who": "Ann"})).await;
    for (body, shown) in [
        (
            "zip=%3Cb%3E&card=4111",
            "place|&lt;b&gt;||No &lt;such&gt; code.|Sorry.|Ann",
        ),
        ("zip=9000&count=many", "place|9000||||Ann"),
        ("card=4111", "place|||This field is missing.||Ann"),
        ("zip=1&zip=2", "place|2||This field was sent more than once.||Ann"),
    ] {
        let (status, _, text) = answer(form_app(), sent(&seal, body)).await;
        assert_eq!(status, StatusCode::OK, "{text}");
        let answered: Value = serde_json::from_str(&text).unwrap();
        let imports: Attributes = json!({"who": "Ann"}).as_object().cloned().expect("an object");
        assert_eq!(answered["outcome"], "invalid");
        assert_eq!(
            (&answered["ref"], &answered["action"]),
            (&json!("checkout"), &json!("place"))
        );
        assert_eq!(answered["imports"], imports_hash(&imports));
        assert_eq!(answered["assets"][0]["href"], "/shop/form.css");
        let html = answered["renderedHTML"].as_str().expect("HTML");
        assert!(html.ends_with(&format!("\">{shown}</form>")), "{body}: {html}");
        assert_eq!(seal_of_html(html), seal);
        assert!(!text.contains("4111"));
    }
}

#[tokio::test]
async fn what_can_not_be_handled_is_refused_with_a_reason() {
    let good = seal(json!({})).await;
    let other = FormSealer::new(Some(KEY), "shop", "hydra").expect("a sealer");
    let sealed = |reference: &str, action: &str| {
        let form = SealedForm {
            reference: reference.to_owned(),
            action: action.to_owned(),
            ..SealedForm::default()
        };
        other.seal(&form).expect("sealed")
    };
    let wrong_key = FormSealer::new(Some("another private key"), "shop", "hydra").expect("a sealer");
    let wrong_key = wrong_key.seal(&SealedForm::default()).expect("sealed");
    let cut = &good[..good.len() - 1];
    let large = format!("zip={}", "x".repeat(3_000_000));
    let many = "zip=1&".repeat(2_000);
    for (what, seal, body, expected) in [
        ("no seal", "", "zip=9000", StatusCode::BAD_REQUEST),
        ("half a seal", cut, "zip=9000", StatusCode::BAD_REQUEST),
        (
            "of another service",
            &seal_of("blog", b"x"),
            "zip=9000",
            StatusCode::BAD_REQUEST,
        ),
        ("of another key", &wrong_key, "zip=9000", StatusCode::BAD_REQUEST),
        (
            "another action",
            &sealed("checkout", "cancel"),
            "zip=9000",
            StatusCode::NOT_FOUND,
        ),
        (
            "another fragment",
            &sealed("basket", "place"),
            "zip=9000",
            StatusCode::NOT_FOUND,
        ),
        ("not UTF-8", &good, "zip=%ff", StatusCode::BAD_REQUEST),
        ("too many fields", &good, &many, StatusCode::BAD_REQUEST),
        ("too large", &good, &large, StatusCode::PAYLOAD_TOO_LARGE),
        (
            "refused by its handler",
            &good,
            "zip=forbidden",
            StatusCode::FORBIDDEN,
        ),
        (
            "a handler that panics",
            &good,
            "zip=panic",
            StatusCode::INTERNAL_SERVER_ERROR,
        ),
        (
            "a handler that hangs",
            &good,
            "zip=hang",
            StatusCode::INTERNAL_SERVER_ERROR,
        ),
    ] {
        let (status, _, text) = answer(form_app(), sent(seal, body.to_owned())).await;
        assert_eq!(status, expected, "{what}: {text}");
        let failure: Value = serde_json::from_str(&text).expect("JSON");
        assert!(
            failure["reason"]
                .as_str()
                .is_some_and(|reason| !reason.is_empty()),
            "{what}"
        );
    }
    let mut json = sent(&good, "{}");
    json.headers_mut()
        .insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    let (status, ..) = answer(form_app(), json).await;
    assert_eq!(status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn only_gateways_pass_forms_on() {
    let seal = seal(json!({})).await;
    let path = format!("/h/action/hydra?form={seal}");
    let call = Call {
        to: "shop",
        method: &Method::POST,
        path: &path,
        body: b"zip=9000",
    };
    let signer = Signer::new(KEY, "hydra");
    let now = SystemTime::now();
    let signed = [
        None,
        signer.sign("hydra", call, now),
        signer.sign_streamed("news", call, now),
        signer.sign_streamed("hydra", Call { to: "news", ..call }, now),
    ];
    for signatures in signed {
        let mut request = sent(&seal, "zip=9000");
        request.headers_mut().remove(header::AUTHORIZATION);
        request.headers_mut().extend(signatures.into_iter().flatten());
        let (status, headers, _) = answer(form_app(), request).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED);
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer");
    }
    let mut request = sent(&seal, "zip=9000");
    *request.uri_mut() = path.replace("hydra?", "other?").parse().unwrap();
    assert_eq!(answer(form_app(), request).await.0, StatusCode::NOT_FOUND);
    let get = Request::get(&path).body(Body::empty()).unwrap();
    assert_eq!(answer(form_app(), get).await.0, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_fragment_whose_imports_are_too_long_for_an_address_fails() {
    let fragment = rendered(json!({"who": "x".repeat(4_000)})).await;
    assert_eq!(fragment["outcome"], "failed");
    let reason = fragment["reason"].as_str().expect("a reason");
    assert!(reason.contains("too long for the address"), "{reason}");
}

#[test]
fn forms_and_actions_belong_together() {
    let error = |app: App| app.into_router().map(drop).unwrap_err().to_string();
    let without_action = error(App::with_plan("shop", form_plan()));
    assert_eq!(
        without_action,
        "the form `place` of the fragment `checkout` has no handler: write one that takes a struct with `#[form(\"checkout\", \
         \"place\")]`, and add it with `App::action`"
    );
    let without_form = error(App::with_plan("shop", plan()).action(place));
    assert_eq!(
        without_form,
        "the templates do not have the form `place` of the fragment `checkout`: write `<form m:action=\"place\">` in its template"
    );
}

/// The same fragment on a page of the application, which has a name of its own and an export.
pub(super) fn page_plan() -> String {
    let mut plan: Value = serde_json::from_str(&form_plan()).expect("JSON");
    let templates = plan["templates"].as_array_mut().expect("a list");
    templates.push(json!({"name": "home.html", "source": "<h1>{{ name }}</h1>{{ 0 | __hydra }}<hr>"}));
    plan["sites"] = json!([{
        "place": {"file": "home.html", "line": 1, "column": 1}, "gives": [],
        "slot": {"service": {"fixed": ""}, "ref": {"fixed": "checkout"}, "imports": [{"from": ["name"], "to": "who"}]},
    }]);
    plan["pages"] = json!([{"template": "home.html", "exports": []}]);
    plan.to_string()
}

pub(super) async fn home_page(Path(name): Path<String>) -> Home {
    Home { name }
}

pub(super) fn page_app() -> App {
    App::with_plan("shop", page_plan())
        .page(home_page)
        .action(place)
        .settings(Partial::default().private_key(KEY))
}

/// What a browser sends that stands on the page of Ann.
pub(super) fn browser(address: &str, body: &str) -> Request<Body> {
    Request::post(format!("/home/Ann{address}"))
        .header(header::HOST, "shop.example")
        .header(header::ORIGIN, "http://shop.example")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// The address of the form on the page of Ann.
pub(super) async fn address() -> String {
    let (status, _, html) = answer(page_app(), visit("/home/Ann")).await;
    assert_eq!(status, StatusCode::OK);
    let (_, behind) = html.split_once("action=\"").expect("the form");
    behind.split('"').next().expect("its address").to_owned()
}

#[tokio::test]
async fn without_a_gateway_an_application_takes_its_forms_itself() {
    let address = address().await;
    let (status, headers, _) = answer(page_app(), browser(&address, "zip=9000&count=2")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(headers[header::LOCATION], "/thanks?count=2");
    let (status, headers, _) = answer(page_app(), browser(&address, "zip=stay")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(headers[header::LOCATION], "/home/Ann#orders");

    let (status, headers, html) = answer(page_app(), browser(&address, "zip=1&card=4111")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{html}");
    assert_eq!(headers[header::CACHE_CONTROL], "private, no-cache");
    assert!(!headers.contains_key("hydra-form"));
    let shown = format!("<form action=\"{address}\">place|1||No &lt;such&gt; code.|Sorry.|Ann</form><hr>");
    assert!(
        html.starts_with("<h1>Ann</h1>") && html.ends_with(&shown),
        "{html}"
    );
}

#[tokio::test]
async fn a_form_that_another_site_sends_is_refused() {
    let address = address().await;
    for (name, value) in [
        (header::ORIGIN, "http://evil.example"),
        (header::ORIGIN, "null"),
        (http::HeaderName::from_static("sec-fetch-site"), "cross-site"),
    ] {
        let mut request = browser(&address, "zip=9000");
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(
            answer(page_app(), request).await.0,
            StatusCode::FORBIDDEN,
            "{value}"
        );
    }
}

#[tokio::test]
async fn an_address_of_a_form_is_no_page() {
    let address = address().await;
    let (status, headers, _) = answer(page_app(), visit(&format!("/home/Ann{address}&x=1"))).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(headers[header::LOCATION], "/home/Ann?x=1");
    let mut head = visit(&format!("/home/Ann{address}"));
    *head.method_mut() = Method::HEAD;
    assert_eq!(answer(page_app(), head).await.0, StatusCode::SEE_OTHER);
    let (status, ..) = answer(page_app(), browser("?hydra-form=c2hvcA.AAAA", "zip=9000")).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    for unreadable in ["?hydra-form", "?hydra-form=", "?hydra-form=x"] {
        let (status, ..) = answer(page_app(), browser(unreadable, "zip=9000")).await;
        assert_eq!(status, StatusCode::BAD_REQUEST, "{unreadable}");
        let (status, ..) = answer(page_app(), visit(&format!("/home/Ann{unreadable}"))).await;
        assert_eq!(status, StatusCode::OK, "{unreadable}");
    }
    let (status, ..) = answer(page_app(), browser("?x=1", "zip=9000")).await;
    assert_eq!(status, StatusCode::METHOD_NOT_ALLOWED);
}

/// A redirect to such a path would lead to another host.
#[tokio::test]
async fn a_path_that_is_like_a_host_is_no_page_of_a_form() {
    let address = address().await;
    let path = format!("//evil.example{address}");
    assert_eq!(answer(page_app(), visit(&path)).await.0, StatusCode::NOT_FOUND);
    let mut request = browser(&address, "zip=9000");
    *request.uri_mut() = path.parse().unwrap();
    assert_eq!(answer(page_app(), request).await.0, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_form_that_does_not_arrive_in_time_is_not_handled() {
    let seal = seal(json!({})).await;
    let beginning = stream::iter([Ok::<_, std::io::Error>("zip=9000")]);
    let body = Body::from_stream(beginning.chain(stream::pending()));
    let (status, _, text) = answer(form_app(), sent(&seal, body)).await;
    assert_eq!(status, StatusCode::REQUEST_TIMEOUT, "{text}");
}

/// The fragment is shown by itself where its page has no place for it.
#[tokio::test]
async fn a_form_whose_page_lacks_its_fragment_is_shown_alone() {
    let address = address().await;
    let mut request = browser(&address, "zip=1");
    *request.uri_mut() = format!("/nothing{address}").parse().unwrap();
    let (status, _, html) = answer(page_app(), request).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html.contains("|Ann</form>"), "{html}");
}

#[cfg(feature = "upload")]
mod uploads {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use super::*;
    use crate::form::Upload;

    /// A form with a picture, which is optional.
    struct Picture {
        picture: Option<Upload>,
        note: String,
    }

    impl Form for Picture {
        const REF: &'static str = "checkout";
        const ACTION: &'static str = "place";
        const FIELDS: &'static [&'static str] = &["picture", "note"];
        const RUST_FIELDS: &'static [&'static str] = &["picture", "note"];

        fn read(fields: &mut Fields) -> Option<Self> {
            let picture = fields.take::<Option<Upload>>("picture");
            let note = fields.take::<String>("note");
            Some(Self {
                picture: picture?,
                note: note?,
            })
        }
    }

    taken_by_handlers!(Picture);

    async fn keep(form: Picture) -> Result<Done, Invalid<Picture>> {
        let Picture { picture, note } = form;
        let size = picture.map_or("none".to_owned(), |file| {
            format!("{}-{}", file.name, file.content.len())
        });
        Ok(Done::to(format!("/{note}-{size}")))
    }

    /// The status and the answer to a form with these parts: name, file name, content.
    async fn posted(parts: &[(&str, Option<&str>, String)]) -> (StatusCode, Value) {
        let mut body = String::new();
        for (name, file, content) in parts {
            let file = file.map_or(String::new(), |file| format!("; filename=\"{file}\""));
            body +=
                &format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{content}\r\n");
        }
        body += "--x--\r\n";
        posted_body(body.into()).await
    }

    /// The status and the answer to a form with this body.
    async fn posted_body(body: Body) -> (StatusCode, Value) {
        let app = App::with_plan("shop", form_plan())
            .action(keep)
            .settings(Partial::default().private_key(KEY).form_body("4MB"));
        let mut request = sent(&seal(json!({})).await, body);
        let multipart = "multipart/form-data; boundary=x".parse().unwrap();
        request.headers_mut().insert(header::CONTENT_TYPE, multipart);
        let (status, _, text) = answer(app, request).await;
        (status, serde_json::from_str(&text).expect("JSON"))
    }

    #[tokio::test]
    async fn a_file_arrives_up_to_the_limit() {
        let note = || ("note", None, "hi".to_owned());
        for (size, name, expected) in [
            (3, "a.png", "/hi-a.png-3"),
            (3_000_000, "b", "/hi-b-3000000"),
            (0, "", "/hi-none"),
        ] {
            let (status, answer) = posted(&[("picture", Some(name), "x".repeat(size)), note()]).await;
            assert_eq!(
                (status, &answer["to"]),
                (StatusCode::OK, &json!(expected)),
                "{answer}"
            );
        }
        let (status, _) = posted(&[("picture", Some("c"), "x".repeat(5_000_000)), note()]).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
    }

    /// The head of a part that never ends would fill the memory.
    #[tokio::test]
    async fn no_part_of_a_form_is_longer_than_the_form_may_be() {
        let asked = Arc::new(AtomicUsize::new(0));
        let count = asked.clone();
        let piece = move |_| {
            count.fetch_add(1, Relaxed);
            Ok::<_, std::io::Error>("x".repeat(1_000_000))
        };
        let head = "--x\r\nContent-Disposition: form-data; name=\"".to_owned();
        let body = stream::iter([Ok(head)]).chain(stream::iter(0..200).map(piece));
        let (status, _) = posted_body(Body::from_stream(body)).await;
        assert_eq!(status, StatusCode::PAYLOAD_TOO_LARGE);
        // Some of a refused body is read and dropped, so that its sender gets to see the answer.
        assert!(asked.load(Relaxed) < 50, "{asked:?} MB");
    }

    #[tokio::test]
    async fn a_form_that_breaks_off_or_is_not_text_is_refused() {
        let part = "--x\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n";
        for body in [
            "".to_owned().into_bytes(),
            part.to_owned().into_bytes(),
            format!("{part}hi").into_bytes(),
            format!("{part}hi\r\n--y--\r\n").into_bytes(),
            [part.as_bytes(), b"\xff\xfe\r\n--x--\r\n"].concat(),
        ] {
            let shown = String::from_utf8_lossy(&body).into_owned();
            let (status, answer) = posted_body(Body::from(body)).await;
            assert_eq!(status, StatusCode::BAD_REQUEST, "{shown}: {answer}");
        }
        let mut request = sent(&seal(json!({})).await, "--x--\r\n");
        let without_boundary = "multipart/form-data".parse().unwrap();
        request
            .headers_mut()
            .insert(header::CONTENT_TYPE, without_boundary);
        assert_eq!(answer(form_app(), request).await.0, StatusCode::BAD_REQUEST);
    }

    #[tokio::test]
    async fn a_file_where_a_text_is_wanted_and_the_other_way_round_are_mistakes_of_their_fields() {
        let parts = [
            ("note", Some("a.txt"), "x".to_owned()),
            ("picture", None, "y".to_owned()),
        ];
        let (status, answer) = posted(&parts).await;
        assert_eq!(
            (status, &answer["outcome"]),
            (StatusCode::OK, &json!("invalid")),
            "{answer}"
        );
    }
}
