//! Corrects lists with other separators: the same names, as a list of Hydra writes them.
#![deny(clippy::disallowed_methods)]

use crate::limits::MAX_CORRECTED_LIST_BYTES;

use super::is_name;

/// The list that is corrected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ListKind {
    /// `imports`: the left side may be a path.
    Imports,
    /// `exports`.
    Exports,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ListToken<'t> {
    Name(&'t str),
    /// `as`, and what stands for it elsewhere: `=>`, `->`, `=`, `:`.
    As,
    /// A comma, and what stands for it elsewhere.
    Comma,
}

/// The text as a list: `a; b => c` is `a, b as c`. A name with two others is there twice. `None`: it can't be told what was meant.
pub(super) fn corrected(text: &str, lists: ListKind) -> Option<String> {
    if text.len() > MAX_CORRECTED_LIST_BYTES {
        return None;
    }
    let tokens = tokens(text)?;
    let mut items: Vec<String> = Vec::new();
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        at += 1;
        let ListToken::Name(from) = *token else {
            // A comma too many; an `as` without its left side is not understood.
            if *token == ListToken::As {
                return None;
            }
            continue;
        };
        let path: Vec<&str> = from.split('.').collect();
        if !path.iter().all(|name| is_name(name)) || (lists == ListKind::Exports && path.len() > 1) {
            return None;
        }
        let before = items.len();
        while let (Some(ListToken::As), Some(ListToken::Name(to))) = (tokens.get(at), tokens.get(at + 1)) {
            if !is_name(to) {
                return None;
            }
            items.push(format!("{from} as {to}"));
            at += 2;
        }
        // An `as` without a name behind it says nothing.
        if tokens.get(at) == Some(&ListToken::As)
            && matches!(tokens.get(at + 1), None | Some(ListToken::Comma))
        {
            at += 1;
        }
        if items.len() == before {
            items.push(match path.as_slice() {
                [_] => from.to_owned(),
                path => format!("{from} as {}", path.last()?),
            });
        }
    }
    (!items.is_empty()).then(|| items.join(", "))
}

fn tokens(text: &str) -> Option<Vec<ListToken<'_>>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = if rest.starts_with("=>") || rest.starts_with("->") {
            (ListToken::As, 2)
        } else if matches!(first, '=' | ':' | '：') {
            (ListToken::As, first.len_utf8())
        } else if matches!(first, ',' | ';' | '|' | '&' | '+' | '/' | '，' | '；' | '、') {
            (ListToken::Comma, first.len_utf8())
        } else {
            let length = name_length(rest);
            let name = rest.get(..length).filter(|name| !name.is_empty())?;
            let token = if name.eq_ignore_ascii_case("as") && !tokens.is_empty() {
                ListToken::As
            } else {
                ListToken::Name(name)
            };
            (token, length)
        };
        tokens.push(token);
        rest = rest.get(length..)?.trim_start();
    }
    Some(tokens)
}

/// The length of a name or a path. A hyphen before `>` is the start of an arrow.
fn name_length(text: &str) -> usize {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')));
    let name = &text[..end.unwrap_or(text.len())];
    match text.get(name.len()..) {
        Some(behind) if behind.starts_with('>') => name.trim_end_matches('-').len(),
        _ => name.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_separators_become_commas_and_as() {
        for (text, expected) in [
            ("a; b", Some("a, b")),
            ("a;b", Some("a, b")),
            ("a | b", Some("a, b")),
            ("a，b、c", Some("a, b, c")),
            ("a b c", Some("a, b, c")),
            ("a & b + c / d", Some("a, b, c, d")),
            ("a => b", Some("a as b")),
            ("a->b", Some("a as b")),
            ("a-b->c", Some("a-b as c")),
            ("a: b", Some("a as b")),
            ("a=b; c", Some("a as b, c")),
            ("a AS b", Some("a as b")),
            ("a as b as c", Some("a as b, a as c")),
            ("a as b c", Some("a as b, c")),
            ("a,,, b,", Some("a, b")),
            ("p.q", Some("p.q as q")),
            ("as as b", Some("as as b")),
            ("a as", Some("a")),
            ("a as, b", Some("a, b")),
            ("p.q as", Some("p.q as q")),
            ("a as as", None),
            ("=> b", None),
            ("a b!", None),
            ("1a", None),
            (",,", None),
            ("", None),
        ] {
            assert_eq!(corrected(text, ListKind::Imports).as_deref(), expected, "{text}");
        }
        assert_eq!(corrected("p.q", ListKind::Exports), None);
    }
}
