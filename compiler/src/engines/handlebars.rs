//! Signs that begin a print of Handlebars, Mustache, Go and Svelte.

use super::{
    Meant, Tag,
    expression::rewritten,
    prefix,
    tokens::names,
    values::{Print, file},
};

/// What a print says that begins with a sign.
pub(super) fn signed(print: &Print<'_>) -> Option<Meant> {
    let inside = print.inside;
    let mut letters = inside.chars();
    let first = letters.next()?;
    let rest = letters.as_str().trim();
    match first {
        '#' => section(rest),
        '/' => end(rest),
        '>' => partial(rest),
        '^' if rest.is_empty() => Meant::new("Tera has no `{{^}}`", "write `{% else %}`"),
        '^' => Meant::new(
            "Tera has no `{{^…}}`",
            format!("write `{{% if not {rest} %}}`, and `{{% endif %}}` at its end"),
        ),
        '*' if !rest.is_empty() => Meant::new("Tera's names have no sign before them", print.write(rest)),
        '.' if rest.is_empty() => Meant::new(
            "`.` means nothing here",
            "write the name that the `{% for … %}` gives the item: `{{ item }}`",
        ),
        '&' if rest.contains("..") => Meant::new(
            "Tera's values have no sign before them",
            print.write(&rewritten(rest, false).unwrap_or_else(|| rest.to_owned())),
        ),
        '&' => Meant::new("Tera has no `{{& … }}`", print.write(&format!("{rest} | safe"))),
        '!' if rest.is_empty() || inside.starts_with("!-") || inside.starts_with("! ") => {
            let note = rest.trim_matches('-').trim();
            Meant::new("Tera has no `{{! … }}`", format!("write `{{# {note} #}}`"))
        }
        '~' => trimmed(print, rest),
        '@' => special_name(print, rest),
        '.' if rest.starts_with(|c: char| c.is_alphabetic()) => {
            let value = names(inside);
            let value = rewritten(&value, false).unwrap_or(value);
            Meant::new("names begin without a dot", print.write(&value))
        }
        _ => rare(print, first, rest),
    }
}

/// `{{~a~}}` and `{{~#if a~}}`
fn trimmed(print: &Print<'_>, rest: &str) -> Option<Meant> {
    let inside = rest.trim_end_matches('~').trim();
    let message = "Tera trims with `-`, not with `~`";
    if inside == "else" {
        return Meant::new(message, "write `{%- else -%}`");
    }
    if inside.starts_with(['#', '/', '^', '>']) {
        let found = signed(&Print { inside, ..*print })?;
        let help = found.help.replacen("{%", "{%-", 1).replacen("%}", "-%}", 1);
        return Meant::new(message, help);
    }
    Meant::new(message, format!("write `{{{{- {inside} -}}}}`"))
}

/// `{{> card title="x"}}`
fn partial(rest: &str) -> Option<Meant> {
    let message = "Tera has no `{{> … }}`";
    let name = word(rest).trim_matches(['"', '\'']);
    if name == "@partial-block" {
        return Meant::new(
            message,
            "write `{{ body }}` in a component: what stands between its tags",
        );
    }
    let include = format!("{{% include \"{}\" %}}", file(name));
    let tag = Tag {
        inside: rest,
        dashes: ("", ""),
    };
    let sets = super::arguments::given(&tag, argument(rest));
    Meant::new(message, format!("write `{sets}{include}`"))
}

/// What a print says that begins with a sign that few use.
fn rare(print: &Print<'_>, first: char, rest: &str) -> Option<Meant> {
    match first {
        '=' if rest.ends_with('=') => Meant::new(
            "Tera's delimiters can't be changed",
            "remove it; text that is to stay as it is stands in `{% raw %}…{% endraw %}`",
        ),
        '=' => Meant::new("Tera has no `{{= … }}`", print.write(rest)),
        '.' if rest.starts_with("./") => Meant::new(
            "a template sees the names around it",
            print.write(rest.trim_start_matches(['.', '/'])),
        ),
        '<' if !rest.ends_with('>') => Meant::new(
            "Tera has no `{{< … }}`",
            format!(
                "write `{{% extends \"{}\" %}}` at the top of the file",
                file(rest)
            ),
        ),
        '[' if rest.ends_with(']') && !rest.contains([',', '"', '\'']) => Meant::new(
            "Tera's names have letters, digits and `_`",
            print.write(&rest.trim_end_matches(']').replace([' ', '-'], "_")),
        ),
        _ => None,
    }
}

