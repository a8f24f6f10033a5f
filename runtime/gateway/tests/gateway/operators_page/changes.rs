//! Who may change what, and how.

use axum::body::Body;
use http::{Request, StatusCode, header::COOKIE};
use hydra_runtime_gateway::GatewayConfig;
use serde_json::json;

use super::{Browser, TOKEN, add, config, start, weights};

#[tokio::test]
async fn weights_and_drains_change_after_a_confirmation_and_not_before() {
    let (gateway, port) = start(config()).await;
    let _old = add(&port, "shop", json!({"version":1,"versionName":"1.0"})).await;
    let _new = add(&port, "shop", json!({"version":2,"versionName":"2.0"})).await;
    crate::support::send_heartbeats(port.address, &["shop"]);
    let mut browser = Browser::of(&gateway);
    browser.sign_in().await;
    let page = browser.get("/weights?name=shop").await;
    let key = page.field("key");
    assert!(
        page.text.contains("name=\"weight:2.0\"") && page.text.contains("now 50 %"),
        "{}",
        page.text
    );

    let fields = [
        ("key", &*key),
        ("service", "shop"),
        ("weight:1.0", "90"),
        ("weight:2.0", "10"),
    ];
    let asked = browser.post("/change", &fields).await;
    assert_eq!(asked.status, StatusCode::OK);
    assert!(
        asked.text.contains("Change the weights of shop?") && asked.text.contains("<b>10 %</b>"),
        "{}",
        asked.text
    );
    assert_eq!(
        weights(&gateway, "shop")[0].1,
        "0.50",
        "it waits for the confirmation"
    );
    let seen = asked.field("seen");
    let confirmed = [&fields[..], &[("seen", &*seen)]].concat();
    let done = browser.post("/confirm", &confirmed).await;
    assert_eq!(
        (done.status, done.header("location")),
        (StatusCode::SEE_OTHER, "/service?name=shop&done=weights")
    );
    assert_eq!(
        weights(&gateway, "shop"),
        [("1.0".into(), "0.90".into()), ("2.0".into(), "0.10".into())]
    );
    let page = browser.get(done.header("location")).await;
    assert!(
        page.text.contains("The weights are changed") && page.text.contains("Operators stated the weights.")
    );

    // Another operator was faster: the confirmation is about what is no longer so.
    let again = browser.post("/confirm", &confirmed).await;
    assert_eq!(again.status, StatusCode::CONFLICT);
    assert!(
        again.text.contains("has changed since you decided"),
        "{}",
        again.text
    );

    let id = page
        .text
        .split("name=\"drain\" value=\"http")
        .nth(1)
        .and_then(|rest| rest.split('"').next());
    let id = format!("http{}", id.expect("an instance"));
    for (name, target, done) in [
        ("drain", &*id, "drained"),
        ("end-drain", &id, "undrained"),
        ("drain", "shop", "drained"),
        ("end-drain", "shop", "undrained"),
    ] {
        let asked = browser.post("/change", &[("key", &key), (name, target)]).await;
        assert_eq!(
            asked.text.contains("No visitor gets this service then."),
            (name, target) == ("drain", "shop")
        );
        let seen = asked.field("seen");
        let made = browser
            .post("/confirm", &[("key", &key), (name, target), ("seen", &seen)])
            .await;
        assert_eq!(
            made.header("location"),
            format!("/service?name=shop&done={done}"),
            "{}",
            made.text
        );
    }
    let asked = browser
        .post("/change", &[("key", &key), ("service", "shop"), ("clear", "yes")])
        .await;
    let seen = asked.field("seen");
    browser
        .post(
            "/confirm",
            &[
                ("key", &key),
                ("service", "shop"),
                ("clear", "yes"),
                ("seen", &seen),
            ],
        )
        .await;
    assert_eq!(weights(&gateway, "shop")[0].1, "0.50");

    let out = browser.post("/sign-out", &[("key", &key)]).await;
    assert!(out.header("set-cookie").contains("Max-Age=0"));
    let after = browser.get("/service?name=shop").await;
    assert_eq!(
        (after.status, after.header("location")),
        (StatusCode::SEE_OTHER, "/sign-in?place=%2Fservice%3Fname%3Dshop"),
        "the session has ended"
    );
}

