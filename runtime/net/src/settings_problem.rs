//! Problems in TOML texts.
#![deny(clippy::disallowed_methods)]

use hydra_contract::settings_file::SettingsProblem;

/// Describes the error in `text` with its place. No value of the text is shown, unlike in TOML's own message: it may be a key.
#[must_use]
pub fn settings_problem(text: &str, error: &toml::de::Error) -> SettingsProblem {
    SettingsProblem::new(text, error.message(), error.span())
}
