//! Probes: the gateway itself tries to connect to instances that could not be reached, so that it need not send a
//! visitor's request there to find out whether they are back. Heartbeats can't tell, because instances send them: they
//! arrive also while the gateway can't connect to the instance.

use std::sync::Arc;

use futures_util::{StreamExt, stream};

use crate::{
    Gateway,
    limits::{MAX_CONCURRENT_PROBES, PROBE_PERIOD},
    registry::instance::Instance,
};

/// Probes the instances that could not be reached, for ever.
pub(crate) async fn run(gateway: &Gateway) {
    loop {
        tokio::time::sleep(PROBE_PERIOD).await;
        let (snapshot, now) = (gateway.publisher().snapshot(), gateway.publisher().now());
        let due: Vec<Arc<Instance>> = snapshot
            .active_instances()
            .filter(|instance| instance.breaker.claims_probe(now))
            .map(Arc::clone)
            .collect();
        stream::iter(due)
            .for_each_concurrent(MAX_CONCURRENT_PROBES, |instance| probe(gateway, instance))
            .await;
    }
}

/// Opens a connection to the instance, to find out whether it can be reached.
async fn probe(gateway: &Gateway, instance: Arc<Instance>) {
    let limit = gateway.config().connect_timeout;
    let until = tokio::time::Instant::now() + limit;
    match gateway.pool().probe(&instance.address, until).await {
        Ok(()) => {
            tracing::info!(service = &*instance.service, instance = %instance.id, "an instance can be reached again");
            instance.breaker.succeeded();
        }
        Err(error) if error.is_ours => {}
        Err(_) => instance.breaker.failed(gateway.publisher().now()),
    }
}
