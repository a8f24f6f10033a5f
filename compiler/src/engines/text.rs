//! What other engines write that HTML and Tera take for text or for attributes.

use super::{Meant, expression::rewritten, print::file};
use crate::{
    problem::{Code, Problem, collect_bounded},
    slips::readable_tags,
    source::{SourceId, Span},
};

/// The idioms of other engines in the text and the tags of a file that Tera can read.
pub(crate) fn in_text(source: SourceId, text: &str, prefix: &str) -> Vec<Problem> {
    let mut found: Vec<(Span, Meant)> = Vec::new();
    let (tags, visible) = readable_tags(text, prefix);
    for (begin, end) in [("<%", "%>"), ("<?=", "?>"), ("<?php", "?>"), ("{!!", "!!}")] {
        for (at, _) in visible.match_indices(begin) {
            let Some(length) = visible[at..].find(end) else {
                continue;
            };
            let inside = text[at + begin.len()..at + length].trim();
            found
                .extend(embedded(begin, inside).map(|meant| (Span::new(at, at + length + end.len()), meant)));
        }
    }
    for (at, _) in visible.match_indices("[[${").chain(visible.match_indices("[(${")) {
        if let Some(length) = visible[at..].find("}]").or_else(|| visible[at..].find("})")) {
            let meant = Meant::new(
                "Thymeleaf's brackets mean nothing here",
                format!("write `{{{{ {} }}}}`", plain(&text[at + 4..at + length])),
            );
            found.extend(meant.map(|meant| (Span::new(at, at + length + 3), meant)));
        }
    }
    for (at, _) in visible.match_indices("{@html ") {
        if let Some(length) = visible[at..].find('}') {
            let meant = Meant::new(
                "`{@html … }` means nothing here",
                format!("write `{{{{ {} | safe }}}}`", plain(&text[at + 7..at + length])),
            );
            found.extend(meant.map(|meant| (Span::new(at, at + length + 1), meant)));
        }
    }
    blade(text, &visible, &mut found);
    for tag in tags {
        attributes(text, tag, &mut found);
    }
    found.sort_by_key(|(span, _)| span.start);
    collect_bounded(found, |(span, meant)| {
        Problem::new(
            Code::OtherEngine,
            meant.message,
            span.at(source),
            "visitors see it as it stands",
        )
        .help(meant.help)
    })
}

/// The directives of Blade that are known here, and whether each has an end.
const DIRECTIVES: [(&str, &str); 9] = [
    ("if", "@endif"),
    ("elseif", "@endif"),
    ("unless", "@endunless"),
    ("foreach", "@endforeach"),
    ("forelse", "@endforelse"),
    ("include", ""),
    ("extends", ""),
    ("section", "@endsection"),
    ("yield", ""),
];

/// Whether a directive of Blade stands in a text.
pub(crate) fn may_be_blade(text: &str) -> bool {
    let signs = memchr::memchr_iter(b'@', text.as_bytes());
    signs.into_iter().any(|at| directive(text, at).is_some())
}

/// The directive at the `@` at `at`, and its argument.
fn directive(text: &str, at: usize) -> Option<(&'static str, &str, usize)> {
    let rest = text.get(at + 1..)?;
    let (name, end) = DIRECTIVES.iter().find(|(name, _)| {
        let behind = rest.strip_prefix(name).map(str::trim_start);
        behind.is_some_and(|behind| behind.starts_with('('))
    })?;
    let before = text[..at].chars().next_back();
    let is_apart = before.is_none_or(|before| before.is_whitespace() || before == '>');
    if !is_apart || !(end.is_empty() || text[at..].contains(end)) {
        return None;
    }
    let open = at + 1 + name.len() + rest[name.len()..].find('(')?;
    let mut depth = 0;
    let length = text[open..].char_indices().take(400).find_map(|(index, c)| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        (depth == 0).then_some(index)
    })?;
    let argument = &text[open + 1..open + length];
    // Sass has `@include name(…)`, and CSS no quotes there.
    let is_named = argument.starts_with(['"', '\'']);
    (!end.is_empty() || is_named).then_some((name, argument, open + length + 1))
}

