//! The style sheets and scripts that a fragment needs (design section 5).
#![deny(clippy::disallowed_methods)]

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

use crate::limits::{MAX_ASSET_ADDRESS_BYTES, MAX_ASSETS_PER_FRAGMENT};

/// A style sheet or a script.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Asset {
    /// The kind.
    pub kind: AssetKind,
    /// The address: a path on this site, or an `https` address.
    pub href: String,
}

/// The kind of an [`Asset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AssetKind {
    /// A style sheet.
    Style,
    /// A script.
    Script,
}

impl Asset {
    /// Whether a page may link the asset: its address is on this site or `https`, and contains only characters of
    /// addresses.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let href = self.href.as_str();
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/%!$&*+,;=:@?#()[]".contains(&byte);
        let is_on_site = href.starts_with('/') && !href.starts_with("//");
        let is_https = href
            .strip_prefix("https://")
            .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '['));
        href.len() <= MAX_ASSET_ADDRESS_BYTES && (is_on_site || is_https) && href.bytes().all(is_plain)
    }
}

/// Removes duplicates, assets that no page may link, and assets beyond the limit. Returns how many of the last two
/// there were.
pub fn keep_good(assets: &mut Vec<Asset>) -> usize {
    let mut kept: Vec<Asset> = Vec::with_capacity(assets.len().min(MAX_ASSETS_PER_FRAGMENT));
    let mut dropped = 0;
    for asset in assets.drain(..) {
        if kept.contains(&asset) {
            continue;
        }
        if kept.len() < MAX_ASSETS_PER_FRAGMENT && asset.is_good() {
            kept.push(asset);
        } else {
            dropped += 1;
        }
    }
    *assets = kept;
    dropped
}

/// Reads assets. An asset of an unknown kind is skipped.
pub(crate) fn known_assets<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Asset>, D::Error> {
    let Value::Array(items) = Value::deserialize(deserializer)? else {
        return Ok(Vec::new());
    };
    let known = items
        .into_iter()
        .filter_map(|item| serde_json::from_value(item).ok());
    Ok(known.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_good(href: &str) -> bool {
        let href = href.to_owned();
        let kind = AssetKind::Style;
        Asset { kind, href }.is_good()
    }

    #[test]
    fn an_address_is_on_this_site_or_comes_by_https() {
        for good in [
            "/orders/css/a.css",
            "/a.css?v=1&w=2#x",
            "https://cdn.example/a.js",
            "https://[::1]:1/a.js",
        ] {
            assert!(is_good(good), "{good}");
        }
        for bad in [
            "",
            "a.css",
            "//cdn.example/a.js",
            "/\\cdn.example",
            "http://cdn.example/a.js",
            "https:///a.js",
            "HTTPS://cdn.example",
            "javascript:alert(1)",
            "data:text/css,x",
            "/a\"onload=\"x",
            "/a'b",
            "/a>b",
            "/a<b",
            "/a b",
            "/a\nb",
            "/a\r\nset-cookie: x",
            "/a\0",
            "/é",
            &format!("/{}", "a".repeat(MAX_ASSET_ADDRESS_BYTES)),
        ] {
            assert!(!is_good(bad), "{bad:?}");
        }
    }

    #[test]
    fn ten_thousand_are_cut_to_a_few() {
        let asset = |n: usize| Asset {
            kind: AssetKind::Script,
            href: format!("/{n}.js"),
        };
        let mut assets: Vec<_> = (0..10_000).map(asset).collect();
        assert_eq!(keep_good(&mut assets), 10_000 - MAX_ASSETS_PER_FRAGMENT);
        assert_eq!(assets.len(), MAX_ASSETS_PER_FRAGMENT);
    }

    #[test]
    fn what_is_named_twice_takes_no_room_from_others() {
        let asset = |n: usize| Asset {
            kind: AssetKind::Script,
            href: format!("/{n}.js"),
        };
        let mut assets: Vec<_> = (0..3 * MAX_ASSETS_PER_FRAGMENT).map(|n| asset(n / 3)).collect();
        assert_eq!(keep_good(&mut assets), 0);
        assert_eq!(
            assets,
            (0..MAX_ASSETS_PER_FRAGMENT).map(asset).collect::<Vec<_>>()
        );
    }

    #[test]
    fn what_is_no_asset_costs_only_itself() {
        let read = |text: &str| {
            known_assets(&mut serde_json::Deserializer::from_str(text))
                .expect("JSON")
                .len()
        };
        assert_eq!(
            read(r#"[{"kind":"style","href":"/a"},{"kind":"font","href":"/b"},null,7,{}]"#),
            1
        );
        assert_eq!(read("null") + read("{}") + read("\"x\""), 0);
    }
}
