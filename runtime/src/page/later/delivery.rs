//! What one page sends after its text: the script, the deferred fragments as they arrive, and the page's own end.
#![deny(clippy::disallowed_methods)]

use std::{fmt::Write as _, time::SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue};

use super::{Asked, Later, QUERY, ScriptNonce, Token};
use crate::{cookies, page::state::AskId, signing::seconds, wire::Asset};

/// The closing tags of a page that may stand after what is sent later, the last one first.
const END: [&str; 2] = ["</html>", "</body>"];

/// How the fragments of one page come after it.
pub(crate) struct Delivery {
    later: Later,
    token: Token,
    login: Option<HeaderValue>,
    /// What scripts of the page must bear.
    pub(in crate::page) nonce: Option<ScriptNonce>,
    now: SystemTime,
    stage: Stage,
    /// How many lazy fragments the page has.
    pub(in crate::page) lazy: usize,
    /// How many places still wait for a deferred fragment.
    pub(in crate::page) awaited: usize,
    arrived: Vec<Arrived>,
    /// The end of the page, held back.
    end: Bytes,
}

/// How far it has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// All fragments of the page are shown in their places.
    Unused,
    /// Some place waits.
    Used,
    /// The script has left.
    Started,
    /// All has left.
    Done,
}

/// A deferred fragment, and the places that it belongs to.
struct Arrived {
    ask: AskId,
    places: Vec<u32>,
    html: Bytes,
    /// What must be linked before it, if nothing else has.
    assets: Vec<Asset>,
}

impl Delivery {
    /// For the page `token` whose visitor sent `headers`, at `now`.
    pub(crate) fn new(
        later: Later,
        token: Token,
        headers: &HeaderMap,
        nonce: Option<ScriptNonce>,
        now: SystemTime,
    ) -> Self {
        Self {
            later,
            token,
            login: cookies::login(headers),
            nonce,
            now,
            stage: Stage::Unused,
            lazy: 0,
            awaited: 0,
            arrived: Vec::new(),
            end: Bytes::new(),
        }
    }

    /// The address of a lazy fragment. `None`: it would be too long.
    pub(in crate::page) fn address(&self, asked: &Asked) -> Option<String> {
        let sealed = self
            .later
            .0
            .sealer
            .seal(asked, self.login.as_ref(), seconds(self.now))?;
        Some(format!("{}?{QUERY}{sealed}", self.later.fragment_path()))
    }

    /// The marks before and after the fallback at the place `number`. A lazy fragment has an address.
    pub(in crate::page) fn marks(&mut self, number: u32, address: Option<&str>) -> (Bytes, Bytes) {
        self.stage = Stage::Used;
        let address = address.map_or_else(String::new, |address| format!(" data-hydra-src=\"{address}\""));
        let token = &self.token;
        (
            format!("<template id=\"hydra-{token}-{number}\"{address}></template>").into(),
            format!("<!--/hydra-{token}-{number}-->").into(),
        )
    }

    /// The fragment for the place `number` is there.
    pub(in crate::page) fn arrive(&mut self, number: u32, ask: AskId, html: Bytes, assets: Vec<Asset>) {
        match self.arrived.last_mut() {
            // One copy for all places that asked the same.
            Some(last) if last.ask == ask => last.places.push(number),
            _ => self.arrived.push(Arrived {
                ask,
                places: vec![number],
                html,
                assets,
            }),
        }
    }

    /// The last text of the page without the closing tags at its end, which leave when all is there.
    pub(in crate::page) fn hold_end(&mut self, text: &Bytes) -> Bytes {
        if self.stage == Stage::Unused {
            return text.clone();
        }
        let mut rest = text.trim_ascii_end();
        for tag in END {
            if let Some((before, end)) = rest.split_at_checked(rest.len().saturating_sub(tag.len()))
                && end.eq_ignore_ascii_case(tag.as_bytes())
            {
                rest = before.trim_ascii_end();
            }
        }
        self.end = text.slice(rest.len()..);
        text.slice(..rest.len())
    }

