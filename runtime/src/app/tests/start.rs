//! What starts, and what does not.

use super::*;

fn error(app: App) -> String {
    app.into_router().map(drop).unwrap_err().to_string()
}

#[test]
fn what_can_not_start_says_why() {
    let other = plan().replace("\"greeting\":\"#2", "\"greetings\":\"#2");
    let app = App::with_plan("shop", other)
        .fragment(greeting)
        .with_state(Hello(""));
    let message = error(app);
    assert!(
        message.contains("`greeting`; they offer `greetings`, `plain`"),
        "{message}"
    );
    assert!(error(App::with_plan("shop", "{}")).contains("one version"));
    assert!(error(app_with("no such folder")).contains("no such folder"));
}

#[test]
fn what_no_gateway_takes_is_an_error_at_the_start() {
    let registered = || {
        let settings = Partial::default()
            .gateway("http://127.0.0.1:9")
            .listen("127.0.0.1:0");
        app().settings(settings)
    };
    let paths = |count: usize, path: fn(usize) -> String| (0..count).map(path).collect::<Vec<_>>();
    let endpoints = paths(10_001, |n| format!("/p{n}"));
    let app = registered().merge(Router::new(), endpoints.iter().map(String::as_str));
    assert!(error(app).contains("`endpoints` has more than 10000"));
    let globs = paths(101, |n| format!("/*.{n}"));
    let app = registered().merge(Router::new(), globs.iter().map(String::as_str));
    assert!(error(app).contains("more than 100 patterns"));
    let menu = (0..10_001).fold(registered(), |app, n| app.menu("main", format!("/{n}"), "x"));
    assert!(error(menu).contains("`menuItems` has more than"));
    // A path that belongs to the gateway is an application's own affair: it may be for who calls it directly.
    let own = registered().route("/health", get(async || ""));
    assert!(own.into_router().is_ok());
}

fn app_with(folder: &str) -> App {
    app().static_files(folder)
}

#[tokio::test]
async fn a_taken_port_is_said_in_words() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let app = app().settings(Partial::default().listen(address));
    let message = app
        .serve_until(std::future::pending())
        .await
        .unwrap_err()
        .to_string();
    assert!(
        message.contains("is taken") && message.contains("HYDRA_LISTEN"),
        "{message}"
    );
}

#[tokio::test]
async fn it_serves_until_it_is_told_to_stop() {
    let app = app().settings(Partial::default().listen("127.0.0.1:0"));
    app.serve_until(std::future::ready(())).await.unwrap();
}

#[tokio::test]
async fn beyond_this_machine_it_serves_with_a_private_key_or_where_that_is_allowed() {
    let key = || Partial::default().private_key("a private key for tests");
    let allowed = |text: &str| Partial::default().allow_unsigned(text);
    for (listen, settings, starts) in [
        ("127.0.0.1:0", Partial::default(), true),
        ("127.0.0.1:0", allowed("false"), true),
        // An address of no machine: nothing listens in these tests where others could reach it.
        ("192.0.2.1:0", Partial::default(), false),
        ("192.0.2.1:0", allowed("false"), false),
        ("0.0.0.0:0", Partial::default(), false),
        ("[::]:0", allowed("false"), false),
        ("192.0.2.1:0", allowed("true"), true),
        ("192.0.2.1:0", key(), true),
        ("192.0.2.1:0", key().allow_unsigned("true"), true),
    ] {
        let app = app().settings(settings.listen(listen));
        let served = app.serve_until(std::future::ready(())).await;
        match served {
            Err(Error::Open(address)) => assert!(!starts && address.to_string() == listen, "{listen}"),
            Err(Error::Listen { .. }) => assert!(starts && listen.starts_with("192"), "{listen}"),
            other => assert!(
                starts && other.is_ok() && listen.starts_with("127"),
                "{listen}: {other:?}"
            ),
        }
    }
}

#[test]
fn a_refusal_to_listen_beyond_this_machine_says_what_to_do() {
    let message = Error::Open("0.0.0.0:8080".parse().unwrap()).to_string();
    for part in [
        "0.0.0.0:8080",
        "without a private key",
        "HYDRA_PRIVATE_KEY",
        "`allow_unsigned = true`",
        "HYDRA_ALLOW_UNSIGNED",
    ] {
        assert!(message.contains(part), "{part} in {message}");
    }
}

#[tokio::test]
async fn with_a_private_key_allow_unsigned_lets_no_unsigned_call_in() {
    let settings = Partial::default()
        .private_key("a private key for tests")
        .allow_unsigned("true");
    let body = json!({"protocol": 2, "requests": {}}).to_string();
    let router = app().settings(settings).into_router().unwrap();
    let answer = router.oneshot(call("hydra", &body)).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNAUTHORIZED);
}
