//! Sizes as people write them, in settings and on fields of forms: `500KB`, `64MB`, `1GiB`.

/// The units, each with its bytes.
pub const UNITS: [(&str, usize); 6] = [
    ("KB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
];

/// Parses a whole number with its unit. `None`: the text is not a size, or the size has more bytes than a `usize` holds.
#[must_use]
pub fn parse(text: &str) -> Option<usize> {
    let with_unit = |(unit, factor)| Some((text.strip_suffix(unit)?, factor));
    let (number, factor) = UNITS.into_iter().find_map(with_unit)?;
    number.trim_end().parse::<usize>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_is_a_whole_number_with_its_unit() {
        for (text, expected) in [
            ("0MB", Some(0)),
            ("64MB", Some(64_000_000)),
            ("1 GB", Some(1_000_000_000)),
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
            assert_eq!(parse(text), expected, "{text}");
        }
    }
}
