//! The loops of other engines.

use super::{
    Meant, Tag, calls,
    expression::rewritten,
    tokens::{joined, tokens},
    values::condition,
};
use crate::within::Within;

/// A `for` that Tera refuses.
pub(super) fn for_loop(tag: &Tag<'_>, rest: &str) -> Option<Meant> {
    if let Some((list, test)) = condition_behind(rest) {
        let loop_tag = tag.with(&format!("for {list}"));
        let test = tag.with(&format!("if {}", condition(&test)));
        return Meant::new(
            "a `for` has no condition",
            format!("write `{loop_tag}{test}`, and `{{% endif %}}` before its `{{% endfor %}}`"),
        );
    }
    if rest.ends_with(" recursive") {
        return Meant::new(
            "a `for` does not call itself",
            "write a `{% component %}` that calls itself with the members: `{{ <tree items={item.children} /> }}`",
        );
    }
    if let Some(list) = rest.strip_suffix(" reversed").filter(|list| !list.contains(':')) {
        return Meant::new(
            "a loop runs forwards",
            tag.write(&format!("for {list} | reverse")),
        );
    }
    if let Some(new) = sliced(rest) {
        return Meant::new(
            "a loop runs through a slice",
            tag.write(&format!("for {new}")) + ", a slice of the list",
        );
    }
    if let Some(meant) = counted(tag, rest) {
        return Some(meant);
    }
    let Some(new) = for_header(rest) else {
        let (_, list) = rest.split_once(" in ")?;
        return calls::filter(&tokens(list));
    };
    if let Some((header, condition)) = chosen_items(&new) {
        let (loop_tag, test) = (
            tag.with(&format!("for {header}")),
            tag.with(&format!("if {condition}")),
        );
        return Meant::new(
            "a loop chooses its items by an `if` in it",
            format!("write `{loop_tag}{test}`, and `{{% endif %}}` before its `{{% endfor %}}`"),
        );
    }
    Meant::new(
        "this loop is not written as in Tera",
        tag.write(&format!("for {new}")),
    )
}

/// `x in a if b` as the loop and its condition. An `if` in brackets or with an `else` chooses the list, as Tera has it, too.
fn condition_behind(rest: &str) -> Option<(String, String)> {
    let found = tokens(rest);
    let mut depth = 0_i32;
    let mut at = None;
    for (index, token) in found.iter().enumerate() {
        depth += i32::from(matches!(token.text, "(" | "[" | "{"))
            - i32::from(matches!(token.text, ")" | "]" | "}"));
        match token.text {
            "if" if depth == 0 => at = at.or(Some(index)),
            "else" if depth == 0 && at.is_some() => return None,
            _ => {}
        }
    }
    let at = at?;
    Some((joined(found.within(..at)), joined(found.within(at + 1..))))
}

/// `x in [x for x in a if x.b]` as the header of the loop, and its condition.
fn chosen_items(header: &str) -> Option<(&str, &str)> {
    let (name, list) = header.split_once(" in [")?;
    let (item, inner) = list.strip_suffix(']')?.split_once(" for ")?;
    let (inner, condition) = inner.split_once(" if ")?;
    let is_same = item == name && inner.starts_with(&format!("{name} in "));
    (is_same && !inner.contains('[')).then_some((inner, condition))
}

/// `x in a limit:3 offset:1` of Liquid, with a slice of the list.
fn sliced(rest: &str) -> Option<String> {
    let value = |word: &str| {
        let (_, behind) = rest.split_once(&format!(" {word}:"))?;
        behind.split_whitespace().next()
    };
    let (offset, limit) = (value("offset"), value("limit"));
    let is_reversed = rest.ends_with(" reversed") || rest.contains(" reversed ");
    let cut = [
        " limit:",
        " offset:",
        " cols:",
        if is_reversed { " reversed" } else { " limit:" },
    ];
    let list = cut
        .iter()
        .filter_map(|word| rest.find(word))
        .min()
        .map(|at| rest.within(..at))?;
    let slice = match (offset, limit) {
        (Some(offset), Some(limit)) => {
            let numbers = offset.parse::<u32>().ok().zip(limit.parse::<u32>().ok());
            let end = numbers.and_then(|(offset, limit)| offset.checked_add(limit));
            let end = end.map_or(format!("{offset} + {limit}"), |end| end.to_string());
            format!("[{offset}:{end}]")
        }
        (Some(offset), None) => format!("[{offset}:]"),
        (None, Some(limit)) => format!("[:{limit}]"),
        (None, None) => String::new(),
    };
    let reversed = if is_reversed { " | reverse" } else { "" };
    Some(format!("{list}{slice}{reversed}"))
}

