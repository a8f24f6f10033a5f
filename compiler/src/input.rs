//! What a run works on, and what comes out of it.

use hydra_contract::Contract;

use crate::source::SourceId;

/// A contract and the file that it came from.
#[derive(Clone, Debug)]
pub struct KnownContract {
    /// The file.
    pub source: SourceId,
    /// What it promises.
    pub contract: Contract,
}

/// What the build says beside the files.
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
