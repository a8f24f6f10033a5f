//! Statements of other engines that are an expression or a statement here, with the names that stand in them.

use super::{
    Tag,
    expression::rewritten,
    lists::text,
    tokens::{Token, before, joined, text_at, tokens},
};
use crate::within::Within;

/// What to write instead of a statement, with its own values. `None`: it is another statement, or lacks a value.
pub(super) fn written(tag: &Tag<'_>, word: &str, rest: &str) -> Option<String> {
    let found = tokens(rest);
    let given = values(&found);
    let print = |expression: String| format!("write `{{{{ {expression} }}}}`");
    Some(match (word, given.as_slice()) {
        ("firstof", [_, ..]) => {
            let given = match given.as_slice() {
                [values @ .., sign, _] if sign == "as" => values,
                values => values,
            };
            print(given.join(" or "))
        }
        ("cycle", [odd, even, ..]) => print(format!("{odd} if loop.index is odd else {even}")),
        ("widthratio", [value, most, width, ..]) => print(format!("{value} / {most} * {width}")),
        ("increment", [name]) => {
            let set = tag.with(&format!("set {name} = {name} + 1"));
            format!("write `{set}`, or `loop.index` in a loop")
        }
        ("decrement", [name]) => tag.write(&format!("set {name} = {name} - 1")),
        ("regroup", [list, by, attribute, .., name]) if by == "by" => tag.write(&format!(
            "for {attribute}, {name} in {list} | group_by(attribute=\"{attribute}\")"
        )),
        ("autoescape", [state]) if matches!(state.as_str(), "off" | "false" | "False") => {
            "remove it, and write `| safe` behind each value that is HTML: `{{ a | safe }}`".to_owned()
        }
        _ => return None,
    })
}

/// Values with white space or commas between them.
fn values(found: &[Token<'_>]) -> Vec<String> {
    let mut values = Vec::<Vec<Token<'_>>>::new();
    for (at, token) in found.iter().enumerate() {
        let goes_on = token.space.is_empty() || matches!(token.text, "|") || before(found, at) == Some("|");
        match values.last_mut() {
            _ if matches!(token.text, ",") => {}
            Some(last) if goes_on && before(found, at) != Some(",") => last.push(*token),
            _ => values.push(vec![*token]),
        }
    }
    values.iter().map(|value| as_here(&joined(value))).collect()
}

fn as_here(value: &str) -> String {
    rewritten(value, false).unwrap_or_else(|| value.to_owned())
}

/// The values behind the name of a path, each as a part of it: `url 'post' post.id` and `path("post", {id: post.id})`.
pub(super) fn path(rest: &str) -> Option<String> {
    let found = tokens(rest.trim().trim_start_matches('(').trim_end_matches(')'));
    let (name, given) = found.split_first()?;
    let name = text(name.text)?;
    let mut parts = String::new();
    for value in values(given) {
        let argument = {
            let found = tokens(&value);
            (text_at(&found, 1) == "=").then(|| joined(found.within(2..)))
        };
        let value = argument.unwrap_or(value);
        match value.as_str() {
            "as" => break,
            value if value.contains(['{', '}', ':']) => return None,
            value => parts.push_str(&match text(value) {
                Some(text) => format!("/{text}"),
                None => format!("/{{{{ {value} }}}}"),
            }),
        }
    }
    (!parts.is_empty()).then(|| format!("/{}{parts}", name.replace(':', "/")))
}

#[cfg(test)]
mod tests {
    use super::{super::Tag, path, written};

    #[test]
    fn a_statement_keeps_its_values() {
        let dashes = ("", "");
        for (word, rest, expected) in [
            ("firstof", "a b.c 'none'", "write `{{ a or b.c or 'none' }}`"),
            ("firstof", "a b as c", "write `{{ a or b }}`"),
            (
                "cycle",
                "'odd', 'even'",
                "write `{{ 'odd' if loop.index is odd else 'even' }}`",
            ),
            (
                "cycle",
                "a b.c as d",
                "write `{{ a if loop.index is odd else b.c }}`",
            ),
            ("widthratio", "n most 100", "write `{{ n / most * 100 }}`"),
            (
                "increment",
                "n",
                "write `{% set n = n + 1 %}`, or `loop.index` in a loop",
            ),
            ("decrement", "n", "write `{% set n = n - 1 %}`"),
            (
                "regroup",
                "people by city as cities",
                "write `{% for city, cities in people | group_by(attribute=\"city\") %}`",
            ),
            ("firstof", "", ""),
            ("cycle", "a", ""),
            ("increment", "", ""),
            ("regroup", "a", ""),
        ] {
            let tag = Tag { inside: rest, dashes };
            assert_eq!(
                written(&tag, word, rest).unwrap_or_default(),
                expected,
                "{word} {rest}"
            );
        }
    }

    #[test]
    fn a_path_has_the_values_behind_its_name() {
        for (rest, expected) in [
            ("'post' post.id", "/post/{{ post.id }}"),
            (
                "\"shop:item\" pk=item.pk page=2",
                "/shop/item/{{ item.pk }}/{{ 2 }}",
            ),
            ("'post' 'first'", "/post/first"),
            ("'post' id as link", "/post/{{ id }}"),
            ("'home'", ""),
            ("name id", ""),
            ("'post', {id: 1}", ""),
            ("", ""),
        ] {
            assert_eq!(path(rest).unwrap_or_default(), expected, "{rest}");
        }
    }
}
