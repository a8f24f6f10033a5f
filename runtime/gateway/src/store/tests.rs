//! What every store does, held against each of them.

use std::sync::Arc;

use futures_util::future::{BoxFuture, FutureExt as _};
use hydra_runtime_net::redis_link::servers::{Server, Servers, until};

use super::{
    Store,
    memory::MemoryStore,
    redis::{RedisStore, RedisStoreConfig},
};
use crate::{
    Millis,
    config::Secret,
    limits::RegistryLimits,
    registry::{
        instance::{
            RegistrationRules,
            channel_place::{ChannelId, ChannelPlace},
            check_with_channel,
        },
        state::{Event, HeartbeatSender, tests::instance},
    },
};

/// A behaviour of every store, and its check with an empty store.
type Behaviour = (&'static str, fn(Bench) -> BoxFuture<'static, ()>);

/// The table.
const BEHAVIOURS: &[Behaviour] = &[
    ("silence_makes_inactive_then_forgotten_per_instance", |bench| {
        silence_makes_inactive_then_forgotten_per_instance(bench).boxed()
    }),
    ("a_word_brings_an_inactive_instance_back", |bench| {
        a_word_brings_an_inactive_instance_back(bench).boxed()
    }),
    ("a_lost_instance_is_inactive_at_once", |bench| {
        a_lost_instance_is_inactive_at_once(bench).boxed()
    }),
    (
        "the_end_of_a_channel_makes_inactive_only_the_instance_that_still_has_it",
        |bench| the_end_of_a_channel_makes_inactive_only_the_instance_that_still_has_it(bench).boxed(),
    ),
    ("held_instances_stay_active_without_heartbeats", |bench| {
        held_instances_stay_active_without_heartbeats(bench).boxed()
    }),
    (
        "registering_again_replaces_and_the_same_words_change_nothing",
        |bench| registering_again_replaces_and_the_same_words_change_nothing(bench).boxed(),
    ),
    ("the_earlier_claim_to_a_path_stays_the_earlier_one", |bench| {
        the_earlier_claim_to_a_path_stays_the_earlier_one(bench).boxed()
    }),
];

/// A store, and a time that passes when the test says so.
struct Bench {
    store: Kind,
    now: u64,
}

enum Kind {
    Memory(Box<MemoryStore>),
    Redis(Box<RedisStore>),
}

impl Bench {
    fn in_memory() -> Self {
        let store = Kind::Memory(Box::new(MemoryStore::new(RegistryLimits::default())));
        Self { store, now: 10_000 }
    }

    /// A store of its own among those of one Redis.
    async fn in_redis(url: &str, prefix: &str) -> Self {
        let store = in_redis(url, prefix, "K", None);
        until("Redis is found", async || {
            store.refresh(Millis(0)).await;
            store.outage().is_none()
        })
        .await;
        // Past the grace that follows a connection.
        Self {
            store: Kind::Redis(Box::new(store)),
            now: 10_000,
        }
    }

    fn store(&self) -> &dyn Store {
        match &self.store {
            Kind::Memory(store) => &**store,
            Kind::Redis(store) => &**store,
        }
    }

    async fn pass(&mut self, ms: u64) {
        self.now += ms;
        if let Kind::Redis(store) = &self.store {
            store.age(ms).await;
        }
        self.store().refresh(Millis(self.now)).await;
    }

    async fn apply(&self, event: Event) -> bool {
        self.store()
            .apply(event, Millis(self.now))
            .await
            .expect("not refused")
    }

    /// Port and activity of each instance.
    fn instances(&self) -> Vec<(u16, bool)> {
        ports(self.store())
    }
}

async fn all_hold_in(url: &str) {
    for (behaviour, holds) in BEHAVIOURS {
        eprintln!("{behaviour}");
        holds(Bench::in_redis(url, behaviour).await).await;
    }
}

#[tokio::test]
async fn every_behaviour_holds_in_memory() {
    for (behaviour, holds) in BEHAVIOURS {
        eprintln!("{behaviour}");
        holds(Bench::in_memory()).await;
    }
}

#[tokio::test]
async fn every_behaviour_holds_in_one_redis() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    all_hold_in(&server.url).await;
}

#[tokio::test]
async fn every_behaviour_holds_behind_sentinel() {
    all_hold_in(&Servers::with_sentinel().await.url).await;
}

#[tokio::test]
async fn every_behaviour_holds_in_a_cluster() {
    all_hold_in(&Servers::cluster().await.url).await;
}

/// A store of the installation `public_key`.
pub(super) fn in_redis(url: &str, prefix: &str, public_key: &str, private_key: Option<&str>) -> RedisStore {
    let place = RedisStoreConfig {
        url: &Secret::new(url.to_owned()),
        prefix,
        public_key,
        private_keys: [private_key, None],
    };
    RedisStore::new(place, RegistrationRules::default()).expect("a good address")
}

/// Port and activity of each instance of a store.
pub(super) fn ports(store: &dyn Store) -> Vec<(u16, bool)> {
    let entries = store.view().entries;
    entries
        .iter()
        .map(|entry| (entry.instance.registration.port, entry.is_active))
        .collect()
}

