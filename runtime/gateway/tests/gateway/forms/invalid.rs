//! What can't be used comes back into the page.

use http::StatusCode;
use hydra_runtime_wire::forms::{AnsweredFragment, seal_of};
use serde_json::json;

use super::{FOOTER, Site, TYPED, invalid, target};

#[tokio::test]
async fn the_fragment_comes_back_into_its_page_whose_service_sees_nothing_of_it() {
    let site = Site::new(200, invalid()).await;
    let answered = site
        .post(&target(), &[("cookie", "own=1"), ("accept-language", "de")])
        .await;
    assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY);
    let again = seal_of("orders", b"again");
    let expected = format!(
        "<body><h1>Pay</h1><form action=\"?hydra-form={again}\"><b>{TYPED} is wrong</b></form>{FOOTER}</body>"
    );
    assert_eq!(answered.text(), expected);
    // Because of the cookie that the page sets.
    assert_eq!(answered.headers["cache-control"], "private, no-store");
    assert_eq!(answered.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(answered.headers["set-cookie"], "own=1");
    for name in ["hydra-form", "etag", "content-length"] {
        assert!(!answered.headers.contains_key(name), "{name}");
    }

    let seen = site.seen_by_page();
    let [seen] = seen.as_slice() else {
        panic!("{seen:?}")
    };
    assert_eq!((seen.method.as_str(), seen.uri.as_str()), ("GET", "/pay"));
    assert_eq!(seen.header("accept-encoding"), Some("identity"));
    assert_eq!(seen.header("cookie"), Some("own=1"));
    assert_eq!(seen.header("accept-language"), Some("de"));
    assert!(seen.header("content-type").is_none() && seen.body.is_empty());
    let told = AnsweredFragment::from_header(&seen.headers["hydra-form"]).expect("readable");
    assert_eq!(
        (told.service.as_str(), told.reference.as_str()),
        ("orders", "checkout")
    );
    assert_eq!(json!(told.exports), json!({"zip": "1000"}));
    let all = format!("{seen:?} {told:?}");
    assert!(!all.contains(TYPED), "{all}");
}

#[tokio::test]
async fn the_page_keeps_its_query_also_when_the_form_is_sent_again() {
    let site = Site::new(200, invalid()).await;
    let referer = format!("{}/pay?x=1&y=%22", site.origin());
    let answered = site.post(&target(), &[("referer", &referer)]).await;
    // That of the answer, and that of the rest of the page.
    let with_query = answered.text().matches("action=\"?x=1&amp;y=%22&amp;hydra-form=");
    assert_eq!(with_query.count(), 2, "{}", answered.text());
    let again = target().replace('?', "?x=1&y=%22&");
    let referer = format!("{}{}", site.origin(), target());
    let answered = site.post(&again, &[("referer", &referer)]).await;
    assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY);
    let pages: Vec<_> = site.seen_by_page().into_iter().map(|seen| seen.uri).collect();
    assert_eq!(pages, ["/pay?x=1&y=%22"; 2]);
}

#[tokio::test]
async fn without_a_place_in_the_page_the_fragment_comes_alone() {
    let site = Site::new(200, invalid()).await;
    for path in ["/no-place", "/gone"] {
        let target = target().replace("/pay?", &format!("{path}?y=2&"));
        let answered = site.post(&target, &[]).await;
        assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
        let text = answered.text();
        assert!(
            text.starts_with("<!doctype html>") && text.contains(&format!("<b>{TYPED} is wrong</b>")),
            "{text}"
        );
        assert!(
            !text.contains("the form") && !text.contains("<!--hydra"),
            "{text}"
        );
        assert!(text.contains("action=\"?y=2&amp;hydra-form="), "{text}");
        assert_eq!(answered.headers["cache-control"], "no-store");
        assert!(!answered.headers.contains_key("set-cookie"));
    }
    // Exports that fit into no header.
    let mut answer = invalid();
    answer["exports"] = json!({"zip": "x".repeat(20_000)});
    let site = Site::new(200, answer).await;
    let answered = site.post(&target(), &[]).await;
    assert_eq!(answered.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(answered.text().starts_with("<!doctype html>"));
    assert!(site.seen_by_page().is_empty());
}

#[tokio::test]
async fn a_page_with_a_form_is_kept_by_the_browser_of_its_visitor_if_nothing_in_it_speaks_against_that() {
    let site = Site::new(200, invalid()).await;
    for (query, cookie, expected) in [
        ("quiet", "a=b", "private, no-cache"),
        ("loud", "a=b", "private, no-store"),
        ("quiet-secret", "a=b", "private, no-store"),
        ("quiet", "HYDRA-SESSION=1", "private, no-store"),
    ] {
        let target = target().replace('?', &format!("?{query}&"));
        let answered = site.post(&target, &[("cookie", cookie)]).await;
        assert_eq!(answered.headers["cache-control"], expected, "{query} {cookie}");
    }
}

#[tokio::test]
async fn forms_are_counted_by_what_became_of_them() {
    let recorder = metrics_exporter_prometheus::PrometheusBuilder::new().build_recorder();
    let _here = metrics::set_default_local_recorder(&recorder);
    let site = Site::new(200, invalid()).await;
    site.post(&target(), &[]).await;
    let unknown = format!("/pay?hydra-form={}", seal_of("unknown", b"x"));
    site.post(&unknown, &[]).await;
    site.post("/pay?hydra-form=x", &[]).await;
    site.post(&target(), &[("sec-fetch-site", "cross-site")]).await;
    let refusing = Site::new(404, json!({"reason": "x", "ref": "checkout", "action": "place"})).await;
    refusing.post(&target(), &[]).await;
    let text = recorder.handle().render();
    for line in [
        "hydra_actions_total{service=\"other\",ref=\"other\",action=\"other\",outcome=\"refused\"} 1",
        "hydra_actions_total{service=\"orders\",ref=\"other\",action=\"other\",outcome=\"refused\"} 1",
        "hydra_actions_total{service=\"orders\",ref=\"checkout\",action=\"place\",outcome=\"refused\"} 1",
        "hydra_actions_total{service=\"orders\",ref=\"checkout\",action=\"place\",outcome=\"invalid\"} 1",
        "hydra_actions_total{service=\"other\",ref=\"other\",action=\"other\",outcome=\"unsent\"} 1",
        "hydra_action_seconds_count{service=\"orders\",ref=\"checkout\",action=\"place\"} 2",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
}
