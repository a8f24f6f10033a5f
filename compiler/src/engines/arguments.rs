//! What other engines write behind a statement that Tera has as well.

use super::{
    Meant, Tag,
    expression::rewritten,
    lists::text,
    tokens::{before, joined, text_at, tokens},
};
use crate::within::Within;

/// What a statement of Tera's lacks, or has too much.
pub(super) fn arguments_of(tag: &Tag<'_>, word: &str, rest: &str) -> Option<Meant> {
    match word {
        "include" | "extends" => reference(tag, word, rest),
        "endif" | "endfor" | "endset" | "endfilter" if !rest.is_empty() => {
            Meant::new(format!("`{word}` stands alone"), tag.write(word))
        }
        "filter" if rest.contains(':') => {
            let new = rewritten(&format!("x | {rest}"), false)?;
            let filter = new.trim_start_matches("x | ");
            Meant::new(
                "arguments stand in brackets",
                tag.write(&format!("filter {filter}")),
            )
        }
        "component" if !rest.contains('(') && !rest.is_empty() => Meant::new(
            "a component has brackets for its arguments",
            tag.write(&format!("component {rest}()")),
        ),
        "block" if rest.ends_with(" scoped") || rest.ends_with(" required") => Meant::new(
            "a block has a name and nothing else",
            tag.write(&format!("block {}", rest.split(' ').next().unwrap_or(rest))),
        ),
        "block" if rest.contains([' ', '"', '\'']) && !rest.starts_with(['"', '\'', '.']) => {
            short_block(tag, rest)
        }
        "block" if rest == ".super" => Meant::new("the parent's block is `super()`", "write `{{ super() }}`"),
        "block" if rest.starts_with(['"', '\'']) => {
            let name = rest.trim_matches(['"', '\'']);
            Meant::new(
                "a block's name has no quotes",
                tag.write(&format!("block {name}")),
            )
        }
        _ => None,
    }
}

/// `block title "Shop"` of Twig.
fn short_block(tag: &Tag<'_>, rest: &str) -> Option<Meant> {
    let (name, value) = rest.split_once(' ')?;
    let value = value.trim();
    let content = match text(value) {
        Some(text) => text.to_owned(),
        None if value.contains(' ') || value.is_empty() => return None,
        None => format!("{{{{ {value} }}}}"),
    };
    Meant::new(
        "a block holds what stands before its end",
        format!(
            "write `{}{content}{{% endblock %}}`",
            tag.with(&format!("block {name}"))
        ),
    )
}

/// `include header.html`, `include "a" with { … }`, `include "a" ignore missing`.
fn reference(tag: &Tag<'_>, word: &str, rest: &str) -> Option<Meant> {
    if let Some(first) = rest
        .strip_prefix('[')
        .and_then(|list| list.split([',', ']']).next())
    {
        let plain = tag.write(&format!("{word} \"{}\"", first.trim().trim_matches(['"', '\''])));
        return Meant::new(
            format!("`{word}` takes the name of one template"),
            format!("{plain}: it has to be there"),
        );
    }
    if let Some(inside) = rest.strip_prefix('(').and_then(|inside| inside.strip_suffix(')')) {
        let inside = inside.trim();
        return reference(tag, word, inside).or_else(|| {
            Meant::new(
                format!("`{word}` has no brackets"),
                tag.write(&format!("{word} {inside}")),
            )
        });
    }
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    let Some(quote) = quote else {
        if let Some(chosen) = chosen_file(tag, word, rest) {
            return Some(chosen);
        }
        let name = rest
            .split([' ', ','])
            .next()
            .filter(|name| name.contains(['.', '/', '-']) && !rest.contains(['+', '~', '|']));
        let Some(name) = name else {
            return Meant::new(
                format!("`{word}` takes the name of a template, and no value"),
                format!(
                    "{}: which files belong together is known before the page is rendered",
                    tag.write(&format!(
                        "{word} \"{}.html\"",
                        rest.split(['.', ' ', '+', '~', '|']).next().unwrap_or("part")
                    ))
                ),
            );
        };
        let name = name.replace(['"', '\'', '`'], "");
        return Meant::new(
            "the name of a template stands in quotes",
            tag.write(&format!("{word} \"{name}\"")),
        );
    };
    let (name, behind) = rest.within(1..).split_once(quote)?;
    let behind = behind.trim();
    if behind.is_empty() {
        return None;
    }
    let plain = tag.with(&format!("{word} \"{name}\""));
    let sets = given(tag, behind);
    let message = format!("`{word}` takes the name of a template and nothing else");
    if behind.starts_with("ignore missing") || sets.is_empty() {
        return Meant::new(
            message,
            format!("write `{plain}`: it sees all names of the page, and has to be there"),
        );
    }
    Meant::new(
        message,
        format!("write `{sets}{plain}`: an included template sees all names of the page"),
    )
}

/// `with { a: b }` and `with a=b c=d` as statements that set the same names.
pub(super) fn given(tag: &Tag<'_>, behind: &str) -> String {
    let given = behind
        .trim_start_matches("with ")
        .trim()
        .trim_end_matches("only")
        .trim()
        .trim_start_matches(',')
        .trim_matches(['{', '}', ' ']);
    let found = tokens(given);
    let is_sign = |sign: &str| matches!(sign, "=" | ":" | "=>");
    // `a == b` and `a = = b` have a sign before their second sign, and no name.
    let names: Vec<usize> = (1..found.len())
        .filter(|at| is_sign(text_at(&found, *at)) && !before(&found, *at).is_some_and(is_sign))
        .map(|at| at - 1)
        .collect();
    let pairs = names.iter().enumerate().map(|(index, at)| {
        let end = names.get(index + 1).copied().unwrap_or(found.len());
        let value = joined(found.within(at + 2..end));
        let name = text_at(&found, *at).trim_matches(['"', '\'']);
        tag.with(&format!("set {name} = {}", value.trim_end_matches(',').trim()))
    });
    pairs.collect()
}

/// `include a ? "x.html" : "y.html"` and `include "x.html" if a else "y.html"`.
fn chosen_file(tag: &Tag<'_>, word: &str, rest: &str) -> Option<Meant> {
    let (condition, files) = rest.split_once('?')?;
    let (yes, no) = files.split_once(':')?;
    let include = |name: &str| tag.with(&format!("{word} \"{}\"", name.trim().trim_matches(['"', '\''])));
    Meant::new(
        format!("`{word}` takes the name of one template"),
        format!(
            "write `{{% if {} %}}{}{{% else %}}{}{{% endif %}}`",
            condition.trim(),
            include(yes),
            include(no)
        ),
    )
    .filter(|_| word == "include")
}
