//! What this service answers others that ask for its fragments.

use metrics_exporter_prometheus::PrometheusBuilder;
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use super::{calls::resolve, *};

#[tokio::test]
async fn an_attribute_that_the_tag_did_not_name_is_dropped_and_counted() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let _guard = metrics::set_default_local_recorder(&recorder);
    let asked = async |imports: Value| {
        let item =
            json!({"id": "a", "ref": "plain", "attributes": {"who": "Ann", "mark": "?"}, "imports": imports});
        resolve(item).await["renderedHTML"].clone()
    };
    assert_eq!(asked(json!(["name as who", "mark"])).await, "<i>Ann?</i>");
    let none = "\nhydra_attributes_dropped_total 0";
    assert!(recorder.handle().render().contains(none));
    assert_eq!(asked(json!(["name as who"])).await, "<i>Ann!</i>");
    assert_eq!(asked(json!([])).await, Value::Null, "`who` is needed");
    assert!(
        recorder
            .handle()
            .render()
            .contains("hydra_attributes_dropped_total 3"),
        "{}",
        recorder.handle().render()
    );
    assert_eq!(asked(Value::Null).await, "<i>Ann?</i>", "it states no imports");
}

/// Says when it is dropped.
struct Guard(UnboundedSender<&'static str>);

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.send("dropped").ok();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_hangs_up_ends_the_fragments_it_asked_for() {
    let (sender, mut seen) = unbounded_channel();
    let waits = async move |imports: GreetingImports| -> Greeting {
        let _guard = Guard(sender.clone());
        sender.send("begun").ok();
        let _imports = imports;
        std::future::pending().await
    };
    let router = App::with_plan("shop", plan())
        .fragment(waits)
        .into_router()
        .unwrap();
    let item = |id: &str, who: &str| json!({"id": id, "ref": "greeting", "attributes": {"who": who}, "deadline": 60_000});
    let body = json!({"protocol": 2, "requests": {"shop": [item("a", "Ann"), item("b", "Bob")]}});
    let caller = tokio::spawn(router.oneshot(call("hydra", body)));
    for _ in 0..2 {
        assert_eq!(seen.recv().await, Some("begun"));
    }
    assert!(seen.try_recv().is_err(), "they go on while the caller waits");
    caller.abort();
    for _ in 0..2 {
        assert_eq!(seen.recv().await, Some("dropped"));
    }
}

#[tokio::test]
async fn the_error_page_of_an_application_can_be_replaced() {
    let mut plan: Value = serde_json::from_str(&plan()).unwrap();
    plan["sites"][0]["slot"]["required"] = json!(true);
    let app = App::with_plan("shop", plan.to_string())
        .page(home)
        .fragment(greeting)
        .error_page(async || "our own page")
        .with_state(Hello("Hi"));
    let (status, _, body) = answer(app, visit("/home/stranger")).await;
    assert_eq!((status, body.as_str()), (StatusCode::BAD_GATEWAY, "our own page"));
}
