//! The HTTP server: HTTP/1.1 and HTTP/2 on one port, with one single-threaded runtime per CPU.
//!
//! A request is answered on the thread that accepted its connection, without locks and wake-ups across threads. The
//! `status` of each connection is shared; `connections` has those of all threads, and decides which of them must
//! close.

pub mod authority;
mod body;
mod connection;
mod connection_limits;
mod connections;
mod handle;
mod port;
mod proxy_protocol;
mod raw;
mod refusal;
pub mod rest;
mod routes;
pub mod shared_timer;
mod status;
mod stream;
#[cfg(feature = "tls")]
mod tls;

use std::{
    future::Future,
    io,
    net::{IpAddr, SocketAddr, TcpListener as StdListener},
    pin::pin,
    sync::Arc,
    thread,
};

use socket2::SockRef;
use tokio::{net::TcpListener, runtime, sync::watch};

use crate::limits::{ACCEPT_RETRY_PAUSE, LISTEN_BACKLOG};
use connection::ConnectionBuilders;
pub use connection_limits::{ConnectionLimits, raise_file_limit};
use connections::Connections;
pub use handle::Connection;
pub use port::Port;
use port::{Accepted, OpenPorts};
pub use raw::{RawConnection, RawStream, ServeRaw};
pub use routes::{Answer, Routes};
#[cfg(feature = "tls")]
pub use tls::{CertificateFiles, Certificates};

/// The address at the other end of the connection, as a request extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Marks the requests of a connection with TLS, as a request extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OverTls;

/// Opens the port.
///
/// # Errors
/// The address is in use, or may not be used.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    // A restarted server must not wait for old connections to time out.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(LISTEN_BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Serves all `ports` on `workers` threads until `shutdown` is `true`, then lets requests under way end. `routes` is called
/// once per thread, in its runtime.
///
/// # Errors
/// A port cannot be shared, or a thread or its runtime cannot be created.
pub fn run<F>(
    ports: Vec<Port>,
    workers: usize,
    routes: F,
    shutdown: &watch::Receiver<bool>,
    limits: ConnectionLimits,
) -> io::Result<()>
where
    F: Fn() -> Routes + Send + Sync,
{
    let routes = &routes;
    let connections = &connections(limits);
    // If one worker ends, all end: otherwise the error would be noticed only when the server is stopped.
    let (ended, _) = watch::channel(false);
    let ended = &ended;
    let work = move |ports: Vec<Port>, mut shutdown: watch::Receiver<bool>| {
        let _end = End(ended);
        let runtime = rest::record(runtime::Builder::new_current_thread().enable_all()).build()?;
        runtime.block_on(async move {
            let ports = OpenPorts::new(ports)?;
            let mut others = ended.subscribe();
            let stopped = async move {
                tokio::select! {
                    // The sender is gone, so that no signal to stop can come any more: stop.
                    _ = shutdown.wait_for(|stop| *stop) => {}
                    _ = others.wait_for(|ended| *ended) => {}
                }
            };
            serve_in(Arc::clone(connections), ports, routes(), stopped).await;
            io::Result::Ok(())
        })
    };
    thread::scope(|scope| {
        let _end = End(ended);
        let mut threads = Vec::new();
        for _ in 1..workers {
            let ports = ports.iter().map(Port::try_clone).collect::<io::Result<_>>()?;
            let shutdown = shutdown.clone();
            threads.push(scope.spawn(move || work(ports, shutdown)));
        }
        // The calling thread is a worker, too: each additional thread has a heap of its own. The ports are closed
        // once all workers have stopped accepting.
        let mut served = work(ports, shutdown.clone());
        for thread in threads {
            let joined = thread.join();
            let ended = joined.unwrap_or_else(|_| Err(io::Error::other("a worker thread panicked")));
            served = served.and(ended);
        }
        served
    })
}

/// Tells all workers to end when it is dropped.
struct End<'a>(&'a watch::Sender<bool>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// Serves in the current runtime until `shutdown` is ready, then lets requests under way end.
pub async fn serve(
    listener: TcpListener,
    routes: impl Into<Routes>,
    shutdown: impl Future<Output = ()>,
    limits: ConnectionLimits,
) {
    serve_in(
        connections(limits),
        OpenPorts::plain(listener),
        routes.into(),
        shutdown,
    )
    .await;
}

fn connections(limits: ConnectionLimits) -> Arc<Connections> {
    let most = limits.most_connections(raise_file_limit());
    Arc::new(Connections::new(limits, most))
}

async fn serve_in(
    connections: Arc<Connections>,
    ports: OpenPorts,
    routes: Routes,
    shutdown: impl Future<Output = ()>,
) {
    for listener in ports.listeners() {
        limit_unsent_bytes(listener, connections.limits());
    }
    let protocols = Arc::new(ConnectionBuilders::new(connections.limits()));
    let start = |accepted: Accepted| {
        connection::start(accepted, routes.clone(), &protocols, connections.take());
    };
    let mut shutdown = pin!(shutdown);
    let mut looks = tokio::time::interval(connections.limits().period());
    loop {
        let accepting = async {
            connections.wait_for_capacity().await;
            ports.accept().await
        };
        tokio::select! {
            accepted = accepting => match accepted {
                Ok(accepted) => start(accepted),
                Err(error) => pause_after(&error).await,
            },
            _ = looks.tick() => connections.look(),
            () = &mut shutdown => break,
        }
    }
    // From now on, answers say that their connections close.
    connections.stop();
    for accepted in ports.close() {
        start(accepted);
    }
    let left = connections.ended().await;
    if left > 0 {
        tracing::warn!(left, "some requests did not end in time and are cut off");
    }
}

/// Bounds how much of an answer the system buffers before it is sent. Without this, the system's own bound is some
/// megabytes. All connections of the listener inherit the bound.
fn limit_unsent_bytes(listener: &TcpListener, limits: &ConnectionLimits) {
    #[cfg(any(target_os = "linux", target_os = "android"))]
    {
        let most = u32::try_from(limits.buffer / 4).unwrap_or(u32::MAX);
        // A system without this option buffers more.
        let _ = SockRef::from(listener).set_tcp_notsent_lowat(most);
    }
    #[cfg(not(any(target_os = "linux", target_os = "android")))]
    let _ = (listener, limits);
}

/// Waits after an error of the system, such as too few file descriptors, until some connections may have closed. An
/// error of a single connection needs no wait.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tracing::error!(%error, "cannot accept connections; trying again");
        tokio::time::sleep(ACCEPT_RETRY_PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use axum::Router;

    use super::*;

    #[test]
    fn a_worker_that_fails_ends_the_others_and_says_so() {
        let address = SocketAddr::from(([127, 0, 0, 1], 0));
        for failing in [0, 1] {
            let listener = bind(address).expect("a free port");
            let (_never, shutdown) = watch::channel(false);
            let caller = thread::current().id();
            // The calling thread is a worker as well.
            let router = || {
                let is_caller = thread::current().id() == caller;
                assert_ne!(usize::from(is_caller), failing, "this worker fails");
                Routes::new(Router::new())
            };
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                run(
                    vec![listener.into()],
                    2,
                    router,
                    &shutdown,
                    ConnectionLimits::default(),
                )
            }));
            // A panic of the calling thread goes on there.
            assert!(ended.is_err() || ended.is_ok_and(|served| served.is_err()));
        }
    }
}
