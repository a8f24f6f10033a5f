//! The own forms of pages, in an application that visitors reach without a gateway and through one.

use std::sync::Arc;

use axum::extract::{Extension, OriginalUri, Query};
use tokio::sync::Notify;

use axum::response::Redirect;

use super::{
    through_gateway::{KEY, exchange_with, gateway, run},
    *,
};
use crate::{
    Session, User,
    form::{Done, Fields, Form, Invalid},
    log_of_tests::Log,
};

/// The page of a visitor, with the form `send`, and another page with the form `other`.
fn page_plan() -> Value {
    let form = |action: &str| {
        format!(
            "<form action=\"{{{{ form.addresses[\"{action}\"] }}}}\">{{{{ form.action }}}}|{{{{ form.values.zip }}}}|{{{{ form.values.card }}}}|\
             {{% if form.errors.zip %}}{{{{ form.errors.zip }}}}{{% endif %}}|{{{{ form.message }}}}</form>"
        )
    };
    json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [
            {"name": "home.html", "source": format!("<h1>{{{{ name }}}}</h1>{}", form("send"))},
            {"name": "error.html", "source": "Sorry: {{ status }}"},
        ],
        "sites": [],
        "pages": [
            {"template": "home.html", "exports": [], "forms": {"send": {"fields": {"zip": "text", "card": "secret"}}}},
            {"template": "error.html", "exports": []},
        ],
        "contract": {"service": "", "fragments": {}},
        "offers": {},
    })
}

/// What the form sends, as `#[derive(Form)]` would make it.
struct Send {
    zip: String,
}

impl Form for Send {
    const REF: &'static str = "";
    const ACTION: &'static str = "send";
    const FIELDS: &'static [&'static str] = &["zip", "card"];
    const RUST_FIELDS: &'static [&'static str] = &["zip", "card"];

    fn read(fields: &mut Fields) -> Option<Self> {
        let zip = fields.take::<String>("zip");
        let card = fields.take::<Option<String>>("card");
        card?;
        Some(Self { zip: zip? })
    }
}

taken_by_handlers!(Send);

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    x: u32,
}

/// The handler takes what the handler of a page may take.
async fn send(
    Path(name): Path<String>,
    Query(asked): Query<Asked>,
    mut sent: Session<u32>,
    form: Send,
) -> Result<Result<Done, Invalid<Send>>, StatusCode> {
    sent.update(|count| *count += 1).unwrap();
    let count = *sent.get();
    match form.zip.as_str() {
        "panic" => panic!("as asked"),
        "login" => Err(StatusCode::UNAUTHORIZED),
        "forbidden" => Err(StatusCode::FORBIDDEN),
        "elsewhere" => Ok(Ok(Done::to("https://evil.example"))),
        "stay" => Ok(Ok(Done::stay_at("orders"))),
        "9000" => Ok(Ok(Done::to(format!(
            "/thanks/{name}?x={}&count={count}",
            asked.x
        )))),
        _ => Ok(Err(Invalid::new()
            .field("zip", "No <such> code.")
            .message(format!("form {count}")))),
    }
}

async fn show(Path(name): Path<String>) -> Result<Home, Response> {
    match name.as_str() {
        "gone" => Err(Redirect::permanent("/elsewhere").into_response()),
        "moved" => Err(Redirect::temporary("/elsewhere").into_response()),
        "closed" => Err(StatusCode::NOT_FOUND.into_response()),
        "broken" => Err(StatusCode::BAD_GATEWAY.into_response()),
        "text" => Err("not a page".into_response()),
        "panic" => panic!("as asked"),
        _ => Ok(Home { name }),
    }
}

pub(super) fn app() -> App {
    App::with_plan("shop", page_plan().to_string())
        .page(show)
        .action(send)
        .route("/plain", get(|| async { "plain" }))
        .settings(Partial::default().private_key(KEY).form_body("10KB"))
}

