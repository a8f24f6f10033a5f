//! The pipeline from input to checked site.

use std::collections::{BTreeMap, BTreeSet};

use hydra_contract::{Contract, Plan, Type};

use crate::{
    check::{self, CheckGoal, SiteContext},
    codegen::{self, Model},
    fields::crate_types,
    graph::{self, Graph},
    input::{Compiled, Input},
    lower,
    model::{self, CheckedFragment, CheckedPage, PageAttributes, Unit, UnitKind, units},
    page_type::{CrateTypes, PageType},
    problem::{Code, Problem, Severity, bounded},
    read, rust_types,
    site::Site,
    source::{Source, SourceId},
    syntax::{KeptReads, Known},
};

/// A site without errors. Only [`compile`] makes one.
#[derive(Debug)]
pub struct CheckedSite {
    plan: Plan,
    model: Model,
    pages: Vec<CheckedPage>,
    stated: BTreeMap<String, BTreeMap<String, Type>>,
    /// The pages whose Rust types were read in full.
    read_pages: BTreeSet<String>,
}

/// Checks a site, and lowers it if it has no errors.
#[must_use]
pub fn compile(input: &Input) -> Compiled {
    inspect(input, CheckGoal::Site)
}

/// The problems of a site. The outputs for the runtime and the macros are not made.
#[must_use]
pub fn check(input: &Input) -> Vec<Problem> {
    inspect(input, CheckGoal::Problems).problems
}

/// Checks a site whose templates are parsed, and whose Rust types are read.
#[cfg(feature = "cli")]
pub(crate) fn check_parsed(
    input: &Input,
    site: &mut Site<'_>,
    local: Vec<Problem>,
    types: &CrateTypes,
    reads: &mut KeptReads,
) -> Vec<Problem> {
    inspect_parsed(input, site, local, types, CheckGoal::Problems, Some(reads)).problems
}

/// Whether some template names a Rust type.
pub(crate) fn names_rust_types(site: &Site<'_>) -> bool {
    rust_types::are_named(site)
}

/// The Rust types that the templates of a site may name.
pub(crate) fn types_of(input: &Input, site: &Site<'_>) -> CrateTypes {
    crate_types(rust_sources(input), rust_types::are_named(site))
}

fn inspect(input: &Input, goal: CheckGoal) -> Compiled {
    let (mut site, local) = Site::parse(input.template_sources(), &broken(input));
    let types = types_of(input, &site);
    inspect_parsed(input, &mut site, local, &types, goal, None)
}

/// Checks a site whose templates are parsed. `reads`: what Tera said at the last check.
pub(crate) fn inspect_parsed(
    input: &Input,
    site: &mut Site<'_>,
    mut local: Vec<Problem>,
    types: &CrateTypes,
    goal: CheckGoal,
    reads: Option<&mut KeptReads>,
) -> Compiled {
    let known = reads.map(|reads| Known::new(reads, site));
    local.extend(rust_types::resolve(site, types));
    let site = &*site;
    let context = SiteContext {
        contracts: &input.contracts,
        contracts_given: input.contracts_given,
        page_types: &types.pages,
        options: &input.options,
    };
    let (mut found, checked) = check::check(site, &mut local, &context, goal, known);
    if input.has_broken_contract() {
        // The service may well have a contract: the one that can't be read.
        found.retain(|problem| problem.code != Code::UnknownService);
    }
    let mut problems = input.broken.clone();
    problems.extend_from_slice(&types.problems);
    problems.extend(read::misnamed(input));
    problems.append(&mut local);
    problems.append(&mut found);
    let sound = (!has_errors(&problems)).then(|| {
        let (sound, refused) = match goal {
            CheckGoal::Problems => (None, lower::refused(site)),
            CheckGoal::Site => finish(site, &context, checked),
        };
        problems.extend(refused);
        sound
    });
    check::sort(&mut problems);
    let problems = bounded(problems);
    let site = sound.flatten().filter(|_| !has_errors(&problems));
    Compiled { problems, site }
}

/// Lowers a site without errors. The problems are what can't be lowered.
fn finish(
    site: &Site<'_>,
    context: &SiteContext<'_>,
    checked: model::CheckedModel,
) -> (Option<CheckedSite>, Vec<Problem>) {
    let model = codegen::collect(site, &checked);
    let (plan, refused) = lower::lower(site, &pages(site, context.page_types), checked.contract);
    let site = CheckedSite {
        plan,
        model,
        pages: checked.pages,
        stated: stated(site, context.page_types),
        read_pages: read_pages(context.page_types),
    };
    (Some(site), refused)
}

