//! Prints that are a statement here, and names that mean something of their own to another engine.

use super::{
    Meant,
    expression::rewritten,
    handlebars::{argument, word},
    interpolation, prefix,
    tokens::names,
    turns,
    values::{Print, file},
};
use crate::within::Within;

/// Names and signs that mean something of their own to another engine.
pub(super) fn special(print: &Print<'_>) -> Option<Meant> {
    let inside = print.inside;
    if let Some(new) = turns::written(inside) {
        let new = rewritten(&new, false).unwrap_or(new);
        return Meant::new("a loop knows its turn as `loop`", print.write(&new));
    }
    if let Some(idea) = turns::idea(inside) {
        return Meant::new("a loop knows its turn as `loop`", idea);
    }
    if let Some(new) = interpolation::written(inside) {
        return Meant::new("a text takes in no values: `~` joins them", print.write(&new));
    }
    if inside == "$slot" || inside.starts_with("caller(") {
        return Meant::new("the body of a component's call is `body`", print.write("body"));
    }
    of_item(print)
        .or_else(|| of_go(print))
        .or_else(|| changed(inside))
        .or_else(|| printed_block(inside))
        .or_else(|| type_of(inside))
}

/// What other engines know about the item of a loop.
fn of_item(print: &Print<'_>) -> Option<Meant> {
    let inside = print.inside;
    if inside == "this" {
        return Meant::new(
            "`this` means nothing here",
            "write the name that the `{% for … %}` gives the item",
        );
    }
    if let Some(rest) = inside.strip_prefix("this.") {
        return Meant::new("`this` means nothing here", print.write(rest));
    }
    let values = inside.strip_prefix("loop.cycle(")?.trim_end_matches(')');
    let (odd, even) = values.split_once(',')?;
    let chosen = format!("{} if loop.index is odd else {}", odd.trim(), even.trim());
    Meant::new("Tera has no `loop.cycle`", print.write(&chosen))
}

/// `$.A`, `len .A` and `index .A 0` of Go.
fn of_go(print: &Print<'_>) -> Option<Meant> {
    let inside = print.inside;
    if let Some(rest) = inside.strip_prefix("$.") {
        return Meant::new("names begin without `$.`", print.write(rest));
    }
    let name = |rest: &str| names(rest.trim());
    if let Some(value) = inside.strip_prefix("len ") {
        let length = format!("{} | length", name(value));
        return Meant::new("Tera has a filter for this", print.write(&length));
    }
    let (value, key) = inside.strip_prefix("index ")?.split_once(' ')?;
    let member = format!("{}[{}]", name(value), name(key));
    Meant::new("a member is named in brackets", print.write(&member))
}

/// `$a := 1` of Go, and `a++`.
fn changed(inside: &str) -> Option<Meant> {
    let assigned = inside.split_once(":=").filter(|_| !inside.starts_with("range "));
    if let Some((name, value)) = assigned {
        let name = name.trim().trim_start_matches('$');
        return Meant::new(
            "`set` is a statement",
            format!("write `{{% set {name} = {} %}}`", names(value.trim())),
        );
    }
    for sign in ["+=", "-=", "*=", "/="] {
        if let Some((name, value)) = inside.split_once(sign) {
            let (name, value, sign) = (name.trim(), value.trim(), sign.within(..1));
            return Meant::new(
                format!("Tera has no `{sign}=`"),
                format!("write `{{% set {name} = {name} {sign} {value} %}}`"),
            );
        }
    }
    // `$x = 2` of Go and PHP.
    let given = inside.strip_prefix('$').and_then(|rest| rest.split_once('='));
    if let Some((name, value)) = given.filter(|(_, value)| !value.starts_with(['=', '>', '~'])) {
        let is_name = name.trim().chars().all(|c| c.is_alphanumeric() || c == '_');
        let help = format!("write `{{% set {} = {} %}}`", name.trim(), names(value.trim()));
        return Meant::new("`set` is a statement", help).filter(|_| is_name);
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
    match word {
        "with" if is_go => {
            let value = names(argument);
            Meant::new(
                "Tera has no statement `with`",
                format!(
                    "write `{{% if {value} %}}{{% set value = {value} %}}`, and `{{% endif %}}` at its end"
                ),
            )
        }
        "if" if argument.contains("} else {") => chosen(print, argument),
        "break" | "continue" if is_alone => say(word.to_owned(), ""),
        "await" | "yield" | "return" | "echo" | "print" | "out" | "puts" if is_name(argument) => {
            Meant::new(format!("Tera has no `{word}`"), print.write(argument))
        }
        "if" if !is_alone => say(format!("if {}", condition_of(argument)), "endif"),
        "range" if is_go => say(range(argument), "endfor"),
        "for" | "foreach" | "each" if !is_alone => say(format!("for {argument}"), "endfor"),
        "elseif" => say(format!("elif {argument}"), ""),
        "else" if argument.starts_with("if ") => {
            say(format!("elif {}", condition_of(argument.within(3..))), "")
        }
        _ => of_block(print, say),
    }
}

/// The same for the ends and the parts of blocks, and for what takes in another template.
fn of_block(print: &Print<'_>, say: impl Fn(String, &str) -> Option<Meant>) -> Option<Meant> {
    let inside = print.inside;
    let (word, argument) = (word(inside), argument(inside));
    let is_alone = inside.trim() == word;
    let is_named = argument.starts_with(['"', '\'']);
    let name = argument.split(['"', '\'']).nth(1).unwrap_or_default();
    match word {
        "end" if is_alone => Meant::new(
            "Tera's ends are named",
            "write `{% endif %}`, or `{% endfor %}` at the end of a loop",
        ),
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

/// `if a { b } else { c }` of Rust.
fn chosen(print: &Print<'_>, argument: &str) -> Option<Meant> {
    let (condition, rest) = argument.split_once('{')?;
    let (yes, no) = rest.split_once("} else {")?;
    let no = no.trim().trim_end_matches('}').trim();
    let new = format!("{} if {} else {no}", yes.trim(), condition.trim());
    Meant::new(
        "an expression that chooses begins with its value",
        print.write(&new),
    )
}

fn is_name(text: &str) -> bool {
    let is_letter = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
    text.starts_with(|c: char| c.is_alphabetic() || c == '_') && text.chars().all(is_letter)
}

/// A condition of Go or Handlebars as Tera writes it.
fn condition_of(text: &str) -> String {
    let inside = text.strip_prefix('(').and_then(|inside| inside.strip_suffix(')'));
    let condition = prefix::written(text)
        .or_else(|| prefix::written(inside?))
        .unwrap_or_else(|| names(text));
    rewritten(&condition, true).unwrap_or(condition)
}

/// `range .Items` of Go as a loop.
pub(super) fn range(argument: &str) -> String {
    let names = names(argument);
    let list = names.rsplit(['=', ' ']).next().unwrap_or_default().trim();
    if let Some((given, _)) = names.split_once(":=") {
        let item = given.rsplit(',').next().unwrap_or(given).trim();
        return format!("for {item} in {list}");
    }
    let item = list
        .strip_suffix('s')
        .filter(|item| !item.is_empty())
        .map_or("item".to_owned(), str::to_lowercase);
    format!("for {item} in {}", list.to_lowercase())
}
