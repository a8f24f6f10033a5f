//! The names that a Tera expression may use.
//!
//! This is a scan of words and not a parser: it may name too much (the variable of a list comprehension), and never too little.
//! Where an exact answer is needed, Tera parses the expression.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::source::Span;

/// Words of Tera's own in expressions.
const KEYWORDS: [&str; 16] = [
    "true", "True", "false", "False", "and", "or", "not", "is", "in", "if", "else", "for", "none", "None",
    "null", "self",
];

/// The length of the longest of them.
const LONGEST: usize = 5;

/// The context as a whole: it stands for every name.
pub(crate) const WHOLE_CONTEXT: &str = "__tera_context";

/// The names in the text at `span`, with their places in order. Strings, members (`a.b`), filters (`a | b`),
/// tests (`is b`), functions (`b()`), components (`<b />`) and the names of arguments (`b=`) are no names of the page.
pub(crate) fn words(text: &str, span: Span) -> SmallVec<[(&str, Span); 4]> {
    let mut found = SmallVec::new();
    Scan::new(text, span).each(|scan, place| {
        let word = &text[place.range()];
        if scan.is_name(word) {
            found.push((word, place));
        }
    });
    found
}

/// Whether a name in the text at `span` is one of those that `is_it` is true of.
pub(crate) fn any_word(text: &str, span: Span, mut is_it: impl FnMut(&str) -> bool) -> bool {
    let mut found = false;
    Scan::new(text, span).each(|scan, place| {
        let word = &text[place.range()];
        found = found || (scan.is_name(word) && is_it(word));
    });
    found
}

/// Whether the expression at `span` calls `super()`.
pub(crate) fn calls_super(text: &str, span: Span) -> bool {
    let mut called = false;
    Scan::new(text, span)
        .each(|scan, place| called |= &text[place.range()] == "super" && scan.next().starts_with(b"("));
    called
}

/// What an expression calls by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// `price()`
    Function,
    /// `a | upper`
    Filter,
    /// `a is odd`
    Test,
}

/// The functions, filters and tests in the text at `span`, each with the place of its name, in order.
pub(crate) fn called(text: &str, span: Span) -> Vec<(CallKind, Span)> {
    let mut found = Vec::new();
    Scan::new(text, span).each_word(|scan, place, before| {
        let kind = match before {
            PrecedingToken::Pipe => CallKind::Filter,
            PrecedingToken::Test => CallKind::Test,
            PrecedingToken::Nothing if scan.next().starts_with(b"(") => CallKind::Function,
            _ => return,
        };
        // `none` is a test of Tera's, too, and `None` is one that it does not know.
        if !KEYWORDS.contains(&&text[place.range()]) || kind != CallKind::Function {
            found.push((kind, place));
        }
    });
    found
}

/// What follows the name that the statement of a section begins with: the arguments in `replace(from=a) | upper` and in
/// `name | upper`.
pub(crate) fn behind_name(text: &str, statement: Span) -> Span {
    let mut scan = Scan::new(text, statement);
    scan.skip_while(is_word);
    Span::new(scan.at, scan.end)
}

/// The same without places.
#[must_use]
pub(crate) fn names(text: &str, span: Span) -> BTreeSet<String> {
    words(text, span)
        .into_iter()
        .map(|(word, _)| word.to_owned())
        .collect()
}

#[derive(Clone, Copy, PartialEq)]
enum PrecedingToken {
    Nothing,
    /// A `.` or the `<` of a component: a name that is not the page's.
    Foreign,
    /// A `|`.
    Pipe,
    /// An `is`.
    Test,
}

struct Scan<'t> {
    bytes: &'t [u8],
    at: usize,
    end: usize,
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

impl<'t> Scan<'t> {
    fn new(text: &'t str, span: Span) -> Self {
        let end = (span.end as usize).min(text.len());
        Self {
            bytes: text.as_bytes(),
            at: (span.start as usize).min(end),
            end,
        }
    }

    /// Calls `see` behind each word that is not foreign, with its place.
    fn each(&mut self, mut see: impl FnMut(&Self, Span)) {
        self.each_word(|scan, place, before| {
            if before == PrecedingToken::Nothing {
                see(scan, place);
            }
        });
    }

