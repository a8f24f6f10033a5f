//! The operators' page in a real browser, beside a gateway with the services of the demo shop.

mod changes;
mod live;
mod looks;

use std::{
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use hydra_tests::{Browser, PATIENCE, Running, Start, get, post, program, service, wait_for};
use serde_json::{Value, json};

const TOKEN: &str = "the-token-of-the-operators";

/// A gateway, its services, and where it answers operators.
struct World {
    operators: String,
    gateway: Running,
    recommendations: Option<Running>,
    _others: [Running; 2],
    beating: Arc<AtomicBool>,
    beats: Option<JoinHandle<()>>,
}

impl World {
    fn open() -> Self {
        let mut gateway = Start::program("hydra")
            .arg("gateway")
            .env("HYDRA_LISTEN", "127.0.0.1:0")
            .env("HYDRA_ADMIN_TOKEN", TOKEN)
            .listening();
        let line = gateway.line_with("operators on http://");
        let operators = line.trim_start_matches("operators on ").to_owned();
        let start = |name: &str| service(name, &gateway.address).listening();
        let world = Self {
            recommendations: Some(start("recommendations")),
            _others: [start("storefront"), start("order-service")],
            beating: Arc::new(AtomicBool::new(true)),
            beats: None,
            operators,
            gateway,
        };
        wait_for("a page with its fragments", PATIENCE, || {
            let page = get(&world.gateway.address, "/checkout").ok()?.body;
            let is_whole =
                page.contains("class=\"checkout-form\"") && page.contains("class=\"recommendations\"");
            is_whole.then_some(())
        });
        world
    }

    /// Registers two versions of a service that does not run, with a path and a use of a fragment that are wrong.
    fn with_troubles(mut self) -> Self {
        for (port, version) in [(1_u16, "2.4.1"), (2, "2.5.0-rc1")] {
            let contract = json!({"service": "catalogue", "asks": [
                {"service": "orderService", "ref": "checkout", "exports": {"total": "number"}, "pages": ["catalogue.html"]}]});
            let body = json!({"webProtocol": "http", "host": "127.0.0.1", "port": port, "socketPort": 0, "name": "catalogue",
                "version": port, "versionName": version, "activeSince": 1, "awakening": null, "protocol": 2,
                "instance": format!("uuid-{version}"), "endpoints": ["/catalogue", "/catalogue/{id}", "/checkout"], "sockets": [],
                "staticResources": [], "menuItems": {}, "contract": contract});
            let answer = post(
                &self.gateway.address,
                "/h/discovery/hydra/registration",
                &body.to_string(),
            );
            assert_eq!(answer.expect("an answer").status, 200);
        }
        let (beating, address) = (Arc::clone(&self.beating), self.gateway.address.clone());
        self.beats = Some(thread::spawn(move || {
            while beating.load(Relaxed) {
                let _ = post(&address, "/h/discovery/hydra/alive", "catalogue");
                thread::sleep(Duration::from_millis(500));
            }
        }));
        self
    }

    /// What the operators' API says of the weights of a service.
    fn weights(&self, service: &str) -> Value {
        let run = Command::new(program("hydra"))
            .args(["weights", "--json", "--admin", &self.operators])
            .env("HYDRA_ADMIN_TOKEN", TOKEN)
            .output();
        let all: Value = serde_json::from_slice(&run.expect("the command runs").stdout).expect("JSON");
        let found = all["services"]
            .as_array()
            .and_then(|all| all.iter().find(|one| one["service"] == service));
        found.cloned().unwrap_or_else(|| panic!("no {service}: {all}"))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.beating.store(false, Relaxed);
        if let Some(beats) = self.beats.take() {
            let _ = beats.join();
        }
    }
}

/// Opens a page, and waits until it is there.
fn open(browser: &Browser, world: &World, path: &str) {
    arrive(browser, world, path, path);
}

/// Opens a page that leads to another, and waits until that is there.
fn arrive(browser: &Browser, world: &World, path: &str, at: &str) {
    browser.go_anew(&format!("{}{path}", world.operators));
    browser.wait("return location.pathname + location.search", at);
    browser.wait("return document.readyState", "complete");
}

/// Signs in with the token, and opens a page.
fn sign_in(browser: &Browser, world: &World, path: &str) {
    open(browser, world, "/sign-in");
    browser.type_into("#token", TOKEN);
    let click = "document.querySelector('main button').click()";
    assert_eq!(browser.run(click), Value::Null);
    browser.wait("return location.pathname", "/");
    open(browser, world, path);
}
