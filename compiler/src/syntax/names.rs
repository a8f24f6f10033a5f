//! The functions, filters and tests that templates may use, and the nearest one to an unknown name.
#![deny(clippy::disallowed_methods)]

use crate::{
    engines,
    fragment::short,
    input::Options,
    model::Components,
    problem::{Code, Problem},
    site::File,
    suggest::nearest,
};

use super::unknown::{NameKind, UnknownName};

/// Tera's own functions.
pub(super) const FUNCTIONS: [&str; 2] = ["range", "throw"];

/// The functions that every application of ours has (`runtime/src/overview/functions.rs`, `runtime/src/page/assets/function.rs`).
pub(super) const OURS: [&str; 3] = ["menu", "is_there", "asset"];

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
pub(super) struct KnownNames<'k> {
    pub(super) components: &'k Components<'k>,
    pub(super) options: &'k Options,
}

impl KnownNames<'_> {
    /// Whether there is a function, filter or test of that name.
    pub(super) fn has(&self, kind: NameKind, name: &str) -> bool {
        let options = self.options;
        let (own, added): (&[&[&str]], _) = match kind {
            NameKind::Function => (&[&FUNCTIONS, &OURS, &["super"]], &options.functions),
            NameKind::Filter => (&[&FILTERS], &options.filters),
            NameKind::Test => (&[&TESTS], &options.tests),
            NameKind::Component | NameKind::Block => return true,
        };
        own.iter().any(|names| names.contains(&name)) || added.iter().any(|added| added == name)
    }

    /// Whether the application adds a function, filter or test of that name.
    pub(super) fn is_added(&self, kind: NameKind, name: &str) -> bool {
        let added = match kind {
            NameKind::Function => &self.options.functions,
            NameKind::Filter => &self.options.filters,
            NameKind::Test => &self.options.tests,
            NameKind::Component | NameKind::Block => return false,
        };
        added.iter().any(|added| added == name)
    }

    /// Whether a file of the site defines the component.
    pub(super) fn has_component(&self, name: &str) -> bool {
        self.components.find(name).is_some()
    }

    /// The problem of a name that is not known. `look`: whether to look for the one that was meant.
    pub(super) fn problem(&self, file: &File<'_>, unknown: &UnknownName<'_>, look: bool) -> Problem {
        let name = unknown.name;
        let options = self.options;
        let near = |own: &[&'static str], added| look.then(|| near(name, own, added)).flatten();
        let (what, near, add) = match unknown.kind {
            NameKind::Function => {
                let near = near(&[&FUNCTIONS[..], &OURS].concat(), &options.functions);
                ("function", near, Some("functions"))
            }
            NameKind::Filter => ("filter", near(&FILTERS, &options.filters), Some("filters")),
            NameKind::Test => ("test", near(&TESTS, &options.tests), Some("tests")),
            NameKind::Component => {
                let names = || self.components.iter().map(|(name, _)| name);
                ("component", look.then(|| nearest(name, names())).flatten(), None)
            }
            NameKind::Block => return block(file, unknown),
        };
        let message = format!("there is no {what} `{}`", short(name));
        let problem = Problem::new(Code::TemplateSyntax, message, unknown.span.at(file.id), "unknown");
        let here = match unknown.kind {
            NameKind::Filter => engines::filter_here(name),
            NameKind::Test => engines::test_here(name),
            _ => None,
        };
        if let Some(help) = here {
            return problem.help(help);
        }
        match (near, add) {
            (Some(near), _) => problem.help(format!("did you mean `{near}`?")),
            (None, Some(add)) => problem.help(format!(
                "if the application adds it, name it in the build: `.{add}([\"{}\"])`",
                short(name)
            )),
            (None, None) => problem.help(format!(
                "define it: `{{% component {}() %}}…{{% endcomponent %}}`",
                short(name)
            )),
        }
    }
}

fn near<'k>(name: &str, own: &[&'k str], added: &'k [String]) -> Option<&'k str> {
    nearest(name, own.iter().copied().chain(added.iter().map(String::as_str)))
}

fn block(file: &File<'_>, unknown: &UnknownName<'_>) -> Problem {
    let message = format!("no parent template has a block `{}`", short(unknown.name));
    Problem::new(
        Code::TemplateSyntax,
        message,
        unknown.span.at(file.id),
        "nothing to put in its place",
    )
    .help("use the name of a block of the parent, or add this one there")
}