pub(super) fn register(port: u16, endpoints: &[&str]) -> Event {
    Event::Register(instance("a", port, endpoints))
}

pub(super) fn alive(port: u16) -> Event {
    Event::Heartbeat(HeartbeatSender::Instance {
        name: "a".into(),
        instance: format!("uuid-{port}"),
    })
}

async fn silence_makes_inactive_then_forgotten_per_instance(mut bench: Bench) {
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

async fn a_word_brings_an_inactive_instance_back(mut bench: Bench) {
    bench.apply(register(1, &[])).await;
    bench.pass(6_000).await;
    assert_eq!(bench.instances(), [(1, false)]);
    assert!(
        bench
            .apply(Event::Heartbeat(HeartbeatSender::ServiceName {
                name: "a".into(),
                from: None
            }))
            .await
    );
    assert_eq!(bench.instances(), [(1, true)]);
    bench.pass(1_000).await;
    assert_eq!(bench.instances(), [(1, true)]);
}

async fn a_lost_instance_is_inactive_at_once(mut bench: Bench) {
    bench.apply(register(1, &[])).await;
    bench.apply(Event::Lost(instance("a", 1, &[]).id.clone())).await;
    bench.pass(0).await;
    assert_eq!(bench.instances(), [(1, false)]);
}

/// The registration of an instance over a channel.
pub(super) fn over_channel(port: u16, channel: &str) -> Event {
    let with_port = instance("a", port, &["/x"]);
    let place = ChannelPlace {
        id: ChannelId::from(channel.to_owned()),
        gateway: Some("10.0.0.5:80".to_owned()),
    };
    let from = "10.9.9.9".parse().ok();
    let rules = RegistrationRules::default();
    let registration = with_port.registration.clone();
    let attached = check_with_channel(registration, Some(place), from, &rules).expect("good");
    Event::Register(Arc::new(attached))
}

pub(super) fn channel_ended(port: u16, channel: &str) -> Event {
    Event::ChannelEnded {
        instance: instance("a", port, &[]).id.clone(),
        channel: ChannelId::from(channel.to_owned()),
    }
}

async fn the_end_of_a_channel_makes_inactive_only_the_instance_that_still_has_it(bench: Bench) {
    bench.apply(over_channel(1, "first")).await;
    bench.apply(over_channel(2, "of 2")).await;
    for (event, is_active) in [
        (channel_ended(1, "another"), true),
        (channel_ended(3, "first"), true),
        (channel_ended(1, "first"), false),
        // It came back with another channel, and the former one ends a second time.
        (over_channel(1, "second"), true),
        (channel_ended(1, "first"), true),
        // It came back without a channel, as another process at the address does.
        (register(1, &["/x"]), true),
        (channel_ended(1, "second"), true),
    ] {
        let shown = format!("{event:?}");
        bench.apply(event).await;
        assert_eq!(bench.instances(), [(1, is_active), (2, true)], "{shown:.40}");
    }
    let has_channel = |port: u16| {
        let entries = bench.store().view().entries;
        let mut entries = entries.iter();
        let entry = entries.find(|entry| entry.instance.registration.port == port);
        entry.is_some_and(|entry| entry.instance.channel.is_some())
    };
    assert!(!has_channel(1) && has_channel(2));
}

async fn held_instances_stay_active_without_heartbeats(mut bench: Bench) {
    bench.apply(over_channel(1, "first")).await;
    bench.apply(register(2, &["/x"])).await;
    let held = [1, 3].map(|port| instance("a", port, &[]).id.clone());
    for _ in 0..3 {
        bench.pass(4_000).await;
        let renewed = Event::Heartbeat(HeartbeatSender::Held(held.to_vec()));
        assert!(bench.apply(renewed).await);
    }
    assert_eq!(bench.instances(), [(1, true), (2, false)]);
    bench.apply(channel_ended(1, "first")).await;
    assert_eq!(bench.instances(), [(1, false), (2, false)]);
}

async fn registering_again_replaces_and_the_same_words_change_nothing(bench: Bench) {
    bench.apply(register(1, &["/x"])).await;
    let version = bench.store().version();
    bench.apply(register(1, &["/x"])).await;
    assert_eq!(bench.store().version(), version);
    bench.apply(register(1, &["/y"])).await;
    assert!(bench.store().version() > version);
    assert_eq!(bench.instances(), [(1, true)]);
    assert!(bench.store().view().entries[0].instance.serves("/y"));
}

async fn the_earlier_claim_to_a_path_stays_the_earlier_one(bench: Bench) {
    bench.apply(Event::Register(instance("zoo", 1, &["/x"]))).await;
    bench.apply(Event::Register(instance("ant", 2, &["/x"]))).await;
    bench.apply(Event::Register(instance("zoo", 3, &["/x"]))).await;
    let claim = |port: u16| {
        let entries = bench.store().view().entries;
        let entry = entries
            .iter()
            .find(|entry| entry.instance.registration.port == port)
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
