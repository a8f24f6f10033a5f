//! What visitors get whose form was not handled, or is shown again.

use hydra_runtime_wire::forms::seal_of;

use super::{
    forms::{KEY, address, browser, form_app, form_plan, home_page, page_app, page_plan, place, seal, sent},
    *,
};
use crate::log_of_tests::Log;

#[tokio::test]
async fn the_status_of_an_action_is_told_from_those_of_the_protocol() {
    let seal = seal(json!({})).await;
    let wrong = seal_of("shop", b"x");
    for (seal, body, status, refused) in [
        (&seal, "zip=gone", StatusCode::GONE, json!(true)),
        (&seal, "zip=forbidden", StatusCode::FORBIDDEN, Value::Null),
        (
            &seal,
            "zip=unavailable",
            StatusCode::INTERNAL_SERVER_ERROR,
            Value::Null,
        ),
        (&seal, "zip=%ff", StatusCode::BAD_REQUEST, Value::Null),
        (&wrong, "zip=9000", StatusCode::BAD_REQUEST, Value::Null),
    ] {
        let (found, _, text) = answer(form_app(), sent(seal, body)).await;
        let failure: Value = serde_json::from_str(&text).expect("JSON");
        assert_eq!((found, &failure["refused"]), (status, &refused), "{body}");
        let named = match *seal == wrong {
            true => [Value::Null, Value::Null],
            false => [json!("checkout"), json!("place")],
        };
        assert_eq!(
            [&failure["ref"], &failure["action"]],
            [&named[0], &named[1]],
            "{body}"
        );
    }
}

/// More than a fragment may be: then the errors are shown alone.
#[tokio::test]
async fn a_form_that_can_not_be_shown_as_it_was_filled_in_comes_without_what_was_typed() {
    let seal = seal(json!({"who": "Ann"})).await;
    let (status, _, text) = answer(form_app(), sent(&seal, format!("zip={}", "x".repeat(1_100_000)))).await;
    assert_eq!(status, StatusCode::OK);
    let answered: Value = serde_json::from_str(&text).unwrap();
    let html = answered["renderedHTML"].as_str().expect("HTML");
    assert!(
        html.ends_with(">place|||No &lt;such&gt; code.|Sorry.|Ann</form>"),
        "{html}"
    );
    // A template that fails whatever was typed: nothing was done.
    let failing = form_plan().replace(
        "{{ form.message }}",
        "{% if form.action %}{{ form.no.such }}{% endif %}",
    );
    let app = App::with_plan("shop", failing)
        .action(place)
        .settings(Partial::default().private_key(KEY));
    let (status, _, text) = answer(app, sent(&seal, "zip=1")).await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE, "{text}");
}

#[tokio::test]
async fn what_was_typed_into_a_fragment_is_in_no_log() {
    let seal = seal(json!({"who": "Ann"})).await;
    let fails_with_it = "{% if form.values.zip %}{{ form.values.zip | int }}{% endif %}";
    let plan = form_plan().replace("{{ form.values.zip }}", fails_with_it);
    assert!(plan.contains("| int"), "the form shows what was typed: {plan}");
    let app = App::with_plan("shop", plan)
        .action(place)
        .settings(Partial::default().private_key(KEY));
    let log = Log::default();
    let guard = log.here();
    let (status, _, text) = answer(app, sent(&seal, "zip=4111+1111")).await;
    drop(guard);
    assert_eq!(status, StatusCode::OK, "{text}");
    let lines = log.text();
    assert!(lines.contains("fragment not shown"), "{lines}");
    assert!(!lines.contains("4111"), "{lines}");
}

#[tokio::test]
async fn the_kind_of_a_form_may_be_written_in_large_letters() {
    let mut request = sent(&seal(json!({})).await, "zip=9000");
    let kind = "Application/X-WWW-Form-URLEncoded; charset=UTF-8"
        .parse()
        .unwrap();
    request.headers_mut().insert(header::CONTENT_TYPE, kind);
    assert_eq!(answer(form_app(), request).await.0, StatusCode::OK);
}

/// As a gateway says it.
#[tokio::test]
async fn without_a_gateway_visitors_learn_as_well_whether_a_form_may_be_sent_again() {
    let address = address().await;
    let unclear = "it is not known what became of it";
    for (body, status, words) in [
        ("zip=panic", StatusCode::INTERNAL_SERVER_ERROR, unclear),
        ("zip=unavailable", StatusCode::INTERNAL_SERVER_ERROR, unclear),
        ("zip=elsewhere", StatusCode::INTERNAL_SERVER_ERROR, unclear),
        ("zip=gone", StatusCode::GONE, "was not accepted"),
        (
            "zip=forbidden",
            StatusCode::FORBIDDEN,
            "You may not send this form",
        ),
        ("zip=%ff", StatusCode::BAD_REQUEST, "nothing was done"),
    ] {
        let (found, _, text) = answer(page_app(), browser(&address, body)).await;
        assert_eq!(found, status, "{body}");
        assert!(text.contains(words), "{body}: {text}");
    }
    let mut encoded = browser(&address, "zip=9000");
    let coding = "gzip".parse().unwrap();
    encoded.headers_mut().insert(header::CONTENT_ENCODING, coding);
    assert_eq!(
        answer(page_app(), encoded).await.0,
        StatusCode::UNSUPPORTED_MEDIA_TYPE
    );
}

#[tokio::test]
async fn all_forms_of_a_page_that_shows_one_again_keep_its_query() {
    let other = r#"<form action=\"?hydra-form=c2hvcA.AAAA\"><hr>"#;
    let app = || {
        App::with_plan("shop", page_plan().replace("<hr>", other))
            .page(home_page)
            .action(place)
            .settings(Partial::default().private_key(KEY))
    };
    let target = address().await.replace('?', "?x=1&");
    let (status, _, html) = answer(app(), browser(&target, "zip=1")).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(html.matches("action=\"?x=1&amp;hydra-form=").count(), 2, "{html}");
}

async fn silent_page(name: Path<String>) -> ([(header::HeaderName, &'static str); 1], Home) {
    ([(header::CACHE_CONTROL, "no-store")], home_page(name).await)
}

#[tokio::test]
async fn browsers_do_not_keep_a_form_of_a_visitor_with_a_session() {
    let address = address().await;
    let mut request = browser(&address, "zip=1");
    let cookie = "HYDRA-SESSION=1".parse().unwrap();
    request.headers_mut().insert(header::COOKIE, cookie);
    let (_, headers, _) = answer(page_app(), request).await;
    assert_eq!(headers[header::CACHE_CONTROL], "private, no-store");
    let silent = App::with_plan("shop", page_plan())
        .page(silent_page)
        .action(place)
        .settings(Partial::default().private_key(KEY));
    let (_, headers, _) = answer(silent, browser(&address, "zip=1")).await;
    assert_eq!(headers[header::CACHE_CONTROL], "private, no-store");
}
