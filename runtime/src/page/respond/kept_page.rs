//! Pages that are nothing but constant text and fragments that their source keeps. They need neither a state nor a driver,
//! which take most of the instructions of such a page.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
};

use bytes::Bytes;
use hydra_runtime_net::fragment_source::WantedFragment;
use hydra_runtime_wire::{Attributes, Outcome, call_chain};

use crate::page::{
    Engine,
    plan::{PreparedKind, PreparedPlan},
    render::{filter::FoundSite, marker::Part, templates::Rendered},
    report::{LogLines, event::PageEvent},
    respond::visitor::PageVisitor,
    state::ready::Small,
};

/// Each of these fragments is compared with each other.
const MOST: usize = 32;

/// The text of the page, if all of it is known already. `None`: the page has to be put together. Its fragments may be kept all
/// the same.
pub(super) fn text(engine: &Engine, template: &str, visitor: &PageVisitor) -> Option<VecDeque<Bytes>> {
    let shared = engine.shared();
    let constant = shared.templates.constant(template)?;
    let rendered = constant.rendered()?;
    let none = Attributes::new();
    let is_simple = || {
        !shared.plan.comes_after_page
            && rendered.found.len() <= shared.options.max_fragments
            && shows_each_fragment_once(rendered)
            && rendered
                .found
                .iter()
                .all(|found| wanted(&shared.plan, found, &none, &[]).is_some())
    };
    if !constant.is_simple(is_simple) || !constant.may_be_kept() {
        return None;
    }
    let text = filled(engine, rendered, visitor)?;
    constant.was_kept();
    Some(text)
}

/// The text with its fragments, if the source of the visitor keeps all of them.
fn filled(engine: &Engine, rendered: &Rendered, visitor: &PageVisitor) -> Option<VecDeque<Bytes>> {
    let shared = engine.shared();
    let caller = &visitor.caller;
    let page = call_chain::page_step(&shared.options.service);
    let chain: Vec<String> = caller.call_chain.iter().cloned().chain([page]).collect();
    let imports = Attributes::new();
    let found = rendered.found.iter();
    let wanted = found.map(|found| wanted(&shared.plan, found, &imports, &chain));
    let wanted: Vec<_> = wanted.collect::<Option<Vec<_>>>()?;
    let source = visitor.source.as_ref()?;
    // A source that panics keeps nothing.
    let max_bytes = shared.options.max_fragment_bytes;
    let kept = catch_unwind(AssertUnwindSafe(|| source.kept(caller)?.get(&wanted, max_bytes)));
    let kept = kept.ok().flatten().filter(|kept| kept.len() == wanted.len())?;
    let (mut text, mut small) = (VecDeque::with_capacity(rendered.parts.len()), Small::default());
    for part in &rendered.parts {
        match part {
            Part::Text(piece) => small.push(piece.clone(), &mut text),
            Part::Marker(number) => {
                let html = &kept.get(*number as usize)?.html;
                small.push(html.clone(), &mut text);
            }
            Part::Script | Part::Head => return None,
        }
    }
    small.flush(&mut text);
    let events = rendered.found.iter().filter_map(shown).collect();
    shared.reporter.report(events, &mut LogLines::default());
    Some(text)
}

/// Whether the text has a place for each fragment, and all of them are different: a page requests a fragment once.
fn shows_each_fragment_once(rendered: &Rendered) -> bool {
    let found = &rendered.found;
    let is_marker = |part: &&Part| matches!(part, Part::Marker(_));
    let is_repeated = |(at, one): (usize, &FoundSite)| {
        let mut before = found.iter().take(at);
        before.any(|other| other.fragment == one.fragment)
    };
    rendered.damaged == 0
        && (1..=MOST).contains(&found.len())
        && rendered.parts.iter().filter(is_marker).count() == found.len()
        && !found.iter().enumerate().any(is_repeated)
}

/// What the page wants of a fragment. `None`: it is one of this service, or one whose answer the page keeps or reads.
fn wanted<'a>(
    plan: &PreparedPlan,
    found: &'a FoundSite,
    imports: &'a Attributes,
    call_chain: &'a [String],
) -> Option<WantedFragment<'a>> {
    let PreparedKind::Slot(slot) = &plan.sites.get(found.site)?.kind else {
        return None;
    };
    let fragment = found.fragment.as_ref()?;
    let is_simple = slot.policy.is_none() && slot.exports.is_empty() && slot.imports.is_empty();
    let wanted = WantedFragment {
        service: fragment.owner.as_deref()?,
        reference: &fragment.reference,
        imports,
        exports: &[],
        call_chain,
    };
    is_simple.then_some(wanted)
}

/// The event of a fragment that is shown again.
fn shown(found: &FoundSite) -> Option<PageEvent> {
    Some(PageEvent::Slot {
        site: found.site,
        fragment: found.fragment.clone()?,
        outcome: Outcome::Cached,
        reason: None,
    })
}
