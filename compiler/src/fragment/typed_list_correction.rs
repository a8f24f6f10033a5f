//! Corrects typed lists with other separators: the same items, as a typed list of Hydra writes them.
#![deny(clippy::disallowed_methods)]

use hydra_contract::Type;

use crate::limits::MAX_CORRECTED_LIST_BYTES;

use super::{
    declared::{TypedListKind, literal},
    is_name,
    type_name::{meant, rust},
};

/// The text as a typed list: `a string; b = 1` is `a: string, b = 1`. `None`: it can't be told what was meant.
pub(super) fn corrected(text: &str, lists: TypedListKind) -> Option<String> {
    if text.len() > MAX_CORRECTED_LIST_BYTES {
        return None;
    }
    let mut items = Vec::new();
    let mut rest = text.trim_start_matches(is_between);
    while !rest.is_empty() {
        let name = word(rest);
        if !is_name(name) {
            return None;
        }
        let (ty, behind) = type_behind(&rest[name.len()..], lists)?;
        let (default, behind) = default_behind(behind, ty.as_deref(), lists)?;
        let ty = ty.map(|ty| format!(": {ty}")).unwrap_or_default();
        let default = default.map(|default| format!(" = {default}")).unwrap_or_default();
        items.push(format!("{name}{ty}{default}"));
        rest = behind.trim_start_matches(is_between);
    }
    (!items.is_empty()).then(|| items.join(", "))
}

/// What stands between items, or was meant to.
fn is_between(c: char) -> bool {
    c.is_whitespace() || matches!(c, ',' | ';' | '|' | '&' | '+' | '/' | '，' | '；' | '、')
}

/// The letters of a name at the start of a text.
fn word(text: &str) -> &str {
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '_' | '-')));
    &text[..end.unwrap_or(text.len())]
}

/// The type behind a name, with or without a colon, and what follows it.
fn type_behind(text: &str, lists: TypedListKind) -> Option<(Option<String>, &str)> {
    let behind = text.trim_start();
    if let Some(ty) = behind.strip_prefix([':', '：']) {
        let ty = ty.trim_start();
        let (written, rest) = ty.split_at(type_length(ty));
        if written.is_empty() {
            return Some((None, rest));
        }
        let of_crate = rust(written).filter(|_| lists == TypedListKind::Attributes);
        // A name that is nearly a contract's type is one: `String`.
        let ty = meant(written).or_else(|| of_crate.map(|_| written.to_owned()))?;
        return Some((Some(ty), rest));
    }
    let (written, rest) = behind.split_at(type_length(behind));
    let ends = rest
        .trim_start()
        .chars()
        .next()
        .is_none_or(|c| c == '=' || is_between(c));
    match written.parse::<Type>() {
        Ok(ty) if ends => Some((Some(ty.to_string()), rest)),
        _ => Some((None, text)),
    }
}

/// The length of what looks like a type: a word, and what stands in `<` and `>` behind it.
fn type_length(text: &str) -> usize {
    let name = word(text).len();
    let behind = &text[name..];
    let open = behind.len() - behind.trim_start().len();
    if name == 0 || !behind.trim_start().starts_with('<') {
        return name + if behind.starts_with("[]") { 2 } else { 0 };
    }
    let mut depth = 0_usize;
    for (at, c) in behind[open..].char_indices() {
        match c {
            '<' => depth += 1,
            '>' if depth <= 1 => return name + open + at + 1,
            '>' => depth -= 1,
            _ => {}
        }
    }
    name
}

/// The default behind a name or a type, as it fits the type, and what follows it. Only imports have one.
fn default_behind<'t>(
    text: &'t str,
    ty: Option<&str>,
    lists: TypedListKind,
) -> Option<(Option<String>, &'t str)> {
    let Some(default) = text.trim_start().strip_prefix('=') else {
        return Some((None, text));
    };
    let default = default.trim_start();
    let length = match default.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        Some(quote) => default[1..].find(quote)? + 2,
        None => default.find(is_between).unwrap_or(default.len()),
    };
    let (written, rest) = default.split_at(length);
    let ty = ty.map_or(Ok(Type::Any), str::parse::<Type>).ok()?;
    let fit = (lists == TypedListKind::Imports)
        .then(|| fitting(written, &ty))
        .flatten();
    Some((fit, rest))
}

/// A default as its type takes it: in quotes or without them.
fn fitting(written: &str, ty: &Type) -> Option<String> {
    let bare = written.trim_matches(['\'', '"']);
    let candidates = [written.to_owned(), bare.to_owned(), format!("'{bare}'")];
    candidates
        .into_iter()
        .find(|text| literal(text).is_some_and(|value| ty.admits(&value)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_separators_become_commas_and_colons() {
        for (text, expected) in [
            ("a; b", Some("a, b")),
            ("a b", Some("a, b")),
            ("a string", Some("a: string")),
            ("a: string b: date", Some("a: string, b: date")),
            ("a: strng; b: int", Some("a: string, b: integer")),
            ("a | b", Some("a, b")),
            ("a,,b,", Some("a, b")),
            ("a：list<strng>，b", Some("a: list<string>, b")),
            ("a: string[]; b", Some("a: list<string>, b")),
            ("a: list<map<int>> b", Some("a: list<map<integer>>, b")),
            ("a: ; b", Some("a, b")),
            ("a = x", Some("a = 'x'")),
            ("a: integer = '1'", Some("a: integer = 1")),
            ("a: string = 1 b", Some("a: string = '1', b")),
            ("a: list<any> = 1", Some("a: list<any>")),
            ("a: string = 'x, y'; b", Some("a: string = 'x, y', b")),
            ("a: Line", None),
            ("a: list<", None),
            ("a = 'x", None),
            ("1a", None),
            ("a!", None),
            (",;", None),
            ("", None),
        ] {
            assert_eq!(
                corrected(text, TypedListKind::Imports).as_deref(),
                expected,
                "{text}"
            );
        }
        assert_eq!(
            corrected("a = 1; b", TypedListKind::Attributes).as_deref(),
            Some("a, b")
        );
        assert_eq!(
            corrected("a: list<Line>; b", TypedListKind::Attributes).as_deref(),
            Some("a: list<Line>, b")
        );
        assert_eq!(
            corrected(&"a ".repeat(MAX_CORRECTED_LIST_BYTES), TypedListKind::Exports),
            None
        );
    }
}
