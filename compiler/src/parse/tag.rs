//! Reads one tag of Hydra's by the grammar. Only this file uses pest.

use pest::{Parser, iterators::Pair};

use super::{AttributeValue, Tag, TagAttribute, TagEnd, is_space};
use crate::{
    bytes::{COLON, DIGIT, DOT, HYPHEN, LETTER, SPACE, STOP, run},
    limits::{MAX_ATTRIBUTES_PER_TAG, MAX_TAG_BYTES},
    source::Span,
};
use grammar::{Grammar, Rule};

#[allow(missing_docs, unreachable_pub)] // The derive writes the list of rules; `grammar.pest` documents them.
mod grammar {
    #[derive(pest_derive::Parser)]
    #[grammar = "grammar.pest"]
    pub(super) struct Grammar;
}

/// Reads the tag at `start`, which begins with `<`, the prefix and a colon. `name`: where its name begins.
pub(super) fn read(text: &str, start: usize, name: usize) -> Option<Tag> {
    plain(text, start, name).or_else(|| by_grammar(text, start))
}

/// The tags that most files have, in one sweep: quoted values without Tera or `<`. `None`: the grammar has to look.
fn plain(text: &str, start: usize, name: usize) -> Option<Tag> {
    let bytes = text.as_bytes();
    let mut at = run(bytes, name, NAME);
    let mut tag = Tag {
        name: Span::new(name, at),
        ..Tag::default()
    };
    loop {
        let before = at;
        at = run(bytes, at, SPACE);
        match bytes.get(at)? {
            b'>' => break,
            // The next tag begins before this one has ended.
            b'<' => {
                tag.end = TagEnd::Missing;
                tag.span = Span::new(start, at);
                return Some(tag);
            }
            b'/' if bytes.get(at + 1) == Some(&b'>') => {
                tag.end = TagEnd::SelfClosed;
                at += 1;
                break;
            }
            _ if before == at => return None,
            _ => {}
        }
        if tag.attributes.is_empty() {
            tag.attributes.reserve(4);
        }
        let attribute = plain_attribute(text, at)?;
        at = attribute.span.end as usize;
        if tag.attributes.len() < MAX_ATTRIBUTES_PER_TAG {
            tag.attributes.push(attribute);
        }
    }
    tag.span = Span::new(start, at + 1);
    Some(tag)
}

/// `name` or `name="value"` at `start`.
#[inline]
fn plain_attribute(text: &str, start: usize) -> Option<TagAttribute> {
    let bytes = text.as_bytes();
    let end = run(bytes, start, NAME | COLON);
    let name = Span::new(start, end);
    match bytes.get(end)? {
        _ if start == end => None,
        b'=' => {
            let quote = bytes
                .get(end + 1)
                .copied()
                .filter(|byte| matches!(byte, b'"' | b'\''))?;
            let value = end + 2;
            // Most values are short.
            let close = value_end(bytes, value, quote)?;
            if last_sign(&bytes[value..close]) == Some(b'=') {
                return None;
            }
            Some(TagAttribute {
                span: Span::new(start, close + 1),
                name,
                value: Some(AttributeValue {
                    span: Span::new(value, close),
                    tera: Vec::new(),
                    open_quote: None,
                }),
            })
        }
        b'>' | b'<' => Some(TagAttribute {
            span: name,
            name,
            value: None,
        }),
        byte if is_space(*byte) && bytes.get(run(bytes, end, SPACE)) != Some(&b'=') => Some(TagAttribute {
            span: name,
            name,
            value: None,
        }),
        _ => None,
    }
}

/// Where the quote stands that closes the value which begins at `at`. `None`: Tera or `<` comes first.
fn value_end(bytes: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    loop {
        at = run(bytes, at, !STOP);
        match bytes.get(at)? {
            b'<' | b'{' => return None,
            byte if *byte == quote => return Some(at),
            _ => at += 1,
        }
    }
}

