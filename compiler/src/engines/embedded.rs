//! The code that ERB, EJS, JSP, PHP and Blade have between their delimiters.

use super::{
    Meant,
    loops::for_header,
    values::{file, plain},
};

/// What the code behind `begin` says here.
pub(super) fn embedded(begin: &str, inside: &str) -> Option<Meant> {
    let message = format!("`{begin}` is not a delimiter of Tera's");
    let inside = match begin {
        "{!!" => inside,
        _ => inside.trim_matches('_').trim_end_matches('-').trim(),
    };
    let help = match (begin, inside.chars().next()) {
        ("{!!", _) => safe(inside),
        ("<?=", _) => print(inside),
        (_, Some('=')) if inside.starts_with("==") => safe(&inside[2..]),
        (_, Some('=' | ':')) => template(&inside[1..]).unwrap_or_else(|| print(&inside[1..])),
        (_, Some('-')) => template(&inside[1..]).unwrap_or_else(|| safe(&inside[1..])),
        (_, Some('#' | '@')) => note(&inside[1..]),
        _ => code(inside),
    };
    Meant::new(message, help)
}

fn print(text: &str) -> String {
    format!("write `{{{{ {} }}}}`", plain(text))
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
    Some(include(name))
}

fn include(name: &str) -> String {
    format!("write `{{% include \"{}\" %}}`", file(name))
}

/// A statement of Ruby, PHP or JavaScript.
fn code(inside: &str) -> String {
    let code = inside
        .trim_end_matches(['{', ':', ';', ' '])
        .trim_start_matches("} ");
    let word = crate::delimiters::first_word(code);
    let rest = code[word.len()..].trim();
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
        "for" | "foreach" => match rest.split_once(" as ") {
            Some((list, item)) => for_loop(&plain(item), list),
            None => {
                let header =
                    for_header(rest.trim_end_matches([')', '{', ' '])).unwrap_or_else(|| rest.to_owned());
                format!("write `{{% for {header} %}}`, and `{{% endfor %}}` at its end")
            }
        },
        "echo" | "print" => print(rest),
        "include" | "require" | "render" => include(rest.split(['"', '\'']).nth(1).unwrap_or("part")),
        _ => match each(code) {
            Some((list, item)) => for_loop(item, list),
            None => "write statements as `{% … %}` and values as `{{ … }}`".to_owned(),
        },
    }
}

/// `xs.each do |x|` and `xs.forEach(function(x)`: the list, and the name of an item.
fn each(code: &str) -> Option<(&str, &str)> {
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
    Some((list, &call[..end])).filter(|(_, item)| !item.is_empty())
}

fn for_loop(item: &str, list: &str) -> String {
    format!(
        "write `{{% for {item} in {} %}}`, and `{{% endfor %}}` at its end",
        plain(list)
    )
}
