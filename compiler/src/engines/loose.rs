//! Statements that are nearly Tera's: with a brace or a colon at their end, without their word, or with a sign before it.

use super::{Meant, Tag, expression::rewritten};
use crate::{delimiters::first_word, within::Within};

/// What a statement was meant to be that has too much or too little.
pub(super) fn meant(tag: &Tag<'_>) -> Option<Meant> {
    let inside = tag.inside.trim();
    if let Some(rest) = inside.strip_prefix(['+', '=']) {
        return Meant::new("Tera trims with `-` only", tag.write(rest));
    }
    if let Some(note) = inside.strip_prefix('#') {
        return Meant::new(
            "a comment stands in `{# … #}`",
            format!("write `{{# {} #}}`", note.trim()),
        );
    }
    if inside.starts_with('}') {
        return brace(tag, inside);
    }
    let word = first_word(inside);
    let lower = word.to_ascii_lowercase();
    if lower != word && KEYWORDS.contains(&lower.as_str()) {
        let new = format!("{lower}{}", inside.within(word.len()..));
        return Meant::new("Tera's words have small letters", tag.write(&new));
    }
    without_word(tag, inside)
}

/// `{% } %}` and `{% } else { %}`
fn brace(tag: &Tag<'_>, inside: &str) -> Option<Meant> {
    let rest = inside.trim_start_matches('}').trim();
    let message = "Tera's blocks end with a word, and not with a brace";
    if rest.is_empty() {
        return Meant::new(
            message,
            "write `{% endif %}`, or `{% endfor %}` at the end of a loop",
        );
    }
    let rest = without_end(rest);
    let rest = match rest.strip_prefix("else if") {
        Some(condition) => format!("elif {}", super::values::condition(condition.trim())),
        None => rest.to_owned(),
    };
    Meant::new(message, tag.write(&rest))
}

/// A statement without the brace, the colon or the word that other languages begin a block with.
pub(super) fn without_end(inside: &str) -> &str {
    let bare = inside.trim_end_matches(['{', ':', ';']).trim_end();
    let bare = match bare.strip_suffix(" then").or_else(|| bare.strip_suffix(" do")) {
        Some(bare) if bare.starts_with("if ") || bare.starts_with("for ") || bare.starts_with("elif ") => {
            bare
        }
        _ => bare,
    };
    // A brace that was opened before belongs to a map.
    let is_whole = |sign: char, end: char| bare.matches(sign).count() == bare.matches(end).count();
    match is_whole('{', '}') && is_whole('(', ')') {
        true => bare.trim_end(),
        false => inside,
    }
}

/// `{% x = 1 %}` and `{% a.b %}`
fn without_word(tag: &Tag<'_>, inside: &str) -> Option<Meant> {
    let name = first_word(inside);
    let rest = inside.within(name.len()..).trim_start();
    let begins_well = name.starts_with(|c: char| c.is_alphabetic() || c == '_');
    if !begins_well || KEYWORDS.contains(&name) {
        return None;
    }
    if let Some(value) = rest
        .strip_prefix('=')
        .filter(|value| !value.starts_with(['=', '>']))
    {
        let value = value.trim();
        let value = rewritten(value, false).unwrap_or_else(|| value.to_owned());
        return Meant::new(
            "a value is given by `set`",
            tag.write(&format!("set {name} = {value}")),
        );
    }
    let is_call = rest.starts_with('(') && rest.ends_with(')');
    let is_filtered = rest.starts_with('|');
    let is_path = rest.starts_with('.') && !rest.contains(' ');
    let is_value = rest.is_empty() || is_call || is_filtered || is_path;
    let (before, behind) = tag.dashes;
    Meant::new(
        "a value is printed by `{{ … }}`",
        format!("write `{{{{{before} {} {behind}}}}}`", inside.trim()),
    )
    .filter(|_| is_value && !is_end(name))
}

/// Whether a word ends or parts a block of some engine.
fn is_end(name: &str) -> bool {
    name.starts_with("end") || name.starts_with("el")
}

/// Words of Tera's statements.
const KEYWORDS: [&str; 20] = [
    "if",
    "elif",
    "else",
    "endif",
    "for",
    "endfor",
    "set",
    "set_global",
    "endset",
    "block",
    "endblock",
    "include",
    "extends",
    "raw",
    "endraw",
    "filter",
    "endfilter",
    "component",
    "endcomponent",
    "break",
];
