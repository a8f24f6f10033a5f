//! The program around an application: it listens, registers, and ends in good order.

use std::{
    future::Future,
    io::{Write as _, stdout},
};

use futures_util::{FutureExt as _, future::BoxFuture};
use hydra_runtime_net::server;
use tokio::{net::TcpListener, signal, sync::watch};

use super::{App, Application, Assembled, Error, Ready, Result, logs};

impl<S: Clone + Send + Sync + 'static, T: 'static> App<S, T> {
    /// Listens where the settings say, registers at the gateway, and serves until SIGINT or SIGTERM.
    ///
    /// Once it listens it prints one line on standard output for programs that wait for it: `listening on http://…`.
    ///
    /// # Errors
    /// Settings or templates that can't be used, or a port that can't be had.
    pub fn serve(self) -> BoxFuture<'static, Result<()>>
    where
        Application: Ready<S>,
    {
        // In a box: an `async fn` would repeat at each of its parts that the state is missing.
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
        let Assembled {
            router,
            registration,
            settings,
        } = self.assemble()?;
        let address = settings.listen;
        if settings.is_open() {
            return Err(Error::Open(address));
        }
        let listener = server::bind(address)
            .and_then(TcpListener::from_std)
            .map_err(|error| Error::Listen { address, error })?;
        let bound = listener
            .local_addr()
            .map_err(|error| Error::Listen { address, error })?;
        // A program that waits for this line may have gone: that is its own business.
        let _ = writeln!(stdout(), "listening on http://{bound}");
        let (stop, stopped) = watch::channel(false);
        // The gateway hears no more of this instance from now on, lets it expire, and sends nothing that would find the port closed.
        let shutdown = async {
            shutdown.await;
            stop.send_replace(true);
        };
        let registering = registration.map(|registration| tokio::spawn(registration.run(bound, stopped)));
        server::serve(listener, router, shutdown, settings.limits.clone()).await;
        if let Some(task) = registering {
            // It ends at once; if it panicked, that is in the log already.
            let _ = task.await;
        }
        Ok(())
    }
}

/// Ready when somebody asks the process to end. A terminal that goes away does not (SIGHUP).
async fn interrupted() {
    #[cfg(unix)]
    {
        // As long as this lives, the signal does not end the process.
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
