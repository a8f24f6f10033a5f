//! Forms of plain services: their own paths, and their own HTML.

use axum::{
    Router,
    extract::{Form, OriginalUri},
    http::HeaderMap,
    response::{Html, IntoResponse, Response},
    routing::post as on_post,
};
use http::StatusCode;
use hydra_runtime_gateway::GatewayConfig;
use hydra_runtime_wire::forms::AnsweredFragment;
use serde_json::{Value, json};

use super::{Site, TYPED, answer_of};
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
    let status = match uri.path() {
        "/subscribe/200" => StatusCode::OK,
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

struct Plain {
    site: Site,
    _banner: Running,
}

impl Plain {
    async fn new(invalid: u16) -> Self {
        let banner = service(Router::new().fallback(on_post(subscribe))).await;
        let text = format!(
            "public_key = 'K'\n[[service]]\nname = 'banner'\nurl = '{}'\nendpoints = ['/subscribe/**', '/other']\n\
             fragments = {{ box = '/box' }}\nforms = {{ box = ['/subscribe', '/subscribe/{{kind}}'] }}\ninvalid = {invalid}",
            banner.url("")
        );
        let config = GatewayConfig::from_toml(&text).expect("good");
        Self {
            site: Site::with(config, || answer_of(500, &json!({}))).await,
            _banner: banner,
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
        let expected =
            format!("<body><h1>Pay</h1><form>{TYPED} is wrong (csrftoken=3)</form><footer></body>");
        assert_eq!(answered.text(), expected, "{path}");
        assert_eq!(answered.headers["cache-control"], "private, no-cache");
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
        again.text().contains("is wrong (none)</form><footer>"),
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
