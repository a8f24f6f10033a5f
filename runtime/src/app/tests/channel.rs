//! Applications and gateways that call each other over channels.

use std::net::SocketAddr;

use hydra_runtime_gateway::{Gateway, GatewayConfig};
use tokio::{
    net::TcpListener,
    sync::{oneshot, watch},
    task::JoinHandle,
};

use super::*;

const KEY: &str = "the private key of the tests";

/// A gateway that can be stopped, or killed.
struct RunningGateway {
    address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    serving: JoinHandle<()>,
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn gateway(config: GatewayConfig) -> RunningGateway {
    let (listener, address) = listen().await;
    let gateway = Gateway::new(config).unwrap();
    let (stop, stopped) = oneshot::channel();
    let serving = async move {
        let stopped = async {
            // Without its sender, the test has ended.
            let _ = stopped.await;
        };
        gateway.serve(listener, stopped).await;
    };
    RunningGateway {
        address,
        stop: Some(stop),
        serving: tokio::spawn(serving),
    }
}

impl RunningGateway {
    /// Ends it without a word: its connections end, too.
    async fn kill(self) {
        self.serving.abort();
        assert!(self.serving.await.unwrap_err().is_cancelled());
    }
}

/// The owner of the fragment `news`.
fn news() -> App {
    let plan = json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [{"name": "news.html", "source": "the news for {{ who }}"}],
        "sites": [], "pages": [],
        "contract": {"service": "", "fragments": {"news": {"imports": {"who": {"type": "string"}}}}},
        "offers": {"news": "news.html"},
    });
    App::with_plan("elsewhere", plan.to_string())
}

/// An application that runs until it is dropped.
struct RunningApp {
    router: Router,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

/// Starts an application. What it says is its address is served only if `is_reachable`.
async fn run(app: App, settings: Partial, is_reachable: bool) -> RunningApp {
    let (listener, address) = listen().await;
    let assembled = app
        .settings(settings.listen(address.to_string()))
        .assemble()
        .unwrap();
    let (router, registration) = (assembled.router, assembled.registration.unwrap());
    if is_reachable {
        let router = router.clone();
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    } else {
        drop(listener);
    }
    let (stop, stopped) = watch::channel(false);
    let task = tokio::spawn(registration.run(address, stopped));
    RunningApp { router, stop, task }
}

fn settings(gateways: &[SocketAddr], channel: bool, key: Option<&str>) -> Partial {
    let gateways: Vec<_> = gateways
        .iter()
        .map(|address| format!("http://{address}"))
        .collect();
    let settings = Partial::default()
        .gateway(gateways.join(","))
        .channel(channel.to_string());
    match key {
        Some(key) => settings.private_key(key),
        None => settings,
    }
}

async fn page(shop: &RunningApp) -> String {
    let answer = shop.router.clone().oneshot(visit("/home/ann")).await.unwrap();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    String::from_utf8(body.to_vec()).unwrap()
}

const NEWS: &str = "<h1>ann</h1><b>Hi ann</b>|the news for ann|ANN";
const FALLBACK: &str = "<h1>ann</h1><b>Hi ann</b>|nothing|ANN";

/// Waits until the page is this.
async fn until_page(shop: &RunningApp, expected: &str) {
    let mut shown = String::new();
    for _ in 0..1_000 {
        shown = page(shop).await;
        if shown == expected {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("the page is {shown}");
}

/// A gateway's keys, and those of the owner of a fragment and of a page.
struct Keys {
    toml: String,
    owner: Option<&'static str>,
    page: Option<&'static str>,
}

/// No keys, one key for all, a changed one, and one for each service.
fn all_keys() -> [Keys; 4] {
    const NEXT: &str = "the next key of the tests";
    const OWN: &str = "the key of elsewhere";
    let keys = |toml: String, owner, page| Keys { toml, owner, page };
    let common = format!("private_key = '{KEY}'");
    [
        keys(String::new(), None, None),
        keys(common.clone(), Some(KEY), Some(KEY)),
        keys(
            format!("private_key = '{NEXT}'\nsecond_private_key = '{KEY}'"),
            Some(KEY),
            Some(NEXT),
        ),
        keys(
            format!("{common}\n[keys]\nelsewhere = '{OWN}'"),
            Some(OWN),
            Some(KEY),
        ),
    ]
}

#[tokio::test]
async fn pages_and_owners_meet_over_all_transports_with_all_kinds_of_keys() {
    for keys in all_keys() {
        for (page_over, owner_over) in [(false, false), (false, true), (true, false), (true, true)] {
            let gateway = gateway(GatewayConfig::from_toml(&keys.toml).unwrap()).await;
            let of = |channel, key| settings(&[gateway.address], channel, key);
            // Over a channel, nothing needs the owner's port.
            let owner = run(news(), of(owner_over, keys.owner), !owner_over).await;
            let shop = run(app(), of(page_over, keys.page), true).await;
            until_page(&shop, NEWS).await;
            owner.stop.send_replace(true);
            owner.task.await.unwrap();
            if owner_over {
                // At once: silence would take 5 s.
                until_page(&shop, FALLBACK).await;
            }
        }
    }
}

#[tokio::test]
async fn applications_move_when_their_gateway_stops_or_is_killed() {
    for is_killed in [false, true] {
        let (mut first, second) = (
            gateway(GatewayConfig::default()).await,
            gateway(GatewayConfig::default()).await,
        );
        let of = || settings(&[first.address, second.address], true, None);
        let _owner = run(news(), of(), false).await;
        let shop = run(app(), of(), true).await;
        until_page(&shop, NEWS).await;
        if is_killed {
            first.kill().await;
        } else {
            first.stop.take().unwrap().send(()).unwrap();
            first.serving.await.unwrap();
        }
        until_page(&shop, NEWS).await;
        assert_eq!(page(&shop).await, NEWS, "it stays so");
    }
}
