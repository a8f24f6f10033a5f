//! Why a test can't go on.
#![deny(clippy::disallowed_methods)]

use std::{fmt, panic::Location};

/// The result of this module's functions. A test can return it, so that `?` ends the test with the error.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Why a test can't go on: the place in the test, what is wrong there, and what to do.
pub struct Error {
    place: &'static Location<'static>,
    problem: Box<Problem>,
}

/// What is wrong.
#[derive(Debug, thiserror::Error)]
pub(super) enum Problem {
    #[error("the application does not start: {0}")]
    Start(crate::Error),
    #[error("`{path}` is not a path on the site: write one like `/articles/1?page=2`")]
    Path { path: String },
    #[error("`{name}` can't be a header with this value: {reason}")]
    Header { name: String, reason: String },
    #[error("{request} has no complete response: {reason}")]
    Response { request: String, reason: String },
    #[error("the imports of the fragment `{reference}` can't be sent: {reason}")]
    Imports { reference: String, reason: String },
    #[error(
        "`{name}` is a fragment of the application under test, which renders it with its own handler: a test gives fragments of \
         other services only"
    )]
    Own { name: String },
    #[error("the test gives the fragment `{name}` twice: one answer serves all tags that show it")]
    GivenTwice { name: String },
    #[error(
        "the exports of `{name}` {reason}: write them as `json!({{\"postalCode\": \"9000\"}})`, or `()` for none"
    )]
    Exports { name: String, reason: String },
    #[error("no tag takes the export `{export}` of `{name}`: {taken}")]
    UnknownExport {
        name: String,
        export: String,
        /// The exports that tags take, as a sentence.
        taken: String,
    },
    #[error("the export `{export}` of `{name}` {misfit}: it is another one in the contract")]
    ExportType {
        name: String,
        export: String,
        /// Both types.
        misfit: String,
    },
    #[error("{request} does not ask for the fragment `{name}`, which the test gives it: {asked}")]
    NotAsked {
        request: String,
        name: String,
        /// What is asked for instead, or why it is not, as a sentence.
        asked: String,
    },
    #[error("{request} did not ask for the fragment `{name}`: {asked}")]
    NeverAsked {
        request: String,
        name: String,
        /// What it asked for, as a sentence.
        asked: String,
    },
    #[error(
        "{request} asked for the fragment `{name}` {times} times, with other imports each time: look at `asked()`"
    )]
    AskedOften {
        request: String,
        name: String,
        times: usize,
    },
    #[error("{form} has no field `{field}`: {known}")]
    UnknownField {
        form: String,
        field: String,
        /// The fields that it has, as a sentence.
        known: String,
    },
    #[error(
        "the form `{action}` is that of a page: say from which page it is sent, as with `.page(\"/contact\")`"
    )]
    NoPage { action: &'static str },
    #[error("{name} {state}")]
    NotDone {
        name: String,
        /// The end of the sentence: the result of the form.
        state: String,
    },
    #[error("`{selector}` is not a CSS selector: {reason}")]
    Selector { selector: String, reason: String },
    #[error("{elements} of {document} match `{selector}` instead of one{html}")]
    NotOne {
        document: String,
        selector: String,
        /// How many: `no element`, `3 elements`.
        elements: String,
        /// The HTML, or a part of it, on lines of its own.
        html: String,
    },
    #[error("the element `{element}` has no attribute `{attribute}`")]
    NoAttribute { element: String, attribute: String },
    #[error("the fragment `{reference}` gave no export `{export}`: {given}")]
    NoExport {
        reference: String,
        export: String,
        /// What it gave, as a sentence.
        given: String,
    },
    #[error("the export `{export}` of the fragment `{reference}` can't be read as `{wanted}`: {reason}")]
    UnreadableExport {
        reference: String,
        export: String,
        wanted: &'static str,
        reason: String,
    },
}

impl Problem {
    /// The error for this problem at a place of the test.
    pub(super) fn at(self, place: &'static Location<'static>) -> Error {
        Error {
            place,
            problem: self.into(),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.problem)
    }
}

/// Prints the sentence, because a test that returns an error prints it with `Debug`.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match &*self.problem {
            Problem::Start(error) => Some(error),
            _ => None,
        }
    }
}

/// How errors name a fragment.
pub(super) fn name(service: &str, reference: &str) -> String {
    format!("{service}/{reference}")
}

/// Names in their order as the end of a sentence, each once: "it asks for `a/b` and `c/d`", or `none` without any.
pub(super) fn listed<N: fmt::Display>(begin: &str, none: &str, names: impl IntoIterator<Item = N>) -> String {
    let mut names: Vec<String> = names.into_iter().map(|name| format!("`{name}`")).collect();
    names.sort();
    names.dedup();
    match names.pop() {
        None => none.to_owned(),
        Some(last) if names.is_empty() => format!("{begin} {last}"),
        Some(last) => format!("{begin} {} and {last}", names.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_as_people_do() {
        for (names, expected) in [
            (&[][..], "nothing"),
            (&["a"], "only `a`"),
            (&["a", "b"], "only `a` and `b`"),
            (&["c", "a", "b", "a"], "only `a`, `b` and `c`"),
        ] {
            assert_eq!(listed("only", "nothing", names), expected);
        }
    }
}
