//! Filters, tests and functions of other engines: their names, and the names of their arguments.

use super::{
    forms::form,
    lists,
    tokens::{Token, joined, split, text_at, tokens, value_start},
};
use crate::within::Within;

/// Filters of other engines, and how the same is written here: a filter, or `~` for those that join texts.
const FILTERS: [(&str, &str); 48] = [
    ("e", "escape"),
    ("h", "escape"),
    ("html", "escape"),
    ("force_escape", "escape"),
    ("safeHTML", "safe"),
    ("linebreaks", "newlines_to_br"),
    ("floatformat", "round(precision=…)"),
    ("number_format", "round(precision=…)"),
    ("wordcount", "split(pat=\" \") | length"),
    ("raw", "safe"),
    ("html_safe", "safe"),
    ("count", "length"),
    ("size", "length"),
    ("len", "length"),
    ("upcase", "upper"),
    ("uppercase", "upper"),
    ("downcase", "lower"),
    ("lowercase", "lower"),
    ("strip", "trim"),
    ("lstrip", "trim_start"),
    ("rstrip", "trim_end"),
    ("nl2br", "newlines_to_br"),
    ("linebreaksbr", "newlines_to_br"),
    ("newline_to_br", "newlines_to_br"),
    ("capfirst", "capitalize"),
    ("ucfirst", "capitalize"),
    ("titlecase", "title"),
    ("truncatechars", "truncate(length=…)"),
    ("string", "str"),
    ("to_string", "str"),
    ("default_if_none", "default(value=…)"),
    ("uniq", "unique"),
    ("groupby", "group_by(attribute=…)"),
    ("titleize", "title"),
    ("ucwords", "title"),
    ("noescape", "safe"),
    ("no_esc", "safe"),
    ("upper_case", "upper"),
    ("lower_case", "lower"),
    ("cap_first", "capitalize"),
    ("is_string", "is string"),
    ("truncatewords", "truncate(length=…)"),
    ("concat", "~"),
    ("append", "~"),
    ("prepend", "~"),
    ("format", "~"),
    ("items", "pairs"),
    ("dictsort", "sort(attribute=…)"),
];

/// Filters of other engines that look like one of Tera's, and do something else.
const OF_APPLICATIONS: [&str; 12] = [
    "escapejs",
    "escape_js",
    "date",
    "time",
    "random",
    "sum",
    "slugify",
    "striptags",
    "json",
    "batch",
    "map",
    "filter",
];

/// The names of the arguments of Tera's filters, functions and tests, in the order in which others write them.
const ARGUMENTS: [(&str, &[&str]); 24] = [
    ("default", &["value", "boolean"]),
    ("trim", &["pat"]),
    ("date", &["format", "timezone"]),
    ("slice", &["start", "end"]),
    ("filter", &["attribute", "value"]),
    ("map", &["attribute"]),
    ("int", &["base"]),
    ("replace", &["from", "to"]),
    ("join", &["sep"]),
    ("truncate", &["length", "end"]),
    ("round", &["precision", "method"]),
    ("split", &["pat"]),
    ("nth", &["n"]),
    ("get", &["key", "default"]),
    ("group_by", &["attribute"]),
    ("sort", &["attribute"]),
    ("trim_start", &["pat"]),
    ("trim_end", &["pat"]),
    ("divisible_by", &["divisor"]),
    ("starting_with", &["pat"]),
    ("ending_with", &["pat"]),
    ("containing", &["pat"]),
    ("indent", &["width"]),
    ("pluralize", &["singular", "plural"]),
];

/// Tests of other engines, and how the same is written here.
const TESTS: [(&str, &str); 24] = [
    ("object", "is map"),
    ("mapping", "is map"),
    ("dict", "is map"),
    ("list", "is array"),
    ("sequence", "is array"),
    ("boolean", "is bool"),
    ("null", "is none"),
    ("nil", "is none"),
    ("sameas", "=="),
    ("equalto", "=="),
    ("eq", "=="),
    ("matching", "is containing(pat=…)"),
    ("divisibleby", "is divisible_by(divisor=…)"),
    ("startswith", "is starting_with(pat=…)"),
    ("same", "=="),
    ("equals", "=="),
    ("ne", "!="),
    ("gt", ">"),
    ("lt", "<"),
    ("ge", ">="),
    ("le", "<="),
    ("greaterthan", ">"),
    ("empty", "| length == 0` or `not a"),
    ("text", "is string"),
];

/// How a test of another engine is written here.
pub(crate) fn test_here(name: &str) -> Option<String> {
    let (_, here) = TESTS.iter().find(|(there, _)| *there == name)?;
    Some(format!("here it is `{here}`"))
}

/// How a filter of another engine is written here.
pub(crate) fn filter_here(name: &str) -> Option<String> {
    if OF_APPLICATIONS.contains(&name) {
        return Some(format!(
            "Tera has none: let the handler give the page the value, or add a filter to the application and name it in the build: `.filters([\"{name}\"])`"
        ));
    }
    let (_, here) = FILTERS.iter().find(|(there, _)| *there == name)?;
    Some(match *here {
        here if here.starts_with("is ") => format!("Tera has a test for it: `{here}`"),
        "~" => "join texts with `~`: `a ~ \"text\"`".to_owned(),
        here => format!("Tera's filter is `{here}`"),
    })
}

