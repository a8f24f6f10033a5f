//! The listener for operators of an application.

use std::{
    net::TcpListener,
    sync::{Arc, atomic::AtomicBool, atomic::Ordering::Relaxed},
};

use hydra_runtime_net::{
    admin::{self, Admin, AdminListen, Readiness},
    metrics::{self, Recorded},
};
use tokio::{sync::watch, task::JoinHandle};

use super::{App, Error, Result};
use crate::{service::Registration, settings::Settings};

/// An open port for operators, and the metrics that they see there.
pub(super) struct Operators {
    listener: TcpListener,
    recorded: Option<Recorded>,
}

/// Answers operators until it is dropped.
pub(super) struct Serving(JoinHandle<()>);

impl Operators {
    /// Opens the port, if the settings name one. From now on, metrics are kept.
    pub(super) fn open<S, T>(app: &App<S, T>) -> Result<Option<Self>> {
        let parts = &app.parts;
        let settings = Settings::load(&parts.name, &parts.settings, parts.config.as_deref())?;
        let Some(AdminListen::At(address)) = settings.admin_listen else {
            return Ok(None);
        };
        let listener = admin::bind(settings.admin_listen, settings.listen);
        let listener = listener.map_err(|error| Error::Listen { address, error })?;
        Ok(listener.map(|listener| Self {
            listener,
            recorded: metrics::install(),
        }))
    }

    /// The line that tells where it listens.
    pub(super) fn line(&self) -> String {
        let address = self.listener.local_addr();
        address.map_or_else(
            |_| String::new(),
            |address| format!("operators on http://{address}\n"),
        )
    }

    /// Answers operators in a task of its own. An application is ready once it has registered at a gateway, if it has
    /// one.
    pub(super) fn start(
        self,
        settings: &Settings,
        registration: Option<&Registration>,
        stopping: watch::Receiver<bool>,
    ) -> Serving {
        let registered: Option<Arc<AtomicBool>> = registration.map(Registration::registered);
        let ready = move || match &registered {
            Some(registered) if !registered.load(Relaxed) => {
                Readiness::NotYet("no gateway has registered it yet")
            }
            _ => Readiness::Ready,
        };
        let admin = Admin::new(self.recorded, stopping, ready).hosts(settings.admin_hosts.clone());
        Serving(tokio::spawn(async move {
            match tokio::net::TcpListener::from_std(self.listener) {
                Ok(listener) => admin.serve(listener, std::future::pending()).await,
                Err(error) => tracing::error!(%error, "there is no listener for operators"),
            }
        }))
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.0.abort();
    }
}
