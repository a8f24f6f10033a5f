//! Error pages: the site's own, JSON, and a plain one.

use axum::middleware::from_fn;

use super::*;
use crate::Failure;

#[derive(Serialize)]
struct Sorry {
    status: u16,
    title: &'static str,
    name: &'static str,
}

impl Page for Sorry {
    const TEMPLATE: &'static str = "error.html";
}

impl IntoResponse for Sorry {
    fn into_response(self) -> Response {
        page_response(&self)
    }
}

#[derive(Serialize)]
struct Broken;

impl Page for Broken {
    const TEMPLATE: &'static str = "broken.html";
}

impl IntoResponse for Broken {
    fn into_response(self) -> Response {
        page_response(&self)
    }
}

async fn sorry(failure: Failure, State(_): State<Hello>) -> Sorry {
    Sorry {
        status: failure.status().as_u16(),
        title: failure.title(),
        name: "Ann",
    }
}

async fn panics() -> &'static str {
    panic!("as asked")
}

/// An application in which much can go wrong.
fn fragile(folder: &std::path::Path) -> App<Hello> {
    let limited = from_fn(
        async |request: axum::extract::Request, next: axum::middleware::Next| {
            if request.uri().path() == "/limited" {
                return (StatusCode::TOO_MANY_REQUESTS, [("retry-after", "7")]).into_response();
            }
            next.run(request).await
        },
    );
    App::with_plan("shop", plan())
        .page(home)
        .fragment(greeting)
        .route(
            "/bare/{status}",
            get(async |Path(status): Path<u16>| StatusCode::from_u16(status).unwrap()),
        )
        .route("/words", get(async || (StatusCode::NOT_FOUND, "no such tea")))
        .route(
            "/json",
            get(async || (StatusCode::CONFLICT, axum::Json(json!({"why": "twice"})))),
        )
        .route("/broken", get(async || Broken))
        .route("/panics", get(panics))
        .static_files(folder)
        .layer(limited)
}

fn asking(path: &str, method: http::Method, accept: &str) -> Request<Body> {
    let mut request = visit(path);
    *request.method_mut() = method;
    request
        .headers_mut()
        .insert(header::ACCEPT, accept.parse().unwrap());
    request
}

const BROWSER: &str = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8";

#[tokio::test]
async fn whatever_ends_in_a_bare_status_gets_the_sites_own_page_or_json() {
    let folder = tempfile::tempdir().unwrap();
    let own = || fragile(folder.path()).error_page(sorry).with_state(Hello("Hi"));
    for (path, method, status, title) in [
        ("/nowhere", "GET", 404, "Not Found"),
        ("/static/none.css", "GET", 404, "Not Found"),
        ("/bare/404", "GET", 404, "Not Found"),
        ("/bare/503", "GET", 503, "Service Unavailable"),
        ("/bare/502", "GET", 502, "Bad Gateway"),
        ("/bare/418", "GET", 418, "I'm a teapot"),
        ("/words", "POST", 405, "Method Not Allowed"),
        ("/broken", "GET", 500, "Internal Server Error"),
        ("/panics", "GET", 500, "Internal Server Error"),
        ("/limited", "GET", 429, "Too Many Requests"),
    ] {
        let method: http::Method = method.parse().unwrap();
        for accept in [BROWSER, "*/*"] {
            let (found, headers, body) = answer(own(), asking(path, method.clone(), accept)).await;
            assert_eq!(found, status, "{path}");
            assert_eq!(
                headers[header::CONTENT_TYPE],
                "text/html; charset=utf-8",
                "{path}"
            );
            // A fragment is in it, as in any page. A fragment of the layout does not make it fail.
            assert_eq!(
                body,
                format!("Sorry: {status} {}. <b>Hi Ann</b>", title.replace('\'', "&#39;")),
                "{path}"
            );
        }
        let (found, headers, body) = answer(own(), asking(path, method, "application/json")).await;
        assert_eq!(found, status, "{path}");
        assert_eq!(headers[header::CONTENT_TYPE], "application/json", "{path}");
        assert_eq!(
            body,
            json!({"error": title, "status": status}).to_string(),
            "{path}"
        );
    }
}

#[tokio::test]
async fn the_headers_of_a_bare_status_stay_and_so_do_errors_with_words() {
    let folder = tempfile::tempdir().unwrap();
    let own = || fragile(folder.path()).error_page(sorry).with_state(Hello("Hi"));
    let (_, headers, _) = answer(own(), asking("/words", http::Method::POST, BROWSER)).await;
    assert_eq!(headers[header::ALLOW], "GET,HEAD");
    let (_, headers, _) = answer(own(), asking("/limited", http::Method::GET, BROWSER)).await;
    assert_eq!(headers[header::RETRY_AFTER], "7");
    for (path, expected) in [
        ("/words", "no such tea"),
        ("/json", "{\"why\":\"twice\"}"),
        ("/home/nobody", "there is no such visitor"),
    ] {
        let (status, _, body) = answer(own(), asking(path, http::Method::GET, BROWSER)).await;
        assert!(status.is_client_error(), "{path}");
        assert_eq!(body, expected, "{path}");
    }
    let (status, headers, body) = answer(own(), asking("/nowhere", http::Method::HEAD, BROWSER)).await;
    assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, ""));
    assert_eq!(headers[header::CONTENT_TYPE], "text/html; charset=utf-8");
}

#[tokio::test]
async fn an_error_page_that_fails_gives_way_to_a_plain_one() {
    let folder = tempfile::tempdir().unwrap();
    let apps: [(&str, App<Hello>); 5] = [
        ("none", fragile(folder.path())),
        (
            "its template fails",
            fragile(folder.path()).error_page(async || Broken),
        ),
        (
            "it is a status itself",
            fragile(folder.path()).error_page(async || StatusCode::IM_A_TEAPOT),
        ),
        (
            "it says that it fails",
            fragile(folder.path()).error_page(async || (StatusCode::INTERNAL_SERVER_ERROR, "secret")),
        ),
        ("it panics", fragile(folder.path()).error_page(panics)),
    ];
    for (case, app) in apps {
        let (status, headers, body) = answer(
            app.with_state(Hello("Hi")),
            asking("/nowhere", http::Method::GET, BROWSER),
        )
        .await;
        assert_eq!(status, StatusCode::NOT_FOUND, "{case}");
        assert_eq!(
            headers[header::CONTENT_TYPE],
            "text/html; charset=utf-8",
            "{case}"
        );
        assert!(
            body.contains("<h1>Not Found</h1>") && !body.contains("secret"),
            "{case}: {body}"
        );
    }
}

#[tokio::test]
async fn an_error_page_may_choose_a_status_and_keep_a_session() {
    let count = async |mut session: crate::Session<u32>| {
        session.update(|count| *count += 1).unwrap();
        (StatusCode::GONE, session.get().to_string())
    };
    let app = App::with_plan("shop", plan()).error_page(count);
    let (status, headers, body) = answer(app, visit("/nowhere")).await;
    assert_eq!((status, body.as_str()), (StatusCode::GONE, "1"));
    assert!(headers.contains_key(header::SET_COOKIE));
}
