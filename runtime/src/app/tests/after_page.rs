use super::*;
use crate::{ScriptNonce, Session};

/// A page with the lazy fragment `visits` of this service.
fn plan() -> String {
    json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [
            {"name": "home.html", "source": "<h1>{{ name }}</h1>{{ 0 | __hydra }}</body>"},
            {"name": "#1/home.html", "source": "<b>{{ who }}: {{ count }}</b>"},
        ],
        "sites": [{
            "place": {"file": "home.html", "line": 1, "column": 1}, "gives": [],
            "slot": {"service": {"fixed": ""}, "ref": {"fixed": "visits"},
                     "imports": [{"from": ["name"], "to": "who"}], "mode": "lazy"},
        }],
        "pages": [{"template": "home.html", "exports": []}],
        "contract": {"service": "", "fragments": {"visits": {"imports": {"who": {"type": "string"}}}}},
        "offers": {"visits": "#1/home.html"},
    })
    .to_string()
}

#[derive(Serialize)]
struct Visits {
    count: u32,
}

impl Fragment for Visits {
    const REF: &'static str = "visits";
    type Imports = ();
    const EXPORTS: &'static [&'static str] = &[];
}

impl IntoResponse for Visits {
    fn into_response(self) -> Response {
        fragment_response(&self)
    }
}

async fn visits(mut session: Session<u32>) -> Visits {
    let count = session.get() + 1;
    session.set(count).unwrap();
    Visits { count }
}

async fn nonced() -> impl IntoResponse {
    let nonce = ScriptNonce::try_new("fr0mHandler").unwrap();
    let name = "Ann".to_owned();
    (axum::Extension(nonce), Home { name })
}

fn app() -> App {
    let settings = Partial::default().private_key("a private key for tests");
    App::with_plan("my shop", plan())
        .settings(settings)
        .page(home)
        .route("/nonced", get(nonced))
        .fragment(visits)
        .with_state(Hello("Hi"))
}

/// What stands in the page between `start` and the next quote.
fn attribute(page: &str, start: &str) -> String {
    let rest = page.split_once(start).expect("the attribute").1;
    rest.split('"').next().expect("its end").to_owned()
}

#[tokio::test]
async fn a_lazy_fragment_is_rendered_by_its_handler_with_the_session_of_the_visitor() {
    let (_, _, page) = answer(app(), visit("/home/Ann")).await;
    let address = attribute(&page, "data-hydra-src=\"");
    assert!(address.starts_with("/my%20shop/_hydra/fragment?f="), "{page}");
    // The other instance has the same key, and a store of sessions of its own.
    let router = app().into_router().unwrap();
    let ask = async |cookie: Option<&header::HeaderValue>| {
        let mut request = visit(&address);
        if let Some(cookie) = cookie {
            request.headers_mut().insert(header::COOKIE, cookie.clone());
        }
        let response = router.clone().oneshot(request).await.unwrap();
        let cookie = response.headers().get(header::SET_COOKIE).cloned();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (cookie, String::from_utf8(body.to_vec()).unwrap())
    };
    let (cookie, first) = ask(None).await;
    assert_eq!(first, "<b>Ann: 1</b>");
    let (_, second) = ask(cookie.as_ref()).await;
    assert_eq!(second, "<b>Ann: 2</b>");
}

#[tokio::test]
async fn the_lazy_fragments_of_a_new_visitor_have_the_visitor_of_their_page() {
    let router = app().into_router().unwrap();
    let answer = async |request: Request<Body>| {
        let response = router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, 1 << 20).await.unwrap();
        (parts.headers, String::from_utf8(body.to_vec()).unwrap())
    };
    let (headers, page) = answer(visit("/home/Ann")).await;
    let cookie = headers[header::SET_COOKIE].clone();
    let address = attribute(&page, "data-hydra-src=\"");
    for expected in ["<b>Ann: 1</b>", "<b>Ann: 2</b>"] {
        let mut request = visit(&address);
        request.headers_mut().insert(header::COOKIE, cookie.clone());
        let (headers, body) = answer(request).await;
        assert_eq!((body.as_str(), headers.get(header::SET_COOKIE)), (expected, None));
    }
}

#[tokio::test]
async fn the_script_may_be_kept_where_its_version_is_named() {
    let (_, _, page) = answer(app(), visit("/home/Ann")).await;
    let script = attribute(&page, "<script async src=\"");
    let (status, headers, body) = answer(app(), visit(&script)).await;
    assert_eq!(
        (status, &headers[header::CONTENT_TYPE]),
        (StatusCode::OK, &value("text/javascript; charset=utf-8"))
    );
    assert_eq!(
        headers[header::CACHE_CONTROL],
        value("public, max-age=31536000, immutable")
    );
    assert!(body.contains("IntersectionObserver"));
    let (path, _) = script.split_once('?').unwrap();
    let (_, headers, other) = answer(app(), visit(path)).await;
    assert_eq!(
        (&headers[header::CACHE_CONTROL], other),
        (&value("no-cache"), body)
    );
}

fn value(text: &'static str) -> header::HeaderValue {
    header::HeaderValue::from_static(text)
}

#[tokio::test]
async fn the_nonce_comes_from_a_layer_around_or_from_the_handler() {
    let mut request = visit("/home/Ann");
    let nonce = ScriptNonce::try_new("fr0mLayer").unwrap();
    request.extensions_mut().insert(nonce.clone());
    let (_, _, page) = answer(app(), request).await;
    assert!(page.contains(" nonce=\"fr0mLayer\"></script>\n"), "{page}");
    let mut request = visit("/nonced");
    request.extensions_mut().insert(nonce);
    let (_, _, page) = answer(app(), request).await;
    assert!(page.contains(" nonce=\"fr0mHandler\"></script>"), "{page}");
}

#[tokio::test]
async fn an_app_without_such_fragments_has_no_such_paths() {
    let (status, ..) = answer(super::app(), visit("/shop/_hydra/later.js")).await;
    assert_eq!(status, StatusCode::NOT_FOUND);
}
