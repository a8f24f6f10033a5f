//! Walks through statements with a body: captures, and calls of components.
#![deny(clippy::disallowed_methods)]

use crate::{
    expression_names::behind_name,
    source::{Location, Span},
    tree::{Section, SectionKind},
};

use super::{CaptureKind, GroupId, Need, NeedList, Needs, Structure, WalkPosition, Walker};
use crate::model::{
    components::{arguments, definitions},
    scope::{Bound, ScopeFrameKind},
};

/// A part of a page whose content Tera must have as a whole.
#[derive(Default)]
pub(super) struct Capture<'n> {
    /// What its content needs.
    pub(super) needs: NeedList<'n>,
    /// A `super()` or a block in it.
    structures: Vec<(Location, &'static str)>,
}

impl<'n> Walker<'n> {
    pub(super) fn section(&mut self, here: &WalkPosition<'n>, node: &'n Section) {
        match node.kind {
            SectionKind::Block => self.block(here, node),
            SectionKind::Filter => {
                let needs = self.arguments(here, node);
                self.capture(here, node, CaptureKind::Filter, needs);
            }
            SectionKind::Capture | SectionKind::CaptureGlobal => {
                let needs = self.arguments(here, node);
                let needs = self.capture(here, node, CaptureKind::Variable, needs);
                let place = self.at(here, node.open.span);
                let global = node.kind == SectionKind::CaptureGlobal;
                self.assign(here, &node.name, place, global, needs, 0);
            }
            SectionKind::Call => {
                let needs = self.expression(here, node.open.inner);
                let inside = WalkPosition {
                    form: self.form_around_body(here, node),
                    ..here.clone()
                };
                match self.kept_body(&node.name) {
                    Some(kept) => {
                        self.capture(&inside, node, CaptureKind::Body(kept), NeedList::new());
                    }
                    None => self.nodes(&inside, &node.body),
                }
                self.printed(here, node.open.inner, node.open.span, needs);
            }
            // It prints nothing where it is defined.
            SectionKind::Component => {}
        }
    }

    /// What the arguments of a section's filters need.
    fn arguments(&mut self, here: &WalkPosition<'n>, node: &'n Section) -> NeedList<'n> {
        let arguments = behind_name(&self.source(here).text, node.open.inner);
        let needs = self.expression(here, arguments);
        self.values(here, arguments, node.open.span, &needs);
        needs
    }

    /// Goes through a section whose content Tera must have as a whole. The result is what it needs.
    fn capture(
        &mut self,
        here: &WalkPosition<'n>,
        node: &'n Section,
        how: CaptureKind,
        needs: NeedList<'n>,
    ) -> NeedList<'n> {
        let place = self.at(here, node.open.span);
        self.captured(here, (place, how), needs, |walker, here| {
            walker.nodes(here, &node.body);
        })
    }

    /// Goes through something of which the statement makes a value. The result is what it needs.
    pub(super) fn captured(
        &mut self,
        here: &WalkPosition<'n>,
        capture: (Location, CaptureKind),
        needs: NeedList<'n>,
        inside: impl FnOnce(&mut Self, &WalkPosition<'n>),
    ) -> NeedList<'n> {
        self.captures.push(Capture {
            needs,
            structures: Vec::new(),
        });
        let capture = here.capture.or(Some(capture));
        inside(
            self,
            &WalkPosition {
                capture,
                ..here.clone()
            },
        );
        let Some(captured) = self.captures.pop() else {
            return NeedList::new();
        };
        let group = self.page.needs.group(captured.needs);
        for (location, what) in &captured.structures {
            self.page.structures.push(Structure {
                location: *location,
                what,
                group,
            });
        }
        if let Some(outer) = self.captures.last_mut() {
            outer.needs.push(Need::Group(group));
            outer.structures.extend(captured.structures);
        }
        NeedList::from_elem(Need::Group(group), 1)
    }

    /// Where a component makes a value of its body.
    fn kept_body(&mut self, name: &'n str) -> Option<Location> {
        let (site, components) = (self.site, self.components);
        self.kept_bodies.of(site, components, name)
    }

    /// Notes something that can't wait for an export.
    pub(super) fn structure(&mut self, here: &WalkPosition<'n>, span: Span, what: &'static str) {
        let location = self.at(here, span);
        if let Some(capture) = self.captures.last_mut() {
            capture.structures.push((location, what));
        }
        if here.region != Needs::NOTHING {
            self.page.structures.push(Structure {
                location,
                what,
                group: here.region,
            });
        }
    }

    /// The components that this file defines, each as if a page called it.
    pub(super) fn definitions(&mut self, here: &WalkPosition<'n>) {
        for section in definitions(&self.site.files[here.file].tree) {
            self.component_body(here, section, Needs::NOTHING);
        }
    }

    pub(super) fn component_body(&mut self, here: &WalkPosition<'n>, section: &'n Section, group: GroupId) {
        let text = &self.source(here).text;
        let place = self.at(here, section.open.span);
        self.scope.push(ScopeFrameKind::Component);
        let arguments = arguments(text, section.open.inner);
        for name in arguments.into_iter().map(|(name, _)| name).chain(["body"]) {
            self.scope.bind(
                name,
                Bound {
                    certain: true,
                    group,
                    block: 0,
                    place,
                    shape: 0,
                },
            );
        }
        let inside = WalkPosition {
            component: Some(&section.name),
            region: Needs::NOTHING,
            lineage: None,
            block: None,
            ..here.clone()
        };
        self.nodes(&inside, &section.body);
        self.scope.pop();
    }
}
