//! What stands around the cursor in a text that is being written: no quote, tag or expression around it needs an end.
#![deny(clippy::disallowed_methods)]

use crate::{limits::MAX_TAG_BYTES, source::Span};

/// What is being written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cursor {
    /// The name of a tag with Hydra's prefix: `<m:fra`.
    TagName,
    /// The name of an attribute.
    AttributeName {
        /// The tag.
        tag: OpenTag,
    },
    /// The value of an attribute.
    Value {
        /// The tag.
        tag: OpenTag,
        /// The attribute.
        name: String,
        /// The value as far as it is written before the cursor.
        before: String,
    },
    /// The name of a template, in an `include` or `extends`.
    Template,
    /// A name in an expression or a statement.
    Expression {
        /// What stands before the name, from the delimiter.
        before: String,
    },
}

/// A tag around the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OpenTag {
    /// Whether it is `<m:fragment>`.
    pub(super) is_fragment: bool,
    /// Its attributes, also those behind the cursor, as far as they can be read.
    pub(super) attributes: Vec<(String, String)>,
}

impl OpenTag {
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        let mut attributes = self.attributes.iter();
        let found = attributes.find(|(other, _)| other.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

/// What is being written at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writing {
    pub(super) cursor: Cursor,
    /// The word around the cursor, which a completion replaces.
    pub(super) word: Span,
    /// The tag or the expression around the cursor. Without it, the text is read as if it were not there yet.
    pub(super) construct: Span,
}

/// What is being written at a byte of a text. `None`: nothing of Hydra's or Tera's.
pub(super) fn writing(text: &str, prefix: &str, at: usize) -> Option<Writing> {
    in_tag(text, prefix, at).or_else(|| in_expression(text, at))
}

/// The tag around a byte, if it is one of Hydra's or has attributes of Hydra's, or may get them.
fn in_tag(text: &str, prefix: &str, at: usize) -> Option<Writing> {
    let first = floor(text, at.saturating_sub(MAX_TAG_BYTES));
    // A `<` may stand in a value: the nearest one from which the text reads as a tag up to the cursor counts.
    let starts = text[first..at]
        .rmatch_indices('<')
        .map(|(start, _)| first + start);
    starts.take(MAX_STARTS).find_map(|start| {
        let name_end = start + 1 + name_length(&text[start + 1..]);
        let own = format!("{prefix}:");
        let is_own = text[start + 1..].starts_with(&own);
        if is_own && at <= name_end {
            return Some(Writing {
                cursor: Cursor::TagName,
                word: Span::new(start + 1, name_end),
                construct: Span::new(start, name_end),
            });
        }
        if name_end == start + 1 || !text[start + 1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            return None;
        }
        let is_fragment = is_own && text[start + 1..name_end].trim_start_matches(&own) == "fragment";
        Attributes {
            text,
            at,
            end: name_end,
        }
        .read(start, is_fragment)
    })
}

/// How many `<` before the cursor are tried.
const MAX_STARTS: usize = 32;

/// Reads the attributes of a tag, up to the cursor and behind it.
struct Attributes<'t> {
    text: &'t str,
    at: usize,
    end: usize,
}

