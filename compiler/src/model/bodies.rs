//! Finds out whether a component prints the body of its call unchanged.
#![deny(clippy::disallowed_methods)]

use crate::{
    delimiters::inner,
    expression_names::behind_name,
    fragment::AttributeText,
    site::{File, Site},
    source::{Location, Span},
    tree::{FragmentNode, Node, Section, SectionKind},
};

use super::{
    Components,
    prints_unchanged::{BODY, asks_for_body, prints_body, uses_body},
};

/// The first place where the component `name` makes a value of its body. `None`: it prints it, or leaves it out.
pub(super) fn kept_body(site: &Site<'_>, components: &Components<'_>, name: &str) -> Option<Location> {
    let mut search = BodySearch {
        site,
        components,
        seen: Vec::new(),
        included: Vec::new(),
    };
    search.component(name)
}

struct BodySearch<'s, 'n> {
    site: &'s Site<'n>,
    components: &'s Components<'s>,
    /// The components that were looked into.
    seen: Vec<String>,
    /// The files that were looked into because they are included.
    included: Vec<(usize, bool)>,
}

impl BodySearch<'_, '_> {
    fn component(&mut self, name: &str) -> Option<Location> {
        if self.seen.iter().any(|seen| seen == name) {
            return None;
        }
        self.seen.push(name.to_owned());
        let component = self.components.find(name)?;
        self.nodes(component.file, &component.section.body, false)
    }

    /// `captured`: whether what the nodes print becomes a value.
    fn nodes(&mut self, file: usize, nodes: &[Node], captured: bool) -> Option<Location> {
        nodes.iter().find_map(|node| self.node(file, node, captured))
    }

    fn node(&mut self, index: usize, node: &Node, captured: bool) -> Option<Location> {
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
                if self.included.contains(&(included, captured)) {
                    return None;
                }
                self.included.push((included, captured));
                self.nodes(included, &site.files[included].tree.nodes, captured)
            }
            _ => None,
        }
    }

    fn section(&mut self, index: usize, section: &Section, captured: bool) -> Option<Location> {
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
