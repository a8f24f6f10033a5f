//! Calls of functions, filters and helpers whose arguments have no names.

use super::{
    Meant, Tag, application,
    filters::arguments,
    methods,
    tokens::{Token, before, joined, text_at, tokens},
    values::{Print, file},
};

/// Functions of this project, and the name of their argument.
const OURS: [(&str, &str); 3] = [("asset", "file"), ("menu", "name"), ("is_there", "path")];

/// What a print says that calls something with arguments without names, or as Handlebars does.
pub(super) fn positional(print: &Print<'_>) -> Option<Meant> {
    let found = tokens(print.inside);
    function(print, &found)
        .or_else(|| filter(&found))
        .or_else(|| method(print.inside))
        .or_else(|| helper(print, &found))
}

fn is_name(token: &Token<'_>) -> bool {
    token.text.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

fn is_named(argument: &str) -> bool {
    tokens(argument).get(1).is_some_and(|second| second.text == "=")
}

/// `path("home")`, `include("a.html")`, `attribute(a, "b")`.
fn function(print: &Print<'_>, found: &[Token<'_>]) -> Option<Meant> {
    let [name, open, ..] = found else { return None };
    let is_call = is_name(name) && open.text == "(" && open.space.is_empty();
    let (given, _) = arguments(found, 1);
    let first = given.first()?;
    if !is_call || given.iter().all(|argument| is_named(argument)) {
        return None;
    }
    let name = name.text;
    if let Some((_, argument)) = OURS.iter().find(|(ours, _)| *ours == name) {
        let call = format!("{name}({argument}={first})");
        return Meant::new("the arguments of a function have names", print.write(&call));
    }
    if let Some(help) = application::function(name, &given) {
        return Meant::new(format!("Tera has no function `{name}`"), help);
    }
    match (name, given.as_slice()) {
        ("include" | "render" | "partial" | "source", [template, behind @ ..]) => {
            let (inside, dashes) = (print.inside, print.dashes);
            let tag = Tag { inside, dashes };
            let sets = super::arguments::given(&tag, behind.first().map_or("", String::as_str));
            let include = tag.with(&format!("include \"{}\"", file(template)));
            Meant::new(
                format!("`{name}` is a statement: it stands in `{{% … %}}`"),
                format!("write `{sets}{include}`"),
            )
        }
        ("attribute" | "getattr" | "lookup", [value, key]) => Meant::new(
            "a member is named in brackets",
            print.write(&format!("{value}[{key}]")),
        ),
        (name, _) => Meant::new(
            "the arguments of a function have names",
            format!(
                "name them, as in `{{{{ {name}(name={first}) }}}}`; a function that the application adds is named in the build: `.functions([\"{name}\"])`"
            ),
        ),
    }
}

/// `a | merge(b)` and `a | where: "b"`, of filters that Tera lacks.
pub(super) fn filter(found: &[Token<'_>]) -> Option<Meant> {
    let at = (2..found.len()).find(|at| {
        let opens = matches!(found.get(at + 1).map(|open| open.text), Some("(" | ":"));
        before(found, *at) == Some("|") && found.get(*at).is_some_and(is_name) && opens
    })?;
    let (given, _) = arguments(found, at + 1);
    let first = given.iter().find(|argument| !is_named(argument))?;
    let name = text_at(found, at);
    Meant::new(
        "the arguments of a filter have names",
        format!(
            "name them, as in `{name}(name={first})`; a filter that the application adds is named in the build: `.filters([\"{name}\"])`"
        ),
    )
}

/// `a.map(f)`: a method for which Tera has nothing.
fn method(inside: &str) -> Option<Meant> {
    let (value, name) = methods::called(inside)?;
    if value == "JSON" {
        return Meant::new(
            "Tera has no filter that writes JSON",
            "let the handler give the page the JSON as a text, or add a filter to the application and name it in the build: `.filters([\"json\"])`",
        );
    }
    Meant::new(
        "Tera's values have no methods",
        format!(
            "let the handler give the page the value, or add a filter to the application, `{{{{ {value} | {name} }}}}`, and name it in the build: `.filters([\"{name}\"])`"
        ),
    )
}

/// `helper a b` of Handlebars, `len a` and `index a 0` of Go.
fn helper(print: &Print<'_>, found: &[Token<'_>]) -> Option<Meant> {
    let (name, rest) = found.split_first().filter(|(name, _)| is_name(name))?;
    let words = ["not", "and", "or", "in", "is", "if", "else", "as"];
    let second = rest.first()?;
    let is_value = is_name(second)
        || second.text.starts_with(['"', '\''])
        || second.text.starts_with(|c: char| c.is_ascii_digit());
    let is_helper = !second.space.is_empty()
        && is_value
        && !words.contains(&name.text)
        && !words.contains(&second.text)
        && !rest.iter().any(|token| words.contains(&token.text));
    if !is_helper {
        return None;
    }
    let all: Vec<&str> = rest.iter().map(|token| token.text).collect();
    match (name.text, all.as_slice()) {
        ("lookup" | "index", [value, key]) => Meant::new(
            "a member is named in brackets",
            print.write(&format!("{value}[{key}]")),
        ),
        ("len" | "length" | "count", _) => Meant::new(
            "Tera has a filter for this",
            print.write(&format!("{} | length", joined(rest))),
        ),
        ("log" | "debugger" | "debug", _) => Meant::new(
            format!("`{}` means nothing to Tera", name.text),
            "remove it: what a page gets is logged by its handler",
        ),
        ("new" | "lambda" | "await" | "yield", _) => Meant::new(
            "Tera's expressions make no values of their own",
            "let the handler give the page the value",
        ),
        // Of two names, the dot between them is likelier missing.
        (_, [value]) if !value.starts_with(['"', '\'']) => None,
        (name, [value, ..]) => Meant::new(
            "Tera has no helpers",
            format!(
                "a helper is a filter or a function here, `{{{{ {value} | {name} }}}}` or `{{{{ {name}(name={value}) }}}}`; one that the application adds is named in the build: `.filters([\"{name}\"])`"
            ),
        ),
        (_, []) => None,
    }
}