impl Attributes<'_> {
    fn read(mut self, start: usize, is_fragment: bool) -> Option<Writing> {
        let mut tag = OpenTag {
            is_fragment,
            attributes: Vec::new(),
        };
        let mut found = None;
        loop {
            let space = self.text[self.end..].len() - self.text[self.end..].trim_start().len();
            if found.is_none()
                && space > 0
                && (self.end + 1..=self.end + space).contains(&self.at)
                && !self.starts_name(self.end + space)
            {
                found = Some((None, Span::new(self.at, self.at)));
            }
            self.end += space;
            let length = name_length(&self.text[self.end..]);
            if length == 0 {
                break;
            }
            let name = self.end..self.end + length;
            if found.is_none() && (name.start..=name.end).contains(&self.at) {
                found = Some((None, Span::new(name.start, name.end)));
            }
            self.end = name.end;
            let name = &self.text[name];
            let Some(value) = self.value() else {
                tag.attributes.push((name.to_owned(), String::new()));
                continue;
            };
            if found.is_none() && (value.start..=value.end).contains(&self.at) {
                let before = self.text[value.start..self.at].to_owned();
                found = Some((
                    Some((name.to_owned(), before)),
                    word_around(self.text, self.at, value.start, value.end),
                ));
            }
            tag.attributes
                .push((name.to_owned(), self.text[value].to_owned()));
        }
        // The tag ends before the cursor.
        let (value, word) = found?;
        let cursor = match value {
            None => Cursor::AttributeName { tag },
            Some((name, before)) => Cursor::Value { tag, name, before },
        };
        let rest = &self.text[self.end.max(self.at)..];
        let end = match rest.starts_with('>') || rest.starts_with("/>") {
            true => self.end.max(self.at) + 1,
            // The white space behind it belongs to what follows.
            false => self.text[..self.end].trim_end().len().max(self.at),
        };
        Some(Writing {
            cursor,
            word,
            construct: Span::new(start, end),
        })
    }

    fn starts_name(&self, at: usize) -> bool {
        at == self.at && name_length(&self.text[at..]) > 0
    }

    /// The value behind a name. One whose quote is never closed ends with the line, or where a tag begins or ends.
    fn value(&mut self) -> Option<std::ops::Range<usize>> {
        let rest = &self.text[self.end..];
        let behind = rest.trim_start().strip_prefix('=')?.trim_start();
        let start = self.text.len() - behind.len();
        let Some(quote) = behind.chars().next().filter(|quote| matches!(quote, '"' | '\'')) else {
            let length = behind
                .find(|c: char| c.is_whitespace() || c == '>')
                .unwrap_or(behind.len());
            self.end = start + length;
            return Some(start..start + length);
        };
        let inner = &behind[1..];
        let line = inner.find('\n').unwrap_or(inner.len());
        let closed = inner.find(quote);
        // The next quote belongs to another attribute if a name and a `=` stand right before it, or if a tag begins before it.
        let is_own = |end: usize| !inner[..end].trim_end().ends_with('=') && !inner[..end].contains('<');
        let length = match closed.filter(|end| is_own(*end)) {
            Some(end) => end,
            None => inner[..line].find(['<', '>']).unwrap_or(line),
        };
        let start = start + 1;
        self.end = start + length + usize::from(closed == Some(length));
        Some(start..start + length)
    }
}

/// The expression or the statement around a byte.
fn in_expression(text: &str, at: usize) -> Option<Writing> {
    let first = floor(text, at.saturating_sub(MAX_TAG_BYTES));
    let before = &text[first..at];
    let open = before.rfind("{{").max(before.rfind("{%"))?;
    let inside = &before[open + 2..];
    if inside.contains("}}") || inside.contains("%}") {
        return None;
    }
    let quote = inside
        .rfind(['"', '\''])
        .filter(|_| inside.matches(['"', '\'']).count() % 2 == 1);
    let word = match quote {
        // Other texts are the writer's own.
        Some(quote) if names_template(&inside[..quote]) => {
            let start = first + open + 2 + quote + 1;
            let length = text[at..]
                .find(['"', '\'', '\n', '%', '}'])
                .unwrap_or(text.len() - at);
            Span::new(start, at + length)
        }
        Some(_) => return None,
        None => word_around(text, at, first + open + 2, text.len()),
    };
    let start = first + open;
    let before = text[start..word.start as usize].to_owned();
    // What follows on the line, up to the end of the expression or to another.
    let rest = &text[at..];
    let line = rest.find('\n').unwrap_or(rest.len());
    let end = ["}}", "%}"].iter().filter_map(|end| rest[..line].find(end)).min();
    let next = ["{{", "{%", "<"]
        .iter()
        .filter_map(|next| rest[..line].find(next))
        .min();
    let end = match (end, next) {
        (Some(end), next) if next.is_none_or(|next| end < next) => at + end + 2,
        (_, Some(next)) => at + next,
        _ => at + line,
    };
    let cursor = match quote {
        Some(_) => Cursor::Template,
        None => Cursor::Expression { before },
    };
    Some(Writing {
        cursor,
        word,
        construct: Span::new(start, end),
    })
}

/// Whether a text in quotes behind this names a template.
fn names_template(before: &str) -> bool {
    matches!(before.trim_matches(['-', ' ']), "include" | "extends")
}

/// The letters, digits, `_` and `-` around a byte, between two others.
fn word_around(text: &str, at: usize, first: usize, last: usize) -> Span {
    let is_word = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-');
    let before = &text[first..at];
    let start = first + before.trim_end_matches(is_word).len();
    let behind = &text[at..last.max(at)];
    let length = behind.len() - behind.trim_start_matches(is_word).len();
    Span::new(start, at + length)
}

/// The length of the name of a tag or an attribute at the start of a text.
fn name_length(text: &str) -> usize {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, ':' | '-' | '_' | '.');
    text.find(|c: char| !is_name(c)).unwrap_or(text.len())
}

