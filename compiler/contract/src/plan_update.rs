//! What a program needs for a plan if it has another plan already: templates that are as they were don't travel again.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{Origin, Plan, Template};

/// A plan for a program that has another one already, the former plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PlanUpdate {
    /// The plan. Of its templates it has those alone that the former plan lacks or has otherwise.
    pub plan: Plan,
    /// The names of the other templates.
    pub kept: BTreeSet<String>,
}

impl PlanUpdate {
    /// The update that leads from one plan to another.
    #[must_use]
    pub fn between(former: &Plan, plan: &Plan) -> Self {
        let known = former.templates.iter();
        let known: BTreeMap<&str, &Template> =
            known.map(|template| (template.name.as_str(), template)).collect();
        let is_kept = |template: &&Template| known.get(template.name.as_str()) == Some(template);
        let (kept, changed): (Vec<&Template>, Vec<&Template>) = plan.templates.iter().partition(is_kept);
        Self {
            kept: kept.into_iter().map(|template| template.name.clone()).collect(),
            plan: Plan {
                templates: changed.into_iter().cloned().collect(),
                format: plan.format,
                sites: plan.sites.clone(),
                pages: plan.pages.clone(),
                contract: plan.contract.clone(),
                offers: plan.offers.clone(),
            },
        }
    }

    /// The plan to which the update leads from `former`. Its templates may be in another order.
    #[must_use]
    pub fn apply(self, former: &Plan) -> Plan {
        let Self { mut plan, kept } = self;
        let known = former.templates.iter();
        let known = known.filter(|template| kept.contains(&template.name));
        plan.templates.extend(known.cloned());
        plan
    }
}

impl Plan {
    /// A number for the templates, in whatever order they are: two plans with the same number have, as far as it matters between one
    /// compiler and the programs that are built with it, the same templates.
    #[must_use]
    pub fn fingerprint(&self) -> u64 {
        let templates = self.templates.iter();
        templates.fold(0, |sum, template| sum.wrapping_add(fingerprint(template)))
    }
}

/// The FNV-1a hash of a template: the standard library's may be another one in a program that another compiler of Rust built.
fn fingerprint(template: &Template) -> u64 {
    let hash = |hash: u64, bytes: &[u8]| {
        let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        let hash = bytes.len().to_be_bytes().iter().fold(hash, step);
        bytes.iter().fold(hash, step)
    };
    let own = hash(
        hash(0xcbf2_9ce4_8422_2325, template.name.as_bytes()),
        template.source.as_bytes(),
    );
    let Some(Origin { file, parts }) = &template.origin else {
        return own;
    };
    parts.iter().fold(hash(own, file.as_bytes()), |so_far, part| {
        let numbers = [
            part.line,
            part.column,
            part.from_line,
            part.from_column,
            u32::from(part.made),
        ];
        numbers
            .iter()
            .fold(so_far, |so_far, number| hash(so_far, &number.to_be_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PagePlan, Part};

    /// A plan with these templates: a name, a source, and the line where the text stood.
    fn plan(templates: &[(&str, &str, u32)]) -> Plan {
        let template = |&(name, source, line): &(&str, &str, u32)| {
            let part = Part {
                line: 1,
                column: 1,
                from_line: line,
                from_column: 1,
                made: false,
            };
            let origin = Origin {
                file: "x.html".to_owned(),
                parts: vec![part],
            };
            Template {
                name: name.to_owned(),
                source: source.to_owned(),
                origin: (line > 0).then_some(origin),
            }
        };
        let page = |&(name, ..): &(&str, &str, u32)| PagePlan {
            template: name.to_owned(),
            exports: Vec::new(),
            ..PagePlan::default()
        };
        Plan {
            templates: templates.iter().map(template).collect(),
            pages: templates.iter().map(page).collect(),
            ..Plan::default()
        }
    }

    fn sorted(mut plan: Plan) -> Plan {
        plan.templates.sort_by(|one, other| one.name.cmp(&other.name));
        plan
    }

    #[test]
    fn an_update_has_what_changed_and_leads_to_the_plan() {
        let former = [("a", "1", 0), ("b", "2", 4), ("c", "3", 0)];
        for (next, changed, kept) in [
            (&former[..], &[][..], &["a", "b", "c"][..]),
            (
                &[("a", "1", 0), ("b", "x", 4), ("c", "3", 0)],
                &["b"],
                &["a", "c"],
            ),
            // The same text in another place.
            (
                &[("a", "1", 0), ("b", "2", 5), ("c", "3", 0)],
                &["b"],
                &["a", "c"],
            ),
            (
                &[("d", "1", 0), ("b", "2", 4), ("a", "1", 0)],
                &["d"],
                &["a", "b"],
            ),
            (&[], &[], &[]),
        ] {
            let (former, next) = (plan(&former), plan(next));
            let update = PlanUpdate::between(&former, &next);
            let names: Vec<&str> = update
                .plan
                .templates
                .iter()
                .map(|one| one.name.as_str())
                .collect();
            assert_eq!(names, changed);
            assert_eq!(update.kept.iter().map(String::as_str).collect::<Vec<_>>(), kept);
            let is_same = former.fingerprint() == next.fingerprint();
            assert_eq!(is_same, kept.len() == former.templates.len());
            let text = serde_json::to_string(&update).expect("JSON");
            let update: PlanUpdate = serde_json::from_str(&text).expect("an update");
            let led = update.apply(&former);
            assert_eq!(led.fingerprint(), next.fingerprint());
            assert_eq!(sorted(led), sorted(next));
        }
        let all = PlanUpdate::between(&Plan::default(), &plan(&former));
        assert_eq!(all.apply(&Plan::default()), plan(&former));
    }

    #[test]
    fn a_fingerprint_depends_on_each_text_and_not_on_their_order() {
        let of = |templates: &[(&str, &str, u32)]| plan(templates).fingerprint();
        let first = of(&[("a", "bc", 0), ("d", "e", 2)]);
        assert_eq!(first, of(&[("d", "e", 2), ("a", "bc", 0)]));
        for other in [
            &[("ab", "c", 0), ("d", "e", 2)][..],
            &[("a", "bc", 1), ("d", "e", 2)],
            &[("a", "e", 0), ("d", "bc", 2)],
            &[("a", "bc", 0)],
            &[],
        ] {
            assert_ne!(first, of(other), "{other:?}");
        }
    }
}
