//! What can go wrong: loading a plan, rendering a template, showing a page.
#![deny(clippy::disallowed_methods)]

use std::fmt;

use hydra_contract::Place;
use hydra_runtime_wire::Outcome;

/// A plan can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Compiler and runtime are of different versions.
    #[error(
        "the templates were compiled to plan format {found}, this hydra-runtime reads {expected}: use the same version \
         of hydra-compile and hydra-runtime"
    )]
    Format {
        /// The plan's.
        found: u32,
        /// Ours.
        expected: u32,
    },
    /// Tera refuses the templates; its own report. A name that it does not know is most often a filter or function
    /// that the application must register.
    #[error("the templates can't be loaded:\n{0}")]
    Templates(String),
    /// The plan names a template that it does not hold.
    #[error("the plan names the template `{0}`, but does not hold it")]
    MissingTemplate(String),
}

/// A template could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {message}", file = place.file, line = place.line, column = place.column)]
pub struct RenderError {
    /// Where, in the original template as far as it is known.
    pub place: Place,
    /// Tera's message. It may name the attributes of the page: for the log only.
    pub message: String,
}

/// Why a page is not shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PageFailure {
    /// The template, or a fallback in it, failed before the first byte had left.
    Render(RenderError),
    /// A `required` fragment failed.
    Required(RequiredFailure),
}

/// A `required` fragment could not be had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredFailure {
    /// Where its tag stands.
    pub place: Place,
    /// What became of it.
    pub outcome: Outcome,
}

impl fmt::Display for PageFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PageFailure::Render(error) => error.fmt(f),
            PageFailure::Required(RequiredFailure { place, outcome }) => {
                let Place { file, line, column } = place;
                write!(
                    f,
                    "{file}:{line}:{column}: a required fragment could not be had: {outcome:?}"
                )
            }
        }
    }
}
