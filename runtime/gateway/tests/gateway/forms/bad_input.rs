//! Forms that are not sent: nothing reaches the owner, and nothing typed reaches the page's service in any case.

use http::StatusCode;
use hydra_runtime_gateway::GatewayConfig;
use hydra_runtime_wire::forms::seal_of;
use serde_json::json;

use super::{Site, TYPED, answer_of, target};

async fn site() -> Site {
    Site::new(200, json!({"outcome": "done"})).await
}

#[tokio::test]
async fn a_seal_that_can_not_be_read_goes_nowhere() {
    let site = site().await;
    let long = seal_of("orders", &[0; 4_000]);
    for seal in [
        "",
        "x",
        "a.b.c",
        ".AAAA",
        "b3JkZXJz",
        "b3JkZXJz.*",
        "b3JkZXJz.AA%41A",
        long.as_str(),
    ] {
        for query in [
            format!("hydra-form={seal}"),
            format!("x=1&hydra-form={seal}"),
            format!("hydra-form={seal}&hydra-form={}", seal_of("orders", b"sealed")),
        ] {
            let answered = site.post(&format!("/pay?{query}"), &[]).await;
            assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{query}");
        }
    }
    assert_eq!(
        site.post("/pay?hydra-form", &[]).await.status,
        StatusCode::BAD_REQUEST
    );
    assert!(site.seen_by_page().is_empty() && site.seen_by_owner().is_empty());
}

#[tokio::test]
async fn another_site_can_not_make_a_browser_send_a_form() {
    let site = site().await;
    for headers in [
        &[("sec-fetch-site", "cross-site")][..],
        &[("sec-fetch-site", "same-site")],
        &[("origin", "http://evil.example")],
        &[("origin", "null")],
    ] {
        let answered = site.post(&target(), headers).await;
        assert_eq!(answered.status, StatusCode::FORBIDDEN, "{headers:?}");
    }
    assert!(site.seen_by_page().is_empty() && site.seen_by_owner().is_empty());
    let origin = site.origin();
    for headers in [
        &[("sec-fetch-site", "same-origin")][..],
        &[("origin", origin.as_str())],
        &[],
    ] {
        let answered = site.post(&target(), headers).await;
        assert_eq!(answered.status, StatusCode::SEE_OTHER, "{headers:?}");
    }
}

/// A seal counts at every path: a path that takes the requests of other sites would open all actions.
#[tokio::test]
async fn no_path_takes_forms_of_fragments_from_another_site() {
    let open = GatewayConfig::from_toml("public_key = 'K'\ncross_site = ['/**']").expect("good");
    let site = Site::with(open, || answer_of(200, &json!({"outcome": "done"}))).await;
    let from_elsewhere = &[("sec-fetch-site", "cross-site")];
    let answered = site.post(&target(), from_elsewhere).await;
    assert_eq!(answered.status, StatusCode::FORBIDDEN);
    assert!(site.seen_by_owner().is_empty());
    let own = site.post_body("/pay", from_elsewhere, "own").await;
    assert_eq!(own.status, StatusCode::OK);
}

#[tokio::test]
async fn a_form_for_a_path_that_no_service_has_runs_no_action() {
    let site = site().await;
    let answered = site.post(&target().replace("/pay", "/nothing"), &[]).await;
    assert_eq!(answered.status, StatusCode::NOT_FOUND);
    assert!(site.seen_by_owner().is_empty());
}

#[tokio::test]
async fn forms_are_bounded() {
    let answer = json!({"outcome": "done"});
    let small = GatewayConfig::from_toml("public_key = 'K'\nmax_form = '1KB'").expect("good");
    let site = Site::with(small, move || answer_of(200, &answer)).await;
    let whole = "x".repeat(1_001);
    let stated = site.post_body(&target(), &[], whole.clone()).await;
    assert_eq!(stated.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(site.seen_by_owner().is_empty());
    let pieces = (0..100).map(|_| Ok::<_, std::io::Error>("x".repeat(100)));
    let endless = axum::body::Body::from_stream(futures_util::stream::iter(pieces));
    let streamed = site.post_body(&target(), &[], endless).await;
    assert_eq!(streamed.status, StatusCode::PAYLOAD_TOO_LARGE);
    let fits = site
        .post_body(&target(), &[], whole.split_at(1_000).0.to_owned())
        .await;
    assert_eq!(fits.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn an_encoded_form_is_not_taken() {
    let site = site().await;
    let answered = site.post(&target(), &[("content-encoding", "gzip")]).await;
    assert_eq!(answered.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    assert!(site.seen_by_owner().is_empty());
}

/// A redirect to such a path would lead to another host.
#[tokio::test]
async fn a_path_that_is_like_a_host_is_no_page() {
    let site = site().await;
    for path in ["//evil.example/pay", "///evil.example"] {
        let target = target().replace("/pay", path);
        let answered = site.post(&target, &[]).await;
        assert_eq!(answered.status, StatusCode::BAD_REQUEST, "{path}");
        let visited = crate::support::get(&site.gateway.url(&target)).await;
        assert_ne!(visited.status, StatusCode::SEE_OTHER, "{path}");
    }
    assert!(site.seen_by_owner().is_empty());
}

/// Names alike are the page's own affair, and so are other methods.
#[tokio::test]
async fn what_is_no_form_of_a_fragment_goes_to_the_page() {
    let site = site().await;
    let seal = seal_of("orders", b"sealed");
    for query in [
        format!("Hydra-Form={seal}"),
        format!("x-hydra-form={seal}"),
        format!("x=hydra-form={seal}"),
    ] {
        let answered = site.post_body(&format!("/pay?{query}"), &[], "own").await;
        assert_eq!(answered.status, StatusCode::OK, "{query}");
    }
    assert!(site.seen_by_owner().is_empty());
    assert_eq!(site.seen_by_page().len(), 3);
    assert!(!format!("{:?}", site.seen_by_page()).contains(TYPED));
}
