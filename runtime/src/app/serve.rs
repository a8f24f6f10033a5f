//! Runs an application as a program: it listens, registers, and stops gracefully.

use std::{
    future::Future,
    io::{self, Write as _, stdout},
    net::SocketAddr,
    sync::OnceLock,
    time::{Duration, Instant},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use hydra_runtime_net::server;
use tokio::{net::TcpListener, signal, sync::watch, time::timeout};

#[cfg(feature = "admin")]
use super::operators;
use super::{App, Application, Assembled, Error, Ready, Result, logs};

impl<S: Clone + Send + Sync + 'static, T: 'static> App<S, T> {
    /// Listens at the address in the settings, registers at the gateway, and serves until SIGINT or SIGTERM.
    ///
    /// Once it listens, it prints the line `listening on http://…` to standard output, for programs that wait for it, or `listening nowhere`
    /// with the setting `listen = "off"`.
    ///
    /// # Errors
    /// A setting is wrong, the templates can't be loaded, or the port can't be opened.
    pub fn serve(self) -> BoxFuture<'static, Result<()>>
    where
        Application: Ready<S>,
    {
        // Boxed, because rustc would report a missing state once for each part of an `async fn`.
        Application::ready(self).serve_until(interrupted()).boxed()
    }

    /// As [`App::serve`], until `shutdown` is ready.
    ///
    /// # Errors
    /// As [`App::serve`].
    pub async fn serve_until(self, shutdown: impl Future<Output = ()> + Send) -> Result<()>
    where
        Application: Ready<S>,
    {
        let _logs = logs::init();
        #[cfg(feature = "admin")]
        let operators = operators::Operators::open(&self)?;
        let Assembled {
            router,
            registration,
            settings,
            running,
        } = self.assemble()?;
        let address = settings.listen;
        if settings.is_open() {
            return Err(Error::Open(address));
        }
        let listener = if settings.without_port {
            None
        } else {
            Some(listen(address).map_err(|error| Error::Listen { address, error })?)
        };
        let (bound, line) = match &listener {
            Some((_, bound)) => (*bound, format!("listening on http://{bound}")),
            None => (
                address,
                "listening nowhere: fragments go over the channel".to_owned(),
            ),
        };
        #[cfg(feature = "admin")]
        let operators_line = operators
            .as_ref()
            .map_or_else(String::new, operators::Operators::line);
        #[cfg(not(feature = "admin"))]
        let operators_line = "";
        // A program that waited for these lines may have ended, which does not matter here.
        let _ = write!(stdout(), "{line}\n{operators_line}");
        let _ = stdout().flush();
        let (stop, stopped) = watch::channel(false);
        // From now on, this instance sends no heartbeats. The gateway lets it expire, and sends no request to the
        // closed port.
        let stopping = OnceLock::new();
        let shutdown = async {
            shutdown.await;
            let _ = stopping.set(Instant::now());
            stop.send_replace(true);
        };
        #[cfg(feature = "admin")]
        let operators =
            operators.map(|operators| operators.start(&settings, registration.as_ref(), stopped.clone()));
        let registering = registration.map(|registration| tokio::spawn(registration.run(bound, stopped)));
        match listener {
            Some((listener, _)) => server::serve(listener, router, shutdown, settings.limits.clone()).await,
            None => shutdown.await,
        }
        // Actions of visitors who have left.
        let waited = stopping.get().map_or(Duration::ZERO, Instant::elapsed);
        let left = settings.limits.stop_timeout.saturating_sub(waited);
        if timeout(left, running.ended()).await.is_err() {
            tracing::warn!("some actions of forms did not end in time and are cut off");
        }
        #[cfg(feature = "admin")]
        drop(operators);
        if let Some(task) = registering {
            // The task ends at once. A panic in it is in the log already.
            let _ = task.await;
        }
        Ok(())
    }
}

/// Opens the port. Returns also where it is.
fn listen(address: SocketAddr) -> io::Result<(TcpListener, SocketAddr)> {
    let listener = server::bind(address).and_then(TcpListener::from_std)?;
    let bound = listener.local_addr()?;
    Ok((listener, bound))
}

/// Waits for a signal to end the process. SIGHUP, which a terminal sends when it closes, is ignored.
async fn interrupted() {
    #[cfg(unix)]
    {
        // As long as this value lives, the signal does not end the process.
        let _ignored = signal::unix::signal(signal::unix::SignalKind::hangup());
        let terminate = async {
            match signal::unix::signal(signal::unix::SignalKind::terminate()) {
                Ok(mut terminate) => terminate.recv().await,
                Err(_) => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = signal::ctrl_c() => {}
            _ = terminate => {}
        }
    }
    #[cfg(not(unix))]
    {
        let _ = signal::ctrl_c().await;
    }
}
