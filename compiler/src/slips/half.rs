//! Halves of delimiters: `}}`, `%}` and `#}` whose beginning lost a character or is missing.

use crate::{limits::MAX_HALF_BYTES, source::Span, within::Within};

use super::{
    runs::{Run, RunKind, TERA, runs},
    scan::Shape,
    words::{begins_statement, is_keyword},
};

/// The end of a delimiter that has no beginning.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Half {
    /// Its two characters.
    pub(super) end: Span,
    /// Of which kind.
    pub(super) shape: Shape,
    /// What is left of its beginning: `{`, `%`, `#`, `{ %`.
    pub(super) begin: Option<Span>,
    /// Whether it stands in a script or a style sheet, where nothing is warned of.
    pub(super) hidden: bool,
}

/// The halves in a masked text.
pub(super) fn halves(bytes: &[u8]) -> Vec<Half> {
    let mut found = Vec::new();
    let has_tera = bytes.contains(&TERA);
    // How many braces are open in the texts so far: code that is shown may be spread over many elements.
    let mut outer = 0_usize;
    for run in runs(bytes) {
        let mut open = Vec::new();
        // Where a brace closed another one last.
        let mut closed = None;
        let signs = memchr::memchr2_iter(b'{', b'}', bytes.within(run.span.range()));
        for at in signs.map(|at| run.span.start as usize + at) {
            if bytes.get(at) == Some(&b'{') {
                open.push(at);
                continue;
            }
            match half(bytes, run, &open, (at, closed), has_tera, outer) {
                Some(half) => {
                    found.push(half);
                    open.clear();
                }
                None if open.pop().is_none() => outer = outer.saturating_sub(1),
                None => closed = Some(at),
            }
        }
        if !matches!(run.kind, RunKind::Script | RunKind::Comment) {
            outer += open.len();
        }
    }
    found
}

/// Whether the `}` at `at` ends a half delimiter. `open`: the braces before it in its run.
fn half(
    bytes: &[u8],
    run: Run,
    open: &[usize],
    (at, closed): (usize, Option<usize>),
    has_tera: bool,
    outer: usize,
) -> Option<Half> {
    let start = (run.span.start as usize).max(at.saturating_sub(MAX_HALF_BYTES));
    let shape = match bytes.within(start..at).last()? {
        b'}' => Shape::Print,
        b'%' => Shape::Statement,
        b'#' => Shape::Comment,
        _ => return None,
    };
    let hidden = matches!(run.kind, RunKind::Script | RunKind::Comment);
    let half = |begin| {
        Some(Half {
            end: Span::new(at - 1, at + 1),
            shape,
            begin,
            hidden,
        })
    };
    // Where Tera stood before, or another half, nothing of this one's beginning is left.
    let from = bytes
        .within(start..at.saturating_sub(1))
        .iter()
        .rposition(|byte| *byte == TERA)
        .map_or(start, |tera| start + tera + 1);
    if let Some(begin) = begin(bytes, from, at - 1, shape, open, run.kind) {
        return half(Some(begin));
    }
    let depth = match shape {
        // The first of its braces was taken from `open` already.
        Shape::Print => open.len() + usize::from(closed == Some(at - 1)),
        _ => open.len(),
    };
    let needed = if shape == Shape::Print { 2 } else { 1 };
    let is_shown = matches!(run.kind, RunKind::Text | RunKind::Tag);
    let is_bare = has_tera && depth == 0 && outer < needed && is_shown && stands_alone(bytes, at, run);
    if is_bare { half(None) } else { None }
}

/// Whether `}}` is no more than that: three braces are no delimiter.
fn stands_alone(bytes: &[u8], at: usize, run: Run) -> bool {
    let start = run.span.start as usize;
    let before = at
        .checked_sub(2)
        .filter(|before| *before >= start)
        .and_then(|before| bytes.get(before).copied());
    before != Some(b'}') && bytes.get(at + 1) != Some(&b'}')
}