/// The first word of a text.
pub(super) fn word(text: &str) -> &str {
    text.split_whitespace().next().unwrap_or_default()
}

/// What stands behind the first word of a text.
pub(super) fn argument(text: &str) -> &str {
    text.split_once(char::is_whitespace)
        .map_or("", |(_, rest)| rest.trim())
}

/// `{{/each}}`
fn end(rest: &str) -> Option<Meant> {
    let end = match word(rest) {
        "each" => "{% endfor %}",
        "if" | "unless" => "{% endif %}",
        _ => "{% endif %}` or `{% endfor %}",
    };
    Meant::new("Tera has no `{{/…}}`", format!("write `{end}`"))
}

/// `{{@index}}`, and `{{@html a}}` of Svelte.
fn special_name(print: &Print<'_>, rest: &str) -> Option<Meant> {
    match word(rest) {
        "html" => Meant::new(
            "Tera has no `{{@html … }}`",
            print.write(&format!("{} | safe", argument(rest))),
        ),
        "index" => Meant::new("Tera has no `@index`", print.write("loop.index0")),
        "key" => Meant::new(
            "Tera has no `@key`",
            "write `{% for key, value in … %}`, and `{{ key }}` in it",
        ),
        name @ ("first" | "last") => Meant::new("Tera has no `@first`", print.write(&format!("loop.{name}"))),
        _ => Meant::new(
            "Tera has no names with `@`",
            print.write(rest.trim_start_matches("root.")),
        ),
    }
}

/// Blocks of Handlebars and Mustache.
fn section(rest: &str) -> Option<Meant> {
    if let Some(layout) = rest.strip_prefix('>') {
        return Meant::new(
            "Tera has no `{{#> … }}`",
            format!(
                "write `{{% extends \"{}\" %}}` at the top of the file, and `{{% block … %}}` for its parts",
                file(word(layout))
            ),
        );
    }
    let argument = argument(rest);
    let end = |kind: &str| format!(", and `{{% end{kind} %}}` where it ends");
    let (here, kind) = match word(rest) {
        "if" => (format!("{{% if {} %}}", value(argument)), "if"),
        "unless" => (format!("{{% if not {} %}}", value(argument)), "if"),
        "each" => {
            let list = argument.split_once(" as ").map_or(argument, |(list, _)| list);
            (
                format!("{{% for {} in {} %}}", item(argument), value(list)),
                "for",
            )
        }
        "with" => match argument.split_once(" as ") {
            Some((given, name)) => (
                format!("{{% set {} = {} %}}", name.trim_matches(['|', ' ']), value(given)),
                "",
            ),
            None => (format!("{{% set name = {} %}}", value(argument)), ""),
        },
        name if name.starts_with('*') => {
            let name = argument.trim_matches(['"', '\'']);
            (format!("{{% component {name}() %}}"), "component")
        }
        // Some dialects of Mustache ask by a `?` whether there is a value.
        _ => match prefix::written(rest).or_else(|| rest.strip_suffix('?').map(str::to_owned)) {
            Some(condition) => (format!("{{% if {condition} %}}"), "if"),
            None => (format!("{{% if {rest} %}}` or `{{% for item in {rest} %}}"), ""),
        },
    };
    let behind = if kind.is_empty() { String::new() } else { end(kind) };
    Meant::new("Tera has no `{{#…}}`", format!("write `{here}`{behind}"))
}

/// What the items are called of `{{#each a as |b|}}`.
pub(super) fn item(argument: &str) -> &str {
    let name = argument
        .split_once(" as ")
        .map_or("", |(_, name)| word(name.trim_matches(['|', ' '])));
    if name.is_empty() { "item" } else { name }
}

/// A value of Handlebars: a name, or a helper in brackets.
fn value(text: &str) -> String {
    let text = text.trim();
    let inside = text.strip_prefix('(').and_then(|inside| inside.strip_suffix(')'));
    if let Some(found) = inside.and_then(prefix::written) {
        return found;
    }
    let bare = text
        .trim_start_matches("../")
        .trim_start_matches("@root.")
        .trim_start_matches("this.");
    rewritten(bare, true).unwrap_or_else(|| bare.to_owned())
}
