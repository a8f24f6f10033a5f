//! `{% … %}` as other engines write it.

use super::{Meant, expression::rewritten, print::file};
use crate::{delimiters::first_word, source::Span};

/// Statements that are another one here, word for word.
const OTHERS: [(&str, &str); 20] = [
    ("elseif", "elif"),
    ("elsif", "elif"),
    ("elsif", "elif"),
    ("endunless", "endif"),
    ("endforeach", "endfor"),
    ("endeach", "endfor"),
    ("endwhile", "endfor"),
    ("foreach", "for"),
    ("each", "for"),
    ("assign", "set"),
    ("let", "set"),
    ("var", "set"),
    ("capture", "set"),
    ("endcapture", "endset"),
    ("verbatim", "raw"),
    ("endverbatim", "endraw"),
    ("literal", "raw"),
    ("endliteral", "endraw"),
    ("empty", "else"),
    ("endmacro", "endcomponent"),
];

/// What a statement was meant to be. `inside`: the text between its delimiters.
pub(super) fn meant(text: &str, span: Span, inside: &str, (before, behind): (&str, &str)) -> Option<Meant> {
    let word = first_word(inside);
    let rest = inside[word.len()..].trim();
    let tag = |content: &str| format!("{{%{before} {} {behind}%}}", content.trim());
    let other = |content: String| {
        Meant::new(
            format!("Tera has no statement `{word}`"),
            format!("write `{}`", tag(&content)),
        )
    };
    let idea = |help: &str| Meant::new(format!("Tera has no statement `{word}`"), help);
    if inside.starts_with('~') {
        return Meant::new(
            "Tera trims with `-`, not with `~`",
            format!("write `{{%- {} -%}}`", inside.trim_matches(['~', ' '])),
        );
    }
    if let Some((_, here)) = OTHERS.iter().find(|(there, _)| *there == word) {
        let rest = match *here {
            "elif" => rewritten(rest, true).unwrap_or_else(|| rest.to_owned()),
            "endraw" | "endif" | "endfor" | "endset" => String::new(),
            "for" => for_header(rest).unwrap_or_else(|| rest.to_owned()),
            _ => rest.trim_end_matches(';').replace(":=", "="),
        };
        return other(format!("{here} {rest}"));
    }
    match word {
        "else" if first_word(rest) == "if" => {
            let condition = rest[2..].trim();
            Meant::new(
                "`else if` is one word here",
                format!(
                    "write `{}`",
                    tag(&format!(
                        "elif {}",
                        rewritten(condition, true).unwrap_or_else(|| condition.to_owned())
                    ))
                ),
            )
        }
        "unless" => other(format!("if not {rest}")),
        "ifequal" | "ifnotequal" => {
            let sign = if word == "ifequal" { "==" } else { "!=" };
            other(format!("if {}", rest.replacen(' ', &format!(" {sign} "), 1)))
        }
        "endifequal" | "endifnotequal" | "fi" => other("endif".to_owned()),
        "do" | "print" | "echo" => Meant::new(
            format!("Tera has no statement `{word}`"),
            format!("write `{{{{ {rest} }}}}`"),
        ),
        "comment" => idea("write `{# … #}` around it"),
        "endcomment" => idea("write `#}` at the end of a comment that begins with `{#`"),
        "macro" => {
            let name = rest.replace(['\'', '"'], "\"");
            other(format!("component {name}")).map(|meant| Meant {
                help: format!(
                    "{}, and `{{% endcomponent %}}` at its end; call it with `{{{{ <{} /> }}}}`",
                    meant.help,
                    first_word(rest)
                ),
                ..meant
            })
        }
        "import" | "from" | "use" => Meant::new(
            "components need no import",
            "remove it: every template can call every `{% component %}` of the folder, as `{{ <name /> }}`",
        ),
        "call" | "endcall" => {
            idea("call a component with a body: `{% <name> %}…{% </name> %}`, where the body is `{{ body }}`")
        }
        "with" => {
            let assignment = rest
                .split_once(" as ")
                .map_or_else(|| rest.to_owned(), |(value, name)| format!("{name} = {value}"));
            other(format!("set {assignment}"))
        }
        "endwith" | "endassign" => idea("remove it: what `{% set %}` sets counts to the end of its block"),
        "switch" | "case" | "match" | "choose" => {
            idea("write `{% if a == 1 %}…{% elif a == 2 %}…{% else %}…{% endif %}`")
        }
        "when" | "otherwise" | "endswitch" | "endcase" => {
            idea("write `{% elif … %}`, `{% else %}` and `{% endif %}`")
        }
        "embed" | "render" | "partial" | "component_tag" | "includes" => {
            let name = rest.split([',', ' ']).next().unwrap_or_default();
            other(format!("include \"{}\"", file(name)))
        }
        "layout" | "inherits" | "parent" => other(format!("extends \"{}\"", file(rest))),
        "autoescape" | "endautoescape" => {
            idea("remove it: Tera escapes in `.html`; `{{ a | safe }}` leaves one value as it is")
        }
        "spaceless" | "endspaceless" => idea("write `{%-` and `-%}`, which trim the white space beside them"),
        "load" | "csrf_token" | "url" | "static" | "trans" | "translate" | "blocktrans"
        | "blocktranslate" | "endblocktrans" | "now" | "cycle" | "ifchanged" => idea(
            "call a function that the application adds, `{{ name(key=value) }}`, or let the handler give the page the value; files are named by `{{ asset(file=\"…\") }}`",
        ),
        "while" => idea("write `{% for i in range(end=10) %}`, and `{% break %}` where it ends earlier"),
        "end" => idea("name what ends: `{% endif %}`, `{% endfor %}`, `{% endblock %}`"),
        "return" | "exit" | "stop" => idea("write `{% if … %}` around what follows"),
        "section" | "yield" | "content_for" => other(format!("block {}", rest.trim_matches(['"', '\''])))
            .map(|meant| Meant {
                help: format!("{}, and `{{% endblock %}}` at its end", meant.help),
                ..meant
            }),
        "endsection" | "show" => other("endblock".to_owned()),
        "if" | "elif" => {
            let new = rewritten(rest, true)?;
            Meant::new(
                "this condition is not written as in Tera",
                format!("write `{}`", tag(&format!("{word} {new}"))),
            )
        }
        "for" => {
            if let Some((list, condition)) = rest.split_once(" if ") {
                let (loop_tag, test) = (
                    tag(&format!("for {list}")),
                    tag(&format!(
                        "if {}",
                        rewritten(condition, true).unwrap_or_else(|| condition.to_owned())
                    )),
                );
                return Meant::new(
                    "a `for` has no condition",
                    format!("write `{loop_tag}{test}`, and `{{% endif %}}` before its `{{% endfor %}}`"),
                );
            }
            if rest.ends_with(" recursive") {
                return Meant::new(
                    "a `for` does not call itself",
                    "write a `{% component %}` that calls itself with the members: `{{ <tree items={item.children} /> }}`",
                );
            }
            let new = for_header(rest)?;
            Meant::new(
                "this loop is not written as in Tera",
                format!("write `{}`", tag(&format!("for {new}"))),
            )
        }
        "set" | "set_global" => {
            let (name, value) = rest.split_once('=')?;
            let new = rewritten(value, false)
                .unwrap_or_else(|| value.trim().trim_end_matches(';').trim().to_owned());
            let name = name.trim().trim_end_matches(':').trim_start_matches('$');
            let changed = new != value.trim()
                || rest.contains(":=")
                || rest.starts_with('$')
                || name.contains('.')
                || name.contains(',');
            if name.contains('.') {
                return Meant::new(
                    "a member of a value can't be set",
                    format!(
                        "set a name of its own: `{}`",
                        tag(&format!("set {} = {new}", name.replace('.', "_")))
                    ),
                );
            }
            if let (Some((first, second)), Some((one, other))) = (name.split_once(','), new.split_once(',')) {
                let both = format!(
                    "{}{}",
                    tag(&format!("set {} = {}", first.trim(), one.trim())),
                    tag(&format!("set {} = {}", second.trim(), other.trim()))
                );
                return Meant::new("`set` sets one name", format!("write `{both}`"));
            }
            if !changed {
                return None;
            }
            Meant::new(
                "this value is not written as in Tera: no `;` ends it",
                format!("write `{}`, without `;`", tag(&format!("{word} {name} = {new}"))),
            )
        }
        "include" | "extends" => reference(word, rest, &tag),
        "endif" | "endfor" | "endset" | "endfilter" if !rest.is_empty() => {
            Meant::new(format!("`{word}` stands alone"), format!("write `{}`", tag(word)))
        }
        "filter" if rest.contains(':') => Meant::new(
            "arguments stand in brackets",
            format!(
                "write `{}`",
                tag(&format!(
                    "filter {}",
                    rewritten(&format!("x | {rest}"), false)?.trim_start_matches("x | ")
                ))
            ),
        ),
        "block" if rest.starts_with(['"', '\'']) => Meant::new(
            "a block's name has no quotes",
            format!(
                "write `{}`",
                tag(&format!("block {}", rest.trim_matches(['"', '\''])))
            ),
        ),
        _ => {
            let _ = (text, span);
            None
        }
    }
}

