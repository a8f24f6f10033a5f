//! What other engines write behind a statement that Tera has as well.

use super::{Meant, Tag, expression::rewritten};

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
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    let Some(quote) = quote else {
        let name = rest
            .split([' ', ','])
            .next()
            .filter(|name| name.contains(['.', '/', '-']))?;
        let name = name.replace(['"', '\'', '`'], "");
        return Meant::new(
            "the name of a template stands in quotes",
            tag.write(&format!("{word} \"{name}\"")),
        );
    };
    let (name, behind) = rest[1..].split_once(quote)?;
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

/// `with { a: b }` as statements that set the same names.
fn given(tag: &Tag<'_>, behind: &str) -> String {
    let given = behind
        .trim_start_matches("with")
        .trim()
        .trim_end_matches("only")
        .trim()
        .trim_start_matches(',')
        .trim();
    let pairs = given.trim_matches(['{', '}']).split(',').filter_map(|pair| {
        let (name, value) = pair.split_once([':', '='])?;
        let name = name.trim().trim_matches(['"', '\'']);
        Some(tag.with(&format!("set {name} = {}", value.trim())))
    });
    pairs.collect()
}
