//! What handlers see of other services.

use super::*;

#[tokio::test]
async fn handlers_see_services_that_came_later_in_the_overview() {
    use hydra_runtime_gateway::{Gateway, GatewayConfig, Secret};
    const PLAN: &str = r#"{"format": 4, "templates": [], "sites": [], "pages": [],
        "contract": {"service": ""}, "offers": {}}"#;
    let key = "a private key for tests";
    let config = GatewayConfig {
        private_key: Some(Secret::new(key.to_owned())),
        ..GatewayConfig::default()
    };
    let gateway = Gateway::new(config).unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
    let menu = async |overview: Overview| {
        let links = overview.menu("main").iter();
        let links: Vec<_> = links.map(|link| link.label.as_str()).collect();
        format!("{} {}", links.join(","), overview.has_page("/late/x"))
    };
    let shop = App::with_plan("shop", PLAN).menu("main", "/", "Home");
    let (router, _stop) = start(shop.route("/menu", get(menu)), address, key).await;
    let shown = async |expected: &str| {
        for _ in 0..500 {
            let answer = router.clone().oneshot(visit("/menu")).await.unwrap();
            let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
            if body == expected {
                return true;
            }
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        }
        false
    };
    assert!(shown("Home false").await);
    let late = App::with_plan("late", PLAN)
        .route("/late/{id}", get(async || ""))
        .menu("main", "/late/1", "Late");
    let (_router, _stop_late) = start(late, address, key).await;
    assert!(shown("Home,Late true").await);
}

#[tokio::test]
async fn outside_of_an_application_there_is_no_overview() {
    let router = Router::new().route("/", get(async |_: Overview| ""));
    let response = router.oneshot(visit("/")).await.unwrap();
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
}
