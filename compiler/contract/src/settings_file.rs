//! Describes a problem in a `hydra.toml`: its place, and the key that was likely meant. Values of the file are never shown, because
//! one of them may be a secret.
#![deny(clippy::disallowed_methods)]

use std::{fmt, ops::Range};

use crate::{limits::MAX_NAMED_KEYS, nearest::nearest};

/// A problem in a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsProblem {
    /// What is wrong.
    pub message: String,
    /// What to write instead, if that is known.
    pub help: Option<String>,
    /// The place, if it is known.
    pub place: Option<SettingsPlace>,
}

/// A place in a settings file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SettingsPlace {
    /// The line, from 1.
    pub line: usize,
    /// The character of the line, from 1.
    pub column: usize,
    /// The line as it may be shown: its key, and `…` for everything else.
    pub shown: String,
}

impl SettingsProblem {
    /// The problem that a TOML parser found in `text`: its `message`, which must not contain values, and the bytes that it is about.
    #[must_use]
    pub fn new(text: &str, message: &str, span: Option<Range<usize>>) -> Self {
        let message = message.trim().replace('\n', ", ");
        let (message, help) = match unknown(&message) {
            Some(unknown) => unknown.described(),
            None => (message, None),
        };
        let place = span.and_then(|span| place(text, span));
        Self { message, help, place }
    }
}

impl fmt::Display for SettingsProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(SettingsPlace { line, column, .. }) = &self.place {
            write!(f, "line {line}, column {column}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// An unknown key, and the keys that the table may have.
struct Unknown<'m> {
    key: &'m str,
    known: Vec<&'m str>,
}

/// Reads serde's message about an unknown field.
fn unknown(message: &str) -> Option<Unknown<'_>> {
    let rest = message.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once("`, ")?;
    let known = rest.split('`').skip(1).step_by(2).take(MAX_NAMED_KEYS).collect();
    Some(Unknown { key, known })
}

impl Unknown<'_> {
    fn described(&self) -> (String, Option<String>) {
        let key: String = self
            .key
            .chars()
            .take(MAX_NAMED_KEYS)
            .flat_map(char::escape_debug)
            .collect();
        let message = format!("unknown key `{key}`");
        if let Some(near) = nearest(self.key, self.known.iter().copied()) {
            return (message, Some(format!("did you mean `{near}`?")));
        }
        let known: Vec<String> = self.known.iter().map(|key| format!("`{key}`")).collect();
        let help = match known.is_empty() {
            true => "no keys belong here".to_owned(),
            false => format!("the keys here are {}", known.join(", ")),
        };
        (message, Some(help))
    }
}

fn place(text: &str, span: Range<usize>) -> Option<SettingsPlace> {
    let before = text.get(..span.start)?;
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let line = before.matches('\n').count() + 1;
    let column = text[line_start..span.start].chars().count() + 1;
    let rest = &text[line_start..];
    let whole = rest.lines().next().unwrap_or_default();
    Some(SettingsPlace {
        line,
        column,
        shown: shown(whole),
    })
}

/// What may be shown of a line.
fn shown(line: &str) -> String {
    // Only a line that begins with a key and `=`, or a table, shows a part of itself.
    match head(line) {
        Some((table, Rest::Table)) => table.to_owned(),
        Some((key, Rest::Value)) => format!("{key} = …"),
        None => "…".to_owned(),
    }
}

enum Rest {
    Table,
    Value,
}

/// The key that a line begins with, or its `[table]`.
fn head(line: &str) -> Option<(&str, Rest)> {
    let is_key = |text: &str| {
        let text = text.trim();
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
        !text.is_empty() && text.len() <= MAX_NAMED_KEYS && text.chars().all(is_part)
    };
    if line.trim_start().starts_with('[') {
        let end = line.rfind(']')?;
        let table = line[..=end].trim();
        let name = table.trim_start_matches('[').trim_end_matches(']');
        return is_key(name).then_some((table, Rest::Table));
    }
    let (key, after) = line.split_once('=')?;
    // `=` alone at the end of a text may be the end of a secret in base64.
    let has_value = !after.trim().is_empty() && !after.trim().bytes().all(|byte| byte == b'=');
    (is_key(key) && has_value).then_some((key.trim(), Rest::Value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown_at(text: &str, key: &str, known: &str) -> SettingsProblem {
        let at = text.find(key).expect("the key");
        let message = format!("unknown field `{key}`, expected {known}\n");
        SettingsProblem::new(text, &message, Some(at..at + key.len()))
    }

    #[test]
    fn an_unknown_key_is_told_with_the_nearest_one_or_all() {
        let known = "one of `listen`, `public_key`, `private_key`";
        for (key, expected) in [
            (
                "pubic_key",
                "line 2, column 3: unknown key `pubic_key`; did you mean `public_key`?",
            ),
            (
                "Listen",
                "line 2, column 3: unknown key `Listen`; did you mean `listen`?",
            ),
            (
                "private-key",
                "line 2, column 3: unknown key `private-key`; did you mean `private_key`?",
            ),
            (
                "zzz",
                "line 2, column 3: unknown key `zzz`; the keys here are `listen`, `public_key`, `private_key`",
            ),
        ] {
            let problem = unknown_at(&format!("# x\n  {key} = 's3cret'\n"), key, known);
            assert_eq!(problem.to_string(), expected);
        }
        let none = SettingsProblem::new("", "unknown field `a`, there are no fields", None);
        assert_eq!(none.to_string(), "unknown key `a`; no keys belong here");
        let two = unknown_at("stalled = 1", "stalled", "`stall` or `stop`");
        assert_eq!(two.help.as_deref(), Some("did you mean `stall`?"));
    }

    #[test]
    fn the_line_shows_its_key_and_never_a_value() {
        for (line, shown) in [
            ("private_ky = 's3cret'", "private_ky = …"),
            ("  private_ky='s3cret' # or s3cret", "private_ky = …"),
            ("private_key = s3cret", "private_key = …"),
            ("app.private_key = 7391", "app.private_key = …"),
            ("app = { key = 's3cret', oher = 1 }", "app = …"),
            ("  [ap]", "[ap]"),
            ("[[service]] # s3cret", "[[service]]"),
            // What may be a part of a value.
            ("s3cret", "…"),
            ("c2VjcmV0==", "…"),
            ("c2VjcmV0 =", "…"),
            ("'s3cret' = 1", "…"),
            ("private_key s3cret = 1", "…"),
            ("['s3cret'", "…"),
            ("[a, 's3cret']", "…"),
            ("", "…"),
        ] {
            let text = format!("a = 1\n{line}\nb = 2\n");
            let problem = SettingsProblem::new(&text, "wrong", Some(6..7));
            let place = problem.place.expect("a place");
            assert_eq!((&*place.shown, place.line), (shown, 2), "{line}");
        }
    }

    #[test]
    fn a_place_outside_of_the_text_is_none() {
        for span in [9..12, 0..0, 1..2] {
            let problem = SettingsProblem::new("é", "wrong", Some(span.clone()));
            assert_eq!(problem.place.is_some(), span == (0..0), "{span:?}");
        }
        // A mark that ends within a character.
        let problem = SettingsProblem::new("é = 1", "wrong", Some(0..1));
        assert_eq!(problem.place.expect("a place").shown, "…");
    }

    #[test]
    fn a_key_that_a_terminal_would_obey_is_written_harmlessly() {
        let problem = SettingsProblem::new("", "unknown field `\u{1b}[2J`, expected `listen`", None);
        assert!(!problem.to_string().contains('\u{1b}'), "{problem}");
    }
}
