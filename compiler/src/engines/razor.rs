//! What Razor and Angular begin with an `@`: values, blocks in braces, and comments.

use std::collections::BTreeSet;

use super::{
    Meant,
    ends::{Ends, word},
    expression::rewritten,
    loops::{for_header, of_c},
    values::{Found, file, plain},
};
use crate::{slips::nearby, source::Span, within::Within};

/// The `@`s of a text that Blade does not know.
pub(super) fn razor(text: &str, visible: &str, found: &mut Vec<Found>) {
    let taken: BTreeSet<usize> = found.iter().map(|(span, _)| span.start as usize).collect();
    // A text may begin with very much white space.
    let first = visible.len() - visible.trim_start().len();
    let bytes = text.as_bytes();
    let (mut notes, mut braces) = (Ends::new(word(bytes, "*@")), Ends::new(word(bytes, "}")));
    for (at, _) in visible.match_indices('@') {
        let before = visible.within(..at).chars().next_back();
        let is_apart =
            before.is_none_or(|before| before.is_whitespace() || matches!(before, '>' | '"' | '\'' | '}'));
        if !is_apart || taken.contains(&at) {
            continue;
        }
        let is_endless = match bytes.get(at + 1) {
            Some(b'*') => notes.behind(at + 2).is_none(),
            Some(b'{') => braces.behind(at + 2).is_none(),
            _ => false,
        };
        if is_endless {
            continue;
        }
        let rest = text.within(at + 1..nearby(text, at + 1).end as usize);
        let is_line = at <= first || visible.within(..at).trim_end_matches(' ').ends_with('\n');
        if let Some((help, length)) = meant(rest, is_line) {
            let begin: String = rest.chars().take_while(|c| c.is_alphanumeric()).collect();
            let begin = if begin.is_empty() {
                rest.chars().take(1).collect()
            } else {
                begin
            };
            let meant = Meant::new(format!("`@{begin}` is text for Tera"), help);
            found.extend(meant.map(|meant| (Span::new(at, at + 1 + length), meant)));
        }
    }
}

/// Whether something of Razor's or Angular's may stand behind an `@`.
pub(super) fn begins(rest: &str) -> bool {
    match rest.as_bytes().first() {
        Some(b'*' | b'(' | b'{') => true,
        Some(b'A'..=b'Z') => OBJECTS
            .iter()
            .chain(&["RenderBody", "RenderSection"])
            .any(|name| rest.starts_with(name)),
        Some(b'a'..=b'z') => WORDS.iter().any(|word| rest.starts_with(word)),
        _ => false,
    }
}

/// Objects that Razor's pages have.
const OBJECTS: [&str; 7] = [
    "Model",
    "ViewBag",
    "ViewData",
    "Html",
    "Url",
    "TempData",
    "Localizer",
];

/// Words that begin something.
const WORDS: [&str; 12] = [
    "if", "for", "foreach", "switch", "while", "model", "using", "inject", "section", "await", "let", "page",
];

/// What stands behind an `@`: the help, and how long it is.
fn meant(rest: &str, is_line: bool) -> Option<(String, usize)> {
    if let Some(inside) = rest.strip_prefix('*') {
        let end = inside.find("*@")?;
        return Some((
            format!("write `{{# {} #}}`", inside.within(..end).trim()),
            end + 3,
        ));
    }
    if rest.starts_with('(') {
        let inside = bracketed(rest)?;
        let is_value = inside.starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '"' | '!'));
        return is_value.then(|| (print(inside), inside.len() + 2));
    }
    if let Some(inside) = rest.strip_prefix('{') {
        return code(inside);
    }
    let name: String = rest
        .chars()
        .take_while(|c| c.is_alphanumeric() || *c == '_')
        .collect();
    let behind = rest.within(name.len()..);
    block(&name, behind)
        .or_else(|| object(&name, rest))
        .or_else(|| line(&name, behind).filter(|_| is_line))
}

/// The text in the brackets that a text begins with.
fn bracketed(text: &str) -> Option<&str> {
    let mut depth = 0;
    let end = text.char_indices().take(400).find_map(|(index, c)| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        (depth == 0).then_some(index)
    })?;
    text.get(1..end).filter(|_| text.starts_with('('))
}

fn print(value: &str) -> String {
    format!("write `{{{{ {} }}}}`", plain(value))
}

/// `@{ Layout = "base"; }` and `@{ var x = 1; }`
fn code(inside: &str) -> Option<(String, usize)> {
    let end = inside.find('}')?;
    let (name, value) = inside.within(..end).split_once('=')?;
    let value = value.split(';').next()?.trim();
    let name = name.trim().rsplit(' ').next()?;
    let help = match name {
        "Layout" => format!(
            "write `{{% extends \"{}\" %}}` at the top of the file",
            file(value)
        ),
        name => {
            let name = name
                .trim_start_matches("ViewBag.")
                .trim_start_matches("ViewData.");
            format!("write `{{% set {name} = {} %}}`", plain(value))
        }
    };
    Some((help, end + 2))
}

