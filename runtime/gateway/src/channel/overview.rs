//! The stream of overviews: the present one first, then each change. It ends when the service must move to another gateway.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream};
use hydra_runtime_net::{channel::Refusal, limits::MAX_SERVICE_PAYLOAD_BYTES};
use hydra_runtime_wire::{Overview, headers::AWAY};
use tokio::{sync::watch, time::Instant};

use super::answers::json;
use crate::{
    Gateway,
    channels::OpenChannel,
    limits::{OVERVIEW_LOOK_PERIOD, OVERVIEW_PAUSE},
    registry::{contracts, instance::Instance},
};

/// What a service was told last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Told {
    hash: String,
    is_away: bool,
    again: bool,
}

struct Following {
    gateway: Gateway,
    channel: Arc<OpenChannel>,
    changes: watch::Receiver<u64>,
    leaving: watch::Receiver<bool>,
    told: Option<Told>,
    /// When the next overview may be sent.
    next_at: Instant,
}

/// `away` if this gateway can't reach the shared registry.
pub(super) fn registry(gateway: &Gateway) -> Option<String> {
    away(gateway.publisher().outage().is_some())
}

/// The value of the header `hydra-registry` as a member, unless it is `ok`.
fn away(is_away: bool) -> Option<String> {
    is_away.then(|| AWAY.to_str().unwrap_or_default().to_owned())
}

/// The overviews for the service of a channel.
pub(super) fn follow(
    gateway: Gateway,
    channel: Arc<OpenChannel>,
) -> impl Stream<Item = Result<Bytes, Refusal>> + Send {
    let following = Following {
        changes: gateway.publisher().changes(),
        leaving: channel.leaving(),
        gateway,
        channel,
        told: None,
        next_at: Instant::now(),
    };
    stream::unfold(following, |mut following| async {
        let item = following.next().await?;
        Some((item, following))
    })
}

impl Following {
    /// The next overview. `None`: the service must move.
    async fn next(&mut self) -> Option<Result<Bytes, Refusal>> {
        loop {
            if *self.leaving.borrow_and_update() {
                return None;
            }
            self.changes.borrow_and_update();
            let now = self.now();
            let has_changed = self.told.as_ref() != Some(&now);
            if has_changed && Instant::now() >= self.next_at {
                let is_new = self.told.as_ref().is_none_or(|told| told.hash != now.hash);
                let item = self.item(&now, is_new);
                self.told = Some(now);
                self.next_at = Instant::now() + OVERVIEW_PAUSE;
                return Some(item);
            }
            let pause = if has_changed {
                self.next_at
            } else {
                Instant::now() + OVERVIEW_LOOK_PERIOD
            };
            // The sender of changes lives as long as the gateway.
            tokio::select! {
                _ = self.changes.changed(), if !has_changed => {}
                _ = self.leaving.changed() => {}
                () = tokio::time::sleep_until(pause) => {}
            }
        }
    }

    fn now(&self) -> Told {
        Told {
            hash: self.gateway.publisher().snapshot().hash.clone(),
            is_away: self.gateway.publisher().outage().is_some(),
            again: self.must_register_again(),
        }
    }

    /// Whether the instance is not known with this channel any more, or got login keys that have been replaced.
    fn must_register_again(&self) -> bool {
        let Some(id) = self.channel.instance() else {
            return false;
        };
        let snapshot = self.gateway.publisher().snapshot();
        let service = snapshot.service(&self.channel.service);
        let mut active = service.into_iter().flat_map(|service| &service.active);
        let is_this = |instance: &&Arc<Instance>| {
            let place = instance.channel.as_ref();
            instance.id == *id && place.is_some_and(|place| place.id == self.channel.id)
        };
        match active.find(is_this) {
            Some(instance) => self.gateway.has_old_keys(instance),
            None => true,
        }
    }

    fn item(&self, now: &Told, is_new: bool) -> Result<Bytes, Refusal> {
        let snapshot = self.gateway.publisher().snapshot();
        let overview = Overview {
            hash: snapshot.hash.clone(),
            services: is_new.then(|| snapshot.overview()),
            contract_problems: if is_new {
                contracts::problems_of(&self.channel.service, snapshot.contracts())
            } else {
                Vec::new()
            },
            registry: away(now.is_away),
            again: now.again,
        };
        let item = json(&overview)?;
        if item.len() <= MAX_SERVICE_PAYLOAD_BYTES {
            return Ok(item);
        }
        // The service asks for it over HTTP.
        json(&Overview {
            services: None,
            contract_problems: Vec::new(),
            ..overview
        })
    }
}
