//! What a service offers: `m:ref`, and typed lists like `dob: date, country: string = 'BE'` (design section 3.3).

use hydra_contract::Type;
use serde_json::Value;

use crate::{
    parse::{Attribute, Tag},
    problem::Code,
    source::{SourceId, Span},
    suggest::nearest,
};

use super::{Attributed, Reader, Seen, is_name, resources, short, text, text::Decoded, unknown_attribute};

/// The attributes with a prefix that an element may have.
const ATTRIBUTES: [&str; 6] = ["ref", "imports", "exports", "attributes", "styles", "scripts"];

/// The types that have no type inside, to suggest.
const TYPES: [&str; 7] = [
    "string", "integer", "number", "boolean", "date", "datetime", "any",
];

/// What the `m:` attributes of an element say.
#[derive(Clone, Debug, Default)]
pub struct OfferTag {
    /// The fragment's name.
    pub reference: Option<Attributed<String>>,
    /// What it takes from a page.
    pub imports: Vec<Declared>,
    /// What it gives to a page.
    pub exports: Vec<Declared>,
    /// What it, or the page, has of its own. `None` where nothing is stated.
    pub attributes: Option<Vec<Declared>>,
    /// The style sheets that it needs, as written.
    pub styles: Vec<String>,
    /// The scripts that it needs, as written.
    pub scripts: Vec<String>,
}

/// An attribute with its type.
#[derive(Clone, Debug, PartialEq)]
pub struct Declared {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// Its type: `any` where none is stated.
    pub ty: Type,
    /// The value of an import that the page does not hand over.
    pub default: Option<Value>,
}

/// Reads the attributes of an element that have the prefix.
pub fn read_offer(
    source: SourceId,
    text: &str,
    prefix: &str,
    tag: &Tag,
    problems: &mut Vec<crate::problem::Problem>,
) -> OfferTag {
    let mut reader = Reader {
        source,
        text,
        problems,
    };
    let mut offer = OfferTag::default();
    let mut seen = Seen::default();
    for attribute in tag
        .attributes
        .iter()
        .filter(|attribute| has_prefix(text, prefix, attribute))
    {
        if !reader.is_sound(attribute, &mut seen) {
            continue;
        }
        let name = &text[attribute.name.range()][prefix.len() + 1..];
        let known = ATTRIBUTES.iter().find(|known| known.eq_ignore_ascii_case(name));
        match known.copied().unwrap_or_default() {
            "ref" => offer.reference = read_reference(&mut reader, attribute),
            "imports" => offer.imports = read_typed(&mut reader, attribute, true),
            "exports" => offer.exports = read_typed(&mut reader, attribute, false),
            // Empty: it has none, and says so.
            "attributes" if text::is_empty(&reader, attribute) => offer.attributes = Some(Vec::new()),
            "attributes" => offer.attributes = Some(read_typed(&mut reader, attribute, false)),
            "styles" => offer.styles = resources::read(&mut reader, attribute),
            "scripts" => offer.scripts = resources::read(&mut reader, attribute),
            _ => unknown_attribute(&mut reader, attribute, &ATTRIBUTES),
        }
    }
    offer
}

/// Whether an attribute's name starts with the file's prefix and a colon.
pub(crate) fn has_prefix(text: &str, prefix: &str, attribute: &Attribute) -> bool {
    let name = text[attribute.name.range()].as_bytes();
    name.len() > prefix.len()
        && name[prefix.len()] == b':'
        && name[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes())
}

fn read_reference(reader: &mut Reader<'_>, attribute: &Attribute) -> Option<Attributed<String>> {
    let decoded = text::fixed(reader, attribute, Code::BadName, "write the name out")?;
    let name = decoded.text.trim();
    let span = decoded.span(0, decoded.text.len());
    if !is_name(name) {
        let message = format!("`{}` is not a name for a fragment", short(name));
        let help = "a name has letters, digits, `_` and `-`, and starts with a letter or `_`";
        reader.report(Code::BadName, message, span, "not a name", help);
        return None;
    }
    Some(Attributed {
        value: name.to_owned(),
        span,
    })
}

