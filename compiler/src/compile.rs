//! The pipeline from input to checked site.

use hydra_contract::Contract;

use crate::{
    graph::Graph,
    input::{Compiled, Input},
    problem::Problem,
};

/// A site without errors. Only [`compile`] makes one.
#[derive(Debug)]
pub struct CheckedSite {
    contract: Contract,
}

/// Checks everything that there is to check.
#[must_use]
pub fn compile(input: &Input) -> Compiled {
    let mut problems = input.broken.clone();
    problems.sort_by_key(|problem| (problem.labels.first().map(|label| label.location), problem.code));
    let contract = Contract {
        service: input.options.service.clone().unwrap_or_default(),
        ..Contract::default()
    };
    let mut compiled = Compiled { problems, site: None };
    compiled.site = (!compiled.has_errors()).then_some(CheckedSite { contract });
    compiled
}

/// The text of the first template as it reaches Tera.
///
/// # Errors
/// The problems of the template where it has any that are errors.
pub fn lower(input: &Input) -> Result<String, Vec<Problem>> {
    let compiled = compile(input);
    if compiled.has_errors() {
        return Err(compiled.problems);
    }
    Ok(input
        .sources
        .first()
        .map(|source| source.text.clone())
        .unwrap_or_default())
}

/// The files that a build script leaves for the macros: name and text.
#[must_use]
pub fn artifacts(_site: &CheckedSite) -> Vec<(String, String)> {
    Vec::new()
}

impl CheckedSite {
    /// What this service offers.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.contract
    }

    /// Which page embeds what.
    #[must_use]
    pub fn graph(&self) -> Graph {
        Graph::default()
    }
}
