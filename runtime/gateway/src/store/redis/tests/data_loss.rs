//! After Redis lost all or some of its data, no known instance becomes unknown.

use super::*;

/// Two gateways, an instance that sends heartbeats to the first, and one that is silent.
async fn one_speaks_and_one_is_silent(url: &str) -> [RedisStore; 2] {
    let stores = two(url).await;
    for port in [1, 2] {
        stores[0].registers(port, &["/x"], 10_000).await;
    }
    stores[0].age(6_000).await;
    assert!(stores[0].hears(1, 16_000).await);
    refresh(&stores, 16_000).await;
    for store in &stores {
        assert_eq!(ports(store), [(1, true), (2, false)]);
    }
    stores
}

async fn still_known(stores: &[RedisStore; 2], what: &str) {
    for now in [16_500, 17_000, 18_500, 19_000] {
        stores[0].hears(1, now).await;
        refresh(stores, now).await;
    }
    for store in stores {
        assert_eq!(ports(store), [(1, true), (2, false)], "{what}");
        assert_eq!(store.outage(), None, "{what}");
    }
}

#[tokio::test]
async fn silent_instances_stay_known_after_redis_lost_its_data() {
    for commands in [
        vec![vec!["FLUSHALL".to_owned()]],
        vec![vec![
            "DEL".to_owned(),
            key("records"),
            key("stamps"),
            key("generation"),
        ]],
        vec![
            vec!["FLUSHALL".to_owned()],
            vec!["SET".to_owned(), key("generation"), "another".to_owned()],
            vec!["SET".to_owned(), key("hash"), "another".to_owned()],
        ],
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::at(folder.path());
        let stores = one_speaks_and_one_is_silent(&server.url).await;
        for command in &commands {
            let words: Vec<&str> = command.iter().map(String::as_str).collect();
            server.command(&words).await;
        }
        still_known(&stores, &format!("{commands:?}")).await;
        let late = store(&server.url);
        until_found(&late, 0).await;
        late.refresh(Millis(10_000)).await;
        assert_eq!(
            ports(&late),
            [(1, true), (2, false)],
            "also at a gateway that starts now"
        );
    }
}

#[tokio::test]
async fn silent_instances_stay_known_where_redis_starts_again_empty() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut server = Server::at(folder.path());
    let stores = one_speaks_and_one_is_silent(&server.url).await;
    server.kill();
    refresh(&stores, 16_250).await;
    server.start_again();
    for store in &stores {
        until_found(store, 16_250).await;
    }
    still_known(&stores, "an empty Redis").await;
}

#[tokio::test]
async fn what_redis_forgot_after_ten_minutes_stays_forgotten() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let stores = one_speaks_and_one_is_silent(&server.url).await;
    stores[0].age(601_000).await;
    stores[0].hears(1, 617_000).await;
    // A gateway that lost its connection meanwhile does not bring it back.
    stores[1].link.close();
    for now in [617_250, 617_500, 619_500] {
        stores[0].hears(1, now).await;
        refresh(&stores, now).await;
    }
    for store in &stores {
        assert_eq!(ports(store), [(1, true)]);
    }
}

#[tokio::test]
async fn a_registry_of_many_pieces_is_loaded_whole() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let first = store(&server.url);
    until_found(&first, 0).await;
    first.refresh(Millis(10_000)).await;
    let endpoints: Vec<String> = (0..1_000)
        .map(|n| format!("/a/path/that/is/not/short/{n}"))
        .collect();
    let endpoints: Vec<&str> = endpoints.iter().map(String::as_str).collect();
    for port in 1..=25 {
        first
            .apply(register(port, &endpoints), Millis(10_000))
            .await
            .expect("not refused");
    }
    for port in 26..=300 {
        first.registers(port, &["/x"], 10_000).await;
    }
    // What a slow Redis did not take, the first gateway writes again.
    until("Redis has all", async || {
        first.refresh(Millis(10_000)).await;
        let second = store(&server.url);
        until_found(&second, 0).await;
        second.view().entries.len() == 300
    })
    .await;
    let second = store(&server.url);
    until_found(&second, 0).await;
    let entries = second.view().entries;
    let of = |port: u16| {
        if port > 25 {
            "/x"
        } else {
            "/a/path/that/is/not/short/999"
        }
    };
    assert!(
        entries
            .iter()
            .all(|entry| entry.instance.serves(of(entry.instance.registration.port)))
    );
}

/// Two gateways know an instance. The gateway that receives its heartbeats ends together with the data, or goes on.
#[tokio::test]
async fn who_spoke_to_a_gateway_that_is_away_stays_active_for_30_s_after_redis_lost_its_data() {
    for (is_hearer_away, silence, expected) in [
        // The gateway that received its heartbeats hangs or was killed: no other one can know whether the instance
        // still runs.
        (true, 0, true),
        (true, 4_000, true),
        (true, 6_000, true),
        (true, 29_000, true),
        (true, 31_000, false),
        // The gateway is there, and says that it heard nothing.
        (false, 4_000, true),
        (false, 6_000, false),
    ] {
        let folder = tempfile::tempdir().expect("a folder");
        let server = Server::at(folder.path());
        let [hearer, other] = two(&server.url).await;
        hearer.registers(1, &["/x"], 10_000).await;
        other.refresh(Millis(10_000)).await;
        server.command(&["FLUSHALL"]).await;
        let mut now = 10_250;
        let mut refresh = async |ms: u64| {
            now += ms;
            if !is_hearer_away {
                hearer.refresh(Millis(now)).await;
            }
            other.refresh(Millis(now)).await;
        };
        refresh(250).await;
        refresh(2_000).await;
        other.link.age(silence, None).await;
        refresh(silence).await;
        let what = format!("the hearer is away: {is_hearer_away}, {silence} ms");
        assert_eq!(ports(&other), [(1, expected)], "{what}");
        let late = store(&server.url);
        until_found(&late, 0).await;
        late.refresh(Millis(10_000)).await;
        assert_eq!(
            ports(&late),
            [(1, expected)],
            "{what}, at a gateway that starts now"
        );
    }
}

#[tokio::test]
async fn who_is_heard_again_after_a_loss_of_data_follows_the_rules_of_who_hears_it() {
    let shared = two_on_one_redis().await;
    let server = shared.server;
    let [hearer, other] = shared.stores;
    hearer.registers(1, &["/x"], 10_000).await;
    other.refresh(Millis(10_000)).await;
    server.command(&["FLUSHALL"]).await;
    other.refresh(Millis(10_500)).await;
    other.refresh(Millis(12_500)).await;
    assert!(other.hears(1, 13_000).await);
    other.link.age(6_000, None).await;
    other.refresh(Millis(19_000)).await;
    assert_eq!(ports(&other), [(1, false)]);
}
