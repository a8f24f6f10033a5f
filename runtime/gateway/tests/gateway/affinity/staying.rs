//! Who is pinned stays, at any gateway, whatever comes, and through restarts.

use futures_util::future::join_all;
use hydra_runtime_net::redis_link::servers::Server;

use super::*;

const PATHS: [&str; 10] = [
    "/",
    "/shop/app.css",
    "/shop/socket",
    "/",
    "/go",
    "/",
    "/shop/app.css",
    "/closed",
    "/shop/socket",
    "/",
];

#[tokio::test]
async fn point_4_who_is_pinned_stays_at_any_gateway_while_instances_come_and_one_dies() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let config = || config(Some(&server.url));
    let (one, first) = start(config()).await;
    let (two, second) = start(config()).await;
    let (three, third) = start(config()).await;
    let gateways = [&first, &second, &third];
    let all = [(&one, &first), (&two, &second), (&three, &third)];
    let _a = instance(&first, "a", json!({})).await;
    until_known(&all, 1).await;
    let of_first = visitors(&third, 5).await;
    let b = instance(&first, "b", json!({})).await;
    until_known(&all, 2).await;
    let of_all = moved(&gateways, &of_first, &["/", "/shop/app.css"]).await;
    assert_eq!(of_all, 0, "a second instance moves no visitor");
    let known = visitors(&first, 40).await;
    assert!(
        ["a", "b"]
            .iter()
            .all(|name| known.iter().any(|(_, of)| of == name))
    );
    assert_eq!(moved(&gateways, &known, &PATHS).await, 0, "of 400 requests");
    let _c = instance(&second, "c", json!({})).await;
    until_known(&all, 3).await;
    let paths = ["/", "/shop/app.css", "/shop/socket"];
    assert_eq!(
        moved(&gateways, &known, &paths).await,
        0,
        "a third instance moves no visitor"
    );
    b.switches.is_ill.store(true, SeqCst);
    for (cookie, name) in known.iter().filter(|(_, name)| name == "b") {
        let ill = visit(&third, "/", cookie).await;
        let expected = (StatusCode::SERVICE_UNAVAILABLE, None);
        assert_eq!((ill.status, pin(&ill)), expected, "{name}");
    }
    b.switches.is_ill.store(false, SeqCst);
    assert_eq!(
        moved(&gateways, &known, &["/"]).await,
        0,
        "a 5xx moves no visitor"
    );
    b.running.stop().await;
    let mut after = Vec::new();
    for (turn, (cookie, name)) in known.iter().enumerate() {
        // Requests at the same time, one at each gateway.
        let visits = (0..3).map(|nth| visit(gateways[(turn + nth) % 3], "/", cookie));
        let found = join_all(visits).await;
        let names: Vec<&str> = found.iter().map(Answer::text).collect();
        let is_one = names.iter().all(|other| *other == names[0] && *other != "b");
        assert!(is_one, "{name}: {names:?}");
        assert!(name == "b" || names[0] == name, "only visitors of b move");
        for answer in &found {
            assert_eq!(pin(answer).is_some(), name == "b", "each moves once");
        }
        let cookie = pin(&found[0]).unwrap_or_else(|| cookie.clone());
        after.push((cookie, names[0].to_owned()));
        still_alive(&first).await;
    }
    assert_eq!(moved(&gateways, &after, &paths).await, 0, "and stays there");
}

#[tokio::test]
async fn point_4_twenty_first_requests_at_once_end_on_one_instance_from_the_second_round_on() {
    let (_gateway, running) = start(config(None)).await;
    let _a = instance(&running, "a", json!({})).await;
    let _b = instance(&running, "b", json!({})).await;
    let round = async |cookie: &str| join_all((0..20).map(|_| visit(&running, "/", cookie))).await;
    let first = round("").await;
    let cookie = first.iter().rev().find_map(pin).expect("a pin");
    for _ in 0..2 {
        let next = round(&cookie).await;
        let names: std::collections::BTreeSet<&str> = next.iter().map(Answer::text).collect();
        assert_eq!(names.len(), 1);
        assert!(
            next.iter().all(|answer| pin(answer).is_none()),
            "no answer writes another pin"
        );
    }
}

#[tokio::test]
async fn point_4_gateways_without_a_private_key_agree_on_one_in_redis_that_outlives_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let config = || GatewayConfig {
        private_key: None,
        ..config(Some(&server.url))
    };
    let (one, first) = start(config()).await;
    let (two, second) = start(config()).await;
    let _a = instance(&first, "a", json!({})).await;
    let _b = instance(&first, "b", json!({})).await;
    until_known(&[(&one, &first), (&two, &second)], 2).await;
    until("both pin", async || {
        still_alive(&first).await;
        pin(&get(&first.url("/")).await).is_some() && pin(&get(&second.url("/")).await).is_some()
    })
    .await;
    let known = visitors(&first, 10).await;
    assert_eq!(moved(&[&second, &first], &known, &["/", "/shop/socket"]).await, 0);
    first.stop().await;
    second.stop().await;
    let (again, third) = start(config()).await;
    until_known(&[(&again, &third)], 2).await;
    until("it has the key", async || {
        still_alive(&third).await;
        pin(&get(&third.url("/")).await).is_some()
    })
    .await;
    assert_eq!(moved(&[&third], &known, &["/", "/shop/app.css"]).await, 0);
}
