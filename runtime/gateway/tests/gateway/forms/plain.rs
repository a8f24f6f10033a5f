//! Forms of plain services: their own paths, and their own HTML.

use axum::{
    Router,
    body::Body,
    extract::{Form, OriginalUri},
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
    routing::post as on_post,
};
use futures_util::{StreamExt as _, stream};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hydra_runtime_gateway::GatewayConfig;
use hydra_runtime_wire::forms::AnsweredFragment;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde_json::{Value, json};

use super::{
    FOOTER, Site, TYPED, answer_of,
    failures::{NOT_SENT, UNCLEAR},
};
use crate::support::{Answer, Running, service};

/// A service that takes addresses with an `@`, and shows the form again for others.
async fn subscribe(uri: OriginalUri, headers: HeaderMap, Form(form): Form<Value>) -> Response {
    let typed = form["card"].as_str().unwrap_or_default();
    if typed.contains('@') {
        return (
            StatusCode::SEE_OTHER,
            [("location", "/thanks"), ("set-cookie", "sessionid=2")],
        )
            .into_response();
    }
    let html = |body| ([("content-type", "text/html")], body).into_response();
    let status = match uri.path() {
        "/subscribe/200" => StatusCode::OK,
        "/subscribe/download" => return ([("content-type", "text/csv")], unending(typed)).into_response(),
        "/subscribe/stream" => return html(unending(typed)),
        "/subscribe/long" => return html(Body::from_stream(stream::iter(long(typed)))),
        "/subscribe/never" => std::future::pending().await,
        "/subscribe/json" => {
            return (StatusCode::UNPROCESSABLE_ENTITY, axum::Json(json!([typed]))).into_response();
        }
        _ => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let cookie = headers
        .get("cookie")
        .map_or("none", |cookie| cookie.to_str().expect("text"));
    let html = Html(format!("<form>{typed} is wrong ({cookie})</form>"));
    (status, [("set-cookie", "sessionid=1")], html).into_response()
}

/// A body whose first part is this text, and that goes on for ever.
fn unending(text: &str) -> Body {
    let first = stream::iter([Ok::<_, std::io::Error>(text.to_owned())]);
    Body::from_stream(first.chain(stream::pending()))
}

/// A text of 5 MB, which begins so, in pieces.
fn long(text: &str) -> Vec<Result<String, std::io::Error>> {
    let rest = std::iter::repeat_n("x".repeat(100_000), 50);
    std::iter::once(text.to_owned()).chain(rest).map(Ok).collect()
}

struct Plain {
    site: Site,
    banner: Running,
}

impl Plain {
    async fn new(invalid: u16) -> Self {
        Self::with(invalid, "").await
    }

    /// With further settings of the gateway.
    async fn with(invalid: u16, more: &str) -> Self {
        let banner = service(Router::new().fallback(on_post(subscribe))).await;
        let text = format!(
            "public_key = 'K'\n{more}\n[[service]]\nname = 'banner'\nurl = '{}'\nendpoints = ['/subscribe/**', '/other']\n\
             fragments = {{ box = '/box' }}\nforms = {{ box = ['/subscribe', '/subscribe/{{kind}}'] }}\ninvalid = {invalid}",
            banner.url("")
        );
        let config = GatewayConfig::from_toml(&text).expect("good");
        Self {
            site: Site::with(config, || answer_of(500, &json!({}))).await,
            banner,
        }
    }

    async fn post(&self, path: &str, referer: &str, typed: &str, more: &[(&'static str, &str)]) -> Answer {
        let referer = format!("{}{referer}", self.site.origin());
        let mut headers = vec![("referer", referer.as_str())];
        headers.extend_from_slice(more);
        self.site.post_body(path, &headers, format!("card={typed}")).await
    }
}

#[tokio::test]
async fn the_html_of_the_service_comes_into_the_page_before() {
    for (path, invalid) in [("/subscribe", 422), ("/subscribe/200", 200)] {
        let plain = Plain::new(invalid).await;
        let answered = plain
            .post(path, "/pay?y=2", TYPED, &[("cookie", "csrftoken=3")])
            .await;
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        let footer = FOOTER.replace("?", "?y=2&amp;");
        let expected =
            format!("<body><h1>Pay</h1><form>{TYPED} is wrong (csrftoken=3)</form>{footer}</body>");
        assert_eq!(answered.text(), expected, "{path}");
        assert_eq!(answered.headers["cache-control"], "private, no-store");
        let cookies: Vec<_> = answered.headers.get_all("set-cookie").iter().collect();
        assert!(
            cookies.iter().any(|cookie| *cookie == "sessionid=1"),
            "{cookies:?}"
        );

        let seen = plain.site.seen_by_page();
        let [seen] = seen.as_slice() else {
            panic!("{seen:?}")
        };
        assert_eq!((seen.method.as_str(), seen.uri.as_str()), ("GET", "/pay?y=2"));
        let told = AnsweredFragment::from_header(&seen.headers["hydra-form"]).expect("readable");
        let said = (
            told.service.as_str(),
            told.reference.as_str(),
            told.imports.as_str(),
        );
        assert_eq!(said, ("banner", "box", ""));
        assert!(!format!("{seen:?} {told:?}").contains(TYPED));
    }
}

/// The visitor sees the address of the form then, and the browser says that the form stands there.
#[tokio::test]
async fn a_form_that_is_sent_again_comes_back_into_the_same_page() {
    let plain = Plain::new(422).await;
    let first = plain.post("/subscribe", "/pay?y=2", TYPED, &[]).await;
    let cookies = first.headers.get_all("set-cookie").iter();
    let mut cookies = cookies.map(|cookie| cookie.to_str().expect("text"));
    let kept = cookies
        .find(|cookie| cookie.starts_with("HYDRA-FORM-PAGE="))
        .expect("the page")
        .to_owned();
    assert!(
        kept.contains("; Path=/subscribe; Max-Age=3600; HttpOnly; SameSite=Lax"),
        "{kept}"
    );
    let pair = kept.split(';').next().expect("a pair");
    let again = plain
        .post("/subscribe", "/subscribe", TYPED, &[("cookie", pair)])
        .await;
    assert_eq!(again.status, StatusCode::UNPROCESSABLE_ENTITY);
    // The service does not get the cookie of the gateway.
    assert!(
        again.text().contains("is wrong (none)</form><form"),
        "{}",
        again.text()
    );
    let pages: Vec<_> = plain
        .site
        .seen_by_page()
        .into_iter()
        .map(|seen| seen.uri)
        .collect();
    assert_eq!(pages, ["/pay?y=2"; 2]);
}

#[tokio::test]
async fn every_other_answer_passes_as_it_is() {
    let plain = Plain::new(422).await;
    let done = plain.post("/subscribe", "/pay", "a@b", &[]).await;
    assert_eq!(
        (done.status, &done.headers["location"]),
        (StatusCode::SEE_OTHER, &"/thanks".parse().expect("a value"))
    );
    assert_eq!(done.headers["set-cookie"], "sessionid=2");
    for (what, path, referer) in [
        ("the page is not known", "/subscribe", "/subscribe"),
        ("the page has no place", "/subscribe", "/no-place"),
        ("the page is gone", "/subscribe", "/gone"),
        ("the page is the gateway's own", "/subscribe", "/login"),
        ("no form of a fragment", "/other", "/pay"),
    ] {
        let answered = plain.post(path, referer, TYPED, &[]).await;
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{what}");
        assert_eq!(
            answered.text(),
            format!("<form>{TYPED} is wrong (none)</form>"),
            "{what}"
        );
        assert_eq!(answered.headers["set-cookie"], "sessionid=1", "{what}");
    }
    let json = plain.post("/subscribe/json", "/pay", TYPED, &[]).await;
    assert_eq!(json.text(), format!("[\"{TYPED}\"]"));
    let status = plain.post("/subscribe/200", "/pay", TYPED, &[]).await;
    assert_eq!(
        status.status,
        StatusCode::OK,
        "another status than that of the settings"
    );
}

/// With `invalid = 200`, each answer might be the form again.
#[tokio::test]
async fn an_answer_that_is_not_a_short_page_passes_while_it_comes() {
    let plain = Plain::new(200).await;
    let long_text: String = long(TYPED)
        .into_iter()
        .map(|piece| piece.expect("a text"))
        .collect();
    let answered = plain.post("/subscribe/long", "/pay", TYPED, &[]).await;
    assert_eq!(
        (answered.status, answered.text() == long_text),
        (StatusCode::OK, true)
    );
    for path in ["/subscribe/download", "/subscribe/stream"] {
        let request = Request::post(plain.site.gateway.url(path))
            .header("content-type", "application/x-www-form-urlencoded")
            .header("referer", format!("{}/pay", plain.site.origin()))
            .body(Body::from(format!("card={TYPED}")))
            .expect("a request");
        let client = Client::builder(TokioExecutor::new()).build_http::<Body>();
        let (head, mut body) = client.request(request).await.expect("an answer").into_parts();
        assert_eq!(head.status, StatusCode::OK, "{path}");
        let first = body.frame().await.expect("a frame").expect("a part");
        assert_eq!(first.into_data().expect("data"), TYPED, "{path}");
    }
    assert!(plain.site.seen_by_page().is_empty());
}

#[tokio::test]
async fn the_visitor_learns_whether_the_service_may_have_the_form() {
    let plain = Plain::with(422, "response_timeout = '200ms'").await;
    let late = plain.post("/subscribe/never", "/pay", TYPED, &[]).await;
    assert_eq!(late.status, StatusCode::BAD_GATEWAY);
    assert!(late.text().contains(UNCLEAR), "{}", late.text());
    let Plain { site, banner } = plain;
    banner.stop().await;
    let answered = site.post("/subscribe", &[]).await;
    assert_eq!(answered.status, StatusCode::SERVICE_UNAVAILABLE);
    assert!(answered.text().contains(NOT_SENT), "{}", answered.text());
}

#[tokio::test]
async fn forms_are_counted_by_the_paths_of_the_settings() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _here = metrics::set_default_local_recorder(&recorder);
    let plain = Plain::new(200).await;
    plain.post("/subscribe/200", "/pay", TYPED, &[]).await;
    plain.post("/subscribe/x", "/pay", "a@b", &[]).await;
    let foreign = [("sec-fetch-site", "cross-site")];
    plain.post("/subscribe", "/pay", TYPED, &foreign).await;
    let text = recorder.handle().render();
    for (path, outcome) in [
        ("/subscribe/{kind}", "invalid"),
        ("/subscribe/{kind}", "done"),
        ("/subscribe", "refused"),
    ] {
        let labels = format!("service=\"banner\",ref=\"box\",action=\"{path}\",outcome=\"{outcome}\"");
        assert!(
            text.contains(&format!("hydra_actions_total{{{labels}}} 1")),
            "{labels}: {text}"
        );
    }
}

#[tokio::test]
async fn another_site_names_no_page_and_sends_no_form() {
    let plain = Plain::new(422).await;
    let refused = plain
        .post("/subscribe", "/pay", TYPED, &[("origin", "http://evil.example")])
        .await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    for cookie in [
        "HYDRA-FORM-PAGE=x",
        "HYDRA-FORM-PAGE=Ly9ldmlsLmV4YW1wbGUv",
        "HYDRA-FORM-PAGE=L2xvZ291dA",
    ] {
        let answered = plain
            .post("/subscribe", "/subscribe", TYPED, &[("cookie", cookie)])
            .await;
        assert!(
            answered.text().starts_with("<form>"),
            "{cookie}: {}",
            answered.text()
        );
    }
    let foreign = plain
        .site
        .post_body(
            "/subscribe",
            &[("referer", "http://evil.example/pay")],
            format!("card={TYPED}"),
        )
        .await;
    assert!(foreign.text().starts_with("<form>"), "{}", foreign.text());
    assert!(plain.site.seen_by_page().is_empty());
}