/// `(k, v) in a`, `a as k => v`, `x of xs`, `i in 1..5`.
fn for_header(rest: &str) -> Option<String> {
    let rest = rest.trim().trim_end_matches(':').trim_end();
    let bare = rest
        .strip_prefix('(')
        .map_or(rest, |inside| inside.strip_suffix(')').unwrap_or(inside));
    if let Some((list, item)) = bare.split_once(" as ") {
        let names = item.replace("=>", ",").replace('$', "");
        let names: Vec<&str> = names.split(',').map(str::trim).collect();
        return Some(format!(
            "{} in {}",
            names.join(", "),
            list.trim().trim_start_matches('$')
        ));
    }
    let (names, list, of) = match (rest.split_once(" in "), rest.split_once(" of ")) {
        (Some((names, list)), _) => (names, list, false),
        (None, Some((names, list))) => (names, list, true),
        _ => return None,
    };
    let clean = names.trim().trim_matches(['(', ')', '[', ']']).trim();
    let clean = clean
        .strip_prefix("let ")
        .or_else(|| clean.strip_prefix("const "))
        .or_else(|| clean.strip_prefix("var "))
        .unwrap_or(clean);
    let list = list.trim();
    let new = match list.trim_matches(['(', ')']).split_once("..") {
        Some((start, end)) => {
            let (end, one_more) = match end.strip_prefix('=') {
                Some(end) => (end, " + 1"),
                None => (end, ""),
            };
            format!(
                "range(start={}, end={}{one_more})",
                start.trim(),
                end.trim().trim_start_matches('.')
            )
        }
        None => {
            let list = list
                .strip_suffix(".items()")
                .map_or_else(|| list.to_owned(), str::to_owned);
            rewritten(&list, false).unwrap_or(list)
        }
    };
    let whole = format!("{clean} in {new}");
    (of || whole != rest).then_some(whole)
}

