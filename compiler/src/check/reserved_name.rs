#![doc = include_str!("../explain/reserved-name.md")]
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::{Item, short},
    model::spelled,
    problem::{Code, Problem, ProblemCollector},
    site::File,
    source::Span,
    tree::{FORM, FragmentNode},
};

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
        let mut forms = file.tree.forms.iter();
        let Some(form) = forms.find(|form| offer.span.contains(form.open)) else {
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
    let problems = places.into_iter().map(|(place, form)| {
        let message = "a fragment with a form keeps the name `form` for itself";
        let problem = Problem::new(Code::ReservedName, message, place.at(file.id), "reserved");
        let problem = problem.label(form.at(file.id), "because of this form");
        problem.help("choose another name: `form` has what visitors typed, and what is wrong with it")
    });
    problems.collect()
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
