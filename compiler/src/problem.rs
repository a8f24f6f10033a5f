//! Problems as plain data: a code, a message, labels and a help. `report` formats them for people and programs.

mod code;

use std::{borrow::Cow, collections::BTreeMap};

use crate::limits::MAX_PROBLEMS_PER_CODE;
use crate::source::{Location, SourceId};

pub use code::{Code, Severity};

/// One mistake: what is wrong, where it stands, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The rule that is broken.
    pub code: Code,
    /// One line, in terms of the page.
    pub message: String,
    /// Every place involved. The first is where the mistake is.
    pub labels: Vec<Label>,
    /// How to correct it, with text that can be pasted where that is possible.
    pub help: Option<Cow<'static, str>>,
    /// How many more problems of its kind were found in its file, and left out.
    pub more: usize,
}

/// The problems in their order, at most `MAX_PROBLEMS_PER_CODE` of each code in each file. The last one that is kept counts those
/// that are left out.
#[must_use]
pub fn bounded(problems: Vec<Problem>) -> Vec<Problem> {
    match problems.len() {
        0..=MAX_PROBLEMS_PER_CODE => problems,
        _ => counted(problems),
    }
}

/// The same for an iterator, so that the problems beyond the bound are dropped as they are made.
pub(crate) fn counted(problems: impl IntoIterator<Item = Problem>) -> Vec<Problem> {
    let mut kept = ProblemCollector::default();
    kept.add_all(problems);
    kept.into_problems()
}

/// Makes the problems of one code in one file, in the order of the file. Those beyond `MAX_PROBLEMS_PER_CODE` are only counted,
/// since a file may consist of nothing else.
pub(crate) fn collect_bounded<T>(
    found: impl IntoIterator<Item = T>,
    problem: impl Fn(T) -> Problem,
) -> Vec<Problem> {
    let mut found = found.into_iter();
    let mut problems: Vec<Problem> = found.by_ref().take(MAX_PROBLEMS_PER_CODE).map(problem).collect();
    let more = found.count();
    if let Some(last) = problems.last_mut() {
        last.more += more;
    }
    problems
}

/// Collects problems. Those beyond `MAX_PROBLEMS_PER_CODE` are only counted, since a file may consist of nothing else.
#[derive(Default)]
pub(crate) struct ProblemCollector {
    kept: Vec<Problem>,
    /// By code and file: how many problems there are, and the index in `kept` of the last one.
    counts: BTreeMap<(Code, Option<SourceId>), (usize, usize)>,
}

impl ProblemCollector {
    /// Adds the problem of this code that `make` gives, whose first place is in the file `source`.
    pub(crate) fn push(&mut self, code: Code, source: SourceId, make: impl FnOnce() -> Problem) {
        self.count(code, Some(source), 1, make);
    }

    /// Adds a problem that is made already.
    pub(crate) fn add(&mut self, problem: Problem) {
        let source = problem.labels.first().map(|label| label.location.source);
        self.count(problem.code, source, 1 + problem.more, || problem);
    }

    /// The same for several.
    pub(crate) fn add_all(&mut self, problems: impl IntoIterator<Item = Problem>) {
        problems.into_iter().for_each(|problem| self.add(problem));
    }

    /// `many`: for how many problems the one stands that `make` gives.
    fn count(&mut self, code: Code, source: Option<SourceId>, many: usize, make: impl FnOnce() -> Problem) {
        let (count, last) = self.counts.entry((code, source)).or_default();
        *count += 1;
        if *count <= MAX_PROBLEMS_PER_CODE {
            *last = self.kept.len();
            self.kept.push(make());
        } else if let Some(last) = self.kept.get_mut(*last) {
            last.more += many;
        }
    }

    /// How many are kept so far.
    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// The problems that are kept, in their order.
    pub(crate) fn into_problems(self) -> Vec<Problem> {
        self.kept
    }
}

/// The parts as one text, like `concat`, and faster for few and short parts.
#[inline]
pub(crate) fn joined(parts: &[&str]) -> String {
    let mut text = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    parts.iter().for_each(|part| text.push_str(part));
    text
}

/// A place that takes part in a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub location: Location,
    /// What stands there and takes part in the problem.
    pub text: Cow<'static, str>,
}

impl Problem {
    /// A problem with its first label.
    #[must_use]
    pub fn new(
        code: Code,
        message: impl Into<String>,
        location: Location,
        label: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            labels: vec![Label {
                location,
                text: label.into(),
            }],
            help: None,
            more: 0,
        }
    }

    /// The same problem with one more label.
    #[must_use]
    pub fn label(mut self, location: Location, text: impl Into<Cow<'static, str>>) -> Self {
        self.labels.push(Label {
            location,
            text: text.into(),
        });
        self
    }

    /// The message, with the number of further problems of its kind where there are any.
    #[must_use]
    pub fn counted_message(&self) -> Cow<'_, str> {
        match self.more {
            0 => Cow::Borrowed(&self.message),
            more => Cow::Owned(format!(
                "{} (and {more} more of this kind in this file)",
                self.message
            )),
        }
    }

    /// The same problem with a help: how to correct it.
    #[must_use]
    pub fn help(mut self, help: impl Into<Cow<'static, str>>) -> Self {
        self.help = Some(help.into());
        self
    }
}
