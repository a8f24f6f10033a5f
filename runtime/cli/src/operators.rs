//! The listener for operators, beside that for visitors.

use std::{
    io,
    net::{SocketAddr, TcpListener},
};

use hydra_runtime_gateway::{GatewayConfig, Listeners};
use hydra_runtime_net::{
    admin::{self, Admin},
    metrics::{self, Recorded},
};
use tokio::sync::watch;

use super::Stop;

/// An open port for operators, and the metrics that they see there.
pub(super) struct Operators {
    listener: TcpListener,
    recorded: Option<Recorded>,
}

impl Operators {
    /// Opens the port. From now on, metrics are kept. `public` are the ports for visitors. `None`: there is no such
    /// port.
    pub(super) fn open(config: &GatewayConfig, public: &Listeners) -> Result<Option<Self>, Stop> {
        let listener = admin::bind(config.admin_listen, public.for_operators()).map_err(|error| {
            let address = config.admin_listen.map(|listen| listen.to_string()).unwrap_or_default();
            Stop(match error.kind() {
                io::ErrorKind::AddrInUse => format!(
                    "`admin_listen`: the port of {address} is taken. Stop the other program, choose another port, or \"off\""
                ),
                _ => format!("`admin_listen`: cannot listen on {address}: {error}"),
            })
        })?;
        Ok(listener.map(|listener| Self {
            listener,
            recorded: metrics::install(),
        }))
    }

    /// Where it listens.
    pub(super) fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Logs where operators find the page of the gateway.
    pub(super) fn log_page(&self) {
        if let Ok(address) = self.address() {
            tracing::info!("the operators' page is at http://{address}/");
        }
    }

    /// Serves until `ended` holds `true`.
    pub(super) async fn serve(
        self,
        admin: impl FnOnce(Option<Recorded>) -> Admin,
        mut ended: watch::Receiver<bool>,
    ) {
        let admin = admin(self.recorded);
        match tokio::net::TcpListener::from_std(self.listener) {
            Ok(listener) => {
                let end = async move {
                    // Without a sender, the process ends as well.
                    let _ = ended.wait_for(|ended| *ended).await;
                };
                admin.serve(listener, end).await;
            }
            Err(error) => tracing::error!(%error, "there is no listener for operators"),
        }
    }
}