fn read_typed(reader: &mut Reader<'_>, attribute: &Attribute, defaults: bool) -> Vec<Declared> {
    let Some(decoded) = text::fixed(reader, attribute, Code::BadList, "write the names out") else {
        return Vec::new();
    };
    let parts = split(&decoded.text);
    let last = parts.len() - 1;
    let mut declared = Vec::new();
    for (index, (start, part)) in parts.into_iter().enumerate() {
        if part.trim().is_empty() {
            if index == 0 || index < last {
                let span = decoded.span(start, (start + part.len() + 1).min(decoded.text.len()));
                let message = "a name is missing beside this comma";
                reader.report(
                    Code::BadList,
                    message,
                    span,
                    "nothing here",
                    "remove the comma, or write the name",
                );
            }
            continue;
        }
        declared.extend(read_declared(reader, &decoded, start, part, defaults));
    }
    declared
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

fn read_declared(
    reader: &mut Reader<'_>,
    decoded: &Decoded,
    start: usize,
    part: &str,
    defaults: bool,
) -> Option<Declared> {
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
    if !is_name(name) {
        let help = "write `name: type`, with commas between: `dob: date, country: string = 'BE'`";
        reader.report(
            Code::BadName,
            format!("`{}` is not a name", short(name)),
            span,
            "not a name",
            help,
        );
        return None;
    }
    let ty = match ty {
        None => Type::Any,
        Some(ty) => {
            let from = start + declared.len() - ty.trim_start().len();
            let span = decoded.span(from, from + ty.trim().len());
            read_type(reader, ty.trim(), span)?
        }
    };
    let part_span = decoded.span(start, start + part.len());
    let default = match default {
        None => None,
        Some(_) if !defaults => {
            let message = "only an import has a default: it is what the page may leave out";
            let help = "remove the `=` and what follows it";
            reader.report(Code::BadList, message, part_span, "a default", help);
            return None;
        }
        Some(default) => Some(read_default(reader, name, &ty, default, part_span)?),
    };
    Some(Declared {
        name: name.to_owned(),
        span,
        ty,
        default,
    })
}

fn read_type(reader: &mut Reader<'_>, text: &str, span: Span) -> Option<Type> {
    let error = match text.parse::<Type>() {
        Ok(ty) => return Some(ty),
        Err(error) => error,
    };
    let Some(near) = nearest(text, TYPES) else {
        let help = "for example `dob: date, sizes: list<string>`";
        reader.report(Code::BadName, error.to_string(), span, "not a type", help);
        return None;
    };
    let message = format!("`{}` is not a type", short(text));
    let help = format!("did you mean `{near}`?");
    reader.report(Code::BadName, message, span, "not a type", help);
    None
}

fn read_default(reader: &mut Reader<'_>, name: &str, ty: &Type, default: &str, span: Span) -> Option<Value> {
    let Some(value) = literal(default.trim()) else {
        let message = format!("the default of `{name}` is no value");
        let help = "write a text in quotes, a number, `true` or `false`";
        reader.report(Code::BadList, message, span, "not a value", help);
        return None;
    };
    if ty.admits(&value) {
        return Some(value);
    }
    let message = format!("the default of `{name}` does not fit its type `{ty}`");
    let help = match ty {
        Type::List(_) | Type::Map(_) => "leave the default out: a list or a map has none",
        Type::Boolean => "write `true` or `false`, without quotes",
        Type::Integer | Type::Number => "write a number, without quotes",
        _ => "write it in quotes",
    };
    reader.report(Code::BadList, message, span, "of another type", help);
    None
}

fn literal(text: &str) -> Option<Value> {
    for quote in ['\'', '"'] {
        if let Some(inner) = text.strip_prefix(quote) {
            return inner
                .strip_suffix(quote)
                .filter(|inner| !inner.contains(quote))
                .map(Value::from);
        }
    }
    serde_json::from_str(text)
        .ok()
        .filter(|value: &Value| value.is_number() || value.is_boolean())
}
