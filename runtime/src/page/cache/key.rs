//! The key of a request: everything that reaches the owner and may change its answer.
#![deny(clippy::disallowed_methods)]

use std::{fmt::Write, sync::Arc};

use http::header::COOKIE;
use hydra_runtime_net::fragment_source::Caller;
use hydra_runtime_wire::{Attributes, cookies};
use serde_json::Value;

use crate::{limits::MAX_VERSIONS_COOKIE_BYTES, page::plan::cache_policy::CachePolicy};

/// A request for a fragment, for a visitor whom its owner does not know.
#[derive(Debug)]
pub(crate) struct CacheQuery<'a> {
    /// Empty: this service.
    pub(crate) service: &'a str,
    pub(crate) reference: &'a str,
    pub(crate) imports: &'a Attributes,
    /// The exports that the page wants, under the fragment's names.
    pub(crate) exports: &'a [Arc<str>],
    pub(crate) audience: Audience<'a>,
    pub(crate) policy: CachePolicy,
}

/// The visitors whom the owner of a fragment can't tell from each other. They are on one set of versions and, where the
/// host may reach the owner, use one host.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Audience<'a> {
    versions: &'a str,
    host: &'a str,
}

impl<'a> Audience<'a> {
    /// The audience that `caller` belongs to. `None`: the headers identify the visitor, or may do so.
    pub(crate) fn of(caller: &'a Caller) -> Option<Self> {
        let host = match &caller.host {
            Some(host) => host.to_str().ok()?,
            None => "",
        };
        let mut versions = None;
        for (name, value) in &caller.headers {
            if name != COOKIE {
                return None;
            }
            for cookie in value.to_str().ok()?.split(';').map(str::trim) {
                let (name, value) = cookie.split_once('=').unwrap_or((cookie, ""));
                // Of two such cookies, another service may read either.
                if name == cookies::VERSION && versions.is_none() && value.len() <= MAX_VERSIONS_COOKIE_BYTES
                {
                    versions = Some(value);
                } else if name.starts_with(cookies::OURS) {
                    return None;
                }
                // Other cookies reach no service.
            }
        }
        Some(Self {
            versions: versions.unwrap_or_default(),
            host,
        })
    }
}

impl CacheQuery<'_> {
    /// The key: a text that does not depend on the order of members and exports.
    pub(super) fn key(&self) -> String {
        let mut exports: Vec<&str> = self.exports.iter().map(|name| &**name).collect();
        exports.sort_unstable();
        let mut key = String::with_capacity(128);
        write_list(
            &mut key,
            [
                self.service,
                self.reference,
                self.audience.versions,
                self.audience.host,
            ]
            .into_iter()
            .chain(exports),
        );
        write_members(&mut key, self.imports);
        key
    }
}

fn write_list<'a>(out: &mut String, texts: impl Iterator<Item = &'a str>) {
    for text in texts {
        write_text(out, text);
        out.push(',');
    }
}

/// Writes the members sorted, because their order in a map is not the same in all builds.
fn write_members(out: &mut String, members: &Attributes) {
    let mut sorted: Vec<_> = members.iter().collect();
    sorted.sort_unstable_by_key(|(name, _)| *name);
    out.push('{');
    for (name, value) in sorted {
        write_text(out, name);
        out.push(':');
        write_value(out, value);
        out.push(',');
    }
    out.push('}');
}

fn write_value(out: &mut String, value: &Value) {
    match value {
        Value::String(text) => write_text(out, text),
        Value::Object(members) => write_members(out, members),
        Value::Array(items) => {
            out.push('[');
            for item in items {
                write_value(out, item);
                out.push(',');
            }
            out.push(']');
        }
        // Writing to a text never fails.
        plain => _ = write!(out, "{plain}"),
    }
}

