//! The pipeline from input to checked site.

use std::collections::BTreeSet;

use hydra_contract::{Contract, FragmentContract, ImportContract, Plan};

use crate::{
    check::{self, Known},
    fragment::OfferTag,
    graph::Graph,
    input::{Compiled, Input},
    lower,
    model::{UnitKind, units},
    page_type::PageType,
    problem::{Problem, Severity},
    site::Site,
    source::SourceId,
};

/// A site without errors. Only [`compile`] makes one.
#[derive(Debug)]
pub struct CheckedSite {
    plan: Plan,
}

/// Checks everything that there is to check, and lowers what is sound.
#[must_use]
pub fn compile(input: &Input) -> Compiled {
    let (site, local) = Site::parse(input.template_sources(), &broken(input));
    let page_types: Vec<PageType> = Vec::new();
    let known = Known {
        contracts: &input.contracts,
        contracts_given: input.contracts_given,
        page_types: &page_types,
        options: &input.options,
    };
    let (checked, _) = check::check(&site, &local, &known);
    let mut problems: Vec<Problem> = input.broken.iter().cloned().chain(local).chain(checked).collect();
    let plan = (!has_errors(&problems)).then(|| {
        let (plan, refused) = lower::lower(&site, &pages(&site, &page_types), contract(&site, input));
        problems.extend(refused);
        plan
    });
    check::sort(&mut problems);
    let plan = plan.filter(|_| !has_errors(&problems));
    Compiled {
        problems,
        site: plan.map(|plan| CheckedSite { plan }),
    }
}

fn has_errors(problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.code.severity() == Severity::Error)
}

/// The files that could not be read whole.
fn broken(input: &Input) -> BTreeSet<SourceId> {
    input
        .broken
        .iter()
        .flat_map(|problem| &problem.labels)
        .map(|label| label.location.source)
        .collect()
}

fn pages(site: &Site<'_>, page_types: &[PageType]) -> Vec<usize> {
    let units = units(site, page_types).into_iter();
    units
        .filter(|unit| matches!(unit.kind, UnitKind::Page))
        .map(|unit| unit.file)
        .collect()
}

/// What the site offers.
fn contract(site: &Site<'_>, input: &Input) -> Contract {
    let offers = site.files.iter().flat_map(|file| &file.tree.offers);
    let fragments = offers.filter_map(|offer| {
        let reference = offer.tag.reference.as_ref()?;
        Some((reference.value.clone(), fragment(&offer.tag)))
    });
    Contract {
        service: input.options.service.clone().unwrap_or_default(),
        fragments: fragments.collect(),
    }
}

fn fragment(tag: &OfferTag) -> FragmentContract {
    let import = |declared: &crate::fragment::Declared| ImportContract {
        ty: declared.ty.clone(),
        default: declared.default.clone(),
    };
    FragmentContract {
        imports: tag
            .imports
            .iter()
            .map(|declared| (declared.name.clone(), import(declared)))
            .collect(),
        exports: tag
            .exports
            .iter()
            .map(|declared| (declared.name.clone(), declared.ty.clone()))
            .collect(),
        provides: tag
            .attributes
            .iter()
            .flatten()
            .map(|declared| declared.name.clone())
            .collect(),
    }
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
    let name = input.sources.first().map_or("", |source| source.name.as_str());
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
    // A plan is data of our own: it has no map with keys that JSON can't hold.
    let plan = serde_json::to_string(&site.plan).unwrap_or_default();
    vec![("hydra-plan.json".to_owned(), plan)]
}

impl CheckedSite {
    /// What the runtime renders pages by.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

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
