//! Candidates among Tera's delimiters.

use crate::{fragment::short, limits::MAX_HALF_BYTES, problem::Code, source::Span};

use super::{
    candidate::{Candidate, boundary, replaced},
    half::Half,
    scan::{Fault, Part, Shape},
    words::{KEYWORDS, is_keyword, nearest_keyword},
};

/// How to write `{#` where no comment is meant.
const NO_COMMENT: &str = "; where the two characters are meant, as in CSS, write a space between them: `{ #`";

fn syntax(message: String, label: &'static str, (span, with): (Span, String)) -> Candidate {
    Candidate {
        code: Code::TemplateSyntax,
        message,
        label,
        span,
        with,
        sure: true,
        note: "",
        rank: 0,
    }
}

/// What may mend a part that does not end.
pub(super) fn of_part(text: &str, part: &Part, found: &mut Vec<Candidate>) {
    doubled_brace(text, part, found);
    if let Some(candidate) = svelte(text, part) {
        found.push(candidate);
        return;
    }
    let Some(fault) = part.fault else { return };
    let start = part.span.start as usize;
    let (begin, end) = (part.shape.begin(), part.shape.end());
    match fault {
        Fault::String(quote) => {
            for quote in odd_quotes(text, part, quote as usize) {
                strings(text, part, quote, found);
            }
            strings(text, part, quote as usize, found);
        }
        Fault::BrokenEnd(broken) => {
            let written = &text[broken.range()];
            let message = match part.shape {
                Shape::Raw => format!("`{}` does not end the raw block", short(written.trim())),
                _ => format!("this `{begin}` ends in `{written}`, not in `{end}`"),
            };
            let with = match part.shape {
                Shape::Raw => "{% endraw %}".to_owned(),
                _ => end.to_owned(),
            };
            let place = match part.shape {
                Shape::Raw | Shape::Comment => (broken, with),
                _ => replaced(text, part.span, broken, &with),
            };
            let mut candidate = syntax(message, "no end of a delimiter", place);
            if part.shape == Shape::Comment {
                candidate.message = format!("this comment is not ended by `{written}`");
            }
            found.push(candidate);
            // The beginning may be what is wrong.
            let other = match written {
                "}}" => Some("{{"),
                "%}" => Some("{%"),
                "#}" => Some("{#"),
                _ => None,
            };
            if let Some(other) = other.filter(|other| *other != begin) {
                let message = format!("this begins with `{begin}` and ends in `{written}`");
                let first = Span::new(start, start + 2);
                let place = replaced(text, part.span, first, other);
                found.push(syntax(message, "begins and ends differently", place));
            }
        }
        Fault::NoEnd => {
            lone_percents(text, part, found);
            let behind = Span {
                start: part.span.end,
                end: part.span.end,
            };
            let with = match part.shape {
                Shape::Raw => "{% endraw %}".to_owned(),
                _ => format!(" {end}"),
            };
            let message = match part.shape {
                Shape::Raw => "this `{% raw %}` has no `{% endraw %}`".to_owned(),
                Shape::Comment => "`{#` begins a comment here, which has no end".to_owned(),
                _ => format!("this `{begin}` has no `{end}`"),
            };
            let (mut span, mut with) = replaced(text, part.span, behind, &with);
            if span.is_empty() {
                // A place without a width can't be marked: the last word can.
                let all = &text[part.span.range()];
                let head = all.trim_end().trim_end_matches(|c: char| !c.is_whitespace());
                span.start = part.span.start + head.len() as u32;
                with = format!("{}{with}", &all[head.len()..]);
            }
            let mut candidate = syntax(message, "opened here", (span, with));
            if part.shape == Shape::Comment {
                candidate.note = NO_COMMENT;
            }
            found.push(candidate);
        }
    }
}

/// `{#if a}` and `{#each as as a}` of Svelte, which begin a comment here.
fn svelte(text: &str, part: &Part) -> Option<Candidate> {
    let start = part.span.start as usize;
    part.fault.filter(|_| part.shape == Shape::Comment)?;
    let end = text[start..].find('}').map(|end| start + end + 1)?;
    let inside = &text[start + 2..end - 1];
    let (word, rest) = inside.split_once(' ')?;
    let here = match word {
        "if" => format!("{{% if {rest} %}}"),
        "each" => {
            let (list, item) = rest.split_once(" as ")?;
            format!("{{% for {item} in {list} %}}")
        }
        _ => return None,
    };
    let message = format!("`{{#{word}` begins a comment here");
    let mut candidate = syntax(message, "opened here", (Span::new(start, end), here));
    candidate.note = ", and the statement's end instead of `{/…}`";
    Some(candidate)
}

