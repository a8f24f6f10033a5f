//! Keeps a visitor with the instance that may know the visitor: reads the pin of a request, and sets it with the answer.

use std::{ptr, sync::Arc};

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, Request, header::SET_COOKIE};
use hydra_runtime_net::proxies::Origin;
use hydra_runtime_wire::routes::{Route, RouteKind};

use crate::{
    Gateway,
    edge::{headers, pin_rules},
    login::is_secure,
    registry::instance::Instance,
    routing::{
        pins::{Pin, PinKey, PinKeys},
        previews::Previews,
        snapshot::{Choice, PinOutcome, Service},
    },
};

/// The pin of one request to a service whose visitors stay.
pub(crate) struct Pinning<'g> {
    gateway: &'g Gateway,
    keys: &'g PinKeys,
    service: &'g Service,
    route: &'g Route,
    pin: Option<Pin>,
    /// Whether the cookie was signed with the former private key, so that it is set again.
    is_former: bool,
    /// For a visitor who previews the service: what selects the instance. The pin is then neither read nor set.
    preview: Option<u64>,
    may_set: bool,
    scheme: &'static str,
    /// The host that the visitor requested.
    host: Option<HeaderValue>,
}

impl<'g> Pinning<'g> {
    /// The pin of a request as the visitor sent it. `None`: visitors of the service do not stay, or there is no key yet.
    pub(super) fn of(
        gateway: &'g Gateway,
        service: &'g Service,
        route: &'g Route,
        request: &Request<Body>,
        origin: &Origin,
        previews: &Previews,
    ) -> Option<Self> {
        let read = Self::read(gateway, service, route, request.headers(), previews)?;
        let host = origin.host.clone();
        let host = host.or_else(|| headers::visitors_host(request.uri(), request.headers()));
        let is_foreign =
            pin_rules::is_of_another_site(request.method(), request.headers(), origin.scheme, host.as_ref());
        Some(Self {
            may_set: read.preview.is_none() && !is_foreign,
            scheme: origin.scheme,
            host,
            ..read
        })
    }

    /// The pin among these cookies, for an answer that never sets it.
    pub(crate) fn read(
        gateway: &'g Gateway,
        service: &'g Service,
        route: &'g Route,
        cookies: &HeaderMap,
        previews: &Previews,
    ) -> Option<Self> {
        if !gateway.keeps_visitors(service) {
            return None;
        }
        let keys = gateway.pin_keys()?;
        let preview = previews.version_of(&service.name);
        let preview = preview.filter(|version| service.has_preview(version));
        let preview = preview.map(|_| keys.current().tag(&previews.tokens()));
        let (pin, is_former) = match preview {
            None => service.pin(keys, cookies),
            Some(_) => (None, false),
        };
        Some(Self {
            gateway,
            keys,
            service,
            route,
            pin,
            is_former,
            preview,
            may_set: false,
            scheme: "https",
            host: None,
        })
    }

    /// The random bits of the visitor's pin: what selects the version for a visitor who has to move and has no version yet,
    /// so that requests in parallel move to one instance.
    pub(crate) fn bits(&self) -> Option<u64> {
        self.pin.map(|pin| pin.bits)
    }

    /// Whether the visitor is pinned to an instance that serves the path, also where other visitors would not get the path.
    pub(crate) fn holds(&self) -> bool {
        let (now, key) = (self.gateway.publisher().now(), self.key());
        self.pin
            .is_some_and(|pin| self.service.holds(pin, &self.route.key, now, key))
    }

    /// The instance for the request, and why it is that one.
    pub(super) fn choose(
        &self,
        choice: Choice<'_>,
        tried: &[Arc<Instance>],
    ) -> Option<(Arc<Instance>, PinOutcome)> {
        match self.preview {
            Some(bits) => self.service.stay_previewed(bits, choice, tried, self.key()),
            None => self.service.stay(self.pin, choice, tried, self.key()),
        }
    }

    /// The same where no request is sent.
    pub(crate) fn foresee(&self, choice: Choice<'_>) -> Option<(Arc<Instance>, PinOutcome)> {
        match (self.preview, self.pin) {
            (None, None) => Some((self.service.next_newcomer(choice)?, PinOutcome::New)),
            _ => self.choose(choice, &[]),
        }
    }

    /// Counts why the answer comes from this instance, and pins the visitor to it where that is due.
    pub(super) fn finish(&self, outcome: PinOutcome, instance: &Arc<Instance>, answer: &mut Response) {
        self.count_stay(outcome, instance);
        let may_set = self.may_set
            && self.route.kind != RouteKind::Static
            && pin_rules::may_pin(answer.status(), answer.headers());
        if !may_set || !(outcome.is_written() || self.is_signed_anew(outcome)) {
            return;
        }
        self.note_move(outcome, instance);
        self.set(instance, answer);
    }

    /// Counts a visitor who stays, or is new. A move counts once the visitor has another pin.
    fn count_stay(&self, outcome: PinOutcome, instance: &Instance) {
        if !outcome.is_move() {
            self.gateway.pins().count(&self.service.name, outcome);
        }
        if let (PinOutcome::Kept, Some(pin)) = (outcome, self.pin) {
            instance.comebacks.add(pin.bits, self.gateway.publisher().now());
        }
    }

    /// Whether the pin of a visitor who stays is set once more, because the former private key signed it. That must not bring a
    /// visitor back who has moved since the request came: the visitor would still get the instance, and nothing has changed
    /// meanwhile. Otherwise, a later answer signs it.
    fn is_signed_anew(&self, outcome: PinOutcome) -> bool {
        let (PinOutcome::Kept, true, Some(pin)) = (outcome, self.is_former, self.pin) else {
            return false;
        };
        let newest = self.gateway.publisher().snapshot();
        let service = newest.service(&self.service.name);
        service.is_some_and(|service| ptr::eq(service, self.service))
            && self.holds()
            && !self.gateway.pins().moves.has_left(pin)
    }

    /// Counts and logs a move of the visitor. Parallel requests move the visitor once.
    fn note_move(&self, outcome: PinOutcome, to: &Instance) {
        let Some(pin) = self.pin.filter(|_| outcome.is_move()) else {
            return;
        };
        let pins = self.gateway.pins();
        if !pins.moves.add(pin) {
            return;
        }
        pins.count(&self.service.name, outcome);
        let from = self.service.of_pin(pin, self.key());
        let from = from.map_or("an instance that is gone", |from| from.id.as_str());
        let (service, why) = (&*self.service.name, outcome.why());
        tracing::info!(service, from, to = %to.id, why, "a visitor moves to another instance");
    }

    /// Pins the visitor to this instance.
    fn set(&self, instance: &Instance, answer: &mut Response) {
        let config = self.gateway.config();
        let is_secure = is_secure(self.scheme, self.host.as_ref(), config.login_over_http);
        let pin = Pin {
            bits: self.pin.map_or_else(super::random, |pin| pin.bits),
            tag: instance.pin_tag(|id| self.key().tag(id)),
        };
        let (same_site, name) = (config.affinity_same_site, self.service.pin_cookie(self.key()));
        let set = self
            .key()
            .set(&self.service.name, name, pin, same_site, is_secure);
        if let Some(cookie) = set {
            if is_secure && self.scheme != "https" {
                self.gateway.pins().tell_of_http();
            }
            answer.headers_mut().append(SET_COOKIE, cookie);
            pin_rules::keep_private(answer.headers_mut());
        }
    }

    fn key(&self) -> &'g PinKey {
        self.keys.current()
    }
}
