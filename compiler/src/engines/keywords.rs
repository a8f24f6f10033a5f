//! Prints that are a statement here, and names that mean something of their own to another engine.

use super::{
    Meant,
    expression::rewritten,
    handlebars::{argument, word},
    values::{Print, file, names},
};

/// What other engines know about the turn of a loop.
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

/// Names and signs that mean something of their own to another engine.
pub(super) fn special(print: &Print<'_>) -> Option<Meant> {
    let inside = print.inside;
    if let Some((there, here)) = LOOPS.iter().find(|(there, _)| inside.starts_with(there)) {
        return Meant::new(
            "a loop knows its turn as `loop`",
            print.write(&inside.replacen(there, here, 1)),
        );
    }
    if inside.starts_with("printf ") || inside.starts_with("sprintf") {
        return Meant::new(
            "Tera has no `printf`",
            "join texts and values with `~`: `{{ \"x \" ~ a }}`",
        );
    }
    if inside.starts_with("caller(") {
        return Meant::new("the body of a component's call is `body`", print.write("body"));
    }
    changed(inside)
        .or_else(|| printed_block(inside))
        .or_else(|| type_of(inside))
        .or_else(|| text_with_values(print))
}

/// `$a := 1` of Go, and `a++`.
fn changed(inside: &str) -> Option<Meant> {
    if let Some((name, value)) = inside.split_once(":=") {
        let name = name.trim().trim_start_matches('$');
        return Meant::new(
            "`set` is a statement",
            format!("write `{{% set {name} = {} %}}`", names(value.trim())),
        );
    }
    let name = inside.strip_suffix("++").or_else(|| inside.strip_suffix("--"))?;
    Meant::new(
        "Tera has no `++`",
        format!("write `{{% set {name} = {name} + 1 %}}`, or `loop.index` in a loop"),
    )
}

/// `self.title()` of Jinja.
fn printed_block(inside: &str) -> Option<Meant> {
    let name = inside.strip_prefix("self.")?.strip_suffix("()")?;
    Meant::new(
        "a block is not a value",
        format!(
            "set the text once, `{{% set {name} %}}…{{% endset %}}`, and print `{{{{ {name} }}}}` in the block and elsewhere"
        ),
    )
}

/// `typeof a`
fn type_of(inside: &str) -> Option<Meant> {
    let name = inside.strip_prefix("typeof ")?;
    Meant::new(
        "Tera has no `typeof`",
        format!("test the value: `{{{{ {name} is string }}}}`, `is number`, `is array`, `is map`"),
    )
}

/// `f"Hello {name}"` and `` `Hello ${name}` ``
fn text_with_values(print: &Print<'_>) -> Option<Meant> {
    let inside = print.inside;
    let is_text =
        inside.starts_with(['`', 'f']) && inside.contains('{') && inside.ends_with(['`', '"', '\'']);
    if !is_text {
        return None;
    }
    let text = inside.trim_start_matches('f').trim_matches(['`', '"', '\'']);
    let text = text.replace("${", "{");
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
    Meant::new("a text takes in no values", print.write(&written.join(" ~ ")))
}

/// Statements in `{{ … }}`, as Go and Handlebars have them.
pub(super) fn statement(print: &Print<'_>) -> Option<Meant> {
    let inside = print.inside;
    let (word, argument) = (word(inside), argument(inside));
    let is_alone = inside.trim() == word;
    let say = |tag: String, end: &str| {
        let message = format!("`{word}` is a statement: it stands in `{{% … %}}`");
        let end = match end {
            "" => String::new(),
            end => format!(", and `{{% {end} %}}` at its end"),
        };
        Meant::new(message, format!("write `{{% {} %}}`{end}", tag.trim()))
    };
    let is_go = argument.starts_with(['.', '$']);
    let is_named = argument.starts_with(['"', '\'']);
    let name = argument.split(['"', '\'']).nth(1).unwrap_or_default();
    match word {
        "with" if is_go => say(format!("set value = {}", names(argument)), ""),
        "if" if !is_alone => {
            let condition = names(argument);
            let condition = rewritten(&condition, true).unwrap_or(condition);
            say(format!("if {condition}"), "endif")
        }
        "range" if is_go => say(range(argument), "endfor"),
        "for" | "foreach" | "each" if !is_alone => say(format!("for {argument}"), "endfor"),
        "elseif" => say(format!("elif {argument}"), ""),
        "else" | "endif" | "endfor" | "elif" if is_alone || word.starts_with("el") => {
            say(format!("{word} {argument}"), "")
        }
        "template" | "include" | "partial" | "render" | "yield" if is_named => {
            say(format!("include \"{}\"", file(name)), "")
        }
        "block" | "define" if argument.starts_with('"') => say(format!("block {name}"), "endblock"),
        "set" | "let" | "var" if !is_alone => say(format!("set {argument}"), ""),
        "super" if is_alone => Meant::new("`super` is called", print.write("super()")),
        "parent()" | "block.super" => Meant::new("the parent's block is `super()`", print.write("super()")),
        _ => None,
    }
}

/// `range .Items` of Go as a loop.
fn range(argument: &str) -> String {
    let names = names(argument);
    let list = names.rsplit(['=', ' ']).next().unwrap_or_default().trim();
    let item = list
        .strip_suffix('s')
        .filter(|item| !item.is_empty())
        .map_or("item".to_owned(), str::to_lowercase);
    format!("for {item} in {}", list.to_lowercase())
}
