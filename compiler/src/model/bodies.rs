//! Finds out whether a component prints the body of its call unchanged.
#![deny(clippy::disallowed_methods)]

use std::collections::HashMap;

use crate::{
    delimiters::inner,
    expression_names::behind_name,
    fragment::AttributeText,
    limits::MAX_PAGE_DEPTH,
    site::{File, Site},
    source::{Location, Span},
    tree::{FragmentNode, Node, Section, SectionKind},
};

use super::{
    Components,
    prints_unchanged::{BODY, asks_for_body, prints_body, uses_body},
};

/// What is known already: where components and included files make values of the body. `None`: they print it, or leave it out.
#[derive(Default)]
pub(super) struct KeptBodies<'n> {
    components: HashMap<&'n str, Option<Location>>,
    /// By file, and by whether what it prints becomes a value.
    included: HashMap<(usize, bool), Option<Location>>,
}

impl<'n> KeptBodies<'n> {
    /// The first place where the component `name` makes a value of its body. `None`: it prints it, or leaves it out.
    pub(super) fn of(
        &mut self,
        site: &'n Site<'n>,
        components: &'n Components<'n>,
        name: &'n str,
    ) -> Option<Location> {
        let mut search = BodySearch {
            site,
            components,
            known: self,
            depth: 0,
        };
        search.component(name)
    }
}

struct BodySearch<'n, 'k> {
    site: &'n Site<'n>,
    components: &'n Components<'n>,
    known: &'k mut KeptBodies<'n>,
    /// How many bodies lie around the nodes that are looked at.
    depth: u32,
}

impl<'n> BodySearch<'n, '_> {
    fn component(&mut self, name: &'n str) -> Option<Location> {
        if let Some(known) = self.known.components.get(name) {
            return *known;
        }
        // A component that calls itself adds nothing by the inner call.
        self.known.components.insert(name, None);
        let component = self.components.find(name)?;
        let found = self.nodes(component.file, &component.section.body, false);
        self.known.components.insert(name, found);
        found
    }

    fn included(&mut self, file: usize, captured: bool) -> Option<Location> {
        if let Some(known) = self.known.included.get(&(file, captured)) {
            return *known;
        }
        self.known.included.insert((file, captured), None);
        let site = self.site;
        let found = self.nodes(file, &site.files[file].tree.nodes, captured);
        self.known.included.insert((file, captured), found);
        found
    }

    /// `captured`: whether what the nodes print becomes a value.
    fn nodes(&mut self, file: usize, nodes: &'n [Node], captured: bool) -> Option<Location> {
        // The walk through the page nests as deep and reports it.
        if self.depth > MAX_PAGE_DEPTH {
            return None;
        }
        self.depth += 1;
        let found = nodes.iter().find_map(|node| self.node(file, node, captured));
        self.depth -= 1;
        found
    }

    fn node(&mut self, index: usize, node: &'n Node, captured: bool) -> Option<Location> {
        let site = self.site;
        let file = &site.files[index];
        let text = file.source.text.as_str();
        match node {
            Node::Print(span) => {
                let expression = inner(text, *span);
                let whole = if captured {
                    !uses_body(text, expression)
                } else {
                    prints_body(text, expression)
                };
                (!whole).then(|| span.at(file.id))
            }
            Node::Set(set) => kept(file, set.value, set.open.span),
            Node::If(chain) => chain.arms.iter().find_map(|arm| {
                let asked = arm.otherwise || asks_for_body(text, arm.open.inner);
                let header = (!asked).then(|| arm.open.span.at(file.id));
                header.or_else(|| self.nodes(index, &arm.body, captured))
            }),
            Node::For(repeat) => {
                let hidden = repeat.names.iter().any(|name| name == BODY);
                let body = if hidden { &[][..] } else { &repeat.body };
                kept(file, repeat.header, repeat.open.span)
                    .or_else(|| self.nodes(index, body, captured))
                    .or_else(|| {
                        let (_, otherwise) = repeat.otherwise.as_ref()?;
                        self.nodes(index, otherwise, captured)
                    })
            }
            Node::Section(section) => self.section(index, section, captured),
            Node::Fragment(fragment) => {
                handed_over(file, fragment).or_else(|| self.nodes(index, &fragment.fallback, true))
            }
            Node::Reference(reference) if !reference.extends => {
                let included = site.find(&reference.name)?;
                self.included(included, captured)
            }
            _ => None,
        }
    }

    fn section(&mut self, index: usize, section: &'n Section, captured: bool) -> Option<Location> {
        let file = &self.site.files[index];
        let arguments = match section.kind {
            SectionKind::Block => return self.nodes(index, &section.body, captured),
            SectionKind::Component => return None,
            SectionKind::Call => section.open.inner,
            _ => behind_name(&file.source.text, section.open.inner),
        };
        let captured = captured
            || match section.kind {
                SectionKind::Call => self.component(&section.name).is_some(),
                _ => true,
            };
        kept(file, arguments, section.open.span).or_else(|| self.nodes(index, &section.body, captured))
    }
}

/// The statement at `place`, if its expression uses the body.
fn kept(file: &File<'_>, expression: Span, place: Span) -> Option<Location> {
    uses_body(&file.source.text, expression).then(|| place.at(file.id))
}

/// The tag, if it hands the body to a fragment.
fn handed_over(file: &File<'_>, node: &FragmentNode) -> Option<Location> {
    let fragment = &node.fragment;
    let computed = [&fragment.service, &fragment.reference].into_iter().flatten();
    let is_used = fragment.imports.iter().any(|item| item.root() == BODY)
        || computed.into_iter().any(|value| match &value.value {
            AttributeText::Expression(span) => uses_body(&file.source.text, *span),
            AttributeText::Fixed(_) => false,
        });
    is_used.then(|| node.open.at(file.id))
}
