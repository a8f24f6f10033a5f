//! The cookies of plain services (protocol section 9): visitors keep them under a prefix of the service's own, and no other service
//! gets them.
//!
//! `names` has the names, and `set_cookie` reads what a service sets. Fragments are requested by the services of pages: on that way,
//! `seal` encrypts the cookies. `jar` has those of one visitor while fragments are fetched.

mod jar;
mod names;
mod seal;
mod set_cookie;

use std::{collections::BTreeSet, sync::Arc, time::SystemTime};

use http::{
    HeaderMap, HeaderValue,
    header::{CACHE_CONTROL, SET_COOKIE},
};
use hydra_runtime_wire::{
    cookies::{KEPT_PREFIX, SEALED, values},
    headers::HYDRA_COOKIES,
    signing::seconds,
};

use crate::{
    Gateway,
    edge::headers::{FOR_CACHES_IN_FRONT, has_cookie_with, remove_cookies, replace_cookie},
    limits::{MAX_COOKIE_FRAGMENTS, MAX_SET_COOKIES},
    registry::instance::FragmentProtocol,
    routing::snapshot::Service,
};
pub(crate) use jar::Jar;
use names::FAMILY;
pub(crate) use names::{PlainCookies, ServiceCookies};
pub(crate) use seal::CookieSeal;
use seal::Way;

impl Gateway {
    /// Writes the cookies of a visitor's request as the service gets them: a plain service its own, a service that makes pages of
    /// fragments all of them, encrypted, and others none.
    pub(crate) fn give_cookies(&self, service: &Service, headers: &mut HeaderMap) {
        if let Some(own) = self.plain_cookies().of(&service.name) {
            return own.unpack(headers);
        }
        if !has_cookie_with(headers, FAMILY) {
            return;
        }
        let mut instances = service.active.iter();
        let makes_pages = instances.any(|instance| instance.fragment_protocol == FragmentProtocol::Protocol2);
        let kept = self.plain_cookies().kept(headers).filter(|_| makes_pages);
        remove_cookies(headers, FAMILY);
        let kept = kept.as_ref().and_then(|kept| kept.to_str().ok());
        let sealed = kept.and_then(|kept| self.cookie_seal().close(Way::ToFragments, &[kept], now()));
        if let Some(pair) = sealed.and_then(|sealed| HeaderValue::try_from(format!("{SEALED}={sealed}")).ok())
        {
            replace_cookie(headers, SEALED, Some(&pair));
        }
    }

    /// Writes the cookies that an answer of the service sets as the visitor keeps them.
    pub(crate) fn take_cookies(&self, service: &Service, headers: &mut HeaderMap) {
        if let Some(own) = self.plain_cookies().of(&service.name) {
            own.rename_all(headers);
        }
        self.set_cookies(headers);
    }

    /// Sets the cookies that plain services set with the fragments of a page. The page is for one visitor then.
    pub fn set_cookies(&self, head: &mut HeaderMap) {
        if !head.contains_key(HYDRA_COOKIES) {
            return;
        }
        let sealed = head.get_all(HYDRA_COOKIES).iter().take(MAX_COOKIE_FRAGMENTS);
        let sealed = sealed.filter_map(|value| value.to_str().ok());
        let opened = sealed.filter_map(|sealed| self.cookie_seal().open(Way::ToVisitor, sealed, now()));
        let lines: Vec<_> = opened.flatten().collect();
        head.remove(HYDRA_COOKIES);
        for line in lines.into_iter().take(MAX_COOKIE_FRAGMENTS * MAX_SET_COOKIES) {
            head.extend(HeaderValue::try_from(line).map(|set| (SET_COOKIE, set)));
        }
        for name in &FOR_CACHES_IN_FRONT {
            head.remove(name);
        }
        head.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }

    /// The services whose fragments may set cookies of the visitor, for pages in this process.
    #[must_use]
    pub fn cookie_owners(&self) -> Arc<BTreeSet<String>> {
        Arc::clone(self.plain_cookies().owners())
    }

    /// The visitor's cookies at plain services, for fragments of a page: a page of this process has them as the visitor sent them, and
    /// other services have them encrypted.
    pub(crate) fn jar(&self, cookies: &HeaderMap) -> Jar {
        if self.plain_cookies().owners().is_empty() {
            return Jar::default();
        }
        let sealed = values(cookies, SEALED).find_map(|sealed| std::str::from_utf8(sealed).ok());
        let opened = sealed.and_then(|sealed| self.cookie_seal().open(Way::ToFragments, sealed, now()));
        let opened = opened.into_iter().flatten();
        let opened = opened.filter_map(|line| HeaderValue::try_from(line).ok());
        Jar::new(self.plain_cookies().kept(cookies).into_iter().chain(opened))
    }

    /// What a fragment set, encrypted for its way to the visitor. `None` only if the platform's cryptography fails.
    pub(crate) fn close_cookies(&self, sets: &[HeaderValue]) -> Option<String> {
        let lines: Vec<&str> = sets.iter().filter_map(|set| set.to_str().ok()).collect();
        self.cookie_seal().close(Way::ToVisitor, &lines, now())
    }
}

/// Does to the cookies of a visitor what an answer sets for plain services.
pub(crate) fn apply_kept(answer: &HeaderMap, cookies: &mut HeaderMap) {
    for set in answer.get_all(SET_COOKIE) {
        if set.as_bytes().starts_with(KEPT_PREFIX.as_bytes()) {
            set_cookie::apply(set, cookies);
        }
    }
}

fn now() -> u64 {
    seconds(SystemTime::now())
}
