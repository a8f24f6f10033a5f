//! Whether a node has to wait for exports, and how far the hole reaches.

use crate::{
    delimiters::inner,
    site::File,
    tree::{Node, Section, SectionKind},
};

use super::{
    Names,
    pending_names::Waiting,
    region_names::{Regions, header, headers, jumps, leaks_set},
};

/// Whether a node becomes a hole, and how far the hole reaches. The names are those that the hole waits for.
#[derive(Debug)]
pub(super) enum HoleExtent {
    /// The node is not a hole: Tera renders it with the page. Nodes inside of it may be holes.
    Nothing,
    /// The node is a hole.
    Hole(Names),
    /// The node is a hole together with the nodes behind it that use names which it sets.
    Rest(Names),
}

/// Whether a node becomes a hole where some names have no value yet.
pub(super) fn hole_extent(
    regions: &Regions<'_>,
    file: &File<'_>,
    node: &Node,
    waiting: &Waiting,
) -> HoleExtent {
    let text = &file.source.text;
    match node {
        _ if waiting.is_empty() => HoleExtent::Nothing,
        Node::Print(span) => hole(waiting.meet_in(text, inner(text, *span)), false),
        Node::Set(set) => hole(waiting.meet_in(text, set.value), true),
        Node::Fragment(node) => hole(waiting.meet_needed(text, &node.fragment), false),
        Node::Section(section) => hole_extent_of_section(regions, file, node, section, waiting),
        Node::If(chain) => {
            let waits = waiting.meet(&headers(text, chain));
            if !waits.is_empty() {
                return hole(waits, leaks_set(std::slice::from_ref(node), false));
            }
            let arms = chain
                .arms
                .iter()
                .map(|arm| rest(regions, file, &arm.body, waiting));
            arms.flatten()
                .next()
                .map_or(HoleExtent::Nothing, HoleExtent::Rest)
        }
        Node::For(repeat) => {
            // What the loop's own body sets stays in it; what its `else` sets does not.
            let leaks = leaks_set(std::slice::from_ref(node), false);
            let waits = waiting.meet(&header(text, repeat));
            if !waits.is_empty() {
                return hole(waits, leaks);
            }
            let inner = waiting.without(&repeat.names);
            let otherwise = repeat
                .otherwise
                .as_ref()
                .and_then(|(_, body)| rest(regions, file, body, waiting));
            let body = || need_of_body(regions, file, &repeat.body, &inner, leaks);
            otherwise
                .map(HoleExtent::Rest)
                .or_else(body)
                .unwrap_or(HoleExtent::Nothing)
        }
        // An included file is lowered for the exports that the text around the include waits for. It can't know the
        // names that are set from exports there: an include that uses one has to wait.
        Node::Reference(reference) if !reference.extends => {
            let names = regions.included_names(reference);
            hole(
                names
                    .filter(|names| waiting.derives(names))
                    .map_or_else(Names::new, |names| waiting.meet(names)),
                false,
            )
        }
        _ => HoleExtent::Nothing,
    }
}

fn hole(waits: Names, leaks: bool) -> HoleExtent {
    match (waits.is_empty(), leaks) {
        (true, _) => HoleExtent::Nothing,
        (false, true) => HoleExtent::Rest(waits),
        (false, false) => HoleExtent::Hole(waits),
    }
}

/// A filter and a `set` block need values, so that everything in them has to wait.
fn hole_extent_of_section(
    regions: &Regions<'_>,
    file: &File<'_>,
    node: &Node,
    section: &Section,
    waiting: &Waiting,
) -> HoleExtent {
    let nodes = std::slice::from_ref(node);
    match section.kind {
        SectionKind::Block | SectionKind::Component => HoleExtent::Nothing,
        SectionKind::Filter | SectionKind::Call => hole(
            waiting.meet(&regions.names(file, nodes)),
            leaks_set(&section.body, false),
        ),
        SectionKind::Capture | SectionKind::CaptureGlobal => {
            hole(waiting.meet(&regions.names(file, nodes)), true)
        }
    }
}

/// The names for which the rest of a list has to wait, from some node on.
fn rest(regions: &Regions<'_>, file: &File<'_>, nodes: &[Node], waiting: &Waiting) -> Option<Names> {
    nodes
        .iter()
        .find_map(|node| match hole_extent(regions, file, node, waiting) {
            HoleExtent::Rest(waits) => Some(waits),
            _ => None,
        })
}

/// Whether the body of a loop makes the whole loop wait. A hole can't contain a jump out of itself.
/// `leaks`: whether anything that the loop or its `else` sets is seen behind it.
fn need_of_body(
    regions: &Regions<'_>,
    file: &File<'_>,
    body: &[Node],
    waiting: &Waiting,
    leaks: bool,
) -> Option<HoleExtent> {
    let global = leaks_set(body, true);
    for (index, node) in body.iter().enumerate() {
        let (waits, region, last) = match hole_extent(regions, file, node, waiting) {
            HoleExtent::Nothing => match inner_jump(regions, file, node, waiting, leaks) {
                None => continue,
                found => return found,
            },
            HoleExtent::Hole(waits) => (waits, &body[index..=index], false),
            HoleExtent::Rest(waits) => (waits, &body[index..], true),
        };
        if global || leaks_set(region, true) {
            return Some(HoleExtent::Rest(waits));
        }
        if jumps(region) {
            return Some(hole(waits, leaks));
        }
        // The region reaches to the end of the body: nothing in it leaks or jumps.
        if last {
            break;
        }
    }
    None
}

/// The same for a node of the body that does not wait as a whole. A jump in it leaves this loop.
fn inner_jump(
    regions: &Regions<'_>,
    file: &File<'_>,
    node: &Node,
    waiting: &Waiting,
    leaks: bool,
) -> Option<HoleExtent> {
    match node {
        Node::If(chain) => chain
            .arms
            .iter()
            .find_map(|arm| need_of_body(regions, file, &arm.body, waiting, leaks)),
        Node::For(inner) => inner
            .otherwise
            .as_ref()
            .and_then(|(_, body)| need_of_body(regions, file, body, waiting, leaks)),
        _ => None,
    }
}
