//! Layers that an application puts around itself.

use axum::{
    extract::Request,
    middleware::{Next, from_fn, map_request, map_response},
};

use super::*;
use crate::Session;

/// Adds a header with the names of all layers that the answer came through.
fn named(name: &'static str) -> impl Fn(Response) -> std::future::Ready<Response> + Clone + Send + Sync {
    move |mut response: Response| {
        let before = response
            .headers()
            .get("x-through")
            .and_then(|value| value.to_str().ok());
        let through = before.map_or(name.to_owned(), |before| format!("{before} {name}"));
        response
            .headers_mut()
            .insert("x-through", through.parse().unwrap());
        std::future::ready(response)
    }
}

#[tokio::test]
async fn layers_are_around_all_that_visitors_ask_for_and_the_last_is_the_outermost() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("shop.css"), "body {}").unwrap();
    let layered = || {
        App::with_plan("shop", plan())
            .layer(map_response(named("inner")))
            .page(home)
            .fragment(greeting)
            .layer(map_response(named("outer")))
            .route("/plain", get(async || "plain"))
            .nest("/admin", Router::new().route("/users", get(async || "users")))
            .static_files(folder.path())
            .with_state(Hello("Hi"))
    };
    for (path, expected) in [
        ("/home/Ann", StatusCode::OK),
        ("/plain", StatusCode::OK),
        ("/admin/users", StatusCode::OK),
        ("/shop/shop.css", StatusCode::OK),
        ("/static/none.css", StatusCode::NOT_FOUND),
        ("/nowhere", StatusCode::NOT_FOUND),
    ] {
        let (status, headers, _) = answer(layered(), visit(path)).await;
        assert_eq!(status, expected, "{path}");
        assert_eq!(headers["x-through"], "inner outer", "{path}");
    }
    let (status, headers, _) = answer(layered(), call("hydra", json!({"requests": []}))).await;
    assert_eq!(status, StatusCode::OK);
    assert!(
        !headers.contains_key("x-through"),
        "calls of gateways are not visits"
    );
}

#[tokio::test]
async fn a_layer_sees_the_page_as_html_with_its_status() {
    let shout = map_response(async |response: Response| {
        let (parts, body) = response.into_parts();
        let text = to_bytes(body, 1 << 20).await.unwrap();
        let text = String::from_utf8(text.to_vec()).unwrap().to_uppercase();
        (parts.status, text)
    });
    let layered = App::with_plan("shop", plan())
        .route("/gone", get(gone))
        .layer(shout);
    let (status, _, body) = answer(layered, visit("/gone")).await;
    assert_eq!(status, StatusCode::GONE);
    assert!(body.starts_with("<H1>PAST</H1>"), "{body}");
}

#[tokio::test]
async fn a_layer_may_change_the_request_and_use_the_session() {
    let mark = map_request(async |mut request: Request| {
        request
            .headers_mut()
            .insert("x-mark", http::HeaderValue::from_static("m"));
        request
    });
    let count = from_fn(async |mut session: Session<u32>, request: Request, next: Next| {
        session.update(|count| *count += 1).unwrap();
        let response = next.run(request).await;
        // What the handler made of it is there, and what is said last counts.
        session.update(|count| *count += 10).unwrap();
        response
    });
    let handler = async |headers: http::HeaderMap, session: Session<u32>| {
        format!("{}{}", headers["x-mark"].to_str().unwrap(), session.get())
    };
    let app = App::with_plan("shop", plan())
        .route("/count", get(handler))
        .layer(count)
        .layer(mark);
    let router = app.into_router().unwrap();
    let mut cookie = None;
    for expected in ["m1", "m12"] {
        let mut request = visit("/count");
        if let Some(cookie) = &cookie {
            request
                .headers_mut()
                .insert(header::COOKIE, http::HeaderValue::clone(cookie));
        }
        let response = router.clone().oneshot(request).await.unwrap();
        if let Some(set) = response.headers().get(header::SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            cookie = Some(pair.parse().unwrap());
        }
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert_eq!(body, expected);
    }
}
