//! Finds where Tera's delimiters end. Like Tera, it pays no attention to the HTML around them.

use memchr::{memchr2, memmem};

use super::{PieceKind, Unclosed, UnclosedKind, is_space};

/// What begins with the `{` at `start`, and where it ends. `None`: the `{` is text.
#[inline]
pub(super) fn read(bytes: &[u8], start: usize) -> Option<(PieceKind, usize)> {
    let inside = start + 2;
    let (kind, piece, found) = match bytes.get(start + 1)? {
        b'{' => (
            UnclosedKind::Print,
            PieceKind::Print,
            expression_end(bytes, inside, b'}'),
        ),
        b'#' => (
            UnclosedKind::Comment,
            PieceKind::Opaque,
            comment_end(bytes, inside),
        ),
        b'%' => match raw_mark(bytes, start, b"raw") {
            Some(open) => (UnclosedKind::Raw, PieceKind::Opaque, raw_end(bytes, open)),
            None => (
                UnclosedKind::Statement,
                PieceKind::Statement,
                expression_end(bytes, inside, b'%'),
            ),
        },
        _ => return None,
    };
    Some(match found {
        Ok(end) => (piece, end),
        Err(string) => (PieceKind::Unclosed(Unclosed { kind, string }), bytes.len()),
    })
}

/// Whether one of Tera's delimiters begins with the `{` at `start`.
pub(super) fn begins(bytes: &[u8], start: usize) -> bool {
    matches!(bytes.get(start + 1), Some(b'{' | b'%' | b'#'))
}

/// The end of a delimiter that closes with `mark` and `}`, strings skipped. Otherwise where a string is open, if one is.
#[inline]
fn expression_end(bytes: &[u8], mut at: usize, mark: u8) -> Result<usize, Option<u32>> {
    while let Some(byte) = bytes.get(at).copied() {
        match byte {
            b'"' | b'\'' | b'`' => at = string_end(bytes, at + 1, byte).ok_or(Some(at as u32))?,
            _ if byte == mark && bytes.get(at + 1) == Some(&b'}') => return Ok(at + 2),
            _ => at += 1,
        }
    }
    Err(None)
}

/// The byte behind the quote that closes a string.
fn string_end(bytes: &[u8], mut at: usize, quote: u8) -> Option<usize> {
    loop {
        at += memchr2(quote, b'\\', bytes.get(at..)?)?;
        if bytes[at] == quote {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn comment_end(bytes: &[u8], inside: usize) -> Result<usize, Option<u32>> {
    let found = memmem::find(&bytes[inside..], b"#}");
    found.map(|at| inside + at + 2).ok_or(None)
}

fn raw_end(bytes: &[u8], open: usize) -> Result<usize, Option<u32>> {
    let mut marks = memmem::find_iter(&bytes[open..], b"{%");
    marks
        .find_map(|at| raw_mark(bytes, open + at, b"endraw"))
        .ok_or(None)
}

/// The end of `{% name %}` at `start`, with or without dashes.
pub(super) fn raw_mark(bytes: &[u8], start: usize, name: &[u8]) -> Option<usize> {
    let skip = |mut at: usize| {
        while bytes.get(at).copied().is_some_and(is_space) {
            at += 1;
        }
        at
    };
    let dash = |at: usize| at + usize::from(bytes.get(at) == Some(&b'-'));
    let at = skip(dash(start + 2));
    let behind = at + name.len();
    if bytes.get(at..behind)? != name {
        return None;
    }
    let at = dash(skip(behind));
    bytes.get(at..)?.starts_with(b"%}").then_some(at + 2)
}
