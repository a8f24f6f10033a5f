//! Finds the shapes of the values in expressions, and reports members that a shape lacks.
#![deny(clippy::disallowed_methods)]

use crate::{
    expression_names::words,
    model::{
        MissingField,
        path::{Path, filtered, follow, path},
        scope::ShapeId,
        spelled,
    },
    shape::Shape,
    source::Span,
};

use super::{WalkPosition, Walker, expression::is_lenient};

impl<'n> Walker<'n> {
    /// Keeps a shape.
    pub(super) fn shape(&mut self, shape: Shape) -> ShapeId {
        if shape.is_any() {
            return 0;
        }
        self.shapes.push(shape);
        self.shapes.len() - 1
    }

    /// What is known of the value under a name.
    pub(super) fn shape_of_name(&self, here: &WalkPosition<'n>, name: &str) -> Shape {
        if let Some(bound) = self.scope.find(name) {
            return self.shapes.get(bound.shape).cloned().unwrap_or_default();
        }
        // A component sees its arguments only.
        match self.page.attributes.names.get(spelled(name).as_ref()) {
            Some(attribute) if here.component.is_none() => attribute.shape.clone(),
            _ => Shape::default(),
        }
    }

    /// What is known of the value of an expression: of a name, its members, and filters that leave items as they are.
    pub(super) fn shape_of(&self, here: &WalkPosition<'n>, expression: Span) -> Shape {
        let text: &'n str = &self.source(here).text;
        let Some((name, place)) = words(text, expression).into_iter().next() else {
            return Shape::default();
        };
        let before = text.get(expression.start as usize..place.start as usize);
        let shape = self.shape_of_name(here, name);
        if shape.is_any() || before.is_none_or(|before| !before.trim().is_empty()) {
            return Shape::default();
        }
        let Path { steps, end, .. } = path(text, place.end as usize, expression.end as usize);
        let rest = text.get(end..expression.end as usize).unwrap_or_default();
        follow(&shape, &steps).map_or_else(|_| Shape::default(), |shape| filtered(shape, rest))
    }

    /// Notes a member behind the name at `place` that its struct lacks.
    pub(super) fn members(&mut self, here: &WalkPosition<'n>, name: &str, place: Span, expression: Span) {
        let text: &'n str = &self.source(here).text;
        let behind = text.as_bytes().get(place.end as usize);
        if !matches!(behind, Some(b'.' | b'[' | b'?')) {
            return;
        }
        let shape = self.shape_of_name(here, name);
        if shape.is_any() {
            return;
        }
        let found = path(text, place.end as usize, expression.end as usize);
        let whole = Span::new(place.start as usize, found.end);
        if found.lenient || is_lenient(text, whole, expression) {
            return;
        }
        if let Err((owner, name, span)) = follow(&shape, &found.steps) {
            let location = self.at(here, span);
            let include_chain = here.include_chain.clone();
            self.page.missing_fields.push(MissingField {
                name,
                location,
                owner,
                include_chain,
            });
        }
    }
}
