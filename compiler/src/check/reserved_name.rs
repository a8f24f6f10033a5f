#![doc = include_str!("../explain/reserved-name.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::{Item, short},
    model::{UnitKind, spelled},
    problem::{Code, Problem, ProblemCollector, counted},
    site::File,
    source::{Location, Span},
    tree::{FORM, FragmentNode},
};

use super::rule_input::{RuleInput, target_place};

/// Whether Tera keeps a word for itself.
#[inline]
fn is_word(name: &str) -> bool {
    matches!(
        name,
        "true"
            | "True"
            | "false"
            | "False"
            | "loop"
            | "self"
            | "and"
            | "or"
            | "not"
            | "is"
            | "in"
            | "continue"
            | "break"
            | "none"
            | "None"
            | "null"
    )
}

/// What the names begin with that Tera and Hydra make for themselves.
const BEGINNINGS: [&str; 2] = ["__hydra", "__tera"];

/// Whether Tera or Hydra keeps a name for itself.
#[inline]
pub(super) fn is_reserved(name: &str) -> bool {
    // No word of Tera's has a hyphen or an underscore in it.
    matches!(name.len(), 2..=5 | 8) && is_word(name)
        || name.starts_with('_') && BEGINNINGS.iter().any(|start| spelled(name).starts_with(start))
}

pub(super) fn check(file: &File<'_>, fragments: &[&FragmentNode]) -> Vec<Problem> {
    let mut problems = ProblemCollector::default();
    for node in fragments {
        for list in [&node.fragment.imports, &node.fragment.exports] {
            for item in list {
                problems.add_all(item_problem(file, item));
            }
        }
    }
    for tag in file
        .tree
        .offers
        .iter()
        .map(|offer| &offer.tag)
        .chain(&file.tree.attributes)
    {
        let declared = tag
            .imports
            .iter()
            .chain(&tag.exports)
            .chain(tag.attributes.iter().flatten());
        for declared in declared.filter(|declared| is_reserved(&declared.name)) {
            problems.add(problem(file, &declared.name, declared.span).help("choose another name"));
        }
    }
    problems.add_all(form_names(file, fragments));
    problems.into_problems()
}

/// The names `form` of fragments with a form, and of what they take from other fragments: the runtime gives them this name.
fn form_names(file: &File<'_>, fragments: &[&FragmentNode]) -> Vec<Problem> {
    let mut places = Vec::new();
    for offer in &file.tree.offers {
        let Some(form) = file.tree.forms_of(offer.span).next() else {
            continue;
        };
        let tag = &offer.tag;
        let own = tag.attributes.iter().flatten();
        let declared = tag.imports.iter().chain(&tag.exports).chain(own);
        let declared = declared.filter(|declared| declared.name == FORM);
        places.extend(declared.map(|declared| (declared.span, form.attribute)));
        let inside = fragments.iter().filter(|node| offer.span.contains(node.open));
        let exports = inside.flat_map(|node| node.fragment.exports.iter());
        let exports = exports.filter(|item| item.target() == FORM);
        places.extend(exports.map(|item| (item.target_span, form.attribute)));
    }
    let places = places.into_iter();
    let problems = places.map(|(place, form)| taken_by_form("fragment", place.at(file.id), form.at(file.id)));
    problems.collect()
}

/// `form` as an attribute of a page with a form, and as what a page or a fragment with a form passes on.
pub(super) fn check_page(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let form = match input.unit.kind {
        UnitKind::Page => input
            .site
            .page_forms(input.unit.file)
            .first()
            .map(|(place, _)| *place),
        UnitKind::Offer(_) => {
            let form = input.page.forms.first();
            form.map(|used| used.form.attribute.at(used.source))
        }
        UnitKind::Components => None,
    };
    let Some(form) = form else {
        return Vec::new();
    };
    let mut problems = Vec::new();
    if let UnitKind::Page = input.unit.kind {
        let own = input.page.attributes.names.get(FORM);
        let own = own.map(|attribute| attribute.place);
        let tags = input.page.tags.iter();
        let given = tags.flat_map(|tag| tag.exports().map(move |item| (tag, item)));
        let given = given.filter(|(_, item)| item.target() == FORM);
        let given = given.map(|(tag, item)| target_place(tag, item));
        let places = own.into_iter().chain(given);
        problems.extend(places.map(|place| taken_by_form("page", place, form)));
    }
    let tags = input.page.tags.iter();
    let passed = tags.flat_map(|tag| tag.node.fragment.imports.iter().map(move |item| (tag, item)));
    problems.extend(passed.filter(|(_, item)| item.root() == FORM).map(|(tag, item)| {
        let message = "what visitors type into a form is not passed to a fragment";
        let place = item.name_span.at(tag.source);
        let problem = Problem::new(Code::ReservedName, message, place, "passed here");
        let problem = problem.label(form, "typed into this form");
        let problem = input.with_include_chain(problem, &tag.include_chain);
        problem
            .help("keep what the fragment needs in the action, and give the fragment an attribute of its own")
    }));
    counted(problems)
}

fn taken_by_form(whose: &str, place: Location, form: Location) -> Problem {
    let message = format!("a {whose} with a form keeps the name `form` for itself");
    let problem = Problem::new(Code::ReservedName, message, place, "reserved");
    let problem = problem.label(form, "because of this form");
    problem.help("choose another name: `form` has what visitors typed, and what is wrong with it")
}

fn item_problem(file: &File<'_>, item: &Item) -> Option<Problem> {
    if is_reserved(item.target()) {
        let help = format!(
            "give it another name: `{} as {}Value`",
            short(item.name()),
            short(item.target().trim_matches('_'))
        );
        return Some(problem(file, item.target(), item.target_span).help(help));
    }
    // `loop.index as index` is right in a loop.
    let root = item.root();
    (is_reserved(root) && root != "loop" && item.alias.is_some())
        .then(|| problem(file, root, item.name_span).help("write the name of an attribute before `as`"))
}

fn problem(file: &File<'_>, name: &str, span: Span) -> Problem {
    let name = short(name);
    let whose = if name.starts_with("__hydra") {
        "Hydra"
    } else {
        "Tera"
    };
    let message = format!("{whose} keeps the name `{name}` for itself");
    Problem::new(Code::ReservedName, message, span.at(file.id), "reserved")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A word is reserved exactly if Tera can't read it as a name.
    #[test]
    fn the_words_are_those_of_tera() {
        let words = [
            "true", "True", "false", "False", "loop", "self", "and", "or", "not", "is", "in", "continue",
            "break", "none", "None", "null",
        ];
        let others = [
            "body",
            "elif",
            "for",
            "set",
            "block",
            "filter",
            "include",
            "super",
            "component",
            "type",
            "as",
        ];
        for word in words.into_iter().chain(others) {
            let mut tera = tera::Tera::default();
            let text = format!("{{% set {word} = 1 %}}{{{{ {word} }}}}");
            let rendered = tera.add_raw_template("a", &text).is_ok()
                && tera
                    .render("a", &tera::Context::new())
                    .is_ok_and(|shown| shown == "1");
            assert_eq!(is_reserved(word), !rendered, "{word}");
        }
    }
}
