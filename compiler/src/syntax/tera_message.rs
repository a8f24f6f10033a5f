//! Translates the messages of Tera's errors into problems.
#![deny(clippy::disallowed_methods)]

use crate::{
    problem::{Code, Problem},
    site::File,
    source::Span,
};

/// Messages of Tera that mean too much nesting.
const TOO_DEEP: [&str; 3] = [
    "The expression is too complex",
    "The template nesting is too deep",
    "Identifiers can only have up to",
];

/// The problem of a syntax error.
pub(super) fn syntax_error(file: &File<'_>, span: Span, message: &str) -> Problem {
    let location = within(&file.source.text, span).at(file.id);
    let message = message.trim().trim_end_matches('.');
    if TOO_DEEP.iter().any(|known| message.starts_with(known)) {
        return Problem::new(Code::TooDeep, "this nests deeper than Tera follows", location, "too deep here")
            .help("set a part of it with `{% set … %}` before, or move it to a file of its own and `{% include %}` it");
    }
    let said = in_words(message);
    let problem = Problem::new(
        Code::TemplateSyntax,
        format!("Tera can't read this: {said}"),
        location,
        "here",
    );
    match help(message) {
        Some(help) => problem.help(help),
        None => problem,
    }
}

/// Tera's message in the words of someone who writes a template.
fn in_words(message: &str) -> String {
    let parted = message
        .strip_prefix("Found ")
        .and_then(|rest| rest.split_once(" but expected "));
    let Some((found, expected)) = parted else {
        let mut letters = message.chars();
        let first = letters.next().map(|first| first.to_ascii_lowercase());
        return first.into_iter().chain(letters).collect();
    };
    let found = match found {
        "identifier" => "this name",
        "string" | "integer" | "float" | "bool" => "this value",
        other => other,
    };
    match expected {
        "identifier" | "attribute name" => format!("a name is missing before {found}"),
        expected if expected.starts_with("one of: integer") => format!("a value is missing before {found}"),
        expected if expected.len() <= 5 => {
            format!("`{}` is missing before {found}", expected.trim_matches('`'))
        }
        expected => format!("{expected} is expected here, not {found}"),
    }
}

/// What to write instead, for the mistakes that are made most.
fn help(message: &str) -> Option<&'static str> {
    const HELPS: [(&str, &str); 26] = [
        (
            "Unexpected end of input",
            "close what is still open: `{% endif %}`, `{% endfor %}`, `{% endblock %}`, `}}`",
        ),
        (
            "Unknown tag",
            "`{% … %}` begins with a word of Tera's: `if`, `for`, `set`, `block`, `include`, `extends`, …",
        ),
        (
            "This content would be ignored",
            "move it into a `{% block … %}` of the parent template",
        ),
        (
            "Found identifier but expected }}",
            "join two values with `~`, reach into one with `.`: `{{ user.name }}`",
        ),
        (
            "Closing tag",
            "close what was opened last first: `{% if a %}{% for b in c %}{% endfor %}{% endif %}`",
        ),
        ("Unclosed component", "close it: `{% <card> %}{% </card> %}`"),
        (
            "Blocks cannot be written",
            "move the block out, or make it an include",
        ),
        (
            "Component definitions cannot",
            "move the component out of every other statement, or to a file of its own",
        ),
        ("Component argument", "name each argument once"),
        ("Keyword argument", "name each argument once"),
        (
            "Components with body content",
            "write `{% <card> %}{% </card> %}`, or `{{ <card /> }}` where there is nothing between",
        ),
        (
            "Found `<` but expected identifier",
            "a component is called by its name, `{{ <card /> }}`; numbers are compared as in `{{ a < b }}`",
        ),
        ("Argument `", "hand the argument over by its name: `name=value`"),
        (
            "Arrays can have",
            "let the handler hand over a list that is less deep",
        ),
        (
            "Invalid Integer",
            "numbers have at most 64 bits: write it in quotes",
        ),
        ("Invalid float", "write it as `1.5`"),
        (
            "Invalid default argument",
            "a default is a text, a number, `true`, `false`, or a list of them",
        ),
        (
            "Invalid syntax for `set`",
            "write `{% set name = value %}`, or `{% set name %}` and `{% endset %}` around a text",
        ),
        (
            "Invalid",
            "write texts, numbers, `true` and `false` there: no names",
        ),
        ("List comprehensions", "write the second loop as a `{% for %}`"),
        ("Template already contains", "give one of the two another name"),
        (
            "Template is already extending",
            "a template has one parent: remove the second `{% extends %}`",
        ),
        (
            "The name `body`",
            "give the argument another name: `body` is what stands between the tags of a call",
        ),
        ("Unexpected character", "remove it, or write it in quotes"),
        ("break can only", "move it into the `{% for %}` that it ends"),
        (
            "continue can only",
            "move it into the `{% for %}` whose next turn it begins",
        ),
    ];
    if let Some((_, help)) = HELPS.iter().find(|(start, _)| message.starts_with(start)) {
        return Some(help);
    }
    if message.contains("is a reserved keyword") {
        return Some("choose another name: this word is Tera's own");
    }
    if message.contains("but was expecting `elif`") {
        return Some("write `{% elif … %}`, `{% else %}` or `{% endif %}` here");
    }
    let expected = message
        .split_once("but expected ")
        .map(|(_, expected)| expected)?;
    Some(match expected {
        "string" => "write the name of the template in quotes: `{% include \"part.html\" %}`",
        "identifier" | "attribute name" => "write a name here, or remove the sign before it",
        "%}" | "`%}`" => {
            "end the statement with `%}`: what stands behind its expression does not belong to it"
        }
        "}}" | "`}}`" => "end the expression with `}}`",
        ")" | "`)`" => "close the bracket: `)`",
        "]" | "`]`" => "close the bracket: `]`",
        "}" | "`}`" => "close the brace: `}`",
        "=" | "`=`" => "arguments have names: `name=value`",
        "in" | "`in`" => "write `{% for item in items %}`",
        _ => "write a name, a text in quotes, or a number here, or remove the sign before it",
    })
}

/// A span that can be sliced: inside of the text, at whole characters, and not empty where the text is not.
fn within(text: &str, span: Span) -> Span {
    let mut start = (span.start as usize).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let mut end = (span.end as usize).clamp(start, text.len());
    while !text.is_char_boundary(end) {
        end += 1;
    }
    Span::new(start, end)
}
