//! The login of one request, for the extractors.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::extract::OriginalUri;
use http::{HeaderMap, HeaderName, Method, header::ACCEPT, request::Parts};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::{ServiceKeys, User};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
/// What stands in a query unencoded (RFC 3986 section 2.3), and `/`, for readable addresses.
const IN_QUERY: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// The login of a request, as its extension.
#[derive(Clone, Debug)]
pub(crate) struct RequestLogin {
    keys: Arc<ServiceKeys>,
    /// Whether a handler or a guard looked whether there is a user: the response depends on it.
    is_taken: Arc<AtomicBool>,
    /// Whether a visitor's browser sent the request, and not the page of a fragment.
    is_visitor: bool,
}

impl RequestLogin {
    /// For the request of a visitor.
    pub(crate) fn of_visitor(keys: Arc<ServiceKeys>) -> Self {
        Self {
            keys,
            is_taken: Arc::default(),
            is_visitor: true,
        }
    }

    /// For the call of a fragment.
    pub(crate) fn of_page(keys: Arc<ServiceKeys>) -> Self {
        Self {
            is_visitor: false,
            ..Self::of_visitor(keys)
        }
    }

    /// The user with these cookies.
    pub(super) fn user(&self, headers: &HeaderMap) -> Option<User> {
        self.is_taken.store(true, Ordering::Release);
        self.keys.login(headers).map(User)
    }

    /// Whether the response depends on the user.
    pub(crate) fn is_taken(&self) -> bool {
        self.is_taken.load(Ordering::Acquire)
    }

    /// The address of the login page, from which the visitor comes back to the requested one. `None`: the request does not
    /// open a page.
    pub(super) fn login_page(&self, parts: &Parts) -> Option<String> {
        let is_read = matches!(parts.method, Method::GET | Method::HEAD);
        // Browsers send `Sec-Fetch-Mode` over https only. Scripts rarely ask for HTML.
        let accepts = || parts.headers.get(ACCEPT).and_then(|accept| accept.to_str().ok());
        let navigates = match parts.headers.get(SEC_FETCH_MODE) {
            Some(mode) => mode == "navigate",
            None => accepts().is_some_and(|accept| accept.contains("text/html")),
        };
        if !(self.is_visitor && is_read && navigates) {
            return None;
        }
        let original = parts.extensions.get::<OriginalUri>();
        let uri = original.map_or(&parts.uri, |OriginalUri(uri)| uri);
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        Some(format!("/login?next={}", utf8_percent_encode(path, IN_QUERY)))
    }
}