/// Writes a text after its length, so that no text can be taken for a part of another.
fn write_text(out: &mut String, text: &str) {
    _ = write!(out, "{}\"{text}", text.len());
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, HeaderValue};
    use serde_json::json;

    use super::*;

    fn caller(headers: HeaderMap) -> Caller {
        Caller {
            headers,
            ..Caller::default()
        }
    }

    fn with(cookies: &str) -> Option<String> {
        let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(cookies).unwrap())]);
        Audience::of(&caller(headers)).map(|audience| audience.versions.to_owned())
    }

    #[test]
    fn who_is_logged_in_is_not_everybody() {
        assert_eq!(with("HYDRA-SSO=x"), None);
        assert_eq!(with("theme=dark; HYDRA-SSO=x; HYDRA-VERSION=a"), None);
        assert_eq!(with("HYDRA-SESSION=1"), None);
        assert_eq!(
            with("HYDRA-SENT=1.a"),
            None,
            "who has sent a form sees what it changed"
        );
        assert_eq!(with("HYDRA-SSO"), None);
        assert_eq!(with("HYDRA-VERSION=a; HYDRA-VERSION=b"), None);
        let tells = HeaderMap::from_iter([(http::header::AUTHORIZATION, HeaderValue::from_static("x"))]);
        assert_eq!(Audience::of(&caller(tells)), None);
    }

    #[test]
    fn those_on_one_set_of_versions_share() {
        assert_eq!(Audience::of(&Caller::default()), Some(Audience::default()));
        assert_eq!(with("theme=HYDRA-SSO"), Some(String::new()));
        assert_eq!(with("a=b; HYDRA-VERSION=v7=="), Some("v7==".to_owned()));
        assert_eq!(
            with(&format!(
                "HYDRA-VERSION={}",
                "x".repeat(MAX_VERSIONS_COOKIE_BYTES + 1)
            )),
            None
        );
    }

    fn key(service: &str, reference: &str, exports: &[&str], imports: Value) -> String {
        let exports: Vec<Arc<str>> = exports.iter().map(|&name| name.into()).collect();
        let query = CacheQuery {
            service,
            reference,
            imports: imports.as_object().expect("members"),
            exports: &exports,
            audience: Audience::default(),
            policy: CachePolicy::default(),
        };
        query.key()
    }

    #[test]
    fn visitors_of_different_hosts_do_not_share() {
        let imports = Attributes::new();
        let key = |host: Option<&[u8]>| {
            let host = host.map(|host| HeaderValue::from_bytes(host).unwrap());
            let caller = Caller {
                host,
                ..Caller::default()
            };
            let audience = Audience::of(&caller)?;
            let query = CacheQuery {
                service: "s",
                reference: "f",
                imports: &imports,
                exports: &[],
                audience,
                policy: CachePolicy::default(),
            };
            Some(query.key())
        };
        let hosts: [Option<&[u8]>; 4] = [None, Some(b"a.test"), Some(b"a.test:80"), Some(b"b.test")];
        let different: std::collections::BTreeSet<_> = hosts.into_iter().filter_map(key).collect();
        assert_eq!(different.len(), hosts.len());
        assert_eq!(key(hosts[1]), key(hosts[1]));
        assert_eq!(key(Some(b"\xff.test")), None, "nobody knows what that is");
    }

    #[test]
    fn the_order_of_members_and_exports_makes_no_difference() {
        let one = key(
            "s",
            "f",
            &["a", "b"],
            json!({"x": 1, "y": {"p": [1, "2"], "q": null}}),
        );
        let other = key(
            "s",
            "f",
            &["b", "a"],
            json!({"y": {"q": null, "p": [1, "2"]}, "x": 1}),
        );
        assert_eq!(one, other);
    }

    #[test]
    fn whatever_reaches_the_owner_makes_a_difference() {
        let all = [
            key("s", "f", &[], json!({})),
            key("", "f", &[], json!({})),
            key("s", "g", &[], json!({})),
            key("s", "f", &["a"], json!({})),
            key("s", "f", &["a", "b"], json!({})),
            key("s", "f", &[], json!({"x": 1})),
            key("s", "f", &[], json!({"x": "1"})),
            key("s", "f", &[], json!({"x": 1.0})),
            key("s", "f", &[], json!({"x": null})),
            key("s", "f", &[], json!({"x": [1]})),
            key("s", "f", &[], json!({"x": [[1]]})),
            key("s", "f", &[], json!({"x": [1, 1]})),
            key("s", "f", &[], json!({"x": {"a": 1}})),
            key("s", "f", &[], json!({"x": "{1\"a:1,}"})),
            key("s", "f\",1\"a", &[], json!({})),
        ];
        let different: std::collections::BTreeSet<_> = all.iter().collect();
        assert_eq!(different.len(), all.len());
    }
}
