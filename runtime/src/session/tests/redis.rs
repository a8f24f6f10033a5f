//! The store in a real Redis.

use hydra_runtime_net::redis_link::servers::{Server, Servers, until};

use super::*;

/// Asks until the store answers; each time is later, so that no pause is in the way.
async fn until_there(store: &RedisStore, from: u64) -> Sessions {
    for turn in 0..1000 {
        if let Ok(sessions) = store.load(VisitorId::numbered(1), at(from + 2 * turn)).await {
            return sessions;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("no answer of Redis");
}

#[tokio::test]
async fn redis_keeps_what_did_not_change_for_all_who_ask_and_lets_it_expire() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::at(folder.path());
    let (store, ann) = (
        RedisStore::new(&server.url, "test").unwrap(),
        VisitorId::numbered(1),
    );
    assert_eq!(until_there(&store, 0).await, Sessions::new());
    let now = at(10_000);
    let first = sessions(&[("a", json!({"sealed": "é\n"})), ("b", json!(1))]);
    store.save(ann, first, now).await.unwrap();
    store.save(ann, sessions(&[("b", json!(2))]), now).await.unwrap();
    let both = sessions(&[("a", json!({"sealed": "é\n"})), ("b", json!(2))]);
    let other_instance = RedisStore::new(&server.url, "test").unwrap();
    assert_eq!(other_instance.load(ann, now).await, Ok(both));
    let nobody = other_instance.load(VisitorId::numbered(2), now).await;
    assert_eq!(nobody, Ok(Sessions::new()));
    let mut redis = ::redis::Client::open(&*server.url)
        .unwrap()
        .get_multiplexed_async_connection()
        .await
        .unwrap();
    let key = format!("test:session:{}", ann.to_hex());
    let left: i64 = ::redis::cmd("TTL")
        .arg(&key)
        .query_async(&mut redis)
        .await
        .unwrap();
    let idle = SESSION_IDLE_TIMEOUT.as_secs() as i64;
    assert!((idle - 60..=idle).contains(&left), "{left}");
}

#[tokio::test]
async fn while_redis_is_away_nobody_waits_and_it_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::at(folder.path());
    let store = RedisStore::new(&server.url, "test").unwrap();
    until_there(&store, 0).await;
    server.kill();
    let ann = VisitorId::numbered(1);
    assert!(store.load(ann, at(10_000)).await.is_err());
    let error = store.load(ann, at(10_000)).await.unwrap_err();
    assert!(error.to_string().contains("a moment ago"), "{error}");
    server.start_again();
    until_there(&store, 10_001).await;
}

#[tokio::test]
async fn sessions_follow_sentinel_to_the_new_master() {
    let mut servers = Servers::with_sentinel().await;
    let store = RedisStore::new(&servers.url, "test").unwrap();
    until_there(&store, 0).await;
    let (ann, kept) = (VisitorId::numbered(1), sessions(&[("a", json!(1))]));
    until("a session is saved", async || {
        store.save(ann, kept.clone(), at(10_000)).await.is_ok()
    })
    .await;
    until("the replica has it", async || {
        let keys: Result<usize, _> = servers.servers[1].ask(::redis::cmd("DBSIZE")).await;
        keys == Ok(1)
    })
    .await;
    servers.servers[0].kill();
    assert_eq!(until_there(&store, 20_000).await, kept);
    until("the new master takes sessions", async || {
        store.save(ann, kept.clone(), at(30_000)).await.is_ok()
    })
    .await;
}

#[tokio::test]
async fn sessions_are_spread_over_a_cluster() {
    let servers = Servers::cluster().await;
    let store = RedisStore::new(&servers.url, "test").unwrap();
    until_there(&store, 0).await;
    for visitor in 0..30 {
        let kept = sessions(&[("a", json!(visitor)), ("b", json!("x"))]);
        let visitor = VisitorId::numbered(visitor);
        store.save(visitor, kept.clone(), at(10_000)).await.unwrap();
        assert_eq!(store.load(visitor, at(10_000)).await, Ok(kept));
    }
    for server in &servers.servers {
        let keys: usize = server.ask(::redis::cmd("DBSIZE")).await.unwrap();
        assert!(keys > 0, "each server has some");
    }
}

#[test]
fn an_address_that_is_none_is_not_shown() {
    for url in [
        "http://:secret@host",
        "redis+sentinel://:secret@host",
        "redis+cluster://:secret@",
    ] {
        let error = RedisStore::new(url, "test").err().unwrap();
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
