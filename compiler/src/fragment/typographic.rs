//! Values in typographic quotes, `ref=“cart”`. HTML takes these quotes for letters of an unquoted value.

use std::borrow::Cow;

use crate::{
    limits::MAX_PROBLEMS_PER_FILE,
    parse::{AttributeValue, Tag, TagAttribute},
    problem::{Code, Problem},
    source::{SourceId, Span},
};

use super::short;

/// What stands for a quote in texts, and in the keys beside the one for `"`.
const QUOTES: [char; 22] = [
    '“', '”', '„', '‟', '‘', '’', '‚', '‛', '«', '»', '‹', '›', '〝', '〞', '〟', '＂', '＇', '″', '′', '「',
    '」', '`',
];

/// Whether a character is a typographic quote.
pub(crate) fn is_quote(c: char) -> bool {
    QUOTES.contains(&c)
}

/// The tag with such values read as they were meant, and a problem for each.
pub(crate) fn mended<'t>(
    source: SourceId,
    text: &str,
    tag: &'t Tag,
    problems: &mut Vec<Problem>,
) -> Cow<'t, Tag> {
    if !tag
        .attributes
        .iter()
        .any(|attribute| opening(text, attribute).is_some())
    {
        return Cow::Borrowed(tag);
    }
    let mut mended = Tag {
        attributes: Vec::new(),
        ..tag.clone()
    };
    // Up to where the last such value reaches: what HTML takes for attributes there is a part of it.
    let mut reach = 0;
    for attribute in &tag.attributes {
        if attribute.span.start < reach {
            continue;
        }
        let Some(quote) = opening(text, attribute) else {
            mended.attributes.push(attribute.clone());
            continue;
        };
        let attribute = meant(text, tag, attribute, quote);
        reach = attribute.span.end;
        if problems.len() < MAX_PROBLEMS_PER_FILE {
            problems.push(problem(source, text, &attribute, quote));
        } else if let Some(last) = problems
            .iter_mut()
            .rfind(|last| last.code == Code::TypographicQuote)
        {
            last.more += 1;
        }
        mended.attributes.push(attribute);
    }
    mended.junk.retain(|junk| {
        !mended
            .attributes
            .iter()
            .any(|attribute| attribute.span.contains(*junk))
    });
    Cow::Owned(mended)
}

/// The typographic quote that a value without quotes begins with.
fn opening(text: &str, attribute: &TagAttribute) -> Option<Span> {
    let value = attribute.value.as_ref()?;
    let start = value.span.start as usize;
    // In quotes it is a letter of the value for the author, too.
    if matches!(text.as_bytes().get(start.checked_sub(1)?), Some(b'"' | b'\'')) {
        return None;
    }
    let first = text[value.span.range()].chars().next()?;
    is_quote(first).then(|| Span::new(start, start + first.len_utf8()))
}

/// The attribute up to the quote that closes its value. Without one in the tag, the value ends where HTML ends it.
fn meant(text: &str, tag: &Tag, attribute: &TagAttribute, quote: Span) -> TagAttribute {
    let start = quote.end as usize;
    let rest = &text[start..tag.span.end as usize];
    let close = rest
        .char_indices()
        .find(|(_, c)| is_quote(*c) || matches!(c, '"' | '\''));
    let (end, behind) = match close {
        Some((at, c)) => (start + at, start + at + c.len_utf8()),
        None => (attribute.span.end as usize, attribute.span.end as usize),
    };
    let span = Span::new(start, end.max(start));
    let tera = attribute.value.iter().flat_map(|value| &value.tera);
    let value = AttributeValue {
        span,
        tera: tera.filter(|tera| span.contains(**tera)).copied().collect(),
        open_quote: None,
    };
    TagAttribute {
        span: Span::new(attribute.span.start as usize, behind),
        name: attribute.name,
        value: Some(value),
    }
}

fn problem(source: SourceId, text: &str, attribute: &TagAttribute, quote: Span) -> Problem {
    let value = attribute.value.as_ref();
    let value = value.map_or("", |value| &text[value.span.range()]);
    let message = format!(
        "`{}` is a quote to people only: HTML takes it for a letter of the value",
        &text[quote.range()]
    );
    let name = &text[attribute.name.range()];
    Problem::new(
        Code::TypographicQuote,
        message,
        quote.at(source),
        "not the quote that HTML knows",
    )
    .help(format!("write `{}=\"{}\"`", short(name), short(value)))
}
