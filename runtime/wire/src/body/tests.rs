use serde_json::json;

use super::*;

#[test]
fn a_null_in_a_registration_costs_only_itself() {
    let said: ActiveService = serde_json::from_value(json!({
        "name": "a", "endpoints": [null, "/a"], "staticResources": [null], "sockets": null,
        "menuItems": {"none": null, "top": [null, {"endpoint": "/a", "label": null}]}
    }))
    .expect("a registration");
    assert_eq!(said.endpoints, ["/a"]);
    assert!(said.static_resources.is_empty() && said.menu_items["none"].is_empty());
    assert_eq!(said.menu_items["top"].len(), 1);
    let none: ActiveService = serde_json::from_value(json!({"menuItems": null})).expect("a registration");
    assert!(none.menu_items.is_empty());
}

#[test]
fn a_null_in_a_batch_costs_only_itself() {
    let batch: FragmentsRequest = serde_json::from_value(json!({
        "attributes": null, "sessions": null,
        "requests": {"b": null, "a": [null, {"id": "1", "ref": null, "imports": [null, "x"]}, {"id": "2", "ref": "f"}]}
    }))
    .expect("a batch");
    let [(_, items), (_, none)] = &batch.requests.0[..] else {
        panic!("{batch:?}");
    };
    assert!(none.is_empty());
    let items: Vec<_> = items.iter().map(|item| (&*item.id, &*item.reference)).collect();
    assert_eq!(items, [("1", ""), ("2", "f")]);
    let none: FragmentsRequest = serde_json::from_value(json!({"requests": null})).expect("a batch");
    assert!(none.requests.0.is_empty());
}

#[test]
fn each_outcome_has_its_word() {
    use Outcome::{Cached, Failed, Inactive, Late, Refused, Rendered, Stale};
    for (outcome, word) in [
        (Rendered, "rendered"),
        (Cached, "cached"),
        (Stale, "stale"),
        (Inactive, "inactive"),
        (Failed, "failed"),
        (Late, "late"),
        (Refused, "refused"),
    ] {
        assert_eq!(json!(outcome), json!(word));
        assert_eq!(serde_json::from_value::<Outcome>(json!(word)).ok(), Some(outcome));
    }
}

/// The example of protocol section 6.
#[test]
fn resolved_fragments_are_written_member_by_member_as_the_protocol_shows_them() {
    let text = concat!(
        r#"{"fragments":[{"id":"a1","renderedHTML":"<section>…</section>","exports":{"postalZipCode":"1000"},"#,
        r#""outcome":"rendered","assets":[{"kind":"style","href":"/orderService/css/checkout.css"}],"maxAge":0}],"#,
        r#""sessions":{"orderService":{"step":2}}}"#
    );
    let read: ResolvedFragments = serde_json::from_str(text).expect("the example");
    assert_eq!(serde_json::to_string(&read).expect("JSON"), text);
}