/// An expression that is rewritten, from left to right.
struct Rewriter<'t> {
    tokens: Vec<Token<'t>>,
    /// The next token.
    at: usize,
    /// What is written so far.
    new: String,
}

/// An expression with Tera's names of filters and tests, and with names for their arguments.
pub(super) fn filters(text: &str) -> String {
    let mut rewriter = Rewriter {
        tokens: tokens(text),
        at: 0,
        new: String::new(),
    };
    while let Some(token) = rewriter.tokens.get(rewriter.at).copied() {
        if !rewriter.form(token) && !rewriter.operator(token) {
            rewriter.name(token);
        }
    }
    rewriter.new
}

impl Rewriter<'_> {
    fn before(&self, by: usize) -> Option<&str> {
        Some(text_at(&self.tokens, self.at.checked_sub(by)?))
    }

    fn next(&self) -> Option<&str> {
        self.tokens.get(self.at + 1).map(|next| next.text)
    }

    fn is_filter(&self) -> bool {
        self.before(1) == Some("|")
    }

    fn is_test(&self) -> bool {
        self.before(1) == Some("is") || (self.before(1) == Some("not") && self.before(2) == Some("is"))
    }

    /// A filter for which Tera has a sign, as `plus` and `append`. The result is whether it was one.
    fn operator(&mut self, token: Token<'_>) -> bool {
        let is_called = matches!(self.next(), Some(":" | "("));
        let sign = match token.text {
            "add" | "plus" if is_called => "+",
            "minus" if is_called => "-",
            "times" if is_called => "*",
            "divided_by" | "divideby" if is_called => "/",
            "modulo" if is_called => "%",
            "append" | "prepend" | "format" => "~",
            "length_is" if is_called => "| length ==",
            _ => return false,
        };
        if !self.is_filter() {
            return false;
        }
        let (arguments, end) = arguments(&self.tokens, self.at + 1);
        self.at = end;
        let bar = self.new.trim_end().trim_end_matches('|').trim_end().len();
        self.new.truncate(bar);
        if sign == "~" {
            self.join(token.text, &arguments.join(" ~ "));
        } else {
            let argument = arguments.join(", ");
            let number = argument.trim_matches(['"', '\'']);
            self.new.push_str(&format!(" {sign} {number}"));
        }
        true
    }

    /// A filter that is an expression of its own here, as `slice` and `map`. The result is whether it was one.
    fn form(&mut self, token: Token<'_>) -> bool {
        if !self.is_filter() {
            return false;
        }
        let (given, end) = arguments(&self.tokens, self.at + 1);
        let bar = self.new.trim_end().trim_end_matches('|').trim_end().len();
        let before = tokens(self.new.within(..bar));
        let start = value_start(&before, before.len(), true);
        let Some(form) = form(token.text, &joined(before.within(start..)), &given) else {
            return false;
        };
        let is_alone = start == 0 && end == self.tokens.len();
        let text = match form.is_tight || is_alone {
            true => form.text,
            false => format!("({})", form.text),
        };
        let space = before.get(start).map_or("", |token| token.space);
        let kept: String = before
            .within(..start)
            .iter()
            .flat_map(|token| [token.space, token.text])
            .collect();
        self.new = format!("{kept}{space}{text}");
        self.at = end;
        true
    }

    /// A filter that joins texts.
    fn join(&mut self, filter: &str, argument: &str) {
        match filter {
            "prepend" => self.new = format!("{argument} ~ {}", self.new),
            "format" => {
                let cut = self.new.find('%').unwrap_or(self.new.len());
                let quote = self.new.chars().find(|c| matches!(c, '"' | '\''));
                self.new.truncate(cut);
                self.new
                    .push_str(&format!("{} ~ {argument}", quote.unwrap_or('"')));
            }
            _ => self.new.push_str(&format!(" ~ {argument}")),
        }
    }

    /// Whether a filter that takes an argument has one behind it without brackets: `truncate 10`.
    fn is_followed_by_value(&self, filter: &str) -> bool {
        let takes_one = filter == "printf" || ARGUMENTS.iter().any(|(known, _)| *known == filter);
        let is_value = |token: &Token<'_>| {
            token
                .text
                .starts_with(|c: char| c.is_ascii_digit() || matches!(c, '"' | '\''))
        };
        takes_one && self.tokens.get(self.at + 1).is_some_and(is_value)
    }

    /// Any other token, with the arguments behind it.
    fn name(&mut self, token: Token<'_>) {
        let (is_filter, is_test) = (self.is_filter(), self.is_test());
        let next = self.next();
        let name = tera_name(token.text, is_filter, is_test);
        let is_range = name == "range" && next == Some("(") && !is_filter;
        let is_called =
            next == Some("(") || (is_filter && (next == Some(":") || self.is_followed_by_value(name)));
        self.new.push_str(token.space);
        self.new.push_str(name);
        self.at += 1;
        if !(is_called && (is_filter || is_test || is_range)) {
            return;
        }
        let (given, end) = arguments(&self.tokens, self.at);
        self.at = end;
        let named = with_names(name, is_range, given);
        if !named.is_empty() {
            self.new.push_str(&format!("({})", named.join(", ")));
        } else if is_range {
            self.new.push_str("()");
        }
    }
}

