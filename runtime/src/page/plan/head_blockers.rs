//! Finds the sites that the head of a response waits for, because only a `required` fragment decides about the status
//! (design section 5).
//!
//! A required slot that stands in the page is known after the first render. One inside a hole or a fallback is not: the
//! head therefore also waits for a hole or fallback that may hold one. Lifted texts are searched as plain text, which
//! finds too much at worst.
#![deny(clippy::disallowed_methods)]

use std::collections::HashMap;

use hydra_contract::{InsertionKind, Lifted, Mode, Plan, Slot};

use crate::page::plan::FILTER;

/// For each site of `plan`: whether it is a required slot, or may hold one.
pub(crate) fn sites(plan: &Plan) -> Vec<bool> {
    reaching(plan, |slot| slot.required)
}

/// For each site of `plan`: whether it is a slot whose fragment comes after the page, or may hold one.
pub(crate) fn after_page(plan: &Plan) -> Vec<bool> {
    reaching(plan, |slot| slot.mode != Mode::Inline)
}

/// For each site of `plan`: whether it is a slot that `is` accepts, or may hold one.
fn reaching(plan: &Plan, is: impl Fn(&Slot) -> bool) -> Vec<bool> {
    let mut holds: Vec<bool> = plan
        .sites
        .iter()
        .map(|site| matches!(&site.kind, InsertionKind::Slot(slot) if is(slot)))
        .collect();
    if !holds.contains(&true) {
        return holds;
    }
    let reach = Reach::new(plan);
    // Each round makes at least one more site hold, so there are at most as many rounds as sites.
    loop {
        let holding = reach.templates(&holds);
        let more: Vec<usize> = (0..holds.len())
            .filter(|&n| {
                !holds[n] && lifted(plan, n).is_some_and(|text| holding.contains(&text.template.as_str()))
            })
            .collect();
        if more.is_empty() {
            return holds;
        }
        for n in more {
            holds[n] = true;
        }
    }
}

/// The text that may have to be rendered at a site.
pub(crate) fn lifted(plan: &Plan, site: usize) -> Option<&Lifted> {
    match &plan.sites.get(site)?.kind {
        InsertionKind::Slot(slot) => slot.fallback.as_ref(),
        InsertionKind::Hole(hole) => Some(&hole.body),
    }
}

/// The sites that a lowered text calls.
fn called(source: &str) -> impl Iterator<Item = usize> {
    source.match_indices(FILTER).filter_map(|(at, _)| {
        let before = source[..at].trim_end().strip_suffix('|')?.trim_end();
        let digits = before.trim_end_matches(|c: char| c.is_ascii_digit()).len();
        before[digits..].parse().ok()
    })
}

/// The names of the templates that a lowered text includes or extends. In Tera, a literal stands behind either word.
fn named_in(source: &str) -> impl Iterator<Item = &str> {
    let words = ["include", "extends"].into_iter();
    let behind = words.flat_map(move |word| {
        source
            .match_indices(word)
            .filter_map(move |(at, _)| source.get(at + word.len()..))
    });
    behind.filter_map(|text| {
        let text = text.trim_start();
        let quote = text
            .chars()
            .next()
            .filter(|first| matches!(first, '"' | '\'' | '`'))?;
        text.get(1..)?.split(quote).next()
    })
}

/// The sites that each template calls, and the templates that it names.
pub(crate) struct Reach<'a> {
    templates: Vec<(&'a str, Vec<usize>, Vec<usize>)>,
    index: HashMap<&'a str, usize>,
}

