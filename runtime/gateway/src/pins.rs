//! What a gateway needs to pin visitors to instances: its keys, which services pin theirs, and how long a pin waits for its
//! instance after a start.

use std::sync::{
    Arc, OnceLock,
    atomic::{AtomicBool, Ordering::Relaxed},
};

use axum::body::Body;
use http::{HeaderMap, Request, Uri};
use hydra_runtime_net::metrics::{HandleMap, LazyCounter};
use hydra_runtime_wire::{Affinity, cookies::PIN_PREFIX, names::ServiceName, routes::RouteMatch};
use metrics::{Key, Label};
use tokio::sync::Semaphore;

use crate::{
    Gateway,
    config::{GatewayConfig, Secret},
    edge::headers,
    limits::{MAX_MEASURED_SERVICES, MAX_PIN_WAITERS, PIN_KEY_PERIOD, PIN_WAIT_PERIOD},
    measures::OTHER,
    registry::steering::SteeringChange,
    routing::{
        pins::{Moves, PinKeys},
        snapshot::{PinOutcome, Service},
    },
};

/// What pins visitors to instances.
pub(crate) struct Pins {
    /// Empty until the gateways of one Redis agreed on a key.
    keys: OnceLock<PinKeys>,
    /// Room for requests that wait for the instances of their pins.
    waiting: Semaphore,
    /// Which visitors moved last.
    pub(crate) moves: Moves,
    /// Whether the log says that browsers drop the cookies over http.
    has_told_of_http: AtomicBool,
    counters: HandleMap<Arc<str>, PinCounters>,
    others: PinCounters,
}

/// The counters of one service, in the order of [`PinOutcome::COUNTED`].
struct PinCounters([LazyCounter; PinOutcome::COUNTED.len()]);

impl PinCounters {
    fn new(service: &str) -> Self {
        Self(PinOutcome::COUNTED.map(|(_, outcome)| {
            let labels = vec![
                Label::new("service", service.to_owned()),
                Label::from_static_parts("outcome", outcome),
            ];
            LazyCounter::new(Key::from_parts("hydra_affinity_total", labels))
        }))
    }

    fn count(&self, outcome: PinOutcome) {
        let mut all = PinOutcome::COUNTED.iter().zip(&self.0);
        if let Some((_, counter)) = all.find(|((other, _), _)| *other == outcome) {
            counter.increment(1);
        }
    }
}

impl Pins {
    /// Begins with a key of the private key, or without that with a random one, which ends with the process. With Redis and
    /// without a private key there is none yet: the gateways agree on one.
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        let keys = OnceLock::new();
        let private_key = config.private_key.as_ref().map(Secret::reveal);
        let secret = match (private_key, &config.redis) {
            (Some(private_key), _) => Some(private_key.to_owned()),
            (None, Some(_)) => None,
            (None, None) => {
                tracing::info!(
                    "without a private key and without Redis, visitors leave their instances when this gateway restarts"
                );
                Some(random_secret())
            }
        };
        if let Some(secret) = secret {
            // It is empty so far.
            let second = config.second_private_key.as_ref();
            let second = second.map(|key| key.reveal().as_bytes());
            let _ = keys.set(PinKeys::new(secret.as_bytes(), second, &config.public_key));
        }
        Self {
            keys,
            waiting: Semaphore::new(MAX_PIN_WAITERS),
            moves: Moves::new(),
            has_told_of_http: AtomicBool::new(false),
            counters: HandleMap::new(MAX_MEASURED_SERVICES),
            others: PinCounters::new(OTHER),
        }
    }

    /// Counts a request to a service whose visitors stay.
    pub(crate) fn count(&self, service: &ServiceName, outcome: PinOutcome) {
        let make = || (service.shared(), PinCounters::new(service));
        match self.counters.get(&**service, make) {
            Some(counters) => counters.count(outcome),
            None => self.others.count(outcome),
        }
    }

    /// Says once that a cookie for https is set although the visitor came over http.
    pub(crate) fn tell_of_http(&self) {
        if !self.has_told_of_http.swap(true, Relaxed) {
            tracing::warn!(
                "visitors come over http, and browsers keep the cookies of `affinity` over https only, so that such visitors do not \
                 stay with one instance: name the proxy that ends TLS in `trusted_proxies`, or set `login_over_http = true` for a \
                 site without TLS"
            );
        }
    }
}

