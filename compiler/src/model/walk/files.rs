//! Parents, blocks, includes and components: the texts that come together in a page.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, rc::Rc};

use crate::{
    site::visit,
    source::{Location, Span},
    tree::{Node, Reference, Section, SectionKind},
};

use super::{GroupId, Here, Needs, Step, Target, Trail, Walker};
use crate::model::scope::FrameKind;

/// The bodies of each block of a template and its parents, the most derived first.
#[derive(Debug, Default)]
pub(super) struct Lineage<'n> {
    blocks: HashMap<&'n str, Vec<(usize, &'n Section)>>,
}

impl<'n> Walker<'n> {
    /// A template as Tera renders it: its root parent, with the blocks of its children.
    pub(super) fn file(&mut self, here: &Here<'n>, file: usize) {
        let mut chain = vec![file];
        chain.extend(self.site.parents(file));
        let mut lineage = Lineage::default();
        for file in &chain {
            visit(&self.site.files[*file].tree.nodes, &mut |node| {
                if let Node::Section(section) = node
                    && section.kind == SectionKind::Block
                {
                    lineage
                        .blocks
                        .entry(&section.name)
                        .or_default()
                        .push((*file, section));
                }
            });
        }
        let root = chain.last().copied().unwrap_or(file);
        let here = Here {
            file: root,
            lineage: Some(Rc::new(lineage)),
            block: None,
            region: Needs::NOTHING,
            ..here.clone()
        };
        self.nodes(&here, &self.site.files[root].tree.nodes);
    }

    pub(super) fn block(&mut self, here: &Here<'n>, node: &'n Section) {
        self.structure(here, node.open.span, "a block");
        let derived = here
            .lineage
            .as_ref()
            .and_then(|lineage| lineage.blocks.get(node.name.as_str()));
        let (file, body) = derived
            .and_then(|bodies| bodies.first())
            .copied()
            .unwrap_or((here.file, node));
        self.last_block += 1;
        self.blocks.push(self.last_block);
        let block = Some((node.name.as_str(), 0));
        self.nodes(
            &Here {
                file,
                block,
                region: Needs::NOTHING,
                ..here.clone()
            },
            &body.body,
        );
        self.blocks.pop();
    }

    /// What `super()` brings in at the statement `place`.
    pub(super) fn super_call(&mut self, here: &Here<'n>, place: Span) {
        let Some((name, level)) = here.block else { return };
        self.structure(here, place, "`super()`");
        let bodies = here.lineage.as_ref().and_then(|lineage| lineage.blocks.get(name));
        if let Some((file, section)) = bodies.and_then(|bodies| bodies.get(level + 1)).copied() {
            let block = Some((name, level + 1));
            self.nodes(
                &Here {
                    file,
                    block,
                    counted: true,
                    region: Needs::NOTHING,
                    ..here.clone()
                },
                &section.body,
            );
        }
    }

    pub(super) fn include(&mut self, here: &Here<'n>, node: &'n Reference) {
        let Some(file) = self.site.find(&node.name) else {
            return;
        };
        let Some(trail) = self.step(here, node.open.span, Target::File(file)) else {
            return;
        };
        self.scope.push(FrameKind::Include);
        self.file(
            &Here {
                trail,
                counted: true,
                ..here.clone()
            },
            file,
        );
        self.scope.pop();
    }

    /// What the component `name` brings in, which the statement `place` calls. `arguments`: what they need.
    pub(super) fn call(&mut self, here: &Here<'n>, name: &'n str, place: Span, arguments: GroupId) {
        let Some(component) = self.components.find(name) else {
            return;
        };
        let target = Target::Component(name.to_owned());
        let Some(trail) = self.step(here, place, target) else {
            return;
        };
        let inside = Here {
            file: component.file,
            trail,
            counted: true,
            ..here.clone()
        };
        self.component_body(&inside, component.section, arguments);
    }

    /// The trail through one more statement. `None`: it goes round in a circle.
    fn step(&self, here: &Here<'n>, span: Span, target: Target) -> Option<Trail> {
        let mut earlier = here.trail.as_deref();
        while let Some(step) = earlier {
            if step.target == target {
                return None;
            }
            earlier = step.before.as_deref();
        }
        let location: Location = self.at(here, span);
        Some(Some(Rc::new(Step {
            location,
            target,
            before: here.trail.clone(),
        })))
    }
}
