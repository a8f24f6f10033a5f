//! `{{ … }}` as other engines write it.

use super::{
    Meant,
    calls::positional,
    expression::rewritten,
    handlebars::signed,
    keywords::{special, statement},
    methods,
    values::Print,
};
use crate::within::Within;

/// What a print was meant to be.
pub(super) fn meant(print: &Print<'_>) -> Option<Meant> {
    let inside = print.inside;
    if let Some(found) = three_braces(print).or_else(|| comment(print)) {
        return Some(found);
    }
    if let Some(found) = special(print).or_else(|| signed(print)) {
        return Some(found);
    }
    if let Some(found) = statement(print) {
        return Some(found);
    }
    if let Some((start, end)) = inside
        .split_once("..")
        .filter(|(start, end)| is_number(start) && is_number(end))
    {
        return Meant::new(
            "Tera has no ranges with dots",
            print.write(&format!("range(start={}, end={})", start.trim(), end.trim())),
        );
    }
    if let Some(new) = methods::written(inside) {
        let new = rewritten(&new, false).unwrap_or(new);
        return Meant::new(
            "Tera's values have no methods: a filter takes their place",
            print.write(&new) + &also(&new),
        );
    }
    // What has other names is still not known with its arguments.
    let new = rewritten(inside, false);
    let is_whole = |new: &String| {
        positional(&Print {
            inside: new,
            ..*print
        })
        .is_none()
    };
    match new {
        Some(new) if is_whole(&new) => Meant::new(
            "this expression is not written as in Tera",
            print.write(&new) + &also(&new),
        ),
        Some(new) => positional(&Print {
            inside: &new,
            ..*print
        }),
        None => positional(print),
    }
}

fn is_number(text: &str) -> bool {
    !text.trim().is_empty() && text.trim().bytes().all(|byte| byte.is_ascii_digit())
}

/// What else there is to say about an expression: for a list that is made of another, the loop that does the same, and whose a filter
/// is that Tera lacks.
fn also(new: &str) -> String {
    let added = ["date", "json", "json_encode"].into_iter().find(|filter| {
        let mut found = new.match_indices(filter);
        found.any(|(at, _)| {
            new.within(..at).trim_end().ends_with('|') && new.within(at + filter.len()..).starts_with('(')
        })
    });
    if let Some(filter) = added {
        return format!(
            "; `{filter}` is a filter of the application, which is named in the build: `.filters([\"{filter}\"])`"
        );
    }
    let is_list = new.starts_with('[') && new.matches(" for ").count() == 1;
    let Some((_, list)) = new.split_once(" for ").filter(|_| is_list) else {
        return String::new();
    };
    let list = list.split(']').next().unwrap_or(list);
    match list.split_once(" if ") {
        Some((header, condition)) => {
            format!(", or a loop, `{{% for {header} %}}{{% if {condition} %}}…{{% endif %}}{{% endfor %}}`")
        }
        None => format!(", or a loop, `{{% for {list} %}}…{{% endfor %}}`"),
    }
}

/// `{{{ a }}}`
fn three_braces(print: &Print<'_>) -> Option<Meant> {
    let rest = print.inside.strip_prefix('{')?;
    let raw = rest.strip_suffix('}').unwrap_or(rest);
    if !print.shown.ends_with("}}}") || raw.contains([':', '{']) {
        return None;
    }
    let name = raw.trim().trim_end_matches('}');
    Meant::new(
        "Tera has no `{{{ … }}}`",
        print.write(&format!("{} | safe", name.trim())),
    )
}

/// `{{-- … --}}` and `{{/* … */}}`
fn comment(print: &Print<'_>) -> Option<Meant> {
    let inside = print.shown.strip_prefix("{{--");
    let note = inside.or_else(|| print.inside.strip_prefix("/*"))?;
    let note = note
        .trim_end_matches('}')
        .trim_end_matches("*/")
        .trim_matches(['-', ' ']);
    Meant::new("a comment stands in `{# … #}`", format!("write `{{# {note} #}}`"))
}
