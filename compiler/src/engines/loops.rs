//! The loops of other engines.

use super::{Meant, Tag, expression::rewritten, values::condition};

/// A `for` that Tera refuses.
pub(super) fn for_loop(tag: &Tag<'_>, rest: &str) -> Option<Meant> {
    if let Some((list, test)) = rest.split_once(" if ") {
        let loop_tag = tag.with(&format!("for {list}"));
        let test = tag.with(&format!("if {}", condition(test)));
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
    if let Some(list) = rest.strip_suffix(" reversed") {
        return Meant::new(
            "a loop runs forwards",
            tag.write(&format!("for {list} | reverse")),
        );
    }
    for word in [" limit:", " offset:", " limit: ", " cols:"] {
        if let Some((list, count)) = rest.split_once(word) {
            let count = count.split(' ').find(|count| !count.is_empty()).unwrap_or("1");
            let slice = if word == " offset:" {
                format!("[{count}:]")
            } else {
                format!("[:{count}]")
            };
            return Meant::new(
                "a loop runs through a slice",
                tag.write(&format!("for {list}{slice}")) + ", a slice of the list",
            );
        }
    }
    let new = for_header(rest)?;
    Meant::new(
        "this loop is not written as in Tera",
        tag.write(&format!("for {new}")),
    )
}

/// `(k, v) in a`, `a as k => v`, `x of xs`, `i in 1..5`.
pub(super) fn for_header(rest: &str) -> Option<String> {
    let rest = rest.trim().trim_end_matches(':').trim_end();
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
        _ => return None,
    };
    let whole = format!("{} in {}", loop_names(names), loop_list(list.trim()));
    (of || whole != rest).then_some(whole)
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
