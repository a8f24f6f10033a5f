//! Which names a service can have.

use crate::limits::MAX_SERVICE_NAME_BYTES;

/// Why a name is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadName {
    /// The name is missing.
    #[error("a service needs a name: `name` is missing, null or empty")]
    Missing,
    /// The name is too long to be part of each path.
    #[error("the name is longer than {MAX_SERVICE_NAME_BYTES} bytes")]
    TooLong,
    /// The name contains this character, which names must not contain.
    #[error("the name holds {0:?}, which cannot stand in a service's name")]
    Character(char),
    /// The name begins or ends with a space.
    #[error("the name begins or ends with a space")]
    OuterSpace,
    /// The name has another meaning: `.`, `..` or `self`.
    #[error("the name means something else in a path or in a template")]
    Reserved,
}

/// Checks the name of a service. ASCII and the accented Latin letters are allowed: letters of other alphabets can look like them.
///
/// # Errors
/// Why the name is none.
pub fn check(name: &str) -> Result<(), BadName> {
    if name.trim().is_empty() {
        return Err(BadName::Missing);
    }
    if name.len() > MAX_SERVICE_NAME_BYTES {
        return Err(BadName::TooLong);
    }
    if let Some(c) = name.chars().find(|c| !is_good(*c)) {
        return Err(BadName::Character(c));
    }
    if name.starts_with(' ') || name.ends_with(' ') {
        return Err(BadName::OuterSpace);
    }
    if matches!(name, "." | ".." | "self") {
        return Err(BadName::Reserved);
    }
    Ok(())
}

fn is_good(c: char) -> bool {
    const NOT_ASCII: &str = "/\\?#%{}*<>\"'`|^&;";
    match c {
        ' '..='~' => !NOT_ASCII.contains(c),
        // The multiplication and division signs, and four letters that look like plain ones.
        '×' | '÷' | 'ı' | 'ĸ' | 'ŉ' | 'ſ' => false,
        'À'..='ž' => true,
        _ => false,
    }
}
