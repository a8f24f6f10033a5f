//! Who may change something on the operators' page: sessions that the operators' token opens, and requests that the page
//! itself made.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::VecDeque,
    fmt,
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use http::{
    HeaderMap,
    header::{HOST, ORIGIN},
};
use hydra_runtime_wire::signing::derived;

use crate::{
    edge::headers::{OPERATORS_COOKIE, cookies},
    limits::{MAX_ENDED_SESSIONS, OPERATORS_SESSION_SECS},
};

/// The sessions of operators in browsers. Their cookies contain nothing that leads back to the token.
pub(super) struct Sessions {
    key: hmac::Key,
    token: Vec<u8>,
    /// The ids of sessions that were ended before their time.
    ended: Mutex<VecDeque<String>>,
}

/// A session. It is valid on all gateways with the same token.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Session {
    /// When it ends, in seconds since 1970, and a random number: `1796000461.0123…`.
    id: String,
    /// What the forms of the session contain, so that no other page can send them.
    pub(super) form_key: String,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(…)")
    }
}

impl Sessions {
    /// The sessions that this token opens.
    pub(super) fn new(token: &str) -> Self {
        let key = derived(token.as_bytes(), "hydra operators");
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            token: token.as_bytes().to_vec(),
            ended: Mutex::default(),
        }
    }

    /// Whether this is the token. The time of the comparison says nothing about the token but its length.
    pub(super) fn is_token(&self, text: &str) -> bool {
        verify_slices_are_equal(text.as_bytes(), &self.token).is_ok()
    }

    /// Begins a session, and returns its cookie. `is_secure`: the browser came over https.
    pub(super) fn begin(&self, now: SystemTime, random: u128, is_secure: bool) -> String {
        let id = format!(
            "{}.{random:032x}",
            seconds(now).saturating_add(OPERATORS_SESSION_SECS)
        );
        let mark = self.mark("session", &id);
        let secure = if is_secure { "; Secure" } else { "" };
        format!(
            "{OPERATORS_COOKIE}={id}.{mark}; Path=/; Max-Age={OPERATORS_SESSION_SECS}; HttpOnly; SameSite=Strict{secure}"
        )
    }

    /// The session in the cookies of a request.
    pub(super) fn of(&self, headers: &HeaderMap, now: SystemTime) -> Option<Session> {
        cookies(headers, OPERATORS_COOKIE).find_map(|value| self.read(std::str::from_utf8(value).ok()?, now))
    }

    /// Ends a session, and returns the cookie that removes its own.
    pub(super) fn end(&self, session: Session) -> String {
        let mut ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        if ended.len() >= MAX_ENDED_SESSIONS {
            ended.pop_front();
        }
        ended.push_back(session.id);
        format!("{OPERATORS_COOKIE}=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict")
    }

    fn read(&self, value: &str, now: SystemTime) -> Option<Session> {
        let (id, mark) = value.rsplit_once('.')?;
        verify_slices_are_equal(mark.as_bytes(), self.mark("session", id).as_bytes()).ok()?;
        // The mark says that the rest is as it was written.
        let until: u64 = id.split_once('.')?.0.parse().ok()?;
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        (until > seconds(now) && !ended.iter().any(|one| one == id)).then(|| Session {
            form_key: self.mark("form", id),
            id: id.to_owned(),
        })
    }

    fn mark(&self, purpose: &str, id: &str) -> String {
        let tag = hmac::sign(&self.key, format!("{purpose} {id}").as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Session {
    /// Whether a form of this session has `key`.
    pub(super) fn is_form(&self, key: &str) -> bool {
        verify_slices_are_equal(key.as_bytes(), self.form_key.as_bytes()).is_ok()
    }
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

/// Whether a browser sent the request from a page of this very host and port. Browsers name the origin of each `POST`,
/// and where the connection allows it also whether it is that of the target (Fetch Metadata). A program that names
/// neither has no need of the page: there is the API.
pub(super) fn is_from_own_page(headers: &HeaderMap, authority: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    let site = text("sec-fetch-site");
    let host = authority.or_else(|| text(HOST.as_str())).unwrap_or_default();
    let of_host = |origin: &str| {
        let rest = origin
            .strip_prefix("http://")
            .or_else(|| origin.strip_prefix("https://"));
        rest.is_some_and(|rest| rest.eq_ignore_ascii_case(host))
    };
    let origin = text(ORIGIN.as_str());
    site.is_none_or(|site| site == "same-origin")
        && origin.is_none_or(of_host)
        && (site.is_some() || origin.is_some())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;

    use super::*;

    const TOKEN: &str = "the-token-of-the-operators";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn cookie(text: &str) -> HeaderMap {
        let pair = text.split(';').next().expect("a pair");
        HeaderMap::from_iter([(
            http::header::COOKIE,
            HeaderValue::from_str(pair).expect("a value"),
        )])
    }

    #[test]
    fn a_session_ends_by_itself_and_by_its_operator() {
        let sessions = Sessions::new(TOKEN);
        let set = sessions.begin(at(1_000), 7, false);
        assert!(
            set.contains("HttpOnly") && set.contains("SameSite=Strict") && !set.contains(TOKEN),
            "{set}"
        );
        assert!(!set.contains("Secure") && sessions.begin(at(1_000), 7, true).ends_with("; Secure"));
        let headers = cookie(&set);
        let session = sessions.of(&headers, at(1_000)).expect("a session");
        assert!(session.is_form(&session.form_key.clone()) && !session.is_form("") && !session.is_form("x"));
        assert!(
            sessions
                .of(&headers, at(1_000 + OPERATORS_SESSION_SECS - 1))
                .is_some()
        );
        assert!(
            sessions
                .of(&headers, at(1_000 + OPERATORS_SESSION_SECS))
                .is_none()
        );
        // Another gateway with the same token knows it, and one with another token does not.
        assert_eq!(
            Sessions::new(TOKEN).of(&headers, at(1_000)),
            Some(session.clone())
        );
        assert!(
            Sessions::new("the-token-of-other-operators")
                .of(&headers, at(1_000))
                .is_none()
        );
        let other = sessions
            .of(&cookie(&sessions.begin(at(1_000), 8, false)), at(1_000))
            .expect("another one");
        assert_ne!(other.form_key, session.form_key);
        let removed = sessions.end(session);
        assert!(removed.contains("Max-Age=0"), "{removed}");
        assert!(sessions.of(&headers, at(1_000)).is_none());
    }

    #[test]
    fn forged_cookies_open_no_session() {
        let sessions = Sessions::new(TOKEN);
        let good = sessions.begin(at(0), 7, false);
        let pair = good.split(';').next().expect("a pair");
        let (name, value) = pair.split_once('=').expect("a value");
        let mark = value.rsplit('.').next().expect("a mark");
        let later = format!("99999999999.{:032x}.{mark}", 7);
        for wrong in [
            "",
            ".",
            "..",
            mark,
            TOKEN,
            &later,
            &value[..value.len() - 1],
            &format!("{value}0"),
        ] {
            assert!(
                sessions.of(&cookie(&format!("{name}={wrong}")), at(0)).is_none(),
                "{wrong}"
            );
        }
        let form = sessions.of(&cookie(&good), at(0)).expect("a session").form_key;
        let id = value.rsplit_once('.').expect("an id").0;
        assert!(
            sessions
                .of(&cookie(&format!("{name}={id}.{form}")), at(0))
                .is_none()
        );
    }

    #[test]
    fn many_ended_sessions_take_little() {
        let sessions = Sessions::new(TOKEN);
        for random in 0..2 * MAX_ENDED_SESSIONS as u128 {
            let session = sessions
                .of(&cookie(&sessions.begin(at(0), random, false)), at(0))
                .expect("a session");
            let _ = sessions.end(session);
        }
        assert_eq!(
            sessions.ended.lock().expect("not poisoned").len(),
            MAX_ENDED_SESSIONS
        );
    }

    #[test]
    fn only_the_page_itself_may_send_forms() {
        for (site, origin, host, expected) in [
            (
                Some("same-origin"),
                Some("http://127.0.0.1:8082"),
                "127.0.0.1:8082",
                true,
            ),
            (Some("same-origin"), None, "127.0.0.1:8082", true),
            (None, Some("http://127.0.0.1:8082"), "127.0.0.1:8082", true),
            (None, Some("https://Ops.internal"), "ops.internal", true),
            (None, Some("http://[::1]:8082"), "[::1]:8082", true),
            (None, None, "127.0.0.1:8082", false),
            (
                Some("same-site"),
                Some("http://127.0.0.1:9000"),
                "127.0.0.1:8082",
                false,
            ),
            (
                Some("same-site"),
                Some("http://127.0.0.1:8082"),
                "127.0.0.1:8082",
                false,
            ),
            (
                Some("cross-site"),
                Some("http://127.0.0.1:8082"),
                "127.0.0.1:8082",
                false,
            ),
            (Some("none"), None, "127.0.0.1:8082", false),
            (
                Some("same-origin"),
                Some("http://evil.example"),
                "127.0.0.1:8082",
                false,
            ),
            (None, Some("http://127.0.0.1:8083"), "127.0.0.1:8082", false),
            (None, Some("http://127.0.0.1"), "127.0.0.1:8082", false),
            (None, Some("http://evil.example"), "127.0.0.1:8082", false),
            (
                None,
                Some("http://127.0.0.1:8082.evil.example"),
                "127.0.0.1:8082",
                false,
            ),
            (None, Some("null"), "127.0.0.1:8082", false),
            (None, Some(""), "", false),
            (None, Some("\u{e9}"), "127.0.0.1:8082", false),
        ] {
            let mut headers = HeaderMap::new();
            let mut put = |name: &'static str, value: Option<&str>| {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_bytes(value.as_bytes()).expect("a value"));
                }
            };
            put("sec-fetch-site", site);
            put("origin", origin);
            put("host", Some(host));
            assert_eq!(
                is_from_own_page(&headers, None),
                expected,
                "{site:?} {origin:?} {host}"
            );
        }
    }
}
