//! A signed call is accepted by one gateway of those that share a Redis.

use super::*;

#[tokio::test]
async fn a_call_is_claimed_once_and_each_gateway_decides_alone_while_redis_is_away() {
    let shared = two_on_one_redis().await;
    let mut server = shared.server;
    let [first, second] = &shared.stores;
    assert!(first.claim_call("a").await);
    assert!(!second.claim_call("a").await && !first.claim_call("a").await);
    assert!(second.claim_call("b").await);
    let mut ttl = redis::cmd("TTL");
    ttl.arg(key("call:a"));
    let left: u64 = server.ask(ttl).await.expect("an answer");
    assert!((60..=90).contains(&left), "it is forgotten after {left} s");
    server.kill();
    for store in [first, second] {
        assert!(store.claim_call("a").await, "Redis is away");
        assert!(store.outage().is_some());
    }
}
