//! Three gateways with one Redis, and services with channels, each a process of its own: what the end of a process costs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant},
};

use hydra_tests::{PATIENCE, Redis, Running, Start, get, post, wait_for};
use serde_json::{Value, json};

/// How often a service is killed, for the median.
const KILLS: usize = 20;

/// A gateway.
struct Gateway {
    process: Running,
    /// Where it answers operators.
    admin: String,
}

impl Gateway {
    fn start(redis: &Redis) -> Self {
        let mut process = Start::program("hydra")
            .arg("gateway")
            .env("HYDRA_LISTEN", "127.0.0.1:0")
            .env("HYDRA_WORKERS", "2")
            .env("HYDRA_REDIS", &redis.address)
            .listening();
        let line = process.line_with("operators on http://");
        let admin = line.trim_start_matches("operators on ").to_owned();
        wait_for("Redis at the gateway", PATIENCE, || {
            let services = get(&process.address, "/_h/services").ok()?;
            services.head.contains("hydra-registry: ok").then_some(())
        });
        Self { process, admin }
    }

    fn address(&self) -> &str {
        &self.process.address
    }

    /// What operators see of the instances of a service.
    fn instances(&self, service: &str) -> Vec<Value> {
        let answer = get(&self.admin, "/api/services").ok();
        let all: Value = answer
            .and_then(|answer| serde_json::from_str(&answer.body).ok())
            .unwrap_or_default();
        let services = all.as_array().cloned().unwrap_or_default();
        let found = services.into_iter().find(|one| one["name"] == service);
        found
            .and_then(|one| one["instances"].as_array().cloned())
            .unwrap_or_default()
    }

    /// Whether the channel of a service ends here.
    fn holds(&self, service: &str) -> bool {
        self.instances(service)
            .iter()
            .any(|instance| instance["channel"]["here"].is_object())
    }

    /// What becomes of a fragment of a service that is asked for here.
    fn outcome(&self, service: &str, reference: &str) -> Option<String> {
        let item = json!([{"id": "1", "ref": reference, "deadline": 5_000, "attributes": {}}]);
        let batch = json!({"protocol": 2, "requests": {service: item}});
        let answer = post(
            self.address(),
            "/h/discovery/hydra/requestFragment",
            &batch.to_string(),
        )
        .ok()?;
        let answer: Value = serde_json::from_str(&answer.body).ok()?;
        answer["fragments"][0]["outcome"].as_str().map(str::to_owned)
    }
}

struct Cluster {
    gateways: Vec<Gateway>,
    _redis: Redis,
}

impl Cluster {
    fn start() -> Self {
        let redis = Redis::start();
        Self {
            gateways: (0..3).map(|_| Gateway::start(&redis)).collect(),
            _redis: redis,
        }
    }

    /// A service of the shop with a channel to the gateway with this number, which knows the others.
    fn service(&self, name: &str, first: usize) -> Start {
        let mut addresses: Vec<&str> = self.gateways.iter().map(Gateway::address).collect();
        let count = addresses.len();
        addresses.rotate_left(first % count);
        Start::program(name)
            .env("HYDRA_LISTEN", "127.0.0.1:0")
            .env("HYDRA_GATEWAY", &addresses.join(","))
            .env("HYDRA_CHANNEL", "true")
    }

    /// Waits until all gateways give the fragment of the recommendations, which needs no attributes.
    fn until_given(&self, service: &str, reference: &str) {
        wait_for("the fragment at each gateway", PATIENCE, || {
            self.gateways
                .iter()
                .all(|gateway| gateway.outcome(service, reference).as_deref() == Some("rendered"))
                .then_some(())
        });
    }
}

/// Visitors of the storefront's page at all gateways that live, and how many of their requests failed.
struct Visitors {
    stop: Arc<AtomicBool>,
    failed: Arc<AtomicUsize>,
    threads: Vec<thread::JoinHandle<()>>,
    visits: Arc<AtomicUsize>,
}

impl Visitors {
    fn of(gateways: &[Gateway]) -> Self {
        let visitors = Self {
            stop: Arc::default(),
            failed: Arc::default(),
            threads: Vec::new(),
            visits: Arc::default(),
        };
        let threads = gateways.iter().map(|gateway| {
            let address = gateway.address().to_owned();
            let (stop, failed, visits) = (
                visitors.stop.clone(),
                visitors.failed.clone(),
                visitors.visits.clone(),
            );
            thread::spawn(move || {
                while !stop.load(SeqCst) {
                    match get(&address, "/product/mint") {
                        Ok(answer) if answer.status == 200 => drop(visits.fetch_add(1, SeqCst)),
                        other => {
                            eprintln!("a visit failed: {other:?}");
                            failed.fetch_add(1, SeqCst);
                        }
                    }
                    thread::sleep(Duration::from_millis(20));
                }
            })
        });
        let threads = threads.collect();
        Self { threads, ..visitors }
    }

    /// Ends the visits. Returns how many succeeded, and how many failed.
    fn end(self) -> (usize, usize) {
        self.stop.store(true, SeqCst);
        for thread in self.threads {
            thread.join().expect("no panic");
        }
        (self.visits.load(SeqCst), self.failed.load(SeqCst))
    }
}

