//! The directives of Blade.

use super::{
    Meant,
    loops::{for_header, of_c},
    values::{Found, file, plain},
};
use crate::{source::Span, within::Within};

/// The directives that are known here, and the end of each that has one.
const DIRECTIVES: [(&str, &str); 27] = [
    ("if", "@endif"),
    ("elseif", "@endif"),
    ("unless", "@endunless"),
    ("foreach", "@endforeach"),
    ("forelse", "@endforelse"),
    ("include", ""),
    ("extends", ""),
    ("section", "@endsection"),
    ("yield", ""),
    ("isset", "@endisset"),
    ("empty", "@endempty"),
    ("for", "@endfor"),
    ("switch", "@endswitch"),
    ("while", "@endwhile"),
    ("error", "@enderror"),
    ("can", "@endcan"),
    ("push", "@endpush"),
    ("component", "@endcomponent"),
    ("php", ""),
    ("stack", ""),
    ("each", ""),
    ("includeIf", ""),
    ("method", ""),
    ("vite", ""),
    ("json", ""),
    ("class", ""),
    ("lang", ""),
];

/// Directives without an argument, and the end of each that has one.
const BARE: [(&str, &str, &str); 9] = [
    (
        "csrf",
        "",
        "write `<input type=\"hidden\" name=\"csrf_token\" value=\"{{ csrf_token }}\">`, where the handler gives `csrf_token`",
    ),
    ("parent", "", "write `{{ super() }}`"),
    (
        "auth",
        "@endauth",
        "write `{% if user %}`, and `{% endif %}` instead of `@endauth`, where the handler gives `user`",
    ),
    (
        "guest",
        "@endguest",
        "write `{% if not user %}`, and `{% endif %}` instead of `@endguest`, where the handler gives `user`",
    ),
    (
        "verbatim",
        "@endverbatim",
        "write `{% raw %}`, and `{% endraw %}` instead of `@endverbatim`",
    ),
    ("php", "@endphp", "write `{% set x = 1 %}` for each value"),
    ("else", "@endif", "write `{% else %}`"),
    ("empty", "@endforelse", "write `{% else %}`"),
    ("once", "@endonce", "remove it"),
];

/// How many characters of an argument are read.
const LONGEST_ARGUMENT: usize = 400;

/// A directive in a text.
struct Directive<'t> {
    name: &'static str,
    argument: &'t str,
    /// Where it ends.
    end: usize,
}

/// A text in which directives are looked for.
pub(super) struct Directives<'t> {
    text: &'t str,
    /// Where it begins to have something: a text may begin with very much white space.
    first: usize,
    /// Where the end of each directive stands last: looked up once, as a text may have very many beginnings.
    last: [Option<Option<usize>>; DIRECTIVES.len()],
    /// The same for those without an argument.
    last_of_bare: [Option<Option<usize>>; BARE.len()],
}

impl<'t> Directives<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        Self {
            text,
            first: text.len() - text.trim_start().len(),
            last: [None; DIRECTIVES.len()],
            last_of_bare: [None; BARE.len()],
        }
    }

    /// The directive without an argument at the `@` at `at`: its help, and where it ends.
    fn bare(&mut self, at: usize) -> Option<(&'static str, usize)> {
        let text = self.text;
        let rest = text.within(at + 1..);
        let mut known = BARE.iter().zip(&mut self.last_of_bare);
        let ((name, end, help), last) = known.find(|((name, ..), _)| rest.starts_with(name))?;
        let behind = rest.within(name.len()..).chars().next();
        let before = text.within(..at).chars().next_back();
        let is_apart = before.is_none_or(|before| before.is_whitespace() || before == '>')
            && behind.is_none_or(|behind| behind.is_whitespace() || behind == '<');
        // A word behind an `@` may be a person's name: one without an end stands in a line or an element of its own.
        let is_alone = behind.is_none_or(|behind| matches!(behind, '\n' | '\r' | '<'))
            && text
                .within(..at)
                .trim_end_matches([' ', '\t'])
                .ends_with(['\n', '>']);
        let is_first = at <= self.first;
        let last = last.get_or_insert_with(|| text.rfind(end));
        let has_end = !end.is_empty() && last.is_some_and(|last| last > at);
        let is_sure = if end.is_empty() {
            is_alone || is_first && text.trim().len() == name.len() + 1
        } else {
            has_end
        };
        (is_apart && is_sure).then_some((help, at + 1 + name.len()))
    }

    /// Whether a directive begins at the `@` at `at`.
    pub(super) fn begins(&mut self, at: usize) -> bool {
        self.at(at).is_some() || self.bare(at).is_some()
    }

    /// The directive at the `@` at `at`.
    fn at(&mut self, at: usize) -> Option<Directive<'t>> {
        let text = self.text;
        let rest = text.within(at + 1..);
        let is_called = |name: &str| {
            let behind = rest.strip_prefix(name).map(str::trim_start);
            behind.is_some_and(|behind| behind.starts_with('('))
        };
        let mut known = DIRECTIVES.into_iter().zip(&mut self.last);
        let ((name, end), last) = known.find(|((name, _), _)| is_called(name))?;
        let before = text.within(..at).chars().next_back();
        let is_apart = before.is_none_or(|before| before.is_whitespace() || before == '>');
        if !is_apart {
            return None;
        }
        let open = at + 1 + name.len() + rest.within(name.len()..).find('(')?;
        let argument = argument(text.within(open..))?;
        // `@section` with two arguments has no end.
        let is_whole = name == "section" && argument.contains(',');
        let mut has_end = || {
            let last = last.get_or_insert_with(|| text.rfind(end));
            end.is_empty() || last.is_some_and(|last| last > at)
        };
        if !is_whole && !has_end() {
            return None;
        }
        // Sass has `@include name(…)`, and CSS no quotes there.
        let is_named = argument.starts_with(['"', '\'', '$', '[']);
        let end = (!end.is_empty() || is_named).then_some(open + argument.len() + 2)?;
        Some(Directive { name, argument, end })
    }
}

