//! The attributes of offered elements: `m:ref`, and typed lists like `dob: date, country: string = 'BE'` (design section 3.3).

use smol_str::SmolStr;

use crate::{
    parse::{Tag, TagAttribute},
    problem::Code,
    source::{SourceId, Span},
};

use super::{
    Attributed, SeenAttributes, TagReader,
    declared::{Declared, TypedListKind},
    is_name, resources, short, text, typed, unknown_attribute,
};

/// The attributes with a prefix that an element may have.
const ATTRIBUTES: [&str; 7] = [
    "ref",
    "imports",
    "exports",
    "attributes",
    "styles",
    "scripts",
    "action",
];

/// What the `m:` attributes of an element say. A site may have very many, and all are held at once: its lists have no spare room.
#[derive(Clone, Debug, Default)]
pub struct OfferTag {
    /// The fragment's name.
    pub reference: Option<Attributed<SmolStr>>,
    /// What it takes from a page.
    pub imports: Box<[Declared]>,
    /// What it gives to a page.
    pub exports: Box<[Declared]>,
    /// What it, or the page, has of its own. `None` where nothing is stated.
    pub attributes: Option<Box<[Declared]>>,
    /// The style sheets that it needs, as written.
    pub styles: Box<[String]>,
    /// The scripts that it needs, as written.
    pub scripts: Box<[String]>,
    /// The name of the action to which it sends what visitors type, and the attribute that says so. Boxed: few elements have one.
    pub action: Option<Box<(Attributed<SmolStr>, Span)>>,
}

/// Reads the attributes of an element that have the prefix.
pub(crate) fn read_offer(
    source: SourceId,
    text: &str,
    prefix: &str,
    tag: &Tag,
    problems: &mut Vec<crate::problem::Problem>,
) -> OfferTag {
    let mut reader = TagReader {
        source,
        text,
        problems,
    };
    let mut offer = OfferTag::default();
    let mut seen = SeenAttributes::default();
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
            "ref" => offer.reference = read_name(&mut reader, attribute, "a fragment"),
            "imports" => offer.imports = typed::read(&mut reader, attribute, TypedListKind::Imports).into(),
            "exports" => offer.exports = typed::read(&mut reader, attribute, TypedListKind::Exports).into(),
            // Empty: it has none, and says so.
            "attributes" if text::is_empty(&reader, attribute) => offer.attributes = Some(Box::default()),
            "attributes" => {
                offer.attributes =
                    Some(typed::read(&mut reader, attribute, TypedListKind::Attributes).into());
            }
            "styles" => offer.styles = resources::read(&mut reader, attribute).into(),
            "scripts" => offer.scripts = resources::read(&mut reader, attribute).into(),
            "action" => {
                let name = read_name(&mut reader, attribute, "an action");
                offer.action = name.map(|name| Box::new((name, attribute.span)));
            }
            _ => unknown_attribute(&mut reader, attribute, &ATTRIBUTES),
        }
    }
    offer
}

/// Whether an attribute's name starts with the file's prefix and a colon.
pub(crate) fn has_prefix(text: &str, prefix: &str, attribute: &TagAttribute) -> bool {
    let name = text[attribute.name.range()].as_bytes();
    name.len() > prefix.len()
        && name[prefix.len()] == b':'
        && name[..prefix.len()].eq_ignore_ascii_case(prefix.as_bytes())
}

fn read_name(
    reader: &mut TagReader<'_>,
    attribute: &TagAttribute,
    what: &str,
) -> Option<Attributed<SmolStr>> {
    let decoded = text::fixed(reader, attribute, Code::BadName, "write the name out")?;
    let name = decoded.text.trim();
    let span = decoded.span(0, decoded.text.len());
    if !is_name(name) {
        let message = format!("`{}` is not a name for {what}", short(name));
        let help = "a name has letters, digits, `_` and `-`, and starts with a letter or `_`";
        reader.report(Code::BadName, message, span, "not a name", help);
        return None;
    }
    Some(Attributed {
        value: name.into(),
        span,
    })
}