/// `{% if a % b`: a sign that may be left of the end.
fn lone_percents(text: &str, part: &Part, found: &mut Vec<Candidate>) {
    if part.shape != Shape::Statement {
        return;
    }
    let (start, end) = (part.span.start as usize, part.span.end as usize);
    let signs = text[start + 2..end]
        .match_indices(" %")
        .map(|(at, _)| start + at + 3);
    for at in signs {
        let whole = Span::new(start, at + 1);
        let place = replaced(text, whole, Span::new(at, at + 1), "%}");
        let message = "this `{%` ends in `%`, not in `%}`".to_owned();
        found.push(syntax(message, "no end of a delimiter", place));
    }
}

/// `{{%`, `{{#`, `{{{`: one brace too many.
fn doubled_brace(text: &str, part: &Part, found: &mut Vec<Candidate>) {
    let start = part.span.start as usize;
    if text[start..].starts_with("{%%") {
        let place = (Span::new(start, start + 3), "{%".to_owned());
        found.push(syntax(
            "`{%%` has one `%` too many".to_owned(),
            "one sign too many",
            place,
        ));
    }
    let three = text.get(start..start + 3).unwrap_or_default();
    if part.shape == Shape::Print && matches!(three, "{{%" | "{{#" | "{{{") {
        let message = format!("`{three}` has one `{{` too many");
        let place = (Span::new(start, start + 3), three[1..].to_owned());
        found.push(syntax(message, "one brace too many", place));
    }
}

/// The quotes of earlier lines on which an odd number of them stands: each line's first and last.
fn odd_quotes(text: &str, part: &Part, quote: usize) -> Vec<usize> {
    let start = part.span.start as usize;
    let sign = char::from(text.as_bytes()[quote]);
    let mut found = Vec::new();
    let mut at = start;
    for line in text[start..quote]
        .split_inclusive('\n')
        .filter(|line| line.ends_with('\n'))
    {
        let quotes: Vec<usize> = line.match_indices(sign).map(|(found, _)| at + found).collect();
        if quotes.len() % 2 == 1 {
            found.extend(quotes.first());
            found.extend(quotes.last().filter(|last| Some(*last) != quotes.first()));
        }
        at += line.len();
    }
    found
}

/// A string that takes in the end of its delimiter: one of its quotes is missing, or is one too many.
fn strings(text: &str, part: &Part, quote: usize, found: &mut Vec<Candidate>) {
    let bytes = text.as_bytes();
    let sign = text[quote..=quote].to_owned();
    let line = text[quote..].find('\n').map_or(text.len(), |at| quote + at);
    let ends = text[quote..line].find(part.shape.end());
    let end = ends.map_or(line, |at| quote + at);
    let inside = &text[quote + 1..end.max(quote + 1)];
    let message = format!("the string that `{sign}` opens here is never closed");
    let label = "opened here";
    let mut add = |span: Span, with: String| {
        found.push(syntax(message.clone(), label, (span, with)));
    };
    // Its other quote stands before the bracket, the comma, or the end.
    let is_end = |c: char| matches!(c, ')' | ',' | ']' | '}') || c.is_whitespace();
    let word = quote + 1 + inside.find(is_end).unwrap_or(inside.len());
    let whole = quote + 1 + inside.trim_end_matches([' ', '-', '\t']).len();
    let bracket = inside.rfind([')', ']']).map(|at| quote + 1 + at);
    for at in [Some(word), bracket, Some(whole)].into_iter().flatten() {
        let string = Span::new(quote, at);
        if at > quote + 1 {
            add(string, format!("{}{sign}", &text[string.range()]));
        }
    }
    // What opens is what was to close: the word before it lacks its first quote.
    let mut start = quote;
    while start > part.span.start as usize + 2 && !b" \t\n(=,[{%|".contains(&bytes[start - 1]) {
        start -= 1;
    }
    if start < quote {
        let word = Span::new(start, quote + 1);
        add(
            word,
            format!("{sign}{}", text[word.range()].trim_start_matches(&*sign)),
        );
    }
    add(Span::new(quote, quote + 1), String::new());
}

