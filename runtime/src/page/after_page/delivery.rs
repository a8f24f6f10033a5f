//! Writes what one page sends after its text: the script, the deferred fragments as they arrive, and the closing tags
//! of the page.
#![deny(clippy::disallowed_methods)]

use std::{fmt::Write as _, time::SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};
use hydra_runtime_wire::{Asset, login, signing::seconds};

use crate::{
    limits::MAX_DEFERRED_COPIES_BYTES,
    page::{
        after_page::{
            AfterPage, LazyFragment, QUERY, ScriptNonce, Token, self_contained_html::is_self_contained,
        },
        answer::FetchId,
    },
};

/// The closing tags of a page that are sent after the deferred fragments, the last one first.
const END: [&str; 2] = ["</html>", "</body>"];

/// The fragments of one page that come after it.
pub(crate) struct Delivery {
    after_page: AfterPage,
    token: Token,
    login: Option<HeaderValue>,
    /// The nonce of the script, where the content security policy of the page names one.
    nonce: Option<ScriptNonce>,
    now: SystemTime,
    /// How many lazy fragments the page has.
    pub(in crate::page) lazy: usize,
    /// How many slots have left with their fallbacks and wait for a deferred fragment.
    awaited: usize,
    /// Whether a slot has left with its fallback.
    left_a_fallback: bool,
    has_script_left: bool,
    arrived: Vec<Arrived>,
    /// The closing tags of the page, which are held back.
    end: Bytes,
}

/// A deferred fragment, and the slots that it belongs to.
struct Arrived {
    fetch: FetchId,
    places: Vec<u32>,
    html: Bytes,
    /// The style sheets and scripts that are linked before it, unless the page has linked them.
    assets: Vec<Asset>,
    /// Whether the script has to put it in its slots, because the browser alone would not do it right.
    needs_script: bool,
}

impl Delivery {
    /// For the page `token` whose visitor sent `headers`, at `now`.
    pub(crate) fn new(
        after_page: AfterPage,
        token: Token,
        headers: &HeaderMap,
        nonce: Option<ScriptNonce>,
        now: SystemTime,
    ) -> Self {
        Self {
            after_page,
            token,
            login: login::binding(headers),
            nonce,
            now,
            lazy: 0,
            awaited: 0,
            left_a_fallback: false,
            has_script_left: false,
            arrived: Vec::new(),
            end: Bytes::new(),
        }
    }

    /// The address of a lazy fragment. `None`: it would be too long.
    pub(in crate::page) fn address(&self, fragment: &LazyFragment) -> Option<String> {
        let sealed = self
            .after_page
            .0
            .sealer
            .seal(fragment, self.login.as_ref(), seconds(self.now))?;
        Some(format!("{}?{QUERY}{sealed}", self.after_page.fragment_path()))
    }

    /// The marks before and after the fallback of the slot `number`. Those of a lazy fragment hold its address.
    pub(in crate::page) fn marks(&self, number: u32, address: Option<&str>) -> (Bytes, Bytes) {
        let name = format!("hydra-{}-{number}", self.token);
        match address {
            Some(address) => (
                format!("<template id=\"{name}\" data-hydra-src=\"{address}\"></template>").into(),
                format!("<!--/{name}-->").into(),
            ),
            None => (
                format!("<?start name=\"{name}\">").into(),
                format!("<?end name=\"{name}\">").into(),
            ),
        }
    }

    /// Tells that a fallback leaves with its marks. Where `is_deferred`, its fragment is awaited from now on.
    pub(in crate::page) fn fallback_leaves(&mut self, is_deferred: bool) {
        self.left_a_fallback = true;
        self.awaited += usize::from(is_deferred);
    }

    /// Tells that a slot waits no longer: its fragment has come, or does not come.
    pub(in crate::page) fn stop_awaiting(&mut self) {
        self.awaited = self.awaited.saturating_sub(1);
    }

    /// Adds a fragment that has come for the slot `number`. `is_plain`: nothing in the fallback of the slot looks
    /// like a mark. Otherwise the browser may fail to find the slot, and the script has to fill it.
    pub(in crate::page) fn arrive(
        &mut self,
        number: u32,
        is_plain: bool,
        fetch: FetchId,
        html: Bytes,
        assets: Vec<Asset>,
    ) {
        match self.arrived.last_mut() {
            // One copy serves all slots of the same fetch.
            Some(last) if last.fetch == fetch => {
                last.places.push(number);
                last.needs_script |=
                    !is_plain || last.places.len() * last.html.len() > MAX_DEFERRED_COPIES_BYTES;
            }
            _ => self.arrived.push(Arrived {
                fetch,
                places: vec![number],
                needs_script: !is_plain || !is_self_contained(&html),
                html,
                assets,
            }),
        }
    }

