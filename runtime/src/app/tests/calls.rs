//! Others ask for fragments.

use super::*;

#[tokio::test]
async fn a_wrong_key_is_not_found_and_gets_an_empty_array() {
    let (status, _, body) = answer(app(), call("other", json!({"attributes": {}, "requests": []}))).await;
    assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, "[]"));
}

#[tokio::test]
async fn protocol_1_gets_an_array_and_its_attributes_only_as_far_as_the_contract_names_them() {
    let body = json!({"attributes": {"who": "Ann", "greeting": "Bye"},
                      "requests": [{"id": "$#1", "service": "shop", "ref": "greeting", "imports": null,
                                    "exports": [], "fallback": "x"}]});
    let (status, _, body) = answer(app(), call("hydra", body)).await;
    assert_eq!(status, StatusCode::OK);
    let expected = json!([{"renderedHTML": "<b>Hi Ann</b>", "id": "$#1"}]);
    assert_eq!(serde_json::from_str::<Value>(&body).unwrap(), expected);
}

#[tokio::test]
async fn protocol_1_gets_500_for_a_fragment_that_is_not_offered() {
    let body = json!({"attributes": {}, "requests": [{"id": "1", "ref": "none"}]});
    assert_eq!(
        answer(app(), call("hydra", body)).await.0,
        StatusCode::INTERNAL_SERVER_ERROR
    );
}

/// Asks by protocol 2 for the fragment `item` and gives its part of the answer.
pub(super) async fn resolve(item: Value) -> Value {
    let body = json!({"protocol": 2, "requests": {"shop": [item]}});
    let (status, _, body) = answer(app(), call("hydra", body)).await;
    assert_eq!(status, StatusCode::OK);
    serde_json::from_str::<Value>(&body).unwrap()["fragments"][0].take()
}

#[tokio::test]
async fn protocol_2_gets_the_exports_that_it_names_and_no_others() {
    let item = |exports: Value| json!({"id": "a", "ref": "greeting", "attributes": {"who": "Ann"}, "exports": exports, "deadline": 5000});
    let fragment = resolve(item(json!(["loud as shout", "greeting", "who"]))).await;
    assert_eq!(fragment["renderedHTML"], "<b>Hi Ann</b>");
    assert_eq!(fragment["outcome"], "rendered");
    assert_eq!(fragment["exports"], json!({"loud": "ANN"}));
    assert_eq!(resolve(item(json!([]))).await.get("exports"), None);
}

#[tokio::test]
async fn protocol_2_hears_what_became_of_a_fragment() {
    let cases = [
        (json!({"id": "a", "ref": "none", "attributes": {}}), "failed"),
        (
            json!({"id": "a", "ref": "greeting", "attributes": {"who": "stranger"}}),
            "refused",
        ),
        (
            json!({"id": "a", "ref": "greeting", "attributes": {"who": 1}}),
            "failed",
        ),
        (json!({"id": "a", "ref": "greeting", "attributes": {}}), "failed"),
        (
            json!({"id": "a", "ref": "greeting", "attributes": {"who": "A"}, "trail": ["shop/greeting"]}),
            "refused",
        ),
    ];
    for (item, outcome) in cases {
        let fragment = resolve(item.clone()).await;
        assert_eq!(
            (&fragment["outcome"], &fragment["id"]),
            (&json!(outcome), &json!("a")),
            "{item}"
        );
        assert_eq!(fragment["renderedHTML"], Value::Null);
    }
}

#[tokio::test]
async fn a_fragment_without_a_handler_shows_its_imports_and_their_defaults() {
    let fragment =
        resolve(json!({"id": "a", "ref": "plain", "attributes": {"who": "<Ann>", "mark": null}})).await;
    assert_eq!(fragment["renderedHTML"], "<i>&lt;Ann&gt;!</i>");
}

#[tokio::test]
async fn a_wrong_key_gets_404_and_an_empty_list() {
    for key in ["X", "%ff"] {
        let (status, _, body) = answer(app(), call(key, json!({}))).await;
        assert_eq!((status, body.as_str()), (StatusCode::NOT_FOUND, "[]"), "{key}");
    }
}

