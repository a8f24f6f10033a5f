//! `{% … %}` as other engines write it.

use super::{
    Meant, Tag, application,
    arguments::arguments_of,
    expression::rewritten,
    ideas::{another, idea},
    loops::{for_header, for_loop},
    loose, named, turns,
    values::condition,
};
use crate::{delimiters::first_word, within::Within};

/// Statements that are another one here, word for word.
const OTHERS: [(&str, &str); 32] = [
    ("elseif", "elif"),
    ("elsif", "elif"),
    ("endunless", "endif"),
    ("endforeach", "endfor"),
    ("endeach", "endfor"),
    ("endwhile", "endfor"),
    ("foreach", "for"),
    ("each", "for"),
    ("assign", "set"),
    ("let", "set"),
    ("var", "set"),
    ("capture", "set"),
    ("endcapture", "endset"),
    ("verbatim", "raw"),
    ("endverbatim", "endraw"),
    ("literal", "raw"),
    ("endliteral", "endraw"),
    ("empty", "else"),
    ("endmacro", "endcomponent"),
    ("apply", "filter"),
    ("endapply", "endfilter"),
    ("tablerow", "for"),
    ("endtablerow", "endfor"),
    ("asyncEach", "for"),
    ("asyncAll", "for"),
    ("ifAsync", "if"),
    ("const", "set"),
    ("local", "set"),
    ("define", "set"),
    ("partialdef", "component"),
    ("endpartialdef", "endcomponent"),
    ("endifchanged", "endif"),
];

/// What a statement was meant to be.
pub(super) fn meant(tag: &Tag<'_>) -> Option<Meant> {
    known(tag).or_else(|| bare(tag)).or_else(|| loose::meant(tag))
}

/// A statement without the brace or the colon at its end.
fn bare(tag: &Tag<'_>) -> Option<Meant> {
    let inside = tag.inside.trim();
    let bare = loose::without_end(inside);
    if bare == inside || bare.is_empty() || inside.starts_with('}') {
        return None;
    }
    known(&Tag { inside: bare, ..*tag })
        .or_else(|| Meant::new("a statement ends with `%}` only", tag.write(bare)))
}

fn known(tag: &Tag<'_>) -> Option<Meant> {
    let inside = tag.inside;
    let word = first_word(inside);
    let rest = inside.within(word.len()..).trim();
    if let Some(idea) = turns::idea(inside) {
        return Meant::new("a loop knows its turn as `loop`", idea);
    }
    if word == "liquid" && rest.contains(' ') && !rest.contains('\n') {
        return meant(&Tag { inside: rest, ..*tag });
    }
    if inside.starts_with('~') {
        return Meant::new(
            "Tera trims with `-`, not with `~`",
            format!("write `{{%- {} -%}}`", inside.trim_matches(['~', ' '])),
        );
    }
    if let Some(meant) = application::meant(word, rest) {
        return Some(meant);
    }
    if let Some((_, here)) = OTHERS.iter().find(|(there, _)| *there == word) {
        return tag.no_statement(word, &format!("{here} {}", rest_of(here, rest)));
    }
    if let Some(help) = named::written(tag, word, rest).or_else(|| idea(word).map(str::to_owned)) {
        return Meant::new(format!("Tera has no statement `{word}`"), help);
    }
    match word {
        "else" if first_word(rest) == "if" => {
            let condition = condition(rest.within(2..).trim());
            Meant::new(
                "`else if` is one word here",
                tag.write(&format!("elif {condition}")),
            )
        }
        "super" | "parent" if rest.is_empty() => {
            Meant::new("the parent's block is `super()`", "write `{{ super() }}`")
        }
        "if" | "elif" => {
            // Python ends a condition with a colon, and Rust names what it finds.
            let bare = rest.trim_end_matches([':', ';']).trim_end();
            let bare = bare
                .strip_prefix("let ")
                .map_or(bare, |found| found.rsplit('=').next().unwrap_or(found).trim());
            let new = rewritten(bare, true).or_else(|| (bare != rest).then(|| bare.to_owned()))?;
            Meant::new(
                "this condition is not written as in Tera",
                tag.write(&format!("{word} {new}")),
            )
        }
        "for" => for_loop(tag, rest),
        "set" | "set_global" => set(tag, word, rest),
        _ => another(tag, word, rest).or_else(|| arguments_of(tag, word, rest)),
    }
}

