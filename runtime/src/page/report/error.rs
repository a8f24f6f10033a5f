//! The errors of loading a plan, rendering a template and showing a page.
#![deny(clippy::disallowed_methods)]

use std::fmt;

use hydra_contract::TemplatePosition;
use hydra_runtime_wire::Outcome;

/// A plan that the engine can't use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EngineError {
    /// Compiler and runtime are of different versions.
    #[error(
        "the templates were compiled to plan format {found}, this hydra-runtime reads {expected}: use the same version \
         of hydra-compile and hydra-runtime"
    )]
    Format {
        /// The format of the plan.
        found: u32,
        /// The format that this crate reads.
        expected: u32,
    },
    /// Tera refuses the templates; this is its report. A name that Tera does not know is most often a filter or
    /// function that the application must register.
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
    /// The place, in the original template where that is known.
    pub place: TemplatePosition,
    /// Tera's message. It may name attributes of the page, and is therefore for the log only.
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

/// A `required` fragment failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequiredFailure {
    /// The place of its tag.
    pub place: TemplatePosition,
    /// Its outcome.
    pub outcome: Outcome,
}

impl fmt::Display for PageFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PageFailure::Render(error) => error.fmt(f),
            PageFailure::Required(RequiredFailure { place, outcome }) => {
                let TemplatePosition { file, line, column } = place;
                write!(
                    f,
                    "{file}:{line}:{column}: a required fragment could not be had: {outcome:?}"
                )
            }
        }
    }
}
