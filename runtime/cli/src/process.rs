//! What all serving subcommands have in common: they listen, announce the address, serve on every CPU, and stop on a signal.

use std::{
    future::Future,
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    thread,
};

use axum::Router;
use hydra_runtime_net::{
    admin::Admin,
    metrics::Recorded,
    server::{self, ConnectionLimits},
};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::{Stop, operators::Operators};

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

/// Serves until SIGINT or SIGTERM, then lets requests under way end. `keep` runs meanwhile on a thread of its own, and so does the
/// listener for operators. `what` is for the log.
pub(super) fn serve<F, A>(
    listener: TcpListener,
    workers: Option<usize>,
    what: &str,
    router: F,
    keep: impl Future<Output = ()> + Send,
    limits: ConnectionLimits,
    operators: Option<(Operators, A)>,
) -> io::Result<()>
where
    F: Fn() -> Router + Send + Sync,
    A: FnOnce(Option<Recorded>, watch::Receiver<bool>) -> Admin + Send,
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
    let operators_address = operators.as_ref().map(|(operators, _)| operators.address());
    let operators_address = operators_address.transpose()?;
    // Operators are answered until the last request of a visitor has ended.
    let (end, ended) = watch::channel(false);
    let (stop, stopping) = (&stop, stopped.clone());
    let operating = async move {
        if let Some((operators, admin)) = operators {
            let admin = |recorded| admin(recorded, stopping);
            operators.serve(admin, ended).await;
        }
    };
    let keeping = until_told(keep, signalled, stop, stopped.clone());
    thread::scope(|scope| {
        scope.spawn(|| signals.block_on(async { tokio::join!(keeping, operating) }));
        let served = announce(address, what, operators_address)
            .and_then(|()| server::run(listener, workers, router, &stopped, limits));
        stop.send_replace(true);
        end.send_replace(true);
        served
    })
}

/// Prints the addresses. Other programs wait for these lines, and read the ports from them.
fn announce(address: SocketAddr, what: &str, operators: Option<SocketAddr>) -> io::Result<()> {
    tracing::info!(%address, "{what} is up");
    let operators = operators.map(|operators| format!("operators on http://{operators}\n"));
    // All of it at once: a program that has read its first line may read no further.
    let lines = format!("listening on http://{address}\n{}", operators.unwrap_or_default());
    let mut out = io::stdout().lock();
    out.write_all(lines.as_bytes())?;
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
