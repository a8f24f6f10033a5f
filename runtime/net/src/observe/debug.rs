//! What responses tell developers: who made them, and how long that took. Visitors see that if the settings say so, or
//! if they opened a link that the holder of the private key made.
#![deny(clippy::disallowed_methods)]

use std::{
    fmt::Write as _,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::hmac;
use http::{HeaderMap, HeaderName, HeaderValue, Uri, header::CACHE_CONTROL};
use hydra_runtime_wire::{cookies, signing::derived};

use super::record::{Details, RequestRecord};
use crate::{
    limits::{MAX_DEBUG_LIFE, MAX_TIMED_FRAGMENTS},
    link_query,
};

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const SERVED_BY: HeaderName = HeaderName::from_static("hydra-served-by");
/// The cookie of a visitor who sees the headers.
const COOKIE_NAME: &str = "HYDRA-DEBUG";
/// The member of a query that sets the cookie.
pub const QUERY_NAME: &str = "hydra-debug";
/// The value of that member that removes the cookie.
const OFF: &str = "off";
/// How many bytes of the signature a token has.
const MARK: usize = 16;

/// Makes and checks tokens, each a time in seconds and a signature: `1796000461.0123…`.
#[derive(Clone)]
pub struct DebugKey(hmac::Key);

impl DebugKey {
    /// The key of an installation with this private key.
    #[must_use]
    pub fn new(private_key: &str) -> Self {
        let key = derived(private_key.as_bytes(), "hydra debug");
        Self(hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()))
    }

    /// A token that is valid for `life` from `now`, a week at most.
    #[must_use]
    pub fn token(&self, now: SystemTime, life: Duration) -> String {
        let until = seconds(now).saturating_add(life.min(MAX_DEBUG_LIFE).as_secs());
        format!("{until}.{}", self.mark(until))
    }

    /// How many seconds a token is valid yet. `None`: it is not valid, or not ours.
    fn left(&self, token: &str, now: SystemTime) -> Option<u64> {
        let (until, mark) = token.split_once('.')?;
        let is_number =
            !until.is_empty() && until.len() <= 12 && until.bytes().all(|byte| byte.is_ascii_digit());
        let until = is_number.then(|| until.parse().ok())??;
        let left = u64::checked_sub(until, seconds(now)).filter(|left| *left > 0)?;
        // A mark is compared as a whole, and a wrong one tells nothing about the right one: it costs a signature.
        let is_ours = self
            .mark(until)
            .bytes()
            .zip(mark.bytes())
            .fold(0, |all, (a, b)| all | (a ^ b))
            == 0;
        (is_ours && mark.len() == 2 * MARK).then_some(left)
    }

    fn mark(&self, until: u64) -> String {
        let tag = hmac::sign(&self.0, &until.to_be_bytes());
        let bytes = tag.as_ref().get(..MARK).unwrap_or_default();
        bytes.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether the cookies have a valid token.
    pub(super) fn is_in(&self, headers: &HeaderMap, now: SystemTime) -> bool {
        let mut tokens = cookies::values(headers, COOKIE_NAME).filter_map(|token| str::from_utf8(token).ok());
        tokens.any(|token| self.left(token, now).is_some())
    }

    /// Where a visitor with this URI goes on, and the cookie to set. `None`: the query is not about it, or its token is
    /// not valid. `is_secure`: the visitor came over https.
    pub(super) fn visit(
        &self,
        uri: &Uri,
        now: SystemTime,
        is_secure: bool,
    ) -> Option<(HeaderValue, HeaderValue)> {
        let (token, location) = link_query::taken(uri, QUERY_NAME)?;
        let life = match token {
            OFF => 0,
            token => self.left(token, now)?,
        };
        let token = if life == 0 { "" } else { token };
        let secure = if is_secure { "; Secure" } else { "" };
        let cookie = format!("{COOKIE_NAME}={token}; Path=/; Max-Age={life}; HttpOnly; SameSite=Lax{secure}");
        Some((
            HeaderValue::try_from(location).ok()?,
            HeaderValue::try_from(cookie).ok()?,
        ))
    }
}

impl std::fmt::Debug for DebugKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DebugKey(…)")
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Adds the headers for developers to those of a response. `first_byte` is how long its head took. `is_for_one`: only
/// this visitor may see them, so no cache may keep the response for others.
pub(super) fn tell(headers: &mut HeaderMap, record: &RequestRecord, first_byte: Duration, is_for_one: bool) {
    let none = Details::default();
    let details = record.details();
    let details = details.as_deref().unwrap_or(&none);
    if let Ok(value) = HeaderValue::try_from(server_timing(details, first_byte)) {
        headers.append(SERVER_TIMING, value);
    }
    let service = record.service().map_or("", |service| &**service);
    if let Ok(value) = HeaderValue::try_from(served_by(service, details)) {
        headers.insert(SERVED_BY, value);
    }
    if is_for_one {
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    }
}

/// The value of `Server-Timing` (W3C Server Timing): the head, the form that was sent, and each fragment, with their outcomes.
fn server_timing(details: &Details, first_byte: Duration) -> String {
    let mut text = format!("head;dur={:.3}", first_byte.as_secs_f64() * 1_000.0);
    let mut add = |kind: &str, name: String, outcome: &str, time: Duration| {
        let name = quoted(&format!("{name}: {outcome}"));
        // Writing to a text never fails.
        let _ = write!(
            text,
            ", {kind};desc={name};dur={:.3}",
            time.as_secs_f64() * 1_000.0
        );
    };
    if let Some((action, _)) = &details.action {
        add("action", action.name(), action.outcome.label(), action.time);
    }
    for fragment in details.fragments.iter().take(MAX_TIMED_FRAGMENTS) {
        let name = format!("{}/{}", fragment.service, fragment.reference);
        add("fragment", name, fragment.outcome, fragment.time);
    }
    let more = details.fragments.len().saturating_sub(MAX_TIMED_FRAGMENTS);
    if more > 0 {
        let _ = write!(text, ", more;desc=\"{more} more fragments\"");
    }
    text
}

/// The value of `Hydra-Served-By`: parameters as RFC 9110 section 5.6.6 writes them.
fn served_by(service: &str, details: &Details) -> String {
    let served = &details.served;
    let mut parts = Vec::new();
    let named = [
        ("service", service),
        ("instance", &*served.instance),
        ("route", &*served.route),
        ("version", &*served.version),
        ("why", served.why),
    ];
    for (name, value) in named.into_iter().filter(|(_, value)| !value.is_empty()) {
        parts.push(format!("{name}={}", quoted(value)));
    }
    match parts.is_empty() {
        true => "gateway".to_owned(),
        false => parts.join("; "),
    }
}

/// A quoted string (RFC 9110 section 5.6.4). Other characters than those of ASCII become question marks.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' '..='~' => quoted.push(c),
            _ => quoted.push('?'),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a moment to count from")]
mod tests {
    use std::time::Instant;

    use http::header::COOKIE;

    use super::*;
    use crate::observe::{FragmentRecord, Served, trace::TraceContext};

    const KEY: &str = "a private key of 16 bytes";

    fn now() -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(1_796_000_461)
    }

    fn cookies(text: &str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(text).expect("a value"))])
    }

    #[test]
    fn only_a_token_of_this_key_counts_and_only_for_its_time() {
        let key = DebugKey::new(KEY);
        let token = key.token(now(), Duration::from_secs(60));
        let is_in = |text: &str, after: u64| key.is_in(&cookies(text), now() + Duration::from_secs(after));
        assert!(is_in(&format!("HYDRA-DEBUG={token}"), 0));
        assert!(is_in(
            &format!("a=b; HYDRA-DEBUG=x; HYDRA-DEBUG={token}; c=d"),
            59
        ));
        assert!(!is_in(&format!("HYDRA-DEBUG={token}"), 60));
        let (until, mark) = token.split_once('.').expect("two parts");
        let other = DebugKey::new("another private key").token(now(), Duration::from_secs(60));
        for wrong in [
            String::new(),
            ".".to_owned(),
            format!("{until}."),
            format!("{until}.{}", &mark[..MARK]),
            format!("{until}.{mark}0"),
            format!("9{until}.{mark}"),
            format!("99999999999999999999.{mark}"),
            format!("+{until}.{mark}"),
            other,
        ] {
            assert!(!is_in(&format!("HYDRA-DEBUG={wrong}"), 0), "{wrong}");
        }
        assert!(!is_in(&format!("HYDRA-DEBUGX={token}; XHYDRA-DEBUG={token}"), 0));
        let longest = key.token(now(), Duration::from_secs(u64::MAX));
        assert_eq!(key.left(&longest, now()), Some(MAX_DEBUG_LIFE.as_secs()));
    }

    #[test]
    fn a_link_sets_the_cookie_and_leads_to_the_page_without_the_token() {
        let key = DebugKey::new(KEY);
        let token = key.token(now(), Duration::from_secs(60));
        let visit = |uri: &str| {
            let uri: Uri = uri.replace("TOKEN", &token).parse().expect("a URI");
            let (location, cookie) = key.visit(&uri, now(), true)?;
            let text = |value: HeaderValue| value.to_str().expect("text").to_owned();
            Some((text(location), text(cookie)))
        };
        for (uri, expected) in [
            ("/?hydra-debug=TOKEN", "/"),
            ("/a/b?hydra-debug=TOKEN", "/a/b"),
            ("/a?x=1&hydra-debug=TOKEN&y=2", "/a?x=1&y=2"),
            ("//evil.example/?hydra-debug=TOKEN", "/evil.example/"),
            ("http://shop.example/a?hydra-debug=TOKEN", "/a"),
        ] {
            let (location, cookie) = visit(uri).expect("a visit");
            assert_eq!(location, expected, "{uri}");
            assert_eq!(
                cookie,
                format!("HYDRA-DEBUG={token}; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure")
            );
        }
        let (location, cookie) = visit("/a?hydra-debug=off").expect("a visit");
        assert!(
            location == "/a" && cookie.starts_with("HYDRA-DEBUG=; Path=/; Max-Age=0"),
            "{cookie}"
        );
        for uri in [
            "/",
            "/?a=1",
            "/?hydra-debug=",
            "/?hydra-debug=x",
            "/?hydra-debug",
            "/?xhydra-debug=TOKEN",
        ] {
            assert_eq!(visit(uri), None, "{uri}");
        }
    }

    #[test]
    fn developers_see_who_answered_and_each_fragment() {
        let record = RequestRecord::new(TraceContext::begin(1, 1, true), Instant::now(), true);
        record.answered_by(|| "my \"shop\"".into());
        record.served(|| Served {
            route: "/é/*".to_owned(),
            instance: "http://10.0.0.7:80#0 shop".to_owned(),
            version: "3".to_owned(),
            why: "moved_drain",
        });
        for number in 0..MAX_TIMED_FRAGMENTS + 2 {
            record.fragment(|| FragmentRecord {
                service: "orders".to_owned(),
                reference: format!("f{number}"),
                outcome: "late",
                time: Duration::from_micros(1_500),
            });
        }
        let mut headers = HeaderMap::new();
        tell(&mut headers, &record, Duration::from_millis(2), true);
        let text = |name| headers[name].to_str().expect("text");
        assert_eq!(
            text("hydra-served-by"),
            r#"service="my \"shop\""; instance="http://10.0.0.7:80#0 shop"; route="/?/*"; version="3"; why="moved_drain""#
        );
        let timing = text("server-timing");
        assert!(
            timing.starts_with(r#"head;dur=2.000, fragment;desc="orders/f0: late";dur=1.500, "#),
            "{timing}"
        );
        assert!(timing.ends_with(r#", more;desc="2 more fragments""#), "{timing}");
        assert_eq!(text("cache-control"), "private, no-store");
    }
}
