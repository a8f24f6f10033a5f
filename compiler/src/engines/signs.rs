//! The signs and words of an expression, one for one.

use super::tokens::{Token, before};

/// A token, and what stands around it.
struct Place<'p, 't> {
    token: Token<'t>,
    before: Option<&'t str>,
    next: Option<&'p Token<'t>>,
    /// Whether an `=` here compares.
    compares: bool,
    /// How many braces are open.
    braces: i32,
}

/// The sign of a comparison that is written as a word.
pub(super) fn comparison(word: &str) -> Option<&'static str> {
    Some(match word {
        "eq" => "==",
        "ne" => "!=",
        "lt" => "<",
        "gt" => ">",
        "le" => "<=",
        "ge" => ">=",
        _ => return None,
    })
}

/// The tokens as Tera writes them, each with its white space. `compares`: whether an `=` outside of brackets compares.
pub(super) fn signs(tokens: &[Token<'_>], compares: bool) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    // The `=` of an argument stands in brackets.
    let mut depth = 0;
    let mut braces = 0;
    let mut at = 0;
    while let Some(token) = tokens.get(at) {
        depth += i32::from(token.text == "(") - i32::from(token.text == ")");
        braces += i32::from(token.text == "{") - i32::from(token.text == "}");
        let place = Place {
            braces,
            token: *token,
            before: before(tokens, at),
            next: tokens.get(at + 1),
            compares: compares && at > 0 && depth == 0,
        };
        at += 1;
        // `= =` and `! =` are one sign with a space in it.
        let is_cut = matches!(token.text, "=" | "!") && place.next.is_some_and(|next| next.text == "=");
        match place.index().or_else(|| place.two()) {
            Some(both) => {
                words.push(both);
                at += 1;
            }
            None if is_cut => {
                let sign = if token.text == "!" { "!=" } else { "==" };
                let gap = if tokens.get(at + 1).is_some_and(|value| value.space.is_empty()) {
                    " "
                } else {
                    ""
                };
                words.push(format!("{}{sign}{gap}", token.space));
                at += 1;
            }
            None => words.push(place.written()),
        }
    }
    words
}

impl Place<'_, '_> {
    /// `.0` and `.0.1` behind a value, as Tera writes them: the token is the dot.
    fn index(&self) -> Option<String> {
        let next = self
            .next
            .filter(|_| self.token.text == "." && self.is_behind_value())?;
        let is_number = next.text.starts_with(|c: char| c.is_ascii_digit());
        let numbers = next.text.split('.').filter(|number| !number.is_empty());
        // The dot before another name belongs to the number here.
        let dot = if next.text.ends_with('.') { "." } else { "" };
        is_number.then(|| numbers.map(|number| format!("[{number}]")).collect::<String>() + dot)
    }

    /// Two tokens that are one here: `=<`, `=!`, and `as i32` of Rust.
    fn two(&self) -> Option<String> {
        let next = self.next?;
        let space = self.token.space;
        let is_apart = next.space.is_empty();
        Some(match (self.token.text, next.text) {
            ("=", "<") if is_apart => format!("{space}<="),
            ("=", ">") if is_apart => format!("{space}>="),
            ("=", "!") if is_apart && self.is_behind_value() => format!("{space}!="),
            ("as", kind) if self.is_behind_value() => match kind {
                "f32" | "f64" => format!("{space}| float"),
                "i32" | "i64" | "u32" | "u64" | "usize" | "isize" | "u8" | "i8" | "u16" | "i16" => {
                    format!("{space}| int")
                }
                "String" | "str" => format!("{space}| str"),
                _ => return None,
            },
            (".", "[") => "[".to_owned(),
            _ => return None,
        })
    }

    /// The token as Tera writes it.
    fn written(&self) -> String {
        let Token { space, text } = self.token;
        // A word needs white space where a sign needs none.
        let apart = match (space, self.before) {
            ("", Some(_)) => " ",
            _ => space,
        };
        match text {
            "&&" => format!("{apart}and"),
            "||" => format!("{apart}or"),
            "!" if self.is_between_values() && !self.is_behind_word() => format!("{apart}!="),
            "!" if self.is_behind_value() && !self.is_behind_word() => String::new(),
            "!" => format!("{space}not{}", self.gap()),
            "+" if self.joins_texts() => format!("{apart}~"),
            "->" => ".".to_owned(),
            text if self.is_key() => format!("{space}\"{text}\""),
            text if is_text(text) && self.before.is_some_and(is_text) => format!(" ~ {text}"),
            _ => format!("{space}{}", self.word()),
        }
    }

    /// The token as Tera writes it, where its white space stays.
    fn word(&self) -> &str {
        let text = self.token.text;
        match text {
            "===" => "==",
            "!==" | "<>" => "!=",
            "=" if self.compares => "==",
            "null" | "None" | "nil" | "undefined" | "nullptr" | "NULL" if !self.is_member() => "none",
            "True" | "TRUE" if !self.is_member() => "true",
            "False" | "FALSE" if !self.is_member() => "false",
            "xor" if self.is_between_values() => "!=",
            "mod" if self.is_between_values() => "%",
            "=>" if self.compares && self.is_behind_value() => ">=",
            "&" if self.is_between_values() => "and",
            "&" | "*" if !self.is_behind_value() || self.is_behind_word() => "",
            "::" => ".",
            ".." if self.is_between_values() => ".",
            ".." => ":",
            "!" => "",
            _ if self.is_between_values() && !self.is_member() => {
                let sign = match text {
                    "neq" => Some("!="),
                    "lte" => Some("<="),
                    "gte" => Some(">="),
                    text => comparison(text),
                };
                sign.unwrap_or_else(|| without_dollar(text))
            }
            text => without_dollar(text),
        }
    }

    /// The white space behind a `not`.
    fn gap(&self) -> &'static str {
        match self.next {
            Some(next) if next.space.is_empty() => " ",
            _ => "",
        }
    }

    /// Whether a text stands on one side.
    fn joins_texts(&self) -> bool {
        self.before.is_some_and(is_text) || self.next.is_some_and(|next| is_text(next.text))
    }

    /// Whether the token is the key of a map, without its quotes.
    fn is_key(&self) -> bool {
        let is_name = self
            .token
            .text
            .starts_with(|c: char| c.is_alphabetic() || c == '_');
        is_name
            && self.braces > 0
            && matches!(self.before, Some("{" | ","))
            && self.next.is_some_and(|next| next.text == ":")
    }

    /// Whether the token is a name in something else: a member, a filter, a test.
    fn is_member(&self) -> bool {
        matches!(self.before, Some("." | "?." | "::" | "|" | "is"))
    }

    fn is_behind_value(&self) -> bool {
        self.before.is_some_and(|before| {
            let is_word = before.chars().all(|c| c.is_alphanumeric() || c == '_');
            is_word || before.ends_with([')', ']', '"', '\''])
        })
    }

    /// Whether a word of Tera's stands before it, and not a value.
    fn is_behind_word(&self) -> bool {
        matches!(
            self.before,
            Some("and" | "or" | "not" | "in" | "is" | "if" | "else")
        )
    }

    fn is_between_values(&self) -> bool {
        let begins_value = |c: char| c.is_alphanumeric() || "\"'_(".contains(c);
        self.is_behind_value() && self.next.is_some_and(|next| next.text.starts_with(begins_value))
    }
}

fn is_text(text: &str) -> bool {
    text.starts_with(['"', '\'', '`'])
}

/// A name of PHP's or Ruby's without its sign.
fn without_dollar(name: &str) -> &str {
    match name.strip_prefix(['$', '@']) {
        Some(rest) if !rest.is_empty() => rest,
        _ => name,
    }
}
