//! What belongs to the visitor while a page is put together: sessions, and cookies at plain services.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use http::{HeaderMap, HeaderValue};
use hydra_runtime_wire::headers::HYDRA_COOKIES;
use serde_json::Value;

use crate::limits::{MAX_PAGE_COOKIES, MAX_SEALED_COOKIES_BYTES};

/// Sessions by service: those that came with the request, with the changes of this page.
#[derive(Default)]
pub(crate) struct VisitorSessions {
    pub(crate) current: BTreeMap<String, Value>,
    pub(crate) changed: BTreeMap<String, Value>,
    /// What fragments of plain services set in the visitor's cookies, each encrypted for gateways.
    pub(crate) cookies: Vec<String>,
}

impl VisitorSessions {
    pub(crate) fn set(&mut self, service: String, session: Value) {
        self.current.insert(service.clone(), session.clone());
        self.changed.insert(service, session);
    }

    /// Takes in what fragments set in the visitor's cookies, as far as there is room for it.
    pub(crate) fn add_cookies(&mut self, more: Vec<String>) {
        let room = MAX_PAGE_COOKIES.saturating_sub(self.cookies.len());
        let short = more
            .into_iter()
            .filter(|one| one.len() <= MAX_SEALED_COOKIES_BYTES);
        self.cookies.extend(short.take(room));
    }

    /// Writes them into the head of a page, for the gateway in front.
    pub(crate) fn write_cookies(&mut self, head: &mut HeaderMap) {
        let values = std::mem::take(&mut self.cookies).into_iter();
        for value in values.filter_map(|text| HeaderValue::try_from(text).ok()) {
            head.append(HYDRA_COOKIES, value);
        }
    }

    /// Whether the owner of a fragment gets a session of the visitor with the request. This service's own fragments (`None`)
    /// hand on the sessions of others to the fragments in them.
    pub(crate) fn reach(&self, owner: Option<&str>) -> bool {
        match owner {
            None => !self.current.is_empty(),
            Some(service) => self.current.contains_key(service),
        }
    }
}
