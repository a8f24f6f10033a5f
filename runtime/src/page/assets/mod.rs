//! The style sheets and scripts of a page's fragments (design section 5): each is linked once, in the head where that is
//! still open, and otherwise before the fragment that needs it first.
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
use crate::page::assets::script_nonce::ScriptNonce;

/// The most that one page links.
const MAX_LINKED: usize = 256;
/// The longest `Link` header. More of them help nobody, and proxies refuse long ones.
const MAX_HEADER: usize = 4 << 10;

/// The characters that are percent-encoded in a segment of a path. No character that means something in HTML stays.
pub(crate) const PATH_SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// What a page has to link.
#[derive(Debug, Default)]
pub(crate) struct Assets {
    /// All that its fragments need, in the order in which they came.
    known: Vec<Asset>,
    is_known: HashSet<Asset>,
    linked: HashSet<Asset>,
    place: LinkPosition,
    /// What scripts must bear where the page has such a policy.
    nonce: Option<ScriptNonce>,
}

/// Where links go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LinkPosition {
    /// Nobody has looked for the head yet.
    #[default]
    Unknown,
    /// Before the end of the head, which is still to come.
    Head,
    /// Before the fragment: the head has left, or there is none.
    Here,
    /// Into the page that embeds this fragment.
    Outside,
}

/// What the offered fragments of a contract need, by `ref`. `resources` is the path of the service's files.
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
        if header.len() + link.len() > MAX_HEADER {
            break;
        }
        header.push_str(&link);
    }
    if header.is_empty() {
        return None;
    }
    HeaderValue::try_from(header).ok()
}

/// The links for `assets`, for HTML that goes to the browser alone. They are plain ASCII.
pub(crate) fn links_alone(assets: &[Asset]) -> String {
    let mut text = String::new();
    assets.iter().for_each(|asset| write_link(&mut text, asset, None));
    text
}

impl Assets {
    /// The scripts of the page bear `nonce`.
    pub(crate) fn bear(&mut self, nonce: ScriptNonce) {
        self.nonce = Some(nonce);
    }

    pub(crate) fn place(&self) -> LinkPosition {
        self.place
    }

    /// It is known where links go.
    pub(crate) fn settle(&mut self, place: LinkPosition) {
        self.place = place;
    }

    /// A fragment needs these. For how many there was no room.
    pub(crate) fn learn(&mut self, assets: &[Asset]) -> usize {
        let mut without_room = 0;
        for asset in assets {
            if self.is_known.contains(asset) {
                continue;
            }
            if self.known.len() == MAX_LINKED {
                without_room += 1;
                continue;
            }
            self.is_known.insert(asset.clone());
            self.known.push(asset.clone());
        }
        without_room
    }

    /// All that the fragments need.
    pub(crate) fn known(&self) -> &[Asset] {
        &self.known
    }

    /// The same, for whoever embeds this.
    pub(crate) fn into_known(self) -> Vec<Asset> {
        self.known
    }

    /// The links at the end of the head, which leaves now.
    pub(crate) fn end_head(&mut self) -> Bytes {
        self.place = LinkPosition::Here;
        let known = std::mem::take(&mut self.known);
        let links = self.links(&known);
        self.known = known;
        links
    }

    /// A fragment's HTML leaves. Where it holds a `<base>`, what is linked from here on may come from elsewhere: it bears no
    /// nonce any more.
    pub(crate) fn leaves(&mut self, html: &[u8]) {
        if self.nonce.is_some() && has_base(html) {
            self.nonce = None;
        }
    }

    /// The links for those of `assets` that were not linked before.
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
    // There is no quote in an address: see `Asset::is_good`.
    html.push_str(&href.replace('&', "&amp;"));
    html.push_str(after);
}

/// Whether `html` may hold a `<base>`: what looks like one counts.
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

    fn bearing(nonce: &str) -> Assets {
        let mut assets = Assets::default();
        assets.bear(ScriptNonce::try_new(nonce).expect("a nonce"));
        assets
    }

    #[test]
    fn each_is_linked_once() {
        let mut assets = Assets::default();
        let style = asset(AssetKind::Style, "/a.css?x=1&y=2");
        assets.learn(&[style.clone(), asset(AssetKind::Script, "/a.js"), style.clone()]);
        assert_eq!(
            assets.end_head(),
            "<link rel=\"stylesheet\" href=\"/a.css?x=1&amp;y=2\">\n<script src=\"/a.js\" defer></script>\n"
        );
        let more = [style, asset(AssetKind::Style, "/b.css")];
        assets.learn(&more);
        assert_eq!(assets.links(&more), "<link rel=\"stylesheet\" href=\"/b.css\">\n");
        assert_eq!(assets.links(&more), "");
    }

    #[test]
    fn scripts_bear_the_nonce_of_the_page() {
        let mut assets = bearing("n0nce");
        assets.learn(&[
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
            let mut assets = bearing("n0nce");
            let script = [asset(AssetKind::Script, "/a.js")];
            assets.learn(&script);
            assets.leaves(html.as_bytes());
            let link = assets.links(&script);
            assert_eq!(memchr::memmem::find(&link, b"nonce").is_none(), is_base, "{html}");
        }
    }

    #[test]
    fn a_style_sheet_and_a_script_may_have_one_address() {
        let mut assets = Assets::default();
        assets.learn(&[asset(AssetKind::Style, "/a"), asset(AssetKind::Script, "/a")]);
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
        let many: Vec<_> = (0..MAX_LINKED)
            .map(|n| asset(AssetKind::Style, &format!("/{n}{}", "x".repeat(100))))
            .collect();
        assert!(preload(&many).is_some_and(|header| header.len() <= MAX_HEADER));
    }

    #[test]
    fn a_page_links_a_bounded_number() {
        let mut assets = Assets::default();
        let many: Vec<_> = (0..MAX_LINKED + 3)
            .map(|n| asset(AssetKind::Style, &format!("/{n}")))
            .collect();
        assert_eq!(assets.learn(&many), 3);
        assert_eq!(
            assets.links(&many).split(|byte| *byte == b'\n').count(),
            MAX_LINKED + 1
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
