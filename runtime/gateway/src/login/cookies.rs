//! The cookies that a login sets and ends.
#![deny(clippy::disallowed_methods)]

use http::HeaderValue;

/// The cookie with the login.
pub(crate) const LOGIN: &str = "HYDRA-SSO";

/// Sets the login for `life` seconds: it ends when its token ends.
pub(super) fn set(token: &str, life: u64, is_secure: bool) -> Option<HeaderValue> {
    let secure = secure(is_secure);
    let cookie = format!("{LOGIN}={token}; Path=/; Max-Age={life}; HttpOnly; SameSite=Lax{secure}");
    let mut value = HeaderValue::try_from(cookie).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// Ends a cookie.
pub(super) fn end(name: &str, is_secure: bool) -> Option<HeaderValue> {
    let secure = secure(is_secure);
    HeaderValue::try_from(format!(
        "{name}=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax{secure}"
    ))
    .ok()
}

/// The cookie with the visitor's sessions, which end with the login: no visitor continues the session of another user, or
/// prepares a session for a user (session fixation).
pub(super) use hydra_runtime_wire::cookies::SESSION;

fn secure(is_secure: bool) -> &'static str {
    if is_secure { "; Secure" } else { "" }
}

/// Whether a cookie that browsers keep for servers is sent over https only. Over http it is not, if the settings allow that, or if the site is
/// on this machine.
pub(crate) fn is_secure(scheme: &str, host: Option<&HeaderValue>, may_be_plain: bool) -> bool {
    scheme == "https" || !(may_be_plain || host.is_some_and(is_this_machine))
}

fn is_this_machine(host: &HeaderValue) -> bool {
    let Ok(host) = host.to_str() else { return false };
    let Ok(authority) = host.parse::<http::uri::Authority>() else {
        return false;
    };
    let name = authority.host().trim_matches(['[', ']']);
    let is_loopback = name
        .parse::<std::net::IpAddr>()
        .is_ok_and(|ip| ip.to_canonical().is_loopback());
    is_loopback || name.eq_ignore_ascii_case("localhost")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_travels_over_https_only_unless_the_site_has_none() {
        for (scheme, host, may_be_plain, expected) in [
            ("https", "shop.example", false, true),
            ("https", "shop.example", true, true),
            ("https", "localhost", false, true),
            ("http", "shop.example", false, true),
            ("http", "shop.example", true, false),
            ("http", "127.0.0.1:8081", false, false),
            ("http", "[::1]:8081", false, false),
            ("http", "LocalHost:8081", false, false),
            ("http", "localhost.evil.example", false, true),
            ("http", "127.0.0.1.evil.example", false, true),
        ] {
            let value = HeaderValue::from_static(host);
            let secure = is_secure(scheme, Some(&value), may_be_plain);
            assert_eq!(secure, expected, "{scheme} {host}");
        }
        assert!(is_secure("http", None, false));
    }

    #[test]
    fn what_a_cookie_says() {
        let text = |value: Option<HeaderValue>| value.expect("a header").to_str().expect("ASCII").to_owned();
        assert_eq!(
            text(set("a.b.c", 1_800, true)),
            "HYDRA-SSO=a.b.c; Path=/; Max-Age=1800; HttpOnly; SameSite=Lax; Secure"
        );
        assert_eq!(
            text(end(SESSION, false)),
            "HYDRA-SESSION=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax"
        );
        assert!(format!("{:?}", set("a.b.c", 1, true)).contains("Sensitive"));
    }
}
