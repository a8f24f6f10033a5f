//! The buffer that Tera writes a page to. Long texts of templates are not copied: all pages share their bytes.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, io};

use bytes::Bytes;
use foldhash::fast::RandomState;

use super::pieces::pieces;

/// From this length on, in bytes, copying a text costs more than sending one more piece of the response.
const LONG: usize = 2 << 10;

/// The long texts of all templates, by length and ends.
#[derive(Default)]
pub(crate) struct SharedTexts(HashMap<Ends, Vec<Bytes>, RandomState>);

/// The length and the first and last bytes of a text. They tell most texts apart without comparing the rest.
#[derive(PartialEq, Eq, Hash)]
struct Ends(usize, [u8; 8], [u8; 8]);

impl Ends {
    fn of(text: &[u8]) -> Option<Self> {
        Some(Self(text.len(), *text.first_chunk()?, *text.last_chunk()?))
    }
}

impl SharedTexts {
    /// The long texts of templates with these sources. A text that this misses is copied, which is only slower.
    pub(crate) fn of(sources: impl Iterator<Item = String>) -> Self {
        let mut texts = Self::default();
        for source in sources {
            let source = Bytes::from(source);
            let text = std::str::from_utf8(&source).unwrap_or_default();
            for piece in pieces(text).filter(|piece| piece.text.len() >= LONG) {
                texts.add(source.slice_ref(piece.text.as_bytes()));
            }
        }
        texts
    }

    fn add(&mut self, text: Bytes) {
        if let (None, Some(ends)) = (self.find(&text), Ends::of(&text)) {
            self.0.entry(ends).or_default().push(text);
        }
    }

    fn find(&self, text: &[u8]) -> Option<&Bytes> {
        if text.len() < LONG {
            return None;
        }
        self.0.get(&Ends::of(text)?)?.iter().find(|known| *known == text)
    }
}

/// A rendered text.
#[derive(Clone, Debug, Default)]
pub(crate) struct RenderedText {
    /// The text without the long texts.
    pub(crate) written: Bytes,
    /// The long texts, each with its offset in `written`.
    pub(crate) long: Vec<(usize, Bytes)>,
}

/// Collects what Tera writes.
pub(crate) struct OutputBuffer<'t> {
    texts: &'t SharedTexts,
    written: Vec<u8>,
    long: Vec<(usize, Bytes)>,
}

impl<'t> OutputBuffer<'t> {
    /// An empty buffer with `capacity` bytes for what is not a long text.
    pub(crate) fn new(texts: &'t SharedTexts, room: usize) -> Self {
        Self {
            texts,
            written: Vec::with_capacity(room),
            long: Vec::new(),
        }
    }

    /// The text. `fit` makes `Bytes` of what was written.
    pub(crate) fn finish(self, fit: impl FnOnce(Vec<u8>) -> Bytes) -> RenderedText {
        RenderedText {
            written: fit(self.written),
            long: self.long,
        }
    }
}

impl io::Write for OutputBuffer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.texts.find(bytes) {
            Some(known) => self.long.push((self.written.len(), known.clone())),
            None => self.written.extend_from_slice(bytes),
        }
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use tera::{Context, Tera};

    use super::*;

    fn rendered(source: &str) -> RenderedText {
        let texts = SharedTexts::of([source.to_owned()].into_iter());
        let mut tera = Tera::default();
        tera.add_raw_templates([("page", source)]).expect("a template");
        let mut canvas = OutputBuffer::new(&texts, 0);
        let context = Context::from_serialize(&json!({"x": "<x>", "all": [1, 2]}));
        tera.render_to("page", &context.expect("a map"), &mut canvas)
            .expect("a page");
        canvas.finish(Bytes::from)
    }

    #[test]
    fn a_long_text_is_found_however_its_tags_trim_it() {
        let long = "long ".repeat(LONG / 5 + 1);
        for (source, count) in [
            (long.clone(), 1),
            (format!("a{{{{ x }}}}{long}{{{{ x }}}}b"), 1),
            (format!("{{{{ x -}}}} \n {long} \n {{{{- x }}}}"), 1),
            (format!("{{% if x %}}{long}{{% else %}}{long}!{{% endif %}}"), 1),
            (
                format!("{{# a #}}{long}{{% for a in all %}}{long}{{{{ a }}}}{{% endfor %}}"),
                3,
            ),
            (format!("{{% filter upper %}}{long}{{% endfilter %}}"), 0),
            (format!("{{{{ 'a }}}} b' }}}}{long}"), 0),
        ] {
            let text = rendered(&source);
            assert_eq!(text.long.len(), count, "{}", &source[..20.min(source.len())]);
            assert!(text.long.iter().all(|(at, _)| *at <= text.written.len()));
        }
    }

    #[test]
    fn pages_share_the_bytes_of_their_templates() {
        let long = "x".repeat(LONG);
        let texts = SharedTexts::of([format!("{long}{{{{ a }}}}"), format!("{{{{ b }}}}{long}")].into_iter());
        let known = texts.find(long.as_bytes()).expect("a long text");
        for _ in 0..2 {
            let mut canvas = OutputBuffer::new(&texts, 0);
            io::Write::write_all(&mut canvas, long.as_bytes()).expect("a canvas");
            let text = canvas.finish(Bytes::from);
            assert_eq!(text.long[0].1.as_ptr(), known.as_ptr());
            assert!(text.written.is_empty());
        }
    }

    #[test]
    fn texts_that_are_alike_at_both_ends_are_told_apart() {
        let long = |middle: &str| format!("{0}{middle}{0}", "x".repeat(LONG));
        let texts = SharedTexts::of([long("a"), long("b")].into_iter());
        for middle in ["a", "b"] {
            let text = long(middle);
            assert_eq!(
                texts.find(text.as_bytes()).map(|known| &known[..]),
                Some(text.as_bytes())
            );
        }
        assert_eq!(texts.find(long("c").as_bytes()), None);
    }
}
