//! Texts that take in values: `f"Hello {name}"`, `"Hello {}".format(name)`, `"%s items" % count`.

use super::tokens::{Token, joined, split, tokens};
use crate::within::Within;

/// An expression that is a text with values in it, as texts and values that are joined. `None`: it is none.
pub(super) fn written(expression: &str) -> Option<String> {
    let found = tokens(expression);
    with_values(expression)
        .or_else(|| formatted(&found))
        .or_else(|| printed(&found))
        .or_else(|| in_string(&found))
}

/// Whether an expression that begins with a text in quotes is one that takes in values, which Tera prints as it stands, or refuses
/// when the page is rendered: `"Hello #{name}"`, `"%s" % a`.
pub(crate) fn is_text_with_values(expression: &str) -> bool {
    let has_sign = expression.contains("#{") || expression.contains("${") || expression.contains('%');
    has_sign && written(expression).is_some()
}

/// `f"Hello {name}"` and `` `Hello ${name}` ``
fn with_values(text: &str) -> Option<String> {
    let is_text = text.starts_with(['`', 'f']) && text.contains('{') && text.ends_with(['`', '"', '\'']);
    let text = text.strip_prefix('f').unwrap_or(text);
    let inside = text.get(1..text.len().checked_sub(1)?)?;
    let is_text = is_text && text.starts_with(['`', '"', '\'']) && !inside.contains('`');
    is_text.then(|| parts(&inside.replace("${", "{"), "{", "}"))
}

