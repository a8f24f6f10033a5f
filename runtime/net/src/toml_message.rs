//! Where a TOML text is wrong, in words.
#![deny(clippy::disallowed_methods)]

/// What is wrong with `text`, and where. The line itself is not shown, as TOML's own message does: it may hold a key.
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
