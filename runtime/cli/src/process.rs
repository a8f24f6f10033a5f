//! What all serving subcommands have in common: they listen, announce the address, serve on every CPU, and stop on a signal.

use std::{
    future::Future,
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

use axum::Router;
use hydra_runtime_net::server::{self, ConnectionLimits};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::Stop;

/// Opens the port. The error says what to do.
pub(super) fn listen(address: SocketAddr) -> Result<TcpListener, Stop> {
    server::bind(address).map_err(|error| {
        Stop(match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "cannot listen on {address}: the port is taken. Stop the other program, or choose another port with --listen"
            ),
            _ => format!("cannot listen on {address}: {error}"),
        })
    })
}

/// Serves until SIGINT or SIGTERM, then lets requests under way end. `keep` runs meanwhile on a thread of its own. `what` is for the
/// log.
pub(super) fn serve<F>(
    listener: TcpListener,
    workers: Option<usize>,
    what: &str,
    router: F,
    keep: impl Future<Output = ()> + Send,
    limits: ConnectionLimits,
) -> io::Result<()>
where
    F: Fn() -> Router + Send + Sync,
{
    let address = listener.local_addr()?;
    let workers = workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
    let (stop, stopped) = watch::channel(false);
    let signals = runtime::Builder::new_current_thread().enable_all().build()?;
    let signalled = signals.block_on(async {
        Ok::<_, io::Error>(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    })?;
    thread::scope(|scope| {
        scope.spawn(|| signals.block_on(until_told(keep, signalled, &stop, stopped.clone())));
        let served =
            announce(address, what).and_then(|()| server::run(listener, workers, router, &stopped, limits));
        stop.send_replace(true);
        served
    })
}

/// Prints the address. Other programs wait for this line, and read the port from it.
fn announce(address: SocketAddr, what: &str) -> io::Result<()> {
    tracing::info!(%address, "{what} is up");
    let mut out = io::stdout().lock();
    writeln!(out, "listening on http://{address}")?;
    out.flush()
}

/// The signals that the process handles.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

/// Logs for ever that SIGHUP changes nothing: other programs reload their settings then.
async fn hung_up(hangup: &mut Signal) {
    while hangup.recv().await.is_some() {
        tracing::info!("SIGHUP changes nothing: settings are read at the start only");
    }
    std::future::pending().await
}

async fn until_told(
    keep: impl Future<Output = ()>,
    mut signals: Signals,
    stop: &watch::Sender<bool>,
    mut stopped: watch::Receiver<bool>,
) {
    tokio::select! {
        () = keep => {}
        _ = signals.interrupt.recv() => {}
        _ = signals.terminate.recv() => {}
        () = hung_up(&mut signals.hangup) => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    tracing::info!("stopping: requests under way may end");
    stop.send_replace(true);
}