/// `"Hello #{name}"` and `"Hello ${name}"` in quotes, where Ruby, Twig, PHP and Groovy put in values.
fn in_string(found: &[Token<'_>]) -> Option<String> {
    let [string] = found else { return None };
    let inside = string.text.get(1..string.text.len().checked_sub(1)?)?;
    let open = ["#{", "${"].into_iter().find(|open| inside.contains(open))?;
    let (_, value) = inside.split_once(open)?;
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.' | '@');
    let (value, _) = value
        .split_once('}')
        .filter(|(value, _)| value.chars().all(is_name))?;
    if value.is_empty() {
        return None;
    }
    string
        .text
        .starts_with(['"', '\''])
        .then(|| parts(inside, open, "}"))
}

/// A text with values between `open` and `close` as texts and values that are joined.
fn parts(text: &str, open: &str, close: &str) -> String {
    let mut written = Vec::new();
    for part in text.split_inclusive(close) {
        let (words, value) = match part.split_once(open) {
            Some((words, value)) => (words, value.trim_end_matches(close)),
            None => (part, ""),
        };
        push(&mut written, words, value);
    }
    written.join(" ~ ")
}

fn push(written: &mut Vec<String>, words: &str, value: &str) {
    if !words.is_empty() {
        written.push(format!("\"{}\"", words.replace('"', "'")));
    }
    if !value.trim().is_empty() {
        written.push(value.trim().trim_start_matches('$').to_owned());
    }
}

/// `"Hello {}".format(name)` and `"%s items" % count`
fn formatted(found: &[Token<'_>]) -> Option<String> {
    let (string, rest) = found.split_first()?;
    let pattern = quoted(string.text)?;
    match rest {
        [dot, name, open, inside @ .., close]
            if dot.text == "." && name.text == "format" && open.text == "(" && close.text == ")" =>
        {
            filled(pattern, &arguments(inside))
        }
        [sign, values @ ..] if sign.text == "%" && !values.is_empty() => {
            let inside = match values {
                [open, inside @ .., close] if open.text == "(" && close.text == ")" => inside,
                values => values,
            };
            filled(pattern, &arguments(inside))
        }
        _ => None,
    }
}

/// `format!("{}", a)`, `sprintf("%s", a)` and `printf "%s" a`
fn printed(found: &[Token<'_>]) -> Option<String> {
    let (name, rest) = found.split_first()?;
    let known = [
        "format", "println", "print", "write", "sprintf", "printf", "vsprintf",
    ];
    let rest = match rest {
        [sign, rest @ ..] if sign.text == "!" => rest,
        rest => rest,
    };
    let given = match rest {
        [open, inside @ .., close] if open.text == "(" && close.text == ")" => arguments(inside),
        [first, values @ ..] if first.text.starts_with('"') && !first.space.is_empty() => {
            let mut given = vec![first.text.to_owned()];
            given.extend(spaced(values));
            given
        }
        _ => return None,
    };
    let (pattern, values) = given.split_first().filter(|_| known.contains(&name.text))?;
    filled(quoted(pattern)?, values)
}

fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    text.get(1..)?.strip_suffix(quote)
}

fn arguments(inside: &[Token<'_>]) -> Vec<String> {
    split(inside, ",").into_iter().map(joined).collect()
}

/// Values with white space between them.
fn spaced(found: &[Token<'_>]) -> Vec<String> {
    let mut values: Vec<String> = Vec::new();
    for token in found {
        match values.last_mut() {
            Some(last) if token.space.is_empty() => last.push_str(token.text),
            _ => values.push(token.text.to_owned()),
        }
    }
    values
        .iter()
        .map(|value| value.trim_start_matches(['.', '$']).to_owned())
        .collect()
}

/// A pattern with a value in place of each `{}` and `%s`.
fn filled(pattern: &str, values: &[String]) -> Option<String> {
    let mut written = Vec::new();
    let mut values = values.iter();
    let mut rest = pattern;
    while let Some((at, length)) = next_place(rest) {
        let place = rest.within(at..at + length);
        let named = place
            .trim_matches(['{', '}'])
            .split(':')
            .next()
            .unwrap_or_default();
        let is_name = place.starts_with('{') && named.starts_with(|c: char| c.is_alphabetic());
        let value = match is_name {
            true => named,
            false => values.next()?.as_str(),
        };
        let value = value.split_once('=').map_or(value, |(_, value)| value);
        push(&mut written, rest.within(..at), value);
        rest = rest.within(at + length..);
    }
    if written.is_empty() {
        return None;
    }
    push(&mut written, rest, "");
    Some(match written.as_slice() {
        // What joins makes a text of a value.
        [one] => format!("\"\" ~ {one}"),
        all => all.join(" ~ "),
    })
}

/// Where the next value comes, and how long its place is.
fn next_place(text: &str) -> Option<(usize, usize)> {
    let brace = text
        .find('{')
        .and_then(|at| Some((at, text.within(at..).find('}')? + 1)));
    let percent = text.find('%').and_then(|at| {
        let kind = text.within(at + 1..).find(|c: char| c.is_ascii_alphabetic())?;
        let is_place = text
            .within(at + 1..at + 1 + kind)
            .chars()
            .all(|c| c.is_ascii_digit() || c == '.');
        is_place.then_some((at, kind + 2))
    });
    match (brace, percent) {
        (Some(brace), Some(percent)) => Some(brace.min(percent)),
        (brace, percent) => brace.or(percent),
    }
}

#[cfg(test)]
mod tests {
    use super::written;

    #[test]
    fn texts_and_values_are_joined() {
        for (text, expected) in [
            ("f\"Hi {a}!\"", "\"Hi \" ~ a ~ \"!\""),
            ("`Hi ${a.b}`", "\"Hi \" ~ a.b"),
            ("\"Hi #{a}\"", "\"Hi \" ~ a"),
            ("'Hi {}, {}'.format(a, b)", "\"Hi \" ~ a ~ \", \" ~ b"),
            ("\"Hi {name}\".format(name=a)", "\"Hi \" ~ name"),
            ("\"%s of %d\" % (a, b)", "a ~ \" of \" ~ b"),
            ("\"%s\" % a", "\"\" ~ a"),
            ("format!(\"{} {:.2}\", a, b)", "a ~ \" \" ~ b"),
            ("sprintf('%05.2f', a)", "\"\" ~ a"),
            ("printf \"%s and %s\" .A .B", "A ~ \" and \" ~ B"),
            ("\"Hi\"", ""),
            ("\"100 %\"", ""),
            ("format(a)", ""),
            ("\"%s\" % ", ""),
            ("f", ""),
            ("`", ""),
            ("\"", ""),
            ("", ""),
        ] {
            assert_eq!(written(text).unwrap_or_default(), expected, "{text}");
        }
    }
}
