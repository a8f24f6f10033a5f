//! "A fragment that breaks its contract costs the page nothing but that slot": an export of another type than the contract says.

use hydra_contract::{FragmentContract, FragmentUse, Type};
use hydra_runtime::page::{Engine, Options};
use metrics_exporter_prometheus::PrometheusBuilder;
use serde_json::{Value, json};
use tera::Context;

use crate::{
    plans::{SiteExt, hole, plan, slot},
    support::{Locals, Log, echo, request, source, text},
};

/// A page of the fragment `what`, which exports `address` (a map of texts) and `city` (a text).
fn engine(what: &str) -> Engine {
    let mut plan = plan(
        &[
            (
                "page.html",
                "{{ 0 | __hydra }}{{ 1 | __hydra }}{{ 2 | __hydra }}.",
            ),
            (
                "#1/page.html",
                "|{% if address %}<i>{{ address.street }}</i>{% else %}none{% endif %}",
            ),
            ("#2/page.html", "|{{ city }}"),
            ("own.html", "F"),
        ],
        [
            slot(what)
                .imports("x as address, y as city")
                .exports("address, city"),
            hole("#1/page.html", "address", ""),
            hole("#2/page.html", "city", ""),
        ],
    );
    let types: std::collections::BTreeMap<String, Type> = [
        ("address".to_owned(), "map<string>".parse().unwrap()),
        ("city".to_owned(), Type::String),
    ]
    .into();
    match what.split_once('/') {
        Some((service, reference)) => plan.contract.asks.push(FragmentUse {
            service: service.to_owned(),
            reference: reference.to_owned(),
            exports: types,
            ..FragmentUse::default()
        }),
        None => {
            let contract = FragmentContract {
                exports: types,
                ..FragmentContract::default()
            };
            plan.contract.fragments.insert(what.to_owned(), contract);
        }
    }
    Engine::new(plan, Options::new("storefront"), |_| ()).unwrap()
}

async fn shown(engine: &Engine, exports: Value) -> String {
    let (source, mut batches) = source();
    let page = async { text(engine.page(request(Context::new(), Some(source))).await).await };
    let answer = async { batches.recv().await.unwrap().give("f", "F", exports) };
    tokio::join!(page, answer).0
}

#[tokio::test]
async fn an_export_of_another_type_than_the_contract_says_is_none() {
    let engine = engine("s/f");
    let good = shown(&engine, json!({"address": {"street": "Main"}, "city": "Ghent"})).await;
    assert_eq!(good, "F|<i>Main</i>|Ghent.");
    for address in [
        json!(5),
        json!("Main"),
        json!(["Main"]),
        json!({"street": 1}),
        json!(null),
    ] {
        let shown = shown(&engine, json!({"address": address, "city": "Ghent"})).await;
        assert_eq!(shown, "F|none|Ghent.", "{address}");
    }
}

#[tokio::test]
async fn it_is_logged_and_counted_with_service_ref_and_type() {
    let (log, recorder) = (Log::start(), PrometheusBuilder::new().build_recorder());
    let _guard = metrics::set_default_local_recorder(&recorder);
    shown(
        &engine("s/f"),
        json!({"address": {"street": "Main"}, "city": 5, "more": 1}),
    )
    .await;
    let (logged, counted) = (log.text(), recorder.handle().render());
    for part in ["service=\"s\"", "ref=\"f\"", "export=\"city\"", "contract=string"] {
        assert!(
            logged
                .lines()
                .any(|line| line.contains("another type") && line.contains(part)),
            "{part}: {logged}"
        );
    }
    let line = r#"hydra_exports_mistyped_total{service="s",ref="f"} 1"#;
    assert!(counted.contains(line), "{counted}");
    shown(&engine("s/f"), json!({"address": null})).await;
    assert_eq!(
        log.text().matches("another type").count(),
        1,
        "null is `none`: {}",
        log.text()
    );
}

#[tokio::test]
async fn the_own_contract_counts_for_own_fragments() {
    let engine = engine("own");
    for (city, expected) in [(json!("Ghent"), "F|none|Ghent."), (json!([1]), "F|none|.")] {
        let context = Context::from_serialize(&json!({"x": 1, "y": city})).unwrap();
        let mut request = request(context, None);
        request.visitor.local = Locals::default().with("own", echo).arc();
        assert_eq!(text(engine.page(request).await).await, expected);
    }
}
