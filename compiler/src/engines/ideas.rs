//! Statements of other engines that Tera lacks.

use super::{
    Meant, Tag,
    arguments::given,
    tokens::tokens,
    values::{condition, file},
};
use crate::{delimiters::first_word, within::Within};

/// What takes the place of a statement that nothing can be pasted for.
pub(super) fn idea(word: &str) -> Option<&'static str> {
    Some(match word {
        "comment" => "write `{# … #}` around it",
        "endcomment" => "write `#}` at the end of a comment that begins with `{#`",
        "endcall" => {
            "call a component with a body: `{% <name> %}…{% </name> %}`, where the body is `{{ body }}`"
        }
        "endwith" | "endassign" => "remove it: what `{% set %}` sets counts to the end of its block",
        "switch" | "case" | "match" | "choose" => {
            "write `{% if a == 1 %}…{% elif a == 2 %}…{% else %}…{% endif %}`"
        }
        "when" | "otherwise" | "endswitch" | "endcase" => {
            "write `{% elif … %}`, `{% else %}` and `{% endif %}`"
        }
        "autoescape" | "endautoescape" => {
            "remove it: Tera escapes in `.html`; `{{ a | safe }}` leaves one value as it is"
        }
        "spaceless" | "endspaceless" => "write `{%-` and `-%}`, which trim the white space beside them",
        "cycle" => "write `{{ \"odd\" if loop.index is odd else \"even\" }}`",
        "style" | "endstyle" | "stylesheet" | "endstylesheet" => "write `<style>…</style>`",
        "javascript" | "endjavascript" | "script" | "endscript" => "write `<script>…</script>`",
        "form" | "endform" => "write `<form>…</form>`",
        "highlight" | "endhighlight" => "write `<pre><code>{% raw %}…{% endraw %}</code></pre>`",
        "debug" => "print what the page has: `{{ __tera_context }}`",
        "schema" | "endschema" | "paginate" | "endpaginate" | "flush" | "pass" | "resetcycle"
        | "parallel" | "endparallel" | "endcache" | "del" | "nocache" | "endnocache" => "remove it",
        "deprecated" | "note" | "rem" => "write `{# … #}`",
        "regroup" => "write `{% for name, list in a | group_by(attribute=\"name\") %}`",
        "templatetag" => "write `{% raw %}{{{% endraw %}`, with the characters that are meant",
        "lorem" => "write the text itself, or let the handler give the page the text",
        "firstof" => "write `{{ a or b }}`",
        "widthratio" => "write `{{ a / b * 100 }}`",
        "sandbox" | "endsandbox" | "endembed" | "endregroup" => "remove it",
        "decrement" => "write `{% set a = a - 1 %}`",
        "increment" => "write `{% set a = a + 1 %}`, or `loop.index` in a loop",
        "liquid" => "write each line as a statement of its own: `{% set a = 1 %}`",
        "while" => "write `{% for i in range(end=10) %}`, and `{% break %}` where it ends earlier",
        "end" => "name what ends: `{% endif %}`, `{% endfor %}`, `{% endblock %}`",
        "return" | "exit" | "stop" => "write `{% if … %}` around what follows",
        _ => return None,
    })
}

/// What a statement says with other words here.
pub(super) fn another(tag: &Tag<'_>, word: &str, rest: &str) -> Option<Meant> {
    let here = match word {
        "unless" => format!("if not {}", negated(rest)),
        "ifequal" => format!("if {}", rest.replacen(' ', " == ", 1)),
        "ifnotequal" => format!("if {}", rest.replacen(' ', " != ", 1)),
        "endifequal" | "endifnotequal" | "fi" => "endif".to_owned(),
        "with" => return with(tag, rest),
        "render" | "include"
            if rest.starts_with(['"', '\'']) && (rest.contains(',') || rest.contains(" for ")) =>
        {
            return rendered(tag, rest);
        }
        "embed" | "render" | "partial" | "component_tag" | "includes" => {
            let name = rest.split([',', ' ']).next().unwrap_or_default();
            format!("include \"{}\"", file(name))
        }
        "layout" | "inherits" | "parent" => format!("extends \"{}\"", file(rest)),
        "endsection" | "show" => "endblock".to_owned(),
        _ => return with_body(tag, word, rest),
    };
    tag.no_statement(word, &here)
}

