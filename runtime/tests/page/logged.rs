//! "Every outcome that is not `rendered` is logged, with service, ref and reason."

use hydra_runtime::wire::{Outcome, ResolvedFragment};
use serde_json::json;
use tera::Context;
use tracing::Level;

use crate::{
    plans::{SiteExt, slot},
    support::{Log, engine, piece, request, source, text},
};

#[tokio::test]
async fn a_cached_one_is_logged_for_who_looks_closer_with_service_ref_and_reason() {
    let slot = slot("s/f").cache(3_600_000);
    let engine = engine(&[("page.html", "a{{ 0 | __hydra }}")], [slot]);
    let (source, mut batches) = source();
    let first = engine.page(request(Context::new(), Some(source.clone())));
    let answer = async { batches.recv().await.unwrap().give("f", "F", json!({})) };
    let (first, ()) = tokio::join!(async { text(first.await).await }, answer);
    assert_eq!(first, "aF");
    for (level, count) in [(Level::DEBUG, 1), (Level::INFO, 0)] {
        let log = Log::of(level);
        let shown = text(engine.page(request(Context::new(), Some(source.clone()))).await).await;
        assert_eq!(shown, "aF");
        let logged = log.text();
        let lines: Vec<_> = logged
            .lines()
            .filter(|line| line.contains("comes from a cache"))
            .collect();
        assert_eq!(lines.len(), count, "{logged}");
        for part in [
            "service=\"s\"",
            "ref=\"f\"",
            "reason=\"an earlier answer may still be used\"",
            "page.html:7:3",
        ] {
            assert!(lines.iter().all(|line| line.contains(part)), "{part}: {logged}");
        }
    }
}

#[tokio::test]
async fn after_twenty_lines_of_a_page_the_rest_is_counted_in_one() {
    let log = Log::start();
    let engine = engine(
        &[(
            "page.html",
            "{% for i in range(end=50) %}{{ 0 | __hydra }}.{% endfor %}",
        )],
        [slot("s/f").imports("i")],
    );
    let (source, mut batches) = source();
    let mut body = engine
        .page(request(Context::new(), Some(source)))
        .await
        .into_body();
    let batch = batches.recv().await.unwrap();
    // One after the other, each with a report of its own.
    for item in batch.items() {
        batch.send(ResolvedFragment {
            id: item.id.clone(),
            outcome: Outcome::Failed,
            reason: Some("it rains".to_owned()),
            ..ResolvedFragment::default()
        });
        piece(&mut body).await;
    }
    drop(body);
    let logged = log.text();
    assert_eq!(logged.matches("it rains").count(), 20, "{logged}");
    assert_eq!(logged.lines().count(), 21, "{logged}");
    assert!(
        logged.lines().last().is_some_and(|line| line.contains("more=30")),
        "{logged}"
    );
}
