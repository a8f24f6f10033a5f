//! Sessions of operators in browsers: those that the operators' token opens, and logins of users with the role; and requests that
//! the page itself made.
#![deny(clippy::disallowed_methods)]

use std::{fmt, sync::Arc, time::SystemTime};

use aws_lc_rs::{constant_time::verify_slices_are_equal, hmac};
use http::{
    HeaderMap,
    header::{HOST, ORIGIN},
};
use hydra_runtime_wire::{
    login::Login,
    signing::{derived, seconds},
};

use crate::{edge::headers::OPERATORS_COOKIE, limits::OPERATORS_SESSION_SECS};

/// The sessions of operators in browsers. Their cookies contain nothing that leads back to the token.
pub(super) struct Sessions {
    key: hmac::Key,
    /// `None`: no token opens a session.
    token: Option<Vec<u8>>,
}

/// A session. It is valid on all gateways with the same token, or with the same login keys.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Session {
    kind: Kind,
    /// What the forms of the session contain, so that no other page can send them.
    pub(crate) form_key: String,
}

#[derive(Clone, PartialEq, Eq)]
enum Kind {
    /// The token opened it.
    Token {
        /// When it ends, in seconds since 1970, and a random number: `1796000461.0123…`.
        id: String,
        until: u64,
    },
    /// A user with the role logged in.
    Login(Arc<Login>),
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Session(…)")
    }
}

impl Sessions {
    /// The sessions that this token opens. `secret` marks sessions and their forms: that of gateways which know each other's.
    pub(super) fn new(token: Option<&str>, secret: &[u8]) -> Self {
        let key = derived(secret, "hydra operators");
        Self {
            key: hmac::Key::new(hmac::HMAC_SHA256, key.as_ref()),
            token: token.map(|token| token.as_bytes().to_vec()),
        }
    }

    pub(super) fn has_token(&self) -> bool {
        self.token.is_some()
    }

    /// Whether this is the token. The time of the comparison says nothing about the token but its length.
    pub(super) fn is_token(&self, text: &str) -> bool {
        let token = self.token.as_ref();
        token.is_some_and(|token| verify_slices_are_equal(text.as_bytes(), token).is_ok())
    }

    /// Begins a session, and returns its cookie. `is_secure`: the browser came over https.
    pub(super) fn begin(&self, now: SystemTime, random: u128, is_secure: bool) -> String {
        let id = format!(
            "{}.{random:032x}",
            seconds(now).saturating_add(OPERATORS_SESSION_SECS)
        );
        let mark = self.mark("session", &id);
        cookie(&format!("{id}.{mark}"), OPERATORS_SESSION_SECS, is_secure)
    }

    /// The session that the token opened and whose cookie has this value.
    pub(super) fn read(&self, value: &str, now: SystemTime) -> Option<Session> {
        let (id, mark) = value.rsplit_once('.')?;
        verify_slices_are_equal(mark.as_bytes(), self.mark("session", id).as_bytes()).ok()?;
        // The mark says that the rest is as it was written.
        let until: u64 = id.split_once('.')?.0.parse().ok()?;
        (self.has_token() && until > seconds(now)).then(|| Session {
            form_key: self.mark("form", id),
            kind: Kind::Token {
                id: id.to_owned(),
                until,
            },
        })
    }

    /// The session of a user who logged in.
    pub(super) fn of_login(&self, login: Arc<Login>) -> Session {
        Session {
            form_key: self.mark("form of login", &login.sid),
            kind: Kind::Login(login),
        }
    }