    /// The last text of the page without the closing tags at its end, which leave after all fragments.
    pub(in crate::page) fn hold_back_end(&mut self, text: &Bytes) -> Bytes {
        if self.is_done() {
            return text.clone();
        }
        let at = before_closing_tags(text);
        self.end = text.slice(at..);
        text.slice(..at)
    }

    /// Whether fragments are still to come, with the page or by the browser.
    pub(in crate::page) fn is_awaited(&self) -> bool {
        self.awaited > 0 || self.lazy > 0
    }

    /// Whether everything has been sent.
    pub(in crate::page) fn is_done(&self) -> bool {
        self.awaited == 0
            && self.arrived.is_empty()
            && self.end.is_empty()
            && (self.has_script_left || !self.left_a_fallback)
    }

    /// The script, where it has not left yet.
    pub(in crate::page) fn script(&mut self) -> Bytes {
        if std::mem::replace(&mut self.has_script_left, true) {
            return Bytes::new();
        }
        let nonce = self.nonce.as_ref();
        let nonce = nonce.map_or_else(String::new, |nonce| format!(" nonce=\"{}\"", nonce.as_str()));
        let (src, token) = (&self.after_page.0.script, &self.token);
        format!("<script async src=\"{src}\" data-hydra=\"{token}\"{nonce}></script>\n").into()
    }

    /// What may leave after the text of the page. `links` writes the links that the page lacks for a fragment, and that
    /// stand before its HTML.
    pub(in crate::page) fn take(&mut self, mut links: impl FnMut(&[Asset], &Bytes) -> Bytes) -> Vec<Bytes> {
        let mut out = Vec::new();
        if self.is_done() {
            return out;
        }
        if !self.has_script_left && self.left_a_fallback {
            out.push(Bytes::from_static(b"\n"));
            out.push(self.script());
        }
        out.extend(
            self.arrived
                .drain(..)
                .map(|arrived| written(&self.token, &arrived, &links(&arrived.assets, &arrived.html))),
        );
        if self.awaited == 0 {
            out.push(std::mem::take(&mut self.end));
        }
        out
    }
}

/// Where the closing tags at the end of a page's text begin, with the white space before them.
pub(crate) fn before_closing_tags(text: &[u8]) -> usize {
    let mut rest = text.trim_ascii_end();
    for tag in END {
        if let Some((before, end)) = rest.split_at_checked(rest.len().saturating_sub(tag.len()))
            && end.eq_ignore_ascii_case(tag.as_bytes())
        {
            rest = before.trim_ascii_end();
        }
    }
    rest.len()
}

/// A fragment that comes after its page, written for the browser where that is enough, and otherwise for the script.
fn written(token: &Token, arrived: &Arrived, links: &[u8]) -> Bytes {
    let Arrived { places, html, .. } = arrived;
    let mut text = String::with_capacity(html.len() + html.len() / 4 + links.len() + 64);
    if arrived.needs_script {
        text.push_str("<template data-hydra-for=\"");
        for (index, place) in places.iter().enumerate() {
            let space = if index == 0 { "" } else { " " };
            // Writing to a text never fails.
            let _ = write!(text, "{space}hydra-{token}-{place}");
        }
        text.push_str("\">");
        escape(links, &mut text);
        escape(html, &mut text);
        text.push_str("</template>\n");
        return text.into();
    }
    for (index, place) in places.iter().enumerate() {
        let links = if index == 0 { links } else { b"" };
        let _ = write!(text, "<template for=\"hydra-{token}-{place}\">");
        text.push_str(&String::from_utf8_lossy(links));
        text.push_str(&String::from_utf8_lossy(html));
        text.push_str("</template>\n");
    }
    text.into()
}