/// What a browser sends from the page of Ann.
fn browser(target: &str, body: &str) -> Request<Body> {
    Request::post(target)
        .header(header::HOST, "shop.example")
        .header(header::ORIGIN, "http://shop.example")
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(Body::from(body.to_owned()))
        .unwrap()
}

/// The status, the `Location` and the text of the answer to a form.
async fn sent(target: &str, body: &str) -> (u16, String, String) {
    let (status, headers, text) = answer(app(), browser(target, body)).await;
    let location = headers.get(header::LOCATION);
    let location = location.map(|to| to.to_str().unwrap().to_owned());
    (status.as_u16(), location.unwrap_or_default(), text)
}

const TARGET: &str = "/home/Ann?x=7&hydra-form=page:send";

#[tokio::test]
async fn a_page_shows_its_form_with_an_address_that_keeps_its_query() {
    for (path, expected) in [
        ("/home/Ann", "?hydra-form=page:send"),
        ("/home/Ann?x=7&y=%22", "?x=7&amp;y=%22&amp;hydra-form=page:send"),
    ] {
        let (status, _, html) = answer(app(), visit(path)).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(
            html,
            format!("<h1>Ann</h1><form action=\"{expected}\">||||</form>")
        );
    }
}

#[tokio::test]
async fn an_action_of_a_page_leads_on_or_back() {
    for (zip, expected) in [
        ("9000", "/thanks/Ann?x=7&count=1"),
        ("stay", "/home/Ann?x=7#orders"),
    ] {
        let (status, to, _) = sent(TARGET, &format!("zip={zip}")).await;
        assert_eq!((status, to.as_str()), (303, expected), "{zip}");
    }
    let (_, headers, _) = answer(app(), browser(TARGET, "zip=9000")).await;
    let cookies = headers.get_all(header::SET_COOKIE).iter();
    let cookies: Vec<_> = cookies.map(|cookie| cookie.to_str().unwrap()).collect();
    assert!(
        cookies.iter().any(|cookie| cookie.starts_with("HYDRA-SENT=")),
        "{cookies:?}"
    );
    assert!(
        cookies.iter().any(|cookie| cookie.starts_with("HYDRA-SESSION=")),
        "{cookies:?}"
    );
}