/// The nearest start of a character that is not behind a byte.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// What is written at the `|`: the kind, the attribute with its text before the cursor, and the word.
    fn at_mark(marked: &str) -> String {
        let at = marked.find('|').expect("a mark");
        let text = marked.replacen('|', "", 1);
        let Some(writing) = writing(&text, "m", at) else {
            return "nothing".to_owned();
        };
        let word = &text[writing.word.range()];
        let construct = &text[writing.construct.range()];
        let shown = |tag: &OpenTag| {
            let service = tag.attribute("service").map(|service| format!(" of {service}"));
            format!(
                "{}{}",
                if tag.is_fragment { "fragment" } else { "element" },
                service.unwrap_or_default()
            )
        };
        match writing.cursor {
            Cursor::TagName => format!("tag [{word}] {construct}"),
            Cursor::AttributeName { tag } => format!("attribute of {} [{word}] {construct}", shown(&tag)),
            Cursor::Value { tag, name, before } => {
                format!("{name} of {}: {before} [{word}] {construct}", shown(&tag))
            }
            Cursor::Template => format!("template [{word}] {construct}"),
            Cursor::Expression { before } => format!("expression {before}[{word}] {construct}"),
        }
    }

    #[test]
    fn what_is_being_written_is_found_in_half_a_file() {
        for (marked, expected) in [
            ("<m:|", "tag [m:] <m:"),
            ("<m:fra|g service='a'>", "tag [m:frag] <m:frag"),
            ("<p>a|b</p>", "nothing"),
            ("<m:fragment>|", "nothing"),
            ("a < b|", "nothing"),
            ("<m:fragment |>", "attribute of fragment [] <m:fragment >"),
            ("<m:fragment ser|", "attribute of fragment [ser] <m:fragment ser"),
            (
                "<m:fragment service=\"ord|\n<p class=\"x\">",
                "service of fragment of ord: ord [ord] <m:fragment service=\"ord",
            ),
            (
                "<m:fragment service=\"or|der\">",
                "service of fragment of order: or [order] <m:fragment service=\"order\">",
            ),
            (
                "<m:fragment service='orders' ref='|' imports='a'>",
                "ref of fragment of orders:  [] <m:fragment service='orders' ref='' imports='a'>",
            ),
            // The service stands behind the cursor.
            (
                "<m:fragment ref=\"|\" service=\"orders\"/>",
                "ref of fragment of orders:  [] <m:fragment ref=\"\" service=\"orders\"/",
            ),
            (
                "<m:fragment imports=\"a, b as c|\"",
                "imports of fragment: a, b as c [c] <m:fragment imports=\"a, b as c\"",
            ),
            // A quote that is not closed takes no other attribute.
            (
                "<m:fragment service=\"ord| ref=\"checkout\">",
                "service of fragment of ord ref=\"checkout\": ord [ord] <m:fragment service=\"ord ref=\"checkout\">",
            ),
            (
                "<div m:ref=\"menu\" m:imports=\"a: st|\">",
                "m:imports of element: a: st [st] <div m:ref=\"menu\" m:imports=\"a: st\">",
            ),
            ("<div class='a|'>", "class of element: a [a] <div class='a'>"),
            ("{{ to|tal }}", "expression {{ [total] {{ total }}"),
            ("{{ |", "expression {{ [] {{ "),
            (
                "{% if a and b| %}x",
                "expression {% if a and [b] {% if a and b %}",
            ),
            ("{{ a }}|", "nothing"),
            ("{{ 'a|' }}", "nothing"),
            (
                "{% include \"par|ts/a.html\" %}",
                "template [parts/a.html] {% include \"parts/a.html\" %}",
            ),
            ("{%- extends 'b|\n<p>", "template [b] {%- extends 'b"),
            ("{% set a = 'b|' %}", "nothing"),
            ("{{ a|<p>{{ b }}</p>", "expression {{ [a] {{ a"),
            ("{{ a.b| }}", "expression {{ a.[b] {{ a.b }}"),
            (
                "é<m:fragment ref='é|'>",
                "ref of fragment: é [é] <m:fragment ref='é'>",
            ),
        ] {
            assert_eq!(at_mark(marked), expected, "{marked}");
        }
    }

    proptest! {
        #[test]
        fn any_text_has_places_in_itself(text in "[<>m:fragent serviclo=\"'{}%|\n.é\u{1F375}]{0,60}") {
            for at in (0..=text.len()).filter(|at| text.is_char_boundary(*at)) {
                if let Some(writing) = writing(&text, "m", at) {
                    for span in [writing.word, writing.construct] {
                        prop_assert!(text.get(span.range()).is_some(), "{span:?}");
                        prop_assert!(span.start as usize <= at && at <= span.end as usize, "{span:?} {at}");
                    }
                }
            }
        }
    }
}
