//! Finds Tera's delimiters in a text that has something wrong: one that never ends, or ends in something else, does not take the
//! rest of the file with it, as it does for Tera.

use memchr::memmem;

use crate::{limits::MAX_REPAIRS, source::Span, within::Within};

/// What a delimiter begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `{{`
    Print,
    /// `{%`
    Statement,
    /// `{#`
    Comment,
    /// `{% raw %}`
    Raw,
}

/// Something that begins with a delimiter of Tera's.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    /// Up to where it ends, or likely should.
    pub(super) span: Span,
    /// What it is.
    pub(super) shape: Shape,
    /// What is wrong with it.
    pub(super) fault: Option<Fault>,
}

/// What is wrong with a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// The string that begins here takes in the end of its own delimiter.
    String(u32),
    /// What stands here was likely meant as its end.
    BrokenEnd(Span),
    /// Nothing in it looks like an end.
    NoEnd,
}

impl Shape {
    /// How it begins.
    pub(super) fn begin(self) -> &'static str {
        match self {
            Shape::Print => "{{",
            Shape::Statement | Shape::Raw => "{%",
            Shape::Comment => "{#",
        }
    }

    /// How it ends.
    pub(super) fn end(self) -> &'static str {
        match self {
            Shape::Print => "}}",
            Shape::Statement | Shape::Raw => "%}",
            Shape::Comment => "#}",
        }
    }
}

/// All parts of a text, in order.
pub(super) fn parts(text: &str) -> Vec<Part> {
    let bytes = text.as_bytes();
    let mut parts = Vec::new();
    let mut at = 0;
    let mut faults = 0;
    while let Some(found) = memchr::memchr(b'{', bytes.get(at..).unwrap_or_default()) {
        at += found;
        let Some(part) = part(bytes, at) else {
            at += 1;
            continue;
        };
        at = (part.span.end as usize).max(at + 2);
        faults += usize::from(part.fault.is_some());
        parts.push(part);
        // Each of them may have been looked for up to the end of the file.
        if faults >= MAX_REPAIRS {
            break;
        }
    }
    parts
}

fn part(bytes: &[u8], start: usize) -> Option<Part> {
    let (shape, (end, fault)) = match bytes.get(start + 1)? {
        b'{' => (Shape::Print, expression(bytes, start, Shape::Print)),
        b'#' => (Shape::Comment, comment(bytes, start)),
        b'%' => match crate::parse::raw_tag(bytes, start, b"raw") {
            Some(open) => (Shape::Raw, raw(bytes, open)),
            None => (Shape::Statement, expression(bytes, start, Shape::Statement)),
        },
        _ => return None,
    };
    Some(Part {
        span: Span::new(start, end.min(bytes.len())),
        shape,
        fault,
    })
}

type Ended = (usize, Option<Fault>);

/// Where the print or statement at `start` ends.
fn expression(bytes: &[u8], start: usize, shape: Shape) -> Ended {
    let mut at = start + 2;
    let mut depth = 0_u32;
    // Where it should have ended at the latest, if nothing in it looks like its end.
    let mut latest = None;
    while let Some(byte) = bytes.get(at).copied() {
        let next = bytes.get(at + 1).copied();
        match (byte, next) {
            (b'"' | b'\'' | b'`', _) => match string(bytes, at, shape) {
                Ok(end) => {
                    at = end;
                    continue;
                }
                Err(end) => return (end, Some(Fault::String(at as u32))),
            },
            (b'{', Some(b'{' | b'%' | b'#')) if at > start + 2 => {
                let end = latest.unwrap_or(at);
                return (trim_end(bytes, start, end), Some(Fault::NoEnd));
            }
            (b'{', _) => depth += 1,
            (b'}', Some(b'}')) if shape == Shape::Print && depth == 0 => return (at + 2, None),
            (b'}', _) if depth > 0 => depth -= 1,
            (b'%', Some(b'}')) if shape == Shape::Statement => return (at + 2, None),
            (b'<', Some(b'/'))
                if !bytes
                    .within(start + 2..at)
                    .iter()
                    .all(|byte| b" \t-".contains(byte)) =>
            {
                return (trim_end(bytes, start, at), Some(Fault::NoEnd));
            }
            (b'\n', _) => {
                latest.get_or_insert(at);
            }
            _ => {
                if let Some(length) = broken_end(bytes, at, shape, depth) {
                    let end = at + length;
                    return (end, Some(Fault::BrokenEnd(Span::new(at, end))));
                }
            }
        }
        at += 1;
    }
    let end = latest.unwrap_or(bytes.len());
    (trim_end(bytes, start, end), Some(Fault::NoEnd))
}

/// How long what stands at `at` is, if it was likely meant as the end. `depth`: how many braces are open.
fn broken_end(bytes: &[u8], at: usize, shape: Shape, depth: u32) -> Option<usize> {
    let is_statement = shape == Shape::Statement;
    let next = bytes.get(at + 1).copied();
    match (*bytes.get(at)?, next) {
        (b'}', Some(b'}')) => Some(2),
        (b'}', Some(b'%')) if is_statement => Some(2),
        (b'}', _) => Some(1),
        (b'%' | b'#', Some(b'}')) => Some(2),
        // `% }` and `%C}`: the brace has changed places with what follows.
        (b'%', Some(between))
            if is_statement && depth == 0 && between.is_ascii() && bytes.get(at + 2) == Some(&b'}') =>
        {
            Some(3)
        }
        (b'%', next) if is_statement && ends_line(bytes, at + 1, next) => Some(1),
        _ => None,
    }
}

