#![doc = include_str!("../explain/file-of-another-service.md")]
//! ## Details
//!
//! The contracts and the tags of the site tell which services exist.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use memchr::memrchr;

use crate::{
    fragment::short,
    limits::MAX_BYTES_BEFORE_ADDRESS,
    problem::{Code, Problem, counted},
    site::{File, Site, fragments},
    source::Span,
};

use super::SiteContext;

pub(super) fn check(site: &Site<'_>, context: &SiteContext<'_>) -> Vec<Problem> {
    if site.files.iter().all(|file| file.tree.linked.is_empty()) {
        return Vec::new();
    }
    let others = others(site, context);
    let linked = site.files.iter().flat_map(|file| {
        let linked = file.tree.linked.iter();
        linked.filter_map(|address| problem(file, *address, &others))
    });
    counted(linked)
}

/// The other services. Without a name of its own, a site can't tell its contract from those of others.
fn others<'a>(site: &'a Site<'_>, context: &SiteContext<'a>) -> BTreeSet<&'a str> {
    let own = context.options.service.as_deref();
    let tags = site.files.iter().flat_map(|file| fragments(&file.tree.nodes));
    let named = tags.filter_map(|tag| tag.fragment.fixed_service());
    let contracts = context.contracts.keys().filter(|_| own.is_some());
    named
        .chain(contracts.map(String::as_str))
        .filter(|service| !service.is_empty() && Some(*service) != own)
        .collect()
}

fn problem(file: &File<'_>, address: Span, others: &BTreeSet<&str>) -> Option<Problem> {
    let written = file.source.text.get(address.range())?;
    let path = written.trim().strip_prefix('/')?;
    let (service, name) = path.split_once('/')?;
    if !others.contains(service) {
        return None;
    }
    let (shown, attribute) = (short(service), attribute(file, address, name));
    let message = format!("this links a file of `{shown}`, and waits for it also where that service is away");
    let help = format!(
        "remove it, and write {attribute} beside the `m:ref` of the fragment in `{shown}` that needs it: then a page links it \
         where that fragment is shown"
    );
    let label = format!("a file of `{shown}`");
    Some(Problem::new(Code::FileOfAnotherService, message, address.at(file.id), label).help(help))
}

/// What the other service should write: text that can be pasted where the name is fixed.
fn attribute(file: &File<'_>, address: Span, name: &str) -> String {
    // A tag is seldom longer, and there may be many addresses in one text.
    let end = address.start as usize;
    let before = &file.source.text.as_bytes()[end.saturating_sub(MAX_BYTES_BEFORE_ADDRESS)..end];
    let tag = memrchr(b'<', before).map_or(&[][..], |at| &before[at..]);
    let is_script = tag
        .get(..7)
        .is_some_and(|tag| tag.eq_ignore_ascii_case(b"<script"));
    let attribute = if is_script || name.ends_with(".js") || name.ends_with(".mjs") {
        "m:scripts"
    } else {
        "m:styles"
    };
    match name.contains(['{', '"', '\n']) || short(name) != name {
        true => format!("`{attribute}`"),
        false => format!("`{attribute}=\"{name}\"`"),
    }
}
