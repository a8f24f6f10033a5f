//! Elements of JSP's libraries and directives of Freemarker, which HTML takes for elements or for text.

use super::{
    Meant,
    ends::{Ends, word},
    expression::rewritten,
    freemarker,
    loops::for_header,
    values::{Found, file},
};
use crate::{fragment::short, slips::nearby, source::Span, within::Within};

/// How the tags begin that are known here.
const BEGINNINGS: [&str; 5] = ["<c:", "<jsp:", "<fmt:", "<#", "<@"];

/// Tags of JSP's libraries and of Freemarker.
pub(super) fn elements(text: &str, visible: &str, found: &mut Vec<Found>) {
    for begin in BEGINNINGS {
        let mut ends = Ends::new(word(visible.as_bytes(), ">"));
        for (at, _) in visible.match_indices(begin) {
            if ends.behind(at).is_none() {
                continue;
            }
            let rest = visible.within(nearby(visible, at).range());
            let Some(end) = end_of(rest) else { continue };
            let Some(tag) = text.get(at..at + end) else {
                continue;
            };
            let meant = if begin.len() > 2 { jsp(tag) } else { directive(tag) };
            found.extend(meant.map(|meant| (Span::new(at, at + end), meant)));
        }
    }
}

/// Behind the `>` of the tag with which a text begins, outside of quotes.
fn end_of(rest: &str) -> Option<usize> {
    let mut quote = None;
    let end = rest.bytes().position(|byte| match (quote, byte) {
        (Some(open), _) if byte == open => {
            quote = None;
            false
        }
        (None, b'"' | b'\'') => {
            quote = Some(byte);
            false
        }
        (None, b'>') => true,
        _ => false,
    })?;
    Some(end + 1)
}

/// The value of an attribute.
fn attribute<'t>(tag: &'t str, name: &str) -> Option<&'t str> {
    let (_, rest) = tag.split_once(&format!(" {name}="))?;
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    rest.within(1..).split(quote).next()
}

/// What `${a}` says here.
fn value(text: &str) -> String {
    let bare = text
        .trim()
        .trim_start_matches(['$', '#'])
        .trim_start_matches('{')
        .trim_end_matches('}');
    rewritten(bare, true).unwrap_or_else(|| bare.trim().to_owned())
}

fn jsp(tag: &str) -> Option<Meant> {
    let name = tag
        .within(1..)
        .split([' ', '>', '/', '\n', '\t'])
        .next()
        .unwrap_or_default();
    let given = |name: &str| attribute(tag, name).map(value);
    let named = |name: &str| file(attribute(tag, name).unwrap_or("part"));
    let help = match name {
        "c:if" | "c:when" => format!(
            "write `{{% if {} %}}`, and `{{% endif %}}` at its end",
            given("test").unwrap_or_default()
        ),
        "c:otherwise" => "write `{% else %}`".to_owned(),
        "c:choose" => "write `{% if a %}…{% elif b %}…{% else %}…{% endif %}`".to_owned(),
        "c:forEach" => format!(
            "write `{{% for {} in {} %}}`, and `{{% endfor %}}` at its end",
            attribute(tag, "var").unwrap_or("item"),
            match (given("items"), given("begin"), given("end")) {
                (Some(items), ..) => items,
                (None, Some(begin), Some(end)) => format!("range(start={begin}, end={end} + 1)"),
                _ => "items".to_owned(),
            }
        ),
        "c:out" => format!("write `{{{{ {} }}}}`", given("value").unwrap_or_default()),
        "c:set" => format!(
            "write `{{% set {} = {} %}}`",
            attribute(tag, "var").unwrap_or("name"),
            given("value").unwrap_or_default()
        ),
        "c:import" => format!("write `{{% include \"{}\" %}}`", named("url")),
        "jsp:include" => format!("write `{{% include \"{}\" %}}`", named("page")),
        "c:url" => format!("write `{}`", attribute(tag, "value").unwrap_or("/")),
        "fmt:message" => {
            let key = attribute(tag, "key").unwrap_or("…");
            format!(
                "call a function that the application adds, `{{{{ message(key=\"{key}\") }}}}`, or let the handler give the page the text"
            )
        }
        _ => "let the handler give the page the value: Tera knows no tag libraries".to_owned(),
    };
    Meant::new(format!("`<{}>` means nothing here", short(name)), help)
}

/// Directives of Freemarker that few use.
fn of_few(word: &str, rest: &str) -> Option<String> {
    Some(match word {
        "switch" => format!("write `{{% if {rest} == 1 %}}…{{% elif … %}}…{{% else %}}…{{% endif %}}`"),
        "case" => format!("write `{{% if a == {rest} %}}` or `{{% elif … %}}`, where `a` is the value of `<#switch>`"),
        "nested" => "write `{{ body }}`".to_owned(),
        "noparse" => "write `{% raw %}`, and `{% endraw %}` at its end".to_owned(),
        "sep" => "write `{% if not loop.last %}…{% endif %}`".to_owned(),
        "noescape" | "noautoesc" => "write `{{ a | safe }}` for the value".to_owned(),
        "function" | "return" => {
            "call a function that the application adds, `{{ name(key=value) }}`, and name it in the build: `.functions([\"name\"])`".to_owned()
        }
        "escape" | "setting" | "ftl" | "compress" | "attempt" | "recover" => "remove it".to_owned(),
        "break" => "remove it: the branches of an `if` end by themselves".to_owned(),
        _ => return None,
    })
}

fn directive(tag: &str) -> Option<Meant> {
    if let Some(note) = tag.strip_prefix("<#--") {
        let note = note.trim_end_matches("-->").trim();
        return Meant::new("`<#--` is text for HTML", format!("write `{{# {note} #}}`"));
    }
    let inside = tag.within(2..).trim_end_matches('>').trim_end_matches('/').trim();
    let (word, rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let rest = rest.trim();
    if let Some(help) = of_few(word, rest).filter(|_| tag.starts_with("<#")) {
        return Meant::new(format!("`<#{}>` means nothing here", short(word)), help);
    }
    let component = tag.starts_with("<@");
    let help = match word {
        _ if component => format!(
            "call a component: `{{{{ <{} /> }}}}`",
            short(word.rsplit('.').next().unwrap_or(word))
        ),
        "if" => format!(
            "write `{{% if {} %}}`, and `{{% endif %}}` at its end",
            freemarker::written(rest)
        ),
        "elseif" => format!("write `{{% elif {} %}}`", freemarker::written(rest)),
        "else" => "write `{% else %}`".to_owned(),
        "list" => {
            let header = for_header(rest).unwrap_or_else(|| format!("item in {rest}"));
            let header = for_header(&header).unwrap_or(header);
            format!("write `{{% for {header} %}}`, and `{{% endfor %}}` at its end")
        }
        "assign" | "local" | "global" => format!("write `{{% set {rest} %}}`"),
        "import" => {
            "remove it: every template can call every `{% component %}` of the folder, as `{{ <name /> }}`"
                .to_owned()
        }
        "include" => format!(
            "write `{{% include \"{}\" %}}`",
            file(rest.split(' ').next().unwrap_or(rest))
        ),
        "macro" => {
            let (name, names) = rest.split_once(' ').unwrap_or((rest, ""));
            let names: Vec<&str> = names.split_whitespace().collect();
            format!(
                "write `{{% component {name}({}) %}}`, and `{{% endcomponent %}}` at its end",
                names.join(", ")
            )
        }
        _ => return None,
    };
    Meant::new(
        format!("`<{}{}>` means nothing here", tag.within(1..2), short(word)),
        help,
    )
}