/// How a name is written here.
fn tera_name(name: &str, is_filter: bool, is_test: bool) -> &str {
    match name {
        "divisibleby" if is_test => "divisible_by",
        "default_if_none" | "d" | "ifnull" if is_filter => "default",
        "truncatechars" | "truncatewords" | "truncatechars_html" | "truncatewords_html" | "abbreviate"
        | "trunc" | "ellipsis"
            if is_filter =>
        {
            "truncate"
        }
        "groupby" if is_filter => "group_by",
        "trim_start_matches" if is_filter => "trim_start",
        "trim_end_matches" if is_filter => "trim_end",
        "startswith" | "startingwith" | "startsWith" if is_test => "starting_with",
        "endswith" | "endingwith" | "endsWith" if is_test => "ending_with",
        "matching" | "match" if is_test => "containing",
        "floatformat" | "number_format" if is_filter => "round",
        "null" | "none" if is_test => "none",
        _ => {
            let mut known = FILTERS.iter().filter(|(_, here)| !here.contains(['~', '…', ' ']));
            let here = known.find(|(there, _)| is_filter && *there == name);
            here.map_or(name, |(_, here)| here)
        }
    }
}

/// The arguments of a filter, a test or `range`, with the names that Tera needs.
fn with_names(name: &str, is_range: bool, given: Vec<String>) -> Vec<String> {
    let names: &[&str] = match (is_range, given.len()) {
        (true, 1) => &["end"],
        (true, _) => &["start", "end", "step_by"],
        _ => ARGUMENTS
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(&[], |(_, names)| names),
    };
    // Jinja's second one of `truncate` says that words may be cut.
    let is_flag = |argument: &String| {
        name == "truncate" && matches!(argument.as_str(), "true" | "True" | "false" | "False")
    };
    // What `round` gets besides its digits are the signs of a number.
    let most = if name == "round"
        && given
            .iter()
            .skip(1)
            .any(|argument| lists::text(argument).is_some_and(|text| text.len() < 2))
    {
        1
    } else {
        usize::MAX
    };
    let given = given.into_iter().filter(|argument| !is_flag(argument)).take(most);
    let is_named = |argument: &str| tokens(argument).get(1).is_some_and(|second| second.text == "=");
    let given = given.map(|argument| with_one_sign(names, argument));
    let named = given.enumerate().map(|(index, argument)| match names.get(index) {
        Some(name) if !is_named(&argument) => format!("{name}={argument}"),
        _ => argument,
    });
    named.collect()
}

/// `name"text"` and `name=="text"` of a known name with one `=`.
fn with_one_sign(names: &[&str], argument: String) -> String {
    let found = tokens(&argument);
    let Some((name, rest)) = found.split_first().filter(|(name, _)| names.contains(&name.text)) else {
        return argument;
    };
    match rest {
        [sign, value @ ..] if matches!(sign.text, "==" | "===" | ":" | "=>") => {
            format!("{}={}", name.text, joined(value))
        }
        [value] if value.text.starts_with(['"', '\'']) => format!("{}={}", name.text, value.text),
        _ => argument,
    }
}

/// The arguments behind a name, in brackets or behind a colon, and the index behind them.
pub(super) fn arguments(found: &[Token<'_>], at: usize) -> (Vec<String>, usize) {
    match found.get(at).map(|token| token.text) {
        Some("(") => {
            let mut depth = 0;
            let length = found.within(at..).iter().position(|token| {
                depth += i32::from(token.text == "(") - i32::from(token.text == ")");
                depth == 0
            });
            let end = length.map_or(found.len(), |length| at + length);
            let inside = found.within((at + 1).min(end)..end);
            let given = split(inside, ",")
                .into_iter()
                .map(joined)
                .filter(|given| !given.is_empty());
            (given.collect(), (end + 1).min(found.len()))
        }
        Some(":") => {
            let ends = |token: &Token<'_>| {
                let words = [
                    "|", "and", "or", "if", "else", "==", "!=", "<", ">", "<=", ">=", ")", "&&", "||", "?",
                ];
                words.contains(&token.text)
            };
            let end = found
                .within(at..)
                .iter()
                .position(ends)
                .map_or(found.len(), |end| at + end);
            let given = split(found.within(at + 1..end), ",").into_iter().map(joined);
            (given.filter(|given| !given.is_empty()).collect(), end)
        }
        Some(value) if value.starts_with(|c: char| c.is_ascii_digit() || matches!(c, '"' | '\'')) => {
            (vec![value.to_owned()], at + 1)
        }
        _ => (Vec::new(), at),
    }
}