/// `include header.html`, `include "a" with { … }`, `include "a" ignore missing`.
fn reference(word: &str, rest: &str, tag: &dyn Fn(&str) -> String) -> Option<Meant> {
    let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\'' | '`'));
    let Some(quote) = quote else {
        let name = rest
            .split([' ', ','])
            .next()
            .filter(|name| name.contains(['.', '/', '-']))?;
        return Meant::new(
            "the name of a template stands in quotes",
            format!("write `{}`", tag(&format!("{word} \"{name}\""))),
        );
    };
    let (name, behind) = rest[1..].split_once(quote)?;
    let behind = behind.trim();
    let plain = tag(&format!("{word} \"{name}\""));
    if behind.is_empty() {
        return None;
    }
    let given = behind
        .trim_start_matches("with")
        .trim()
        .trim_end_matches("only")
        .trim()
        .trim_start_matches(',')
        .trim();
    let pairs = given.trim_matches(['{', '}']).split(',').filter_map(|pair| {
        let (name, value) = pair.split_once([':', '='])?;
        Some(tag(&format!(
            "set {} = {}",
            name.trim().trim_matches(['"', '\'']),
            value.trim()
        )))
    });
    let sets: String = pairs.collect();
    let message = format!("`{word}` takes the name of a template and nothing else");
    if behind.starts_with("ignore missing") || sets.is_empty() {
        return Meant::new(
            message,
            format!("write `{plain}`: it sees all names of the page, and has to be there"),
        );
    }
    Meant::new(
        message,
        format!("write `{sets}{plain}`: an included template sees all names of the page"),
    )
}
