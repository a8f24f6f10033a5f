//! Finds the `<form>` elements around what other files and components bring in.
#![deny(clippy::disallowed_methods)]

use crate::{
    delimiters::inner,
    limits::MAX_PAGE_DEPTH,
    site::visit,
    source::{Location, Span},
    tree::{Node, Section, SectionKind},
};

use super::{WalkPosition, Walker};
use crate::model::prints_unchanged::uses_body;

impl<'n> Walker<'n> {
    /// The opening tag of a `<form>` around a place: in its own file, or in one that brings its text in.
    pub(super) fn form_around(&self, here: &WalkPosition<'n>, place: Span) -> Option<Location> {
        self.form_in_file(here.file, place).or(here.form)
    }

    fn form_in_file(&self, file: usize, place: Span) -> Option<Location> {
        let file = self.site.files.get(file)?;
        let form = file.tree.form_around(place)?;
        Some(form.at(file.id))
    }

    /// The same for the body of a call, which the component may print in a `<form>`.
    pub(super) fn form_around_body(
        &mut self,
        here: &WalkPosition<'n>,
        call: &'n Section,
    ) -> Option<Location> {
        let around = self.form_around(here, call.open.span);
        around.or_else(|| self.form_in_component(&call.name, 0))
    }

    /// The `<form>` in which a component, or one that it hands its body on to, prints its body. `depth`: how many components hand it
    /// on.
    fn form_in_component(&mut self, name: &'n str, depth: u32) -> Option<Location> {
        if let Some(known) = self.forms_of_components.get(name) {
            return *known;
        }
        // A component that calls itself adds nothing by the inner call.
        self.forms_of_components.insert(name, None);
        let component = self.components.find(name).filter(|_| depth < MAX_PAGE_DEPTH)?;
        let site = self.site;
        let text = &site.files.get(component.file)?.source.text;
        let (mut prints, mut calls) = (Vec::new(), Vec::new());
        visit(&component.section.body, &mut |node| match node {
            Node::Print(span) if uses_body(text, inner(text, *span)) => prints.push(*span),
            Node::Section(section) if section.kind == SectionKind::Call => calls.push(section),
            _ => {}
        });
        let mut places = prints.iter();
        let found = places.find_map(|print| self.form_in_file(component.file, *print));
        let mut calls = calls.into_iter();
        let found = found.or_else(|| {
            calls.find_map(|call| {
                let hands_on = prints.iter().any(|print| call.span.contains(*print));
                hands_on.then(|| self.form_in_component(&call.name, depth + 1))?
            })
        });
        self.forms_of_components.insert(name, found);
        found
    }
}
