//! Keeps the instances active whose channels end here, and makes those inactive at once whose channels have ended.

use super::OpenChannel;
use crate::{
    Gateway,
    limits::{LEASE_PERIOD, MAX_LEASES_PER_RENEWAL},
    registry::{
        instance::InstanceId,
        state::{Event, HeartbeatSender},
    },
};

/// Renews the leases of all instances with a channel, for ever.
pub(crate) async fn keep(gateway: &Gateway) {
    loop {
        tokio::time::sleep(LEASE_PERIOD).await;
        renew(gateway).await;
    }
}

async fn renew(gateway: &Gateway) {
    let held = |channel: &OpenChannel| channel.link.is_open() && !channel.is_leaving();
    let all = gateway.channels().all();
    for some in all.chunks(MAX_LEASES_PER_RENEWAL) {
        let _alone = gateway.channels().leases.write().await;
        let ids: Vec<InstanceId> = some
            .iter()
            .filter(|channel| held(channel))
            .filter_map(|channel| channel.instance().cloned())
            .collect();
        if !ids.is_empty() {
            // Only registrations are refused.
            let _ = gateway
                .publisher()
                .apply(Event::Heartbeat(HeartbeatSender::Held(ids)))
                .await;
        }
    }
}

/// Makes the instance of a channel inactive at all gateways, unless it has another channel or registered again meanwhile.
pub(crate) async fn end(gateway: &Gateway, channel: &OpenChannel) {
    let Some(instance) = channel.instance() else {
        return;
    };
    let _shared = gateway.channels().leases.read().await;
    let event = Event::ChannelEnded {
        instance: instance.clone(),
        channel: channel.id.clone(),
    };
    // Only registrations are refused.
    let _ = gateway.publisher().apply(event).await;
}