/// `@if (a) { … }`, `@for (x of xs; track x) { … }`
fn block(name: &str, behind: &str) -> Option<(String, usize)> {
    let open = behind.trim_start();
    let inside = bracketed(open)?;
    let skipped = name.len() + behind.len() - open.len();
    let length = skipped + inside.len() + 2;
    if !open.within(inside.len() + 2..).trim_start().starts_with('{') {
        return None;
    }
    let end = |word: &str| format!(", and `{{% {word} %}}` instead of its last brace");
    let value = of_model(inside);
    let help = match name {
        "if" => format!("write `{{% if {} %}}`{}", plain(&value), end("endif")),
        "switch" => format!(
            "write `{{% if {} == 1 %}}…{{% elif … %}}…{{% endif %}}`",
            plain(&value)
        ),
        "while" => format!("write `{{% for i in range(end=10) %}}`{}", end("endfor")),
        "for" | "foreach" => format!("write `{{% for {} %}}`{}", header(&value)?, end("endfor")),
        _ => return None,
    };
    Some((help, length))
}

/// `var x in Model.Items`, `x of xs; track x.id`, `int i = 0; i < 5; i++`
fn header(inside: &str) -> Option<String> {
    if let Some(range) = of_c(inside) {
        return Some(range);
    }
    let header = inside.split(';').next()?.trim();
    let header = header
        .strip_prefix("var ")
        .or_else(|| header.strip_prefix("let "))
        .unwrap_or(header);
    let header = match header.split_once(" in ") {
        // The type of an item stands before its name.
        Some((names, list)) => format!("{} in {list}", names.rsplit(' ').next()?),
        None => header.to_owned(),
    };
    Some(for_header(&header).unwrap_or(header))
}

/// An expression without the object that holds the page's values.
fn of_model(text: &str) -> String {
    text.replace("Model.", "").replace("ViewBag.", "")
}

/// `@Model.Name`, `@Html.Raw(a)`, `@RenderBody()`
fn object(name: &str, rest: &str) -> Option<(String, usize)> {
    let path_end = rest
        .find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.')))
        .unwrap_or(rest.len());
    let path = rest.within(..path_end).trim_end_matches('.');
    let given = bracketed(rest.within(path.len()..));
    let length = path.len() + given.map_or(0, |given| given.len() + 2);
    let first = given
        .unwrap_or_default()
        .split(',')
        .next()
        .unwrap_or_default()
        .trim();
    let bare = first.trim_matches('"');
    let help = match (name, path.split_once('.')) {
        ("RenderBody", _) if given.is_some() => "write `{% block body %}{% endblock %}`".to_owned(),
        ("RenderSection", _) if given.is_some() => format!("write `{{% block {bare} %}}{{% endblock %}}`"),
        ("Html", Some((_, "Raw"))) => format!("write `{{{{ {} | safe }}}}`", plain(&of_model(first))),
        ("Html", Some((_, "Partial" | "PartialAsync" | "RenderPartial"))) => {
            format!("write `{{% include \"{}\" %}}`", file(bare))
        }
        ("Html" | "Url" | "Localizer", Some(_)) => {
            "write the element itself, with its values as `{{ name }}`".to_owned()
        }
        ("await", _) => return awaited(rest),
        ("Model" | "ViewBag" | "ViewData" | "TempData", Some((_, member))) => {
            let member = rewritten(member, false).unwrap_or_else(|| member.to_owned());
            format!("write `{{{{ {member} }}}}`, where the page has a field of that name")
        }
        ("Model", None) if path == "Model" && given.is_none() => return None,
        _ => return None,
    };
    Some((help, length))
}

/// `@await Html.PartialAsync("x")`
fn awaited(rest: &str) -> Option<(String, usize)> {
    let call = rest.strip_prefix("await ")?;
    let name: String = call.chars().take_while(|c| c.is_alphanumeric()).collect();
    let (help, length) = object(&name, call)?;
    Some((help, length + "await ".len()))
}

/// `@model Shop.Item`, `@section scripts { … }`, `@let x = 1;`
fn line(name: &str, behind: &str) -> Option<(String, usize)> {
    let end = behind.find('\n').unwrap_or(behind.len());
    let rest = behind.within(..end).strip_prefix(' ')?.trim();
    let length = name.len() + end;
    let is_type = rest.starts_with(|c: char| c.is_ascii_uppercase())
        && !rest.contains(['?', '!', ','])
        && rest.split(' ').count() < 3;
    let help = match name {
        "model" | "inject" | "using" if is_type => {
            "remove it: the page's fields are those of its struct in Rust".to_owned()
        }
        "section" if rest.contains('{') => {
            let name = rest.split(['{', ' ']).next()?;
            format!("write `{{% block {name} %}}`, and `{{% endblock %}}` instead of its last brace")
        }
        "let" => {
            let (name, value) = rest.trim_end_matches(';').split_once('=')?;
            format!("write `{{% set {} = {} %}}`", name.trim(), plain(value))
        }
        _ => return None,
    };
    Some((help, length))
}
