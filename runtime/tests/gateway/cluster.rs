//! Three gateways on one Redis: pages of living services never fail, whatever ends and starts.

use std::{
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use axum::{Router, routing::get as on_get};
use http::StatusCode;
use hydra_runtime::gateway::{GatewayConfig, Secret};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use crate::support::{Running, gateway_with, get, post_text, register, said, service, until};

struct Redis {
    process: Child,
    folder: tempfile::TempDir,
}

impl Redis {
    fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        Self {
            process: Self::spawn(&folder),
            folder,
        }
    }

    fn spawn(folder: &tempfile::TempDir) -> Child {
        Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--unixsocket", "redis.sock"])
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .spawn()
            .expect("the Debian package redis-server is installed")
    }

    fn kill(&mut self) {
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
        let _ = std::fs::remove_file(self.folder.path().join("redis.sock"));
    }

    fn start_again_empty(&mut self) {
        self.process = Self::spawn(&self.folder);
    }

    fn signal(&self, name: &str) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([name, &pid])
                .status()
                .expect("kill")
                .success()
        );
    }

    fn url(&self) -> Secret {
        Secret::new(format!(
            "redis+unix://{}",
            self.folder.path().join("redis.sock").display()
        ))
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

async fn gateway(redis: &Redis) -> Running {
    let config = GatewayConfig {
        public_key: "K".into(),
        redis: Some(redis.url()),
        ..GatewayConfig::default()
    };
    let gateway = gateway_with(config).await;
    until("the gateway has found Redis", async || {
        registry(&gateway).await == "ok"
    })
    .await;
    gateway
}

async fn registry(gateway: &Running) -> String {
    let answer = get(&gateway.url("/_h/services")).await;
    answer.headers["hydra-registry"]
        .to_str()
        .expect("text")
        .to_owned()
}

/// A task that ends with the test.
struct Doing(JoinHandle<()>);

impl Drop for Doing {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// A service with one page, and the client that registers it and says alive, every second.
async fn living(name: &str, gateway: &Running) -> (Running, Doing) {
    let path = format!("/{name}-page");
    let page = service(Router::new().route(&path, on_get(async || "a page"))).await;
    let said = said(name, &page, json!({"endpoints":[path]}));
    register(gateway, &said).await;
    let (alive, registration) = (
        gateway.url("/h/discovery/K/alive"),
        gateway.url("/h/discovery/K/registration"),
    );
    let name = name.to_owned();
    let speaking = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(1)).await;
            let answer = post_text(&alive, "text/plain", name.clone()).await;
            if answer.status == StatusCode::NOT_FOUND {
                post_text(&registration, "application/json", said.to_string()).await;
            }
        }
    });
    (page, Doing(speaking))
}

async fn serves(gateway: &Running, name: &str) -> bool {
    get(&gateway.url(&format!("/{name}-page"))).await.status == StatusCode::OK
}

/// Asks for a page on every gateway, again and again, and counts what is no page.
fn visiting(gateways: &[&Running], name: &str, failures: &Arc<AtomicUsize>, on: &Arc<AtomicBool>) -> Doing {
    let urls: Vec<String> = gateways
        .iter()
        .map(|gateway| gateway.url(&format!("/{name}-page")))
        .collect();
    let (failures, on) = (Arc::clone(failures), Arc::clone(on));
    Doing(tokio::spawn(async move {
        loop {
            for url in &urls {
                let answer = get(url).await;
                if on.load(SeqCst) && answer.status != StatusCode::OK {
                    eprintln!("{url}: {}", answer.status);
                    failures.fetch_add(1, SeqCst);
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }))
}

async fn known(gateway: &Running) -> Value {
    get(&gateway.url("/_h/services")).await.json()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_page_of_a_living_service_fails_while_gateways_and_redis_come_and_go() {
    let mut redis = Redis::start();
    let (first, second, third) = (
        gateway(&redis).await,
        gateway(&redis).await,
        gateway(&redis).await,
    );
    let all = [&first, &second, &third];
    let mut living_services = Vec::new();
    for n in 0..8 {
        // The last gateway will end, so its services would too.
        let home = if n % 2 == 0 { &first } else { &second };
        living_services.push(living(&format!("s{n}"), home).await);
    }
    let mortal = living("mortal", &third).await;
    let everywhere = async |name: &str| {
        until("every gateway knows it", async || {
            serves(&first, name).await && serves(&second, name).await && serves(&third, name).await
        })
        .await;
    };
    for n in 0..8 {
        everywhere(&format!("s{n}")).await;
    }
    everywhere("mortal").await;
    let (failures, on) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(true)));
    let _visitors = [0, 1, 6, 7].map(|n| visiting(&all, &format!("s{n}"), &failures, &on));

    // A service ends: its pages say so on every gateway, and nobody else's do.
    drop(mortal);
    until("it is inactive everywhere", async || {
        let mut statuses = Vec::new();
        for gateway in all {
            statuses.push(get(&gateway.url("/mortal-page")).await.status);
        }
        statuses
            .iter()
            .all(|status| *status == StatusCode::SERVICE_UNAVAILABLE)
    })
    .await;

    // Redis hangs for longer than any alive counts, and a service comes meanwhile.
    redis.signal("-STOP");
    until("all have noticed", async || {
        registry(&first).await != "ok" && registry(&third).await != "ok"
    })
    .await;
    let _late = living("late", &first).await;
    assert!(
        serves(&first, "late").await,
        "the gateway that it speaks to knows it"
    );
    tokio::time::sleep(Duration::from_secs(10)).await;
    redis.signal("-CONT");
    let returned = Instant::now();
    everywhere("late").await;
    assert!(
        returned.elapsed() < Duration::from_secs(4),
        "{:?}",
        returned.elapsed()
    );

    // Redis loses everything, and a service comes before it is back.
    redis.kill();
    until("all have noticed", async || {
        registry(&first).await != "ok" && registry(&second).await != "ok"
    })
    .await;
    let _later = living("later", &second).await;
    redis.start_again_empty();
    until("all know the same again", async || {
        let one = known(&first).await;
        registry(&first).await == "ok"
            && one.as_object().is_some_and(|services| services.len() == 10)
            && known(&second).await == one
            && known(&third).await == one
    })
    .await;
    // Past the time in which missing instances are kept.
    tokio::time::sleep(Duration::from_secs(4)).await;
    for name in ["s0", "s7", "late", "later"] {
        everywhere(name).await;
    }

    // A gateway ends: the services of the others do not notice.
    on.store(false, SeqCst);
    third.stop().await;
    assert!(serves(&first, "s1").await && serves(&second, "s0").await);
    assert_eq!(failures.load(SeqCst), 0, "pages of living services failed");
}
