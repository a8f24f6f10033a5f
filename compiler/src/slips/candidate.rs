//! A place that may be the one wrong character, and what to write there.

use crate::{
    limits::MAX_NEARBY_BYTES,
    problem::{Code, Problem},
    source::{SourceId, Span},
    within::Within,
};

/// What may be wrong, and how to mend it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    pub(super) code: Code,
    pub(super) message: String,
    pub(super) label: &'static str,
    /// What is replaced. The report marks it.
    pub(super) span: Span,
    /// What is written there instead. Empty: it is removed.
    pub(super) with: String,
    /// Whether it is wrong whatever else is: otherwise it counts only if it mends the file.
    pub(super) sure: bool,
    /// What the report marks instead of what is replaced.
    pub(super) mark: Option<Span>,
    /// The help, where it is another than to write what is written on trial.
    pub(super) help: Option<String>,
    /// Another place that the report marks, with its label.
    pub(super) opening: Option<(Span, &'static str)>,
    /// A sentence that the help adds after the text to write. Empty: none.
    pub(super) note: &'static str,
    /// Which kinds of candidates are tried first: the lowest.
    pub(super) rank: u8,
}

/// The longest text that a help shows, in bytes.
const LONGEST: usize = 90;

impl Candidate {
    /// The text with this mended.
    pub(super) fn applied(&self, text: &str) -> String {
        let (start, end) = (self.span.start as usize, self.span.end as usize);
        [text.within(..start), &self.with, text.within(end..)].concat()
    }

    /// The report.
    pub(super) fn problem(&self, source: SourceId) -> Problem {
        let place = self.mark.unwrap_or(self.span);
        let mut problem = Problem::new(self.code, self.message.clone(), place.at(source), self.label);
        if let Some((opening, label)) = self.opening {
            problem = problem.label(opening.at(source), label);
        }
        let help = match (&self.help, self.with.as_str()) {
            (Some(help), _) => help.clone(),
            (None, "") => "remove it".to_owned(),
            (None, with) => format!("write `{with}`"),
        };
        problem.help(help + self.note)
    }
}

/// `span` with `with` in place of `inner`, or `inner` alone where all of it would be long.
pub(super) fn replaced(text: &str, span: Span, inner: Span, with: &str) -> (Span, String) {
    let is_short = span.len() + with.len() <= LONGEST && !text.within(span.range()).contains(['\n', '`']);
    if !is_short {
        return (inner, with.to_owned());
    }
    let before = text.within(span.start as usize..inner.start as usize);
    let behind = text.within(inner.end as usize..span.end as usize);
    (span, [before, with, behind].concat())
}

/// The character that ends at `place`: what a report marks where the place itself lies between two characters. The result is empty
/// at the beginning of the text.
pub(super) fn character_before(text: &str, place: usize) -> Span {
    let length = text.within(..place).chars().next_back().map_or(0, char::len_utf8);
    Span::new(place - length, place)
}

/// The text from `at` on in which the rest of something is looked for: what lies farther away does not belong to it, and a file may
/// have such a place in every few bytes.
pub(crate) fn nearby(text: &str, at: usize) -> Span {
    Span::new(at, boundary(text, at.saturating_add(MAX_NEARBY_BYTES)).max(at))
}

/// The last place at or before `at` that is between two characters.
pub(crate) fn boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// A delimiter that is broken.
pub(super) fn syntax(message: String, label: &'static str, (span, with): (Span, String)) -> Candidate {
    Candidate {
        code: Code::TemplateSyntax,
        message,
        label,
        span,
        with,
        sure: true,
        mark: None,
        help: None,
        opening: None,
        note: "",
        rank: 0,
    }
}
