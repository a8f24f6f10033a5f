//! A large installation makes no large page.

use std::sync::Arc;

use axum::{Router, body::Body};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use serde_json::json;
use tokio::sync::watch;
use tower::ServiceExt as _;

use crate::{
    Gateway, GatewayConfig,
    registry::instance::{Instance, RegistrationRules, check},
};

const SERVICES: usize = 1_000;
/// Ten of them make no larger page, but registering them takes a test long.
const INSTANCES_EACH: usize = 2;

/// An instance with twenty paths, whose pages embed two fragments: one that the owner offers, and one that it does not.
fn instance(service: usize, number: usize) -> Arc<Instance> {
    let name = format!("service{service:04}");
    let endpoints: Vec<String> = (0..20).map(|path| format!("/s{service}/p{path}")).collect();
    let other = format!("service{:04}", (service + 1) % SERVICES);
    let uses = |reference: &str| json!({"service": other, "ref": reference, "imports": {"id": "integer"}, "pages": ["a.html"]});
    let body = json!({"webProtocol": "http", "host": format!("10.0.{}.{}", service / 250, service % 250), "port": 1_000 + number,
        "name": name, "protocol": 2, "endpoints": endpoints, "version": number % 2, "versionName": format!("1.{}", number % 2),
        "contract": {"service": name, "fragments": {"box": {"imports": {"id": "integer"}}}, "asks": [uses("box"), uses("gone")]}});
    let registration = serde_json::from_value(body).expect("a registration");
    let rules = RegistrationRules {
        limits: GatewayConfig::default().limits(),
        ..RegistrationRules::default()
    };
    Arc::new(check(registration, None, &rules).expect("a good one"))
}

async fn got(router: &Router, path: &str) -> String {
    let request = Request::get(path).header("host", "localhost").body(Body::empty());
    let answer = router.clone().oneshot(request.expect("a request")).await;
    let (parts, body) = answer.expect("an answer").into_parts();
    assert_eq!(parts.status, StatusCode::OK, "{path}");
    let body = body.collect().await.expect("a body").to_bytes();
    String::from_utf8(body.to_vec()).expect("UTF-8")
}

#[tokio::test]
async fn lists_of_a_large_installation_are_cut_and_say_so() {
    let gateway = Gateway::new(GatewayConfig::default()).expect("a good configuration");
    let numbers = (0..SERVICES).flat_map(|service| (0..INSTANCES_EACH).map(move |number| (service, number)));
    gateway
        .publisher()
        .install(numbers.map(|(service, number)| instance(service, number)));
    let (_stop, stopping) = watch::channel(false);
    let router = gateway.admin(None, stopping).router();
    for (path, rows, said) in [
        ("/", 50, "1 to 50 of 1000"),
        ("/?page=20", 50, "951 to 1000 of 1000"),
        ("/?page=21", 50, "951 to 1000 of 1000"),
        ("/?q=SERVICE099", 10, "service0999"),
        ("/routes", 50, "1 to 50 of 21000"),
        ("/routes?q=%2Fs77%2Fp1", 11, "/s77/p19"),
        ("/flows", 50, "1 to 50 of 2000"),
        ("/problems", 50, "1 to 50 of 1000"),
        ("/service?name=service0000", 8, "1.1"),
    ] {
        let page = got(&router, path).await;
        let tables = page.split("<tbody>").skip(1);
        let rows_of = |table: &str| {
            let rows = table.split("</tbody>").next().unwrap_or_default();
            rows.matches("<tr>").count()
        };
        assert_eq!(tables.map(rows_of).sum::<usize>(), rows, "{path}");
        assert!(page.contains(said), "{path}: {said}\n{page}");
        assert!(page.len() < 100_000, "{path}: {} bytes", page.len());
        for sum in ["<dd>1,000", "<dd>2,000", "<dd>21,000"]
            .iter()
            .filter(|_| !path.starts_with("/service"))
        {
            assert!(page.contains(sum), "{path}: {sum}");
        }
    }
}
