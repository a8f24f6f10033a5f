//! The pipeline from input to checked site.

use std::collections::BTreeSet;

use hydra_contract::{Contract, FragmentContract, ImportContract, Plan};

use crate::{
    check::{self, Known},
    codegen::{self, Model},
    fields::page_types,
    graph::Graph,
    input::{Compiled, Input},
    lower::lower as lower_site,
    model::{UnitKind, units},
    problem::{Problem, Severity},
    read,
    site::Site,
    source::{Source, SourceId},
};

/// A site without errors. Only [`compile`] makes one.
#[derive(Debug)]
pub struct CheckedSite {
    plan: Plan,
    model: Model,
}

/// Checks everything that there is to check.
#[must_use]
pub fn compile(input: &Input) -> Compiled {
    let mut problems = input.broken.clone();
    let broken: BTreeSet<SourceId> = input
        .broken
        .iter()
        .flat_map(|problem| &problem.labels)
        .map(|label| label.location.source)
        .collect();
    let page_types = page_types(rust_sources(input));
    let known = Known {
        contracts: &input.contracts,
        contracts_given: input.contracts_given,
        page_types: &page_types,
        options: &input.options,
    };
    let (site, local) = Site::parse(input.template_sources(), &broken);
    problems.extend(check::check(&site, &local, &known));
    problems.extend(local);
    let has_errors = |problems: &[Problem]| {
        problems
            .iter()
            .any(|found| found.code.severity() == Severity::Error)
    };
    let mut checked = None;
    if !has_errors(&problems) {
        let contract = contract(&site, input.options.service.as_deref());
        let pages = units(&site, &page_types).into_iter();
        let pages: Vec<_> = pages
            .filter(|unit| matches!(unit.kind, UnitKind::Page))
            .map(|unit| unit.file)
            .collect();
        let (plan, found) = lower_site(&site, &pages, contract);
        problems.extend(found);
        let model = codegen::collect(&site, &known, &plan.contract);
        checked = (!has_errors(&problems)).then_some(CheckedSite { plan, model });
    }
    check::sort(&mut problems);
    Compiled {
        problems,
        site: checked,
    }
}

/// The Rust files of a run.
fn rust_sources(input: &Input) -> impl Iterator<Item = (SourceId, &Source)> {
    let sources = input.sources.iter().enumerate().skip(input.templates);
    let rust = sources.filter(|(_, source)| read::is_rust(&source.path));
    rust.map(|(index, source)| (SourceId(index as u32), source))
}

/// What the templates of a site offer.
fn contract(site: &Site<'_>, service: Option<&str>) -> Contract {
    let mut contract = Contract {
        service: service.unwrap_or_default().to_owned(),
        ..Contract::default()
    };
    for tag in site
        .files
        .iter()
        .flat_map(|file| &file.tree.offers)
        .map(|offer| &offer.tag)
    {
        let Some(reference) = &tag.reference else { continue };
        let imports = tag.imports.iter().map(|import| {
            let terms = ImportContract {
                ty: import.ty.clone(),
                default: import.default.clone(),
            };
            (import.name.clone(), terms)
        });
        let fragment = FragmentContract {
            imports: imports.collect(),
            exports: tag
                .exports
                .iter()
                .map(|export| (export.name.clone(), export.ty.clone()))
                .collect(),
            provides: tag
                .attributes
                .iter()
                .flatten()
                .map(|own| own.name.clone())
                .collect(),
        };
        contract.fragments.insert(reference.value.clone(), fragment);
    }
    contract
}

/// The text of the first template as it reaches Tera.
///
/// # Errors
/// The problems of the template where it has any that are errors.
pub fn lower(input: &Input) -> Result<String, Vec<Problem>> {
    let compiled = compile(input);
    let Some(site) = compiled.site else {
        return Err(compiled.problems);
    };
    let name = input
        .sources
        .first()
        .map(|source| source.name.as_str())
        .unwrap_or_default();
    let lowered = site
        .plan
        .templates
        .into_iter()
        .find(|template| template.name == name);
    Ok(lowered.map(|template| template.source).unwrap_or_default())
}

/// The files that a build script leaves for the macros: name and text.
#[must_use]
pub fn artifacts(site: &CheckedSite) -> Vec<(String, String)> {
    let json = |value: serde_json::Result<String>| value.unwrap_or_default();
    vec![
        (codegen::BINDINGS_FILE.to_owned(), codegen::bindings(&site.model)),
        (
            codegen::MODEL_FILE.to_owned(),
            json(serde_json::to_string(&site.model)),
        ),
        (
            codegen::PLAN_FILE.to_owned(),
            json(serde_json::to_string(&site.plan)),
        ),
    ]
}

impl CheckedSite {
    /// What this service offers.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.plan.contract
    }

    /// Which page embeds what.
    #[must_use]
    pub fn graph(&self) -> Graph {
        Graph::default()
    }
}
