//! The way of one request to its service and of the answer back, once it is known which service that is.

use std::sync::Arc;

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Version,
    header::{IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, SET_COOKIE},
};
use hydra_runtime_net::{
    observe::{RequestRecord, Served},
    proxies::Origin,
    server::Connection,
};
use hydra_runtime_wire::{headers::HYDRA_PERSONAL, routes::Route};

use super::{
    forms::ForPage,
    outgoing::outgoing,
    pinning::Pinning,
    random,
    sending::{Sending, Sent, send},
    upgrade::{self, VisitorUpgrade},
    visitor::{Previewed, Visitor},
};
use crate::{
    Gateway,
    edge::{compress::Compression, failure::RequestFailure, headers, no_length, observed_body::ObservedBody},
    login::Visit,
    route_rules::RouteSettings,
    routing::{
        snapshot::{Service, Snapshot},
        version_cookie::VersionSeed,
    },
    upstream,
};

/// A request on its way to the service that holds its path.
pub(super) struct Passage<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) snapshot: &'a Snapshot,
    pub(super) route: &'a Route,
    pub(super) service: &'a Service,
    pub(super) record: Option<&'a RequestRecord>,
    pub(super) previewed: Previewed<'a>,
    /// `None`: visitors of the service do not stay with one instance.
    pub(super) pinning: Option<&'a Pinning<'a>>,
    pub(super) settings: RouteSettings,
}

/// What the visitor requested, as far as the answer depends on it.
struct Asked {
    is_head: bool,
    is_secure: bool,
    compression: Option<Compression>,
    /// For a switch to another protocol.
    visitors_side: Option<VisitorUpgrade>,
}

impl Passage<'_> {
    /// The answer of the service for the visitor.
    ///
    /// # Errors
    /// The request is refused, or no instance answers it.
    pub(super) async fn pass(
        self,
        mut request: Request<Body>,
        origin: Origin,
    ) -> Result<Response, RequestFailure> {
        let visit = Visit::begin(self.gateway, &mut request, &origin)?;
        let asked = self.asked(&mut request, &origin);
        let visitor = Visitor {
            seed: self.seed(request.headers()),
            previewed: self.previewed,
            visit: &visit,
            pinning: self.pinning,
        };
        let expects = upstream::expects_continue(&request);
        let protocol = asked.visitors_side.as_ref().map(|visitor| &visitor.protocol);
        let request = self.for_service(request, origin, protocol)?;
        let sending = Sending {
            gateway: self.gateway,
            service: self.service,
            key: Some(&self.route.key),
            protocol: None,
            visitor: &visitor,
            settings: self.settings,
        };
        let sent = send(&sending, request, expects).await?;
        self.name_instance(&sent);
        self.answer(sent, asked, &visitor).await
    }

    fn asked(&self, request: &mut Request<Body>, origin: &Origin) -> Asked {
        let compress = self.settings.compress;
        Asked {
            is_head: *request.method() == Method::HEAD,
            is_secure: origin.is_secure(),
            compression: compress.then(|| Compression::of(request.headers())),
            visitors_side: visitors_side(request),
        }
    }

    /// What selects the versions for this visitor.
    fn seed(&self, cookies: &HeaderMap) -> VersionSeed {
        let chance = || self.pinning.and_then(Pinning::bits).unwrap_or_else(random);
        let versions = self.gateway.version_cookies();
        VersionSeed::of(versions, self.snapshot.is_split(), cookies, chance)
    }

    /// The request as the service gets it, without what the service believes about users.
    fn for_service(
        &self,
        mut request: Request<Body>,
        origin: Origin,
        protocol: Option<&HeaderValue>,
    ) -> Result<Request<Body>, RequestFailure> {
        let name = &*self.service.name;
        if self.previewed.previews.version_of(name).is_some() {
            without_conditions(request.headers_mut());
        }
        let mut request = outgoing(request, self.route.kind, name, origin, protocol)?;
        if let Some(form) = request.extensions_mut().remove::<ForPage>() {
            form.write(self.gateway, self.service, &mut request);
        }
        Ok(match self.gateway.identities().of(name) {
            Some(identity) => identity.clean(request),
            None => request,
        })
    }

    /// The answer for the visitor, with the cookies that it sets.
    async fn answer(
        &self,
        sent: Sent,
        asked: Asked,
        visitor: &Visitor<'_>,
    ) -> Result<Response, RequestFailure> {
        let versions = self.gateway.version_cookies();
        let mut response = self.answered(sent, asked.visitors_side, asked.is_head, visitor.visit);
        let is_personal = response.headers_mut().remove(HYDRA_PERSONAL).is_some();
        if let VersionSeed::New { seed } = visitor.seed
            && !headers::is_for_all(response.headers())
            && let Some(cookie) = versions.set(seed, asked.is_secure)
        {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        visitor.visit.end(self.gateway, &mut response).await;
        match asked.compression.filter(|_| !is_personal) {
            Some(compression) => Ok(compression.apply(response).await),
            None => Ok(response),
        }
    }

    fn answered(
        &self,
        sent: Sent,
        visitors_side: Option<VisitorUpgrade>,
        is_head: bool,
        visit: &Visit,
    ) -> Response {
        let (instance, outcome) = (Arc::clone(sent.load.instance()), sent.outcome);
        let has_switched = sent.response.status() == StatusCode::SWITCHING_PROTOCOLS;
        let open = || visit.open(self.gateway);
        let mut response = upgrade::answer(sent.response, sent.load, visitors_side, open);
        // A service that switches although the visitor did not request it gets an error of the gateway instead.
        let is_ours = has_switched && response.status() != StatusCode::SWITCHING_PROTOCOLS;
        self.gateway.take_cookies(self.service, response.headers_mut());
        response = no_length::keep_unknown(response, is_head);
        if let Some(expectation) = sent.expectation {
            response = response.map(|body| Body::new(ObservedBody::new(body, Some(expectation))));
        }
        if let Some(pinning) = self.pinning.filter(|_| !is_ours) {
            pinning.finish(outcome, &instance, &mut response);
        }
        response
    }

    fn name_instance(&self, sent: &Sent) {
        if let Some(record) = self.record {
            let instance = sent.load.instance();
            record.served(|| Served {
                route: self.route.key.to_string(),
                instance: instance.id.to_string(),
                version: instance.version.to_string(),
                why: sent.outcome.why(),
            });
        }
    }
}

/// The visitor's side of a request that wants to switch to another protocol.
fn visitors_side(request: &mut Request<Body>) -> Option<VisitorUpgrade> {
    // HTTP/1.0 has no protocol switch (RFC 9110 section 7.8), and a WebSocket begins with GET (RFC 6455 section 4.1).
    let may_switch = *request.method() == Method::GET && request.version() == Version::HTTP_11;
    let protocol = headers::wanted_upgrade(request.headers()).filter(|_| may_switch)?;
    Some(VisitorUpgrade {
        protocol,
        connection: request.extensions().get::<Connection>().cloned(),
        upgrade: hyper::upgrade::on(request),
    })
}

/// Removes the conditions under which the answer would be "not modified": the visitor's copy may be that of another
/// version (RFC 9110 section 13.1).
fn without_conditions(headers: &mut HeaderMap) {
    for name in [IF_NONE_MATCH, IF_MODIFIED_SINCE, IF_RANGE] {
        headers.remove(name);
    }
}
