//! Values that consist of one text or one Tera expression, and their character references.

use std::borrow::Cow;

use smol_str::SmolStr;

use crate::{
    delimiters::{is_blank, trimmed},
    parse::{AttributeValue, TagAttribute},
    problem::Code,
    source::Span,
};

use super::{Attributed, TagReader, short};

/// A text in a tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AttributeText {
    /// As written, character references decoded, without white space around it.
    Fixed(SmolStr),
    /// One Tera expression: the text between its delimiters.
    Expression(Span),
}

/// Reads a value that is one text or one `{{ … }}`. `needed`: an empty one is reported.
pub(super) fn read(
    reader: &mut TagReader<'_>,
    attribute: &TagAttribute,
    needed: bool,
) -> Option<Attributed<AttributeText>> {
    let empty = Span {
        start: attribute.span.end,
        end: attribute.span.end,
    };
    let (span, tera) = attribute
        .value
        .as_ref()
        .map_or((empty, &[][..]), |value| (value.span, &value.tera[..]));
    let raw = trimmed(reader.slice(span));
    if raw.is_empty() {
        if needed {
            report_empty(reader, attribute);
        }
        return (!needed).then(|| Attributed {
            value: AttributeText::Fixed(SmolStr::default()),
            span,
        });
    }
    let value = match tera {
        [] => AttributeText::Fixed(trimmed(&Decoded::new(raw, span.start).text).into()),
        [one] if raw.len() == one.len() && reader.slice(*one).starts_with("{{") => {
            AttributeText::Expression(crate::delimiters::inner(reader.text, *one))
        }
        _ => {
            let name = reader.slice(attribute.name).to_ascii_lowercase();
            let message = format!("`{name}` is neither a fixed text nor one expression");
            let help = format!("write all of it as one expression: `{name}=\"{{{{ 'a-' ~ b }}}}\"`");
            reader.report(Code::BadName, message, span, short(reader.slice(span)), help);
            return None;
        }
    };
    Some(Attributed { value, span })
}

fn report_empty(reader: &mut TagReader<'_>, attribute: &TagAttribute) {
    let name = reader.slice(attribute.name).to_ascii_lowercase();
    let message = format!("`{name}` says nothing");
    let help = if name == "ref" || name.ends_with(":ref") {
        "write the fragment's name".to_owned()
    } else {
        format!("write a value, or leave `{name}` out")
    };
    reader.report(Code::EmptyValue, message, attribute.span, "empty", help);
}

/// Whether an attribute has no value, or one of white space.
pub(super) fn is_empty(reader: &TagReader<'_>, attribute: &TagAttribute) -> bool {
    attribute
        .value
        .as_ref()
        .is_none_or(|value| is_blank(reader.slice(value.span)))
}

/// The value of an attribute that must be fixed text. `None` where it is empty or holds Tera; both are reported, Tera with
/// `code` and `help`.
pub(super) fn fixed<'r>(
    reader: &mut TagReader<'r>,
    attribute: &TagAttribute,
    code: Code,
    help: &'static str,
) -> Option<Decoded<'r>> {
    let value = attribute.value.as_ref();
    let Some(AttributeValue { span, tera, .. }) = value.filter(|_| !is_empty(reader, attribute)) else {
        report_empty(reader, attribute);
        return None;
    };
    if let Some(tera) = tera.first() {
        report_tera(reader, attribute, *tera, code, help);
        return None;
    }
    Some(Decoded::new(reader.slice(*span), span.start))
}

/// Reports Tera where only fixed text can stand.
pub(super) fn report_tera(
    reader: &mut TagReader<'_>,
    attribute: &TagAttribute,
    tera: Span,
    code: Code,
    help: &'static str,
) {
    let name = reader.slice(attribute.name).to_ascii_lowercase();
    let message = format!("`{name}` can't come from Tera: it is checked before the page runs");
    reader.report(code, message, tera, "Tera", help);
}

/// A text whose character references are decoded, and where each of its bytes came from.
#[derive(Clone, Debug)]
pub(crate) struct Decoded<'t> {
    pub(crate) text: Cow<'t, str>,
    start: u32,
    /// Where a reference was: the byte in `text` behind it, and by how much the original is longer up to there.
    shifts: Vec<(u32, u32)>,
}

impl<'t> Decoded<'t> {
    /// `start` is the place of the first byte in the file.
    #[inline]
    pub(crate) fn new(raw: &'t str, start: u32) -> Self {
        let mut decoded = Decoded {
            text: Cow::Borrowed(raw),
            start,
            shifts: Vec::new(),
        };
        if memchr::memchr(b'&', raw.as_bytes()).is_none() {
            return decoded;
        }
        let mut text = String::with_capacity(raw.len());
        let mut rest = raw;
        let mut shift = 0;
        while let Some(at) = rest.find('&') {
            text.push_str(&rest[..at]);
            rest = &rest[at..];
            let (character, len) = reference(rest).unwrap_or(('&', 1));
            text.push(character);
            shift += (len - character.len_utf8().min(len)) as u32;
            decoded.shifts.push((text.len() as u32, shift));
            rest = &rest[len..];
        }
        text.push_str(rest);
        decoded.text = Cow::Owned(text);
        decoded
    }

    /// The original bytes of a range of `text`.
    #[inline]
    pub(crate) fn span(&self, start: usize, end: usize) -> Span {
        Span {
            start: self.original(start),
            end: self.original(end),
        }
    }

    #[inline]
    fn original(&self, at: usize) -> u32 {
        if self.shifts.is_empty() {
            return self.start + at as u32;
        }
        let before = self.shifts.partition_point(|(end, _)| *end as usize <= at);
        let shift = before.checked_sub(1).map_or(0, |index| self.shifts[index].1);
        self.start + at as u32 + shift
    }
}

/// The character reference that `text` starts with, and its length.
fn reference(text: &str) -> Option<(char, usize)> {
    const NAMED: [(&str, char); 9] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", '\u{a0}'),
        ("comma", ','),
        ("period", '.'),
        ("lowbar", '_'),
    ];
    let end = text.bytes().take(12).position(|byte| byte == b';')?;
    let name = text.get(1..end)?;
    let character = match name.strip_prefix('#') {
        Some(number) => {
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16),
                None => number.parse(),
            };
            char::from_u32(code.ok()?)?
        }
        None => NAMED.iter().find(|(known, _)| *known == name)?.1,
    };
    Some((character, end + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_decoded_and_places_kept() {
        let decoded = Decoded::new("a&#44; b&amp;c &x &#x2C;d", 100);
        assert_eq!(decoded.text, "a, b&c &x ,d");
        let original = |part: &str| {
            let at = decoded.text.find(part).expect("is there");
            decoded.span(at, at + part.len()).start - 100
        };
        assert_eq!(
            (original("a"), original("b"), original("c"), original("d")),
            (0, 7, 13, 24)
        );
    }
}
