//! The style sheets and scripts of a page's fragments (design section 5): each is linked once, in the head where that
//! has not left yet, and otherwise before the first fragment that needs it.
#![deny(clippy::disallowed_methods)]

pub(crate) mod function;
mod head;
pub(crate) mod script_nonce;

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use http::HeaderValue;
use hydra_contract::Contract;
use hydra_runtime_wire::{Asset, AssetKind, keep_good};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC};

pub(crate) use self::head::Scanner;
use crate::{
    limits::{MAX_LINK_HEADER_BYTES, MAX_LINKED_ASSETS},
    page::assets::script_nonce::ScriptNonce,
};

/// The characters that are percent-encoded in a segment of a path. No character that means something in HTML stays.
pub(crate) const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The style sheets and scripts of a page.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    /// What the fragments need, in the order in which they came.
    known: Vec<Asset>,
    is_known: HashSet<Asset>,
    linked: HashSet<Asset>,
    position: LinkPosition,
    /// The nonce of the scripts, where the content security policy of the page names one.
    nonce: Option<ScriptNonce>,
}

/// The position of links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LinkPosition {
    /// The head has not been searched yet.
    #[default]
    Unknown,
    /// Before the end of the head, which is still to come.
    Head,
    /// Before the fragment: the head has left, or there is none.
    BeforeFragment,
    /// Into the page that embeds this fragment.
    EmbeddingPage,
}

/// The style sheets and scripts of the offered fragments of a contract, by `ref`. `resources` is the path of the
/// service's files.
pub(crate) fn offered(contract: &Contract, resources: &str) -> HashMap<String, Vec<Asset>> {
    let asset = |kind, name: &String| Asset {
        kind,
        href: if name.starts_with('/') || name.starts_with("https://") {
            name.clone()
        } else {
            format!("{resources}{name}")
        },
    };
    let fragments = contract.fragments.iter().map(|(reference, fragment)| {
        let styles = fragment.styles.iter().map(|name| asset(AssetKind::Style, name));
        let scripts = fragment.scripts.iter().map(|name| asset(AssetKind::Script, name));
        let mut assets: Vec<Asset> = styles.chain(scripts).collect();
        let dropped = keep_good(&mut assets);
        if dropped > 0 {
            tracing::warn!(
                r#ref = reference,
                count = dropped,
                "style sheets or scripts that no page may link"
            );
        }
        (reference.clone(), assets)
    });
    fragments.filter(|(_, assets)| !assets.is_empty()).collect()
}

/// The `Link` header that lets the browser fetch `assets` early. `None`: there are none.
pub(crate) fn preload(assets: &[Asset]) -> Option<HeaderValue> {
    let mut header = String::new();
    for Asset { kind, href } in assets {
        let kind = match kind {
            AssetKind::Style => "style",
            AssetKind::Script => "script",
        };
        let separator = if header.is_empty() { "" } else { ", " };
        let link = format!("{separator}<{href}>; rel=preload; as={kind}");
        if header.len() + link.len() > MAX_LINK_HEADER_BYTES {
            break;
        }
        header.push_str(&link);
    }
    if header.is_empty() {
        return None;
    }
    HeaderValue::try_from(header).ok()
}

/// The links for `assets`, for a fragment that goes to the browser without a page. They are plain ASCII.
pub(crate) fn links_alone(assets: &[Asset]) -> String {
    let mut text = String::new();
    assets.iter().for_each(|asset| write_link(&mut text, asset, None));
    text
}

impl Assets {
    /// Sets the nonce of the page's scripts.
    pub(crate) fn set_nonce(&mut self, nonce: ScriptNonce) {
        self.nonce = Some(nonce);
    }

    pub(crate) fn position(&self) -> LinkPosition {
        self.position
    }

    /// Sets the position of links.
    pub(crate) fn set_position(&mut self, position: LinkPosition) {
        self.position = position;
    }

    /// Adds what a fragment needs. Returns how many were left out because the page links too many.
    pub(crate) fn add(&mut self, assets: &[Asset]) -> usize {
        let mut over_limit = 0;
        for asset in assets {
            if self.is_known.contains(asset) {
                continue;
            }
            if self.known.len() == MAX_LINKED_ASSETS {
                over_limit += 1;
                continue;
            }
            self.is_known.insert(asset.clone());
            self.known.push(asset.clone());
        }
        over_limit
    }

    /// What the fragments need.
    pub(crate) fn known(&self) -> &[Asset] {
        &self.known
    }

    /// What the fragments need, for the page that embeds this fragment.
    pub(crate) fn into_known(self) -> Vec<Asset> {
        self.known
    }

    /// The links at the end of the head, which leaves now.
    pub(crate) fn end_head(&mut self) -> Bytes {
        self.position = LinkPosition::BeforeFragment;
        let known = std::mem::take(&mut self.known);
        let links = self.links(&known);
        self.known = known;
        links
    }

    /// Tells that the HTML of a fragment leaves. After a `<base>` in it, the same link may lead to another server:
    /// links that follow get no nonce.
    pub(crate) fn html_leaves(&mut self, html: &[u8]) {
        if self.nonce.is_some() && has_base(html) {
            self.nonce = None;
        }
    }

    /// The links for those of `assets` that the page has not linked yet.
    pub(crate) fn links(&mut self, assets: &[Asset]) -> Bytes {
        let mut html = String::new();
        for asset in assets {
            if self.is_known.contains(asset) && !self.linked.contains(asset) {
                self.linked.insert(asset.clone());
                write_link(&mut html, asset, self.nonce.as_ref());
            }
        }
        Bytes::from(html)
    }
}

