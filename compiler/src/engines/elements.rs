//! Elements of JSP's libraries and directives of Freemarker, which HTML takes for elements or for text.

use super::{
    Meant,
    expression::rewritten,
    loops::for_header,
    values::{Found, file, plain},
};
use crate::{fragment::short, slips::nearby, source::Span};

/// How the tags begin that are known here.
const BEGINNINGS: [&str; 5] = ["<c:", "<jsp:", "<fmt:", "<#", "<@"];

/// Tags of JSP's libraries and of Freemarker.
pub(super) fn elements(text: &str, visible: &str, found: &mut Vec<Found>) {
    for begin in BEGINNINGS {
        for (at, _) in visible.match_indices(begin) {
            let rest = &visible[nearby(visible, at).range()];
            let Some(end) = end_of(rest) else { continue };
            let Some(tag) = text.get(at..at + end) else {
                continue;
            };
            let meant = if begin.len() > 2 {
                jsp(tag)
            } else {
                freemarker(tag)
            };
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
    rest[1..].split(quote).next()
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
    let name = tag[1..]
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
            given("items").unwrap_or_default()
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
            "call a function that the application adds, `{{ name(key=\"…\") }}`, or let the handler give the page the text"
                .to_owned()
        }
        _ => "let the handler give the page the value: Tera knows no tag libraries".to_owned(),
    };
    Meant::new(format!("`<{}>` means nothing here", short(name)), help)
}

fn freemarker(tag: &str) -> Option<Meant> {
    let inside = tag[2..].trim_end_matches('>').trim_end_matches('/').trim();
    let (word, rest) = inside.split_once(char::is_whitespace).unwrap_or((inside, ""));
    let rest = rest.trim();
    let component = tag.starts_with("<@");
    let help = match word {
        _ if component => format!("call a component: `{{{{ <{} /> }}}}`", short(word)),
        "if" => format!(
            "write `{{% if {} %}}`, and `{{% endif %}}` at its end",
            plain(rest)
        ),
        "elseif" => format!("write `{{% elif {} %}}`", plain(rest)),
        "else" => "write `{% else %}`".to_owned(),
        "list" => {
            let header = for_header(rest).unwrap_or_else(|| format!("item in {rest}"));
            format!("write `{{% for {header} %}}`, and `{{% endfor %}}` at its end")
        }
        "assign" | "local" | "global" => format!("write `{{% set {rest} %}}`"),
        "include" | "import" => format!(
            "write `{{% include \"{}\" %}}`",
            file(rest.split(' ').next().unwrap_or(rest))
        ),
        "macro" => "write `{% component name() %}`, and `{% endcomponent %}` at its end".to_owned(),
        "--" => return None,
        _ => return None,
    };
    Meant::new(
        format!("`<{}{}>` means nothing here", &tag[1..2], short(word)),
        help,
    )
}
