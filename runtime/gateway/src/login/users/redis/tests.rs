use hydra_runtime_net::redis_link::servers::{Server, until};

use super::*;

const HASH: &str = "$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

async fn server() -> (Server, tempfile::TempDir) {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    until("Redis is there", async || {
        server.ask::<String>(redis::cmd("PING")).await.is_ok()
    })
    .await;
    (server, folder)
}

fn users(server: &Server, private_key: &str) -> RedisUsers {
    users_with(server, private_key, None)
}

fn users_with(server: &Server, private_key: &str, second: Option<&str>) -> RedisUsers {
    let config = GatewayConfig {
        redis: Some(Secret::new(server.url.clone())),
        private_key: Some(Secret::new(private_key.to_owned())),
        second_private_key: second.map(|key| Secret::new(key.to_owned())),
        public_key: "K".into(),
        ..GatewayConfig::default()
    };
    RedisUsers::new(&config).expect("good")
}

const KEY: &str = "the private key of this test";

async fn put(users: &RedisUsers, name: &str, role: &str) {
    let changed = users
        .change(|all| {
            let record = UserRecord {
                password: HASH.into(),
                roles: vec![role.into()],
                ..UserRecord::default()
            };
            all.insert(name.to_owned(), record);
            Ok(())
        })
        .await;
    changed.expect("written");
}

async fn revision(users: &RedisUsers, name: &str) -> Option<String> {
    let user = users.find(name).await.expect("read")?;
    Some(user.record.revision())
}

#[tokio::test]
async fn each_gateway_sees_each_change_of_a_user() {
    let (server, _folder) = server().await;
    let (one, other) = (users(&server, KEY), users(&server, KEY));
    assert!(other.find("ann").await.is_err(), "nothing was read yet");
    assert!(!other.are_known());
    put(&one, "ann", "USER").await;
    put(&one, "bob", "USER").await;
    other.refresh().await.expect("Redis is there");
    let ann = revision(&other, "ann").await.expect("there");
    assert!(other.is_current("ann", &ann) && other.are_known());
    put(&one, "ann", "ADMIN").await;
    other.refresh().await.expect("Redis is there");
    assert!(!other.is_current("ann", &ann), "her roles have changed");
    let bob = revision(&other, "bob").await.expect("there");
    one.change(|all| Ok(all.remove("bob"))).await.expect("written");
    other.refresh().await.expect("Redis is there");
    assert!(!other.is_current("bob", &bob), "he was removed");
    assert_eq!(other.users().await.map(|all| all.len()), Ok(1));
    let refused = one.change(|_| Err::<(), _>("no".to_owned())).await;
    assert_eq!(refused, Err("no".to_owned()));
}

#[tokio::test]
async fn users_outlive_a_change_of_the_private_key() {
    const NEXT: &str = "the next private key of this test";
    let (server, _folder) = server().await;
    let old = users(&server, KEY);
    put(&old, "ann", "USER").await;
    old.refresh().await.expect("Redis is there");
    let ann = revision(&old, "ann").await.expect("there");
    let (both, other) = (
        users_with(&server, NEXT, Some(KEY)),
        users_with(&server, KEY, Some(NEXT)),
    );
    both.refresh().await.expect("Redis is there");
    assert!(both.is_current("ann", &ann), "her login counts");
    other.refresh().await.expect("Redis is there");
    assert!(
        other.is_current("ann", &ann),
        "also where the old key is the first"
    );
    // The gateway with the old key is started anew with both, and then all have the next one only.
    let last = users_with(&server, NEXT, Some(KEY));
    last.refresh().await.expect("Redis is there");
    let next = users(&server, NEXT);
    next.refresh().await.expect("Redis is there");
    assert!(next.is_current("ann", &ann));
    assert_eq!(users(&server, KEY).users().await.map(|all| all.len()), Ok(0));
}

#[tokio::test]
async fn changes_at_the_same_time_are_all_kept() {
    let (server, _folder) = server().await;
    let all = (0..4).map(|n| {
        let users = users(&server, KEY);
        async move { put(&users, &format!("user{n}"), "USER").await }
    });
    futures_util::future::join_all(all).await;
    assert_eq!(users(&server, KEY).users().await.map(|all| all.len()), Ok(4));
}

#[tokio::test]
async fn a_record_that_another_hand_wrote_is_no_user() {
    let (server, _folder) = server().await;
    let own = users(&server, KEY);
    put(&own, "ann", "USER").await;
    put(&users(&server, "the key of a stranger"), "eve", "ADMIN").await;
    // The record of one user under the name of another.
    let mut get = redis::cmd("HGET");
    get.arg(&own.hash).arg("ann");
    let sealed: String = server.ask(get).await.expect("there");
    assert!(!sealed.contains("argon2"), "{sealed}");
    let mut set = redis::cmd("HSET");
    set.arg(&own.hash).arg("root").arg(&sealed).arg("bad").arg("text");
    let _: u64 = server.ask(set).await.expect("written");
    let found = own.users().await.expect("Redis is there");
    assert_eq!(found.keys().collect::<Vec<_>>(), ["ann"]);
}

#[tokio::test]
async fn redis_that_is_away_or_lost_its_data_takes_no_user_away() {
    let (mut server, _folder) = server().await;
    let own = users(&server, KEY);
    put(&own, "ann", "USER").await;
    own.refresh().await.expect("Redis is there");
    let ann = revision(&own, "ann").await.expect("there");
    server.kill();
    assert!(own.refresh().await.is_err());
    assert!(own.is_current("ann", &ann) && own.find("ann").await.is_ok());
    server.start_again();
    until("Redis is back", async || own.refresh().await.is_ok()).await;
    let _: String = server.ask(redis::cmd("FLUSHALL")).await.expect("done");
    own.refresh().await.expect("Redis is there");
    assert!(own.is_current("ann", &ann));
    assert_eq!(
        users(&server, KEY).users().await.map(|all| all.len()),
        Ok(1),
        "put back"
    );
}
