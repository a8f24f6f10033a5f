//! What other code binds to a login: it stays the same when the token is renewed.
#![deny(clippy::disallowed_methods)]

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{HeaderMap, HeaderValue};
use serde::Deserialize;

use crate::cookies;

#[derive(Deserialize)]
struct WithSid {
    sid: String,
}

/// The login of a visitor's cookies, as a text to bind something to: the ids of the logins, or the whole cookies where a
/// token has no id. `None`: there is no login.
///
/// The token is not verified. Its id is as secret as the token, so that strangers can't name it.
#[must_use]
pub fn binding(headers: &HeaderMap) -> Option<HeaderValue> {
    let cookies = cookies::login(headers)?;
    let text = cookies.to_str().ok()?;
    let parts: Vec<String> = text
        .split("; ")
        .map(
            |pair| match pair.split_once('=').and_then(|(_, token)| sid(token)) {
                Some(sid) => format!("sid={sid}"),
                None => pair.to_owned(),
            },
        )
        .collect();
    let mut value = HeaderValue::try_from(parts.join("; ")).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn sid(token: &str) -> Option<String> {
    let payload = token.split('.').nth(1)?;
    let payload = BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?;
    let WithSid { sid } = serde_json::from_slice(&payload).ok()?;
    let is_plain = !sid.is_empty()
        && sid.len() <= 64
        && sid
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_plain.then_some(sid)
}

#[cfg(test)]
mod tests {
    use http::header::COOKIE;

    use super::*;

    fn token(payload: &str, signature: &str) -> String {
        format!("e30.{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(payload))
    }

    fn of(cookie: &str) -> Option<String> {
        let value = HeaderValue::from_str(cookie).expect("a header");
        let bound = binding(&HeaderMap::from_iter([(COOKIE, value)]))?;
        Some(bound.to_str().expect("ASCII").to_owned())
    }

    #[test]
    fn a_renewed_token_is_the_same_login() {
        let (before, after) = (
            token(r#"{"sid":"s-1","exp":1}"#, "a"),
            token(r#"{"sid":"s-1","exp":2}"#, "b"),
        );
        let other = token(r#"{"sid":"s-2","exp":2}"#, "b");
        let cookie = |token: &str| of(&format!("a=b; HYDRA-SSO={token}; HYDRA-VERSION=1"));
        assert_eq!(cookie(&before), Some("sid=s-1".to_owned()));
        assert_eq!(cookie(&before), cookie(&after));
        assert_ne!(cookie(&before), cookie(&other));
        assert_eq!(of("a=b"), None);
    }

    #[test]
    fn a_token_without_an_id_is_bound_as_a_whole() {
        for token in [
            "ann".to_owned(),
            "a.b.c".to_owned(),
            token(r#"{"exp":1}"#, "a"),
            token(r#"{"sid":7}"#, "a"),
            token(r#"{"sid":""}"#, "a"),
            token(r#"{"sid":"a; sid=b"}"#, "a"),
            token(&format!(r#"{{"sid":"{}"}}"#, "x".repeat(65)), "a"),
        ] {
            let whole = format!("HYDRA-SSO={token}");
            assert_eq!(of(&whole), Some(whole.clone()), "{token}");
        }
    }
}
