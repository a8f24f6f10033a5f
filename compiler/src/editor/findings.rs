//! Problems as an editor shows them: each at the file of its first label.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use crate::{
    limits::MAX_SHOWN_LABELS,
    problem::{Code, Problem, Severity},
    provided::is_own,
    report,
    source::{Location, Source},
};

use super::positions::{Encoding, Lines, Position};

/// A range in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub path: PathBuf,
    /// The first position, and the one behind the last.
    pub range: (Position, Position),
}

/// A problem in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule.
    pub code: Code,
    /// The message, and the help in lines of its own.
    pub text: String,
    /// Where it stands.
    pub range: (Position, Position),
    /// The labels: what stands in each place and takes part.
    pub related: Vec<Related>,
}

/// A place that takes part in a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Related {
    /// Where.
    pub place: Place,
    /// What stands there.
    pub text: String,
}

impl Finding {
    /// Whether the site can't be built with it.
    #[must_use]
    pub fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }
}

/// The lines of the files of a site, found when they are first needed.
pub(super) struct FileLines<'s> {
    sources: &'s [Source],
    encoding: Encoding,
    found: BTreeMap<usize, Lines<'s>>,
}

impl<'s> FileLines<'s> {
    pub(super) fn of(sources: &'s [Source], encoding: Encoding) -> Self {
        FileLines {
            sources,
            encoding,
            found: BTreeMap::new(),
        }
    }

    /// Converts a location to the path of its file and a range in lines and columns, as editors count them. `None` if the location's
    /// file is not among the sources, or is Hydra's own: no editor can open it.
    pub(super) fn place(&mut self, location: Location) -> Option<Place> {
        let index = location.source.0 as usize;
        let source = self.sources.get(index).filter(|source| !is_own(source))?;
        let lines = self.found.entry(index).or_insert_with(|| Lines::of(&source.text));
        Some(Place {
            path: source.path.clone(),
            range: lines.range(location.span.range(), self.encoding),
        })
    }
}

/// The problems by the paths of their files. A problem without a place is one of the file at `fallback`.
pub(super) fn by_file(
    problems: &[Problem],
    sources: &[Source],
    encoding: Encoding,
    fallback: &Path,
) -> BTreeMap<PathBuf, Vec<Finding>> {
    let mut lines = FileLines::of(sources, encoding);
    let mut files: BTreeMap<PathBuf, Vec<Finding>> = BTreeMap::new();
    for problem in problems {
        let first = problem.labels.first();
        let place = first.and_then(|label| lines.place(label.location));
        let place = place.unwrap_or_else(|| Place {
            path: fallback.to_owned(),
            range: Default::default(),
        });
        let shown = problem.labels.iter().take(MAX_SHOWN_LABELS);
        let related = shown.filter(|label| !label.text.is_empty()).filter_map(|label| {
            Some(Related {
                place: lines.place(label.location)?,
                text: report::printable(&label.text),
            })
        });
        let finding = Finding {
            code: problem.code,
            text: text(problem),
            range: place.range,
            related: related.collect(),
        };
        files.entry(place.path).or_default().push(finding);
    }
    files
}

/// The message and the help, as the report for people has them.
fn text(problem: &Problem) -> String {
    let message = report::printable(&problem.counted_message());
    match &problem.help {
        Some(help) => format!("{message}\nhelp: {}", report::printable(help)),
        None => message,
    }
}
