//! What a page's handler may give.

use super::*;

type Failed = (StatusCode, &'static str);

fn ann() -> Home {
    Home {
        name: "Ann".to_owned(),
    }
}

/// An application whose page has this handler.
fn with<H, A: 'static>(handler: H) -> App
where
    H: PageHandler<A, Hello>,
{
    App::with_plan("shop", plan())
        .page(handler)
        .with_state(Hello("Hi"))
}

#[tokio::test]
async fn a_page_may_stand_behind_a_status_and_headers() {
    const TAG: (&str, &str) = ("x-tag", "1");
    const MORE: (&str, &str) = ("x-more", "2");
    let (ok, made) = (StatusCode::OK, StatusCode::CREATED);
    let rows: [(&str, App, StatusCode, &[&str]); 9] = [
        ("a page", with(async || ann()), ok, &[]),
        ("a status", with(async || (StatusCode::CREATED, ann())), made, &[]),
        ("headers", with(async || ([TAG], ann())), ok, &["x-tag"]),
        (
            "a status and headers",
            with(async || (StatusCode::CREATED, [TAG], ann())),
            made,
            &["x-tag"],
        ),
        (
            "headers twice",
            with(async || (StatusCode::CREATED, [TAG], [MORE], ann())),
            made,
            &["x-tag", "x-more"],
        ),
        (
            "headers as a map",
            with(async |State(_): State<Hello>| {
                let mut headers = http::HeaderMap::new();
                headers.insert("x-tag", http::HeaderValue::from_static("1"));
                (headers, ann())
            }),
            ok,
            &["x-tag"],
        ),
        (
            "a result of all that",
            with(async || Ok::<_, Failed>((StatusCode::CREATED, [TAG], ann()))),
            made,
            &["x-tag"],
        ),
        (
            "a status before a result",
            with(async || (StatusCode::CREATED, Ok::<_, Failed>(ann()))),
            made,
            &[],
        ),
        (
            "an error",
            with(async || Err::<(StatusCode, Home), _>((StatusCode::CONFLICT, "twice"))),
            StatusCode::CONFLICT,
            &[],
        ),
    ];
    for (case, app, expected, headers) in rows {
        let (status, found, body) = answer(app, visit("/home/Ann")).await;
        assert_eq!(status, expected, "{case}");
        for header in headers {
            assert!(found.contains_key(*header), "{case}: {header}");
        }
        let begin = if expected == StatusCode::CONFLICT {
            "twice"
        } else {
            "<h1>Ann</h1>"
        };
        assert!(body.starts_with(begin), "{case}: {body}");
    }
}

#[tokio::test]
async fn a_fragment_may_stand_behind_headers() {
    let greeting = || Greeting {
        greeting: "Hi",
        loud: "ANN".to_owned(),
    };
    let headers = move || [(header::CACHE_CONTROL, "no-store")];
    for (case, app) in [
        (
            "once",
            App::with_plan("shop", plan()).fragment(async move || (headers(), greeting())),
        ),
        (
            "twice",
            App::with_plan("shop", plan()).fragment(async move || (headers(), [("x-tag", "1")], greeting())),
        ),
        (
            "a result inside",
            App::with_plan("shop", plan())
                .fragment(async move || (headers(), Ok::<_, StatusCode>(greeting()))),
        ),
        (
            "a result of both",
            App::with_plan("shop", plan())
                .fragment(async move || Ok::<_, StatusCode>((headers(), greeting()))),
        ),
    ] {
        let app = app.page(async || ann());
        let (_, _, body) = answer(app, visit("/home/Ann")).await;
        assert_eq!(body, "<h1>Ann</h1><b>Hi Ann</b>|nothing|ANN", "{case}");
    }
}
