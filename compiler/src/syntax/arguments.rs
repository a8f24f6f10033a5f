//! The arguments of Tera's own filters, tests and functions: Tera ignores those that it does not know, and misses others only when
//! the page is rendered.
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    problem::{Code, Problem},
    slips::nearby,
    source::{SourceId, Span},
    suggest::nearest,
    within::Within,
};

use super::unknown::NameKind;

/// What a filter, a test or a function takes: those arguments that it needs come first, and `needed` says how many they are.
struct Arguments {
    name: &'static str,
    all: &'static [&'static str],
    needed: usize,
}

const fn takes(name: &'static str, all: &'static [&'static str], needed: usize) -> Arguments {
    Arguments { name, all, needed }
}

/// Those of Tera 2.4 that take arguments.
const TAKING: [Arguments; 21] = [
    takes("default", &["value", "boolean"], 1),
    takes("pluralize", &["singular", "plural"], 0),
    takes("trim", &["pat"], 0),
    takes("trim_start", &["pat"], 0),
    takes("trim_end", &["pat"], 0),
    takes("replace", &["from", "to"], 2),
    takes("truncate", &["length", "end"], 1),
    takes("indent", &["width", "indentation", "first", "blank"], 0),
    takes("int", &["base"], 0),
    takes("split", &["pat"], 1),
    takes("round", &["method", "precision"], 0),
    takes("nth", &["n"], 1),
    takes("join", &["sep"], 0),
    takes("sort", &["attribute"], 0),
    takes("get", &["key", "default"], 1),
    takes("group_by", &["attribute"], 1),
    takes("divisible_by", &["divisor"], 1),
    takes("starting_with", &["pat"], 1),
    takes("ending_with", &["pat"], 1),
    takes("containing", &["pat"], 1),
    takes("range", &["end", "start", "step_by"], 1),
];

/// An argument that is ignored, or missing.
pub(super) struct Misuse<'t> {
    /// The name, and its arguments.
    span: Span,
    /// What is called.
    name: &'t str,
    /// The argument that it does not know. `None`: one is missing.
    ignored: Option<&'t str>,
    /// What it takes.
    taking: &'static Arguments,
}

/// What is wrong with the arguments behind the name at `place`. `None`: nothing, or they can't be told.
pub(super) fn misuse<'t>(text: &'t str, kind: NameKind, place: Span) -> Option<Misuse<'t>> {
    let name = text.get(place.range())?;
    let taking = TAKING.iter().find(|taking| taking.name == name)?;
    // Arguments that end farther away are not looked at: each of them may be a call again.
    let behind = text.within(nearby(text, place.end as usize).range());
    let misuse = |length: usize, ignored: Option<&'t str>| Misuse {
        span: Span::new(place.start as usize, place.end as usize + length),
        name,
        ignored,
        taking,
    };
    let Some(rest) = behind.trim_start().strip_prefix('(') else {
        return (taking.needed > 0 && kind != NameKind::Function).then(|| misuse(0, None));
    };
    let start = behind.len() - rest.len();
    let (names, length) = argument_names(rest)?;
    let length = start + length;
    if let Some(ignored) = names.iter().find(|name| !taking.all.contains(name)) {
        return Some(misuse(length, Some(ignored)));
    }
    let is_missing = taking
        .all
        .within(..taking.needed)
        .iter()
        .any(|needed| !names.contains(needed));
    is_missing.then(|| misuse(length, None))
}

/// The names of the arguments in brackets, and where the bracket closes. `None`: there is something that has no name.
fn argument_names(rest: &str) -> Option<(Vec<&str>, usize)> {
    let bytes = rest.as_bytes();
    let mut names = Vec::new();
    let (mut depth, mut start, mut at) = (0_usize, 0, 0);
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'"' | b'\'' | b'`' => at = string_end(bytes, at)?,
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b',' if depth == 0 => {
                let argument = rest.within(start..at).trim();
                if !argument.is_empty() {
                    let (name, _) = argument.split_once('=')?;
                    names.push(name.trim());
                }
                if byte == b')' {
                    return Some((names, at + 1));
                }
                start = at + 1;
            }
            b')' | b']' | b'}' => depth = depth.checked_sub(1)?,
            _ => {}
        }
        at += 1;
    }
    None
}

/// The place of the quote that ends the string at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let quote = *bytes.get(at)?;
    let mut end = at + 1;
    while let Some(byte) = bytes.get(end).copied() {
        match byte {
            b'\\' => end += 1,
            byte if byte == quote => return Some(end),
            _ => {}
        }
        end += 1;
    }
    None
}

impl Misuse<'_> {
    /// The problem of it.
    pub(super) fn problem(&self, source: SourceId) -> Problem {
        let name = short(self.name);
        let all = self.taking.all;
        let listed: Vec<String> = all.iter().map(|argument| format!("`{argument}`")).collect();
        let listed = listed.join(", ");
        let Some(ignored) = self.ignored else {
            let needed: Vec<String> = all
                .within(..self.taking.needed)
                .iter()
                .map(|needed| format!("{needed}=…"))
                .collect();
            let message = format!("`{name}` lacks its argument: Tera fails when the page is rendered");
            return Problem::new(Code::OtherEngine, message, self.span.at(source), "without it")
                .help(format!("name its arguments: `{name}({})`", needed.join(", ")));
        };
        let message = format!("`{name}` has no argument `{}`: Tera ignores it", short(ignored));
        let problem = Problem::new(Code::OtherEngine, message, self.span.at(source), "has no effect");
        if (self.name, ignored) == ("sort", "reverse") {
            return problem.help("write `sort | reverse`: `reverse` is a filter of its own");
        }
        match (nearest(ignored, all.iter().copied()), all.first()) {
            (Some(near), _) => problem.help(format!("did you mean `{near}`? Its arguments are {listed}")),
            (None, Some(first)) => {
                problem.help(format!("its arguments are {listed}, as in `{name}({first}=…)`"))
            }
            (None, None) => problem.help("it has no arguments"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_compared_with_those_that_there_are() {
        for (text, kind, expected) in [
            ("default", NameKind::Filter, "lacks"),
            ("default(value=1)", NameKind::Filter, ""),
            ("default(value=f(a=1, b=2), boolean=true)", NameKind::Filter, ""),
            ("join(separator=\",\")", NameKind::Filter, "separator"),
            ("join(sep=\"a=1, b(\")", NameKind::Filter, ""),
            ("replace(from=\"a\")", NameKind::Filter, "lacks"),
            ("sort(reverse=true)", NameKind::Filter, "reverse"),
            ("truncate (length=1, ende=2)", NameKind::Filter, "ende"),
            ("divisible_by", NameKind::Test, "lacks"),
            ("range(end=5)", NameKind::Function, ""),
            ("range(start=5)", NameKind::Function, "lacks"),
            ("upper(a=1)", NameKind::Filter, ""),
            ("join(sep=\"", NameKind::Filter, ""),
            ("join(", NameKind::Filter, ""),
        ] {
            let length = text
                .find(|c: char| !(c.is_alphabetic() || c == '_'))
                .unwrap_or(text.len());
            let found = misuse(text, kind, Span::new(0, length));
            let found = found.map(|found| found.ignored.unwrap_or("lacks"));
            assert_eq!(found.unwrap_or_default(), expected, "{text}");
        }
    }
}
