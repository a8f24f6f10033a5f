//! The directives of Blade.

use super::{
    Meant,
    values::{Found, file, plain},
};
use crate::source::Span;

/// The directives that are known here, and the end of each that has one.
const DIRECTIVES: [(&str, &str); 13] = [
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
struct Directives<'t> {
    text: &'t str,
    /// Where the end of each directive stands last: looked up once, as a text may have very many beginnings.
    last: [Option<Option<usize>>; DIRECTIVES.len()],
}

/// Whether a directive of Blade stands in a text.
pub(crate) fn may_be_blade(text: &str) -> bool {
    let mut directives = Directives::of(text);
    memchr::memchr_iter(b'@', text.as_bytes()).any(|at| directives.at(at).is_some())
}

impl<'t> Directives<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text,
            last: [None; DIRECTIVES.len()],
        }
    }

    /// The directive at the `@` at `at`.
    fn at(&mut self, at: usize) -> Option<Directive<'t>> {
        let text = self.text;
        let rest = &text[at + 1..];
        let is_called = |name: &str| {
            let behind = rest.strip_prefix(name).map(str::trim_start);
            behind.is_some_and(|behind| behind.starts_with('('))
        };
        let index = DIRECTIVES.iter().position(|(name, _)| is_called(name))?;
        let (name, end) = DIRECTIVES[index];
        let before = text[..at].chars().next_back();
        let is_apart = before.is_none_or(|before| before.is_whitespace() || before == '>');
        if !is_apart || !self.has_end(index, at) {
            return None;
        }
        let open = at + 1 + name.len() + rest[name.len()..].find('(')?;
        let argument = argument(&text[open..])?;
        // Sass has `@include name(…)`, and CSS no quotes there.
        let is_named = argument.starts_with(['"', '\'']);
        let end = (!end.is_empty() || is_named).then_some(open + argument.len() + 2)?;
        Some(Directive { name, argument, end })
    }

    /// Whether the end of a directive stands behind `at`, if it has one.
    fn has_end(&mut self, index: usize, at: usize) -> bool {
        let (_, end) = DIRECTIVES[index];
        let last = self.last[index].get_or_insert_with(|| self.text.rfind(end));
        end.is_empty() || last.is_some_and(|last| last > at)
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
            let (list, item) = argument.split_once(" as ").unwrap_or((argument, "item"));
            format!(
                "write `{{% for {} in {} %}}`, and `{{% endfor %}}` at its end",
                plain(item),
                plain(list)
            )
        }
        "isset" => format!("write `{{% if {value} is defined %}}`, and `{{% endif %}}` at its end"),
        "empty" => format!("write `{{% if not {value} %}}`, and `{{% endif %}}` at its end"),
        "for" => "write `{% for i in range(end=10) %}`, and `{% endfor %}` at its end".to_owned(),
        "switch" => format!("write `{{% if {value} == 1 %}}…{{% elif … %}}…{{% endif %}}`"),
        "include" => format!("write `{{% include \"{}\" %}}`", file(&part)),
        "extends" => format!("write `{{% extends \"{}\" %}}`", file(&part)),
        _ => format!("write `{{% block {part} %}}`, and `{{% endblock %}}` at its end"),
    };
    Meant::new(format!("`@{name}` is text for Tera"), help)
}
