//! A fragment of 1 KB over kept connections: the client for whole bodies (`upstream/buffered_client`) beside hyper's, which the gateway
//! uses for what streams.

use std::{net::TcpListener, thread, time::Duration};

use divan::{Bencher, counter::ItemsCount};
use futures_util::future::try_join_all;
use hydra_runtime_gateway::bench::Clients;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    runtime::{Builder, Runtime},
};

/// As many fragments are asked for at once. A connection rests between two uses: with fewer, more would have to be opened.
const AT_ONCE: usize = 100;
const FRAGMENT_BYTES: usize = 1024;
/// After so long without a request, the gateway knows that the service keeps its connections open.
const PROOF: Duration = Duration::from_millis(300);

#[divan::bench(sample_size = 1, sample_count = 300)]
fn fragment_by_the_client_for_whole_bodies(bencher: Bencher<'_, '_>) {
    fragment(bencher, async |clients| clients.whole().await);
}

#[divan::bench(sample_size = 1, sample_count = 300)]
fn fragment_by_hyper(bencher: Bencher<'_, '_>) {
    fragment(bencher, async |clients| clients.streamed().await);
}

fn fragment(bencher: Bencher<'_, '_>, get: impl AsyncFn(&Clients) -> Result<usize, String>) {
    let clients = Clients::new(serve());
    let runtime = runtime();
    let round = || {
        let all = (0..AT_ONCE).map(|_| get(&clients));
        runtime.block_on(try_join_all(all)).expect("answers")
    };
    for _ in 0..3 {
        assert_eq!(round(), [FRAGMENT_BYTES; AT_ONCE]);
        runtime.block_on(async { tokio::time::sleep(PROOF).await });
    }
    bencher.counter(ItemsCount::new(AT_ONCE)).bench_local(round);
}

fn runtime() -> Runtime {
    Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime")
}

/// Starts a service that answers each request with the same fragment. Returns its port.
fn serve() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.set_nonblocking(true).expect("a socket");
    let port = listener.local_addr().expect("an address").port();
    thread::spawn(move || {
        runtime().block_on(async move {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            while let Ok((connection, _)) = listener.accept().await {
                tokio::spawn(answer(connection));
            }
        });
    });
    port
}

async fn answer(mut connection: TcpStream) -> std::io::Result<()> {
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: ";
    let body = "x".repeat(FRAGMENT_BYTES);
    let answer = format!("{head}{FRAGMENT_BYTES}\r\n\r\n{body}");
    let mut request = [0; 4096];
    // A request without a body comes in one piece on this machine.
    while connection.read(&mut request).await? > 0 {
        connection.write_all(answer.as_bytes()).await?;
    }
    Ok(())
}
