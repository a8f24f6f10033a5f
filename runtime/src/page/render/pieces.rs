//! Splits a template into its texts and tags.
#![deny(clippy::disallowed_methods)]

/// A text of a template, and the tag that follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'s> {
    /// The text as Tera writes it: without the white space that a dash in a tag removes.
    pub(super) text: &'s str,
    /// `None`: the template ends here.
    pub(super) tag: Option<Tag<'s>>,
}

/// What stands in a tag, without dashes and white space around it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tag<'s> {
    /// `{{ … }}`
    Expression(&'s str),
    /// `{% … %}`
    Statement(&'s str),
    /// `{# … #}`
    Comment,
    /// A tag that does not end.
    Open,
}

/// The pieces of a template. A string in a tag may hold the end of a tag. What follows such a tag is then neither a text nor a
/// tag of the template.
pub(super) fn pieces(source: &str) -> impl Iterator<Item = Piece<'_>> {
    let mut rest = Some(source);
    std::iter::from_fn(move || {
        let source = rest.take()?;
        let bytes = source.as_bytes();
        let opens = |at: &usize| matches!(bytes.get(at + 1), Some(b'{' | b'%' | b'#'));
        let Some(at) = memchr::memchr_iter(b'{', bytes).find(opens) else {
            return Some(Piece {
                text: source,
                tag: None,
            });
        };
        let (text, tag) = source.split_at(at);
        let kind = tag.as_bytes().get(1);
        let close = match kind {
            Some(b'{') => "}}",
            Some(b'%') => "%}",
            _ => "#}",
        };
        let inside = tag.split_once(close).map(|(inside, after)| {
            rest = Some(if inside.ends_with('-') {
                after.trim_start()
            } else {
                after
            });
            inside.get(2..).unwrap_or_default()
        });
        let is_trimmed = tag.as_bytes().get(2) == Some(&b'-');
        Some(Piece {
            text: if is_trimmed { text.trim_end() } else { text },
            tag: Some(match (inside.map(without_dashes), kind) {
                (None, _) => Tag::Open,
                (Some(inside), Some(b'{')) => Tag::Expression(inside),
                (Some(inside), Some(b'%')) => Tag::Statement(inside),
                _ => Tag::Comment,
            }),
        })
    })
}

fn without_dashes(inside: &str) -> &str {
    let inside = inside.strip_prefix('-').unwrap_or(inside);
    inside.strip_suffix('-').unwrap_or(inside).trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_template_is_split_at_its_tags() {
        for (source, expected) in [
            ("", vec![("", None)]),
            ("a { b }", vec![("a { b }", None)]),
            (
                "a{{ x }}b{%- if y -%} c {# z #}",
                vec![
                    ("a", Some(Tag::Expression("x"))),
                    ("b", Some(Tag::Statement("if y"))),
                    ("c ", Some(Tag::Comment)),
                    ("", None),
                ],
            ),
            ("a {{- 'b", vec![("a", Some(Tag::Open))]),
            ("{{-}}", vec![("", Some(Tag::Expression(""))), ("", None)]),
            ("{#}", vec![("", Some(Tag::Comment)), ("", None)]),
        ] {
            let split: Vec<_> = pieces(source).map(|piece| (piece.text, piece.tag)).collect();
            assert_eq!(split, expected, "{source}");
        }
    }
}