#[tokio::test]
async fn what_can_not_be_used_is_shown_in_the_page_again() {
    let (status, headers, html) = answer(app(), browser(TARGET, "zip=<1>&card=4111")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(headers[header::CACHE_CONTROL], "private, no-cache");
    assert_eq!(
        html,
        "<h1>Ann</h1><form action=\"?x=7&amp;hydra-form=page:send\">send|&lt;1&gt;||No &lt;such&gt; code.|form 1</form>"
    );
    let (status, _, html) = sent(TARGET, "card=4111").await;
    assert_eq!(status, 422);
    assert!(html.contains("send|||This field is missing.|</form>"), "{html}");
}

#[tokio::test]
async fn what_no_action_takes_is_refused() {
    let large = format!("zip={}", "x".repeat(20_000));
    for (target, body, expected) in [
        (TARGET, "zip=forbidden", 403),
        (TARGET, "zip=login", 401),
        (TARGET, "zip=panic", 500),
        (TARGET, "zip=elsewhere", 500),
        (TARGET, large.as_str(), 413),
        ("/home/Ann?hydra-form=page:other", "zip=9000", 409),
        ("/home/Ann?hydra-form=page:", "zip=9000", 400),
        ("/home/Ann?hydra-form=send", "zip=9000", 400),
        ("//evil.example/home?hydra-form=page:send", "zip=9000", 400),
        ("/home/Ann", "zip=9000", 405),
    ] {
        let (status, ..) = sent(target, body).await;
        assert_eq!(status, expected, "{target} {}", &body[..10.min(body.len())]);
    }
    for (name, value) in [
        ("origin", "http://evil.example"),
        ("origin", "null"),
        ("sec-fetch-site", "cross-site"),
    ] {
        let mut request = browser(TARGET, "zip=9000");
        let name = http::HeaderName::from_static(name);
        request.headers_mut().insert(name, value.parse().unwrap());
        assert_eq!(answer(app(), request).await.0, StatusCode::FORBIDDEN, "{value}");
    }
}

#[tokio::test]
async fn the_address_of_a_form_of_a_page_is_no_page() {
    let (status, headers, _) = answer(app(), visit(TARGET)).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(headers[header::LOCATION], "/home/Ann?x=7");
}

/// The handler of the page decides what a visitor sees whose form can't be used.
#[tokio::test]
async fn a_page_that_is_gone_by_then_leads_where_it_leads_every_visitor() {
    for name in ["gone", "moved"] {
        let request = browser(&format!("/home/{name}?hydra-form=page:send"), "zip=1");
        let (status, headers, _) = answer(app(), request).await;
        // Not 307 or 308, with which a browser would send the form there.
        assert_eq!(status, StatusCode::SEE_OTHER, "{name}");
        assert_eq!(headers[header::LOCATION], "/elsewhere");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
    }
    let (status, _, _) = sent("/home/closed?hydra-form=page:send", "zip=1").await;
    assert_eq!(status, 404);
    for name in ["broken", "text", "panic"] {
        let (status, _, text) = sent(&format!("/home/{name}?hydra-form=page:send"), "zip=1").await;
        assert_eq!(status, 503, "{name}");
        assert!(text.contains("was not sent"), "{name}: {text}");
    }
}

#[tokio::test]
async fn the_handler_of_a_page_and_that_of_its_form_share_what_layers_add() {
    async fn show_with_layer(
        Path(name): Path<String>,
        Extension(mark): Extension<&'static str>,
        OriginalUri(uri): OriginalUri,
    ) -> Home {
        Home {
            name: format!("{name} {mark} {uri}"),
        }
    }
    async fn with_layer(
        Extension(mark): Extension<&'static str>,
        OriginalUri(uri): OriginalUri,
        user: Option<User>,
        form: Send,
    ) -> Result<Done, Invalid<Send>> {
        assert!(user.is_none());
        match form.zip.as_str() {
            "9000" => Ok(Done::to(format!("/{mark}{uri}"))),
            _ => Err(Invalid::new()),
        }
    }
    let app = || {
        App::with_plan("shop", page_plan().to_string())
            .page(show_with_layer)
            .action(with_layer)
            .layer(Extension("marked"))
    };
    let (status, headers, _) = answer(app(), browser(TARGET, "zip=9000")).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert_eq!(headers[header::LOCATION], "/marked/home/Ann?x=7");
    let (status, _, html) = answer(app(), browser(TARGET, "zip=1")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(html.starts_with("<h1>Ann marked /home/Ann?x=7</h1>"), "{html}");
}

#[tokio::test]
async fn a_page_that_can_not_show_what_was_typed_shows_what_is_wrong_with_it() {
    let app = |from: &str, to: &str| {
        App::with_plan("shop", page_plan().to_string().replace(from, to))
            .page(show)
            .action(send)
    };
    let fails_with_it =
        "{% if form.values.zip == \\\"1\\\" %}{{ form.no.such }}{% endif %}{{ form.values.zip }}";
    let app_with_it = app("{{ form.values.zip }}", fails_with_it);
    let (status, _, html) = answer(app_with_it, browser(TARGET, "zip=1")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{html}");
    assert!(
        html.contains("send|||No &lt;such&gt; code.|form 1</form>"),
        "{html}"
    );
    let fails = "{% if form.action %}{{ form.no.such }}{% endif %}";
    let (status, headers, html) = answer(app("{{ form.message }}", fails), browser(TARGET, "zip=1")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        headers.contains_key(header::RETRY_AFTER) && html.contains("was not sent"),
        "{html}"
    );
}

#[tokio::test]
async fn what_was_typed_is_in_no_log() {
    let fails_with_it = "{% if form.values.zip %}{{ form.values.zip | int }}{% endif %}";
    let plan = page_plan()
        .to_string()
        .replace("{{ form.values.zip }}", fails_with_it);
    let app = App::with_plan("shop", plan).page(show).action(send);
    let log = Log::default();
    let guard = log.here();
    let (status, _, html) = answer(app, browser(TARGET, "zip=4111+1111")).await;
    drop(guard);
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{html}");
    let text = log.text();
    assert!(text.contains("home.html:1:"), "{text}");
    assert!(!text.contains("4111"), "{text}");
}

#[tokio::test]
async fn the_action_of_a_page_runs_to_its_end_although_its_visitor_has_left() {
    let steps: Arc<[Notify; 3]> = Arc::default();
    let of_action = steps.clone();
    let slow = move |_: Send| async move {
        let [first, go, second] = &*of_action;
        first.notify_one();
        go.notified().await;
        second.notify_one();
        Ok::<_, Invalid<Send>>(Done::stay())
    };
    let app = App::with_plan("shop", page_plan().to_string())
        .page(show)
        .action(slow);
    let visitor = tokio::spawn(app.into_router().unwrap().oneshot(browser(TARGET, "zip=1")));
    let [first, go, second] = &*steps;
    first.notified().await;
    visitor.abort();
    assert!(visitor.await.is_err());
    go.notify_one();
    second.notified().await;
}

#[tokio::test]
async fn a_form_that_a_gateway_passes_on_was_checked_there() {
    let mut request = browser(TARGET, "zip=9000");
    let headers = request.headers_mut();
    headers.insert(header::ORIGIN, "https://shop.example".parse().unwrap());
    headers.insert("hydra-path", "shop".parse().unwrap());
    assert_eq!(answer(app(), request).await.0, StatusCode::SEE_OTHER);
}

#[test]
fn forms_of_pages_and_actions_belong_together() {
    let error = |app: App| app.into_router().map(drop).unwrap_err().to_string();
    assert_eq!(
        error(App::with_plan("shop", page_plan().to_string()).page(show)),
        "the form `send` of a page has no handler: write one that takes a struct with `#[form(\"send\")]`, and add it with `App::action`"
    );
    assert_eq!(
        error(App::with_plan("shop", plan()).action(send)),
        "the templates do not have the form `send` of a page: write `<form m:action=\"send\">` in its template"
    );
}

#[tokio::test]
async fn a_gateway_passes_the_form_of_a_page_on_to_its_service() {
    let gateway = gateway().await;
    let _running = run(app(), gateway, None).await;
    let until = async || {
        for _ in 0..1_000 {
            let page = exchange_with(gateway, "GET", "/home/Ann", "", "").await;
            if page.starts_with("HTTP/1.1 200 ") {
                return page;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        panic!("there is no page")
    };
    let page = until().await;
    assert!(page.contains("action=\"?hydra-form=page:send\""), "{page}");
    let origin = format!("\r\norigin: http://{gateway}");
    let mut cookie = String::new();
    for (body, status, part) in [
        ("zip=1", "422", "send|1||No &lt;such&gt; code.|form 1</form>"),
        ("zip=2", "422", "send|2||No &lt;such&gt; code.|form 2</form>"),
        ("zip=9000", "303", "location: /thanks/Ann?x=7&count=3"),
        ("zip=panic", "500", ""),
    ] {
        let answer = exchange_with(gateway, "POST", TARGET, &format!("{cookie}{origin}"), body).await;
        assert!(
            answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(part),
            "{answer}"
        );
        let mut set = answer
            .lines()
            .filter_map(|line| line.strip_prefix("set-cookie: HYDRA-SESSION="));
        if let Some(set) = set.next() {
            cookie = format!("HYDRA-SESSION={}", set.split(';').next().unwrap());
        }
    }
    let foreign = "\r\norigin: http://evil.example";
    let answer = exchange_with(gateway, "POST", TARGET, foreign, "zip=9000").await;
    assert!(answer.starts_with("HTTP/1.1 403 "), "{answer}");
}
