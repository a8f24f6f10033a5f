//! Gateways as processes of their own, and what they say.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use serde_json::Value;

use super::redis::Redis;
use crate::support::{get, until};

/// Within this time what all gateways say is the same.
const SAME_WITHIN: Duration = Duration::from_secs(2);

/// The program `hydra gateway`.
pub(super) struct Gateway {
    process: Child,
    /// `http://host:port`.
    pub(super) url: String,
    is_alive: Arc<AtomicBool>,
}

impl Gateway {
    /// Starts one, and waits until it has found Redis.
    pub(super) async fn start(redis: &Redis) -> Self {
        let gateway = Self::with(&redis.url(), Stdio::null(), &[]);
        gateway.until_it_found_redis().await;
        gateway
    }

    /// Starts one with this Redis, and more in its environment.
    pub(super) fn with(redis: &str, log: Stdio, more: &[(&str, &Path)]) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_hydra"))
            .args([
                "gateway",
                "--listen",
                "127.0.0.1:0",
                "--workers",
                "2",
                "--public-key",
                "K",
            ])
            .env("HYDRA_REDIS", redis)
            .envs(more.iter().copied())
            .env_remove("HYDRA_CONFIG")
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let mut out = BufReader::new(process.stdout.take().expect("piped"));
        out.read_line(&mut line).expect("a line");
        let url = line.trim().strip_prefix("listening on ").expect("its address");
        Self {
            url: url.to_owned(),
            process,
            is_alive: Arc::new(AtomicBool::new(true)),
        }
    }

    pub(super) async fn until_it_found_redis(&self) {
        until("the gateway has found Redis", async || {
            self.registry().await == "ok"
        })
        .await;
    }

    /// Ends it, and gives what it logged if that was piped.
    pub(super) fn log(mut self) -> String {
        self.process.kill().expect("killed");
        let mut log = String::new();
        let pipe = self
            .process
            .stderr
            .take()
            .map(|mut pipe| pipe.read_to_string(&mut log));
        pipe.expect("piped").expect("text");
        log
    }

    /// Ends it without a word, as a crash would.
    pub(super) fn kill(mut self) {
        self.is_alive.store(false, SeqCst);
        self.process.kill().expect("killed");
        self.process.wait().expect("ended");
    }

    /// Whether it was not killed, also when that is asked later.
    pub(super) fn life(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_alive)
    }

    /// `ok`, or what it says is wrong with Redis.
    pub(super) async fn registry(&self) -> String {
        let answer = get(&format!("{}/_h/services", self.url)).await;
        let said = answer.headers["hydra-registry"].to_str().expect("text");
        said.to_owned()
    }

    /// The services that it knows, and whether it says that this is all.
    pub(super) async fn says(&self) -> (String, Value) {
        let answer = get(&format!("{}/_h/services", self.url)).await;
        let registry = answer.headers["hydra-registry"].to_str().expect("text");
        (registry.to_owned(), answer.json())
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// What all gateways say is the same, and holds `present` and not `absent`, at the latest 2 s after `since`.
pub(super) async fn agree(gateways: &[Gateway], since: Instant, present: &[&str], absent: &[&str]) {
    loop {
        let said = join_all(gateways.iter().map(Gateway::says)).await;
        let took = since.elapsed();
        let (registry, services) = &said[0];
        let is_right = registry == "ok"
            && said.iter().all(|other| *other == said[0])
            && present.iter().all(|name| services.get(name).is_some())
            && absent.iter().all(|name| services.get(name).is_none());
        let names: Vec<_> = said
            .iter()
            .map(|(registry, services)| {
                let names = services.as_object().expect("an object").keys();
                (registry, names.collect::<Vec<_>>())
            })
            .collect();
        assert!(
            took < SAME_WITHIN,
            "{present:?}, not {absent:?}, after {took:?}: {names:#?}"
        );
        if is_right {
            eprintln!("{present:?}, not {absent:?}: the same after {took:?}");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// All gateways have noticed that Redis is away.
pub(super) async fn until_noticed(gateways: &[Gateway]) {
    until("all have noticed", async || {
        let said = join_all(gateways.iter().map(Gateway::registry)).await;
        said.iter().all(|registry| registry != "ok")
    })
    .await;
}
