//! The names that templates may use, and the nearest one to those that they may not.
#![deny(clippy::disallowed_methods)]

use crate::{
    fragment::short,
    input::Options,
    model::Components,
    problem::{Code, Problem},
    site::File,
    suggest::nearest,
};

use super::Said;

/// Tera's own functions.
pub(super) const FUNCTIONS: [&str; 2] = ["range", "throw"];

/// The functions that every application of ours has (`runtime/src/overview/functions.rs`).
pub(super) const OURS: [&str; 2] = ["menu", "is_there"];

/// Tera's own filters.
pub(super) const FILTERS: [&str; 37] = [
    "safe",
    "default",
    "upper",
    "lower",
    "wordcount",
    "escape",
    "escape_html",
    "escape_xml",
    "newlines_to_br",
    "pluralize",
    "trim",
    "trim_start",
    "trim_end",
    "replace",
    "capitalize",
    "title",
    "truncate",
    "indent",
    "str",
    "int",
    "float",
    "length",
    "reverse",
    "split",
    "abs",
    "round",
    "first",
    "last",
    "nth",
    "join",
    "sort",
    "unique",
    "get",
    "values",
    "keys",
    "pairs",
    "group_by",
];

/// Tera's own tests.
pub(super) const TESTS: [&str; 17] = [
    "string",
    "number",
    "map",
    "bool",
    "array",
    "integer",
    "float",
    "none",
    "iterable",
    "defined",
    "undefined",
    "odd",
    "even",
    "divisible_by",
    "starting_with",
    "ending_with",
    "containing",
];

/// Where known names come from.
pub(super) struct Known<'k> {
    pub(super) components: &'k Components<'k>,
    pub(super) options: &'k Options,
}

impl Known<'_> {
    /// The problem of a name that Tera does not know. `None`: it is known after all, in another file.
    pub(super) fn problem(&self, file: &File<'_>, said: &Said) -> Option<Problem> {
        let name = said.name.as_str();
        let options = self.options;
        let (near, add) = match said.kind {
            "function" => (
                near(name, &[FUNCTIONS, OURS].concat(), &options.functions),
                Some("functions"),
            ),
            "filter" => (near(name, &FILTERS, &options.filters), Some("filters")),
            "test" => (near(name, &TESTS, &options.tests), Some("tests")),
            "component" if self.components.find(name).is_some() => return None,
            "component" => (nearest(name, self.components.iter().map(|(name, _)| name)), None),
            "block" => return Some(block(file, said)),
            // A template: those that are missing are found by who refers to whom.
            _ => return None,
        };
        let message = format!("there is no {} `{}`", said.kind, short(name));
        let problem = Problem::new(Code::TemplateSyntax, message, said.span.at(file.id), "unknown");
        Some(match (near, add) {
            (Some(near), _) => problem.help(format!("did you mean `{near}`?")),
            (None, Some(add)) => problem.help(format!(
                "if the application adds it, name it in the build: `.{add}([\"{}\"])`",
                short(name)
            )),
            (None, None) => problem.help(format!(
                "define it: `{{% component {}() %}}…{{% endcomponent %}}`",
                short(name)
            )),
        })
    }
}

fn near<'k>(name: &str, own: &[&'k str], added: &'k [String]) -> Option<&'k str> {
    nearest(name, own.iter().copied().chain(added.iter().map(String::as_str)))
}

fn block(file: &File<'_>, said: &Said) -> Problem {
    let message = format!("no parent template has a block `{}`", short(&said.name));
    Problem::new(
        Code::TemplateSyntax,
        message,
        said.span.at(file.id),
        "nothing to put in its place",
    )
    .help("use the name of a block of the parent, or add this one there")
}
