//! What all serving subcommands have in common: they listen, announce the address, serve on every CPU, and stop on a signal.

use std::{
    future::Future,
    io::{self, Write},
    net::{SocketAddr, TcpListener},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use hydra_runtime_gateway::{GatewayConfig, Listener, Listeners, TrustedProxies};
use hydra_runtime_net::{
    admin::Admin,
    metrics::Recorded,
    server::{self, Certificates, ConnectionLimits, Port, Routes},
};
use tokio::{
    runtime,
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use super::{Stop, operators::Operators};

/// The open ports of a process, and where they are.
pub(super) struct Ports {
    ports: Vec<Port>,
    certificates: Vec<Arc<Certificates>>,
    /// Where those for HTTP listen, and whether each has TLS.
    addresses: Vec<(SocketAddr, bool)>,
    /// The same of those for channels over TCP.
    channels: Vec<(SocketAddr, bool)>,
}

impl Ports {
    /// Opens the ports. The error says what to do.
    pub(super) fn open(listeners: &Listeners, proxies: &TrustedProxies) -> Result<Self, Stop> {
        let mut opened = Self {
            ports: Vec::new(),
            certificates: Vec::new(),
            addresses: Vec::new(),
            channels: Vec::new(),
        };
        for listener in listeners.iter() {
            let (port, at) = opened.open_port(listener, proxies)?;
            opened.ports.push(port);
            opened.addresses.push(at);
        }
        Ok(opened)
    }

    /// With the ports for channels over TCP.
    pub(super) fn with_channels(mut self, config: &GatewayConfig) -> Result<Self, Stop> {
        for listener in config.channel_listen.iter().flat_map(Listeners::iter) {
            let (port, at) = self.open_port(listener, &config.trusted_proxies)?;
            self.ports.push(port.without_http());
            self.channels.push(at);
        }
        Ok(self)
    }

    /// Opens a port. Returns also where it is, and whether it has TLS.
    fn open_port(
        &mut self,
        listener: &Listener,
        proxies: &TrustedProxies,
    ) -> Result<(Port, (SocketAddr, bool)), Stop> {
        let certificates = listener
            .load_certificates()
            .map_err(|error| Stop(error.to_string()))?;
        let socket = bind(listener.address)?;
        let address = socket.local_addr().unwrap_or(listener.address);
        let at = (address, certificates.is_some());
        let mut port = Port::from(socket);
        if listener.proxy_protocol {
            let proxies = proxies.clone();
            port = port.behind(move |peer| proxies.trusts(peer));
        }
        if let Some(certificates) = certificates {
            self.certificates.push(Arc::clone(&certificates));
            port = port.with_tls(certificates);
        }
        Ok((port, at))
    }

    /// Those without TLS on which the process listens for HTTP.
    pub(super) fn plain_addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let plain = self.addresses.iter().filter(|(_, is_tls)| !is_tls);
        plain.map(|(address, _)| *address)
    }

    /// The addresses on which the process listens for HTTP.
    pub(super) fn addresses(&self) -> Vec<SocketAddr> {
        self.addresses.iter().map(|(address, _)| *address).collect()
    }
}

fn bind(address: SocketAddr) -> Result<TcpListener, Stop> {
    server::bind(address).map_err(|error| {
        Stop(match error.kind() {
            io::ErrorKind::AddrInUse => format!(
                "cannot listen on {address}: the port is taken. Stop the other program, or choose another port with --listen"
            ),
            _ => format!("cannot listen on {address}: {error}"),
        })
    })
}

/// What a process serves.
pub(super) struct Serving<R, K, L, A> {
    pub(super) ports: Ports,
    pub(super) workers: Option<usize>,
    pub(super) limits: ConnectionLimits,
    /// For the log.
    pub(super) what: &'static str,
    /// Makes the routes of one thread, by the newest settings.
    pub(super) routes: R,
    /// Runs on a thread of its own while the process serves.
    pub(super) keep: K,
    /// Reads the settings again after SIGHUP. Returns whether routers must be made again.
    pub(super) reload: L,
    /// The listener for operators, and what makes its answers. It runs on the thread of `keep`.
    pub(super) operators: Option<(Operators, A)>,
}

impl<R, K, L, A> Serving<R, K, L, A>
where
    R: Fn() -> Routes + Send + Sync,
    K: Future<Output = ()> + Send,
    L: AsyncFn() -> bool + Sync,
    A: FnOnce(Option<Recorded>, watch::Receiver<bool>) -> Admin + Send,
{
    /// Serves until SIGINT or SIGTERM, then lets requests under way end.
    pub(super) fn run(self) -> io::Result<()> {
        let Self {
            ports:
                Ports {
                    ports,
                    certificates,
                    addresses,
                    channels,
                },
            workers,
            limits,
            what,
            routes: make_routes,
            keep,
            reload,
            operators,
        } = self;
        let workers = workers.unwrap_or_else(|| thread::available_parallelism().map_or(1, usize::from));
        let (stop, stopped) = watch::channel(false);
        let signals = runtime::Builder::new_current_thread().enable_all().build()?;
        let signalled = signals.block_on(async { Signals::new() })?;
        let operators_address = operators.as_ref().map(|(operators, _)| operators.address());
        let operators_address = operators_address.transpose()?;
        // Operators are answered until the last request of a visitor has ended.
        let (end, ended) = watch::channel(false);
        let stopping = stopped.clone();
        let operating = async move {
            if let Some((operators, admin)) = operators {
                let admin = |recorded| admin(recorded, stopping);
                operators.serve(admin, ended).await;
            }
        };
        // The routes of all threads, which a reload replaces. The lock is held for a moment.
        let all_routes: Mutex<Vec<Routes>> = Mutex::default();
        let lock = || all_routes.lock().unwrap_or_else(PoisonError::into_inner);
        let routes = || {
            // The lock is held while the routes are made: a reload sees them, or comes before them.
            let mut all = lock();
            let routes = make_routes();
            all.push(routes.clone());
            routes
        };
        let hung_up = async || {
            if reload().await {
                lock().iter().for_each(|routes| routes.replace(&make_routes()));
            }
        };
        let (hung_up, stop_now) = (&hung_up, &stop);
        let keeping = async {
            for of_port in certificates {
                tokio::spawn(of_port.keep());
            }
            keep.await;
        };
        let watched = stopped.clone();
        thread::scope(|scope| {
            scope.spawn(move || {
                let told = until_told(keeping, hung_up, signalled, stop_now, watched);
                signals.block_on(async { tokio::join!(told, operating) })
            });
            let served = announce([&addresses, &channels], what, operators_address)
                .and_then(|()| server::run(ports, workers, routes, &stopped, limits));
            stop.send_replace(true);
            end.send_replace(true);
            served
        })
    }
}

/// Prints the addresses. Other programs wait for these lines, and read the ports from them.
fn announce(
    [http, channels]: [&[(SocketAddr, bool)]; 2],
    what: &str,
    operators: Option<SocketAddr>,
) -> io::Result<()> {
    // All of it at once: a program that has read its first line may read no further.
    let mut lines = String::new();
    for (address, is_tls) in http {
        tracing::info!(%address, "{what} is up");
        let scheme = if *is_tls { "https" } else { "http" };
        lines += &format!("listening on {scheme}://{address}\n");
    }
    for (address, is_tls) in channels {
        let scheme = if *is_tls { "tls" } else { "tcp" };
        lines += &format!("listening on {scheme}://{address}\n");
    }
    if let Some(operators) = operators {
        lines += &format!("operators on http://{operators}\n");
    }
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

impl Signals {
    /// Handles the signals from now on. Call it inside of a runtime.
    fn new() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }
}

/// Calls `start`, and waits until the process is told to stop. From the start on, no signal ends it without that.
pub(super) fn until_signal(start: impl FnOnce()) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        start();
        tokio::select! {
            _ = signals.interrupt.recv() => {}
            _ = signals.terminate.recv() => {}
            _ = signals.hangup.recv() => {}
        }
        Ok(())
    })
}

/// Calls `reload` after each SIGHUP, for ever.
async fn reload_after(hangup: &mut Signal, reload: impl AsyncFn()) {
    while hangup.recv().await.is_some() {
        reload().await;
    }
    std::future::pending().await
}

async fn until_told(
    keep: impl Future<Output = ()>,
    reload: impl AsyncFn(),
    mut signals: Signals,
    stop: &watch::Sender<bool>,
    mut stopped: watch::Receiver<bool>,
) {
    tokio::select! {
        () = keep => {}
        _ = signals.interrupt.recv() => {}
        _ = signals.terminate.recv() => {}
        () = reload_after(&mut signals.hangup, reload) => {}
        _ = stopped.wait_for(|stop| *stop) => {}
    }
    tracing::info!("stopping: requests under way may end");
    stop.send_replace(true);
}
