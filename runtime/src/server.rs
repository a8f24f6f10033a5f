//! Listening and accepting: HTTP/1.1 and HTTP/2 on one port, one single-threaded runtime per CPU.
//!
//! A request is then answered on the thread that accepted its connection, with no lock and no wake-up across threads.

pub(crate) mod authority;

use std::{
    convert::Infallible,
    error::Error,
    future::Future,
    io,
    net::{IpAddr, SocketAddr, TcpListener as StdListener},
    pin::{Pin, pin},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use axum::{
    Router,
    body::Body,
    response::{IntoResponse as _, Response},
};
use futures_util::future::Either;
use http::{Request, StatusCode};
use hyper::{
    body::Incoming,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::{
    net::{TcpListener, TcpStream},
    runtime,
    sync::watch,
};
use tower::ServiceExt as _;

/// How long a connection may take to send the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// How long requests under way may take once the server is told to stop.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

/// The address at the other end of the connection, as a request extension.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer(pub IpAddr);

/// Opens the port.
///
/// # Errors
/// The address is taken, or may not be used.
pub fn bind(address: SocketAddr) -> io::Result<StdListener> {
    let domain = socket2::Domain::for_address(address);
    let socket = socket2::Socket::new(domain, socket2::Type::STREAM, Some(socket2::Protocol::TCP))?;
    // A gateway that starts again must not wait for old connections to time out.
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(1024)?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Serves on `workers` threads until `shutdown` holds `true`, then lets requests under way end.
/// `router` is called once per thread, in its runtime.
///
/// # Errors
/// The listener cannot be shared, or a thread or its runtime cannot be made.
pub fn run<F>(
    listener: StdListener,
    workers: usize,
    router: F,
    shutdown: &watch::Receiver<bool>,
) -> io::Result<()>
where
    F: Fn() -> Router + Send + Sync,
{
    let router = &router;
    // One worker that ends ends all: none can go on without an error being waited for.
    let (ended, _) = watch::channel(false);
    let ended = &ended;
    let work = move |listener: StdListener, mut shutdown: watch::Receiver<bool>| {
        let _end = End(ended);
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(async move {
            let listener = TcpListener::from_std(listener)?;
            let mut others = ended.subscribe();
            let stopped = async move {
                tokio::select! {
                    // The sender is gone: there is nobody left who could say stop, so stop.
                    _ = shutdown.wait_for(|stop| *stop) => {}
                    _ = others.wait_for(|ended| *ended) => {}
                }
            };
            serve(listener, router(), stopped).await;
            io::Result::Ok(())
        })
    };
    thread::scope(|scope| {
        let _end = End(ended);
        let mut threads = Vec::new();
        for _ in 1..workers {
            let (listener, shutdown) = (listener.try_clone()?, shutdown.clone());
            threads.push(scope.spawn(move || work(listener, shutdown)));
        }
        // The calling thread is one of them: each thread more has a heap of its own. Once all have stopped accepting, the
        // port is closed.
        let mut served = work(listener, shutdown.clone());
        for thread in threads {
            let joined = thread.join();
            let ended = joined.unwrap_or_else(|_| Err(io::Error::other("a worker thread panicked")));
            served = served.and(ended);
        }
        served
    })
}

/// Tells all workers to end, whatever ends it.
struct End<'a>(&'a watch::Sender<bool>);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.send_replace(true);
    }
}

/// Serves in the current runtime until `shutdown` is ready, then lets requests under way end.
pub async fn serve(listener: TcpListener, router: Router, shutdown: impl Future<Output = ()>) {
    let servers = Arc::new(Servers::new());
    // Each connection holds a receiver: the channel is closed when all have ended.
    let (stop, stopping) = watch::channel(false);
    let mut shutdown = pin!(shutdown);
    loop {
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    pause_after(&error).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        // Small writes must not wait for the peer's acknowledgement. A connection that is already dead says so later.
        let _ = stream.set_nodelay(true);
        let began = Arc::new(AtomicBool::new(false));
        // Where it arrived, on a socket that is not connected any more, is of no matter.
        let here = stream.local_addr().unwrap_or(peer);
        let peer_ip = peer.ip().to_canonical();
        let service = service(router.clone(), (peer_ip, here), Arc::clone(&began));
        let (servers, stopping) = (Arc::clone(&servers), stopping.clone());
        tokio::spawn(async move {
            // Made in here: what is moved into a task takes its room twice.
            let connection = pin!(converse(stream, service, &servers, stopping));
            match unless_mute(connection, &began, HEAD_TIMEOUT).await {
                Some(Ok(())) => {}
                Some(Err(error)) => tracing::debug!(%peer, error, "a connection ended early"),
                None => tracing::debug!(%peer, "a connection without a request is closed"),
            }
        });
    }
    drop((listener, stopping));
    stop.send_replace(true);
    if tokio::time::timeout(DRAIN_TIMEOUT, stop.closed()).await.is_err() {
        tracing::warn!("some requests did not end in time and are cut off");
    }
}

