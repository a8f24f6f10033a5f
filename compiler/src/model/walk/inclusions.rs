//! Walks through the parts that expressions include in a page: `super()` and components, printed unchanged or made values of.
#![deny(clippy::disallowed_methods)]

use crate::{expression_names::calls_super, source::Span};

use super::{CaptureKind, GroupId, Need, NeedList, WalkPosition, Walker};
use crate::model::{
    components::calls,
    prints_unchanged::{is_call, is_super},
};

fn may_call_super(shown: &str) -> bool {
    shown.len() >= "super()".len() && shown.contains("super")
}

impl<'n> Walker<'n> {
    /// What a printed expression, or the call of a component with a body, brings in. `place`: its statement.
    pub(super) fn printed(
        &mut self,
        here: &WalkPosition<'n>,
        expression: Span,
        place: Span,
        needs: NeedList<'n>,
    ) {
        let text: &'n str = &self.source(here).text;
        let shown = text.get(expression.range()).unwrap_or_default();
        // Most expressions are names with filters.
        if memchr::memchr2(b'<', b'(', shown.as_bytes()).is_none() {
            return;
        }
        if is_super(shown) {
            return self.super_call(here, place);
        }
        // The opening tag of a call with a body has no `/>`.
        let whole = is_call(shown)
            || text
                .get(place.range())
                .is_some_and(|place| place.starts_with("{%"));
        self.bring(here, expression, place, usize::from(whole), &needs);
    }

    /// What an expression brings in whose value is not printed.
    pub(super) fn values(
        &mut self,
        here: &WalkPosition<'n>,
        expression: Span,
        place: Span,
        needs: &[Need<'n>],
    ) {
        self.bring(here, expression, place, 0, needs);
    }

    /// `whole`: how many of the components are printed as they are; the others, and `super()`, become values.
    fn bring(
        &mut self,
        here: &WalkPosition<'n>,
        expression: Span,
        place: Span,
        whole: usize,
        needs: &[Need<'n>],
    ) {
        let text: &'n str = &self.source(here).text;
        let at = self.at(here, place);
        let shown = text.get(expression.range()).unwrap_or_default();
        if may_call_super(shown) && calls_super(text, expression) {
            let capture = (at, CaptureKind::Super);
            self.captured(here, capture, NeedList::new(), |walker, here| {
                walker.super_call(here, place)
            });
        }
        let called = calls(text, expression);
        if called.is_empty() {
            return;
        }
        let arguments: GroupId = self.page.needs.group(needs.iter().cloned());
        let kept = WalkPosition {
            capture: here.capture.or(Some((at, CaptureKind::Call))),
            ..here.clone()
        };
        for (index, (name, _)) in called.into_iter().enumerate() {
            let here = if index < whole { here } else { &kept };
            self.call(here, name, expression, arguments);
        }
    }
}
