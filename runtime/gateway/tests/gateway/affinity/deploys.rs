//! Drains and rolling deploys.

use hydra_runtime_net::redis_link::servers::Server;

use super::*;

/// The pins of the visitors after their next visits, all of whom get `name`, and how many new pins there were.
async fn all_at(gateway: &Running, known: &[Known], name: &str) -> (Vec<Known>, usize) {
    let (mut after, mut new) = (Vec::new(), 0);
    for (cookie, _) in known {
        let answer = visit(gateway, "/", cookie).await;
        assert_eq!(answer.text(), name);
        new += usize::from(pin(&answer).is_some());
        after.push((pin(&answer).unwrap_or_else(|| cookie.clone()), name.to_owned()));
    }
    (after, new)
}

#[tokio::test]
async fn point_7_a_drain_keeps_new_visitors_away_and_pinned_ones_as_long_as_it_says() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let (one, first) = start(config(Some(&server.url))).await;
    let (two, second) = start(config(Some(&server.url))).await;
    let old = instance(&first, "old", json!({})).await;
    let known = visitors(&first, 6).await;
    let _new = instance(&first, "new", json!({})).await;
    until_known(&[(&one, &first), (&two, &second)], 2).await;
    let target = old.running.address.to_string();
    let drained = |gateway: &Gateway| {
        let states = gateway.steering_state();
        let mut instances = states[0].versions.iter().flat_map(|version| &version.instances);
        instances
            .find(|one| one.drained)
            .map(|one| one.leave_at.is_some())
    };
    for (after, has_end) in [(None, false), (Some(3_600), true)] {
        drain(&one, &target, after).await;
        until("both gateways know", async || {
            still_alive(&first).await;
            drained(&one) == Some(has_end) && drained(&two) == Some(has_end)
        })
        .await;
        let gateways = [&first, &second];
        let moved = moved(&gateways, &known, &["/", "/shop/app.css", "/shop/socket"]).await;
        assert_eq!(moved, 0, "{after:?}");
        let all_new = visitors(&second, 4).await;
        assert!(all_new.iter().all(|(_, name)| name == "new"));
    }
    drain(&one, &target, Some(0)).await;
    let (after, new) = all_at(&first, &known, "new").await;
    assert_eq!(new, known.len(), "each moves once");
    assert_eq!(all_at(&first, &after, "new").await.1, 0);
    let target = target.clone();
    one.steer(SteeringRequest::EndDrain { target })
        .await
        .expect("ended");
    assert_eq!(all_at(&first, &after, "new").await.1, 0, "no visitor goes back");
    let again = visitors(&first, 4).await;
    assert!(again.iter().any(|(_, name)| name == "old"), "new visitors do");
}

#[tokio::test]
async fn point_7_visitors_of_a_drained_service_stay_and_others_get_503() {
    let (gateway, running) = start(config(None)).await;
    let _a = instance(&running, "a", json!({})).await;
    let known = visitors(&running, 2).await;
    drain(&gateway, "shop", None).await;
    assert_eq!(all_at(&running, &known, "a").await.1, 0);
    assert_eq!(
        get(&running.url("/")).await.status,
        StatusCode::SERVICE_UNAVAILABLE
    );
    drain(&gateway, "shop", Some(0)).await;
    let answer = visit(&running, "/", &known[0].0).await;
    assert_eq!(
        (answer.status, pin(&answer)),
        (StatusCode::SERVICE_UNAVAILABLE, None)
    );
}

#[tokio::test]
async fn point_7_a_drain_ends_when_its_time_is_over_without_any_other_change() {
    let (gateway, running) = start(config(None)).await;
    let old = instance(&running, "old", json!({})).await;
    let known = visitors(&running, 2).await;
    let _new = instance(&running, "new", json!({})).await;
    drain(&gateway, &old.running.address.to_string(), Some(2)).await;
    until("the visitor has moved", async || {
        still_alive(&running).await;
        visit(&running, "/", &known[0].0).await.text() == "new"
    })
    .await;
    assert_eq!(all_at(&running, &known, "new").await.1, 2);
}

#[tokio::test]
async fn a_new_process_at_the_same_address_keeps_the_visitors_and_ends_the_drain() {
    let (gateway, running) = start(config(None)).await;
    let a = instance(&running, "a", json!({"activeSince":1})).await;
    let known = visitors(&running, 5).await;
    let _b = instance(&running, "b", json!({})).await;
    drain(&gateway, &a.running.address.to_string(), Some(3_600)).await;
    let mut again = a.said.clone();
    again["activeSince"] = json!(2);
    register(&running, &again).await;
    assert_eq!(moved(&[&running], &known, &["/", "/shop/socket"]).await, 0);
    let states = gateway.steering_state();
    let mut instances = states[0].versions.iter().flat_map(|version| &version.instances);
    assert!(instances.all(|one| !one.drained && one.leave_at.is_none()));
    let new = visitors(&running, 12).await;
    assert!(new.iter().any(|(_, name)| name == "a"), "it takes new visitors");
}

#[tokio::test]
async fn a_new_version_at_a_new_address_takes_the_new_visitors_and_a_drain_ends_the_old_one() {
    let (gateway, running) = start(config(None)).await;
    let wins = |version: u32| json!({"version":version,"versionName":format!("1.{version}"),"awakening":"NEWEST_VERSION_WINS"});
    let old = [
        instance(&running, "old", wins(1)).await,
        instance(&running, "older", wins(1)).await,
    ];
    let known = visitors(&running, 8).await;
    let _new = instance(&running, "new", wins(2)).await;
    assert_eq!(
        moved(&[&running], &known, &["/", "/shop/app.css", "/shop/socket"]).await,
        0
    );
    for one in &old {
        drain(&gateway, &one.running.address.to_string(), None).await;
    }
    assert_eq!(moved(&[&running], &known, &["/"]).await, 0);
    let new = visitors(&running, 4).await;
    assert!(new.iter().all(|(_, name)| name == "new"));
    for one in &old {
        drain(&gateway, &one.running.address.to_string(), Some(0)).await;
    }
    let (after, count) = all_at(&running, &known, "new").await;
    assert_eq!(count, known.len(), "each moves once");
    for one in old {
        one.running.stop().await;
    }
    assert_eq!(all_at(&running, &after, "new").await.1, 0, "the old ones can go");
}
