//! The cookies that are passed on to the owners of fragments. Other cookies stay with the service that set them.
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, HeaderValue, header::COOKIE};

/// The prefix of Hydra's own cookies.
pub const OURS: &str = "HYDRA-";
/// The cookie with the login.
const LOGIN: &str = "HYDRA-SSO";
/// The cookie that keeps a visitor on one set of versions.
pub const VERSION: &str = "HYDRA-VERSION";
/// The prefix of the cookies that keep a visitor with one instance of a service. They end at the gateway.
pub const PIN_PREFIX: &str = "HYDRA-AT-";
/// The cookie with the previews of a visitor.
pub const PREVIEW: &str = "HYDRA-PREVIEW";
/// The cookies that go to services of protocol 2. Services of protocol 1 do not know what a login is, and could use
/// it against others.
const TRAVELLING: [&str; 3] = [LOGIN, VERSION, PREVIEW];

/// The cookies of a visitor's headers that go along with a request for fragments.
pub fn travelling(headers: &HeaderMap) -> Option<HeaderValue> {
    kept(headers, &TRAVELLING)
}

/// The login of a visitor, for which addresses of lazy fragments are sealed.
pub fn login(headers: &HeaderMap) -> Option<HeaderValue> {
    kept(headers, &[LOGIN])
}

/// The login tokens of a visitor. There is more than one if cookies of several paths have the name.
pub fn login_tokens(headers: &HeaderMap) -> impl Iterator<Item = &str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().strip_prefix(LOGIN)?.strip_prefix('='))
}

/// The cookies with these names.
fn kept(headers: &HeaderMap, names: &[&str]) -> Option<HeaderValue> {
    let kept: Vec<&str> = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .map(str::trim)
        .filter(|pair| {
            pair.split_once('=')
                .is_some_and(|(name, _)| names.contains(&name))
        })
        .collect();
    if kept.is_empty() {
        None
    } else {
        HeaderValue::try_from(kept.join("; ")).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_login_the_versions_and_the_previews_travel() {
        let mut headers = HeaderMap::new();
        for text in [
            "theme=dark; HYDRA-SSO=abc; HYDRA-SESSION=1; HYDRA-OTHER=2",
            "x=HYDRA-SSO=1; HYDRA-VERSION=7; HYDRA-PREVIEW=8; HYDRA-SSO",
        ] {
            headers.append(COOKIE, HeaderValue::from_static(text));
        }
        assert_eq!(login_tokens(&headers).collect::<Vec<_>>(), ["abc"]);
        headers.append("authorization", HeaderValue::from_static("secret"));
        let expected = HeaderValue::from_static("HYDRA-SSO=abc; HYDRA-VERSION=7; HYDRA-PREVIEW=8");
        assert_eq!(travelling(&headers), Some(expected));
        assert_eq!(travelling(&HeaderMap::new()), None);
    }
}