/// The last byte that is not white space.
fn last_sign(bytes: &[u8]) -> Option<u8> {
    bytes
        .iter()
        .rev()
        .copied()
        .find(|byte| !byte.is_ascii_whitespace())
}

/// A part of a tag's or an attribute's name.
const NAME: u8 = LETTER | DIGIT | HYPHEN | DOT;

fn by_grammar(text: &str, start: usize) -> Option<Tag> {
    let mut end = text.len().min(start + MAX_TAG_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut pairs = Grammar::parse(Rule::open_tag, &text[start..end]).ok()?;
    Some(tag(pairs.next()?, start))
}

fn span(pair: &Pair<'_, Rule>, start: usize) -> Span {
    Span::new(start + pair.as_span().start(), start + pair.as_span().end())
}

fn is_tera(rule: Rule) -> bool {
    matches!(
        rule,
        Rule::print | Rule::statement | Rule::comment | Rule::raw | Rule::unclosed
    )
}

fn tag(pair: Pair<'_, Rule>, start: usize) -> Tag {
    let mut tag = Tag {
        span: span(&pair, start),
        end: TagEnd::Missing,
        ..Tag::default()
    };
    for inner in pair.into_inner() {
        match inner.as_rule() {
            Rule::tag_name => tag.name = span(&inner, start),
            Rule::attribute if tag.attributes.len() >= MAX_ATTRIBUTES_PER_TAG => {}
            Rule::attribute => tag.attributes.push(attribute(inner, start)),
            Rule::end => tag.end = TagEnd::Open,
            Rule::self_close => tag.end = TagEnd::SelfClosed,
            Rule::prefix | Rule::EOI => {}
            _ => tag.junk.push(span(&inner, start)),
        }
    }
    tag
}

fn attribute(pair: Pair<'_, Rule>, start: usize) -> TagAttribute {
    let whole = span(&pair, start);
    let has_value = pair.as_str().contains('=');
    let mut inner = pair.into_inner();
    let name = inner.next().map_or(whole, |name| span(&name, start));
    let value = inner.next().map(|inner| value(inner, start));
    // `ref=` with nothing behind it: an empty value, after the `=`.
    let empty = AttributeValue {
        span: Span {
            start: whole.end,
            end: whole.end,
        },
        tera: vec![],
        open_quote: None,
    };
    TagAttribute {
        span: whole,
        name,
        value: value.or(has_value.then_some(empty)),
    }
}

fn value(pair: Pair<'_, Rule>, start: usize) -> AttributeValue {
    let whole = span(&pair, start);
    let mut value = AttributeValue {
        span: whole,
        tera: Vec::new(),
        open_quote: None,
    };
    for inner in pair.into_inner() {
        match inner.as_rule() {
            Rule::open_quote => {
                value.open_quote = Some(Span {
                    start: whole.start,
                    end: whole.start + 1,
                });
            }
            _ => {
                value.span = span(&inner, start);
                let tera = inner.into_inner().filter(|inner| is_tera(inner.as_rule()));
                value.tera = tera.map(|tera| span(&tera, start)).collect();
            }
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts() -> impl Strategy<Value = String> {
        let tokens = prop::sample::select(vec![
            " ref=\"a\"",
            " service='b c'",
            " required",
            " ",
            "\n",
            "=",
            "\"",
            "'",
            ">",
            "/>",
            "/",
            "<",
            "{{ a }}",
            "{",
            "x",
            "é",
            "a=b",
            " a = ",
            " a=\"\"",
            "m:x",
            "<b>",
            "list<",
            "=\"",
            "“",
            "-",
        ]);
        prop::collection::vec(tokens, 0..8).prop_map(|tokens| format!("<m:fragment{}", tokens.concat()))
    }

    proptest! {
        #[test]
        fn the_short_way_reads_tags_as_the_grammar_does(text in texts()) {
            let by_grammar = by_grammar(&text, 0);
            prop_assert!(by_grammar.is_some());
            if let Some(tag) = plain(&text, 0, 3) {
                prop_assert_eq!(Some(tag), by_grammar);
            }
        }
    }
}
