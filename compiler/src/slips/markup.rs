//! Candidates among HTML's tags, and Hydra's.

use std::collections::BTreeMap;

use crate::{fragment::short, problem::Code, source::Span};

use super::{
    candidate::{Candidate, character_before, nearby, replaced},
    noise::unbalanced,
    runs::{Run, RunKind, find, name, runs},
};

/// What may be wrong with the tags of a text. `wanted`: the names of the elements that were found open, or whose end was.
pub(super) fn candidates(text: &str, bytes: &[u8], wanted: &[String]) -> Vec<Candidate> {
    let mut found = Vec::new();
    let opened = unbalanced(bytes);
    for run in runs(bytes) {
        match run.kind {
            RunKind::Text | RunKind::Code => in_text(text, bytes, run, &mut found),
            RunKind::Tag => in_tag(text, bytes, run, wanted, &opened, &mut found),
            RunKind::Comment if !bytes[run.span.range()].ends_with(b"-->") => {
                open_comment(bytes, run, &mut found);
            }
            _ => {}
        }
    }
    found
}

fn candidate(
    code: Code,
    message: String,
    label: &'static str,
    span: Span,
    with: String,
    rank: u8,
) -> Candidate {
    Candidate {
        code,
        message,
        label,
        span,
        with,
        sure: false,
        note: "",
        rank,
    }
}

/// A `>` in text whose `<` is missing, `<<div`, and `<//div>`.
fn in_text(text: &str, bytes: &[u8], run: Run, found: &mut Vec<Candidate>) {
    let (start, end) = (run.span.start as usize, run.span.end as usize);
    let all = &bytes[start..end];
    lost_reference(text, bytes, run, found);
    for at in memchr::memchr2_iter(b'<', b'>', all).map(|at| start + at) {
        if bytes[at] == b'<' {
            broken_start(text, bytes, at, found);
            swapped_start(text, bytes, at, found);
            continue;
        }
        let from = bytes[start..at]
            .iter()
            .rposition(|byte| matches!(byte, b'<' | b'>'))
            .map_or(start, |before| start + before + 1);
        for tag in lost_starts(text, from, at) {
            let whole = Span::new(tag, at + 1);
            let first = Span::new(tag, tag);
            let (span, with) = replaced(text, whole, first, "<");
            let (span, with) = widened(text, span, with, whole);
            let message = format!("the `<` of `{}` is missing", short(&text[tag..=at]));
            found.push(candidate(
                Code::UnclosedTag,
                message,
                "this is text",
                span,
                with,
                3,
            ));
        }
    }
}

/// A span that has a width: where the place is between two characters, with the word behind it.
fn widened(text: &str, span: Span, with: String, whole: Span) -> (Span, String) {
    if !span.is_empty() {
        return (span, with);
    }
    let rest = &text[whole.range()];
    let word = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let span = Span::new(whole.start as usize, whole.start as usize + word);
    (span, with + &rest[..word])
}

/// `m:ref="…"` in text: the tag around it has lost its `<`.
fn lost_reference(text: &str, bytes: &[u8], run: Run, found: &mut Vec<Candidate>) {
    let (start, end) = (run.span.start as usize, run.span.end as usize);
    let Some(at) = find(&bytes[..end], start, b":ref=") else {
        return;
    };
    let line = text[start..at].rfind('\n').map_or(start, |line| start + line + 1);
    for tag in lost_starts(text, line, at) {
        let length = text[tag..end].find(char::is_whitespace).unwrap_or(end - tag);
        let span = Span::new(tag, tag + length);
        let name = &text[span.range()];
        let message = format!("the `<` of `{}` is missing", short(name));
        found.push(candidate(
            Code::UnclosedTag,
            message,
            "this is text",
            span,
            format!("<{name}"),
            3,
        ));
    }
}

