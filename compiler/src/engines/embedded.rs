//! The code that ERB, EJS, JSP, PHP and Blade have between their delimiters.

use super::{
    Meant, Tag,
    arguments::given,
    loops::{for_header, of_c},
    methods,
    values::{file, plain},
};
use crate::within::Within;

/// What the code behind `begin` says here.
pub(super) fn embedded(begin: &str, inside: &str) -> Option<Meant> {
    let message = format!("`{begin}` is not a delimiter of Tera's");
    let inside = match begin {
        "{!!" => inside,
        _ => inside.trim_matches('_').trim_end_matches(['-', '=']).trim(),
    };
    if let Some(note) = inside.strip_prefix("--").or_else(|| inside.strip_prefix("/*")) {
        let note = note.trim_end_matches("*/").trim_matches(['-', ' ']);
        return Meant::new(message, format!("write `{{# {note} #}}`"));
    }
    let help = match (begin, inside.chars().next()) {
        ("{!!", _) => safe(inside),
        ("<?=", _) => print(inside),
        (_, Some('=')) if inside.starts_with("==") => safe(inside.within(2..)),
        (_, Some('=' | ':')) => template(inside.within(1..)).unwrap_or_else(|| print(inside.within(1..))),
        (_, Some('-')) => template(inside.within(1..)).unwrap_or_else(|| safe(inside.within(1..))),
        (_, Some('#')) if inside.within(1..).trim_start().starts_with("Eval(") => {
            print(inside.split('"').nth(1).unwrap_or("name"))
        }
        (_, Some('~')) => template(inside.within(1..))
            .unwrap_or_else(|| safe(inside.within(1..).trim().trim_start_matches("it."))),
        (_, Some('@'))
            if inside.within(1..).starts_with(|c: char| c.is_lowercase()) && inside.contains('.') =>
        {
            code(inside.within(1..))
        }
        (_, Some('#' | '@')) => note(inside.within(1..)),
        _ => code(inside),
    };
    Meant::new(message, help)
}

fn print(text: &str) -> String {
    let text = text.trim();
    for (helper, is_safe) in [("raw ", true), ("html_safe ", true), ("h ", false), ("e ", false)] {
        if let Some(value) = text.strip_prefix(helper) {
            return if is_safe { safe(value) } else { print(value) };
        }
    }
    if let Some(rest) = text.strip_prefix("link_to ") {
        let mut given = rest.split(',').map(str::trim);
        let (label, path) = (given.next().unwrap_or_default(), given.next().unwrap_or("path"));
        return format!(
            "write `<a href=\"{{{{ {path} }}}}\">{}</a>`",
            label.trim_matches(['"', '\''])
        );
    }
    if let Some(rest) = text.strip_prefix("image_tag") {
        let (file, behind) = rest
            .trim_matches(['(', ')', ' '])
            .split_once(',')
            .unwrap_or((rest, ""));
        let file = file.trim_matches(['(', ')', ' ', '"', '\'']);
        let alt = behind
            .split_once("alt:")
            .and_then(|(_, alt)| alt.split(['"', '\'']).nth(1));
        return format!(
            "write `<img src=\"{{{{ asset(file='{file}') }}}}\" alt=\"{}\">`",
            alt.unwrap_or_default()
        );
    }
    if text.starts_with("form_with") || text.starts_with("form_for") {
        return "write `<form method=\"post\" action=\"…\">…</form>`".to_owned();
    }
    if text == "yield" || text.starts_with("yield ") {
        let name = text.trim_start_matches("yield").trim_matches([' ', ':']);
        let name = if name.is_empty() { "content" } else { name };
        return format!("write `{{% block {name} %}}{{% endblock %}}`");
    }
    let text = text.trim_start_matches("it.");
    // Ruby calls methods without brackets, and PHP joins texts with a dot.
    let text = text.replace(" . ", " ~ ");
    let called = format!("{}()", plain(&text));
    let as_method = text.contains('.').then(|| methods::written(&called)).flatten();
    format!("write `{{{{ {} }}}}`", as_method.unwrap_or_else(|| plain(&text)))
}

fn safe(text: &str) -> String {
    format!("write `{{{{ {} | safe }}}}`", plain(text))
}

/// A comment, or a directive of JSP.
fn note(note: &str) -> String {
    match note.split('"').nth(1).filter(|_| note.contains("include")) {
        Some(name) => include(name),
        None => format!("write `{{# {} #}}`", note.trim_matches(['-', ' '])),
    }
}

/// `render "x"` and `include('x')`: another template.
fn template(text: &str) -> Option<String> {
    let text = text.trim();
    let rest = ["render", "include", "partial"]
        .iter()
        .find_map(|word| text.strip_prefix(word))?;
    let name = rest
        .split(['"', '\''])
        .nth(1)
        .filter(|_| rest.starts_with([' ', '(']))?;
    let sets = rest
        .split_once(['{', ':'])
        .map(|(_, given)| given.trim_matches([' ', '{', '}', ')']));
    let sets = sets
        .filter(|_| rest.contains(',') && !rest.trim_start().starts_with("partial"))
        .unwrap_or_default();
    let tag = Tag {
        inside: "",
        dashes: ("", ""),
    };
    Some(format!(
        "write `{}{{% include \"{}\" %}}`",
        given(&tag, sets),
        file(name)
    ))
}

