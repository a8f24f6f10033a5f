//! What pages in the same process need of the gateway, beside its fragments and its limits.

use http::{HeaderMap, HeaderValue, Uri, request::Parts};

use crate::{
    Gateway,
    edge::headers,
    proxy,
    registry::{configured::ConfiguredService, instance::FragmentProtocol},
};

impl Gateway {
    /// Keeps the visitor of a page in this process on one set of versions. `cookies` are the visitor's, for the
    /// page's caller: if some service shares its traffic among versions and the visitor has no version cookie yet, a
    /// new one is added to them, and returned as a `Set-Cookie` for the page.
    pub fn keep_on_one_set(&self, cookies: &mut HeaderMap) -> Option<HeaderValue> {
        let is_split = self.publisher().snapshot().is_split();
        self.version_cookies()
            .stay(is_split, cookies, false, proxy::random)
    }

    /// As [`Gateway::keep_on_one_set`], for the visitor of this request: if it came over https, the cookie is
    /// `Secure`.
    pub fn keep_visitor_on_one_set(&self, request: &Parts, cookies: &mut HeaderMap) -> Option<HeaderValue> {
        let is_split = self.publisher().snapshot().is_split();
        let is_secure = is_split && self.origin_of(&request.extensions, &request.headers).is_secure();
        self.version_cookies()
            .stay(is_split, cookies, is_secure, proxy::random)
    }

    /// The host that a visitor requested with this URI and these headers, for the page's caller. `None`: no
    /// configured service gets the host with a call for a fragment.
    #[must_use]
    pub fn visitors_host(&self, uri: &Uri, headers: &HeaderMap) -> Option<HeaderValue> {
        let gets_it = |local: &ConfiguredService| {
            let ConfiguredService { instance, .. } = local;
            let has_fragments =
                matches!(&instance.fragment_protocol, FragmentProtocol::Plain(paths) if !paths.is_empty());
            has_fragments && instance.address.host_rule.is_visitors()
        };
        let is_needed = self.shared.settings.configured_services.iter().any(gets_it);
        is_needed.then(|| headers::visitors_host(uri, headers)).flatten()
    }
}
