//! Checks one page, offered fragment or set of components as a whole, with every rule that needs one.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeSet;

use crate::{
    model::{CheckedOffer, CheckedPage, Components, PageAttributes, Unit, UnitKind, walk},
    problem::{Code, Problem, bounded},
    source::Location,
    tree::within,
    waves::waves,
};

use super::{
    CheckGoal, build, duplicate_action, export_conflict, export_in_block_structure, export_in_loop,
    export_shadows_attribute, form_in_form, form_with_base, fragment_in_capture, import_conflict,
    import_cycle, late_export, maybe_unset, misplaced_action, missing_import, mode_conflict, name_collision,
    no_contract, overlap, reserved_name,
    rule_input::{RuleInput, Shared},
    type_mismatch, unknown_export, unknown_field, unknown_fragment_import, unknown_import,
    unknown_page_attribute, unknown_ref, unknown_service, unused_export,
};

/// The rules that need a whole page.
const PAGE_RULES: &[fn(&RuleInput<'_, '_>) -> Vec<Problem>] = &[
    export_conflict::check,
    export_shadows_attribute::check,
    name_collision::check,
    export_in_loop::check,
    mode_conflict::check,
    unknown_import::check,
    unknown_service::check,
    unknown_ref::check,
    unknown_export::check,
    unknown_fragment_import::check,
    missing_import::check,
    type_mismatch::check,
    import_conflict::check,
    fragment_in_capture::check,
    export_in_block_structure::check,
    late_export::check,
    maybe_unset::check,
    unknown_field::check,
    unknown_page_attribute::check,
    no_contract::check,
    form_in_form::check_page,
    form_with_base::check,
    duplicate_action::check_page,
    misplaced_action::check_page,
    reserved_name::check_page,
    cut_short,
];

/// What checking a unit leaves.
#[derive(Default)]
pub(super) struct Checked {
    pub(super) problems: Vec<Problem>,
    /// The exports that this page does not use.
    pub(super) unused: Vec<unused_export::Unused>,
    /// The exports that this page uses, by the places of their names.
    pub(super) used: Vec<Location>,
    // Boxed, because both are `None` in every unit where only the problems are wanted.
    pub(super) page: Option<Box<CheckedPage>>,
    pub(super) offer: Option<Box<CheckedOffer>>,
}

impl Checked {
    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        let lists = self.problems.is_empty() && self.unused.is_empty() && self.used.is_empty();
        lists && self.page.is_none() && self.offer.is_none()
    }
}

/// Checks a unit. One with a file that can't be read gives nothing.
pub(super) fn check(
    shared: Shared<'_, '_>,
    components: &Components<'_>,
    unreadable: &BTreeSet<usize>,
    unit: Unit<'_>,
) -> Checked {
    let site = shared.site;
    if site
        .closure(unit.file)
        .iter()
        .any(|file| unreadable.contains(file))
    {
        return Checked::default();
    }
    let offered = match unit.kind {
        UnitKind::Offer(offer) => match within(&site.files[unit.file].tree.nodes, offer.span) {
            Some(nodes) => nodes,
            None => {
                return Checked {
                    problems: vec![overlap::overlap(site.files[unit.file].id, offer)],
                    ..Checked::default()
                };
            }
        },
        _ => Vec::new(),
    };
    let attributes = PageAttributes::of(site, &unit, shared.context.page_types);
    let page = walk(site, components, unit, &offered, attributes);
    let input = RuleInput::new(shared, unit, &page);
    let waves = waves(&page);
    let mut problems = Vec::new();
    for rule in PAGE_RULES {
        // Of each code, a file keeps a bounded number of problems: further ones are only counted.
        problems.extend(bounded(rule(&input)));
    }
    problems.extend(import_cycle::check(&input, &waves));
    let (mut unused, used) = unused_export::check(&input);
    // An export with another mistake is not reported as unused: the correction will use it.
    let wrong: BTreeSet<_> = problems.iter().filter_map(place).collect();
    unused.retain(|unused| !wrong.contains(&unused.place));
    input.aliases.borrow().finish(&page, &mut problems);
    let mut checked = Checked {
        problems,
        unused,
        used,
        ..Checked::default()
    };
    match unit.kind {
        // All pages of a site together are large.
        _ if shared.goal == CheckGoal::Problems => {}
        UnitKind::Page => checked.page = Some(Box::new(build::page(&input, &waves))),
        UnitKind::Offer(offer) => checked.offer = Some(Box::new(build::offer(&input, offer, &waves))),
        UnitKind::Components => {}
    }
    checked
}

fn place(problem: &Problem) -> Option<Location> {
    problem.labels.first().map(|label| label.location)
}

/// `too-deep`, for what several files nest together.
fn cut_short(input: &RuleInput<'_, '_>) -> Vec<Problem> {
    let problem = input.page.cut_short.map(|place| {
        let message = "the includes of this page nest too deep, or multiply too often, to be followed";
        Problem::new(Code::TooDeep, message, place, "what comes in here is too much")
            .help("include less from within included files")
    });
    problem.into_iter().collect()
}
