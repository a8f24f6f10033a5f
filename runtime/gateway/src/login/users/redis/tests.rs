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

/// How often Redis was called with a command.
async fn calls(server: &Server, command: &str) -> usize {
    let mut info = redis::cmd("INFO");
    info.arg("commandstats");
    let text: String = server.ask(info).await.expect("told");
    let start = format!("cmdstat_{command}:calls=");
    let count = text
        .lines()
        .find_map(|line| line.strip_prefix(&start)?.split(',').next());
    count.map_or(0, |count| count.parse().expect("a number"))
}

#[tokio::test]
async fn many_users_are_read_in_parts_and_then_only_those_that_changed() {
    const MANY: usize = 2_000;
    let (server, _folder) = server().await;
    let (own, other) = (users(&server, KEY), users(&server, KEY));
    let added = own.change(|all| {
        for number in 0..MANY {
            let record = UserRecord {
                password: HASH.into(),
                ..UserRecord::default()
            };
            all.insert(format!("user{number}"), record);
        }
        Ok(())
    });
    added.await.expect("written");
    other.refresh().await.expect("Redis is there");
    assert_eq!(other.known.load().as_ref().map(|known| known.len()), Some(MANY));
    assert_eq!(calls(&server, "hgetall").await, 0);
    let scans = calls(&server, "hscan").await;
    assert!(scans >= MANY / USERS_PART / 2, "{scans} parts");
    // Nothing has changed: nothing is read.
    other.refresh().await.expect("Redis is there");
    put(&own, "user7", "ADMIN").await;
    let removed = own.change(|all| Ok(all.remove("user8")));
    removed.await.expect("written");
    let scans = calls(&server, "hscan").await;
    other.refresh().await.expect("Redis is there");
    assert_eq!(calls(&server, "hscan").await, scans, "only the changes are read");
    let seven = other.find("user7").await.expect("read").expect("there");
    assert_eq!(seven.record.roles, ["ADMIN"]);
    assert_eq!(other.find("user8").await, Ok(None));
    // More changes than the log has.
    let changed = own.change(|all| {
        all.values_mut().for_each(|record| record.id = Some(1));
        Ok(())
    });
    changed.await.expect("written");
    other.refresh().await.expect("Redis is there");
    let nine = other.find("user9").await.expect("read").expect("there");
    assert_eq!(nine.record.id, Some(1));
}

#[tokio::test]
async fn users_come_back_although_a_command_is_the_first_to_write_after_a_loss() {
    let (server, _folder) = server().await;
    let (own, other) = (users(&server, KEY), users(&server, KEY));
    for name in ["ann", "bob"] {
        put(&own, name, "USER").await;
    }
    for gateway in [&own, &other] {
        gateway.refresh().await.expect("Redis is there");
    }
    let before = own.newest().await.expect("there");
    let _: String = server.ask(redis::cmd("FLUSHALL")).await.expect("done");
    // The same number of changes as before, and none of the users that were there.
    put(&users(&server, KEY), "carl", "USER").await;
    put(&users(&server, KEY), "ann", "ADMIN").await;
    assert_ne!(own.newest().await, Ok(before), "no revision comes twice");
    for gateway in [&own, &other] {
        gateway.refresh().await.expect("Redis is there");
        let all = gateway.users().await.expect("Redis is there");
        let roles: Vec<_> = all
            .iter()
            .map(|(name, user)| format!("{name} {}", user.roles[0]))
            .collect();
        assert_eq!(roles, ["ann ADMIN", "bob USER", "carl USER"]);
        assert!(gateway.find("bob").await.expect("read").is_some());
    }
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