    /// Calls `see` behind each word, with its place and what stands before it.
    fn each_word(&mut self, mut see: impl FnMut(&Self, Span, PrecedingToken)) {
        let mut before = PrecedingToken::Nothing;
        // Whether a value ends here, so that `<` compares.
        let mut value = false;
        while self.at < self.end {
            let start = self.at;
            let byte = self.bytes[start];
            if is_word(byte) && !byte.is_ascii_digit() {
                self.skip_while(is_word);
                let word = &self.bytes[start..self.at];
                if before != PrecedingToken::Test || word != b"not" {
                    see(self, Span::new(start, self.at), before);
                }
                before = match word {
                    b"is" => PrecedingToken::Test,
                    b"not" if before == PrecedingToken::Test => PrecedingToken::Test,
                    _ => PrecedingToken::Nothing,
                };
                value = !matches!(word, b"and" | b"or" | b"not" | b"in" | b"if" | b"else");
                continue;
            }
            match byte {
                b'"' | b'\'' | b'`' => self.skip_string(byte),
                b'0'..=b'9' => self.skip_while(|byte| byte.is_ascii_alphanumeric()),
                b'.' if self.bytes[start..self.end].starts_with(b"...") => self.at += 3,
                _ => self.at += 1,
            }
            before = match byte {
                b'.' if self.at == start + 1 => PrecedingToken::Foreign,
                b'|' => PrecedingToken::Pipe,
                b'<' if !value => PrecedingToken::Foreign,
                byte if byte.is_ascii_whitespace() => continue,
                _ => PrecedingToken::Nothing,
            };
            value = byte.is_ascii_digit() || b")]}\"'`".contains(&byte);
        }
    }

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

    /// What follows, without white space.
    fn next(&self) -> &'t [u8] {
        self.bytes[self.at..self.end].trim_ascii_start()
    }

    /// Whether the word that ends here is a name: no keyword, no function, no argument's name.
    fn is_name(&self, word: &str) -> bool {
        let argument = match self.next() {
            [b'(', ..] => true,
            [b'=', rest @ ..] => rest.first() != Some(&b'='),
            _ => false,
        };
        !(argument || word.len() <= LONGEST && KEYWORDS.contains(&word))
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
            ("a ~ <ui.card/> ~ b", "a b"),
            ("a < b and 1 <c or <card/>", "a b c"),
        ] {
            let found: Vec<_> = words(text, Span::new(0, text.len()))
                .into_iter()
                .map(|(word, _)| word)
                .collect();
            let expected: Vec<_> = expected.split(' ').collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn what_is_called_is_told_from_names() {
        for (text, expected) in [
            ("a | upper | default(value=f(x))", "|upper |default f"),
            ("a is defined and b is not string", "?defined ?string"),
            ("f(x=a) ~ g ( )", "f g"),
            ("not (a) or (b) and (c) in (d)", ""),
            ("a.f | b.c", "|b"),
            ("'f()' ~ `| x` ~ f", ""),
            ("<card title={f(a)} /> | trim", "f |trim"),
            ("[f(x) for x in g(y) if x is odd]", "f g ?odd"),
            ("x is starting_with('a') | h", "?starting_with |h"),
            ("a if f() else b|c", "f |c"),
            ("range(end=2)[0]", "range"),
        ] {
            let found: Vec<_> = called(text, Span::new(0, text.len()))
                .into_iter()
                .map(|(kind, place)| {
                    let sign = match kind {
                        CallKind::Function => "",
                        CallKind::Filter => "|",
                        CallKind::Test => "?",
                    };
                    format!("{sign}{}", &text[place.range()])
                })
                .collect();
            assert_eq!(found.join(" "), expected, "{text}");
        }
    }

    #[test]
    fn super_is_a_call_of_that_name() {
        for (text, expected) in [
            ("super()", true),
            ("\"a\" ~ super ( )", true),
            ("superseded | default(value=\"x\")", false),
            ("super ~ f()", false),
            ("'super()'", false),
            ("a.super()", false),
        ] {
            assert_eq!(calls_super(text, Span::new(0, text.len())), expected, "{text}");
        }
    }
}