fn include(name: &str) -> String {
    format!("write `{{% include \"{}\" %}}`", file(name))
}

/// A statement of Ruby, PHP or JavaScript.
fn code(inside: &str) -> String {
    let code = inside
        .trim_end_matches(['{', ':', ';', ' '])
        .trim_start_matches("} ");
    if let Some(condition) = code.strip_prefix("else if") {
        let condition = condition.trim().trim_start_matches('(').trim_end_matches(')');
        return format!("write `{{% elif {} %}}`", plain(condition));
    }
    if let Some(help) = assigned(code) {
        return help;
    }
    let word = crate::delimiters::first_word(code);
    let rest = code.within(word.len()..).trim();
    let rest = rest
        .strip_prefix('(')
        .map_or(rest, |inside| inside.strip_suffix(')').unwrap_or(inside));
    let condition = |keyword: &str| {
        let condition = plain(rest);
        format!("write `{{% {keyword} {condition} %}}`, and `{{% endif %}}` at its end")
    };
    match word {
        "if" => condition("if"),
        "elsif" | "elseif" => condition("elif"),
        "unless" => condition("if not"),
        "else" => "write `{% else %}`".to_owned(),
        "end" | "endif" | "" => "write `{% endif %}`, or `{% endfor %}` at the end of a loop".to_owned(),
        "endforeach" | "endfor" => "write `{% endfor %}`".to_owned(),
        "for" | "foreach" => match (of_c(rest), rest.split_once(" as ")) {
            (Some(header), _) => format!("write `{{% for {header} %}}`, and `{{% endfor %}}` at its end"),
            (None, Some((list, item))) => for_loop(&plain(&item.replace("=>", ",")), list).replace(" ,", ","),
            (None, None) => {
                let header =
                    for_header(rest.trim_end_matches([')', '{', ' '])).unwrap_or_else(|| rest.to_owned());
                format!("write `{{% for {header} %}}`, and `{{% endfor %}}` at its end")
            }
        },
        "echo" | "print" | "puts" => print(rest),
        "out" if code.contains(".print") => print(
            code.split_once('(')
                .map_or(rest, |(_, inside)| inside.trim_end_matches(')')),
        ),
        "layout" | "extends" => format!(
            "write `{{% extends \"{}\" %}}`",
            file(rest.split(['"', '\'']).nth(1).unwrap_or("base"))
        ),
        "content_for" => {
            let name = rest
                .trim_matches([':', ' '])
                .split(' ')
                .next()
                .unwrap_or("content");
            format!("write `{{% block {name} %}}`, and `{{% endblock %}}` at its end")
        }
        "include" | "require" | "require_once" | "include_once" | "render" => {
            include(rest.split(['"', '\'']).nth(1).unwrap_or("part"))
        }
        _ => match each(code) {
            Some((list, item)) => for_loop(item, list),
            None => "write statements as `{% … %}` and values as `{{ … }}`".to_owned(),
        },
    }
}

/// `$x = 1;`, `let x = 1` and `x = 1`. `None`: it gives no value.
fn assigned(code: &str) -> Option<String> {
    let (name, value) = code.split_once('=')?;
    let name = name.trim().rsplit(' ').next()?.trim_start_matches(['$', '@']);
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
    let is_value = is_name && !value.starts_with(['=', '>', '~']) && !code.contains('(');
    is_value.then(|| format!("write `{{% set {name} = {} %}}`", plain(value)))
}

/// `xs.each do |x|` and `xs.forEach(function(x)`: the list, and the name of an item.
fn each(code: &str) -> Option<(&str, &str)> {
    let code = code.trim_start_matches('@');
    if let Some((list, items)) = code.split_once(".each_with_index do |") {
        return Some((list, items.split(',').next().unwrap_or(items)));
    }
    if let Some((list, item)) = code
        .split_once(".each do |")
        .or_else(|| code.split_once(".each { |"))
    {
        return Some((list, item.trim_end_matches(['|', ' '])));
    }
    let (list, call) = code
        .split_once(".forEach(")
        .or_else(|| code.split_once(".map("))?;
    let call = call.trim_start_matches("function").trim_start_matches([' ', '(']);
    let end = call
        .find(|c: char| !(c.is_alphanumeric() || c == '_'))
        .unwrap_or(call.len());
    Some((list, call.within(..end))).filter(|(_, item)| !item.is_empty())
}

fn for_loop(item: &str, list: &str) -> String {
    format!(
        "write `{{% for {item} in {} %}}`, and `{{% endfor %}}` at its end",
        plain(list)
    )
}
