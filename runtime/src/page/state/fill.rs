//! Fills slots and holes: with HTML, with fallbacks, and with the regions whose exports are settled.

use std::borrow::Cow;

use hydra_contract::Lifted;
use hydra_runtime_wire::Outcome;
use tera::Context;

use crate::{
    limits::MAX_LIFTED_NESTING,
    page::{
        answer::{Answer, FetchId},
        plan::{PreparedExport, PreparedKind},
        render::{marker::Part, value::from_json},
        report::{
            error::{PageFailure, RenderError, RequiredFailure},
            event::PageEvent,
            reason::Reason,
        },
        state::{Content, Nesting, PageState},
    },
};

impl PageState {
    /// Gives the answer of `fetch` to all of its slots, also to those that join it meanwhile.
    pub(super) fn deliver(&mut self, fetch: FetchId, answer: Answer) {
        while let Some(slot) = self.fetches[fetch].next_slot() {
            let answer = self.suited(slot, &answer);
            match self.nodes[slot as usize].stand_in.stands_in() {
                true => self.arrive(slot, fetch, &answer),
                false => self.apply(slot, &answer),
            }
        }
        self.fetches[fetch].answer = Some(answer);
    }

    /// The answer as it is for the slot `number`. A kept copy that is too old for the slot becomes a failure.
    fn suited<'a>(&self, number: u32, answer: &'a Answer) -> Cow<'a, Answer> {
        let policy = self
            .slot(&self.shared.plan, number)
            .and_then(|(slot, _)| slot.policy);
        match answer.copy.filter(|copy| !copy.suits(policy)) {
            Some(copy) => Cow::Owned(Answer {
                outcome: copy.outcome,
                reason: answer.reason.clone(),
                ..Answer::default()
            }),
            None => Cow::Borrowed(answer),
        }
    }

    pub(super) fn apply(&mut self, number: u32, answer: &Answer) {
        let plan = self.shared.plan.clone();
        let Some((slot, site)) = self.slot(&plan, number) else {
            return;
        };
        let Some(html) = &answer.html else {
            return self.fail(number, answer.outcome, answer.reason.clone());
        };
        for export in &slot.exports {
            let Some(value) = answer.exports.get(&*export.from) else {
                continue;
            };
            if !value.is_null() && !export.ty.admits(value) {
                self.note_mistyped(number, export);
            } else if let Ok(value) = from_json(value) {
                self.exports.give(export.to, value);
            }
        }
        self.note(number, site, answer.outcome, answer.reason.clone());
        let content = self.link(number, html.clone(), &answer.assets);
        self.close(number, content);
    }

    fn note_mistyped(&mut self, number: u32, export: &PreparedExport) {
        if let Some(fragment) = self.fragment(number).cloned() {
            self.events.push(PageEvent::Mistyped {
                fragment,
                export: export.from.clone(),
                ty: export.ty.clone(),
            });
        }
    }

    /// Fills a slot with its fallback.
    pub(super) fn fail(&mut self, number: u32, outcome: Outcome, reason: Option<Reason>) {
        let plan = self.shared.plan.clone();
        let Some((slot, site)) = self.slot(&plan, number) else {
            return;
        };
        self.note(number, site, outcome, reason);
        if slot.required && self.nodes[number as usize].placed && self.failure.is_none() {
            self.failure = Some(PageFailure::Required(RequiredFailure {
                place: plan.sites[site].place.clone(),
                outcome,
            }));
        }
        let parts = self.fallback(number);
        self.close(number, Content::Parts(parts));
    }

    /// Renders the fallback of a slot.
    pub(super) fn fallback(&mut self, number: u32) -> Vec<Part> {
        let plan = self.shared.plan.clone();
        let Some(text) = self
            .slot(&plan, number)
            .and_then(|(slot, _)| slot.fallback.as_ref())
        else {
            return Vec::new();
        };
        let mut context = Context::new();
        for (name, value) in self.exports.settled() {
            context.insert_value(plan.names[name].to_string(), value);
        }
        self.capture(number, text, &mut context);
        self.render_lifted(number, text, &context)
    }

    fn fill(&mut self, number: u32) {
        let plan = self.shared.plan.clone();
        let PreparedKind::Hole { body, waits } = &plan.sites[self.nodes[number as usize].found.site].kind
        else {
            return;
        };
        let mut context = Context::new();
        // A name without a value prints as empty, like an export that no fragment set.
        for &name in waits {
            context.insert_value(plan.names[name].to_string(), tera::Value::none());
        }
        self.capture(number, body, &mut context);
        for &name in waits {
            if let Some(value) = self.exports.value(name) {
                context.insert_value(plan.names[name].to_string(), value);
            }
        }
        let parts = self.render_lifted(number, body, &context);
        self.close(number, Content::Parts(parts));
    }

    /// Adds the values that the text captured where it stood.
    fn capture(&self, number: u32, text: &Lifted, context: &mut Context) {
        let found = &self.nodes[number as usize].found;
        for (name, value) in text.captures.iter().zip(&found.values) {
            if !value.is_undefined() {
                context.insert_value(name.clone(), value.clone());
            }
        }
        if let Some(loop_variables) = &found.loop_variables {
            context.insert_value("loop", loop_variables.clone());
        }
    }

    /// Renders a lifted text. Where that fails, the text is empty.
    fn render_lifted(&mut self, number: u32, text: &Lifted, context: &Context) -> Vec<Part> {
        let node = &self.nodes[number as usize];
        let site = &self.shared.plan.sites[node.found.site];
        let nesting = Nesting {
            depth: node.nesting.depth + 1,
            waits: node.nesting.waits || matches!(site.kind, PreparedKind::Hole { .. }),
        };
        if nesting.depth > MAX_LIFTED_NESTING {
            let place = site.place.clone();
            let message = "fragments, fallbacks and conditions nest too deep here".to_owned();
            self.events
                .push(PageEvent::Broken(RenderError { place, message }));
            return Vec::new();
        }
        match self
            .shared
            .templates
            .render(&text.template, context, self.next_number())
        {
            Ok(rendered) => self.enter(rendered, nesting),
            Err(error) => {
                let costs_the_page =
                    !nesting.waits && self.nodes[number as usize].placed && !self.uses_export(text);
                match costs_the_page && !self.has_head_left {
                    true => self.failure = self.failure.take().or(Some(PageFailure::Render(error))),
                    false => self.events.push(PageEvent::Broken(error)),
                }
                Vec::new()
            }
        }
    }

    /// Whether `text` may use an export of a fragment.
    fn uses_export(&self, text: &Lifted) -> bool {
        let names = self.shared.plan.names.iter().enumerate();
        names
            .filter(|(id, _)| self.exports.value(*id).is_some())
            .any(|(_, name)| text.captures.iter().any(|captured| **captured == **name))
    }

    /// Fills the holes whose exports are settled. Where all open holes wait for each other, their exports become
    /// `none`.
    pub(super) fn settle(&mut self) {
        self.place_prefilled();
        while !self.open_holes.is_empty() {
            let waiting = std::mem::take(&mut self.open_holes);
            let count = waiting.len();
            let mut still = Vec::new();
            for number in waiting {
                if self.is_ready(number) {
                    self.fill(number);
                    self.place_prefilled();
                } else {
                    still.push(number);
                }
            }
            let stuck = still.len() == count;
            still.append(&mut self.open_holes);
            self.open_holes = still;
            if stuck && self.undecided > 0 {
                return;
            }
            if stuck {
                let plan = self.shared.plan.clone();
                for &number in &self.open_holes {
                    if let PreparedKind::Hole { waits, .. } =
                        &plan.sites[self.nodes[number as usize].found.site].kind
                    {
                        self.exports.force(waits);
                    }
                }
            }
        }
    }

    fn is_ready(&self, number: u32) -> bool {
        match &self.shared.plan.sites[self.nodes[number as usize].found.site].kind {
            PreparedKind::Hole { waits, .. } => waits.iter().all(|&name| self.exports.is_settled(name)),
            PreparedKind::Slot(_) => false,
        }
    }
}
