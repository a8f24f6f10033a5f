//! Under which names visitors keep the cookies of plain services.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use http::{HeaderMap, HeaderValue, header::SET_COOKIE};
use hydra_runtime_wire::cookies::{KEPT_PREFIX, pairs, value_of};

use super::set_cookie;
use crate::{
    config::PlainService,
    edge::headers::{begins_with, filter_cookies},
    limits::{MAX_KEPT_COOKIES_BYTES, MAX_SET_COOKIES},
    routing::pins::service_digits,
};

/// All cookies of this module begin so.
pub(super) const FAMILY: &str = "HYDRA-COOKIE";

/// The cookies of all plain services whose fragments have any.
#[derive(Debug, Default)]
pub(crate) struct PlainCookies {
    services: BTreeMap<String, ServiceCookies>,
    owners: Arc<BTreeSet<String>>,
}

/// The cookies of one plain service.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct ServiceCookies {
    /// What stands before the names.
    prefix: String,
    /// The names at the service.
    names: Vec<String>,
}

impl PlainCookies {
    /// Those of services that were checked, in the installation `public_key`.
    pub(crate) fn new(services: &[PlainService], public_key: &str) -> Self {
        let mut all: BTreeMap<String, ServiceCookies> = BTreeMap::new();
        for service in services.iter().filter(|service| !service.cookies.is_empty()) {
            let prefix = format!("{KEPT_PREFIX}{}-", service_digits(public_key, &service.name));
            let cookies = all.entry(service.name.clone()).or_default();
            cookies.prefix = prefix;
            // A service may have several entries: its instances.
            let more = service
                .cookies
                .iter()
                .filter(|name| !cookies.names.contains(name));
            let more: Vec<_> = more.cloned().collect();
            cookies.names.extend(more);
        }
        Self {
            owners: Arc::new(all.keys().cloned().collect()),
            services: all,
        }
    }

    /// The cookies of a service. `None`: it has none.
    pub(crate) fn of(&self, service: &str) -> Option<&ServiceCookies> {
        if self.services.is_empty() {
            return None;
        }
        self.services.get(service)
    }

    /// The services that have any.
    pub(crate) fn owners(&self) -> &Arc<BTreeSet<String>> {
        &self.owners
    }

    /// Those cookies of a visitor that are kept for the services, as one header. `None`: there are none. Beyond the limit,
    /// further ones are left out.
    pub(super) fn kept(&self, visitors: &HeaderMap) -> Option<HeaderValue> {
        let is_known = |pair: &&[u8]| self.services.values().any(|one| one.name_of(pair).is_some());
        let kept = pairs(visitors).map(<[u8]>::trim_ascii).filter(is_known);
        joined(kept)
    }
}

impl ServiceCookies {
    /// The name at the service of a cookie that a visitor keeps for it.
    fn name_of(&self, pair: &[u8]) -> Option<&str> {
        let rest = pair.trim_ascii_start().strip_prefix(self.prefix.as_bytes())?;
        let mut names = self.names.iter().map(String::as_str);
        names.find(|name| value_of(rest, name).is_some())
    }

    /// Whether a cookie has one of the names at the service.
    fn is_named(&self, pair: &[u8]) -> bool {
        self.names.iter().any(|name| value_of(pair, name).is_some())
    }

    /// Whether the visitor has a cookie of each name.
    pub(crate) fn are_complete(&self, visitors: &HeaderMap) -> bool {
        let has = |name: &String| pairs(visitors).any(|pair| self.name_of(pair) == Some(name));
        self.names.iter().all(has)
    }

    /// The visitor's cookies as the service gets them. `None`: the visitor has none.
    pub(crate) fn for_service(&self, visitors: &HeaderMap) -> Option<HeaderValue> {
        let mut seen: Vec<&str> = Vec::new();
        let own = pairs(visitors).filter_map(|pair| {
            let name = self.name_of(pair).filter(|name| !seen.contains(name))?;
            seen.push(name);
            pair.trim_ascii().get(self.prefix.len()..)
        });
        joined(own)
    }

    /// Gives a request of a visitor the cookies that are kept for the service. Those that have the same names, which other services
    /// set, and those that are kept for others are removed.
    pub(super) fn unpack(&self, headers: &mut HeaderMap) {
        let own = self.for_service(headers);
        let is_other = |pair: &[u8]| !self.is_named(pair) && !begins_with(pair, FAMILY);
        filter_cookies(headers, is_other, own.as_ref());
    }

    /// Writes what an answer of the service sets under the names that the visitor keeps. Other cookies stay as they are.
    pub(super) fn rename_all(&self, headers: &mut HeaderMap) {
        let sets: Vec<HeaderValue> = headers.get_all(SET_COOKIE).iter().cloned().collect();
        if !sets.iter().any(|set| self.sets(set).is_some()) {
            return;
        }
        headers.remove(SET_COOKIE);
        for set in sets {
            let kept = match self.sets(&set) {
                Some(_) => self.renamed(&set),
                None => Some(set),
            };
            headers.extend(kept.map(|set| (SET_COOKIE, set)));
        }
    }

    /// The name of the cookie that is set, if it is one of these.
    fn sets(&self, set: &HeaderValue) -> Option<&str> {
        let (name, _) = set_cookie::pair(set)?;
        self.names
            .iter()
            .map(String::as_str)
            .find(|listed| *listed == name)
    }

    /// What the service sets, under the names that the visitor keeps. `None`: it is none of the cookies.
    pub(super) fn renamed(&self, set: &HeaderValue) -> Option<HeaderValue> {
        let named = format!("{}{}", self.prefix, self.sets(set)?);
        set_cookie::renamed(set, &named).filter(|renamed| renamed.len() <= MAX_KEPT_COOKIES_BYTES)
    }

