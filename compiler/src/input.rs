//! The input of a run, which `read` makes from files, and its result, which `compile` makes from the input.

use std::collections::BTreeMap;

use hydra_contract::Contract;

use crate::{
    CheckedSite,
    problem::{Problem, Severity},
    source::{Source, SourceId},
};

/// Everything that one run reads.
#[derive(Debug, Default)]
pub struct Input {
    /// The templates first, sorted by name; then the contracts; then the Rust files.
    pub sources: Vec<Source>,
    /// How many of `sources` are templates.
    pub templates: usize,
    /// The contracts of other services, by service.
    pub contracts: BTreeMap<String, KnownContract>,
    /// Whether a contracts folder was named at all. Without one, `unknown-service` can't be told from "not given".
    pub contracts_given: bool,
    /// The problems that were found while reading. All other checks leave the files out that these problems name.
    pub broken: Vec<Problem>,
    /// What the build script or the command line states beside the files.
    pub options: Options,
}

/// A contract and the file that it came from.
#[derive(Clone, Debug)]
pub struct KnownContract {
    /// The file.
    pub source: SourceId,
    /// What it promises.
    pub contract: Contract,
}

/// What the build script or the command line states beside the files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The name of this service, so that `service="<name>"` is known to mean itself.
    pub service: Option<String>,
    /// Tera functions that the application adds.
    pub functions: Vec<String>,
    /// Tera filters that the application adds.
    pub filters: Vec<String>,
    /// Tera tests that the application adds.
    pub tests: Vec<String>,
}

/// The result of a run.
#[derive(Debug)]
pub struct Compiled {
    /// All problems, sorted by file, place and code.
    pub problems: Vec<Problem>,
    /// The checked site. `None` where a problem is an error.
    pub site: Option<CheckedSite>,
}

impl Input {
    /// The sources that are templates.
    #[must_use]
    pub fn template_sources(&self) -> &[Source] {
        self.sources.get(..self.templates).unwrap_or_default()
    }

    /// Whether a contract could not be read. It may be the one of any service that has none, so that
    /// `unknown-service` would be a second report for the same mistake.
    #[must_use]
    pub fn has_broken_contract(&self) -> bool {
        let mut places = self.broken.iter().filter_map(|problem| problem.labels.first());
        places.any(|label| label.location.source.0 as usize >= self.templates)
    }
}

impl Compiled {
    /// Whether any problem is an error.
    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.problems
            .iter()
            .any(|problem| problem.code.severity() == Severity::Error)
    }
}
