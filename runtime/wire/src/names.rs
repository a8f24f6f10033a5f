//! Checks the names of services and the hosts of instances.
#![deny(clippy::disallowed_methods)]

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

pub use hydra_contract::service_name::BadName;

use crate::limits::{MAX_HOST_NAME_BYTES, MAX_PUBLIC_KEY_BYTES, MAX_VERSION_NAME_BYTES};

/// A service's name. It can be one segment of a path, and looks like no other name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServiceName(Arc<str>);

impl ServiceName {
    /// Checks a name. ASCII and the accented Latin letters are allowed: letters of other alphabets can look like
    /// them.
    pub fn try_new(name: &str) -> Result<Self, BadName> {
        hydra_contract::service_name::check(name)?;
        Ok(Self(name.into()))
    }

    /// The name as text that is cheap to clone.
    pub fn shared(&self) -> Arc<str> {
        Arc::clone(&self.0)
    }
}

/// Whether a text can be an installation's public key, which is one segment of a path.
pub fn is_public_key(key: &str) -> bool {
    (1..=MAX_PUBLIC_KEY_BYTES).contains(&key.len())
        && !matches!(key, "." | "..")
        && key
            .chars()
            .all(|c| !c.is_control() && !c.is_whitespace() && c != '/')
}

/// Whether a text can be the name of a version, such as `2.4.1`, `2.5.0-rc1` or a commit: 1 to 64 ASCII letters, digits
/// and `.`, `_`, `+`, `-`, of which the first is a letter or a digit.
pub fn is_version_name(name: &str) -> bool {
    name.len() <= MAX_VERSION_NAME_BYTES
        && name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'-'))
}

impl std::ops::Deref for ServiceName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl std::borrow::Borrow<str> for ServiceName {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ServiceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why a host is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadHost {
    /// The host is missing.
    #[error("`host` is missing or empty")]
    Missing,
    /// The host is neither an address nor a name.
    #[error("`host` is neither an IP address nor a host name")]
    NotAHost,
    /// The host is an address of this kind, which the operator has not allowed.
    #[error("the host is {0}; the gateway calls such an address only if `allow_hosts` names it")]
    Forbidden(&'static str),
}

/// Checks the host of a service, and normalizes its spelling. `allowed` contains the hosts that the operator allows
/// in spite of the rules.
pub fn host(text: &str, allowed: &[String]) -> Result<String, BadHost> {
    let text = text.trim();
    if text.is_empty() {
        return Err(BadHost::Missing);
    }
    let bare = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    let host = bare.to_ascii_lowercase();
    let is_allowed = allowed.iter().any(|one| one.eq_ignore_ascii_case(&host));
    if let Ok(ip) = host.parse::<IpAddr>() {
        return match forbidden_address(ip) {
            Some(kind) if !is_allowed => Err(BadHost::Forbidden(kind)),
            _ => Ok(ip.to_canonical().to_string()),
        };
    }
    let is_name = host.len() <= MAX_HOST_NAME_BYTES
        && !host.starts_with(['-', '.'])
        && host
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_'));
    if !is_name {
        return Err(BadHost::NotAHost);
    }
    let is_metadata = matches!(
        host.trim_end_matches('.'),
        "metadata" | "metadata.google.internal" | "instance-data"
    );
    if is_metadata && !is_allowed {
        return Err(BadHost::Forbidden("a cloud's metadata service"));
    }
    Ok(host)
}

/// Returns what kind of forbidden address `ip` is, if it is one. Names are checked here again once they are resolved.
pub fn forbidden_address(ip: IpAddr) -> Option<&'static str> {
    match ip.to_canonical() {
        IpAddr::V4(ip) if ip == Ipv4Addr::new(169, 254, 169, 254) => Some("a cloud's metadata service"),
        IpAddr::V4(ip) if ip.is_link_local() => Some("link-local"),
        IpAddr::V4(ip) if ip == Ipv4Addr::new(100, 100, 100, 200) => Some("a cloud's metadata service"),
        IpAddr::V4(ip) if ip.octets()[0] == 0 => Some("unspecified"),
        IpAddr::V4(ip) if ip.is_broadcast() => Some("a broadcast address"),
        IpAddr::V6(ip) if ip == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254) => {
            Some("a cloud's metadata service")
        }
        IpAddr::V6(ip) if ip.is_unicast_link_local() => Some("link-local"),
        ip if ip.is_unspecified() => Some("unspecified"),
        ip if ip.is_multicast() => Some("a multicast address"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names() {
        for name in [
            "sample-impl",
            "orderService",
            "my service",
            "café",
            "a.b~c_1",
            "$x",
            "h",
        ] {
            assert_eq!(ServiceName::try_new(name).as_deref(), Ok(name));
        }
    }

    #[test]
    fn bad_names() {
        let long = "x".repeat(1 << 20);
        for (name, expected) in [
            ("", BadName::Missing),
            ("  ", BadName::Missing),
            (long.as_str(), BadName::TooLong),
            ("a/b", BadName::Character('/')),
            ("a\nb", BadName::Character('\n')),
            ("\u{7f}", BadName::Character('\u{7f}')),
            ("оrders", BadName::Character('о')),
            ("orde\u{200b}rs", BadName::Character('\u{200b}')),
            ("ﬁle", BadName::Character('ﬁ')),
            ("e\u{301}", BadName::Character('\u{301}')),
            ("{a}", BadName::Character('{')),
            (" a", BadName::OuterSpace),
            ("..", BadName::Reserved),
            ("self", BadName::Reserved),
        ] {
            assert_eq!(ServiceName::try_new(name), Err(expected));
        }
    }

    #[test]
    fn hosts() {
        for (text, expected) in [
            ("10.1.2.3", "10.1.2.3"),
            ("127.0.1.1", "127.0.1.1"),
            ("[::1]", "::1"),
            ("::ffff:10.0.0.1", "10.0.0.1"),
            ("Orders.Internal", "orders.internal"),
            ("my_host-1", "my_host-1"),
        ] {
            assert_eq!(host(text, &[]).as_deref(), Ok(expected));
        }
        for text in [
            "a b",
            "http://x",
            "x/y",
            "x:80",
            "-x",
            "ex\u{e4}mple",
            "[::1",
            &"x".repeat(300),
        ] {
            assert_eq!(host(text, &[]), Err(BadHost::NotAHost), "{text}");
        }
        assert_eq!(host(" ", &[]), Err(BadHost::Missing));
    }

    #[test]
    fn forbidden_hosts_need_an_exception() {
        for text in [
            "169.254.169.254",
            "::ffff:169.254.169.254",
            "169.254.1.1",
            "fe80::1",
            "0.0.0.0",
            "0.1.2.3",
            "::",
            "224.0.0.1",
            "ff02::1",
            "255.255.255.255",
            "fd00:ec2::254",
            "metadata.google.internal",
        ] {
            assert!(matches!(host(text, &[]), Err(BadHost::Forbidden(_))), "{text}");
            assert!(host(text, &[text.to_uppercase()]).is_ok(), "{text}");
        }
    }
}
