//! Candidates among HTML's tags, and Hydra's.

use std::collections::BTreeMap;

use crate::{fragment::short, problem::Code, source::Span, within::Within};

use super::{
    candidate::{Candidate, character_before, replaced},
    found_in_markup::Markup,
    noise::unbalanced,
    quotes,
    runs::{Run, RunKind, find, name, runs},
    tag_starts,
};

/// What may be wrong with the tags of a text. `wanted`: the names of the elements that were found open, or whose end was.
pub(super) fn candidates(text: &str, bytes: &[u8], wanted: &[String]) -> Vec<Candidate> {
    let mut markup = Markup {
        text,
        bytes,
        found: Vec::new(),
    };
    let opened = unbalanced(bytes);
    for run in runs(bytes) {
        match run.kind {
            RunKind::Text | RunKind::Code => tag_starts::in_text(&mut markup, run),
            RunKind::Tag => in_tag(&mut markup, run, wanted, &opened),
            RunKind::Comment if !bytes.within(run.span.range()).ends_with(b"-->") => {
                open_comment(&mut markup, run);
            }
            _ => {}
        }
    }
    markup.found
}

/// A tag that runs into the next one, whose quotes are not in pairs, or that was to be an end tag.
fn in_tag(markup: &mut Markup<'_>, run: Run, wanted: &[String], opened: &BTreeMap<String, i64>) {
    let bytes = markup.bytes;
    let all = bytes.within(run.span.range());
    let start = run.span.start as usize;
    if all.starts_with(b"<!") || all.starts_with(b"<?") {
        return;
    }
    let name = String::from_utf8_lossy(name(bytes, start)).into_owned();
    if !all.ends_with(b">") || all.len() == 1 {
        runs_on(markup, run, &name);
    }
    quotes::in_tag(markup, run);
    tag_starts::swapped(markup, start);
    opened_again(markup, run, &name, opened);
    misspelled_end(markup, run, &name, wanted);
}

/// A bare `<section>` in a file where one more is opened than closed.
fn opened_again(markup: &mut Markup<'_>, run: Run, name: &str, opened: &BTreeMap<String, i64>) {
    let is_bare = run.span.len() == name.len() + 2 && markup.bytes.within(run.span.range()).ends_with(b">");
    let more = opened.get(&name.to_ascii_lowercase());
    if is_bare && more.is_some_and(|more| *more > 1) {
        let message = format!("`<{name}>` opens another `{name}` where one was to be closed");
        markup.add_tag(message, "opened once more", (run.span, format!("</{name}>")), 5);
    }
}

/// An end tag whose name is nearly one that is wanted.
fn misspelled_end(markup: &mut Markup<'_>, run: Run, name: &str, wanted: &[String]) {
    let Some(closed) = name.strip_prefix('/').filter(|closed| !closed.is_empty()) else {
        return;
    };
    if let Some(near) = wanted.iter().find(|wanted| is_near(wanted, closed)) {
        let message = format!("`</{}>` closes nothing", short(closed));
        let place = (run.span, format!("</{near}>"));
        markup.add(Code::StrayCloseTag, message, "no such tag is open here", place, 3);
    }
}

fn is_near(wanted: &str, closed: &str) -> bool {
    !wanted.eq_ignore_ascii_case(closed) && crate::suggest::nearest(closed, [wanted]).is_some()
}

/// A tag that another tag, or the end of the file, ends.
fn runs_on(markup: &mut Markup<'_>, run: Run, name: &str) {
    let text = markup.text;
    let start = run.span.start as usize;
    let behind_name = start + 1 + name.len();
    let message = format!("the `>` of this `<{}` is missing", short(name));
    for place in likely_ends(markup, run, name) {
        let (mut span, mut with) = replaced(text, Span::new(start, place), Span::new(place, place), ">");
        if span.is_empty() {
            span = if place == behind_name {
                Span::new(start, behind_name)
            } else {
                character_before(text, place)
            };
            with = format!("{}>", text.within(span.range()));
        }
        markup.add_tag(message.clone(), "ends without `>`", (span, with), 4);
    }
}

/// Where a tag may end that lacks its `>`: behind its name, its last quote, its line, or all of it.
fn likely_ends(markup: &Markup<'_>, run: Run, name: &str) -> Vec<usize> {
    let (start, end) = (run.span.start as usize, run.span.end as usize);
    let inside = markup.text.within(start..end);
    let behind_name = start + 1 + name.len();
    if name.starts_with('/') {
        return vec![behind_name];
    }
    let line = inside.find('\n').map_or(end, |at| start + at);
    let trimmed = |end: usize| start + markup.text.within(start..end).trim_end().len();
    let is_quote = |byte: &u8| matches!(byte, b'"' | b'\'');
    let quote = markup.bytes.within(start..line).iter().rposition(is_quote);
    let mut places = vec![behind_name];
    places.extend(quote.map(|quote| start + quote + 1));
    places.extend([trimmed(line), trimmed(end)]);
    places.dedup();
    places
}

/// A comment that the rest of the file belongs to.
fn open_comment(markup: &mut Markup<'_>, run: Run) {
    let start = run.span.start as usize;
    for broken in ["--", "->"] {
        if let Some(at) = find(markup.bytes, start + 4, broken.as_bytes()) {
            let message = "this comment is never closed".to_owned();
            let place = (Span::new(at, at + 2), "-->".to_owned());
            markup.add_tag(message, "was this to be its end?", place, 3);
        }
    }
}
