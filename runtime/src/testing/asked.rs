//! Which fragments a page asked for.
#![deny(clippy::disallowed_methods)]

use std::panic::Location;

use serde_json::Value;

use super::error::{Error, Problem, listed, name};

/// A fragment that a page, or a fragment in it, asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Asked {
    /// The service that owns the fragment. The application's own name for its own fragments.
    pub service: String,
    /// The fragment's name.
    pub reference: String,
    /// The imports that it was asked with, under its own names.
    pub imports: Value,
}

/// The imports with which `request` asked for a fragment.
pub(super) fn imports(
    asked: &[Asked],
    request: &str,
    (service, reference): (&str, &str),
    place: &'static Location<'static>,
) -> Result<Value, Error> {
    let mut found = asked
        .iter()
        .filter(|ask| ask.service == service && ask.reference == reference);
    let (request, wanted) = (request.to_owned(), name(service, reference));
    let Some(first) = found.next() else {
        let names = asked.iter().map(|ask| name(&ask.service, &ask.reference));
        let problem = Problem::NeverAsked {
            request,
            name: wanted,
            asked: listed("it asked for", "it asked for no fragment", names),
        };
        return Err(problem.at(place));
    };
    match found.filter(|ask| ask.imports != first.imports).count() {
        0 => Ok(first.imports.clone()),
        more => {
            let problem = Problem::AskedOften {
                request,
                name: wanted,
                times: more + 1,
            };
            Err(problem.at(place))
        }
    }
}
