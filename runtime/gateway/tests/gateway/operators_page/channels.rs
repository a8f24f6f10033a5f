//! What the page of a service says of channels.

use std::sync::Arc;

use serde_json::json;

use super::{Browser, add, config, start};
use crate::{
    support::{said, service, until},
    transport::{Nobody, attach},
};

/// The cell of the table of instances that says what channel each has.
fn cells(page: &str) -> Vec<String> {
    let cells = page.split("<td data-label=\"Channel\">").skip(1);
    let cells = cells.map(|cell| cell.split("</td>").next().unwrap_or_default());
    cells.map(str::to_owned).collect()
}

#[tokio::test]
async fn each_instance_has_its_channel_or_none() {
    let (gateway, port) = start(config()).await;
    let _without = add(&port, "orders", json!({})).await;
    let mut browser = Browser::of(&gateway);
    browser.sign_in().await;
    let shown = async || cells(&browser.get("/service?name=orders").await.text);
    assert_eq!(shown().await, ["<span class=\"muted\">none</span>"]);

    let target = service(axum::Router::new()).await;
    let with_channel = said("orders", &target, json!({"protocol":2,"instance":"uuid-1"}));
    let (link, _) = attach(&port, &with_channel, Arc::new(Nobody)).await;
    let open: Vec<_> = shown()
        .await
        .into_iter()
        .filter(|cell| cell.starts_with("for "))
        .collect();
    let [cell] = &open[..] else { panic!("{open:?}") };
    for part in ["0 in flight", " in, ", " out"] {
        assert!(cell.contains(part), "{part}: {cell}");
    }
    link.abort("gone");
    until("no instance has a channel", async || {
        shown().await.iter().all(|cell| cell.contains("none"))
    })
    .await;
}
