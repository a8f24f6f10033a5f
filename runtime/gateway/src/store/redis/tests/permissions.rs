//! What a user of Redis must be allowed.

use super::*;

/// What README tells operators to allow, beside the password.
const NEEDED: &str = "~hydra* &hydra* +@read +@write +@pubsub +@scripting +@connection +time";

/// What the store says is wrong with a user that has these rules.
async fn trouble_with(rules: &str, server: &Server) -> Option<String> {
    let mut words = vec!["ACL", "SETUSER", "gateway", "reset", "on", ">word"];
    words.extend(rules.split(' '));
    server.command(&words).await;
    let url = format!("{}?user=gateway&pass=word", server.url);
    let store = in_redis(&url, "hydra", "K", None);
    store.refresh(Millis(0)).await;
    store.registers(1, &["/x"], 10).await;
    store.refresh(Millis(2_000)).await;
    store.outage()
}

#[tokio::test]
async fn an_acl_for_hydra_is_enough_and_what_is_missing_is_named() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    until("Redis is found", async || {
        let pong: RedisResult<String> = server.ask(redis::cmd("PING")).await;
        pong.is_ok()
    })
    .await;
    for (rules, expected) in [
        (NEEDED, None),
        ("~hydra* &hydra* +@all", None),
        ("~hydra:* &hydra:* +@all", None),
        ("~{hydra}* &hydra* +@all", Some("~hydra* is missing")),
        ("~other* &hydra* +@all", Some("~hydra* is missing")),
        ("~hydra* &{hydra}* +@all", Some("&hydra* is missing")),
        ("~hydra* resetchannels +@all", Some("&hydra* is missing")),
        ("~hydra* &hydra* +@all -subscribe", Some("+subscribe is missing")),
        ("~hydra* &hydra* +@all -evalsha", Some("+evalsha is missing")),
        ("~hydra* &hydra* +@all -hset", Some("+@write")),
        ("~hydra* &hydra* +@all -time", Some("+time")),
    ] {
        let outage = trouble_with(rules, &server).await;
        match expected {
            None => assert_eq!(outage, None, "{rules}"),
            Some(text) => {
                let outage = outage.unwrap_or_else(|| panic!("{rules} is not enough"));
                assert!(outage.contains(text), "{rules}: {outage}");
            }
        }
    }
    let wrong = in_redis(
        &format!("{}?user=gateway&pass=wrong", server.url),
        "hydra",
        "K",
        None,
    );
    wrong.refresh(Millis(0)).await;
    let outage = wrong.outage().expect("it is refused");
    assert!(outage.contains("the user or the password"), "{outage}");
}

#[test]
fn the_guide_says_what_is_needed() {
    let guide = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/guide/run.md");
    let guide = std::fs::read_to_string(guide).expect("the guide");
    assert!(guide.contains(NEEDED));
}
