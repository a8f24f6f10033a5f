//! Attributes of Thymeleaf and JSX.

use super::{
    Meant,
    expression::rewritten,
    freemarker, interpolation,
    values::{Found, file},
};
use crate::{limits::MAX_LINK_PARAMETERS, slips::nearby, source::Span, within::Within};

/// `th:*` and `name={…}` in a tag.
pub(super) fn attributes(text: &str, tag: Span, found: &mut Vec<Found>) {
    let start = tag.start as usize;
    let shown = text.within(tag.range());
    let idioms = thymeleaf_attributes(shown).chain(braced_attributes(shown));
    found.extend(idioms.map(|(span, meant)| {
        let place = Span::new(start + span.start as usize, start + span.end as usize);
        (place, meant)
    }));
}

/// `th:name="…"` in a tag.
fn thymeleaf_attributes(tag: &str) -> impl Iterator<Item = Found> {
    let begins = [" th:", "\nth:", "\tth:", " data-th-", "\ndata-th-"];
    let places = begins.into_iter().flat_map(|begin| tag.match_indices(begin));
    places.filter_map(|(at, begin)| {
        let start = at + 1;
        let rest = tag.within(at + begin.len()..);
        let length = rest.find(|c: char| !(c.is_alphanumeric() || matches!(c, ':' | '-')));
        let (name, rest) = rest.split_at(length.unwrap_or(rest.len()));
        let value = rest.strip_prefix('=').and_then(quoted);
        let written = value.map_or(0, |value| "=''".len() + value.len());
        let span = Span::new(start, at + begin.len() + name.len() + written);
        Some((span, thymeleaf(name, value.unwrap_or_default())?))
    })
}

/// The text in the quotes that a text begins with.
fn quoted(text: &str) -> Option<&str> {
    let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    let (value, _) = text.within(nearby(text, 1).range()).split_once(quote)?;
    Some(value)
}

/// `name={…}` in a tag, outside of its quotes.
fn braced_attributes(tag: &str) -> impl Iterator<Item = Found> {
    let mut quotes = 0;
    let mut counted = 0;
    tag.match_indices("={").filter_map(move |(at, _)| {
        quotes += tag.within(counted..at).matches('"').count();
        counted = at;
        if quotes % 2 == 1 {
            return None;
        }
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | ':');
        let before = tag.within(..at).trim_end_matches(is_name);
        let name = tag.within(before.len()..at);
        if name.is_empty() || !before.ends_with(char::is_whitespace) {
            return None;
        }
        let rest = tag.within(nearby(tag, at + 2).range());
        let inside = rest.within(..rest.find('}')?);
        if inside.contains(['{', ':']) {
            let (span, meant) = lost_quote(name, rest)?;
            return Some((Span::new(before.len(), at + 2 + span), meant));
        }
        let span = Span::new(before.len(), at + 2 + inside.len() + 1);
        // Of `{"{ a }}"`, two characters are in each other's place.
        let is_swapped = inside.starts_with("\"{") || inside.starts_with("'{");
        let is_tera = inside.starts_with(['{', '%', '#']) || is_swapped;
        let meant = braced(name, inside).filter(|_| !is_tera)?;
        Some((span, meant))
    })
}

/// `x-data={ a: 1 }"`: an object in braces whose first quote is missing. The result has where it ends in `rest`.
fn lost_quote(name: &str, rest: &str) -> Option<(usize, Meant)> {
    let quote = rest.find(['"', '\''])?;
    let (value, sign) = (rest.within(..quote), rest.within(quote..=quote));
    let meant = Meant::new(
        "this value ends with a quote, and begins without one",
        format!("write `{name}={sign}{{{value}{sign}`"),
    )?;
    (!value.contains(['=', '<', '>'])).then_some((quote + 1, meant))
}

/// What `name={inside}` says here.
fn braced(name: &str, inside: &str) -> Option<Meant> {
    let name = match name {
        "className" => "class",
        "htmlFor" => "for",
        name => name,
    };
    Meant::new(
        "a value in `{…}` is text for HTML and for Tera",
        format!("write `{name}=\"{{{{ {} }}}}\"`", inside.trim()),
    )
}

