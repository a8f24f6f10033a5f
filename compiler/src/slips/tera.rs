//! Candidates among Tera's delimiters.

use crate::{fragment::short, source::Span, within::Within};

use super::{
    candidate::{Candidate, replaced, syntax},
    scan::{Fault, Part, Shape},
    strings::open_string,
    words::{KEYWORDS, is_keyword, nearest_keyword},
};

/// How to write `{#` where no comment is meant.
const NO_COMMENT: &str = "; where the two characters are meant, as in CSS, write a space between them: `{ #`";

/// What may mend a part that does not end.
pub(super) fn of_part(text: &str, part: &Part, found: &mut Vec<Candidate>) {
    doubled_brace(text, part, found);
    if let Some(candidate) = svelte(text, part) {
        found.push(candidate);
        return;
    }
    match part.fault {
        Some(Fault::String(quote)) => open_string(text, part, quote as usize, found),
        Some(Fault::BrokenEnd(broken)) => {
            found.push(broken_end(text, part, broken));
            found.extend(broken_begin(text, part, broken));
        }
        Some(Fault::NoEnd) => {
            lone_percents(text, part, found);
            found.push(no_end(text, part));
        }
        None => {}
    }
}

/// What is written at the end of a part.
fn end_of(shape: Shape) -> &'static str {
    match shape {
        Shape::Raw => "{% endraw %}",
        _ => shape.end(),
    }
}

/// A part that ends in something that is nearly its end.
fn broken_end(text: &str, part: &Part, broken: Span) -> Candidate {
    let written = text.within(broken.range());
    let (begin, end) = (part.shape.begin(), part.shape.end());
    let message = match part.shape {
        Shape::Raw => format!("`{}` does not end the raw block", short(written.trim())),
        Shape::Comment => format!("this comment is not ended by `{written}`"),
        _ => format!("this `{begin}` ends in `{written}`, not in `{end}`"),
    };
    let place = match part.shape {
        Shape::Raw | Shape::Comment => (broken, end_of(part.shape).to_owned()),
        _ => {
            // What has changed places with a sign of the end stays behind it.
            let moved: String = written
                .chars()
                .filter(|c| !matches!(c, '%' | '}' | '#' | '\n'))
                .collect();
            replaced(text, part.span, broken, &format!("{end}{moved}"))
        }
    };
    syntax(message, "no end of a delimiter", place)
}

/// A part whose end is right, so that its beginning may be what is wrong.
fn broken_begin(text: &str, part: &Part, broken: Span) -> Option<Candidate> {
    let written = text.within(broken.range());
    let begin = match written {
        "}}" => "{{",
        "%}" => "{%",
        "#}" => "{#",
        _ => return None,
    };
    if begin == part.shape.begin() {
        return None;
    }
    let start = part.span.start as usize;
    let message = format!(
        "this begins with `{}` and ends in `{written}`",
        part.shape.begin()
    );
    let place = replaced(text, part.span, Span::new(start, start + 2), begin);
    Some(syntax(message, "begins and ends differently", place))
}

/// A part in which nothing looks like its end.
fn no_end(text: &str, part: &Part) -> Candidate {
    let (begin, end) = (part.shape.begin(), end_of(part.shape));
    let (message, with) = match part.shape {
        Shape::Raw => (
            "this `{% raw %}` has no `{% endraw %}`".to_owned(),
            end.to_owned(),
        ),
        Shape::Comment => (
            "`{#` begins a comment here, which has no end".to_owned(),
            format!(" {end}"),
        ),
        _ => (format!("this `{begin}` has no `{end}`"), format!(" {end}")),
    };
    let behind = Span {
        start: part.span.end,
        end: part.span.end,
    };
    let (mut span, mut with) = replaced(text, part.span, behind, &with);
    if span.is_empty() {
        // A place without a width can't be marked: the last word can.
        let all = text.within(part.span.range());
        let head = all.trim_end().trim_end_matches(|c: char| !c.is_whitespace());
        span.start = part.span.start + head.len() as u32;
        with = format!("{}{with}", all.within(head.len()..));
    }
    let mut candidate = syntax(message, "opened here", (span, with));
    if part.shape == Shape::Comment {
        candidate.note = NO_COMMENT;
    }
    candidate
}

/// `{#if a}` and `{#each as as a}` of Svelte, which begin a comment here.
fn svelte(text: &str, part: &Part) -> Option<Candidate> {
    let start = part.span.start as usize;
    part.fault.filter(|_| part.shape == Shape::Comment)?;
    let end = text.within(start..).find('}').map(|end| start + end + 1)?;
    let inside = text.within(start + 2..end - 1);
    let (word, rest) = inside.split_once(' ')?;
    let here = match word {
        "if" => format!("{{% if {rest} %}}"),
        "each" => {
            let (list, item) = rest.split_once(" as ")?;
            let end = item.find([',', ' ', '(']).unwrap_or(item.len());
            format!("{{% for {} in {list} %}}", item.within(..end))
        }
        "snippet" => format!("{{% component {rest} %}}"),
        "await" => format!("{{% if {rest} %}}"),
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
    let signs = text
        .within(start + 2..end)
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
    if part.shape == Shape::Print && part.fault.is_some() {
        let message = "`{{` begins one of Tera's prints here".to_owned();
        let place = (Span::new(start, start + 2), "{".to_owned());
        let one = syntax(message, "one brace too many", place);
        found.push(Candidate {
            sure: false,
            rank: 5,
            ..one
        });
    }
    if text.within(start..).starts_with("{%%") {
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
        let place = (Span::new(start, start + 3), three.within(1..).to_owned());
        found.push(syntax(message, "one brace too many", place));
    }
}

/// Statements whose first word is nearly one of Tera's: `{% endfi %}`, `{% edn for %}`, `{% end if %}`.
pub(super) fn of_word(text: &str, part: &Part, found: &mut Vec<Candidate>) {
    if part.shape != Shape::Statement || part.fault.is_some() {
        return;
    }
    let inner = crate::delimiters::inner(text, part.span);
    let all = text.within(inner.range());
    let word = crate::delimiters::first_word(all);
    if word.is_empty() || is_keyword(word) {
        return;
    }
    let rest = all.within(word.len()..);
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
    let message = format!("Tera has no statement `{}`", short(all.within(..length)));
    found.push(syntax(message, "unknown", place));
}
