//! `{{ … }}` as other engines write it.

use super::{Meant, expression::rewritten};

/// What a print was meant to be. `inside`: the text between its delimiters.
pub(super) fn meant(shown: &str, inside: &str, (before, behind): (&str, &str)) -> Option<Meant> {
    let print = |expression: &str| format!("write `{{{{{before} {} {behind}}}}}`", expression.trim());
    if let Some(raw) = inside
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}').or(Some(rest)))
        && shown.ends_with("}}}")
        && !raw.contains([':', '{'])
    {
        let name = raw.trim().trim_end_matches('}');
        return Meant::new(
            "Tera has no `{{{ … }}}`",
            print(&format!("{} | safe", name.trim())),
        );
    }
    if let Some(note) = shown.strip_prefix("{{--").or_else(|| inside.strip_prefix("/*")) {
        let note = note
            .trim_end_matches('}')
            .trim_end_matches("*/")
            .trim_matches(['-', ' ']);
        return Meant::new("a comment stands in `{# … #}`", format!("write `{{# {note} #}}`"));
    }
    if let Some(found) = special(inside, &print) {
        return Some(found);
    }
    let mut letters = inside.chars();
    let first = letters.next()?;
    let rest = letters.as_str().trim();
    let word = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
    let argument = |text: &str| {
        text.split_once(char::is_whitespace)
            .map_or("", |(_, rest)| rest.trim())
            .to_owned()
    };
    match first {
        '#' => return section(&word(rest), &argument(rest), rest),
        '/' => {
            let end = match word(rest).as_str() {
                "each" => "{% endfor %}",
                "if" | "unless" => "{% endif %}",
                _ => "{% endif %}` or `{% endfor %}",
            };
            return Meant::new("Tera has no `{{/…}}`", format!("write `{end}`"));
        }
        '>' => {
            let name = word(rest);
            let name = name.trim_matches(['"', '\'']);
            return Meant::new(
                "Tera has no `{{> … }}`",
                format!("write `{{% include \"{}\" %}}`", file(name)),
            );
        }
        '^' => {
            return Meant::new(
                "Tera has no `{{^…}}`",
                format!("write `{{% if not {rest} %}}`, and `{{% endif %}}` at its end"),
            );
        }
        '&' => return Meant::new("Tera has no `{{& … }}`", print(&format!("{rest} | safe"))),
        '!' if rest.is_empty() || inside.starts_with("!-") || inside.starts_with("! ") => {
            let note = rest.trim_matches('-').trim();
            return Meant::new("Tera has no `{{! … }}`", format!("write `{{# {note} #}}`"));
        }
        '~' => {
            return Meant::new(
                "Tera trims with `-`, not with `~`",
                format!("write `{{{{- {} -}}}}`", rest.trim_end_matches('~').trim()),
            );
        }
        '=' => return Meant::new("Tera has no `{{= … }}`", print(rest)),
        '@' => {
            let name = argument(rest);
            return match word(rest).as_str() {
                "html" => Meant::new("Tera has no `{{@html … }}`", print(&format!("{name} | safe"))),
                "index" => Meant::new("Tera has no `@index`", print("loop.index0")),
                "first" | "last" => {
                    Meant::new("Tera has no `@first`", print(&format!("loop.{}", word(rest))))
                }
                _ => Meant::new("Tera has no names with `@`", print(rest)),
            };
        }
        '.' if rest.starts_with(|c: char| c.is_alphabetic()) => {
            return Meant::new("names begin without a dot", print(&names(inside)));
        }
        _ => {}
    }
    if let Some(found) = words(inside, &word(inside), &argument(inside), &print) {
        return Some(found);
    }
    if let Some((path, arguments)) = macro_call(inside) {
        return Meant::new(
            "Tera 2 has components instead of macros",
            format!("write `{{{{ <{path}{arguments} /> }}}}`"),
        );
    }
    if let Some((value, method)) = method(inside) {
        return Meant::new(
            "Tera's values have no methods: a filter takes their place",
            print(&format!("{value} | {method}")),
        );
    }
    let new = rewritten(inside, false)?;
    Meant::new("this expression is not written as in Tera", print(&new))
}

