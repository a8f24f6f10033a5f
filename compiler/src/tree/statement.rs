//! Reads the few words of Tera's statements that nesting and scope need. Expressions stay opaque.

use crate::{
    delimiters::{first_word, inner, trim},
    limits::MAX_FOR_NAMES,
    source::Span,
};

use super::Delimited;

/// A statement, as far as nesting goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Statement {
    If,
    Elif,
    Else,
    For {
        names: Vec<String>,
        header: Span,
    },
    Set {
        name: String,
        name_span: Span,
        global: bool,
        value: Span,
    },
    Capture {
        name: String,
        global: bool,
    },
    Block {
        name: String,
    },
    Filter {
        name: String,
    },
    Component {
        name: String,
    },
    Call {
        name: String,
    },
    Reference {
        extends: bool,
        name: String,
    },
    Jump,
    /// `endif`, `endfor`, …: the keyword that it closes. A component call is closed by `</`.
    End(&'static str),
    Unknown,
}

/// Reads `{% … %}` at `span`. `inner` of the result is what follows the keyword.
pub(super) fn read(text: &str, span: Span) -> (Delimited, Statement) {
    let inner = inner(text, span);
    let all = &text[inner.range()];
    let keyword = first_word(all);
    let rest = trim(
        text,
        Span {
            start: inner.start + keyword.len() as u32,
            end: inner.end,
        },
    );
    let body = &text[rest.range()];
    let name = || word(body).to_owned();
    let statement = match keyword {
        "if" => Statement::If,
        "elif" => Statement::Elif,
        "else" => Statement::Else,
        "for" => for_header(text, rest),
        "set" => set(text, rest, false),
        "set_global" => set(text, rest, true),
        "block" => Statement::Block { name: name() },
        "filter" => Statement::Filter { name: name() },
        "component" => Statement::Component { name: name() },
        "include" => Statement::Reference {
            extends: false,
            name: quoted(body),
        },
        "extends" => Statement::Reference {
            extends: true,
            name: quoted(body),
        },
        "break" | "continue" => Statement::Jump,
        "endif" => Statement::End("if"),
        "endfor" => Statement::End("for"),
        "endset" => Statement::End("set"),
        "endblock" => Statement::End("block"),
        "endfilter" => Statement::End("filter"),
        "endcomponent" => Statement::End("component"),
        "" if all.starts_with("</") => Statement::End("</"),
        "" if all.starts_with('<') => Statement::Call {
            name: word(all[1..].trim_start()).to_owned(),
        },
        _ => Statement::Unknown,
    };
    (Delimited { span, inner: rest }, statement)
}

fn word(text: &str) -> &str {
    let end = text
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
        .unwrap_or(text.len());
    &text[..end]
}

fn quoted(text: &str) -> String {
    let Some(quote) = text.chars().next().filter(|c| matches!(c, '"' | '\'' | '`')) else {
        return String::new();
    };
    text[1..].split(quote).next().unwrap_or_default().to_owned()
}

/// `a, b in expression`: no expression may stand before the ` in `, so that the first one is the keyword.
fn for_header(text: &str, rest: Span) -> Statement {
    let body = &text[rest.range()];
    let at = body.match_indices("in").map(|(at, _)| at).find(|at| {
        let before = body[..*at].chars().next_back();
        let after = body[at + 2..].chars().next();
        before.is_some_and(|c| !is_word(c)) && after.is_some_and(|c| !is_word(c))
    });
    let Some(at) = at else { return Statement::Unknown };
    // Tera takes two, and reports more.
    let names = body[..at].split(',').take(MAX_FOR_NAMES);
    let names = names.map(|name| name.trim().to_owned()).collect();
    let header = trim(
        text,
        Span {
            start: rest.start + at as u32 + 2,
            end: rest.end,
        },
    );
    Statement::For { names, header }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn set(text: &str, rest: Span, global: bool) -> Statement {
    let body = &text[rest.range()];
    let name = word(body);
    let name_span = Span {
        start: rest.start,
        end: rest.start + name.len() as u32,
    };
    let after = trim(
        text,
        Span {
            start: name_span.end,
            end: rest.end,
        },
    );
    let name = name.to_owned();
    match text[after.range()].strip_prefix('=') {
        Some(_) => {
            let value = trim(
                text,
                Span {
                    start: after.start + 1,
                    end: after.end,
                },
            );
            Statement::Set {
                name,
                name_span,
                global,
                value,
            }
        }
        None => Statement::Capture { name, global },
    }
}
