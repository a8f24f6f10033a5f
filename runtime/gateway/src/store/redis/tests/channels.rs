//! Channels that end at one gateway, as the others see them.

use super::*;

#[tokio::test]
async fn all_gateways_know_where_a_channel_ends_and_learn_of_its_end_at_once() {
    let shared = two_on_one_redis().await;
    let [first, second] = &shared.stores;
    let registered = first.apply(over_channel(1, "a channel"), Millis(10_000)).await;
    registered.expect("not refused");
    second.refresh(Millis(10_000)).await;
    let place = second.view().entries[0]
        .instance
        .channel
        .clone()
        .expect("a place");
    assert_eq!(
        (place.id.as_str(), place.gateway.as_deref()),
        ("a channel", Some("10.0.0.5:80"))
    );
    first
        .apply(channel_ended(1, "a channel"), Millis(10_000))
        .await
        .expect("not refused");
    tokio::time::timeout(Duration::from_secs(5), second.changed())
        .await
        .expect("an announcement");
    second.refresh(Millis(10_000)).await;
    assert_eq!(
        (ports(first), ports(second)),
        (vec![(1, false)], vec![(1, false)])
    );
}

#[tokio::test]
async fn a_service_that_moved_outlives_its_channel_to_a_gateway_that_does_not_know_yet() {
    let shared = two_on_one_redis().await;
    let [first, second] = &shared.stores;
    let apply = async |store: &RedisStore, event: Event| {
        store.apply(event, Millis(10_000)).await.expect("not refused");
    };
    apply(first, over_channel(1, "former")).await;
    apply(second, over_channel(1, "newer")).await;
    // The first gateway has not read that: its own copy still has the former channel.
    apply(first, channel_ended(1, "former")).await;
    refresh(&shared.stores, 10_000).await;
    assert_eq!((ports(first), ports(second)), (vec![(1, true)], vec![(1, true)]));
    apply(second, channel_ended(1, "newer")).await;
    refresh(&shared.stores, 10_000).await;
    assert_eq!(
        (ports(first), ports(second)),
        (vec![(1, false)], vec![(1, false)])
    );
}
