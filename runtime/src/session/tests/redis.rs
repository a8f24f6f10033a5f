//! The store in a real Redis.

use std::process::{Child, Command, Stdio};

use super::*;

/// A Redis that ends with the test.
struct Server {
    folder: tempfile::TempDir,
    process: Child,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let process = Self::process(folder.path());
        Self { folder, process }
    }

    fn process(folder: &std::path::Path) -> Child {
        Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket"])
            .arg(folder.join("redis"))
            .current_dir(folder)
            .stdout(Stdio::null())
            .spawn()
            .expect("the Debian package redis-server is installed")
    }

    fn url(&self) -> String {
        format!("redis+unix://{}", self.folder.path().join("redis").display())
    }

    fn kill(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

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
    let server = Server::start();
    let (store, ann) = (
        RedisStore::new(&server.url(), "test").unwrap(),
        VisitorId::numbered(1),
    );
    assert_eq!(until_there(&store, 0).await, Sessions::new());
    let now = at(10_000);
    let first = sessions(&[("a", json!({"sealed": "é\n"})), ("b", json!(1))]);
    store.save(ann, first, now).await.unwrap();
    store.save(ann, sessions(&[("b", json!(2))]), now).await.unwrap();
    let both = sessions(&[("a", json!({"sealed": "é\n"})), ("b", json!(2))]);
    let other_instance = RedisStore::new(&server.url(), "test").unwrap();
    assert_eq!(other_instance.load(ann, now).await, Ok(both));
    let nobody = other_instance.load(VisitorId::numbered(2), now).await;
    assert_eq!(nobody, Ok(Sessions::new()));
    let mut redis = ::redis::Client::open(server.url())
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
    let idle = IDLE.as_secs() as i64;
    assert!((idle - 60..=idle).contains(&left), "{left}");
}

#[tokio::test]
async fn while_redis_is_away_nobody_waits_and_it_is_found_again() {
    let mut server = Server::start();
    let store = RedisStore::new(&server.url(), "test").unwrap();
    until_there(&store, 0).await;
    server.kill();
    let ann = VisitorId::numbered(1);
    assert!(store.load(ann, at(10_000)).await.is_err());
    let error = store.load(ann, at(10_000)).await.unwrap_err();
    assert!(error.to_string().contains("a moment ago"), "{error}");
    let _ = std::fs::remove_file(server.folder.path().join("redis"));
    server.process = Server::process(server.folder.path());
    until_there(&store, 10_001).await;
}

#[test]
fn an_address_that_is_none_is_not_shown() {
    let error = RedisStore::new("http://:secret@host", "test").err().unwrap();
    assert!(!error.to_string().contains("secret"), "{error}");
}