/// What stands behind the word of a statement that is `here` one of Tera's.
fn rest_of(here: &str, rest: &str) -> String {
    match here {
        "elif" => condition(rest),
        "endraw" | "endif" | "endfor" | "endset" => String::new(),
        "for" => for_header(rest).unwrap_or_else(|| rest.to_owned()),
        "component" if !rest.contains('(') => format!("{rest}()"),
        "set" => assigned(rest),
        _ => rest.trim_end_matches(';').replace(":=", "="),
    }
}

/// `x = a | split: ","` as Tera writes it.
fn assigned(rest: &str) -> String {
    let rest = rest
        .strip_prefix("mut ")
        .unwrap_or(rest)
        .trim_end_matches(';')
        .replace(":=", "=");
    match rest.split_once('=') {
        Some((name, value)) => {
            let value = value.trim();
            let value = rewritten(value, false).unwrap_or_else(|| value.to_owned());
            format!("{} = {value}", name.trim().trim_start_matches('$'))
        }
        None => rest.trim_matches(['"', '\'', '$']).to_owned(),
    }
}

/// `set a.b = 1`, `set a, b = 1, 2`, `set $a := 1;`
fn set(tag: &Tag<'_>, word: &str, rest: &str) -> Option<Meant> {
    let (name, value) = match rest.split_once('=') {
        Some((name, value)) => (name, value.trim_start_matches('=').trim()),
        None => {
            let (name, value) = rest.split_once(char::is_whitespace)?;
            let is_name = name.chars().all(|c| c.is_alphanumeric() || c == '_');
            return Meant::new(
                "`set` gives a value with `=`",
                tag.write(&format!("{word} {name} = {}", value.trim())),
            )
            .filter(|_| is_name && !value.trim_start().starts_with(['|', '.']));
        }
    };
    if value.starts_with("namespace(") {
        return Meant::new(
            "Tera has no function `namespace`",
            "remove it: `{% set_global found = true %}` in a loop sets a name that counts behind the loop, too",
        );
    }
    let new = rewritten(value, false).unwrap_or_else(|| value.trim_end_matches(';').trim().to_owned());
    let name = name.trim().trim_end_matches(':').trim_start_matches('$');
    if name.contains('.') {
        let assignment = format!("set {} = {new}", name.replace('.', "_"));
        return Meant::new(
            "a member of a value can't be set",
            format!("set a name of its own: `{}`", tag.with(&assignment)),
        );
    }
    if let (Some((first, second)), Some((one, other))) = (name.split_once(','), new.split_once(',')) {
        let assignment =
            |name: &str, value: &str| tag.with(&format!("set {} = {}", name.trim(), value.trim()));
        let both = assignment(first, one) + &assignment(second, other);
        return Meant::new("`set` sets one name", format!("write `{both}`"));
    }
    if let Some((first, second)) = name.split_once(',') {
        let assignment = |name: &str| tag.with(&format!("set {} = {new}", name.trim()));
        let both = assignment(first) + &assignment(second);
        return Meant::new("`set` sets one name", format!("write `{both}`"));
    }
    let changed = new != value || rest.contains("==") || rest.contains(":=") || rest.starts_with('$');
    if !changed {
        return None;
    }
    let help = tag.write(&format!("{word} {name} = {new}"));
    match value.ends_with(';') {
        true => Meant::new(
            "this value is not written as in Tera: no `;` ends it",
            format!("{help}, without `;`"),
        ),
        false => Meant::new("this value is not written as in Tera", help),
    }
}