/// Names and signs that mean something of their own to another engine.
fn special(inside: &str, print: &dyn Fn(&str) -> String) -> Option<Meant> {
    const LOOPS: [(&str, &str); 8] = [
        ("forloop.counter0", "loop.index0"),
        ("forloop.counter", "loop.index"),
        ("forloop.index0", "loop.index0"),
        ("forloop.index", "loop.index"),
        ("forloop.first", "loop.first"),
        ("forloop.last", "loop.last"),
        ("forloop.length", "loop.length"),
        ("forloop.revcounter", "loop.length - loop.index0"),
    ];
    if let Some((there, here)) = LOOPS.iter().find(|(there, _)| inside.starts_with(there)) {
        return Meant::new(
            "a loop knows its turn as `loop`",
            print(&inside.replacen(there, here, 1)),
        );
    }
    if let Some((name, value)) = inside.split_once(":=") {
        let name = name.trim().trim_start_matches('$');
        return Meant::new(
            "`set` is a statement",
            format!("write `{{% set {name} = {} %}}`", names(value.trim())),
        );
    }
    if inside.starts_with("printf ") || inside.starts_with("sprintf") {
        return Meant::new(
            "Tera has no `printf`",
            "join texts and values with `~`: `{{ \"x \" ~ a }}`",
        );
    }
    if inside.starts_with("caller(") {
        return Meant::new("the body of a component's call is `body`", print("body"));
    }
    if let Some(name) = inside
        .strip_prefix("self.")
        .and_then(|rest| rest.strip_suffix("()"))
    {
        return Meant::new(
            "a block is not a value",
            format!(
                "set the text once, `{{% set {name} %}}…{{% endset %}}`, and print `{{{{ {name} }}}}` in the block and elsewhere"
            ),
        );
    }
    if let Some(name) = inside.strip_suffix("++").or_else(|| inside.strip_suffix("--")) {
        return Meant::new(
            "Tera has no `++`",
            format!("write `{{% set {name} = {name} + 1 %}}`, or `loop.index` in a loop"),
        );
    }
    if let Some(name) = inside.strip_prefix("typeof ") {
        return Meant::new(
            "Tera has no `typeof`",
            format!("test the value: `{{{{ {name} is string }}}}`, `is number`, `is array`, `is map`"),
        );
    }
    if inside.starts_with(['`', 'f']) && inside.contains('{') && inside.ends_with(['`', '"', '\'']) {
        let text = inside
            .trim_start_matches('f')
            .trim_matches(['`', '"', '\''])
            .replace("${", "{");
        let mut written = Vec::new();
        for part in text.split_inclusive('}') {
            let (words, value) = part.split_once('{').unwrap_or((part, ""));
            if !words.is_empty() {
                written.push(format!("\"{words}\""));
            }
            if !value.is_empty() {
                written.push(value.trim_end_matches('}').to_owned());
            }
        }
        return Meant::new("a text takes in no values", print(&written.join(" ~ ")));
    }
    None
}

/// Blocks of Handlebars and Mustache.
fn section(keyword: &str, argument: &str, rest: &str) -> Option<Meant> {
    let end = |kind: &str| format!(", and `{{% end{kind} %}}` where it ends");
    let (here, kind) = match keyword {
        "if" => (format!("{{% if {argument} %}}"), "if"),
        "unless" => (format!("{{% if not {argument} %}}"), "if"),
        "each" => match argument.split_once(" as ") {
            Some((list, name)) => (
                format!("{{% for {} in {list} %}}", name.trim_matches(['|', ' '])),
                "for",
            ),
            None => (format!("{{% for item in {argument} %}}"), "for"),
        },
        "with" => (format!("{{% set name = {argument} %}}"), ""),
        _ => (format!("{{% if {rest} %}}` or `{{% for item in {rest} %}}"), ""),
    };
    let behind = if kind.is_empty() { String::new() } else { end(kind) };
    Meant::new("Tera has no `{{#…}}`", format!("write `{here}`{behind}"))
}

/// The path of a template without its quotes or ending.
pub(super) fn file(name: &str) -> String {
    let name = name.trim_matches(['"', '\'', '`', ' ']);
    if name.contains('.') {
        name.to_owned()
    } else {
        format!("{name}.html")
    }
}

