//! Connections that are idle but for KEEPALIVE each second: their memory and their CPU time, without what the kernel needs.

use std::{fs, time::Duration};

use hydra_runtime_rsocket::{Config, NoResponder, Setup, connect, receive_setup, transport::tcp};

use super::{cpu_time, sockets};

/// Each has two ends.
const CONNECTIONS: usize = 2000;
const DURATION: Duration = Duration::from_secs(10);

/// The memory of this process.
fn resident_bytes() -> usize {
    let status = fs::read_to_string("/proc/self/statm").expect("Linux");
    let pages = status
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<usize>().ok());
    pages.expect("a number") * 4096
}

pub(super) async fn measure() {
    let config = Config {
        keepalive_interval: Duration::from_secs(1),
        keepalive_lifetime: Duration::from_secs(5),
        ..Config::default()
    };
    let before = resident_bytes();
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        let (client, server) = sockets().await;
        let client = connect(
            tcp::Tcp::new(client),
            Setup::default(),
            NoResponder,
            config.clone(),
        )
        .expect("SETUP");
        let incoming = receive_setup(tcp::Tcp::new(server)).await.expect("SETUP");
        open.push((client, incoming.accept(NoResponder, config.clone())));
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let memory = resident_bytes().saturating_sub(before);
    let cpu = cpu_time();
    tokio::time::sleep(DURATION).await;
    let cpu = cpu_time() - cpu;
    assert!(
        open.iter()
            .all(|(client, server)| client.close_reason().or(server.close_reason()).is_none())
    );
    let ends = 2 * CONNECTIONS;
    println!(
        "{ends} idle ends over TCP: {} bytes each, {:.1} us CPU per second and end",
        memory / ends,
        cpu.as_secs_f64() * 1e6 / DURATION.as_secs_f64() / ends as f64,
    );
}