#[tokio::test]
async fn an_item_without_a_name_costs_only_itself() {
    let items = json!([null, {"id": "1", "ref": null}, {"id": "2", "ref": "plain"}]);
    let body = json!({"attributes": {"who": "Ann"}, "requests": items});
    let (status, _, body) = answer(app(), call("hydra", body)).await;
    assert_eq!(status, StatusCode::OK);
    let items: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(items[0], json!({"id": "1", "renderedHTML": null}));
    assert!(items[1]["renderedHTML"].is_string(), "{items}");
}

#[tokio::test]
async fn a_call_that_is_none_or_too_large_is_refused_with_the_reason() {
    for (body, status) in [
        ("{".to_owned(), StatusCode::BAD_REQUEST),
        ("\"x\"".to_owned(), StatusCode::BAD_REQUEST),
        (r#"{"requests": 1}"#.to_owned(), StatusCode::BAD_REQUEST),
        (" ".repeat(9 << 20), StatusCode::PAYLOAD_TOO_LARGE),
    ] {
        let (answered, _, reason) = answer(app(), call("hydra", body)).await;
        assert_eq!(answered, status);
        assert!(!reason.is_empty());
    }
}

#[tokio::test]
async fn with_a_private_key_only_signed_calls_are_answered() {
    let (key, body) = (
        "a private key for tests",
        json!({"protocol": 2, "requests": {}}).to_string(),
    );
    let app = || app().settings(Partial::default().private_key(key));
    let (status, _, reason) = answer(app(), call("hydra", &body)).await;
    assert_eq!(
        (status, reason.as_str()),
        (StatusCode::UNAUTHORIZED, "the call is not signed")
    );
    let signer = Signer::new(key, "hydra");
    let good = Call {
        to: "shop",
        method: &Method::POST,
        path: "/h/fragment/hydra/requestFragment",
        body: body.as_bytes(),
    };
    for (what, issuer, signed, expected) in [
        ("it is right", "hydra", good, Ok(())),
        (
            "another body",
            "hydra",
            Call { body: b"x", ..good },
            Err("the signature is for another body"),
        ),
        (
            "another recipient",
            "hydra",
            Call { to: "orders", ..good },
            Err("the signature is for another recipient"),
        ),
        (
            "another path",
            "hydra",
            Call {
                path: "/h/discovery/hydra/requestFragment",
                ..good
            },
            Err("the signature is for another method or path"),
        ),
        (
            "another service",
            "orders",
            good,
            Err("the call is signed in the name of another service"),
        ),
        (
            "itself",
            "shop",
            good,
            Err("the call is signed in the name of another service"),
        ),
    ] {
        let signatures = signer.sign(issuer, signed, SystemTime::now()).unwrap();
        let mut call = call("hydra", &body);
        call.headers_mut().extend(signatures);
        let (status, _, reason) = answer(app(), call).await;
        let answered = match status {
            StatusCode::OK => Ok(()),
            _ => Err(reason.as_str()),
        };
        assert_eq!(answered, expected, "{what}");
    }
}

#[tokio::test]
async fn a_fragments_handler_says_with_a_header_how_long_it_may_be_used_again() {
    let says = |value: &'static str| async move {
        let handler = move |imports: GreetingImports| async move {
            let greeting = Greeting {
                greeting: "Hi",
                loud: imports.who,
            };
            Ok::<_, StatusCode>(([(header::CACHE_CONTROL, value)], greeting))
        };
        let app = App::with_plan("shop", plan()).fragment(handler);
        let body = json!({"protocol": 2, "requests": {"shop": [{"id": "1", "ref": "greeting", "attributes": {"who": "a"}}]}});
        let (_, _, text) = answer(app, call("hydra", body)).await;
        serde_json::from_str::<Value>(&text).expect("an answer")["fragments"][0]["maxAge"].clone()
    };
    assert_eq!(says("max-age=30").await, json!(30_000));
    assert_eq!(says("no-store").await, json!(0));
    assert_eq!(says("must-revalidate").await, Value::Null);
}
