//! Which `Host` requests to a service have (RFC 9110 section 7.2).
#![deny(clippy::disallowed_methods)]

use std::str::FromStr;

use http::HeaderValue;
use hydra_runtime_net::server::authority::is_host;
use serde::{Deserialize, Deserializer, de::Error as _};

/// The `Host` of each request to a service: for an endpoint, a WebSocket or a fragment. In `hydra.toml`: `"visitor"`,
/// `"own"` or a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostHeader {
    /// The host that the visitor requested. Requests without a visitor have the service's own.
    Visitor,
    /// The host of the service's URL, with its port unless that is the default of its scheme.
    Own,
    /// A fixed host.
    Named(HostName),
}

/// A name or an IP address, with or without a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostName(HeaderValue);

/// A text that is not a valid `host` setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`host` must be \"visitor\", \"own\", or a host in ASCII with or without a port, like \"some.name:8443\" or \"[::1]\""
)]
pub struct BadHostHeader;

impl FromStr for HostHeader {
    type Err = BadHostHeader;

    fn from_str(text: &str) -> Result<Self, BadHostHeader> {
        match text {
            "visitor" => return Ok(Self::Visitor),
            "own" => return Ok(Self::Own),
            _ => {}
        }
        let is_keyword = ["visitor", "own"]
            .iter()
            .any(|word| text.eq_ignore_ascii_case(word));
        if is_keyword || !is_host(text.as_bytes()) {
            return Err(BadHostHeader);
        }
        let name = HeaderValue::from_str(text).map_err(|_| BadHostHeader)?;
        Ok(Self::Named(HostName(name)))
    }
}

impl<'de> Deserialize<'de> for HostHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

/// A [`HostHeader`] applied to one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HostRule {
    /// The host if the visitor's is not used, or if there is no visitor.
    fixed: HeaderValue,
    is_visitors: bool,
}

impl HostRule {
    /// The rule for the service whose own host is `own`.
    pub(crate) fn new(header: &HostHeader, own: HeaderValue) -> Self {
        match header {
            HostHeader::Visitor => Self::visitors(own),
            HostHeader::Own => Self {
                fixed: own,
                is_visitors: false,
            },
            HostHeader::Named(HostName(name)) => Self {
                fixed: name.clone(),
                is_visitors: false,
            },
        }
    }

    /// The visitor's host, or `own` if there is no visitor.
    pub(crate) fn visitors(own: HeaderValue) -> Self {
        Self {
            fixed: own,
            is_visitors: true,
        }
    }

    /// Whether the visitor's host reaches the service.
    pub(crate) fn is_visitors(&self) -> bool {
        self.is_visitors
    }

    /// The `Host` of a request for a visitor who requested the host `visitors`.
    pub(crate) fn of<'a>(&'a self, visitors: Option<&'a HeaderValue>) -> &'a HeaderValue {
        visitors.filter(|_| self.is_visitors).unwrap_or(&self.fixed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_of_two_words_or_a_host() {
        for (text, visitors, expected) in [
            ("visitor", Some("site.test"), "site.test"),
            ("visitor", None, "own.test:9000"),
            ("own", Some("site.test"), "own.test:9000"),
            ("own", None, "own.test:9000"),
            ("some.name", Some("site.test"), "some.name"),
            ("some.name:8443", None, "some.name:8443"),
            ("[::1]:9000", Some("site.test"), "[::1]:9000"),
            ("[2001:db8::1]", None, "[2001:db8::1]"),
            ("192.0.2.1", None, "192.0.2.1"),
            ("my_name", None, "my_name"),
        ] {
            let header: HostHeader = text.parse().expect(text);
            let rule = HostRule::new(&header, HeaderValue::from_static("own.test:9000"));
            let visitors = visitors.map(HeaderValue::from_static);
            assert_eq!(rule.of(visitors.as_ref()), expected, "{text}");
        }
    }

    #[test]
    fn other_values_are_refused() {
        for text in [
            "",
            " ",
            "Visitor",
            "OWN",
            "https://some.name",
            "some.name/",
            "some name",
            "some.name\r\nx: y",
            "some.name:99999",
            "user@some.name",
            "::1",
            "[::1",
            "[some.name]",
            "*.some.name",
            "a.test, b.test",
            "bücher.test",
            ":9000",
        ] {
            assert_eq!(text.parse::<HostHeader>(), Err(BadHostHeader), "{text:?}");
        }
    }
}
