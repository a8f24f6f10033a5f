//! Parses sizes in settings: `64MB`.
#![deny(clippy::disallowed_methods)]

use crate::limits::MIN_CONNECTION_BUFFER_BYTES;

/// Parses a size in bytes.
///
/// # Errors
/// The text is neither `0` nor a whole number with `KB`, `MB`, `GB` (thousands) or `KiB`, `MiB`, `GiB` (1,024). The
/// error says what to write.
pub fn parse(text: &str) -> Result<usize, String> {
    let plain = text.trim();
    let units = [
        ("KB", 1_000),
        ("MB", 1_000_000),
        ("GB", 1_000_000_000),
        ("KiB", 1 << 10),
        ("MiB", 1 << 20),
        ("GiB", 1 << 30),
    ];
    let with_unit = units
        .into_iter()
        .find_map(|(unit, factor)| Some((plain.strip_suffix(unit)?, factor)));
    let size = match with_unit {
        Some((number, factor)) => number
            .trim()
            .parse::<usize>()
            .ok()
            .and_then(|number| number.checked_mul(factor)),
        None => (plain == "0").then_some(0),
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
            ("0MB", Some(0)),
            ("64MB", Some(64_000_000)),
            (" 1 GB ", Some(1_000_000_000)),
            ("500KB", Some(500_000)),
            ("256KiB", Some(262_144)),
            ("1 MiB", Some(1_048_576)),
            ("2GiB", Some(2_147_483_648)),
            ("64", None),
            ("", None),
            ("MB", None),
            ("-1MB", None),
            ("1.5MB", None),
            ("64mb", None),
            ("64 mib", None),
            ("99999999999999999999MB", None),
            ("18446744073709551615GB", None),
        ] {
            assert_eq!(parse(text).ok(), expected, "{text}");
        }
    }
}
