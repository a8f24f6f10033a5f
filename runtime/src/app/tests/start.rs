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
