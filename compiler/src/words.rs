//! The names that a Tera expression may use.
//!
//! A scan of words, no parser: it may name too much (the variable of a list comprehension), never too little.
//! Whoever needs an exact answer asks Tera.

use std::collections::BTreeSet;

use crate::source::Span;

/// Words of Tera's own in expressions.
const KEYWORDS: [&str; 16] = [
    "true", "True", "false", "False", "and", "or", "not", "is", "in", "if", "else", "for", "none", "None",
    "null", "self",
];

/// The context as a whole: it stands for every name.
pub const WHOLE_CONTEXT: &str = "__tera_context";

/// The names in the text at `span`, with their places in order. Strings, members (`a.b`), filters (`a | b`),
/// tests (`is b`), functions (`b()`) and the names of arguments (`b=`) are no names of the page.
pub fn words(text: &str, span: Span) -> Vec<(&str, Span)> {
    let mut scan = Scan {
        bytes: text.as_bytes(),
        at: span.start as usize,
        end: span.end as usize,
    };
    let mut found = Vec::new();
    let mut before = Before::Nothing;
    while scan.at < scan.end {
        let start = scan.at;
        let byte = scan.bytes[start];
        if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 {
            scan.skip_while(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80);
            let word = &text[start..scan.at];
            if before == Before::Nothing && scan.is_name(word) {
                found.push((word, Span::new(start, scan.at)));
            }
            before = match word {
                "is" => Before::Test,
                "not" if before == Before::Test => Before::Test,
                _ => Before::Nothing,
            };
            continue;
        }
        match byte {
            b'"' | b'\'' | b'`' => scan.skip_string(byte),
            b'0'..=b'9' => scan.skip_while(|byte| byte.is_ascii_alphanumeric()),
            b'.' if scan.bytes[start..scan.end].starts_with(b"...") => scan.at += 3,
            _ => scan.at += 1,
        }
        match byte {
            b'.' if scan.at == start + 1 => before = Before::Member,
            b'|' => before = Before::Filter,
            byte if byte.is_ascii_whitespace() => {}
            _ => before = Before::Nothing,
        }
    }
    found
}

/// The same without places.
#[must_use]
pub fn names(text: &str, span: Span) -> BTreeSet<String> {
    words(text, span)
        .into_iter()
        .map(|(word, _)| word.to_owned())
        .collect()
}

#[derive(Clone, Copy, PartialEq)]
enum Before {
    Nothing,
    Member,
    Filter,
    Test,
}

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
    end: usize,
}

impl Scan<'_> {
    fn skip_while(&mut self, keep: impl Fn(u8) -> bool) {
        while self.at < self.end && keep(self.bytes[self.at]) {
            self.at += 1;
        }
    }

    fn skip_string(&mut self, quote: u8) {
        self.at += 1;
        while self.at < self.end {
            match self.bytes[self.at] {
                b'\\' => self.at += 1,
                byte if byte == quote => break,
                _ => {}
            }
            self.at += 1;
        }
        self.at = (self.at + 1).min(self.end);
    }

    /// Whether the word that ends here is a name: no keyword, no function, no argument's name.
    fn is_name(&self, word: &str) -> bool {
        let rest = &self.bytes[self.at..self.end];
        let next = rest
            .iter()
            .position(|byte| !byte.is_ascii_whitespace())
            .map(|at| &rest[at..]);
        let argument =
            next.is_some_and(|next| next[0] == b'(' || next[0] == b'=' && next.get(1) != Some(&b'='));
        !argument && !KEYWORDS.contains(&word)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_the_page_provides() {
        for (text, expected) in [
            ("a", "a"),
            ("a.b.c", "a"),
            ("a?.b[c.d]", "a c"),
            ("a | upper | default(value=b)", "a b"),
            ("a is defined and b is not string", "a b"),
            ("f(x=a, y=[b, 'c'])", "a b"),
            ("\"a\" ~ 'b\\'c' ~ `d` ~ e", "e"),
            ("a == b", "a b"),
            ("1e5 + 2.5 + x", "x"),
            ("{...a, 'k': b}", "a b"),
            ("not a or b if c else none", "a b c"),
            ("<card title={a} {...b} />", "a b"),
        ] {
            let found: Vec<_> = words(text, Span::new(0, text.len()))
                .into_iter()
                .map(|(word, _)| word)
                .collect();
            let expected: Vec<_> = expected.split(' ').collect();
            let found: Vec<_> = found.into_iter().filter(|word| *word != "card").collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}