    /// The same for all that an answer sets. Beyond the limits, further ones are left out.
    pub(crate) fn all_renamed<'s>(&self, sets: impl Iterator<Item = &'s HeaderValue>) -> Vec<HeaderValue> {
        let mut left = MAX_KEPT_COOKIES_BYTES;
        let renamed = sets.take(MAX_SET_COOKIES).filter_map(|set| self.renamed(set));
        renamed
            .filter(|set| match left.checked_sub(set.len()) {
                Some(rest) => {
                    left = rest;
                    true
                }
                None => false,
            })
            .collect()
    }
}

/// Cookies as one header, as far as they are short.
fn joined<'p>(pairs: impl Iterator<Item = &'p [u8]>) -> Option<HeaderValue> {
    let mut all: Vec<u8> = Vec::new();
    for pair in pairs {
        if all.len() + pair.len() + 2 > MAX_KEPT_COOKIES_BYTES {
            continue;
        }
        if !all.is_empty() {
            all.extend_from_slice(b"; ");
        }
        all.extend_from_slice(pair);
    }
    HeaderValue::try_from(all).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    fn service(name: &str, cookies: &[&str]) -> PlainService {
        PlainService {
            name: name.to_owned(),
            cookies: cookies.iter().map(|name| (*name).to_owned()).collect(),
            ..PlainService::default()
        }
    }

    /// `news` has two cookies, `mail` one of the same name.
    fn all() -> PlainCookies {
        let services = [
            service("news", &["sessionid"]),
            service("mail", &["sessionid"]),
            service("news", &["csrftoken", "sessionid"]),
            service("none", &[]),
        ];
        PlainCookies::new(&services, "K")
    }

    fn text(value: Option<HeaderValue>) -> Option<String> {
        value.map(|value| value.to_str().expect("text").to_owned())
    }

    /// Written with the prefixes of both.
    fn cookies(text: &str) -> HeaderMap {
        let text = text
            .replace("NEWS-", &all().services["news"].prefix)
            .replace("MAIL-", &all().services["mail"].prefix);
        HeaderMap::from_iter([(COOKIE, HeaderValue::try_from(text).expect("a value"))])
    }

    #[test]
    fn each_service_has_a_prefix_of_its_own() {
        let all = all();
        assert_eq!(all.owners().iter().collect::<Vec<_>>(), ["mail", "news"]);
        let [mail, news] = ["mail", "news"].map(|name| &all.of(name).expect("it has some").prefix);
        assert_ne!(mail, news);
        let digits = news.strip_prefix("HYDRA-COOKIE-").expect("the prefix");
        assert_eq!((digits.len(), digits.ends_with('-')), (9, true));
        assert!(all.of("none").is_none() && all.of("other").is_none());
    }

    #[test]
    fn a_service_gets_its_own_cookies_under_its_own_names() {
        let all = all();
        for (visitors, expected) in [
            ("", None),
            ("theme=1; sessionid=2", Some("theme=1")),
            ("NEWS-sessionid=1", Some("sessionid=1")),
            (
                "theme=1; NEWS-sessionid=2; MAIL-sessionid=3; sessionid=4; NEWS-csrftoken=5; HYDRA-COOKIES=6",
                Some("theme=1; sessionid=2; csrftoken=5"),
            ),
            ("NEWS-other=1; NEWS-sessionid; sessionids=2", Some("sessionids=2")),
            ("NEWS-sessionid=1; NEWS-sessionid=2", Some("sessionid=1")),
        ] {
            let mut headers = cookies(visitors);
            all.of("news").expect("it has some").unpack(&mut headers);
            assert_eq!(text(headers.remove(COOKIE)).as_deref(), expected, "{visitors}");
        }
    }

    #[test]
    fn long_cookies_are_left_out() {
        let all = all();
        let long = "x".repeat(MAX_KEPT_COOKIES_BYTES);
        let headers = cookies(&format!(
            "NEWS-sessionid={long}; NEWS-csrftoken=1; MAIL-sessionid=2"
        ));
        assert_eq!(
            text(all.kept(&headers)),
            text(cookies("NEWS-csrftoken=1; MAIL-sessionid=2").remove(COOKIE))
        );
        let news = all.of("news").expect("it has some");
        assert_eq!(text(news.for_service(&headers)).as_deref(), Some("csrftoken=1"));
        let set = HeaderValue::try_from(format!("sessionid={long}")).expect("a value");
        let short = HeaderValue::from_static("csrftoken=1");
        assert_eq!(news.all_renamed([&set, &short].into_iter()).len(), 1);
        let many = vec![HeaderValue::from_static("sessionid=1"); 1_000];
        assert_eq!(news.all_renamed(many.iter()).len(), MAX_SET_COOKIES);
    }

    #[test]
    fn only_listed_cookies_are_kept_for_a_service() {
        let all = all();
        let news = all.of("news").expect("it has some");
        let expected = format!("{}csrftoken=1; Path=/; HttpOnly", news.prefix);
        let set = HeaderValue::from_static("csrftoken=1; Path=/news; HttpOnly");
        assert_eq!(text(news.renamed(&set)), Some(expected));
        for other in ["other=1", "CSRFTOKEN=1", "HYDRA-SSO=1", "csrftoken"] {
            assert_eq!(news.renamed(&HeaderValue::from_static(other)), None, "{other}");
        }
        for (visitors, expected) in [
            ("NEWS-sessionid=1; NEWS-csrftoken=2", true),
            ("NEWS-sessionid=1; MAIL-csrftoken=2; csrftoken=3", false),
            ("", false),
        ] {
            assert_eq!(news.are_complete(&cookies(visitors)), expected, "{visitors}");
        }
    }
}