/// The templates whose Rust types have no fields that can't be seen.
fn read_pages(page_types: &[PageType]) -> BTreeSet<String> {
    let templates = |open: bool| {
        let types = page_types.iter().filter(move |one| one.open == open);
        types.map(|one| one.template.clone()).collect::<BTreeSet<_>>()
    };
    &templates(false) - &templates(true)
}

/// The attributes that each page states, by the names of its template and of Tera.
fn stated(site: &Site<'_>, page_types: &[PageType]) -> BTreeMap<String, BTreeMap<String, Type>> {
    let pages = pages(site, page_types).into_iter().map(|file| {
        let kind = UnitKind::Page;
        let names = PageAttributes::of(site, &Unit { file, kind }, page_types)
            .names
            .into_iter();
        let types = names.map(|(name, attribute)| (name, attribute.ty));
        (site.files[file].source.name.clone(), types.collect())
    });
    pages.collect()
}

fn has_errors(problems: &[Problem]) -> bool {
    problems
        .iter()
        .any(|problem| problem.code.severity() == Severity::Error)
}

/// The files that could not be read whole.
pub(crate) fn broken(input: &Input) -> BTreeSet<SourceId> {
    let labels = input.broken.iter().flat_map(|problem| &problem.labels);
    labels.map(|label| label.location.source).collect()
}

/// The Rust files of a run.
pub(crate) fn rust_sources(input: &Input) -> impl Iterator<Item = (SourceId, &Source)> {
    let sources = input.sources.iter().enumerate().skip(input.templates);
    let rust = sources.filter(|(_, source)| read::is_rust(&source.path));
    rust.map(|(index, source)| (SourceId(index as u32), source))
}

fn pages(site: &Site<'_>, page_types: &[PageType]) -> Vec<usize> {
    let units = units(site, page_types).into_iter();
    let pages = units.filter(|unit| matches!(unit.kind, UnitKind::Page));
    pages.map(|unit| unit.file).collect()
}

/// The text of the first template as it reaches Tera. What other files or Tera have to say about it does not matter:
/// a template without `m:` constructs is its own text, whatever it is.
///
/// # Errors
/// The problems of its `m:` constructs.
pub fn lower(input: &Input) -> Result<String, Vec<Problem>> {
    let (site, local) = Site::parse(input.template_sources(), &broken(input));
    let mut problems: Vec<Problem> = input.broken.iter().cloned().chain(local).collect();
    let (plan, refused) = lower::lower(&site, &[], Contract::default());
    problems.extend(refused);
    if has_errors(&problems) {
        check::sort(&mut problems);
        return Err(bounded(problems));
    }
    let name = input.sources.first().map_or("", |source| source.name.as_str());
    let mut templates = plan.templates.into_iter();
    let lowered = templates.find(|template| template.name == name);
    Ok(lowered.map(|template| template.source).unwrap_or_default())
}

/// The files that a build script leaves for the macros: name and text.
#[must_use]
pub fn artifacts(site: &CheckedSite) -> Vec<(String, String)> {
    // Both are data of our own: they have no map with keys that JSON can't hold.
    let json = |text: serde_json::Result<String>| text.unwrap_or_default();
    let (model, plan) = (
        serde_json::to_string(&site.model),
        serde_json::to_string(&site.plan),
    );
    vec![
        (codegen::BINDINGS_FILE.to_owned(), codegen::bindings(&site.model)),
        (codegen::MODEL_FILE.to_owned(), json(model)),
        (codegen::PLAN_FILE.to_owned(), json(plan)),
    ]
}

impl CheckedSite {
    /// What a program that was built with this site depends on, as JSON: if it is the same for changed templates, and the Rust files are
    /// as they were, the program can render these by their plan. Changed texts of templates, and other uses of the fields of
    /// Rust page types that were read, don't change it.
    #[doc(hidden)]
    #[must_use]
    pub fn interface(&self) -> String {
        let plan = &self.plan;
        let model = self.model.interface(|template| {
            self.read_pages
                .get(template)
                .and_then(|page| self.stated.get(page))
        });
        let offers: Vec<&String> = plan.offers.keys().collect();
        let forms: Vec<_> = plan
            .pages
            .iter()
            .map(|page| (&page.template, &page.forms))
            .collect();
        // Data of our own, without maps whose keys JSON can't hold.
        serde_json::to_string(&(
            plan.format,
            &plan.contract,
            offers,
            forms,
            plan.has_later(),
            model,
        ))
        .unwrap_or_default()
    }

    /// The plan by which the runtime renders pages.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The contract of this service.
    #[must_use]
    pub fn contract(&self) -> &Contract {
        &self.plan.contract
    }

