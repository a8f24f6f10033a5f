//! Listening and accepting: HTTP/1.1 and HTTP/2 on one port, one single-threaded runtime per CPU.
//!
//! A request is then answered on the thread that accepted its connection, with no lock and no wake-up across threads.

use std::{
    convert::Infallible,
    future::Future,
    io,
    net::{IpAddr, SocketAddr, TcpListener as StdListener},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    thread,
    time::Duration,
};

use axum::{Router, body::Body};
use http::Request;
use hyper::{body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
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
    let graceful = GracefulShutdown::new();
    let server = builder();
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
        accept(stream, peer, router.clone(), &server, &graceful);
    }
    drop(listener);
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end in time and are cut off");
    }
}

fn accept(
    stream: TcpStream,
    peer: SocketAddr,
    router: Router,
    server: &auto::Builder<TokioExecutor>,
    graceful: &GracefulShutdown,
) {
    // Small writes must not wait for the peer's acknowledgement. A connection that is already dead says so later.
    let _ = stream.set_nodelay(true);
    let began = Arc::new(AtomicBool::new(false));
    let begins = Arc::clone(&began);
    let service = service_fn(move |request: Request<Incoming>| {
        begins.store(true, Relaxed);
        let router = router.clone();
        async move {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(Peer(peer.ip().to_canonical()));
            let answered: Result<_, Infallible> = router.oneshot(request).await;
            answered
        }
    });
    let connection = server
        .serve_connection_with_upgrades(TokioIo::new(stream), service)
        .into_owned();
    let connection = graceful.watch(connection);
    tokio::spawn(async move {
        match unless_mute(connection, &began, HEAD_TIMEOUT).await {
            Some(Ok(())) => {}
            Some(Err(error)) => tracing::debug!(%peer, error, "a connection ended early"),
            None => tracing::debug!(%peer, "a connection without a request is closed"),
        }
    });
}

/// Runs a connection to its end. `None`: no request began in `time`, and it is dropped. Telling the HTTP versions apart
/// knows no time, so that a connection that sends nothing would stay for ever.
async fn unless_mute<T>(
    connection: impl Future<Output = T>,
    began: &AtomicBool,
    time: Duration,
) -> Option<T> {
    let mut connection = pin!(connection);
    match tokio::time::timeout(time, connection.as_mut()).await {
        Ok(ended) => Some(ended),
        Err(_) if began.load(Relaxed) => Some(connection.await),
        Err(_) => None,
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .half_close(false);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(30))
        .max_concurrent_streams(256);
    builder
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

    use super::*;

    const SOON: Duration = Duration::from_millis(5);

    #[tokio::test]
    async fn a_connection_without_a_request_is_closed() {
        let began = AtomicBool::new(false);
        assert_eq!(unless_mute(pending::<()>(), &began, SOON).await, None);
        assert_eq!(unless_mute(ready(7), &began, SOON).await, Some(7));
    }

    #[tokio::test]
    async fn a_connection_with_a_request_lasts() {
        let began = AtomicBool::new(true);
        let long = async {
            tokio::time::sleep(SOON * 4).await;
            7
        };
        assert_eq!(unless_mute(long, &began, SOON).await, Some(7));
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