    /// Whether nothing is left to be sent.
    pub(in crate::page) fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Unused | Stage::Done)
    }

    /// What may leave after the page's text. `links` writes those that the page lacks.
    pub(in crate::page) fn take(&mut self, mut links: impl FnMut(&[Asset]) -> Bytes) -> Vec<Bytes> {
        let mut out = Vec::new();
        if self.is_done() {
            return out;
        }
        if self.stage == Stage::Used {
            self.stage = Stage::Started;
            out.push(self.script().into());
        }
        out.extend(
            self.arrived
                .drain(..)
                .map(|arrived| written(&self.token, &arrived, &links(&arrived.assets))),
        );
        if self.awaited == 0 {
            self.stage = Stage::Done;
            out.push(std::mem::take(&mut self.end));
        }
        out
    }

    fn script(&self) -> String {
        let nonce = self.nonce.as_ref();
        let nonce = nonce.map_or_else(String::new, |nonce| format!(" nonce=\"{}\"", nonce.as_str()));
        let (src, token) = (&self.later.0.script, &self.token);
        format!("\n<script async src=\"{src}\" data-hydra=\"{token}\"{nonce}></script>\n")
    }
}

/// A fragment for the script. Its HTML is text here: whatever is in it, `</template>` or a comment without an end, stays
/// in it.
fn written(token: &Token, arrived: &Arrived, links: &[u8]) -> Bytes {
    let mut text = String::with_capacity(arrived.html.len() + arrived.html.len() / 4 + 64);
    text.push_str("<template data-hydra-for=\"");
    for (index, place) in arrived.places.iter().enumerate() {
        let space = if index == 0 { "" } else { " " };
        // Writing to a text never fails.
        let _ = write!(text, "{space}hydra-{token}-{place}");
    }
    text.push_str("\">");
    escape(links, &mut text);
    escape(&arrived.html, &mut text);
    text.push_str("</template>\n");
    text.into()
}

/// Writes HTML so that it is read as text.
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
    use crate::wire::AssetKind;

    fn delivery(nonce: Option<ScriptNonce>) -> Delivery {
        let later = Later::new("my shop", "K", Some("a private key for tests")).unwrap();
        Delivery::new(
            later,
            Token::of(0xab),
            &HeaderMap::new(),
            nonce,
            SystemTime::UNIX_EPOCH,
        )
    }

    fn taken(delivery: &mut Delivery) -> String {
        String::from_utf8(
            delivery
                .take(|assets| Bytes::from(vec![b'L'; assets.len()]))
                .concat(),
        )
        .unwrap()
    }

    #[test]
    fn the_page_ends_when_all_is_there() {
        let mut delivery = delivery(ScriptNonce::try_new("n0nce").ok());
        delivery.marks(3, None);
        delivery.awaited = 1;
        assert_eq!(
            delivery.hold_end(&Bytes::from_static(b"x\n</BODY>\n </html>\n")),
            "x"
        );
        let script = taken(&mut delivery);
        assert!(
            script.starts_with("\n<script async src=\"/my%20shop/_hydra/later.js?v=")
                && script.ends_with("\" data-hydra=\"00000000000000ab\" nonce=\"n0nce\"></script>\n"),
            "{script}"
        );
        assert_eq!(taken(&mut delivery), "");
        delivery.awaited = 0;
        let style = Asset {
            kind: AssetKind::Style,
            href: "/a.css".to_owned(),
        };
        delivery.arrive(3, 0, Bytes::from_static(b"<b>a</template>&amp;"), vec![style]);
        delivery.arrive(5, 0, Bytes::new(), Vec::new());
        assert_eq!(
            taken(&mut delivery),
            "<template data-hydra-for=\"hydra-00000000000000ab-3 hydra-00000000000000ab-5\">L&lt;b>a&lt;/template>&amp;amp;</template>\n\n</BODY>\n </html>\n"
        );
        assert!(delivery.is_done());
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
            delivery.marks(0, None);
            let text = Bytes::from_static(text.as_bytes());
            let kept = delivery.hold_end(&text);
            assert_eq!(delivery.end, end, "{text:?}");
            assert_eq!([kept, delivery.end].concat(), text);
        }
    }

    #[test]
    fn a_page_without_such_fragments_is_left_alone() {
        let mut delivery = delivery(None);
        let text = Bytes::from_static(b"a</body></html>");
        assert_eq!(delivery.hold_end(&text), text);
        assert!(delivery.is_done() && delivery.take(|_| Bytes::new()).is_empty());
    }
}
