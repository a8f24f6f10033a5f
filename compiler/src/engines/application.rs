//! Statements of other engines for which an application has to add something, or the page to write something else.

use super::{Meant, lists::text, named};
use crate::within::Within;

/// What takes the place of a statement that reads something from the application. `None`: it is none.
pub(super) fn meant(word: &str, rest: &str) -> Option<Meant> {
    let argument = first_argument(rest);
    let name = text(argument).unwrap_or(argument);
    let added = |call: &str| {
        format!(
            "call a function that the application adds, `{{{{ {call} }}}}`, and name it in the build, `.functions([\"{word}\"])`, or let the handler give the page the value"
        )
    };
    let help = match word {
        "static" | "asset" | "asset_path" | "asset_url" | "vite" | "webpack" if !name.is_empty() => {
            format!("write `{{{{ asset(file=\"{name}\") }}}}`")
        }
        "url" | "path" | "link" | "link_to" if !name.is_empty() => {
            let path = named::path(rest).unwrap_or_else(|| format!("/{name}/{{{{ id }}}}"));
            let call = added(&format!("{word}(name=\"{name}\")"));
            format!("write the path itself, as in `href=\"{path}\"`, or {call}")
        }
        "trans" | "translate" | "t" | "lang" if !name.is_empty() => format!(
            "write the text itself, `{name}`, or {}",
            added(&format!("{word}(text=\"{name}\")"))
        ),
        "trans" | "blocktrans" | "blocktranslate" | "translate" | "pluralize" | "plural" => format!(
            "write the text itself, with its values as `{{{{ name }}}}`, or {}",
            added(&format!("{word}(text=\"…\")"))
        ),
        "endtrans" | "endblocktrans" | "endblocktranslate" | "endtranslate" => {
            "remove it, and write the text itself".to_owned()
        }
        "csrf_token" | "csrf_field" | "csrf" => format!(
            "write `<input type=\"hidden\" name=\"csrf_token\" value=\"{{{{ csrf_token }}}}\">`, where the handler gives `csrf_token`, or {}",
            added(&format!("{word}()"))
        ),
        "get_current_language" | "get_language" | "get_messages" | "querystring" | "get_static_prefix" => {
            added(&format!("{word}()"))
        }
        "now" => added(&format!("now(format=\"{name}\")")),
        "load" => {
            "remove it: every template can call the functions and filters that the application adds; files are named by `{{ asset(file=\"…\") }}`"
                .to_owned()
        }
        _ => return plain(word, argument).and_then(|help| Meant::new(format!("Tera has no statement `{word}`"), help)),
    };
    Meant::new(format!("Tera has no statement `{word}`"), help)
}

/// The same for a statement that needs nothing from the application.
fn plain(word: &str, argument: &str) -> Option<String> {
    Some(match word {
        "ifchanged" => {
            let value = if argument.is_empty() { "a" } else { argument };
            format!(
                "compare with what the turn before kept: `{{% if {value} != before %}}…{{% endif %}}{{% set_global before = {value} %}}`"
            )
        }
        "cache" => {
            "remove it: a fragment is kept as long as its attribute says, `<m:fragment … cache=\"10m\">`"
                .to_owned()
        }
        _ => return None,
    })
}

/// The first argument: a text in quotes, or a word.
pub(super) fn first_argument(rest: &str) -> &str {
    let rest = rest.trim().trim_start_matches('(').trim_start();
    match rest.chars().next() {
        Some(quote @ ('"' | '\'')) => match rest.within(1..).find(quote) {
            Some(end) => rest.within(..end + 2),
            None => rest,
        },
        _ => rest.split([' ', ',', ')']).next().unwrap_or_default(),
    }
}

/// The functions of templates whose arguments have no names, and what takes their place. `None`: it is none of them.
pub(super) fn function(name: &str, given: &[String]) -> Option<String> {
    let first = given.first()?;
    let bare = text(first).unwrap_or(first);
    Some(match name {
        "url_for" if bare == "static" => {
            let file = given.iter().find_map(|argument| argument.strip_prefix("filename="))?;
            format!("write `{{{{ asset(file={}) }}}}`", file.trim())
        }
        "cycle" | "cycler" => {
            let all = first.trim_matches(['[', ']']);
            let mut values = all.split(',').map(str::trim).chain(given.iter().skip(1).map(String::as_str));
            let (odd, even) = (values.next()?, values.next()?);
            format!("write `{{{{ {odd} if loop.index is odd else {even} }}}}`")
        }
        "joiner" => format!("write `{{% if not loop.last %}}{bare}{{% endif %}}` behind the item"),
        "block" => format!(
            "set the text once, `{{% set {bare} %}}…{{% endset %}}`, and print `{{{{ {bare} }}}}` in the block and elsewhere"
        ),
        "namespace" => {
            "remove it: `{% set_global found = true %}` in a loop sets a name that counts behind the loop, too".to_owned()
        }
        "render" | "controller" if first.contains('(') => {
            "take in a part of a page by its name: `<m:fragment service=\"…\" ref=\"…\">…</m:fragment>`".to_owned()
        }
        "max" | "min" if given.len() == 2 => {
            let (one, other) = (first, given.last()?);
            let (sign, end) = if name == "max" { (">", "last") } else { ("<", "first") };
            format!(
                "write `{{{{ {one} if {one} {sign} {other} else {other} }}}}`, or `{{{{ [{one}, {other}] | sort | {end} }}}}`"
            )
        }
        "_" | "gettext" | "__" | "trans" | "t" if text(first).is_some() => format!(
            "write the text itself, `{bare}`, or call a function that the application adds, `{{{{ {name}(text={first}) }}}}`, and name it in the build: `.functions([\"{name}\"])`"
        ),
        _ => return None,
    })
}