/// Statements in `{{ … }}`, as Go and Handlebars have them.
fn words(inside: &str, word: &str, argument: &str, print: &dyn Fn(&str) -> String) -> Option<Meant> {
    let is_alone = inside.trim() == word;
    let names = names(argument);
    let say = |help: String| Meant::new(format!("`{word}` is a statement: it stands in `{{% … %}}`"), help);
    match word {
        "with" if argument.starts_with(['.', '$']) => say(format!("write `{{% set value = {names} %}}`")),
        "if" if !is_alone => say(format!(
            "write `{{% if {} %}}`, and `{{% endif %}}` at its end",
            rewritten(&names, true).unwrap_or(names)
        )),
        "range" if argument.starts_with(['.', '$']) => {
            let list = names
                .rsplit(['=', ' '])
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned();
            let item = list
                .strip_suffix('s')
                .filter(|item| !item.is_empty())
                .map_or("item".to_owned(), str::to_lowercase);
            say(format!(
                "write `{{% for {item} in {list} %}}`, and `{{% endfor %}}` at its end",
                list = list.to_lowercase()
            ))
        }
        "for" | "foreach" | "each" if !is_alone => say(format!(
            "write `{{% for {argument} %}}`, and `{{% endfor %}}` at its end"
        )),
        "else" | "endif" | "endfor" | "elif" | "elseif" if is_alone || word.starts_with("el") => {
            let word = if word == "elseif" { "elif" } else { word };
            say(format!("write `{{% {} %}}`", format!("{word} {argument}").trim()))
        }
        "template" | "include" | "partial" | "render" | "yield" if argument.starts_with(['"', '\'']) => {
            let name = argument.split(['"', '\'']).nth(1).unwrap_or_default();
            say(format!("write `{{% include \"{}\" %}}`", file(name)))
        }
        "block" | "define" if argument.starts_with('"') => {
            let name = argument.split('"').nth(1).unwrap_or_default();
            say(format!(
                "write `{{% block {name} %}}`, and `{{% endblock %}}` at its end"
            ))
        }
        "set" | "let" | "var" if !is_alone => say(format!("write `{{% set {argument} %}}`")),
        "super" if is_alone => Meant::new("`super` is called", print("super()")),
        "parent()" => Meant::new("the parent's block is `super()`", print("super()")),
        "block.super" => Meant::new("the parent's block is `super()`", print("super()")),
        _ => None,
    }
}

/// Names without the dots and signs that Go begins them with.
fn names(text: &str) -> String {
    let mut new = String::new();
    let mut before = ' ';
    for c in text.chars() {
        if !(matches!(c, '.' | '$') && !before.is_alphanumeric() && !matches!(before, ')' | ']' | '_')) {
            new.push(c);
        }
        before = c;
    }
    new
}

/// `forms::input(name="a")` and `macros.input("a")` of Tera 1 and Jinja.
fn macro_call(inside: &str) -> Option<(String, String)> {
    let (path, rest) = inside.split_once("::")?;
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let (name, arguments) = rest.split_once('(')?;
    if !is_name(path.trim()) || !is_name(name.trim()) {
        return None;
    }
    let arguments = arguments.trim().strip_suffix(')')?;
    let parts = arguments
        .split(',')
        .filter_map(|argument| argument.split_once('='));
    let written = parts.map(|(name, value)| {
        let value = value.trim();
        let is_text = value.starts_with('"');
        if is_text {
            format!(" {}={value}", name.trim())
        } else {
            format!(" {}={{{value}}}", name.trim())
        }
    });
    Some((name.trim().to_owned(), written.collect()))
}

/// `a.upper()` and `a.length`: a method that is a filter here.
fn method(inside: &str) -> Option<(String, &'static str)> {
    const METHODS: [(&str, &str); 14] = [
        (".upper()", "upper"),
        (".lower()", "lower"),
        (".length()", "length"),
        (".size()", "length"),
        (".len()", "length"),
        (".count()", "length"),
        (".trim()", "trim"),
        (".strip()", "trim"),
        (".toUpperCase()", "upper"),
        (".toLowerCase()", "lower"),
        (".keys()", "keys"),
        (".values()", "values"),
        (".items()", "pairs"),
        (".title()", "title"),
    ];
    METHODS
        .iter()
        .find_map(|(method, filter)| Some((inside.trim().strip_suffix(method)?.to_owned(), *filter)))
}