/// `i, x in enumerate(a)`, `x, y in zip(a, b)`, `(i, x) in a.iter().enumerate()` and `let i = 0; i < 5; i++`.
fn counted(tag: &Tag<'_>, rest: &str) -> Option<Meant> {
    if let Some(header) = of_c(rest) {
        return Meant::new(
            "a loop goes through a list or a range",
            tag.write(&format!("for {header}")),
        );
    }
    let (names, list) = rest.split_once(" in ")?;
    let (first, second) = loop_names(names).split_once(',')?;
    let (first, second) = (first.trim(), second.trim());
    let list = list.trim().trim_end_matches([':', '{', ' ']);
    let called = |name: &str| list.strip_prefix(name)?.strip_prefix('(')?.strip_suffix(')');
    if let Some((one, other)) = called("zip").and_then(|lists| lists.split_once(',')) {
        let (loop_tag, set) = (
            tag.with(&format!("for {first} in {}", one.trim())),
            tag.with(&format!("set {second} = {}[loop.index0]", other.trim())),
        );
        return Meant::new("a loop goes through one list", format!("write `{loop_tag}{set}`"));
    }
    let numbered = called("enumerate").or_else(|| list.strip_suffix(".enumerate()"))?;
    let list = rewritten(numbered, false).unwrap_or_else(|| numbered.to_owned());
    let (loop_tag, set) = (
        tag.with(&format!("for {second} in {list}")),
        tag.with(&format!("set {first} = loop.index0")),
    );
    Meant::new(
        "a loop knows its turn as `loop`",
        format!("write `{loop_tag}{set}`, or use `loop.index0`"),
    )
}

/// `let i = 0; i < 5; i++` of C as a range.
pub(super) fn of_c(rest: &str) -> Option<String> {
    let bare = rest.trim().trim_end_matches(['{', ':', ' ']);
    let bare = bare
        .strip_prefix('(')
        .map_or(bare, |inside| inside.strip_suffix(')').unwrap_or(inside));
    let mut parts = bare.split(';');
    let (begin, condition, _) = (parts.next()?, parts.next()?, parts.next()?);
    let (name, start) = begin.split_once('=')?;
    let name = name.trim().rsplit(' ').next()?.trim_start_matches('$');
    let (_, end) = condition.split_once('<')?;
    let more = if end.starts_with('=') { " + 1" } else { "" };
    let end = end.trim_start_matches('=').trim();
    let end = rewritten(end, false).unwrap_or_else(|| end.replace('$', ""));
    let start = start.trim();
    Some(match start {
        "0" => format!("{name} in range(end={end}{more})"),
        start => format!("{name} in range(start={start}, end={end}{more})"),
    })
}

/// `(k, v) in a`, `a as k => v`, `x of xs`, `i in 1..5`.
pub(super) fn for_header(rest: &str) -> Option<String> {
    let given = rest;
    let rest = rest.trim().trim_end_matches([':', '{']).trim_end();
    let bare = rest
        .strip_prefix('(')
        .map_or(rest, |inside| inside.strip_suffix(')').unwrap_or(inside));
    if let Some((list, item)) = bare.split_once(" as ") {
        let names = item.replace("=>", ",").replace('$', "");
        let names: Vec<&str> = names.split(',').map(str::trim).collect();
        let list = list.trim().trim_start_matches('$');
        return Some(format!("{} in {list}", names.join(", ")));
    }
    let (names, list, of) = match (rest.split_once(" in "), rest.split_once(" of ")) {
        (Some((names, list)), _) => (names, list, false),
        (None, Some((names, list))) => (names, list, true),
        _ => {
            let (name, list) = rest.split_once(' ')?;
            let is_name = |name: &str| {
                name.chars()
                    .all(|c| c.is_alphanumeric() || matches!(c, '_' | '.'))
            };
            return (is_name(name) && is_name(list.trim())).then(|| format!("{name} in {}", list.trim()));
        }
    };
    let whole = format!("{} in {}", loop_names(names), loop_list(list.trim()));
    (of || whole != given.trim()).then_some(whole)
}

/// The names that a loop gives, without brackets and what declares them.
fn loop_names(names: &str) -> &str {
    let clean = names.trim().trim_matches(['(', ')', '[', ']']).trim();
    let declared = ["let ", "const ", "var "];
    let mut bare = declared.iter().filter_map(|word| clean.strip_prefix(word));
    bare.next().unwrap_or(clean)
}

/// What a loop goes through.
fn loop_list(list: &str) -> String {
    let Some((start, end)) = list.trim_matches(['(', ')']).split_once("..") else {
        let list = list.strip_suffix(".items()").unwrap_or(list);
        return rewritten(list, false).unwrap_or_else(|| list.to_owned());
    };
    let (end, one_more) = match end.strip_prefix('=') {
        Some(end) => (end, " + 1"),
        None => (end, ""),
    };
    let end = end.trim().trim_start_matches('.');
    format!("range(start={}, end={end}{one_more})", start.trim())
}

#[cfg(test)]
mod tests {
    use super::condition_behind;

    #[test]
    fn an_if_behind_a_loop_is_its_condition() {
        for (text, expected) in [
            ("x in a if x.b", Some(("x in a", "x.b"))),
            (
                "x in [y for y in a if y.b] if x",
                Some(("x in [y for y in a if y.b]", "x")),
            ),
            ("x in (a if b else [a])", None),
            ("x in a if b else c", None),
            ("x in [y for y in a if y.b]", None),
            ("x in a", None),
            ("", None),
        ] {
            let found = condition_behind(text);
            let found = found.as_ref().map(|(list, test)| (list.as_str(), test.as_str()));
            assert_eq!(found, expected, "{text}");
        }
    }
}