/// `@if($a) … @endif` and the like.
fn blade(text: &str, visible: &str, found: &mut Vec<(Span, Meant)>) {
    for (at, _) in visible.match_indices('@') {
        let Some((name, argument, end)) = directive(text, at) else {
            continue;
        };
        let value = plain(argument);
        let part = argument
            .split(['"', '\''])
            .nth(1)
            .unwrap_or_default()
            .replace('.', "/");
        let help = match name {
            "if" => format!("write `{{% if {value} %}}`, and `{{% endif %}}` at its end"),
            "elseif" => format!("write `{{% elif {value} %}}`"),
            "unless" => format!("write `{{% if not {value} %}}`, and `{{% endif %}}` at its end"),
            "foreach" | "forelse" => {
                let (list, item) = argument.split_once(" as ").unwrap_or((argument, "item"));
                format!(
                    "write `{{% for {} in {} %}}`, and `{{% endfor %}}` at its end",
                    plain(item),
                    plain(list)
                )
            }
            "include" => format!("write `{{% include \"{}\" %}}`", file(&part)),
            "extends" => format!("write `{{% extends \"{}\" %}}`", file(&part)),
            _ => format!("write `{{% block {part} %}}`, and `{{% endblock %}}` at its end"),
        };
        let meant = Meant::new(format!("`@{name}` is text for Tera"), help);
        found.extend(meant.map(|meant| (Span::new(at, end), meant)));
    }
}

/// The code between the delimiters of ERB, EJS, JSP, PHP and Blade.
fn embedded(begin: &str, inside: &str) -> Option<Meant> {
    let message = format!("`{begin}` is not a delimiter of Tera's");
    if begin == "{!!" {
        return Meant::new(message, format!("write `{{{{ {} | safe }}}}`", plain(inside)));
    }
    let inside = inside.trim_end_matches('-').trim_end();
    let print = |text: &str| format!("write `{{{{ {} }}}}`", plain(text));
    if begin == "<?=" {
        return Meant::new(message, print(inside));
    }
    if let Some(text) = inside.strip_prefix(['=', ':']) {
        return Meant::new(message, print(text));
    }
    if let Some(text) = inside.strip_prefix("-") {
        return Meant::new(message, format!("write `{{{{ {} | safe }}}}`", plain(text)));
    }
    if let Some(note) = inside.strip_prefix(['#', '@']) {
        return Meant::new(
            message,
            match note.split('"').nth(1).filter(|_| note.contains("include")) {
                Some(name) => format!("write `{{% include \"{}\" %}}`", file(name)),
                None => format!("write `{{# {} #}}`", note.trim_matches(['-', ' '])),
            },
        );
    }
    let code = inside
        .trim_end_matches(['{', ':', ';', ' '])
        .trim_start_matches("} ");
    let word = crate::delimiters::first_word(code);
    let rest = code[word.len()..].trim();
    let rest = rest
        .strip_prefix('(')
        .map_or(rest, |inside| inside.strip_suffix(')').unwrap_or(inside));
    let help = match word {
        "if" | "elsif" | "elseif" => {
            let keyword = if word == "if" { "if" } else { "elif" };
            format!(
                "write `{{% {keyword} {} %}}`, and `{{% endif %}}` at its end",
                plain(rest)
            )
        }
        "unless" => format!(
            "write `{{% if not {} %}}`, and `{{% endif %}}` at its end",
            plain(rest)
        ),
        "else" => "write `{% else %}`".to_owned(),
        "end" | "endif" | "" => "write `{% endif %}`, or `{% endfor %}` at the end of a loop".to_owned(),
        "endforeach" | "endfor" => "write `{% endfor %}`".to_owned(),
        "for" | "foreach" => {
            let header = rest.split_once(" as ").map_or_else(
                || rest.to_owned(),
                |(list, item)| format!("{} in {}", plain(item), plain(list)),
            );
            format!("write `{{% for {header} %}}`, and `{{% endfor %}}` at its end")
        }
        "echo" | "print" => print(rest),
        "include" | "require" | "render" => {
            let name = rest.split(['"', '\'']).nth(1).unwrap_or("part");
            format!("write `{{% include \"{}\" %}}`", file(name))
        }
        _ => match code.split_once(".each do |") {
            Some((list, item)) => format!(
                "write `{{% for {} in {} %}}`, and `{{% endfor %}}` at its end",
                item.trim_end_matches('|'),
                plain(list)
            ),
            None => "write statements as `{% … %}` and values as `{{ … }}`".to_owned(),
        },
    };
    Meant::new(message, help)
}