#[tokio::test]
async fn no_other_site_and_no_stranger_changes_anything() {
    let (gateway, port) = start(config()).await;
    let _one = add(&port, "shop", json!({"version":1})).await;
    crate::support::send_heartbeats(port.address, &["shop"]);
    let mut operator = Browser::of(&gateway);
    operator.sign_in().await;
    let key = operator.get("/weights?name=shop").await.field("key");
    let stranger = Browser::of(&gateway);
    let fields = [("key", &*key), ("drain", "shop")];
    let own = [
        ("origin", "http://127.0.0.1:8082"),
        ("sec-fetch-site", "same-origin"),
    ];
    let seen = operator.post("/change", &fields).await.field("seen");
    let confirm = [("key", &*key), ("drain", "shop"), ("seen", &*seen)];
    let wrong_key = [("key", "0123"), ("drain", "shop"), ("seen", &*seen)];
    let no_key = [("drain", "shop"), ("seen", &*seen)];
    for (what, request, expected) in [
        (
            "another site",
            operator.form(
                "/confirm",
                &confirm,
                &[
                    ("origin", "http://evil.example"),
                    ("sec-fetch-site", "cross-site"),
                ],
            ),
            403,
        ),
        (
            "another port",
            operator.form(
                "/confirm",
                &confirm,
                &[
                    ("origin", "http://127.0.0.1:9000"),
                    ("sec-fetch-site", "same-site"),
                ],
            ),
            403,
        ),
        (
            "a sandboxed frame",
            operator.form("/confirm", &confirm, &[("origin", "null")]),
            403,
        ),
        (
            "an old browser that says nothing",
            operator.form("/confirm", &confirm, &[]),
            403,
        ),
        ("no key", operator.form("/confirm", &no_key, &own), 403),
        ("a wrong key", operator.form("/confirm", &wrong_key, &own), 403),
        ("no session", stranger.form("/confirm", &confirm, &own), 401),
        ("no session, asking", stranger.form("/change", &fields, &own), 401),
        (
            "another site that signs in",
            operator.form(
                "/sign-in",
                &[("token", TOKEN)],
                &[("origin", "http://evil.example")],
            ),
            403,
        ),
        (
            "a wrong token",
            stranger.form("/sign-in", &[("token", "the-token-of-the-operatorz")], &own),
            403,
        ),
        (
            "an empty token",
            stranger.form("/sign-in", &[("token", "")], &own),
            403,
        ),
        (
            "another site that signs out",
            operator.form(
                "/sign-out",
                &[("key", &key)],
                &[("origin", "http://evil.example")],
            ),
            403,
        ),
        (
            "the token as the cookie",
            {
                let mut request = stranger.form("/confirm", &confirm, &own);
                let cookie = format!("HYDRA-OPERATOR={TOKEN}").parse().expect("a value");
                request.headers_mut().insert(COOKIE, cookie);
                request
            },
            401,
        ),
        (
            "JSON",
            {
                let mut request = operator.form("/confirm", &confirm, &own);
                request
                    .headers_mut()
                    .insert("content-type", "application/json".parse().expect("a value"));
                request
            },
            400,
        ),
        (
            "too much",
            operator.form("/change", &[("key", &key), ("drain", &"x".repeat(100_000))], &own),
            413,
        ),
        ("nothing", operator.form("/change", &[("key", &key)], &own), 400),
        (
            "a service that is not there",
            operator.form("/change", &[("key", &key), ("drain", "nothing")], &own),
            404,
        ),
    ] {
        let got = stranger.send(request).await;
        assert_eq!(
            (got.status.as_u16(), got.header("set-cookie")),
            (expected, ""),
            "{what}: {}",
            got.text
        );
        assert!(!gateway.steering_state()[0].drained, "{what}");
    }
    for path in ["/confirm", "/change", "/sign-out"] {
        let got = operator
            .get(&format!("{path}?drain=shop&key={key}&seen={seen}"))
            .await;
        assert_eq!(got.status, StatusCode::METHOD_NOT_ALLOWED, "{path}");
    }
    let rebound = Request::get("/")
        .header("host", "evil.example")
        .body(Body::empty());
    assert_eq!(
        operator.send(rebound.expect("a request")).await.status,
        StatusCode::MISDIRECTED_REQUEST
    );
    assert!(!operator.get("/").await.text.contains(TOKEN));
}

#[tokio::test]
async fn without_a_token_the_page_is_read_only_and_says_how_to_change_that() {
    let config = GatewayConfig {
        admin_token: None,
        ..config()
    };
    let (gateway, port) = start(config).await;
    let _one = add(&port, "shop", json!({"version":1})).await;
    crate::support::send_heartbeats(port.address, &["shop"]);
    let browser = Browser::of(&gateway);
    for path in [
        "/",
        "/service?name=shop",
        "/weights?name=shop",
        "/routes",
        "/problems",
        "/flows",
        "/sign-in",
    ] {
        let page = browser.get(path).await;
        assert_eq!(page.status, StatusCode::OK, "{path}");
        assert!(
            page.text.contains("<code>admin_token</code>"),
            "{path}: {}",
            page.text
        );
        assert!(
            !page.text.contains("method=\"post\""),
            "{path} has a form: {}",
            page.text
        );
    }
    for (path, fields) in [
        ("/change", [("drain", "shop")]),
        ("/confirm", [("drain", "shop")]),
        ("/sign-in", [("token", "")]),
    ] {
        assert_eq!(
            browser.post(path, &fields).await.status,
            StatusCode::FORBIDDEN,
            "{path}"
        );
    }
    assert!(!gateway.steering_state()[0].drained);
}
