//! The owner of a fragment logs why it does not give it: one line with service, ref, outcome and reason.

use super::*;
use crate::log_of_tests::Log;

/// The answer to a call, and the log of it.
async fn logged(app: App, body: Value) -> ((StatusCode, String), String) {
    let log = Log::default();
    let guard = log.here();
    let (status, _, answer) = answer(app, call("hydra", body)).await;
    drop(guard);
    ((status, answer), log.text())
}

fn check(log: &str, reference: &str, outcome: &str, reason: &str) {
    let lines: Vec<_> = log.lines().filter(|line| line.contains("not rendered")).collect();
    let [line] = &lines[..] else {
        panic!("{reference} {reason}: {} lines: {log}", lines.len());
    };
    for part in [
        "WARN",
        "service=\"shop\"",
        &format!("ref=\"{reference}\""),
        &format!("outcome={outcome}"),
        reason,
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
}

/// A fragment whose handler takes longer than any deadline of these tests.
fn slow() -> App {
    let handler = async |_: GreetingImports| std::future::pending::<Greeting>().await;
    App::with_plan("shop", plan()).fragment(handler)
}

#[tokio::test]
async fn each_outcome_of_a_fragment_that_is_not_given_is_one_line_with_its_reason() {
    let item =
        |reference: &str, attributes: Value| json!({"id": "a", "ref": reference, "attributes": attributes});
    let deep: Vec<_> = (0..8).map(|n| format!("s/{n}")).collect();
    let with = |member: &str, value: Value| {
        let mut item = item("greeting", json!({"who": "Ann"}));
        item[member] = value;
        item
    };
    let missing = "the import `who` is missing; its type is `string`";
    for (app, item, outcome, reason) in [
        (
            app(),
            item("none", json!({})),
            "Failed",
            "this service does not offer it",
        ),
        (
            app(),
            item("", json!({})),
            "Failed",
            "this service does not offer it",
        ),
        (app(), item("greeting", json!({})), "Failed", missing),
        (
            app(),
            item("greeting", json!({"who": null})),
            "Failed",
            "type `null` instead of `string`",
        ),
        (
            app(),
            item("greeting", json!({"who": 1})),
            "Failed",
            "`who` is of type `integer` instead of `string`",
        ),
        (
            app(),
            item("greeting", json!({"who": ["hunter2"]})),
            "Failed",
            "type `list<string>` instead of `string`",
        ),
        (
            app(),
            item("greeting", json!({"who": "stranger"})),
            "Refused",
            "its handler answered 403",
        ),
        (
            app(),
            item("greeting", json!({"who": "panic"})),
            "Failed",
            "its handler panicked",
        ),
        (app(), with("imports", json!([])), "Failed", missing),
        (
            app(),
            with("trail", json!(["shop/greeting"])),
            "Refused",
            "in a circle: shop/greeting > shop/greeting",
        ),
        (app(), with("trail", json!(deep)), "Refused", "nest too deep"),
        (
            slow(),
            with("deadline", json!(1)),
            "Late",
            "its handler took too long",
        ),
    ] {
        let reference = item["ref"].as_str().unwrap().to_owned();
        let body = json!({"protocol": 2, "requests": {"shop": [item]}});
        let ((status, answer), log) = logged(app, body).await;
        assert_eq!(status, StatusCode::OK);
        check(&log, &reference, outcome, reason);
        assert!(!log.contains("hunter2"), "never a value: {log}");
        let answer: Value = serde_json::from_str(&answer).unwrap();
        let told = &answer["fragments"][0];
        assert_eq!(told["outcome"], outcome.to_lowercase());
        assert!(
            told["reason"].as_str().is_some_and(|text| text.contains(reason)),
            "{told}"
        );
    }
}

#[tokio::test]
async fn a_call_that_is_refused_as_a_whole_is_one_line_with_its_reason() {
    let unknown =
        json!({"attributes": {}, "requests": [{"id": "1", "ref": "none"}, {"id": "2", "ref": "greeting"}]});
    let ((status, _), log) = logged(app(), unknown).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    check(&log, "none", "Failed", "this service does not offer it");

    let unsigned = app().settings(Partial::default().private_key("a private key for tests"));
    let ((status, _), log) = logged(unsigned, json!({"protocol": 2, "requests": {}})).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(
        log.contains("WARN") && log.contains("the call is not signed"),
        "{log}"
    );

    let many: Vec<_> = (0..=2_000)
        .map(|n| json!({"id": n.to_string(), "ref": "plain", "attributes": {"who": "a"}}))
        .collect();
    let ((status, _), log) = logged(app(), json!({"protocol": 2, "requests": {"shop": many}})).await;
    assert_eq!(status, StatusCode::OK);
    check(&log, "plain", "Refused", "one call may ask for 2000 fragments");
}