impl<'a> Reach<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        let index: HashMap<&str, usize> = plan
            .templates
            .iter()
            .enumerate()
            .map(|(index, template)| (template.name.as_str(), index))
            .collect();
        // A component can be called from everywhere, under its own name: every template reaches those that define one.
        let components: Vec<usize> = plan
            .templates
            .iter()
            .enumerate()
            .filter(|(_, template)| template.source.contains("endcomponent"))
            .map(|(index, _)| index)
            .collect();
        let templates = plan
            .templates
            .iter()
            .map(|template| {
                let called = called(&template.source).collect();
                let mut named = components.clone();
                named.extend(named_in(&template.source).filter_map(|name| index.get(name)));
                (template.name.as_str(), called, named)
            })
            .collect();
        Self { templates, index }
    }

    /// The sites that a template calls, and the templates that it names.
    pub(crate) fn of(&self, template: &str) -> Option<(&[usize], &[usize])> {
        let (_, calls, named) = self.templates.get(*self.index.get(template)?)?;
        Some((calls, named))
    }

    /// The name of a template.
    pub(crate) fn name(&self, index: usize) -> Option<&'a str> {
        self.templates.get(index).map(|(name, ..)| *name)
    }

    /// The templates that call one of the sites in `holds`, themselves or through a template that they name.
    fn templates(&self, holds: &[bool]) -> Vec<&'a str> {
        let mut found: Vec<bool> = self
            .templates
            .iter()
            .map(|(_, calls, _)| calls.iter().any(|&site| holds.get(site) == Some(&true)))
            .collect();
        loop {
            let more: Vec<usize> = (0..found.len())
                .filter(|&t| !found[t] && self.templates[t].2.iter().any(|&named| found[named]))
                .collect();
            if more.is_empty() {
                break;
            }
            for template in more {
                found[template] = true;
            }
        }
        self.templates
            .iter()
            .zip(found)
            .filter(|(_, found)| *found)
            .map(|((name, ..), _)| *name)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use hydra_contract::{Hole, Insertion, Slot, Template, TemplatePosition};

    use super::*;

    fn slot(required: bool, fallback: Option<&str>) -> Insertion {
        let fallback = fallback.map(text);
        let kind = InsertionKind::Slot(Box::new(Slot {
            required,
            fallback,
            ..Slot::default()
        }));
        Insertion {
            place: TemplatePosition::default(),
            gives: Vec::new(),
            kind,
        }
    }

    fn hole(template: &str) -> Insertion {
        let kind = InsertionKind::Hole(Hole {
            body: text(template),
            waits: Vec::new(),
        });
        Insertion {
            place: TemplatePosition::default(),
            gives: Vec::new(),
            kind,
        }
    }

    fn text(template: &str) -> Lifted {
        Lifted {
            template: template.to_owned(),
            captures: Vec::new(),
        }
    }

    fn found(list: Vec<Insertion>, templates: &[(&str, &str)]) -> Vec<bool> {
        let templates = templates
            .iter()
            .map(|(name, source)| Template {
                name: (*name).to_owned(),
                source: (*source).to_owned(),
                origin: None,
            })
            .collect();
        let plan = Plan {
            sites: list,
            templates,
            ..Plan::default()
        };
        sites(&plan)
    }

    #[test]
    fn templates_are_named_behind_two_words() {
        for (source, expected) in [
            ("{% include \"a.html\" %}{%-include'b'%}", &["a.html", "b"][..]),
            ("{% extends `c`%}<a href=\"d\">", &["c"]),
            ("{% include\n\"é\" -%} include x include", &["é"]),
            ("<p include=\"e\">\"f\"</p>", &[]),
            ("{% include \"open", &["open"]),
        ] {
            assert_eq!(named_in(source).collect::<Vec<_>>(), expected, "{source}");
        }
    }

    #[test]
    fn a_page_without_required_slots_holds_nothing() {
        assert_eq!(found(vec![slot(false, None), hole("#1/a")], &[]), [false, false]);
    }

    #[test]
    fn what_may_hold_a_required_slot_holds_the_head_too() {
        let holds = found(
            vec![
                slot(true, None),
                hole("#1/a"),
                slot(false, Some("#2/a")),
                hole("#3/a"),
                hole("#4/a"),
            ],
            &[
                ("#1/a", "{{ 0 | __hydra }}"),
                ("#2/a", "{% include \"part\" %}"),
                ("part", "x{{- 1 | __hydra }}"),
                ("#3/a", "{{ x }}"),
                ("#4/a", "{{ 2 | __hydra }}"),
            ],
        );
        assert_eq!(holds, [true, true, true, false, true]);
    }

    #[test]
    fn a_required_slot_in_a_component_holds_every_hole() {
        let source = "{% component card() %}{{ 0 | __hydra }}{% endcomponent %}";
        let holds = found(
            vec![slot(true, None), hole("#1/a")],
            &[("#1/a", "{{<card />}}"), ("c", source)],
        );
        assert_eq!(holds, [true, true]);
    }
}