/// `s<ection>` and `<s/ection>`: two characters in each other's place.
fn swapped_start(text: &str, bytes: &[u8], at: usize, found: &mut Vec<Candidate>) {
    let is_letter = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
    let swapped = if at > 0 && is_letter(at - 1) && (at < 2 || !is_letter(at - 2)) {
        Some((Span::new(at - 1, at + 1), format!("<{}", &text[at - 1..at])))
    } else if is_letter(at + 1) && bytes.get(at + 2) == Some(&b'/') && bytes.get(at + 3) != Some(&b'>') {
        Some((Span::new(at, at + 3), format!("</{}", &text[at + 1..at + 2])))
    } else {
        None
    };
    if let Some((span, with)) = swapped {
        let message = format!("`{}` is not a tag", short(&text[span.range()]));
        found.push(candidate(
            Code::UnclosedTag,
            message,
            "two characters are in each other's place",
            span,
            with,
            4,
        ));
    }
}

/// Where a tag may begin that ends at `end` and has lost its `<`.
fn lost_starts(text: &str, from: usize, end: usize) -> Vec<usize> {
    let mut starts = Vec::new();
    let inside = &text[from..end];
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, ':' | '-'))
    };
    if let Some(slash) = inside.rfind('/')
        && is_name(inside[slash + 1..].trim_end())
    {
        starts.push(from + slash);
    }
    // The name stands before the first attribute.
    let first = inside.find('=').unwrap_or(inside.len());
    let mut words: Vec<usize> = Vec::new();
    let mut at = 0;
    for word in inside[..first].split_inclusive(char::is_whitespace) {
        if is_name(word.trim_end()) || is_name(word.trim_end().trim_end_matches('/')) {
            words.push(from + at);
        }
        at += word.len();
    }
    starts.extend(words.iter().rev().take(3).copied());
    starts
}

/// `<<div` and `<//div>`: one character too many.
fn broken_start(text: &str, bytes: &[u8], at: usize, found: &mut Vec<Candidate>) {
    let begins = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_alphabetic);
    let rest = &bytes[at + 1..];
    let is_slash = rest.starts_with(b"//") && begins(at + 3);
    let is_space = rest.first() == Some(&b' ') && (begins(at + 2) || rest.get(1) == Some(&b'/'));
    if is_slash || is_space {
        let near = &bytes[..nearby(text, at).end as usize];
        let end = find(near, at, b">").map_or(near.len(), |end| end + 1);
        let inner = Span::new(at + 1, at + 2);
        let (span, with) = replaced(text, Span::new(at, end), inner, "");
        let message = format!("`{}` is not a tag", short(&text[at..end]));
        found.push(candidate(
            Code::UnclosedTag,
            message,
            "one character too many",
            span,
            with,
            3,
        ));
    }
}

/// A tag that runs into the next one, whose quotes are not in pairs, or that was to be an end tag.
fn in_tag(
    text: &str,
    bytes: &[u8],
    run: Run,
    wanted: &[String],
    opened: &BTreeMap<String, i64>,
    found: &mut Vec<Candidate>,
) {
    let (start, end) = (run.span.start as usize, run.span.end as usize);
    let name = String::from_utf8_lossy(name(bytes, start)).into_owned();
    if bytes[start..].starts_with(b"<!") || bytes[start..].starts_with(b"<?") {
        return;
    }
    if bytes[end - 1] != b'>' || end - start == 1 {
        runs_on(text, bytes, run, &name, found);
    }
    quotes(text, bytes, run, found);
    swapped_start(text, bytes, start, found);
    let is_bare = bytes[start..end] == *format!("<{name}>").as_bytes();
    if is_bare
        && opened
            .get(&name.to_ascii_lowercase())
            .is_some_and(|more| *more > 1)
    {
        let message = format!("`<{name}>` opens another `{name}` where one was to be closed");
        found.push(candidate(
            Code::UnclosedTag,
            message,
            "opened once more",
            run.span,
            format!("</{name}>"),
            5,
        ));
    }
    if let Some(closed) = name.strip_prefix('/')
        && !closed.is_empty()
        && let Some(near) = wanted.iter().find(|wanted| is_near(wanted, closed))
    {
        let message = format!("`</{}>` closes nothing", short(closed));
        found.push(candidate(
            Code::StrayCloseTag,
            message,
            "no such tag is open here",
            run.span,
            format!("</{near}>"),
            3,
        ));
    }
}

