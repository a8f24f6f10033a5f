//! Finds the shapes of the values in expressions, and reports members that a shape lacks.
#![deny(clippy::disallowed_methods)]

use crate::{
    expression_names::words,
    model::{
        MissingField,
        path::{Owner, Path, filtered, follow, path},
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
            let (span, value) = match owner {
                Owner::Struct(_) => (span, Default::default()),
                Owner::Value(_) => {
                    let end = if text
                        .as_bytes()
                        .get(span.end as usize)
                        .is_some_and(|end| matches!(end, b'"' | b'\''))
                    {
                        found.end
                    } else {
                        span.end as usize
                    };
                    let all = Span::new(place.start as usize, end);
                    let value = text
                        .get(place.start as usize..span.start as usize)
                        .unwrap_or_default();
                    let value = value.trim_end_matches(['.', '[', '"', '\'']);
                    (all, (value, is_alone(text, all, expression)))
                }
            };
            let location = self.at(here, span);
            let include_chain = here.include_chain.clone();
            self.page.missing_fields.push(MissingField {
                name,
                location,
                owner,
                value,
                include_chain,
            });
        }
    }
}

/// Whether nothing but filters and the word of a statement stands beside `place` in an expression, so that another filter needs no
/// brackets there.
fn is_alone(text: &str, place: Span, expression: Span) -> bool {
    let part = |start: u32, end: u32| text.get(start as usize..end as usize).unwrap_or_default().trim();
    let (before, behind) = (
        part(expression.start, place.start),
        part(place.end, expression.end),
    );
    (behind.is_empty() || behind.starts_with('|'))
        && (before.is_empty() || matches!(before, "if" | "elif") || before.ends_with(" in"))
}
