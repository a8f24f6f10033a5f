//! The gateway's part of the operators' listener.

mod api;
mod page;

use hydra_runtime_net::{
    admin::{Admin, Readiness},
    metrics::Recorded,
};
use tokio::sync::watch;

use crate::{Gateway, measures};

impl Gateway {
    /// What operators see of this gateway. `recorded` holds the metrics of the process: install it before the gateway is
    /// made, because handles of metrics that were made earlier count nothing. `stopping` tells that the process is about
    /// to end.
    pub fn admin(&self, recorded: Option<Recorded>, stopping: watch::Receiver<bool>) -> Admin {
        let (gateway, measured) = (self.clone(), self.clone());
        let ready = move || match gateway.publisher().is_complete() {
            true => Readiness::Ready,
            false => Readiness::NotYet("the registry in Redis was not read yet"),
        };
        Admin::new(recorded, stopping.clone(), ready)
            .hosts(self.config().admin_hosts.clone())
            .refresh(move || measures::refresh(&measured.newest()))
            .routes(api::routes(self.clone()))
            .routes(self.steering_routes())
            .routes(page::routes(self.clone(), stopping))
    }
}