/// What may mend half a delimiter.
pub(super) fn of_half(text: &str, half: &Half, found: &mut Vec<Candidate>) {
    let (begin, end) = (half.shape.begin(), half.shape.end());
    let code = Code::HalfDelimiter;
    let add = |found: &mut Vec<Candidate>, place, sure| {
        let mut candidate = syntax(String::new(), "", place);
        candidate.code = code;
        candidate.sure = sure && !half.hidden;
        candidate.rank = if half.begin.is_some() { 1 } else { 2 };
        candidate.message = match half.begin {
            Some(left) => format!(
                "this ends in `{end}` but begins with `{}`, not with `{begin}`",
                &text[left.range()]
            ),
            None => format!("this `{end}` has no `{begin}` before it"),
        };
        candidate.label = match half.begin {
            Some(_) => "half a delimiter: visitors see it as text",
            None => "visitors see this as text",
        };
        found.push(candidate);
    };
    match half.begin {
        Some(left) => {
            let all = Span {
                start: left.start,
                end: half.end.end,
            };
            add(found, replaced(text, all, left, begin), true);
        }
        None => {
            let start = guessed_begin(text, half);
            if let Some(start) = start {
                let all = Span {
                    start: start as u32,
                    end: half.end.end,
                };
                let inner = Span {
                    start: start as u32,
                    end: start as u32,
                };
                let (span, with) = replaced(text, all, inner, &format!("{begin} "));
                if !span.is_empty() {
                    add(found, (span, with), true);
                }
            }
            add(found, (half.end, String::new()), true);
        }
    }
}

/// Where a half without any beginning likely begins: behind the last tag, quote or delimiter of its line.
fn guessed_begin(text: &str, half: &Half) -> Option<usize> {
    let end = half.end.start as usize;
    let before = &text[..end];
    let from = boundary(text, end.saturating_sub(MAX_HALF_BYTES));
    let line = before[from..].rfind('\n').map_or(from, |at| from + at + 1);
    let content = &before[line..];
    let from = content.rfind(['>', '}', '<']).map_or(line, |at| line + at + 1);
    let content = &before[from..];
    if half.shape == Shape::Statement {
        let words = content
            .split_whitespace()
            .map(|word| word.as_ptr() as usize - before.as_ptr() as usize);
        let mut starts = words.filter(|at| {
            let word = before[*at..]
                .split(|c: char| !c.is_alphanumeric() && c != '_')
                .next();
            word.is_some_and(is_keyword)
        });
        return starts.next();
    }
    let content = match content.rfind(['"', '\'']) {
        Some(quote) if !content[..quote].contains('(') => &content[quote + 1..],
        _ => content,
    };
    let trimmed = content.trim();
    let start = trimmed.as_ptr() as usize - before.as_ptr() as usize;
    let is_name = trimmed.starts_with(|c: char| c.is_alphabetic() || c == '_');
    (is_name && !trimmed.is_empty()).then_some(start)
}

/// Statements whose first word is nearly one of Tera's: `{% endfi %}`, `{% edn for %}`, `{% end if %}`.
pub(super) fn of_word(text: &str, part: &Part, found: &mut Vec<Candidate>) {
    if part.shape != Shape::Statement || part.fault.is_some() {
        return;
    }
    let inner = crate::delimiters::inner(text, part.span);
    let all = &text[inner.range()];
    let word = crate::delimiters::first_word(all);
    if word.is_empty() || is_keyword(word) {
        return;
    }
    let rest = &all[word.len()..];
    let second = crate::delimiters::first_word(rest.trim_start());
    let joined = format!("{word}{second}");
    let near = |word: &str| {
        let exact = KEYWORDS.iter().copied().find(|keyword| *keyword == word);
        exact.or_else(|| nearest_keyword(word))
    };
    let both = near(&joined).filter(|near| near.starts_with("end") && !second.is_empty() && word.len() <= 4);
    let (length, near) = match (both, nearest_keyword(word)) {
        (Some(near), _) => (
            word.len() + (rest.len() - rest.trim_start().len()) + second.len(),
            near,
        ),
        (None, Some(near)) => (word.len(), near),
        (None, None) => return,
    };
    let start = inner.start as usize;
    let place = replaced(text, part.span, Span::new(start, start + length), near);
    let message = format!("Tera has no statement `{}`", short(&all[..length]));
    found.push(syntax(message, "unknown", place));
}