/// A condition behind a `not`, in brackets where it has words of its own.
fn negated(rest: &str) -> String {
    let condition = condition(rest);
    let has_words = tokens(&condition)
        .iter()
        .any(|token| matches!(token.text, "and" | "or" | "==" | "!=" | "in" | "<" | ">"));
    if has_words {
        format!("({condition})")
    } else {
        condition
    }
}

/// `with a.b as c`, `with x=1, y=2`, `with {x: 1}` and `with x=1 y=2`.
fn with(tag: &Tag<'_>, rest: &str) -> Option<Meant> {
    let sets = match rest.split_once(" as ") {
        Some((value, name)) => tag.with(&format!("set {} = {}", name.trim(), value.trim())),
        None => given(tag, rest),
    };
    match sets.is_empty() {
        true => Meant::new(
            "Tera has no statement `with`",
            "remove it: what `{% set %}` sets counts to the end of its block",
        ),
        false => Meant::new("Tera has no statement `with`", format!("write `{sets}`")),
    }
}

/// `render "card", title: x` and `render "card" for items as item` of Liquid.
fn rendered(tag: &Tag<'_>, rest: &str) -> Option<Meant> {
    let message = "`include` takes the name of a template and nothing else";
    let name = super::application::first_argument(rest);
    let include = tag.with(&format!("include \"{}\"", file(name)));
    let behind = rest.within(name.len()..).trim();
    if let Some((list, item)) = behind
        .strip_prefix("for ")
        .and_then(|each| each.split_once(" as "))
    {
        return Meant::new(
            message,
            format!(
                "write `{{% for {} in {} %}}{include}{{% endfor %}}`",
                item.trim(),
                list.trim()
            ),
        );
    }
    let sets = given(tag, behind.trim_start_matches(','));
    Meant::new(
        message,
        format!("write `{sets}{include}`: an included template sees all names of the page"),
    )
}

/// The same for a statement that has a body, an end or no tag here.
fn with_body(tag: &Tag<'_>, word: &str, rest: &str) -> Option<Meant> {
    let message = format!("Tera has no statement `{word}`");
    match word {
        "do" | "print" | "echo" => Meant::new(message, format!("write `{{{{ {rest} }}}}`")),
        "macro" => {
            let component = tag.write(&format!("component {}", rest.replace('\'', "\"")));
            let name = first_word(rest);
            Meant::new(
                message,
                format!(
                    "{component}, and `{{% endcomponent %}}` at its end; call it with `{{{{ <{name} /> }}}}`"
                ),
            )
        }
        "import" | "from" | "use" => Meant::new(
            "components need no import",
            "remove it: every template can call every `{% component %}` of the folder, as `{{ <name /> }}`",
        ),
        "call" if rest.starts_with(|c: char| c.is_alphabetic() || c == '(') => {
            // `call(user) list(users)` names what the macro gives its body.
            let macro_call = rest.strip_prefix('(').and_then(|rest| rest.split_once(')'));
            let rest = macro_call.map_or(rest, |(_, macro_call)| macro_call.trim());
            let path = rest.split('(').next().unwrap_or(rest);
            let name = match first_word(path.rsplit('.').next().unwrap_or(path)) {
                "" => "name",
                name => name,
            };
            Meant::new(
                message,
                format!(
                    "call a component: `{{{{ <{name} /> }}}}`, or with a body, `{{% <{name}> %}}…{{% </{name}> %}}`, where the body is `{{{{ body }}}}`"
                ),
            )
        }
        "section" | "yield" | "content_for" => {
            let block = tag.write(&format!("block {}", rest.trim_matches(['"', '\''])));
            Meant::new(message, format!("{block}, and `{{% endblock %}}` at its end"))
        }
        _ => None,
    }
}