#[test]
fn a_service_that_is_killed_is_noticed_by_all_gateways_at_once() {
    const REFERENCE: &str = "new-arrivals";
    let cluster = Cluster::start();
    let _storefront = cluster.service("storefront", 0).listening();
    wait_for("the page of the storefront", PATIENCE, || {
        cluster
            .gateways
            .iter()
            .all(|gateway| get(gateway.address(), "/product/mint").is_ok_and(|page| page.status == 200))
            .then_some(())
    });
    let visitors = Visitors::of(&cluster.gateways);
    let mut times = Vec::new();
    for number in 0..KILLS {
        let service = cluster.service("recommendations", number).listening();
        cluster.until_given("recommendations", REFERENCE);
        let killed = Instant::now();
        drop(service);
        // Each gateway gives no fragment any more, and knows that the service is inactive.
        while !cluster.gateways.iter().all(|gateway| {
            let outcome = gateway.outcome("recommendations", REFERENCE);
            outcome.as_deref() == Some("inactive") && gateway.instances("recommendations").is_empty()
        }) {
            // Silence would be noticed after 5 s.
            assert!(killed.elapsed() < PATIENCE, "it was not noticed");
        }
        times.push(killed.elapsed());
    }
    times.sort_unstable();
    let (visits, failed) = visitors.end();
    eprintln!(
        "all three gateways noticed within {:?} (median of {KILLS}; {:?} to {:?}), {visits} visits of another page",
        times[KILLS / 2],
        times[0],
        times[KILLS - 1]
    );
    assert_eq!(failed, 0, "of {visits} visits of a living service");
}

#[test]
fn a_gateway_that_is_killed_or_stopped_loses_its_services_to_another() {
    for is_killed in [true, false] {
        let mut cluster = Cluster::start();
        let _storefront = cluster.service("storefront", 1).listening();
        let _recommendations = cluster.service("recommendations", 0).listening();
        cluster.until_given("recommendations", "new-arrivals");
        wait_for("the page of the storefront", PATIENCE, || {
            let pages = cluster.gateways.iter().map(Gateway::address);
            let mut pages = pages.map(|address| get(address, "/product/mint"));
            pages
                .all(|page| page.is_ok_and(|page| page.status == 200))
                .then_some(())
        });
        // A gateway that did not reach Redis in time was left for the next one.
        let at = wait_for("a gateway that has the channel", PATIENCE, || {
            let mut gateways = cluster.gateways.iter();
            gateways.position(|gateway| gateway.holds("recommendations"))
        });
        let mut holder = cluster.gateways.remove(at);
        let visitors = Visitors::of(&cluster.gateways);
        let began = Instant::now();
        if is_killed {
            drop(holder);
        } else {
            assert!(holder.process.terminate().success());
        }
        wait_for("a channel to another gateway", PATIENCE, || {
            cluster
                .gateways
                .iter()
                .any(|gateway| gateway.holds("recommendations"))
                .then_some(())
        });
        let moved = began.elapsed();
        cluster.until_given("recommendations", "new-arrivals");
        let (visits, failed) = visitors.end();
        let how = if is_killed { "killed" } else { "stopped" };
        eprintln!(
            "the gateway was {how}: the service was at another after {moved:?}, {visits} visits of a page"
        );
        assert_eq!(failed, 0, "of {visits} visits of a living service");
    }
}

#[test]
fn a_service_without_a_port_gives_its_fragments_through_any_gateway() {
    let cluster = Cluster::start();
    let mut service = cluster
        .service("recommendations", 1)
        .env("HYDRA_LISTEN", "off")
        .start();
    service.line_with("listening nowhere");
    cluster.until_given("recommendations", "new-arrivals");
    // A gateway that did not reach Redis in time was left for the next one.
    let holder = wait_for("one gateway that has the channel", PATIENCE, || {
        let holders = cluster.gateways.iter().filter(|one| one.holds("recommendations"));
        let [holder] = holders.collect::<Vec<_>>()[..] else {
            return None;
        };
        let address = holder.address().trim_start_matches("http://");
        let is_known = |gateway: &Gateway| {
            let instances = gateway.instances("recommendations");
            instances.len() == 1 && instances[0]["channel"]["gateway"] == address
        };
        cluster.gateways.iter().all(is_known).then_some(holder)
    });
    let relayed = |gateway: &Gateway| {
        let metrics = get(&gateway.admin, "/metrics").expect("metrics").body;
        let line = metrics
            .lines()
            .find(|line| line.starts_with("hydra_channel_relayed_total "));
        line.and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
    };
    let before = relayed(holder).expect("a number");
    for gateway in &cluster.gateways {
        let outcome = gateway.outcome("recommendations", "new-arrivals");
        assert_eq!(outcome.as_deref(), Some("rendered"));
        let instances = gateway.instances("recommendations");
        let address = instances[0]["address"].as_str().expect("an address");
        assert!(address.ends_with(".invalid:0"), "{address}");
    }
    assert_eq!(
        relayed(holder),
        Some(before + 2),
        "those of the other two gateways"
    );
    assert!(service.terminate().success());
    wait_for("its end at each gateway", PATIENCE, || {
        let mut outcomes = cluster
            .gateways
            .iter()
            .map(|gateway| gateway.outcome("recommendations", "new-arrivals"));
        outcomes
            .all(|outcome| outcome.as_deref() == Some("inactive"))
            .then_some(())
    });
}
