//! What this service answers others that ask for its fragments.

use metrics_exporter_prometheus::PrometheusBuilder;

use super::*;

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
    let counter = "hydra_attributes_dropped_total";
    assert!(!recorder.handle().render().contains(counter));
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