pub(crate) fn random_secret() -> String {
    format!(
        "{}{}",
        uuid::Uuid::new_v4().simple(),
        uuid::Uuid::new_v4().simple()
    )
}

impl Gateway {
    pub(crate) fn pins(&self) -> &Pins {
        &self.shared.core.pins
    }

    /// The keys that sign pins, once there are any.
    pub(crate) fn pin_keys(&self) -> Option<&PinKeys> {
        let keys = &self.pins().keys;
        keys.get().or_else(|| {
            let snapshot = self.publisher().snapshot();
            let secret = snapshot.steering().pin_secret()?;
            Some(keys.get_or_init(|| PinKeys::new(secret.as_bytes(), None, &self.config().public_key)))
        })
    }

    /// Whether visitors of a service stay with one instance.
    pub(crate) fn keeps_visitors(&self, service: &Service) -> bool {
        let stated = &self.config().affinity;
        let stated = match stated.is_empty() {
            true => None,
            false => stated.get(&*service.name).copied(),
        };
        stated.unwrap_or_else(|| service.affinity()) == Affinity::Visitor
    }

    /// Agrees with the other gateways on a key, where no private key gives one.
    pub(crate) async fn agree_on_pin_key(&self) {
        while self.pin_keys().is_none() {
            if self.publisher().is_complete() && self.publisher().outage().is_none() {
                let secret = Secret::new(random_secret());
                // Where another gateway was faster, its key counts and this changes nothing.
                let _ = self.publisher().steer(SteeringChange::PinSecret { secret }).await;
            }
            tokio::time::sleep(PIN_KEY_PERIOD).await;
        }
    }

    /// After a start without Redis, instances register again within seconds: a request of a pinned visitor waits until its
    /// instance is back, or until that time is over. Only so many requests wait; the others are answered as if the time were
    /// over.
    ///
    /// `None`: there is nothing to wait for.
    pub(crate) fn wait_for_pinned(
        &self,
        request: &Request<Body>,
    ) -> Option<impl Future<Output = ()> + Send + use<'_>> {
        let (uri, headers) = (request.uri(), request.headers());
        if self.config().redis.is_some() || self.has_waited() || self.is_back(uri, headers) {
            return None;
        }
        let room = self.pins().waiting.try_acquire().ok()?;
        let (uri, headers) = (uri.clone(), headers.clone());
        Some(async move {
            while !self.has_waited() && !self.is_back(&uri, &headers) {
                tokio::time::sleep(PIN_WAIT_PERIOD).await;
            }
            drop(room);
        })
    }

    /// Whether the time is over for which pins wait for their instances.
    fn has_waited(&self) -> bool {
        u128::from(self.publisher().now().0) >= self.config().pin_wait.as_millis()
    }

    /// Whether nothing is to be waited for: the request has no pin, or the pin's instance is active. The cookie of a service
    /// that is not known yet cannot be checked, and counts as a pin.
    fn is_back(&self, uri: &Uri, cookies: &HeaderMap) -> bool {
        if !headers::has_cookie_with(cookies, PIN_PREFIX) {
            return true;
        }
        let snapshot = self.publisher().snapshot();
        let service = match snapshot.table().find(uri.path()) {
            RouteMatch::Route(route) => snapshot.holder(route),
            RouteMatch::NotFound => None,
            RouteMatch::BadPath => return true,
        };
        let (Some(service), Some(keys)) = (service, self.pin_keys()) else {
            return false;
        };
        if service.active.is_empty() {
            return false;
        }
        let (pin, _) = service.pin(keys, cookies);
        !self.keeps_visitors(service) || pin.is_none_or(|pin| service.of_pin(pin, keys.current()).is_some())
    }
}