/// What answers the requests of one connection between `peer` and `here`. `began` holds once there was one.
fn service(
    router: Router,
    (peer, here): (IpAddr, SocketAddr),
    began: Arc<AtomicBool>,
) -> impl Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send> {
    service_fn(move |mut request: Request<Incoming>| {
        began.store(true, Relaxed);
        if let Err(bad) = authority::check(&mut request, here) {
            let refusal = (StatusCode::BAD_REQUEST, format!("{bad}\n")).into_response();
            return Either::Left(std::future::ready(Ok(refusal)));
        }
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        Either::Right(router.clone().oneshot(request))
    })
}

/// Serves one connection to its end. Once it is to stop, it takes no new request.
async fn converse<S>(
    stream: TcpStream,
    service: S,
    servers: &Servers,
    mut stopping: watch::Receiver<bool>,
) -> Result<(), Box<dyn Error + Send + Sync>>
where
    S: Service<Request<Incoming>, Response = Response, Error = Infallible, Future: Send + 'static>,
{
    let server = tokio::select! {
        is_http1 = is_http1(&stream) => servers.of(is_http1?),
        _ = stopping.wait_for(|stop| *stop) => return Ok(()),
    };
    let mut connection = pin!(server.serve_connection_with_upgrades(TokioIo::new(stream), service));
    tokio::select! {
        ended = connection.as_mut() => return ended,
        _ = stopping.wait_for(|stop| *stop) => connection.as_mut().graceful_shutdown(),
    }
    connection.await
}

/// Whether the first bytes cannot be those of HTTP/2 (RFC 9113 section 3.4). They remain to be read.
async fn is_http1(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0";
    let mut first = [0; PREFACE.len()];
    let count = stream.peek(&mut first).await?;
    Ok(!PREFACE.starts_with(&first[..count]))
}

/// The versions of HTTP.
struct Servers {
    /// Finds the version out by itself. It holds twice as much memory for what it reads.
    any: auto::Builder<TokioExecutor>,
    http1: auto::Builder<TokioExecutor>,
}

impl Servers {
    fn new() -> Self {
        let mut any = auto::Builder::new(TokioExecutor::new());
        any.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .half_close(false);
        any.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(Duration::from_secs(30))
            .max_concurrent_streams(256);
        let http1 = any.clone().http1_only();
        Self { any, http1 }
    }

    fn of(&self, is_http1: bool) -> &auto::Builder<TokioExecutor> {
        if is_http1 { &self.http1 } else { &self.any }
    }
}

/// Runs a connection to its end. `None`: no request began in `time`, and it is dropped. Telling the HTTP versions apart
/// knows no time, so that a connection that sends nothing would stay for ever.
async fn unless_mute<T>(
    mut connection: Pin<&mut impl Future<Output = T>>,
    began: &AtomicBool,
    time: Duration,
) -> Option<T> {
    match tokio::time::timeout(time, connection.as_mut()).await {
        Ok(ended) => Some(ended),
        Err(_) if began.load(Relaxed) => Some(connection.await),
        Err(_) => None,
    }
}

/// An error of one connection concerns that one only. Otherwise (no file descriptors left) wait for some to close.
async fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    if !matches!(
        error.kind(),
        ConnectionAborted | ConnectionRefused | ConnectionReset
    ) {
        tracing::error!(%error, "cannot accept connections; trying again");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use tokio::io::AsyncWriteExt;

    use super::*;

    const SOON: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn a_connection_without_a_request_is_closed() {
        let began = AtomicBool::new(false);
        assert_eq!(unless_mute(pin!(pending::<()>()), &began, SOON).await, None);
        assert_eq!(unless_mute(pin!(ready(7)), &began, SOON).await, Some(7));
    }

    #[tokio::test]
    async fn a_connection_with_a_request_lasts() {
        let began = AtomicBool::new(true);
        let long = async {
            tokio::time::sleep(SOON * 4).await;
            7
        };
        assert_eq!(unless_mute(pin!(long), &began, SOON).await, Some(7));
    }

    #[tokio::test]
    async fn what_begins_as_no_http2_does_is_http1() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        for (first, expected) in [
            ("GET / HTTP/1.1", true),
            ("POST", true),
            ("PRO", true),
            ("\r\n", true),
            ("PRI * HTTP/2.0\r\n", false),
            // It may become either.
            ("P", false),
            ("", false),
        ] {
            let mut theirs = TcpStream::connect(address).await.expect("a connection");
            let (ours, _) = listener.accept().await.expect("a caller");
            theirs.write_all(first.as_bytes()).await.expect("a socket");
            drop(theirs);
            assert_eq!(is_http1(&ours).await.expect("a socket"), expected, "{first:?}");
        }
    }

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
                Router::new()
            };
            let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
                run(listener, 2, router, &shutdown)
            }));
            // A panic of the calling thread goes on there.
            assert!(ended.is_err() || ended.is_ok_and(|served| served.is_err()));
        }
    }
}
