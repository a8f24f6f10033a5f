//! What an editor shows about a name, in Markdown.
#![deny(clippy::disallowed_methods)]

use std::fmt::Write as _;

use hydra_contract::{FragmentContract, ImportContract, Type};

use crate::report::printable;

use super::{
    facts::{self, Attribute, Giver},
    site_view::SiteView,
    subject::{FragmentName, Subject, named},
};

/// How many users of a name are listed. The others are counted.
const MAX_LISTED: usize = 8;

/// What is known of a subject at a place. `None`: nothing.
pub(super) fn text(view: &SiteView<'_>, subject: &Subject, file: usize, offset: u32) -> Option<String> {
    match subject {
        Subject::Service(service) => service_text(view, service),
        Subject::Fragment(name) => Some(fragment_text(view, name)),
        Subject::Import(name, import) => Some(import_text(view, name, import)),
        Subject::Export(name, export) => Some(export_text(view, name, export)),
        Subject::Attribute(name) => attribute_text(view, name, file, offset),
        Subject::Template(name) => template_text(view, name),
    }
}

fn service_text(view: &SiteView<'_>, service: &str) -> Option<String> {
    let references = view.references(service);
    if references.is_empty() && !service.is_empty() && !view.input.contracts.contains_key(service) {
        return None;
    }
    let title = match service {
        "" => "this service".to_owned(),
        name => format!("`{}`", code(name)),
    };
    let mut text = format!("service {title}\n");
    list(
        &mut text,
        "offers",
        references.iter().map(|name| format!("`{}`", code(name))),
    );
    list(
        &mut text,
        "used in",
        files_with(view, |name| name.service == service),
    );
    Some(text)
}

fn fragment_text(view: &SiteView<'_>, name: &FragmentName) -> String {
    let mut text = format!("fragment {}\n", title(name));
    match view.fragment(&name.service, &name.reference) {
        None => text.push_str("\nnot in any contract\n"),
        Some(known) => {
            let FragmentContract { imports, exports, .. } = &known.contract;
            list(
                &mut text,
                "takes",
                imports.iter().map(|(name, import)| typed(name, import)),
            );
            list(
                &mut text,
                "gives",
                exports.iter().map(|(name, ty)| format!("`{}: {ty}`", code(name))),
            );
            if let Some(source) = known.place.and_then(|place| view.source(place.source)) {
                let verb = if name.service.is_empty() {
                    "offered"
                } else {
                    "promised"
                };
                let _ = writeln!(text, "\n{verb} in `{}`", code(&source.name));
            }
        }
    }
    list(&mut text, "used in", files_with(view, |other| other == name));
    text
}

fn import_text(view: &SiteView<'_>, name: &FragmentName, import: &str) -> String {
    let known = view.fragment(&name.service, &name.reference);
    let known = known.and_then(|known| known.contract.imports.get(import).cloned());
    match known {
        Some(known) => format!("{}: import of {}\n", typed(import, &known), title(name)),
        None => format!(
            "`{}`: {} imports no such attribute, as far as is known\n",
            code(import),
            title(name)
        ),
    }
}

fn export_text(view: &SiteView<'_>, name: &FragmentName, export: &str) -> String {
    let known = view.fragment(&name.service, &name.reference);
    match known.and_then(|known| known.contract.exports.get(export).cloned()) {
        Some(ty) => format!("`{}: {ty}`: export of {}\n", code(export), title(name)),
        None => format!(
            "`{}`: {} exports no such attribute, as far as is known\n",
            code(export),
            title(name)
        ),
    }
}

fn attribute_text(view: &SiteView<'_>, name: &str, file: usize, offset: u32) -> Option<String> {
    let givers: Vec<Attribute> = facts::attributes(view, file, offset).remove(name)?;
    let users = facts::uses(view, name, file, offset);
    let first = givers.first()?;
    let is_one_type = givers.iter().all(|giver| giver.ty == first.ty);
    let ty = if is_one_type { first.ty.clone() } else { Type::Any };
    let mut text = format!("`{}: {ty}`\n", code(name));
    list(&mut text, "given by", givers.iter().map(giver_text));
    let users = users.into_iter().filter_map(|used| {
        let source = view.source(used.place.source)?;
        let line = source.line_column(used.place.span.start).line;
        let place = format!("`{}` line {line}", code(&source.name));
        Some(match used.import_of {
            Some(fragment) => format!("{place}, passed to {}", title(&fragment)),
            None => place,
        })
    });
    list(&mut text, "used in", users);
    Some(text)
}

fn giver_text(attribute: &Attribute) -> String {
    let unit = code(&attribute.unit);
    match &attribute.giver {
        Giver::Field(owner, field) => {
            format!("the field `{}` of `{}`, for `{unit}`", code(field), code(owner))
        }
        Giver::Handler => format!("the handler of `{unit}`, as `m:attributes` states"),
        Giver::Import => format!("the page that embeds `{unit}`"),
        Giver::Export(fragment, name) => format!(
            "{}, which exports `{}`, for `{unit}`",
            title(fragment),
            code(name)
        ),
        Giver::Set => format!("a `set` of `{unit}`"),
    }
}

fn template_text(view: &SiteView<'_>, name: &str) -> Option<String> {
    let file = view.site.find(name)?;
    let users = view.site.files.iter().filter(|other| other.uses.contains(&file));
    let mut text = format!("template `{}`\n", code(name));
    list(
        &mut text,
        "used in",
        users.map(|user| format!("`{}`", code(&user.source.name))),
    );
    Some(text)
}

/// The templates in which a tag names such a fragment.
fn files_with<'v>(
    view: &'v SiteView<'_>,
    is_it: impl Fn(&FragmentName) -> bool + 'v,
) -> impl Iterator<Item = String> + 'v {
    let mut files: Vec<usize> = view
        .tags()
        .filter(|(_, tag)| named(view, tag).is_some_and(|name| is_it(&name)))
        .map(|(file, _)| file)
        .collect();
    files.dedup();
    files
        .into_iter()
        .map(|file| format!("`{}`", code(&view.site.files[file].source.name)))
}

/// "`checkout` of `orders`".
fn title(name: &FragmentName) -> String {
    match name.service.as_str() {
        "" => format!("`{}` of this service", code(&name.reference)),
        service => format!("`{}` of `{}`", code(&name.reference), code(service)),
    }
}

fn typed(name: &str, import: &ImportContract) -> String {
    match &import.default {
        Some(default) => format!("`{}: {} = {}`", code(name), import.ty, code(&default.to_string())),
        None => format!("`{}: {}`", code(name), import.ty),
    }
}

/// A text in backticks: nothing that ends them, and nothing that can't be printed.
fn code(text: &str) -> String {
    printable(text).replace(['`', '\n'], " ")
}

/// A heading with a list below. Nothing where the list is empty.
fn list(text: &mut String, heading: &str, items: impl Iterator<Item = String>) {
    let items: Vec<String> = items.collect();
    if items.is_empty() {
        return;
    }
    let _ = writeln!(text, "\n{heading}:");
    for item in items.iter().take(MAX_LISTED) {
        let _ = writeln!(text, "- {item}");
    }
    if items.len() > MAX_LISTED {
        let _ = writeln!(text, "- and {} more", items.len() - MAX_LISTED);
    }
}
