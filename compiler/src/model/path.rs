//! The members behind a name in an expression: `post.author.name`, `posts[0].title`.
#![deny(clippy::disallowed_methods)]

use crate::{
    limits::MAX_PATH_MEMBERS,
    shape::{Member, Memberless, Shape, StructShape},
    source::Span,
};

/// A member behind a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'t> {
    /// `.name`, `["name"]`
    Name(&'t str, Span),
    /// `[0]`, `[i]`
    Item,
    /// `[1:3]`
    Slice,
}

/// Members, and where the last one ends.
#[derive(Debug)]
pub(super) struct Path<'t> {
    pub(super) steps: Vec<Step<'t>>,
    pub(super) end: usize,
    /// Whether it does without a value: `?.`, `?[`.
    pub(super) lenient: bool,
}

/// The members behind the name that ends at `from`. `end`: where the expression ends.
pub(super) fn path(text: &str, from: usize, end: usize) -> Path<'_> {
    let mut path = Path {
        steps: Vec::new(),
        end: from,
        lenient: false,
    };
    while path.steps.len() < MAX_PATH_MEMBERS {
        let rest = text.get(path.end..end).unwrap_or_default();
        let (rest, question) = match rest.strip_prefix('?') {
            Some(rest) => (rest, 1),
            None => (rest, 0),
        };
        let start = path.end + question;
        let (step, next) = if let Some(name) = rest.strip_prefix('.') {
            let length = name
                .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
                .unwrap_or(name.len());
            if length == 0 || name.starts_with(|c: char| c.is_ascii_digit()) {
                break;
            }
            let span = Span::new(start + 1, start + 1 + length);
            (Step::Name(&name[..length], span), start + 1 + length)
        } else if let Some(inside) = rest.strip_prefix('[').and_then(bracketed) {
            (index(inside, start + 1), start + inside.len() + 2)
        } else {
            break;
        };
        path.lenient |= question > 0;
        path.steps.push(step);
        path.end = next;
    }
    path
}

/// What stands before the `]` that closes a bracket.
fn bracketed(text: &str) -> Option<&str> {
    let (mut depth, mut quote) = (0_usize, None);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (None, b'[' | b'(' | b'{') => depth += 1,
            (None, b']') if depth == 0 => return text.get(..at),
            (None, b']' | b')' | b'}') => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    None
}

fn index(inside: &str, start: usize) -> Step<'_> {
    let trimmed = inside.trim();
    for quote in ['"', '\''] {
        let name = trimmed
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote));
        if let Some(name) = name.filter(|name| !name.contains([quote, '\\'])) {
            let at = start + (inside.len() - inside.trim_start().len()) + 1;
            return Step::Name(name, Span::new(at, at + name.len()));
        }
    }
    if inside.contains(':') {
        Step::Slice
    } else {
        Step::Item
    }
}

/// What lacks a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A struct, which has others.
    Struct(StructShape),
    /// A value that has none.
    Value(Memberless),
}

/// What the members of `shape` lead to, or the first one that is not there.
pub(super) fn follow<'t>(shape: &Shape, steps: &[Step<'t>]) -> Result<Shape, (Owner, &'t str, Span)> {
    let mut at = shape.clone();
    for step in steps {
        if at.is_any() {
            break;
        }
        at = match step {
            Step::Slice => at,
            Step::Item => at.item(),
            Step::Name(name, span) => match at.member(name) {
                Member::Known(shape) => shape,
                Member::Missing(found) => return Err((Owner::Struct(found.clone()), *name, *span)),
                Member::None(value) => return Err((Owner::Value(value), *name, *span)),
            },
        };
    }
    Ok(at)
}

/// The shape of a value after its filters ran: `| reverse | sort(attribute="a")` leaves the items as they are.
pub(super) fn filtered(shape: Shape, mut filters: &str) -> Shape {
    let mut shape = shape;
    loop {
        filters = filters.trim();
        if filters.is_empty() {
            return shape;
        }
        let Some(rest) = filters.strip_prefix('|').map(str::trim_start) else {
            return Shape::default();
        };
        let length = rest
            .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            .unwrap_or(rest.len());
        let (name, rest) = rest.split_at(length);
        shape = match name {
            "reverse" | "sort" | "unique" => shape,
            "first" | "last" | "nth" => shape.item(),
            _ => return Shape::default(),
        };
        filters = match rest.trim_start().strip_prefix('(') {
            // An argument in brackets is more than is followed.
            Some(arguments) => match arguments.split_once(')') {
                Some((arguments, rest)) if !arguments.contains('(') => rest,
                _ => return Shape::default(),
            },
            None => rest,
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_are_read_as_tera_reads_them() {
        for (text, expected) in [
            ("a", ""),
            ("a.b.c | upper", "b c"),
            ("a[0].b", "0 b"),
            ("a[i + f(x=[1])].b", "0 b"),
            ("a['b'][ \"c\" ]", "b c"),
            ("a[1:3].b", ": b"),
            ("a?.b?[0]", "b 0"),
            ("a .b", ""),
            ("a[", ""),
            ("a.0", ""),
        ] {
            let path = path(text, 1, text.len());
            let shown = path.steps.iter().map(|step| match step {
                Step::Name(name, span) => {
                    assert_eq!(&text[span.range()], *name);
                    *name
                }
                Step::Item => "0",
                Step::Slice => ":",
            });
            assert_eq!(shown.collect::<Vec<_>>().join(" "), expected, "{text}");
            assert_eq!(path.lenient, text.contains('?'), "{text}");
        }
    }
}