fn is_near(wanted: &str, closed: &str) -> bool {
    !wanted.eq_ignore_ascii_case(closed) && crate::suggest::nearest(closed, [wanted]).is_some()
}

/// A tag that another tag, or the end of the file, ends.
fn runs_on(text: &str, bytes: &[u8], run: Run, name: &str, found: &mut Vec<Candidate>) {
    let (start, end) = (run.span.start as usize, run.span.end as usize);
    let behind_name = start + 1 + name.len();
    let inside = &text[start..end];
    let line = inside.find('\n').map_or(end, |at| start + at);
    let trimmed = |end: usize| start + text[start..end].trim_end().len();
    let mut places = vec![behind_name, trimmed(line), trimmed(end)];
    if name.starts_with('/') {
        places.truncate(1);
    }
    if let Some(quote) = bytes[start..line]
        .iter()
        .rposition(|byte| matches!(byte, b'"' | b'\''))
    {
        places.insert(1, start + quote + 1);
    }
    places.dedup();
    let message = format!("the `>` of this `<{}` is missing", short(name));
    for place in places {
        let inner = Span::new(place, place);
        let (span, mut with) = replaced(text, Span::new(start, place), inner, ">");
        let mut span = span;
        if span.is_empty() {
            span = Span::new(start, behind_name);
            if place != behind_name {
                span = character_before(text, place);
            }
            with = format!("{}>", &text[span.range()]);
        }
        found.push(candidate(
            Code::UnclosedTag,
            message.clone(),
            "ends without `>`",
            span,
            with,
            4,
        ));
    }
}

/// Quotes that are never closed, or never opened.
fn quotes(text: &str, bytes: &[u8], run: Run, found: &mut Vec<Candidate>) {
    let (start, end) = (run.span.start as usize, run.span.end as usize);
    lost_equals(text, bytes, run, found);
    let mut at = start;
    while let Some(equals) = find(&bytes[..end], at, b"=") {
        let value = equals + 1;
        if bytes.get(value) == Some(&b'=') {
            let span = Span::new(equals, equals + 2);
            let message = "this attribute has one `=` too many".to_owned();
            found.push(candidate(
                Code::UnclosedQuote,
                message,
                "one sign too many",
                span,
                "=".to_owned(),
                3,
            ));
        }
        let quote = bytes
            .get(value)
            .copied()
            .filter(|byte| value < end && matches!(byte, b'"' | b'\''));
        match quote {
            Some(quote) => {
                let close = memchr::memchr(quote, &bytes[value + 1..end]).map(|at| value + 1 + at);
                let inside = &bytes[value + 1..close.unwrap_or(end)];
                if close.is_none()
                    || memchr::memchr3(b'<', b'>', b'=', inside).is_some()
                    || inside.contains(&b'\n')
                {
                    open_quote(text, bytes, value, close.unwrap_or(end), found);
                }
                if close == Some(value + 1)
                    && bytes
                        .get(value + 2)
                        .is_some_and(|next| !b" \t\n/>".contains(next))
                {
                    let pair = Span::new(value, value + 2);
                    let message = "this value has one quote too many".to_owned();
                    let with = text[value..=value].to_owned();
                    found.push(candidate(
                        Code::UnclosedQuote,
                        message,
                        "one quote too many",
                        pair,
                        with,
                        3,
                    ));
                }
                at = close.map_or(end, |close| close + 1);
            }
            None => {
                let rest = &bytes[value..end];
                let word = rest
                    .iter()
                    .position(|byte| byte.is_ascii_whitespace() || *byte == b'>');
                let word = word.unwrap_or(rest.len());
                let near = nearby(text, value).len().min(rest.len());
                let quote = rest[..near].iter().position(|byte| matches!(byte, b'"' | b'\''));
                if let Some(quote) = quote {
                    let sign = text[value + quote..=value + quote].to_owned();
                    let message = "this value ends with a quote, and begins without one".to_owned();
                    let span = Span::new(value, value + quote + 1);
                    let with = format!("{sign}{}", &text[span.range()]);
                    found.push(candidate(
                        Code::UnclosedQuote,
                        message,
                        "begins without a quote",
                        span,
                        with,
                        3,
                    ));
                }
                at = value + word;
            }
        }
    }
}

