//! What operators and developers see of forms at an application without a gateway.

use metrics_exporter_prometheus::PrometheusBuilder;

use super::{
    forms::{address, browser, page_app},
    *,
};

#[tokio::test]
async fn forms_are_counted_by_what_became_of_them() {
    let address = address().await;
    let recorder = PrometheusBuilder::new().build_recorder();
    let _here = metrics::set_default_local_recorder(&recorder);
    for body in ["zip=9000", "zip=1", "count=x", "zip=forbidden", "zip=panic"] {
        answer(page_app(), browser(&address, body)).await;
    }
    answer(page_app(), browser("?hydra-form=c2hvcA.AAAA", "zip=9000")).await;
    // Before the seal is read.
    for (name, value) in [("sec-fetch-site", "cross-site"), ("content-encoding", "gzip")] {
        let mut request = browser(&address, "zip=9000");
        request
            .headers_mut()
            .insert(name, http::HeaderValue::from_static(value));
        answer(page_app(), request).await;
    }
    let text = recorder.handle().render();
    let of_place = "service=\"shop\",ref=\"checkout\",action=\"place\"";
    for line in [
        format!("hydra_actions_total{{{of_place},outcome=\"done\"}} 1"),
        format!("hydra_actions_total{{{of_place},outcome=\"invalid\"}} 2"),
        format!("hydra_actions_total{{{of_place},outcome=\"refused\"}} 1"),
        format!("hydra_actions_total{{{of_place},outcome=\"unclear\"}} 1"),
        "hydra_actions_total{service=\"shop\",ref=\"other\",action=\"other\",outcome=\"refused\"} 3"
            .to_owned(),
        format!("hydra_action_seconds_count{{{of_place}}} 5"),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
}

#[tokio::test]
async fn the_form_of_a_page_is_counted_without_a_fragment() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _here = metrics::set_default_local_recorder(&recorder);
    for (action, body) in [("send", "zip=9000"), ("send", "zip=1"), ("no", "zip=1")] {
        let address = format!("?hydra-form=page:{action}");
        answer(page_forms::app(), browser(&address, body)).await;
    }
    let text = recorder.handle().render();
    for line in [
        "hydra_actions_total{service=\"shop\",ref=\"\",action=\"send\",outcome=\"done\"} 1",
        "hydra_actions_total{service=\"shop\",ref=\"\",action=\"send\",outcome=\"invalid\"} 1",
        "hydra_actions_total{service=\"shop\",ref=\"other\",action=\"other\",outcome=\"refused\"} 1",
    ] {
        assert!(text.contains(line), "{line}: {text}");
    }
    let app = page_forms::app().settings(Partial::default().debug_headers("true"));
    let (_, headers, _) = answer(app, browser("?hydra-form=page:send", "zip=9000")).await;
    let timing = headers["server-timing"].to_str().expect("text");
    assert!(timing.contains("action;desc=\"shop/send: done\""), "{timing}");
}

#[tokio::test]
async fn developers_see_what_became_of_a_form() {
    let address = address().await;
    for (body, expected) in [
        ("zip=9000", "done"),
        ("zip=1", "invalid"),
        ("zip=forbidden", "refused"),
    ] {
        let app = page_app().settings(Partial::default().private_key(forms::KEY).debug_headers("true"));
        let (_, headers, _) = answer(app, browser(&address, body)).await;
        let timing = headers["server-timing"].to_str().expect("text");
        let action = format!("action;desc=\"shop/checkout/place: {expected}\";dur=");
        assert!(timing.contains(&action), "{timing}");
    }
}