/// The argument in the brackets that a text begins with.
fn argument(text: &str) -> Option<&str> {
    let mut depth = 0;
    let mut characters = text.char_indices().take(LONGEST_ARGUMENT);
    let end = characters.find_map(|(index, c)| {
        depth += i32::from(c == '(') - i32::from(c == ')');
        (depth == 0).then_some(index)
    })?;
    text.get(1..end)
}

/// `@if($a) … @endif` and the like.
pub(super) fn blade(text: &str, visible: &str, found: &mut Vec<Found>) {
    let mut directives = Directives::of(text);
    for (at, _) in visible.match_indices('@') {
        if let Some(directive) = directives.at(at) {
            let meant = meant(&directive);
            found.extend(meant.map(|meant| (Span::new(at, directive.end), meant)));
        } else if let Some((help, end)) = directives.bare(at) {
            let meant = Meant::new(format!("`{}` is text for Tera", text.within(at..end)), help);
            found.extend(meant.map(|meant| (Span::new(at, end), meant)));
        }
    }
}

/// How a directive is written here.
fn meant(directive: &Directive<'_>) -> Option<Meant> {
    let Directive { name, argument, .. } = *directive;
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
            let header = for_header(&argument.replace('$', "")).unwrap_or_else(|| format!("item in {value}"));
            format!("write `{{% for {header} %}}`, and `{{% endfor %}}` at its end")
        }
        "isset" => format!("write `{{% if {value} is defined %}}`, and `{{% endif %}}` at its end"),
        "empty" => format!("write `{{% if not {value} %}}`, and `{{% endif %}}` at its end"),
        "for" => {
            let header = of_c(argument).unwrap_or_else(|| "i in range(end=10)".to_owned());
            format!("write `{{% for {header} %}}`, and `{{% endfor %}}` at its end")
        }
        "section" if argument.contains(',') => {
            let content = argument.split_once(',').map_or("", |(_, content)| content.trim());
            let content = content.trim_matches(['"', '\'']);
            format!("write `{{% block {part} %}}{content}{{% endblock %}}`")
        }
        "while" | "error" | "can" | "component" | "php" | "each" | "includeIf" | "method" | "vite"
        | "json" | "class" | "lang" => of_application(name, argument, &part),
        "switch" => format!("write `{{% if {value} == 1 %}}…{{% elif … %}}…{{% endif %}}`"),
        "include" => format!("write `{{% include \"{}\" %}}`", file(&part)),
        "extends" => format!("write `{{% extends \"{}\" %}}`", file(&part)),
        _ => format!("write `{{% block {part} %}}`, and `{{% endblock %}}` at its end"),
    };
    Meant::new(format!("`@{name}` is text for Tera"), help)
}

/// The same for directives that few use.
fn of_application(name: &str, argument: &str, part: &str) -> String {
    let value = plain(argument);
    match name {
        "while" => "write `{% for i in range(end=10) %}`, and `{% endfor %}` at its end".to_owned(),
        "component" => format!("call a component: `{{% <{part}> %}}…{{% </{part}> %}}`"),
        "php" => {
            let (name, value) = argument.split_once('=').unwrap_or((argument, "none"));
            format!("write `{{% set {} = {} %}}`", name.trim().trim_start_matches('$'), plain(value))
        }
        "each" => {
            let mut given = argument.split(',').map(str::trim);
            let (_, list, item) = (given.next(), given.next().unwrap_or("items"), given.next().unwrap_or("item"));
            let item = item.trim_matches(['"', '\'']);
            format!("write `{{% for {item} in {} %}}{{% include \"{}\" %}}{{% endfor %}}`", plain(list), file(part))
        }
        "includeIf" => format!("write `{{% include \"{}\" %}}`: it has to be there", file(part)),
        "method" => format!("write `<input type=\"hidden\" name=\"_method\" value=\"{part}\">`"),
        "vite" => format!("write `<script src=\"{{{{ asset(file=\"{part}\") }}}}\"></script>`"),
        "json" => {
            "let the handler give the page the JSON as a text, or add a filter to the application and name it in the build: `.filters([\"json\"])`"
                .to_owned()
        }
        "class" => {
            let pair = argument.trim_matches(['[', ']']).split_once("=>");
            let (class, condition) = pair.unwrap_or((argument, "a"));
            let class = class.trim().trim_matches(['"', '\'']);
            format!("write `class=\"{{{{ \"{class}\" if {} else \"\" }}}}\"`", plain(condition))
        }
        "lang" => "write the text itself, or let the handler give the page the text".to_owned(),
        _ => format!("write `{{% if {value} %}}`, and `{{% endif %}}` at its end, where the handler gives what is asked"),
    }
}
