//! Helps that can be pasted, as edits.
//!
//! What is pasted is the first text between backticks: a whole attribute, `exports="…"`, takes the place of the tag's own or is added
//! to the tag; an item of a list, `a as b`, that of the item; and all else that of the first label. A help that says to move something
//! names what goes to the top of the file, and one that begins with `remove it` means what its label marks.
#![deny(clippy::disallowed_methods)]

use std::ops::Range;

use crate::problem::Problem;

/// An edit: the bytes that are replaced, and what comes in their place.
pub type Edit = (Range<usize>, String);

/// The edits of the file of a problem's first label that its help asks for, in the order of the file. `None`: the help has no text
/// to paste. Whether the problem is gone afterwards is for the caller to check: some helps leave a choice to the writer.
#[must_use]
pub fn mend(text: &str, problem: &Problem) -> Option<Vec<Edit>> {
    let span = problem.labels.first()?.location.span.range();
    text.get(span.clone())?;
    let help = problem.help.as_deref()?;
    let new = quoted(help).filter(|_| !help.starts_with("remove it"));
    let Some(new) = new else {
        return help.starts_with("remove").then(|| vec![(span, String::new())]);
    };
    if help.starts_with("add `") && help.ends_with("behind this line") {
        return Some(vec![(span.end..span.end, format!("\n{new}"))]);
    }
    if help.starts_with("move `") {
        let move_away = (span, String::new());
        return Some(vec![(0..0, new.to_owned()), move_away]);
    }
    let edit = match attribute_name(new) {
        Some(name) => {
            let place = attribute(text, &span, name)?;
            // One that the tag lacks is added behind its name.
            let space = if place.is_empty() { " " } else { "" };
            (place, format!("{space}{new}"))
        }
        None if new.contains(" as ") => (item(text, span), new.to_owned()),
        None => (span, new.to_owned()),
    };
    Some(vec![edit])
}

/// The text with the edits made. They stand in the order of the text, and do not overlap.
#[must_use]
pub fn edited(text: &str, edits: &[Edit]) -> String {
    let mut new = text.to_owned();
    for (range, with) in edits.iter().rev() {
        new.replace_range(range.clone(), with);
    }
    new
}

/// The first text between backticks.
fn quoted(help: &str) -> Option<&str> {
    help.split_once('`')?.1.split_once('`').map(|(text, _)| text)
}

/// The item of a list around a place.
fn item(text: &str, span: Range<usize>) -> Range<usize> {
    const ENDS: [char; 3] = [',', '"', '\''];
    let start = text[..span.start].rfind(ENDS).map_or(0, |at| at + 1);
    let space = text[start..span.start].len() - text[start..span.start].trim_start().len();
    let end = text[span.end..].find(ENDS).map_or(span.end, |at| span.end + at);
    start + space..end
}

/// The name in `name="value"`. `None`: it is not an attribute.
fn attribute_name(text: &str) -> Option<&str> {
    let (name, value) = text.split_once('=')?;
    let is_name = name
        .chars()
        .all(|c| c.is_ascii_alphabetic() || matches!(c, ':' | '-'));
    let is_quoted = ['"', '\'']
        .iter()
        .any(|quote| value.len() > 1 && value.starts_with(*quote) && value.ends_with(*quote));
    (is_name && is_quoted).then_some(name)
}

/// Where the attribute `name` stands in the tag that holds `span`, or where it can be added.
fn attribute(text: &str, span: &Range<usize>, name: &str) -> Option<Range<usize>> {
    let first = text[span.start..].chars().next().map_or(0, char::len_utf8);
    let starts = text[..span.start + first]
        .rmatch_indices('<')
        .map(|(start, _)| start);
    let tags = starts.filter(|start| text[start + 1..].starts_with(|c: char| c.is_ascii_alphabetic()));
    // A `<` may stand in a type, too: the tag is the one that has the attribute, or the nearest.
    let mut nearest = None;
    for start in tags {
        // No attribute begins behind the end of its tag, and the search for it must not read the rest of the file for each tag.
        let head = text[start..].split('>').next().unwrap_or_default();
        // A typographic quote is a letter of a value without quotes.
        let bare = format!(" {name}=“");
        if let Some(at) = head.find(&bare) {
            let from = start + at + 1;
            let length = text[from..].find([' ', '>'])?;
            return Some(from..from + length);
        }
        for quote in ['"', '\''] {
            let opening = format!(" {name}={quote}");
            let found = head.find(&opening).map(|at| start + at + 1);
            if let Some(from) = found.filter(|from| *from <= span.start || nearest.is_none()) {
                let value = from + opening.len() - 1;
                let length = text[value..].find(quote)?;
                let end = value + length + 1;
                if end >= span.start {
                    return Some(from..end);
                }
            }
        }
        let end_of_name = text[start..]
            .find(char::is_whitespace)
            .map_or(start, |at| start + at);
        nearest = nearest.or(Some(end_of_name));
    }
    nearest.map(|at| at..at)
}