fn write_link(html: &mut String, Asset { kind, href }: &Asset, nonce: Option<&ScriptNonce>) {
    let (before, after) = match kind {
        AssetKind::Style => ("<link rel=\"stylesheet\" href=\"", "\">\n"),
        AssetKind::Script => ("<script src=\"", "\" defer></script>\n"),
    };
    let before = match (kind, nonce) {
        (AssetKind::Script, Some(nonce)) => format!("<script nonce=\"{}\" src=\"", nonce.as_str()),
        _ => before.to_owned(),
    };
    html.push_str(&before);
    // An address holds no quote: see `Asset::is_good`.
    html.push_str(&href.replace('&', "&amp;"));
    html.push_str(after);
}

/// Whether `html` may hold a `<base>`. Text that looks like one counts.
fn has_base(html: &[u8]) -> bool {
    let is_base = |at: usize| {
        html.get(at + 1..at + 5)
            .is_some_and(|name| name.eq_ignore_ascii_case(b"base"))
    };
    memchr::memchr_iter(b'<', html).any(is_base)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asset(kind: AssetKind, href: &str) -> Asset {
        let href = href.to_owned();
        Asset { kind, href }
    }

    fn with_nonce(nonce: &str) -> Assets {
        let mut assets = Assets::default();
        assets.set_nonce(ScriptNonce::try_new(nonce).expect("a nonce"));
        assets
    }

    #[test]
    fn each_is_linked_once() {
        let mut assets = Assets::default();
        let style = asset(AssetKind::Style, "/a.css?x=1&y=2");
        assets.add(&[style.clone(), asset(AssetKind::Script, "/a.js"), style.clone()]);
        assert_eq!(
            assets.end_head(),
            "<link rel=\"stylesheet\" href=\"/a.css?x=1&amp;y=2\">\n<script src=\"/a.js\" defer></script>\n"
        );
        let more = [style, asset(AssetKind::Style, "/b.css")];
        assets.add(&more);
        assert_eq!(assets.links(&more), "<link rel=\"stylesheet\" href=\"/b.css\">\n");
        assert_eq!(assets.links(&more), "");
    }

    #[test]
    fn scripts_bear_the_nonce_of_the_page() {
        let mut assets = with_nonce("n0nce");
        assets.add(&[
            asset(AssetKind::Style, "/a.css"),
            asset(AssetKind::Script, "/a.js"),
        ]);
        assert_eq!(
            assets.end_head(),
            "<link rel=\"stylesheet\" href=\"/a.css\">\n<script nonce=\"n0nce\" src=\"/a.js\" defer></script>\n"
        );
    }

    #[test]
    fn what_is_linked_after_the_base_of_a_fragment_bears_no_nonce() {
        for (html, is_base) in [
            ("<base href=\"https://elsewhere/\">", true),
            ("<p><BaSe\nhref=x>", true),
            ("<svg><base/>", true),
            ("base <b>ase</b> < base>", false),
            ("<bas", false),
        ] {
            let mut assets = with_nonce("n0nce");
            let script = [asset(AssetKind::Script, "/a.js")];
            assets.add(&script);
            assets.html_leaves(html.as_bytes());
            let link = assets.links(&script);
            assert_eq!(memchr::memmem::find(&link, b"nonce").is_none(), is_base, "{html}");
        }
    }

    #[test]
    fn a_style_sheet_and_a_script_may_have_one_address() {
        let mut assets = Assets::default();
        assets.add(&[asset(AssetKind::Style, "/a"), asset(AssetKind::Script, "/a")]);
        assert_eq!(assets.known().len(), 2);
    }

    #[test]
    fn the_header_names_all_that_is_known_and_stays_short() {
        assert_eq!(preload(&[]), None);
        let few = [
            asset(AssetKind::Style, "/a.css"),
            asset(AssetKind::Script, "/a.js"),
        ];
        let expected = "</a.css>; rel=preload; as=style, </a.js>; rel=preload; as=script";
        assert_eq!(preload(&few), Some(HeaderValue::from_static(expected)));
        let many: Vec<_> = (0..MAX_LINKED_ASSETS)
            .map(|n| asset(AssetKind::Style, &format!("/{n}{}", "x".repeat(100))))
            .collect();
        assert!(preload(&many).is_some_and(|header| header.len() <= MAX_LINK_HEADER_BYTES));
    }

    #[test]
    fn a_page_links_a_bounded_number() {
        let mut assets = Assets::default();
        let many: Vec<_> = (0..MAX_LINKED_ASSETS + 3)
            .map(|n| asset(AssetKind::Style, &format!("/{n}")))
            .collect();
        assert_eq!(assets.add(&many), 3);
        assert_eq!(
            assets.links(&many).split(|byte| *byte == b'\n').count(),
            MAX_LINKED_ASSETS + 1
        );
    }

    #[test]
    fn names_without_a_slash_are_files_of_the_service() {
        let contract = serde_json::json!({"service": "", "fragments": {
            "plain": {},
            "f": {"styles": ["css/a.css", "/theme.css", "javascript:x()\"<"], "scripts": ["https://cdn.example/a.js"]},
        }});
        let contract: Contract = serde_json::from_value(contract).expect("a contract");
        let offered = offered(&contract, "/orders/");
        let hrefs: Vec<_> = offered["f"].iter().map(|asset| asset.href.as_str()).collect();
        assert_eq!(
            hrefs,
            ["/orders/css/a.css", "/theme.css", "https://cdn.example/a.js"]
        );
        assert_eq!(offered.len(), 1);
    }
}
