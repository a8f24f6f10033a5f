//! Calls of macros, as calls of components.

use super::{
    filters::arguments,
    tokens::{Token, split, text_at, tokens},
};
use crate::within::Within;

/// A macro of Jinja, Twig or Tera 1.
pub(super) struct Macro<'t> {
    /// The name that the template calls it by.
    pub(super) called: &'t str,
    /// The name that it is defined by.
    pub(super) name: &'t str,
    /// The names of its parameters. Empty where another file defines it.
    pub(super) parameters: Vec<&'t str>,
}

/// The call of a component that takes the place of a call of a macro. `given`: the arguments as they are written there. Those
/// that have no name get that of the parameter at their place.
pub(super) fn call(name: &str, given: &[String], parameters: &[&str]) -> String {
    let written = given.iter().enumerate().map(|(at, argument)| {
        let found = tokens(argument);
        let named = matches!(text_at(&found, 1), "=" | ":").then(|| argument.split_once(['=', ':']));
        let (name, value) = match named.flatten() {
            Some((name, value)) => (name.trim(), value.trim()),
            None => (
                parameters.get(at).copied().unwrap_or_else(|| placeholder(&found)),
                argument.trim(),
            ),
        };
        match value.starts_with(['"', '\'']) && tokens(value).len() == 1 {
            true => format!(" {name}={}", value.replace('\'', "\"")),
            false => format!(" {name}={{{value}}}"),
        }
    });
    format!("<{name}{} />", written.collect::<String>())
}

/// A name for an argument of a component that the file does not define: that of the value, if it is one.
fn placeholder<'t>(value: &[Token<'t>]) -> &'t str {
    let last = value.last().map_or("", |token| token.text);
    let is_name = value.iter().all(|token| token.text == "." || is_name(token.text));
    if is_name && !last.is_empty() {
        last
    } else {
        "value"
    }
}

/// The parameters of `field(name, value="")`.
pub(super) fn parameters(definition: &str) -> Vec<&str> {
    let inside = definition.split_once('(').map_or("", |(_, inside)| inside);
    let found = tokens(inside.trim_end().trim_end_matches(')'));
    let names = split(&found, ",");
    let names = names.into_iter().filter_map(|parameter| parameter.first());
    names.map(|name| name.text).filter(|name| is_name(name)).collect()
}

/// The name and the arguments of a call that is the whole expression: `field("a")`, `forms.field("a")`, `forms::field("a")`.
pub(super) fn called(expression: &str) -> Option<(Option<&str>, &str, Vec<String>)> {
    let found = tokens(expression);
    let (module, name, open) = match found.as_slice() {
        [name, open, ..] if open.text == "(" => (None, name.text, 1),
        [module, sign, name, open, ..] if matches!(sign.text, "." | "::") && open.text == "(" => {
            (Some(module.text), name.text, 3)
        }
        _ => return None,
    };
    let (given, end) = arguments(&found, open);
    let is_whole = end == found.len() && found.last().is_some_and(|close| close.text == ")");
    (is_whole && is_name(name) && module.is_none_or(is_name)).then_some((module, name, given))
}

/// Whether a text is one name.
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_alphanumeric() || c == '_')
}

/// The names that `from "x.html" import field, label as title with context` gives.
pub(super) fn imported(rest: &str) -> Vec<Macro<'_>> {
    let Some((_, names)) = rest.split_once(" import ") else {
        return Vec::new();
    };
    let names = names.split(" with").next().unwrap_or(names).split(',');
    let named = names.map(|name| name.split_once(" as ").unwrap_or((name, name)));
    let found = named.map(|(name, called)| Macro {
        called: called.trim(),
        name: name.trim(),
        parameters: Vec::new(),
    });
    found
        .filter(|found| is_name(found.called) && is_name(found.name))
        .collect()
}

/// The name that `import "x.html" as forms` gives.
pub(super) fn module(rest: &str) -> Option<&str> {
    let (_, behind) = rest.split_once(" as ")?;
    let name = crate::delimiters::first_word(behind.trim_start());
    (!name.is_empty()).then(|| behind.trim_start().within(..name.len()))
}

#[cfg(test)]
mod tests {
    use super::{call, called, imported, module, parameters};

    #[test]
    fn a_call_of_a_macro_is_one_of_a_component() {
        for (text, names, expected) in [
            ("f()", "", "<f />"),
            ("f('a')", "f(name)", "<f name=\"a\" />"),
            ("f(a.b, 2)", "f(x, y=1)", "<f x={a.b} y={2} />"),
            ("f('a' ~ b)", "f(x)", "<f x={'a' ~ b} />"),
            ("forms.f(type='a', b=[1, 2])", "", "<f type=\"a\" b={[1, 2]} />"),
            ("m::f(user.name, 3)", "", "<f name={user.name} value={3} />"),
            ("f(é, \"ü\")", "f(ä)", "<f ä={é} value=\"ü\" />"),
        ] {
            let (_, name, given) = called(text).expect(text);
            assert_eq!(call(name, &given, &parameters(names)), expected, "{text}");
        }
    }

    #[test]
    fn what_calls_no_macro_is_left_alone() {
        for text in [
            "",
            "f",
            "f(",
            "f(a",
            "f(a) | upper",
            "a.b.f(1)",
            "f(a) ~ b",
            "(a)",
            "1(a)",
            "f(a))",
        ] {
            assert!(called(text).is_none(), "{text}");
        }
    }

    #[test]
    fn imports_give_names() {
        let names = |rest| -> Vec<(&str, &str)> {
            imported(rest)
                .iter()
                .map(|found| (found.called, found.name))
                .collect()
        };
        assert_eq!(
            names("'a.html' import b, c as d with context"),
            [("b", "b"), ("d", "c")]
        );
        assert_eq!(names("'a.html' import"), []);
        assert_eq!(names("'a.html' import 1, é"), [("é", "é")]);
        assert_eq!(module("'a.html' as forms with context"), Some("forms"));
        assert_eq!(module("'a.html' as "), None);
        assert_eq!(module("'a.html'"), None);
        assert_eq!(parameters("f(a, b='x, y', c={\"k\": 1}) "), ["a", "b", "c"]);
        assert_eq!(parameters("f"), [""; 0]);
    }
}
