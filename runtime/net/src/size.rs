//! Parses sizes in settings: `64MB`.
#![deny(clippy::disallowed_methods)]

use hydra_contract::size;

use crate::limits::MIN_CONNECTION_BUFFER_BYTES;

/// Parses a size in bytes.
///
/// # Errors
/// The text is neither `0` nor a whole number with `KB`, `MB`, `GB` (thousands) or `KiB`, `MiB`, `GiB` (1,024). The
/// error says what to write.
pub fn parse(text: &str) -> Result<usize, String> {
    let size = match text.trim() {
        "0" => Some(0),
        plain => size::parse(plain),
    };
    size.ok_or_else(|| {
        format!(
            "`{text}` is not a size: write a whole number with its unit, 500KB, 64MB or 1GB, or 0 for none"
        )
    })
}

/// Parses the size of a connection's buffer.
///
/// # Errors
/// The text is not a size, or the size is too small for the head of a request. The error says what to write.
pub fn parse_connection_buffer(text: &str) -> Result<usize, String> {
    let size = parse(text)?;
    (size >= MIN_CONNECTION_BUFFER_BYTES)
        .then_some(size)
        .ok_or_else(|| format!("`{text}` is too small for the head of a request: write 32KB or more"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_has_a_number_and_a_unit() {
        for (text, expected) in [
            ("0", Some(0)),
            ("64MB", Some(64_000_000)),
            (" 1 GB ", Some(1_000_000_000)),
            ("64", None),
            ("", None),
            ("64mb", None),
        ] {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }
}
