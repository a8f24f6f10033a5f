//! Requests over one connection on the loopback address: 64 in flight, payloads of 1 KB, echoed. Beside it the same over HTTP/1.1: a
//! POST on each of 64 connections that stay open. Client and server share the process; the CPU time is that of both.

#[path = "loopback/http.rs"]
mod http;
#[path = "loopback/idle.rs"]
mod idle;

use std::{
    future::Future,
    time::{Duration, Instant},
};

use hydra_runtime_rsocket::{
    Config, Failure, NoResponder, Payload, Requester, Responder, Setup, Transport, connect, receive_setup,
    transport::{tcp, websocket},
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime::Builder,
};

const IN_FLIGHT: usize = 64;
const PAYLOAD_BYTES: usize = 1024;
const DURATION: Duration = Duration::from_secs(3);

struct Echo;

impl Responder for Echo {
    async fn request_response(&self, request: Payload) -> Result<Payload, Failure> {
        Ok(request)
    }
}

fn main() {
    // First, while no memory can be used again.
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(idle::measure());
    for threads in [1, 2] {
        let mut builder = if threads == 1 {
            Builder::new_current_thread()
        } else {
            Builder::new_multi_thread()
        };
        let runtime = builder
            .worker_threads(threads)
            .enable_all()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let (client, server) = sockets().await;
            let server = async { tcp::Tcp::new(server) };
            rsocket(
                &format!("RSocket over TCP, {threads} threads"),
                tcp::Tcp::new(client),
                server,
            )
            .await;
            let (client, server) = sockets().await;
            let server = tokio::spawn(async { websocket::accept(server).await.expect("a handshake") });
            let client = websocket::handshake("ws://localhost/", client)
                .await
                .expect("a handshake");
            let server = async { server.await.expect("no panic") };
            rsocket(
                &format!("RSocket over WebSocket, {threads} threads"),
                client,
                server,
            )
            .await;
            http::measure(&format!("HTTP/1.1 POST, {threads} threads")).await;
        });
    }
}

/// Both ends of a connection over TCP.
async fn sockets() -> (TcpStream, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (client, server) = tokio::join!(TcpStream::connect(address), listener.accept());
    let (client, server) = (client.expect("TCP"), server.expect("TCP").0);
    client.set_nodelay(true).expect("an option");
    server.set_nodelay(true).expect("an option");
    (client, server)
}

async fn rsocket<S: Transport>(what: &str, client: impl Transport, server: impl Future<Output = S>) {
    let client = connect(client, Setup::default(), NoResponder, Config::default()).expect("a small SETUP");
    let incoming = receive_setup(server.await).await.expect("SETUP");
    let server = incoming.accept(Echo, Config::default());
    let requests = (0..IN_FLIGHT).map(|_| ask(client.clone()));
    report(what, requests).await;
    server.close();
}

async fn ask(client: Requester) -> Vec<Duration> {
    let payload = Payload::new(vec![b'x'; PAYLOAD_BYTES]);
    let (began, mut times) = (Instant::now(), Vec::new());
    while began.elapsed() < DURATION {
        let sent = Instant::now();
        let answer = client.request_response(payload.clone()).await.expect("an answer");
        assert_eq!(answer.data.len(), PAYLOAD_BYTES);
        times.push(sent.elapsed());
    }
    times
}

/// Runs all at once, and prints how many requests they did.
async fn report(what: &str, all: impl Iterator<Item = impl Future<Output = Vec<Duration>> + Send + 'static>) {
    let (began, cpu) = (Instant::now(), cpu_time());
    let tasks: Vec<_> = all.map(tokio::spawn).collect();
    let mut times = Vec::new();
    for task in tasks {
        times.extend(task.await.expect("no panic"));
    }
    let (elapsed, cpu) = (began.elapsed(), cpu_time() - cpu);
    times.sort_unstable();
    let count = times.len();
    println!(
        "{what}: {:.0} requests/s, median {:?}, p99 {:?}, CPU {:.2} us per request",
        count as f64 / elapsed.as_secs_f64(),
        times[count / 2],
        times[count * 99 / 100],
        cpu.as_secs_f64() * 1e6 / count as f64,
    );
}

fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec as u32)
}