/// What is left of the beginning of a half that ends at `end`.
fn begin(bytes: &[u8], from: usize, end: usize, shape: Shape, open: &[usize], kind: RunKind) -> Option<Span> {
    let inside = bytes.within(from..end);
    let brace = match shape {
        // The innermost brace was closed by the first of the two, so it is not in `open` any more.
        Shape::Print => last_open_brace(bytes, from, end),
        _ => open.last().copied().filter(|at| *at >= from),
    };
    let sign = match shape {
        Shape::Print => None,
        Shape::Comment => inside.iter().rposition(|byte| *byte == b'#'),
        _ => inside.iter().rposition(|byte| *byte == b'%'),
    };
    let sign = sign.map(|at| from + at);
    if let (Some(brace), Some(sign)) = (brace, sign)
        && brace < sign
        && bytes.within(brace + 1..sign).iter().all(u8::is_ascii_whitespace)
    {
        return Some(Span::new(brace, sign + 1));
    }
    if let Some(sign) = sign
        && brace.is_none_or(|brace| brace < sign)
        && is_sign(bytes, from, sign, end, shape)
    {
        return Some(Span::new(sign, sign + 1));
    }
    let brace = brace?;
    let content = bytes.within(brace + 1..end);
    let behind = content.iter().position(|byte| !byte.is_ascii_whitespace())?;
    match shape {
        Shape::Print if content.get(behind) == Some(&b'{') => {
            let inner = content.within(behind + 1..);
            (behind > 0 && is_expression(inner, kind)).then(|| Span::new(brace, brace + 2 + behind))
        }
        Shape::Print => {
            let is_only = !last_brace_has_outer(bytes, from, brace);
            (is_only && is_expression(content, kind)).then(|| Span::new(brace, brace + 1))
        }
        Shape::Comment => {
            // A dash trims on either side.
            let note = content.strip_prefix(b"-").unwrap_or(content);
            let note = note.strip_suffix(b"-").unwrap_or(note);
            let is_apart = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_whitespace);
            let is_comment = is_apart(note.first()) && is_apart(note.last());
            is_comment.then(|| Span::new(brace, brace + 1))
        }
        _ => begins_statement(content).then(|| Span::new(brace, brace + 1)),
    }
}

/// The innermost brace that is open before `end`, from `from` on.
fn last_open_brace(bytes: &[u8], from: usize, end: usize) -> Option<usize> {
    let mut closed = 0_usize;
    for at in (from..end).rev() {
        match bytes.get(at) {
            Some(b'}') => closed += 1,
            Some(b'{') if closed == 0 => return Some(at),
            Some(b'{') => closed -= 1,
            _ => {}
        }
    }
    None
}

/// Whether the brace at `brace` stands in another.
fn last_brace_has_outer(bytes: &[u8], from: usize, brace: usize) -> bool {
    last_open_brace(bytes, from, brace).is_some()
}

/// Whether the `%` or `#` at `sign` began a delimiter: a word of Tera's follows, or what a comment has.
fn is_sign(bytes: &[u8], from: usize, sign: usize, end: usize, shape: Shape) -> bool {
    let content = bytes.within(sign + 1..end);
    // `100 %` and `#1` are no beginning.
    let before = bytes.within(from..sign).last();
    let is_apart = before.is_none_or(|byte| !byte.is_ascii_alphanumeric());
    match shape {
        Shape::Comment => {
            let note = content.strip_prefix(b"-").unwrap_or(content);
            is_apart && note.first().is_some_and(u8::is_ascii_whitespace)
        }
        _ => is_apart && begins_statement(content),
    }
}

/// Whether a text may be an expression that is printed: no JavaScript, no CSS.
fn is_expression(content: &[u8], kind: RunKind) -> bool {
    let Ok(text) = std::str::from_utf8(content) else {
        return false;
    };
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '-');
    let first = text.chars().next();
    let begins = first.is_some_and(|c| c.is_alphabetic() || matches!(c, '_' | '"' | '\'' | '('));
    let is_code = text.contains([':', ';', '\n', '\\', '$']) || text.contains("=>") || text.ends_with(',');
    let word = text
        .split(|c: char| !c.is_alphanumeric() && c != '_')
        .next()
        .unwrap_or_default();
    let spread = matches!(kind, RunKind::Code) && text.contains(' ') && !text.contains('|');
    let is_statement = is_keyword(word) && word.len() > 2 && text.contains(' ');
    begins && !is_code && !spread && !is_statement
}
