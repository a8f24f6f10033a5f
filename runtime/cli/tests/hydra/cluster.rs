//! Three gateways on one Redis: pages of living services never fail, whatever ends and starts, and what the gateways say
//! is the same within 2 s.

mod first_load;
mod gateways;
mod living;
pub(crate) mod redis;
mod tls;

use std::time::{Duration, Instant};

use crate::support::until;
use gateways::{Gateway, agree, until_noticed};
use living::{Living, Visitors};
use redis::Redis;

/// The cluster, and who lives in it.
struct Cluster {
    redis: Redis,
    gateways: Vec<Gateway>,
    services: Vec<Living>,
    visitors: Visitors,
}

impl Cluster {
    /// Three gateways and ten services, which are spread over them.
    async fn start() -> Self {
        let redis = Redis::start();
        let mut gateways = Vec::new();
        let mut visitors = Visitors::default();
        for _ in 0..3 {
            gateways.push(Gateway::start(&redis).await);
        }
        let mut cluster = Self {
            redis,
            gateways,
            services: Vec::new(),
            visitors: Visitors::default(),
        };
        for n in 0..10 {
            cluster.come(&format!("s{n}"), n % 3).await;
        }
        let names = cluster.names();
        agree(&cluster.gateways, Instant::now(), &names, &[]).await;
        for gateway in &cluster.gateways {
            visitors.visit(gateway);
        }
        for name in names {
            visitors.expect(name);
        }
        cluster.visitors = visitors;
        cluster
    }

    /// A service registers at a gateway.
    async fn come(&mut self, name: &str, home: usize) {
        let urls: Vec<_> = self.gateways.iter().map(|gateway| gateway.url.clone()).collect();
        self.services.push(Living::start(name, &urls, home).await);
    }

    /// A service registers, and all gateways say so in time.
    async fn come_everywhere(&mut self, name: &str, home: usize) {
        self.come(name, home).await;
        agree(&self.gateways, Instant::now(), &[name], &[]).await;
        self.visitors.expect(name);
    }

    fn names(&self) -> Vec<&str> {
        self.services.iter().map(|service| &*service.name).collect()
    }

    /// Everyone who lives is known everywhere in time.
    async fn all_know_all(&self, since: Instant, gone: &[&str]) {
        agree(&self.gateways, since, &self.names(), gone).await;
        self.visitors.are_content();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_a_living_service_fails_and_gateways_agree_within_2_s_whatever_ends_and_starts() {
    let mut cluster = Cluster::start().await;
    a_service_is_killed(&mut cluster).await;
    a_gateway_is_killed(&mut cluster).await;
    a_service_moves_and_redis_hangs(&mut cluster).await;
    redis_hangs_for_10_s(&mut cluster).await;
    redis_is_killed_and_starts_empty(&mut cluster).await;
}

async fn a_service_is_killed(cluster: &mut Cluster) {
    cluster.visitors.let_go("s9");
    drop(cluster.services.pop());
    cluster.come_everywhere("during-1", 1).await;
    // It counts as there until it was silent for 5 s. The moment in which the first gateway says otherwise is the change.
    let noticed = until_somebody_says_otherwise(&cluster.gateways, "s9").await;
    cluster.all_know_all(noticed, &["s9"]).await;
}

async fn until_somebody_says_otherwise(gateways: &[Gateway], gone: &str) -> Instant {
    until("its silence is noticed", async || {
        for gateway in gateways {
            if gateway.says().await.1.get(gone).is_none() {
                return true;
            }
        }
        false
    })
    .await;
    Instant::now()
}

async fn a_gateway_is_killed(cluster: &mut Cluster) {
    let number = cluster.gateways.len() - 1;
    let orphans = |cluster: &Cluster| cluster.services.iter().filter(|one| one.home() == number).count();
    assert!(orphans(cluster) >= 3, "they speak to the gateway that ends");
    let killed = Instant::now();
    cluster.gateways.pop().expect("the third").kill();
    cluster.come_everywhere("during-2", 0).await;
    cluster.all_know_all(killed, &[]).await;
    until("its services have gone to another gateway", async || {
        orphans(cluster) == 0
    })
    .await;
    cluster.all_know_all(Instant::now(), &["s9"]).await;
    let gateway = Gateway::start(&cluster.redis).await;
    cluster.gateways.push(gateway);
    // Until it has read the registry it says that the site is starting, and is not ready: no load balancer sends visitors to it.
    cluster.all_know_all(Instant::now(), &["s9"]).await;
    cluster
        .visitors
        .visit(cluster.gateways.last().expect("the new one"));
}

/// Who spoke to a gateway once and speaks to another one now must not count as silent there when Redis is away.
async fn a_service_moves_and_redis_hangs(cluster: &mut Cluster) {
    let service = cluster.services.iter().find(|service| service.home() == 0);
    let service = service.expect("a service of the first gateway");
    service.move_to(1);
    until(
        "it was heard at the other gateway, after silence at the first",
        async || service.times_heard() >= 2,
    )
    .await;
    cluster.all_know_all(Instant::now(), &["s9"]).await;
    cluster.redis.signal("-STOP");
    until_noticed(&cluster.gateways).await;
    // Longer than silence is allowed.
    let heard = service.times_heard();
    until("it was heard all along", async || {
        service.times_heard() >= heard + 2
    })
    .await;
    let (_, services) = cluster.gateways[0].says().await;
    assert!(
        services.get(&service.name).is_some(),
        "the first gateway knows it"
    );
    cluster.visitors.are_content();
    cluster.redis.signal("-CONT");
    cluster.all_know_all(Instant::now(), &["s9"]).await;
}

async fn redis_hangs_for_10_s(cluster: &mut Cluster) {
    let stopped = Instant::now();
    cluster.redis.signal("-STOP");
    until_noticed(&cluster.gateways).await;
    cluster.come("during-3", 1).await;
    let (trouble, services) = cluster.gateways[1].says().await;
    assert!(trouble != "ok" && services.get("during-3").is_some());
    // Longer than silence is allowed, for services and for what Redis remembers of them.
    tokio::time::sleep(Duration::from_secs(10).saturating_sub(stopped.elapsed())).await;
    cluster.visitors.are_content();
    cluster.redis.signal("-CONT");
    cluster.all_know_all(Instant::now(), &["s9"]).await;
    cluster.visitors.expect("during-3");
}

async fn redis_is_killed_and_starts_empty(cluster: &mut Cluster) {
    cluster.redis.kill();
    until_noticed(&cluster.gateways).await;
    cluster.come("during-4", 2).await;
    assert!(cluster.gateways[2].says().await.1.get("during-4").is_some());
    cluster.visitors.are_content();
    cluster.redis.start_again_empty().await;
    let started = Instant::now();
    cluster.come("during-5", 0).await;
    cluster.all_know_all(started, &["s9"]).await;
    cluster.visitors.expect("during-4");
    cluster.visitors.expect("during-5");
    // Services that Redis lacks are kept for a while. After that, only those are left that have registered again.
    tokio::time::sleep(Duration::from_secs(3)).await;
    cluster.all_know_all(Instant::now(), &["s9"]).await;
}
