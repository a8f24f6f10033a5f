//! Walks through parents, blocks, includes and components, whose texts together make a page.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, rc::Rc};

use crate::{
    site::visit,
    source::{Location, Span},
    tree::{Node, Reference, Section, SectionKind},
};

use super::{GroupId, IncludeChain, IncludeStep, IncludeTarget, Needs, WalkPosition, Walker};
use crate::model::scope::ScopeFrameKind;

/// The bodies of each block of a template and its parents, the most derived first.
#[derive(Debug, Default)]
pub(super) struct Lineage<'n> {
    blocks: HashMap<&'n str, Vec<(usize, &'n Section)>>,
}

impl<'n> Walker<'n> {
    /// A template as Tera renders it: its root parent, with the blocks of its children.
    pub(super) fn file(&mut self, here: &WalkPosition<'n>, file: usize) {
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
        let here = WalkPosition {
            file: root,
            lineage: Some(Rc::new(lineage)),
            block: None,
            region: Needs::NOTHING,
            ..here.clone()
        };
        self.nodes(&here, &self.site.files[root].tree.nodes);
    }

    pub(super) fn block(&mut self, here: &WalkPosition<'n>, node: &'n Section) {
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
            &WalkPosition {
                file,
                block,
                region: Needs::NOTHING,
                form: self.form_around(here, node.open.span),
                ..here.clone()
            },
            &body.body,
        );
        self.blocks.pop();
    }

    /// What `super()` brings in at the statement `place`.
    pub(super) fn super_call(&mut self, here: &WalkPosition<'n>, place: Span) {
        let Some((name, level)) = here.block else { return };
        self.structure(here, place, "`super()`");
        let bodies = here.lineage.as_ref().and_then(|lineage| lineage.blocks.get(name));
        if let Some((file, section)) = bodies.and_then(|bodies| bodies.get(level + 1)).copied() {
            let block = Some((name, level + 1));
            self.nodes(
                &WalkPosition {
                    file,
                    block,
                    counted: true,
                    region: Needs::NOTHING,
                    form: self.form_around(here, place),
                    ..here.clone()
                },
                &section.body,
            );
        }
    }

    pub(super) fn include(&mut self, here: &WalkPosition<'n>, node: &'n Reference) {
        let Some(file) = self.site.find(&node.name) else {
            return;
        };
        let Some(include_chain) = self.step(here, node.open.span, IncludeTarget::File(file)) else {
            return;
        };
        self.scope.push(ScopeFrameKind::Include);
        self.file(
            &WalkPosition {
                include_chain,
                counted: true,
                form: self.form_around(here, node.open.span),
                ..here.clone()
            },
            file,
        );
        self.scope.pop();
    }

    /// What the component `name` brings in, which the statement `place` calls. `arguments`: what they need.
    pub(super) fn call(&mut self, here: &WalkPosition<'n>, name: &'n str, place: Span, arguments: GroupId) {
        let Some(component) = self.components.find(name) else {
            return;
        };
        let target = IncludeTarget::Component(name.to_owned());
        let Some(include_chain) = self.step(here, place, target) else {
            return;
        };
        let inside = WalkPosition {
            file: component.file,
            include_chain,
            counted: true,
            form: self.form_around(here, place),
            ..here.clone()
        };
        self.component_body(&inside, component.section, arguments);
    }

    /// The chain with one more statement. `None`: the statement brings in a file that the chain already contains.
    fn step(&self, here: &WalkPosition<'n>, span: Span, target: IncludeTarget) -> Option<IncludeChain> {
        let mut earlier = here.include_chain.as_deref();
        while let Some(step) = earlier {
            if step.target == target {
                return None;
            }
            earlier = step.before.as_deref();
        }
        let location: Location = self.at(here, span);
        Some(Some(Rc::new(IncludeStep {
            location,
            target,
            before: here.include_chain.clone(),
        })))
    }
}
