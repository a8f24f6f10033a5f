//! What pages and programs in the same process need of the gateway, beside its fragments and its limits.

use axum::{body::Body, response::Response};
use http::{HeaderMap, HeaderValue, Request, Uri, request::Parts};

use crate::{
    Gateway,
    edge::headers,
    login::{LOGIN, Visit},
    proxy::{self, FormRequest, OwnPages},
    registry::{configured::ConfiguredService, instance::FragmentProtocol},
};

/// A path that the process of the gateway answers itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPath {
    /// The name of the service that has the path.
    pub service: String,
    /// What answers: `page` or `file`.
    pub kind: &'static str,
    /// The file of the page's template, or the file that is sent.
    pub file: String,
}

/// Finds what answers at a path of this process, which is encoded as in a request.
pub(crate) type FindOwnPath = Box<dyn Fn(&str) -> Option<OwnPath> + Send + Sync>;

/// The login of a visitor of a page in this process.
pub struct PageVisit(Option<(Gateway, Visit)>);

impl PageVisit {
    /// Renews the login with the response, if it is due.
    pub async fn end(self, response: &mut Response) {
        if let Some((gateway, visit)) = self.0 {
            visit.end(&gateway, response).await;
        }
    }
}

impl std::fmt::Debug for PageVisit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageVisit").finish_non_exhaustive()
    }
}

impl Gateway {
    /// Tells the gateway which paths its process answers itself, so that operators hear it. Only the first call counts.
    pub fn answers_itself(&self, find: impl Fn(&str) -> Option<OwnPath> + Send + Sync + 'static) {
        // What was told before is kept.
        let _ = self.shared.core.own_paths.set(Box::new(find));
    }

    /// What answers at a path of this process.
    pub(crate) fn own_path(&self, path: &str) -> Option<OwnPath> {
        self.shared.core.own_paths.get()?(path)
    }

    /// Whether a request is about a form of a fragment: it sends the form, or returns to its address.
    #[must_use]
    pub fn is_form(&self, request: &Request<Body>) -> bool {
        FormRequest::of(self, request).is_some()
    }

    /// Answers a request about a form, which may stand on one of `pages`.
    pub async fn answer_form(&self, request: Request<Body>, pages: &dyn OwnPages) -> Response {
        proxy::forward_beside(self, request, Some(pages)).await
    }

    /// The login of the visitor of this request for a page, which is active with it.
    #[must_use]
    pub fn visit_of(&self, request: &Parts) -> PageVisit {
        let has_login = headers::cookies(&request.headers, LOGIN).next().is_some();
        if !has_login || self.logins().is_none() {
            return PageVisit(None);
        }
        let mut asked = Request::new(Body::empty());
        asked.method_mut().clone_from(&request.method);
        asked.uri_mut().clone_from(&request.uri);
        asked.headers_mut().clone_from(&request.headers);
        let origin = self.origin_of(&request.extensions, &request.headers);
        // A page changes nothing, whichever site the request comes from.
        let visit = Visit::begin(self, &mut asked, &origin).ok();
        PageVisit(visit.map(|visit| (self.clone(), visit)))
    }

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

    /// Whether an active instance is at `authority`, such as `127.0.0.1:8080`.
    #[must_use]
    pub fn has_instance_at(&self, authority: &str) -> bool {
        let snapshot = self.publisher().snapshot();
        let mut instances = snapshot.services().flat_map(|service| &service.active);
        instances.any(|instance| *instance.address.authority == *authority)
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