/// What an attribute `th:name` says here.
fn thymeleaf(name: &str, value: &str) -> Option<Meant> {
    let message = format!("`th:{name}` means nothing here");
    let expression = of_thymeleaf(value);
    let help = match name {
        "if" => format!("write `{{% if {expression} %}}` before the element, and `{{% endif %}}` behind it"),
        "unless" => {
            format!("write `{{% if not {expression} %}}` before the element, and `{{% endif %}}` behind it")
        }
        "each" => {
            let (item, list) = expression.split_once(':').unwrap_or(("item", &expression));
            let item = item.split(',').next().unwrap_or(item).trim();
            format!(
                "write `{{% for {item} in {} %}}` before the element, and `{{% endfor %}}` behind it",
                list.trim()
            )
        }
        "text" => format!("write `{{{{ {expression} }}}}` in the element"),
        "utext" => format!("write `{{{{ {expression} | safe }}}}` in the element"),
        "replace" | "insert" | "include" => {
            let name = value
                .trim_matches(['~', '{', '}', ' '])
                .split("::")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned();
            format!("write `{{% include \"{}\" %}}`", file(&name))
        }
        "switch" | "case" | "field" => of_form(name, &expression),
        "fragment" if value.contains('(') => {
            format!("write `{{% component {value} %}}`, or offer it with `m:ref`")
        }
        "classappend" => format!("write `class=\"… {{{{ {expression} }}}}\"`"),
        "attr" | "attrappend" => {
            let (name, given) = value.split_once('=').unwrap_or(("name", value));
            format!("write `{}=\"{{{{ {} }}}}\"`", name.trim(), of_thymeleaf(given))
        }
        "with" => {
            let (name, given) = value.split_once('=').unwrap_or(("name", value));
            format!("write `{{% set {} = {} %}}`", name.trim(), of_thymeleaf(given))
        }
        "inline" => "remove it: `{{ name }}` prints a value in a text, too".to_owned(),
        "fragment" => "write `{% component name() %}`, or offer it with `m:ref`".to_owned(),
        "block" | "remove" | "object" => {
            format!("write `{{% set … %}}` or `{{% if {expression} %}}`")
        }
        name if value.starts_with("@{") => format!("write `{name}=\"{}\"`", url(value)),
        name => format!("write `{name}=\"{{{{ {expression} }}}}\"`"),
    };
    Meant::new(message, help)
}

/// An expression of Thymeleaf's: `${a}`, `'Hi ' + ${a}`, `|Hi ${a}|`.
fn of_thymeleaf(value: &str) -> String {
    let text = value
        .trim()
        .strip_prefix('|')
        .and_then(|text| text.strip_suffix('|'));
    if let Some(text) = text {
        return interpolation::written(&format!("`{text}`")).unwrap_or_else(|| text.to_owned());
    }
    if let Some(inside) = value
        .trim()
        .strip_prefix("${")
        .and_then(|inside| inside.strip_suffix('}'))
        && !inside.contains('{')
    {
        return freemarker::written(inside);
    }
    let bare = value
        .replace("${", "")
        .replace("*{", "")
        .replace("@{", "")
        .replace("#{", "")
        .replace('}', "");
    rewritten(&bare, true).unwrap_or(bare)
}

/// What `th:switch`, `th:case` and `th:field` say here.
fn of_form(name: &str, expression: &str) -> String {
    match name {
        "switch" => format!(
            "write `{{% if {expression} == 1 %}}…{{% elif {expression} == 2 %}}…{{% else %}}…{{% endif %}}`"
        ),
        "case" => format!(
            "write `{{% if a == {expression} %}}` or `{{% elif … %}}` before the element, where `a` is the value of `th:switch`"
        ),
        _ => format!("write `name=\"{expression}\" value=\"{{{{ {expression} }}}}\"`"),
    }
}

/// The link of Thymeleaf's `@{/path/{name}(name=${value})}`, as Tera writes it: parameters that the path names stand in it, and the
/// others in the query.
fn url(value: &str) -> String {
    let inner = value.strip_prefix("@{").unwrap_or(value);
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let (path, parameters) = inner.split_once('(').unwrap_or((inner, ""));
    let mut path = path.to_owned();
    let parameters = parameters.strip_suffix(')').unwrap_or(parameters);
    let mut sign = '?';
    for parameter in parameters.split(',').take(MAX_LINK_PARAMETERS) {
        let Some((name, value)) = parameter.split_once('=') else {
            continue;
        };
        let (name, value) = (
            name.trim(),
            value.trim().trim_start_matches("${").trim_end_matches('}'),
        );
        let (slot, print) = (format!("{{{name}}}"), format!("{{{{ {value} }}}}"));
        if path.contains(&slot) {
            path = path.replace(&slot, &print);
        } else {
            path = format!("{path}{sign}{name}={print}");
            sign = '&';
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_thymeleaf_become_text_with_prints() {
        for (link, expected) in [
            ("@{/a}", "/a"),
            ("@{/a/{id}(id=${x})}", "/a/{{ x }}"),
            ("@{/a(q=${x},p=${y.z})}", "/a?q={{ x }}&p={{ y.z }}"),
            ("@{/a/{id}/b(id=${x}, q=1)}", "/a/{{ x }}/b?q={{ 1 }}"),
            ("@{", ""),
            ("@{(", ""),
            ("@{/a(é=)}", "/a?é={{  }}"),
        ] {
            assert_eq!(url(link), expected, "{link}");
        }
    }
}
