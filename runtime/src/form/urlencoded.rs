//! Reads a form as browsers send it without files: `application/x-www-form-urlencoded` (URL standard, section 5.1). Other
//! than there, bytes that are not UTF-8 are an error, so that nothing else is stored than what was typed.
#![deny(clippy::disallowed_methods)]

use percent_encoding::percent_decode;

use super::entry::Entry;
#[cfg(feature = "upload")]
use crate::limits::MAX_LONG_FILES;
use crate::limits::{MAX_FORM_ENTRIES, MAX_FORM_NAME_BYTES};

/// Why a form can't be read. The message is for logs, and contains nothing that a visitor typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadForm {
    #[error("the form has more than {MAX_FORM_ENTRIES} fields")]
    TooMany,
    #[cfg(feature = "upload")]
    #[error("the form has more than {MAX_LONG_FILES} long files")]
    TooManyFiles,
    #[error("the name of a field is longer than {MAX_FORM_NAME_BYTES} bytes")]
    LongName,
    #[error("the form is not UTF-8")]
    Encoding,
}

/// The fields in the order in which they were sent.
pub(super) fn read(body: &[u8]) -> Result<Vec<(String, Entry)>, BadForm> {
    let pairs = body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty());
    let mut fields = Vec::new();
    for pair in pairs {
        let (name, value) = match memchr::memchr(b'=', pair).and_then(|at| pair.split_at_checked(at)) {
            Some((name, value)) => (name, value.get(1..).unwrap_or_default()),
            None => (pair, &[][..]),
        };
        let name = decoded(name)?;
        check(fields.len(), &name)?;
        fields.push((name, Entry::Text(decoded(value)?)));
    }
    Ok(fields)
}

/// Checks one more field of a form that has `before` of them.
pub(super) fn check(before: usize, name: &str) -> Result<(), BadForm> {
    match () {
        () if before >= MAX_FORM_ENTRIES => Err(BadForm::TooMany),
        () if name.len() > MAX_FORM_NAME_BYTES => Err(BadForm::LongName),
        () => Ok(()),
    }
}

fn decoded(text: &[u8]) -> Result<String, BadForm> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    let decoded = percent_decode(&spaced).decode_utf8();
    decoded.map(String::from).map_err(|_| BadForm::Encoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_read_as_browsers_write_them() {
        for (body, expected) in [
            ("", &[][..]),
            ("a=1", &[("a", "1")]),
            ("a=1&b=2&a=3", &[("a", "1"), ("b", "2"), ("a", "3")]),
            ("a", &[("a", "")]),
            ("a=&=b", &[("a", ""), ("", "b")]),
            ("&&a=1&", &[("a", "1")]),
            ("a=b=c", &[("a", "b=c")]),
            ("a=x+y%2Bz%26", &[("a", "x y+z&")]),
            ("%C3%A9=%E2%82%AC", &[("é", "€")]),
            ("a=%zz%", &[("a", "%zz%")]),
            ("a=1%0D%0A2", &[("a", "1\r\n2")]),
        ] {
            let read = read(body.as_bytes()).expect(body);
            let texts: Vec<_> = read
                .iter()
                .map(|(name, entry)| (name.as_str(), entry.text().unwrap_or_default()))
                .collect();
            assert_eq!(texts, expected, "{body}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_without_what_was_typed() {
        let many = "a&".repeat(MAX_FORM_ENTRIES + 1);
        let long = "a".repeat(MAX_FORM_NAME_BYTES + 1);
        for (body, expected) in [
            (&b"a=%ff"[..], BadForm::Encoding),
            (b"a=\xff", BadForm::Encoding),
            (b"%c3=1", BadForm::Encoding),
            (many.as_bytes(), BadForm::TooMany),
            (long.as_bytes(), BadForm::LongName),
        ] {
            assert_eq!(read(body).err(), Some(expected));
        }
        assert!(read("a&".repeat(MAX_FORM_ENTRIES).as_bytes()).is_ok());
    }
}
