//! Whether a node has to wait for exports, and how far the hole reaches.

use crate::{
    site::File,
    tree::{Node, Section, SectionKind},
};

use super::{
    Names,
    region::{Regions, header, headers, jumps, leaks_set, meet, needed, span_names},
};

/// What a node needs. The names are those that make it wait.
#[derive(Debug)]
pub(super) enum Need {
    /// Nothing: Tera renders it with the page. What stands in it may need something.
    Nothing,
    /// It is a hole.
    Hole(Names),
    /// It is a hole together with all that follows in its scope, since that sees what it sets.
    Rest(Names),
}

/// What a node needs where `exports` are not yet there.
pub(super) fn need(regions: &Regions<'_>, file: &File<'_>, node: &Node, exports: &Names) -> Need {
    let text = &file.source.text;
    match node {
        _ if exports.is_empty() => Need::Nothing,
        Node::Print(delimited) => hole(meet(&span_names(text, delimited.inner), exports), false),
        Node::Set(set) => hole(meet(&span_names(text, set.value), exports), true),
        Node::Fragment(node) => hole(meet(&needed(text, &node.fragment), exports), false),
        Node::Section(section) => need_of_section(regions, file, node, section, exports),
        Node::If(chain) => {
            let waits = meet(&headers(text, chain), exports);
            if !waits.is_empty() {
                return hole(waits, leaks_set(std::slice::from_ref(node), false));
            }
            let arms = chain
                .arms
                .iter()
                .map(|arm| rest(regions, file, &arm.body, exports));
            arms.flatten().next().map_or(Need::Nothing, Need::Rest)
        }
        Node::For(repeat) => {
            let global = leaks_set(std::slice::from_ref(node), true);
            let waits = meet(&header(text, repeat), exports);
            if !waits.is_empty() {
                return hole(waits, global);
            }
            let inner: Names = exports
                .iter()
                .filter(|name| !repeat.names.contains(name))
                .cloned()
                .collect();
            let otherwise = repeat
                .otherwise
                .as_ref()
                .and_then(|(_, body)| rest(regions, file, body, exports));
            let body = || need_of_body(regions, file, &repeat.body, &inner, global);
            otherwise.map(Need::Rest).or_else(body).unwrap_or(Need::Nothing)
        }
        _ => Need::Nothing,
    }
}

fn hole(waits: Names, leaks: bool) -> Need {
    match (waits.is_empty(), leaks) {
        (true, _) => Need::Nothing,
        (false, true) => Need::Rest(waits),
        (false, false) => Need::Hole(waits),
    }
}

/// A filter and a `set` block must see values, so that all that stands in them has to wait.
fn need_of_section(
    regions: &Regions<'_>,
    file: &File<'_>,
    node: &Node,
    section: &Section,
    exports: &Names,
) -> Need {
    let nodes = std::slice::from_ref(node);
    match section.kind {
        SectionKind::Block | SectionKind::Component => Need::Nothing,
        SectionKind::Filter | SectionKind::Call => hole(
            meet(&regions.names(file, nodes), exports),
            leaks_set(&section.body, false),
        ),
        SectionKind::Capture | SectionKind::CaptureGlobal => {
            hole(meet(&regions.names(file, nodes), exports), true)
        }
    }
}

/// The names for which the rest of a list has to wait, from some node on.
fn rest(regions: &Regions<'_>, file: &File<'_>, nodes: &[Node], exports: &Names) -> Option<Names> {
    nodes
        .iter()
        .find_map(|node| match need(regions, file, node, exports) {
            Need::Rest(waits) => Some(waits),
            _ => None,
        })
}

/// What the body of a loop makes of the loop as a whole. A hole can't jump out of itself: then all of the loop waits.
fn need_of_body(
    regions: &Regions<'_>,
    file: &File<'_>,
    body: &[Node],
    exports: &Names,
    global: bool,
) -> Option<Need> {
    body.iter().enumerate().find_map(|(index, node)| {
        let (waits, region) = match need(regions, file, node, exports) {
            Need::Nothing => return inner_jump(regions, file, node, exports, global),
            Need::Hole(waits) => (waits, &body[index..=index]),
            Need::Rest(waits) => (waits, &body[index..]),
        };
        if leaks_set(region, true) || global && leaks_set(body, true) {
            return Some(Need::Rest(waits));
        }
        jumps(region).then_some(Need::Hole(waits))
    })
}

/// The same for the branches of an `if` in the body that does not wait as a whole.
fn inner_jump(
    regions: &Regions<'_>,
    file: &File<'_>,
    node: &Node,
    exports: &Names,
    global: bool,
) -> Option<Need> {
    match node {
        Node::If(chain) => chain
            .arms
            .iter()
            .find_map(|arm| need_of_body(regions, file, &arm.body, exports, global)),
        _ => None,
    }
}