/// `name"value"`: a value without its `=`.
fn lost_equals(text: &str, bytes: &[u8], run: Run, found: &mut Vec<Candidate>) {
    let (start, end) = (run.span.start as usize, run.span.end as usize);
    for at in memchr::memchr2_iter(b'"', b'\'', &bytes[start..end]).map(|at| start + at) {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_');
        if at == start || !is_name(bytes[at - 1]) {
            continue;
        }
        let name = bytes[start..at]
            .iter()
            .rposition(|byte| !is_name(*byte))
            .map_or(start, |at| start + at + 1);
        if bytes[..name].ends_with(b"=") || !bytes[name - 1].is_ascii_whitespace() {
            continue;
        }
        let span = Span::new(name, at + 1);
        let message = format!("the `=` behind `{}` is missing", short(&text[name..at]));
        let with = format!("{}={}", &text[name..at], &text[at..=at]);
        found.push(candidate(
            Code::UnclosedQuote,
            message,
            "no `=` before the quote",
            span,
            with,
            3,
        ));
    }
}

/// The quote at `open` never closes, or closes in another tag.
fn open_quote(text: &str, bytes: &[u8], open: usize, end: usize, found: &mut Vec<Candidate>) {
    let sign = &text[open..=open];
    let limit = end.min(bytes.len());
    let inside = &text[open + 1..limit];
    let line = inside.find('\n').unwrap_or(inside.len());
    let tag = inside.find(['<', '>']).unwrap_or(inside.len()).min(line);
    let slash = inside[..tag].trim_end_matches('/').len();
    let attribute = inside[..tag].find('=').map(|equals| {
        let before = &inside[..equals];
        before
            .rfind(char::is_whitespace)
            .map_or(0, |at| before[..at].trim_end().len())
    });
    let word = inside.find(char::is_whitespace);
    let message = "this quote is never closed".to_owned();
    let last = inside[..line].rfind('>');
    let mut places: Vec<usize> = [attribute, Some(tag), Some(slash), last, Some(line), word]
        .into_iter()
        .flatten()
        .collect();
    places.dedup();
    for place in places {
        let to = open + 1 + inside[..place].trim_end().len();
        if to <= open {
            continue;
        }
        let value = Span::new(open, to);
        let (span, with) = (value, format!("{}{sign}", &text[value.range()]));
        if with.len() > 90 || with.contains('\n') {
            let span = character_before(text, to);
            let with = format!("{}{sign}", &text[span.range()]);
            found.push(candidate(
                Code::UnclosedQuote,
                message.clone(),
                "the value ends here",
                span,
                with,
                3,
            ));
            continue;
        }
        found.push(candidate(
            Code::UnclosedQuote,
            message.clone(),
            "opened here",
            span,
            with,
            3,
        ));
    }
}

/// A comment that the rest of the file belongs to.
fn open_comment(bytes: &[u8], run: Run, found: &mut Vec<Candidate>) {
    let start = run.span.start as usize;
    for broken in ["--", "->"] {
        if let Some(at) = find(bytes, start + 4, broken.as_bytes()) {
            let span = Span::new(at, at + 2);
            let message = "this comment is never closed".to_owned();
            found.push(candidate(
                Code::UnclosedTag,
                message,
                "was this to be its end?",
                span,
                "-->".to_owned(),
                3,
            ));
        }
    }
}
