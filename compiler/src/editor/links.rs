//! Where a name is defined, and where it is used.
#![deny(clippy::disallowed_methods)]

use crate::{model::spelled, source::Location};

use super::{
    facts,
    site_view::SiteView,
    subject::{FragmentName, Subject, named, of_reference},
};

/// Where a subject at a place is defined in this site: a field, a list, an element, a file or a contract.
pub(super) fn definitions(view: &SiteView<'_>, subject: &Subject, file: usize, offset: u32) -> Vec<Location> {
    match subject {
        Subject::Service(service) => view.contract_place(service, &[]).into_iter().collect(),
        Subject::Attribute(name) => {
            let given = facts::attributes(view, file, offset)
                .remove(name)
                .unwrap_or_default();
            given.into_iter().map(|attribute| attribute.place).collect()
        }
        Subject::Template(name) => {
            let found = view.site.find(name).map(|file| view.site.files[file].id);
            found
                .map(|id| crate::source::Span::default().at(id))
                .into_iter()
                .collect()
        }
        Subject::Fragment(name) | Subject::Import(name, _) | Subject::Export(name, _) => {
            let stated = match name.service.as_str() {
                "" => offered(view, subject),
                service => promised(view, service, subject),
            };
            stated.into_iter().collect()
        }
    }
}

/// Where this site offers a fragment, or states what it takes or gives. The service of the subject does not matter.
pub(super) fn offered(view: &SiteView<'_>, subject: &Subject) -> Option<Location> {
    let (Subject::Fragment(fragment) | Subject::Import(fragment, _) | Subject::Export(fragment, _)) = subject
    else {
        return None;
    };
    let (file, offer) = view.offer(&fragment.reference)?;
    let declared = match subject {
        Subject::Import(_, name) => offer.tag.imports.iter().find(|declared| declared.name == *name),
        Subject::Export(_, name) => offer.tag.exports.iter().find(|declared| declared.name == *name),
        _ => None,
    };
    let of_fragment = offer.tag.reference.as_ref().map(|reference| reference.span);
    let span = declared.map(|declared| declared.span).or(of_fragment)?;
    Some(span.at(view.site.files[file].id))
}

/// Where the contract of a service promises it.
pub(super) fn promised(view: &SiteView<'_>, service: &str, subject: &Subject) -> Option<Location> {
    let path = match subject {
        Subject::Service(_) => vec![],
        Subject::Fragment(name) => vec!["fragments", &name.reference],
        Subject::Import(name, import) => vec!["fragments", &name.reference, "imports", import],
        Subject::Export(name, export) => vec!["fragments", &name.reference, "exports", export],
        Subject::Attribute(_) | Subject::Template(_) => return None,
    };
    view.contract_place(service, &path)
}

/// Where this site uses a subject that its templates share: all but attributes, which belong to pages.
pub(super) fn uses(view: &SiteView<'_>, subject: &Subject) -> Vec<Location> {
    match subject {
        Subject::Attribute(_) => Vec::new(),
        Subject::Template(name) => {
            let files = view.site.files.iter();
            let found = files.flat_map(|file| {
                let references = crate::site::references(&file.tree).into_iter();
                let named_so = references.filter(|reference| reference.name == *name);
                let places = named_so.filter_map(|reference| of_reference(&file.source.text, reference));
                places.map(|(_, span)| span.at(file.id)).collect::<Vec<_>>()
            });
            found.collect()
        }
        subject => view
            .tags()
            .flat_map(|(file, tag)| uses_of_tag(view, subject, file, tag))
            .collect(),
    }
}

fn uses_of_tag(
    view: &SiteView<'_>,
    subject: &Subject,
    file: usize,
    tag: &crate::tree::FragmentNode,
) -> Vec<Location> {
    let fragment = &tag.fragment;
    let is_it = |wanted: &FragmentName| named(view, tag).as_ref() == Some(wanted);
    let spans: Vec<_> = match subject {
        Subject::Service(service) => {
            let named_so = fragment
                .fixed_service()
                .is_some_and(|name| view.service(name) == service);
            fragment
                .service
                .iter()
                .filter(|_| named_so)
                .map(|service| service.span)
                .collect()
        }
        Subject::Fragment(wanted) if is_it(wanted) => {
            fragment.reference.iter().map(|name| name.span).collect()
        }
        Subject::Import(wanted, name) if is_it(wanted) => {
            let items = fragment.imports.iter().filter(|item| item.target() == name);
            items.map(|item| item.target_span).collect()
        }
        Subject::Export(wanted, name) if is_it(wanted) => {
            let items = fragment.exports.iter().filter(|item| item.name() == name);
            items.map(|item| item.name_span).collect()
        }
        _ => Vec::new(),
    };
    let id = view.site.files[file].id;
    spans.into_iter().map(|span| span.at(id)).collect()
}

/// Where the pages around a place use an attribute.
pub(super) fn uses_of_attribute(view: &SiteView<'_>, name: &str, file: usize, offset: u32) -> Vec<Location> {
    let uses = facts::uses(view, &spelled(name), file, offset).into_iter();
    uses.map(|used| used.place).collect()
}