/// Whether the line ends at `at`, or a tag or another delimiter begins there.
fn ends_line(bytes: &[u8], at: usize, next: Option<u8>) -> bool {
    let rest = bytes.within(at.min(bytes.len())..);
    let blank = rest.iter().position(|byte| !b" \t\r".contains(byte));
    let behind = blank.map_or(Some(&b'\n'), |blank| rest.get(blank));
    matches!(next, None | Some(b'<' | b'{' | b'>' | b'"')) || matches!(behind, None | Some(b'\n'))
}

fn trim_end(bytes: &[u8], start: usize, end: usize) -> usize {
    let inside = bytes.within(start + 2..end.max(start + 2));
    start + 2 + inside.trim_ascii_end().len()
}

/// The end of the string that opens at `at`. `Err`: it has taken in the end of its delimiter, which stands before this place.
fn string(bytes: &[u8], at: usize, shape: Shape) -> Result<usize, usize> {
    let quote = bytes.get(at);
    let mut end = at + 1;
    let closed = loop {
        match bytes.get(end) {
            None => break None,
            Some(b'\\') => end += 2,
            byte if byte == quote => break Some(end + 1),
            Some(_) => end += 1,
        }
    };
    let inside = bytes.within(at + 1..closed.map_or(bytes.len(), |end| end - 1));
    let closer = memmem::find(inside, shape.end().as_bytes());
    let line = memchr::memchr(b'\n', inside);
    let is_wide = |end: usize| {
        let inside = inside.within(..end);
        inside.contains(&b'\n')
            || inside.contains(&b'<')
            || ["{{", "{%"]
                .iter()
                .any(|begin| memmem::find(inside, begin.as_bytes()).is_some())
    };
    match (closed, closer, line) {
        (Some(end), Some(_), _) if !is_wide(inside.len()) => Ok(end),
        (_, Some(closer), Some(line)) if closer > line && closed.is_none() => Err(at + 1 + line),
        (_, Some(closer), _) => Err(at + 1 + closer + 2),
        (Some(_), None, Some(line)) if begins_tag(inside.within(line..)) => Err(at + 1 + line),
        (Some(end), None, _) => Ok(end),
        (None, None, line) => Err(at + 1 + line.unwrap_or(inside.len())),
    }
}

fn begins_tag(rest: &[u8]) -> bool {
    matches!(rest.trim_ascii_start().first(), Some(b'<' | b'{'))
}

/// Where the comment at `start` ends.
fn comment(bytes: &[u8], start: usize) -> Ended {
    let inside = start + 2;
    let end = memmem::find(bytes.within(inside..), b"#}").map(|at| inside + at);
    let last = end.unwrap_or(bytes.len());
    let nested = memmem::find(bytes.within(inside..last), b"{#").map(|at| inside + at);
    if let (Some(end), None) = (end, nested) {
        return (end + 2, None);
    }
    let before = nested.unwrap_or(last);
    match broken_comment_end(bytes, inside, before) {
        Some(span) => (span.end as usize, Some(Fault::BrokenEnd(span))),
        None => match end {
            Some(end) => (end + 2, None),
            None => {
                let line = memchr::memchr(b'\n', bytes.within(inside..before));
                let end = line.map_or(before, |line| inside + line);
                (trim_end(bytes, start, end), Some(Fault::NoEnd))
            }
        },
    }
}

/// A `}` or `#` at the end of a line, or before a tag, that likely was to end a comment.
pub(super) fn broken_comment_end(bytes: &[u8], inside: usize, before: usize) -> Option<Span> {
    let signs = memchr::memchr2_iter(b'}', b'#', bytes.within(inside..before)).map(|at| inside + at);
    signs
        .filter(|at| {
            // A dash trims.
            let before = bytes.within(inside..*at);
            let before = before.strip_suffix(b"-").unwrap_or(before);
            before.last().is_some_and(u8::is_ascii_whitespace)
        })
        .find(|at| at + 1 == before || ends_line(bytes, at + 1, bytes.get(at + 1).copied()))
        .map(|at| Span::new(at, at + 1))
}

/// Where the raw block ends whose text begins at `open`.
fn raw(bytes: &[u8], open: usize) -> Ended {
    let mut words = memmem::find_iter(bytes.within(open..), b"endraw").map(|at| open + at);
    let Some(word) = words.next() else {
        return (open, Some(Fault::NoEnd));
    };
    let start = bytes
        .within(open..word)
        .iter()
        .rposition(|byte| !b" \t\n\r-%{".contains(byte));
    let from = start.map_or(open, |at| open + at + 1);
    let from = from
        + bytes
            .within(from..word)
            .iter()
            .take_while(|byte| byte.is_ascii_whitespace())
            .count();
    if crate::parse::raw_tag(bytes, from, b"endraw").is_none() {
        let behind = word + "endraw".len();
        let length = bytes
            .within(behind..)
            .iter()
            .take_while(|byte| b" \t-%}".contains(byte))
            .count();
        let end = behind + bytes.within(behind..behind + length).trim_ascii_end().len();
        return (end, Some(Fault::BrokenEnd(Span::new(from, end))));
    }
    let end = crate::parse::raw_tag(bytes, from, b"endraw").unwrap_or(open);
    (end, None)
}