/// Writes HTML so that a browser reads it as text, even if it holds `</template>` or an unclosed comment.
fn escape(html: &[u8], text: &mut String) {
    let html = String::from_utf8_lossy(html);
    let mut rest = &*html;
    while let Some(at) = memchr::memchr2(b'<', b'&', rest.as_bytes()) {
        let (before, after) = rest.split_at(at);
        text.push_str(before);
        text.push_str(if after.starts_with('<') { "&lt;" } else { "&amp;" });
        rest = &after[1..];
    }
    text.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;
    use hydra_runtime_wire::AssetKind;

    fn delivery(nonce: Option<ScriptNonce>) -> Delivery {
        let after_page = AfterPage::new("my shop", "K", Some("a private key for tests")).unwrap();
        Delivery::new(
            after_page,
            Token::of(0xab),
            &HeaderMap::new(),
            nonce,
            SystemTime::UNIX_EPOCH,
        )
    }

    fn taken(delivery: &mut Delivery) -> String {
        let links = |assets: &[Asset], _: &Bytes| Bytes::from(vec![b'L'; assets.len()]);
        String::from_utf8(delivery.take(links).concat()).unwrap()
    }

    fn style() -> Vec<Asset> {
        let (kind, href) = (AssetKind::Style, "/a.css".to_owned());
        vec![Asset { kind, href }]
    }

    #[test]
    fn the_page_ends_when_all_is_there() {
        let mut delivery = delivery(ScriptNonce::try_new("n0nce").ok());
        let script = delivery.script();
        let script = String::from_utf8_lossy(&script);
        assert!(
            script.starts_with("<script async src=\"/my%20shop/_hydra/later.js?v=")
                && script.ends_with("\" data-hydra=\"00000000000000ab\" nonce=\"n0nce\"></script>\n"),
            "{script}"
        );
        delivery.fallback_leaves(true);
        delivery.fallback_leaves(true);
        assert_eq!(
            delivery.hold_back_end(&Bytes::from_static(b"x\n</BODY>\n </html>\n")),
            "x"
        );
        assert_eq!(taken(&mut delivery), "");
        delivery.stop_awaiting();
        delivery.arrive(3, true, 0, Bytes::from_static(b"<b>a&amp;"), style());
        assert_eq!(
            taken(&mut delivery),
            "<template for=\"hydra-00000000000000ab-3\">L<b>a&amp;</template>\n"
        );
        delivery.stop_awaiting();
        assert_eq!(taken(&mut delivery), "\n</BODY>\n </html>\n");
        assert!(delivery.is_done());
    }

    #[test]
    fn the_browser_is_left_what_it_can_do_and_the_script_gets_the_rest() {
        let native = "<template for=\"hydra-00000000000000ab-3\">L<b>a</template>\n\
                      <template for=\"hydra-00000000000000ab-5\"><b>a</template>\n";
        let large = "x".repeat(MAX_DEFERRED_COPIES_BYTES / 2 + 1);
        let text = |html: &str| {
            format!(
                "<template data-hydra-for=\"hydra-00000000000000ab-3 hydra-00000000000000ab-5\">L{html}</template>\n"
            )
        };
        for (html, plain, expected) in [
            ("<b>a", [true, true], native.to_owned()),
            ("<b>a", [true, false], text("&lt;b>a")),
            ("<b>a", [false, true], text("&lt;b>a")),
            ("</template>&amp;", [true, true], text("&lt;/template>&amp;amp;")),
            ("<!-- ", [true, true], text("&lt;!-- ")),
            (&large, [true, true], text(&large)),
        ] {
            let mut delivery = delivery(None);
            delivery.script();
            for (number, is_plain) in [3, 5].into_iter().zip(plain) {
                delivery.fallback_leaves(true);
                delivery.arrive(
                    number,
                    is_plain,
                    0,
                    Bytes::copy_from_slice(html.as_bytes()),
                    style(),
                );
            }
            assert_eq!(taken(&mut delivery), expected);
        }
    }

    #[test]
    fn only_closing_tags_at_the_very_end_are_held_back() {
        for (text, end) in [
            ("a</body></html>", "</body></html>"),
            ("a</html>", "</html>"),
            ("a</body>", "</body>"),
            ("a</body></html><!-- b -->", ""),
            ("a</html></body>", "</body>"),
            ("</body>", "</body>"),
            ("é", ""),
            ("", ""),
        ] {
            let mut delivery = delivery(None);
            delivery.fallback_leaves(true);
            let text = Bytes::from_static(text.as_bytes());
            let kept = delivery.hold_back_end(&text);
            assert_eq!(delivery.end, end, "{text:?}");
            assert_eq!([kept, delivery.end].concat(), text);
        }
    }

    #[test]
    fn a_page_without_such_fragments_is_left_alone() {
        let mut delivery = delivery(None);
        let text = Bytes::from_static(b"a</body></html>");
        assert_eq!(delivery.hold_back_end(&text), text);
        assert!(delivery.is_done() && delivery.take(|_, _| Bytes::new()).is_empty());
    }

    #[test]
    fn a_script_that_nobody_expected_leaves_after_the_page() {
        let mut delivery = delivery(None);
        delivery.fallback_leaves(false);
        assert_eq!(delivery.hold_back_end(&Bytes::from_static(b"a</body>")), "a");
        let rest = taken(&mut delivery);
        assert!(
            rest.starts_with("\n<script async") && rest.ends_with("</script>\n</body>"),
            "{rest}"
        );
        assert!(delivery.is_done());
    }
}