    /// The attributes that each page states with `m:attributes`, its parents and includes too, or in its Rust type: by the
    /// name of the template, and by the name in Tera.
    #[must_use]
    pub fn stated(&self) -> &BTreeMap<String, BTreeMap<String, Type>> {
        &self.stated
    }

    /// The graph of pages and the fragments that they embed.
    #[must_use]
    pub fn graph(&self) -> Graph {
        let page = |page: &CheckedPage| graph::GraphPage {
            template: page.template.clone(),
            attributes: page
                .attributes
                .iter()
                .map(|attribute| attribute.name.clone())
                .collect(),
            fragments: page.fragments.iter().map(drawn).collect(),
        };
        Graph {
            pages: self.pages.iter().map(page).collect(),
        }
    }
}

fn drawn(fragment: &CheckedFragment) -> graph::GraphFragment {
    let flow = |flow: &model::Flow| graph::GraphFlow {
        from: flow.from.clone(),
        to: flow.to.clone(),
    };
    graph::GraphFragment {
        line: fragment.at.line,
        column: fragment.at.column,
        service: (!fragment.own).then(|| fragment.service.clone()),
        reference: fragment.reference.clone(),
        any_service: fragment.any_service,
        any_reference: fragment.any_reference,
        imports: fragment.imports.iter().map(flow).collect(),
        exports: fragment.exports.iter().map(flow).collect(),
        mode: fragment.mode,
        fallback: fragment.fallback,
        wave: fragment.wave,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str =
        "<h1>{{ title }}</h1>\n<m:fragment ref=\"price\" exports=\"amount\">none</m:fragment>{{ amount }}";

    /// The interface of a site with this page, whose Rust type has these fields.
    fn interface(page: &str, fields: &str) -> String {
        let offer = "<i m:ref=\"price\" m:exports=\"amount: string\">{{ amount }}</i>";
        let rust = format!(
            "#[derive(Page, Serialize)] #[page(template = \"index.html\")] struct Home {{ {fields} }}"
        );
        let input = Input {
            sources: vec![
                Source::new("index.html", "templates/index.html", page),
                Source::new("price.html", "templates/price.html", offer),
                Source::new("main.rs", "src/main.rs", rust),
            ],
            templates: 2,
            ..Input::default()
        };
        let Compiled { problems, site } = compile(&input);
        let site = site.unwrap_or_else(|| panic!("{page}: {problems:#?}"));
        site.interface()
    }

    #[test]
    fn an_interface_changes_with_what_a_program_depends_on() {
        let plain = "title: String, more: String";
        let open = "title: String, more: String, #[cfg(test)] other: u8";
        for (fields, from, to, is_same) in [
            (plain, "<h1>", "\n\n<h1 class=\"new\">", true),
            (plain, "{{ title }}", "{{ title }}, {{ more }}", true),
            (plain, "{{ title }}", "", true),
            (plain, "{{ title }}", "{{ titel }}", false),
            (
                plain,
                "{{ title }}",
                "{{ title }}{{ titel | default(value=1) }}",
                true,
            ),
            (open, "<h1>", "\n\n<h1 class=\"new\">", true),
            (open, "{{ title }}", "{{ title }}, {{ more }}", false),
            (plain, "none", "nothing", true),
            (plain, "exports=\"amount\"", "exports=\"amount as sum\"", false),
            (
                plain,
                "</h1>",
                "</h1><m:fragment ref=\"price\">none</m:fragment>",
                false,
            ),
            (plain, "</h1>", "</h1><b m:ref=\"title\">x</b>", false),
            (plain, "</h1>", "</h1><form m:action=\"go\"></form>", false),
        ] {
            let changed = PAGE.replace(from, to);
            assert_ne!(changed, PAGE, "{from}");
            assert_eq!(
                interface(PAGE, fields) == interface(&changed, fields),
                is_same,
                "{fields}: {to}"
            );
        }
    }

    #[test]
    fn a_mistake_is_reported_where_a_template_of_hydra_is_included() {
        let page = "<html m:attributes=\"title: string\">{{ title }}\n{% include \"hydra/form-errors.html\" %}</html>";
        let page = Source::new("page.html", "templates/page.html", page);
        let mut sources = crate::provided::missing(&[&page]);
        sources.push(page);
        let input = Input {
            templates: sources.len(),
            sources,
            ..Input::default()
        };
        let problems = check(&input);
        let [problem] = &problems[..] else {
            panic!("{problems:#?}")
        };
        assert_eq!(problem.message, "nothing gives `page.html` a `form`");
        let place = problem.labels[0].location;
        let source = &input.sources[place.source.0 as usize];
        assert_eq!(
            (source.name.as_str(), source.line_column(place.span.start).line),
            ("page.html", 2)
        );
    }
}
