//! Typed lists: `dob: date, country: string = 'BE'` (design section 3.3).

use hydra_contract::Type;
use serde_json::Value;

use crate::{limits::MAX_NAMES_PER_LIST, parse::TagAttribute, problem::Code, source::Span};

use super::{
    TagReader,
    declared::{Declared, TypedListKind, literal},
    is_name,
    list::report_many,
    short, text,
    text::Decoded,
    type_name::{self, RustName},
    typed_list_correction::corrected,
};
use crate::shape::Shape;

/// What is wrong with an item.
struct Fault {
    code: Code,
    message: String,
    span: Span,
    label: &'static str,
    help: FaultHelp,
}

enum FaultHelp {
    /// The help corrects the place that is marked.
    Here(String),
    /// The help for lists whose meaning can't be guessed.
    Otherwise(String),
}

/// Reads a list.
pub(super) fn read(
    reader: &mut TagReader<'_>,
    attribute: &TagAttribute,
    lists: TypedListKind,
) -> Vec<Declared> {
    let Some(decoded) = text::fixed(reader, attribute, Code::BadList, "write the names out") else {
        return Vec::new();
    };
    let parts = split(&decoded.text);
    let last = parts.len() - 1;
    let mut declared = Vec::new();
    for (index, (start, part)) in parts.into_iter().enumerate() {
        // One comma may follow the last item.
        if part.trim().is_empty() && index == last && index > 0 {
            continue;
        }
        match item(&decoded, start, part, lists) {
            Ok(_) if declared.len() >= MAX_NAMES_PER_LIST => {
                report_many(reader, attribute);
                break;
            }
            Ok(item) => declared.push(item),
            Err(fault) => {
                if report(reader, attribute, &decoded, fault, lists) {
                    break;
                }
            }
        }
    }
    declared
}

/// Reports what is wrong. The result says whether the help corrects the whole list, so that no other report is needed.
fn report(
    reader: &mut TagReader<'_>,
    attribute: &TagAttribute,
    decoded: &Decoded<'_>,
    fault: Fault,
    lists: TypedListKind,
) -> bool {
    let Fault {
        code,
        message,
        span,
        label,
        help,
    } = fault;
    let (help, whole) = match help {
        FaultHelp::Here(help) => (help, false),
        FaultHelp::Otherwise(otherwise) => {
            let name = reader.slice(attribute.name);
            let list = corrected(&decoded.text, lists).filter(|list| *list != decoded.text);
            match list.and_then(|list| written(name, &list)) {
                Some(attribute) => (format!("write `{attribute}`"), true),
                None => (otherwise, false),
            }
        }
    };
    reader.report(code, message, span, label, help);
    whole
}

/// The attribute with this value. `None`: no quotes can hold it, or a help can't show it.
fn written(name: &str, value: &str) -> Option<String> {
    let quote = ['"', '\''].into_iter().find(|quote| !value.contains(*quote))?;
    let value = value.replace('&', "&amp;");
    (!value.contains('`')).then(|| format!("{name}={quote}{value}{quote}"))
}

/// Splits at commas that stand in no quotes.
fn split(text: &str) -> Vec<(usize, &str)> {
    let mut parts = Vec::new();
    let (mut start, mut quote) = (0, None);
    for (at, c) in text.char_indices() {
        match (quote, c) {
            (None, ',') => {
                parts.push((start, &text[start..at]));
                start = at + 1;
            }
            (None, '\'' | '"') => quote = Some(c),
            (Some(open), _) if open == c => quote = None,
            _ => {}
        }
    }
    parts.push((start, &text[start..]));
    parts
}

