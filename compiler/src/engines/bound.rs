//! Attributes that Vue, Angular and Latte read: `v-if`, `*ngFor`, `[href]`, `n:foreach`.

use super::{
    Meant,
    expression::rewritten,
    loops::for_header,
    values::{Found, file},
};
use crate::{slips::nearby, source::Span, within::Within};

/// The attributes of a tag that only a script would read. `is_static`: whether no template has a script.
pub(super) fn bound(text: &str, tag: Span, is_static: bool, found: &mut Vec<Found>) {
    let shown = text.within(tag.range());
    let starts = shown.char_indices().filter(|(_, c)| c.is_ascii_whitespace());
    for (at, _) in starts {
        let rest = shown.within(at + 1..);
        let end =
            rest.find(|c: char| c.is_whitespace() || matches!(c, '=' | '>' | '/' | '"' | '\'' | '<' | '{'));
        let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let is_other = OF_THYMELEAF.contains(&name)
            || name.starts_with("*ng")
            || name.starts_with("n:")
            || name.starts_with("asp-");
        if name.len() < 2 || !(is_other || is_static && is_bound(name)) {
            continue;
        }
        let near = behind.within(nearby(behind, 0).range());
        let value = near.strip_prefix('=').and_then(|value| {
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            value.within(1..).split_once(quote).map(|(value, _)| value)
        });
        let length = name.len() + value.map_or(0, |value| value.len() + 3);
        let start = tag.start as usize + at + 1;
        let meant = help(name, value.unwrap_or_default())
            .and_then(|help| Meant::new(format!("`{name}` means nothing here"), help));
        found.extend(meant.map(|meant| (Span::new(start, start + length), meant)));
    }
}

/// Attributes of Thymeleaf's dialects.
const OF_THYMELEAF: [&str; 3] = ["sec:authorize", "layout:decorate", "layout:fragment"];

/// Whether Vue or Angular read an attribute.
fn is_bound(name: &str) -> bool {
    let is_name = |rest: &str| rest.starts_with(|c: char| c.is_ascii_alphabetic());
    name.strip_prefix("v-").is_some_and(is_name)
        || name.strip_prefix(':').is_some_and(is_name)
        || (name.starts_with('[') && name.ends_with(']'))
        || (name.starts_with('(') && name.ends_with(')'))
}

/// What an attribute says here.
fn help(name: &str, value: &str) -> Option<String> {
    let bare = value.split(';').next().unwrap_or(value).trim();
    let expression = rewritten(&bare.replace('$', ""), true).unwrap_or_else(|| bare.replace('$', ""));
    let around = |begin: String, end: &str| {
        format!("write `{{% {begin} %}}` before the element, and `{{% {end} %}}` behind it")
    };
    let name = name
        .strip_prefix("n:")
        .or_else(|| name.strip_prefix("v-"))
        .unwrap_or(name);
    Some(match name {
        "sec:authorize" => around("if user".to_owned(), "endif") + ", where the handler gives `user`",
        "layout:decorate" => format!(
            "write `{{% extends \"{}\" %}}` at the top of the file",
            file(value.trim_matches(['~', '{', '}']))
        ),
        "layout:fragment" => {
            format!("write `{{% block {value} %}}` before the element, and `{{% endblock %}}` behind it")
        }
        "if" | "*ngIf" | "show" | "ifset" => around(format!("if {expression}"), "endif"),
        "else-if" => format!("write `{{% elif {expression} %}}` before the element"),
        "else" => "write `{% else %}` before the element".to_owned(),
        "for" | "*ngFor" | "foreach" | "inner-foreach" => {
            let header = bare.strip_prefix("let ").unwrap_or(bare);
            let header = for_header(header).unwrap_or_else(|| header.to_owned());
            around(format!("for {header}"), "endfor")
        }
        "html" | "[innerHTML]" => format!("write `{{{{ {expression} | safe }}}}` in the element"),
        "text" | "[textContent]" => format!("write `{{{{ {expression} }}}}` in the element"),
        "model" | "[(ngModel)]" => format!("write `name=\"{expression}\" value=\"{{{{ {expression} }}}}\"`"),
        "href" | "[routerLink]" => format!("write `href=\"{{{{ {expression} }}}}\"`"),
        name if name.starts_with("asp-") => {
            "write the attribute itself, as in `href=\"/items/{{ id }}\"`".to_owned()
        }
        name if name.starts_with('(') || name.starts_with("on:") => {
            "write a script that listens: `addEventListener`".to_owned()
        }
        name => of_attribute(name, bare, &expression)?,
    })
}

/// `:href="url"`, `v-bind:href="url"`, `[href]="url"`, `[class.a]="b"`
fn of_attribute(name: &str, value: &str, expression: &str) -> Option<String> {
    let name = name.strip_prefix("bind").unwrap_or(name);
    let name = name.trim_start_matches(':').trim_matches(['[', ']']);
    let name = name.strip_prefix("attr.").unwrap_or(name);
    if let Some(class) = name.strip_prefix("class.") {
        return Some(format!(
            "write `class=\"{{{{ \"{class}\" if {expression} else \"\" }}}}\"`"
        ));
    }
    if name == "key" {
        return Some("remove it".to_owned());
    }
    if let Some((class, condition)) = value
        .strip_prefix('{')
        .and_then(|map| map.strip_suffix('}'))
        .and_then(|map| map.split_once(':'))
    {
        let name = if name == "ngClass" { "class" } else { name };
        let class = class.trim().trim_matches(['"', '\'']);
        return Some(format!(
            "write `{name}=\"{{{{ \"{class}\" if {} else \"\" }}}}\"`",
            condition.trim()
        ));
    }
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    is_name.then(|| format!("write `{name}=\"{{{{ {expression} }}}}\"`"))
}