/// An expression of another language, without the signs that Tera's names lack.
fn plain(text: &str) -> String {
    let text = text.trim().trim_end_matches(';').trim();
    let text = text.replace(['$', '@'], "");
    rewritten(&text, true).unwrap_or(text)
}

/// `th:*` and `name={…}` in a tag.
fn attributes(text: &str, tag: Span, found: &mut Vec<(Span, Meant)>) {
    let (start, shown) = (tag.start as usize, &text[tag.range()]);
    for (at, _) in shown.match_indices(" th:").chain(shown.match_indices("\nth:")) {
        let rest = &shown[at + 1..];
        let name = &rest[3..rest
            .find(|c: char| !(c.is_alphanumeric() || matches!(c, ':' | '-')))
            .unwrap_or(3)];
        let value = rest[3 + name.len()..].strip_prefix('=').and_then(|value| {
            let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
            value[1..].split(quote).next()
        });
        let value = value.unwrap_or_default();
        let length = 3 + name.len() + if value.is_empty() { 0 } else { value.len() + 3 };
        let span = Span::new(start + at + 1, start + at + 1 + length);
        found.extend(thymeleaf(name, value).map(|meant| (span, meant)));
    }
    for (at, _) in shown.match_indices("={") {
        let name_start = shown[..at]
            .rfind(char::is_whitespace)
            .map_or(0, |space| space + 1);
        let name = &shown[name_start..at];
        let Some(length) = shown[at..].find('}') else {
            continue;
        };
        let inside = &shown[at + 2..at + length];
        let is_name = !name.is_empty()
            && name
                .chars()
                .all(|c| c.is_alphanumeric() || matches!(c, '-' | ':'));
        if !is_name || inside.starts_with(['{', '%', '#']) || shown[..at].matches('"').count() % 2 == 1 {
            continue;
        }
        let name = match name {
            "className" => "class",
            "htmlFor" => "for",
            name => name,
        };
        let span = Span::new(start + name_start, start + at + length + 1);
        let meant = Meant::new(
            "a value in `{…}` is text for HTML and for Tera",
            format!("write `{name}=\"{{{{ {} }}}}\"`", inside.trim()),
        );
        found.extend(meant.map(|meant| (span, meant)));
    }
}

fn thymeleaf(name: &str, value: &str) -> Option<Meant> {
    let message = format!("`th:{name}` means nothing here");
    let expression = {
        let bare = value
            .replace("${", "")
            .replace("*{", "")
            .replace("@{", "")
            .replace('}', "");
        rewritten(&bare, true).unwrap_or(bare)
    };
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
            let name = expression
                .trim_matches(['~', '{', ' '])
                .split("::")
                .next()
                .unwrap_or_default()
                .trim()
                .to_owned();
            format!("write `{{% include \"{}\" %}}`", file(&name))
        }
        "fragment" => "write `{% component name() %}`, or offer it with `m:ref`".to_owned(),
        "block" | "remove" | "object" | "with" => {
            format!("write `{{% set … %}}` or `{{% if {expression} %}}`")
        }
        name if value.starts_with("@{") => {
            format!("write `{name}=\"{expression}\"`, with `{{{{ … }}}}` for what varies")
        }
        name => format!("write `{name}=\"{{{{ {expression} }}}}\"`"),
    };
    Meant::new(message, help)
}
