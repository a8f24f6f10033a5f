//! Error messages for TOML texts.
#![deny(clippy::disallowed_methods)]

/// Describes the error in `text` with its line and column. The line itself is not shown, unlike in TOML's own
/// message: it may contain a key.
#[must_use]
pub fn toml_message(text: &str, error: &toml::de::Error) -> String {
    let message = error.message().trim().replace('\n', ", ");
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else {
        return message;
    };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().map_or(0, |text| text.chars().count()) + 1;
    format!("line {line}, column {column}: {message}")
}
