//! What every store does, held against each of them.

use std::{
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use super::{Store, memory::MemoryStore, redis::RedisStore};
use crate::gateway::{
    Millis,
    registration::Rules,
    registry::{Event, Who, tests::instance},
};

/// A store, and a time that passes when the test says so.
struct Bench {
    store: Kind,
    now: u64,
}

enum Kind {
    Memory(MemoryStore),
    /// With its server, which ends when it is dropped.
    Redis(
        Box<RedisStore>,
        #[expect(dead_code, reason = "held for its end")] Server,
    ),
}

impl Bench {
    async fn all() -> Vec<Bench> {
        let server = Server::start();
        let store = RedisStore::new(&server.url(), "test", Rules::default()).expect("a good address");
        until(async || {
            store.refresh(Millis(0)).await;
            store.trouble().is_none()
        })
        .await;
        // Past the grace that follows a connection.
        let now = 10_000;
        let shared = Kind::Redis(Box::new(store), server);
        vec![
            Bench {
                store: Kind::Memory(MemoryStore::default()),
                now,
            },
            Bench { store: shared, now },
        ]
    }

    fn store(&self) -> &dyn Store {
        match &self.store {
            Kind::Memory(store) => store,
            Kind::Redis(store, _) => &**store,
        }
    }

    async fn pass(&mut self, ms: u64) {
        self.now += ms;
        if let Kind::Redis(store, _) = &self.store {
            store.age(ms).await;
        }
        self.store().refresh(Millis(self.now)).await;
    }

    async fn apply(&self, event: Event) -> bool {
        self.store().apply(event, Millis(self.now)).await
    }

    /// Port and activity of each instance.
    fn instances(&self) -> Vec<(u16, bool)> {
        let entries = self.store().view().entries;
        entries
            .iter()
            .map(|entry| (entry.instance.said.port, entry.is_active))
            .collect()
    }
}

/// A Redis of its own, that ends with the test.
pub(crate) struct Server {
    process: Child,
    folder: tempfile::TempDir,
}

impl Server {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let process = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket", "redis.sock"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the Debian package redis-server is installed");
        Self { process, folder }
    }

    fn url(&self) -> String {
        format!(
            "redis+unix://{}",
            PathBuf::from(self.folder.path()).join("redis.sock").display()
        )
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn until(mut is_so: impl AsyncFnMut() -> bool) {
    for _ in 0..500 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("it never came true");
}

fn register(port: u16, endpoints: &[&str]) -> Event {
    Event::Register(instance("a", port, endpoints))
}

fn alive(port: u16) -> Event {
    Event::Alive(Who::Instance {
        name: "a".into(),
        instance: format!("uuid-{port}"),
    })
}

#[tokio::test]
async fn silence_makes_inactive_then_forgotten_per_instance() {
    for mut bench in Bench::all().await {
        assert!(bench.apply(register(1, &["/x"])).await);
        assert!(bench.apply(register(2, &["/x"])).await);
        bench.pass(4_000).await;
        assert!(bench.apply(alive(2)).await);
        assert_eq!(bench.instances(), [(1, true), (2, true)]);
        bench.pass(2_000).await;
        assert_eq!(bench.instances(), [(1, false), (2, true)]);
        bench.pass(601_000).await;
        // One long step: the second was inactive for all of it, and is forgotten with the next look.
        bench.pass(0).await;
        assert_eq!(bench.instances(), []);
        assert!(!bench.apply(alive(1)).await, "it is told, and registers again");
    }
}

#[tokio::test]
async fn a_word_brings_an_inactive_instance_back() {
    for mut bench in Bench::all().await {
        bench.apply(register(1, &[])).await;
        bench.pass(6_000).await;
        assert_eq!(bench.instances(), [(1, false)]);
        assert!(
            bench
                .apply(Event::Alive(Who::Named {
                    name: "a".into(),
                    from: None
                }))
                .await
        );
        assert_eq!(bench.instances(), [(1, true)]);
        bench.pass(1_000).await;
        assert_eq!(bench.instances(), [(1, true)]);
    }
}

#[tokio::test]
async fn a_lost_instance_is_inactive_at_once() {
    for mut bench in Bench::all().await {
        bench.apply(register(1, &[])).await;
        bench.apply(Event::Lost(instance("a", 1, &[]).id.clone())).await;
        bench.pass(0).await;
        assert_eq!(bench.instances(), [(1, false)]);
    }
}

#[tokio::test]
async fn registering_again_replaces_and_the_same_words_change_nothing() {
    for bench in Bench::all().await {
        bench.apply(register(1, &["/x"])).await;
        let version = bench.store().version();
        bench.apply(register(1, &["/x"])).await;
        assert_eq!(bench.store().version(), version);
        bench.apply(register(1, &["/y"])).await;
        assert!(bench.store().version() > version);
        assert_eq!(bench.instances(), [(1, true)]);
        assert!(bench.store().view().entries[0].instance.serves("/y"));
    }
}

#[tokio::test]
async fn the_earlier_claim_to_a_path_stays_the_earlier_one() {
    for bench in Bench::all().await {
        bench.apply(Event::Register(instance("zoo", 1, &["/x"]))).await;
        bench.apply(Event::Register(instance("ant", 2, &["/x"]))).await;
        bench.apply(Event::Register(instance("zoo", 3, &["/x"]))).await;
        let claim = |port: u16| {
            let entries = bench.store().view().entries;
            let entry = entries
                .iter()
                .find(|entry| entry.instance.said.port == port)
                .expect("registered");
            let at = entry
                .instance
                .paths
                .iter()
                .position(|path| &*path.key == "/x")
                .expect("the path");
            entry.claims[at]
        };
        assert!(claim(1) < claim(2));
        assert_eq!(
            claim(1),
            claim(3),
            "a second instance inherits its service's claim"
        );
    }
}

#[tokio::test]
async fn gateways_share_what_is_in_redis_and_outlive_its_loss() {
    let mut server = Server::start();
    let stores: Vec<RedisStore> = (0..2)
        .map(|_| RedisStore::new(&server.url(), "test", Rules::default()).expect("a good address"))
        .collect();
    let [first, second] = &stores[..] else {
        panic!("two")
    };
    let refreshed = async |now: u64| {
        for store in [first, second] {
            store.refresh(Millis(now)).await;
        }
    };
    let ports = |store: &RedisStore| -> Vec<(u16, bool)> {
        store
            .view()
            .entries
            .iter()
            .map(|entry| (entry.instance.said.port, entry.is_active))
            .collect()
    };
    until(async || {
        refreshed(0).await;
        first.trouble().is_none() && second.trouble().is_none()
    })
    .await;
    refreshed(10_000).await;
    first.apply(register(1, &["/x"]), Millis(10_000)).await;
    tokio::time::timeout(Duration::from_secs(5), second.changed())
        .await
        .expect("an announcement");
    second.refresh(Millis(10_000)).await;
    assert_eq!(ports(second), [(1, true)]);
    assert_eq!(
        first.view().entries[0].instance.fingerprint,
        second.view().entries[0].instance.fingerprint
    );

    server.process.kill().expect("killed");
    server.process.wait().expect("ended");
    refreshed(11_000).await;
    assert!(first.trouble().is_some() && second.trouble().is_some());
    second.apply(register(2, &["/y"]), Millis(11_000)).await;
    refreshed(20_000).await;
    assert_eq!(
        ports(first),
        [(1, false)],
        "it speaks to this gateway, and fell silent"
    );
    assert_eq!(
        ports(second),
        [(1, true), (2, false)],
        "nobody here can know of the first one's silence"
    );

    let _ = std::fs::remove_file(server.folder.path().join("redis.sock"));
    server.process = Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--unixsocket", "redis.sock"])
        .current_dir(server.folder.path())
        .stdout(Stdio::null())
        .spawn()
        .expect("it starts again, empty");
    first.apply(alive(1), Millis(20_000)).await;
    second.apply(alive(2), Millis(20_000)).await;
    until(async || {
        refreshed(20_500).await;
        ports(first) == [(1, true), (2, true)] && ports(second) == ports(first)
    })
    .await;
    refreshed(30_000).await;
    assert_eq!(
        ports(first),
        [(1, true), (2, true)],
        "Redis was told all, so the end of the grace changes nothing"
    );
    assert_eq!(ports(second), ports(first));
    assert!(Arc::new(first).trouble().is_none());
}