    fn mark(&self, purpose: &str, id: &str) -> String {
        let tag = hmac::sign(&self.key, format!("{purpose} {id}").as_bytes());
        tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Session {
    /// Whether a form of this session has `key`.
    pub(crate) fn is_form(&self, key: &str) -> bool {
        verify_slices_are_equal(key.as_bytes(), self.form_key.as_bytes()).is_ok()
    }

    pub(super) fn id(&self) -> &str {
        match &self.kind {
            Kind::Token { id, .. } => id,
            Kind::Login(login) => &login.sid,
        }
    }

    /// When it ends by itself, in seconds since 1970.
    pub(super) fn until(&self) -> u64 {
        match &self.kind {
            Kind::Token { until, .. } => *until,
            Kind::Login(login) => login.expires,
        }
    }

    /// The login of the user. `None`: the token opened the session.
    pub(super) fn login(&self) -> Option<&Login> {
        match &self.kind {
            Kind::Token { .. } => None,
            Kind::Login(login) => Some(login),
        }
    }
}

/// The cookie of a session, which lives `life` seconds.
pub(super) fn cookie(value: &str, life: u64, is_secure: bool) -> String {
    let secure = if is_secure { "; Secure" } else { "" };
    format!("{OPERATORS_COOKIE}={value}; Path=/; Max-Age={life}; HttpOnly; SameSite=Strict{secure}")
}

/// Whether a browser sent the request from a page of this very host and port. Browsers name the origin of each `POST`,
/// and where the connection allows it also whether it is that of the target (Fetch Metadata). A program that names
/// neither has no need of the page: there is the API.
pub(crate) fn is_from_own_page(headers: &HeaderMap, authority: Option<&str>) -> bool {
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
    use std::time::{Duration, UNIX_EPOCH};

    use http::HeaderValue;

    use super::*;

    const TOKEN: &str = "the-token-of-the-operators";

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn sessions(token: &str) -> Sessions {
        Sessions::new(Some(token), token.as_bytes())
    }

    /// The value of a cookie that is set.
    fn value(text: &str) -> &str {
        let pair = text.split(';').next().expect("a pair");
        pair.split_once('=').expect("a value").1
    }

    #[test]
    fn a_session_of_the_token_ends_by_itself() {
        let own = sessions(TOKEN);
        let set = own.begin(at(1_000), 7, false);
        assert!(
            set.contains("HttpOnly") && set.contains("SameSite=Strict") && !set.contains(TOKEN),
            "{set}"
        );
        assert!(!set.contains("Secure") && own.begin(at(1_000), 7, true).ends_with("; Secure"));
        let set = value(&set);
        let session = own.read(set, at(1_000)).expect("a session");
        assert!(session.is_form(&session.form_key.clone()) && !session.is_form("") && !session.is_form("x"));
        assert!(own.read(set, at(1_000 + OPERATORS_SESSION_SECS - 1)).is_some());
        assert!(own.read(set, at(1_000 + OPERATORS_SESSION_SECS)).is_none());
        // Another gateway with the same token knows it, and one with another token or without one does not.
        assert_eq!(sessions(TOKEN).read(set, at(1_000)), Some(session.clone()));
        assert!(
            sessions("the-token-of-other-operators")
                .read(set, at(1_000))
                .is_none()
        );
        assert!(
            Sessions::new(None, TOKEN.as_bytes())
                .read(set, at(1_000))
                .is_none()
        );
        let other = own.begin(at(1_000), 8, false);
        let other = own.read(value(&other), at(1_000)).expect("another one");
        assert_ne!(other.form_key, session.form_key);
        assert!(Sessions::new(None, TOKEN.as_bytes()).is_token(TOKEN).eq(&false) && own.is_token(TOKEN));
    }

    #[test]
    fn forged_cookies_open_no_session() {
        let sessions = sessions(TOKEN);
        let good = sessions.begin(at(0), 7, false);
        let value = value(&good);
        let mark = value.rsplit('.').next().expect("a mark");
        let later = format!("99999999999.{:032x}.{mark}", 7);
        let form = sessions.read(value, at(0)).expect("a session").form_key;
        let id = value.rsplit_once('.').expect("an id").0;
        for wrong in [
            "",
            ".",
            "..",
            mark,
            TOKEN,
            &later,
            &value[..value.len() - 1],
            &format!("{value}0"),
            &format!("{id}.{form}"),
        ] {
            assert!(sessions.read(wrong, at(0)).is_none(), "{wrong}");
        }
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