fn item(decoded: &Decoded<'_>, start: usize, part: &str, lists: TypedListKind) -> Result<Declared, Fault> {
    let (declared, default) = match part.split_once('=') {
        Some((declared, default)) => (declared, Some(default)),
        None => (part, None),
    };
    let (name, ty) = match declared.split_once(':') {
        Some((name, ty)) => (name, Some(ty)),
        None => (declared, None),
    };
    let indent = name.len() - name.trim_start().len();
    let name = name.trim();
    let span = decoded.span(start + indent, start + indent + name.len());
    if part.trim().is_empty() {
        let span = decoded.span(start, (start + part.len() + 1).min(decoded.text.len()));
        return Err(no_name(span));
    }
    if !is_name(name) {
        return Err(bad_name(name, span));
    }
    let (ty, rust) = match ty {
        None => (Type::Any, None),
        Some(ty) => {
            let from = start + declared.len() - ty.trim_start().len();
            let span = decoded.span(from, from + ty.trim().len());
            read_type(ty.trim(), span, lists)?
        }
    };
    let part_span = decoded.span(start, start + part.len());
    let default = match default {
        None => None,
        Some(_) if lists != TypedListKind::Imports => {
            return Err(Fault {
                code: Code::BadList,
                message: "only an import has a default: it is what the page may leave out".to_owned(),
                span: part_span,
                label: "a default",
                help: FaultHelp::Otherwise("remove the equals sign and what follows it".to_owned()),
            });
        }
        Some(default) => Some(read_default(name, &ty, default, part_span)?),
    };
    Ok(Declared {
        name: name.to_owned(),
        span,
        ty,
        rust,
        shape: Shape::default(),
        default,
    })
}

fn no_name(span: Span) -> Fault {
    Fault {
        code: Code::BadList,
        message: "a name is missing beside this comma".to_owned(),
        span,
        label: "nothing here",
        help: FaultHelp::Otherwise("remove the comma, or write the name".to_owned()),
    }
}

fn bad_name(name: &str, span: Span) -> Fault {
    let letters = name.chars().take(40);
    let near: String = letters
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
        .skip_while(|c| !c.is_ascii_alphabetic() && *c != '_')
        .collect();
    let rule =
        "a name has letters, digits, underscores and hyphens, and starts with a letter or an underscore";
    let help = if near.is_empty() {
        "write `name: type`, with commas between: `dob: date, country: string = 'BE'`".to_owned()
    } else {
        format!("{rule}: `{near}`")
    };
    Fault {
        code: Code::BadName,
        message: format!("`{}` is not a name", short(name)),
        span,
        label: "not a name",
        help: FaultHelp::Otherwise(help),
    }
}

fn read_type(text: &str, span: Span, lists: TypedListKind) -> Result<(Type, Option<RustName>), Fault> {
    if let Ok(ty) = text.parse::<Type>() {
        return Ok((ty, None));
    }
    // Whether the crate has such a type is known when its files are read.
    if let Some((ty, name)) = type_name::rust(text).filter(|_| lists == TypedListKind::Attributes) {
        let written = text.to_owned();
        return Ok((ty, Some(RustName { name, written, span })));
    }
    let (message, help) = no_type(text);
    Err(Fault {
        code: Code::BadName,
        message,
        span,
        label: "not a type",
        help: help.map_or_else(
            || FaultHelp::Otherwise("write `any` where no type fits".to_owned()),
            FaultHelp::Here,
        ),
    })
}

/// Writes the problem of a text that names no type, with the type that was probably meant if one is near.
pub(crate) fn no_type(text: &str) -> (String, Option<String>) {
    match type_name::meant(text) {
        Some(meant) => {
            let message = format!("`{}` is not a type", short(text));
            (message, Some(format!("did you mean `{meant}`?")))
        }
        None => {
            let error = text.parse::<Type>().map_err(|error| error.to_string());
            (error.err().unwrap_or_default(), None)
        }
    }
}

fn read_default(name: &str, ty: &Type, default: &str, span: Span) -> Result<Value, Fault> {
    let fault = |message: String, label: &'static str, help: &str| Fault {
        code: Code::BadList,
        message,
        span,
        label,
        help: FaultHelp::Otherwise(help.to_owned()),
    };
    let Some(value) = literal(default.trim()) else {
        let message = format!("the default of `{name}` is not a value");
        let help = "write a text in quotes, a number, or one of true and false";
        return Err(fault(message, "not a value", help));
    };
    if ty.admits(&value) {
        return Ok(value);
    }
    let message = format!("the default of `{name}` does not fit its type `{ty}`");
    let help = match ty {
        Type::List(_) | Type::Map(_) => "leave the default out: a list or a map has none",
        Type::Boolean => "write true or false, without quotes",
        Type::Integer | Type::Number => "write a number, without quotes",
        _ => "write it in quotes",
    };
    Err(fault(message, "of another type", help))
}
