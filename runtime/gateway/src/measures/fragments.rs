//! The metrics of fragments, and who requested them.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use hydra_runtime_net::metrics::{HandleMap, LazyCounter, LazyHistogram};
use hydra_runtime_net::observe::OTHER;
use hydra_runtime_wire::Outcome;
use metrics::{Key, Label};

use crate::{
    Millis,
    flows::{Asker, Flow, FlowState},
    limits::{
        MAX_FLOWS, MAX_FLOWS_PER_FRAGMENT, MAX_MEASURED_REFS, MAX_MEASURED_SERVICES, MAX_PAGES_PER_FLOW,
    },
};

/// The metrics of fragments, by service and ref, and who requested them.
#[derive(Debug)]
pub(crate) struct FragmentMeasures {
    services: HandleMap<Arc<str>, HandleMap<Arc<str>, FragmentHandles>>,
    other: Arc<FragmentHandles>,
    /// How many flows have been made.
    flows: AtomicUsize,
    /// When the two newest totals of all flows were kept, the newest first.
    kept: Mutex<[Millis; 2]>,
}

/// The metrics of one fragment.
#[derive(Debug)]
pub(crate) struct FragmentHandles {
    /// How many had each outcome, and how long they took.
    outcomes: [(LazyCounter, LazyHistogram); Outcome::ALL.len()],
    /// By the step of the page or fragment that requested it, and then by page.
    flows: HandleMap<Arc<str>, HandleMap<Arc<str>, Flow>>,
    /// The requests of all whose step is unknown.
    unknown: Arc<Flow>,
}

impl Default for FragmentMeasures {
    fn default() -> Self {
        Self {
            services: HandleMap::new(MAX_MEASURED_SERVICES),
            other: Arc::new(FragmentHandles::new(OTHER, OTHER)),
            flows: AtomicUsize::default(),
            kept: Mutex::default(),
        }
    }
}

impl FragmentMeasures {
    /// The metrics of a fragment. `is_offered` tells whether the fragment exists: a page may compute names from what a
    /// visitor wrote, and such names get no labels. It returns `None` if the service is unknown.
    pub(crate) fn of(
        &self,
        service: &str,
        reference: &str,
        is_offered: impl FnOnce() -> Option<bool>,
    ) -> Arc<FragmentHandles> {
        let refs = self.services.known(service);
        if let Some(known) = refs.as_ref().and_then(|refs| refs.known(reference)) {
            return known;
        }
        let Some(is_offered) = is_offered() else {
            return Arc::clone(&self.other);
        };
        let make = || (Arc::from(service), HandleMap::new(MAX_MEASURED_REFS));
        let reference = if is_offered { reference } else { OTHER };
        let handles = || (Arc::from(reference), FragmentHandles::new(service, reference));
        let refs = refs.or_else(|| self.services.get(service, make));
        refs.and_then(|refs| refs.get(reference, handles))
            .unwrap_or_else(|| Arc::clone(&self.other))
    }

    /// The flow of requests from `asker`. `known` tells what of it exists, since a peer wrote it: with an empty page if only the step
    /// does, or `None`.
    pub(crate) fn flow<'a>(
        &self,
        handles: &FragmentHandles,
        asker: Asker<'a>,
        known: impl FnOnce() -> Option<Asker<'a>>,
    ) -> Arc<Flow> {
        let pages = handles.flows.known(asker.step);
        if let Some(flow) = pages.and_then(|pages| pages.known(asker.page)) {
            return flow;
        }
        let unknown = || Arc::clone(&handles.unknown);
        if asker.step.is_empty() {
            return unknown();
        }
        let Some(Asker { step, page }) = known() else {
            return unknown();
        };
        if self.flows.load(Relaxed) >= MAX_FLOWS {
            return unknown();
        }
        let pages = || (Arc::from(step), HandleMap::new(MAX_PAGES_PER_FLOW));
        let make = || {
            self.flows.fetch_add(1, Relaxed);
            (Arc::from(page), Flow::default())
        };
        let pages = handles.flows.get(step, pages);
        pages
            .and_then(|pages| pages.get(page, make))
            .unwrap_or_else(unknown)
    }

    /// Keeps the totals of all flows, so that later ones can be compared with them.
    pub(crate) fn keep_totals(&self, now: Millis) {
        for (_, refs) in self.services.all() {
            for (_, handles) in refs.all() {
                handles.each_flow(|_, _, flow| flow.keep());
            }
        }
        self.other.each_flow(|_, _, flow| flow.keep());
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = [now, kept[0]];
    }

    /// The time that counts as recent.
    pub(crate) fn window(&self, now: Millis) -> Duration {
        let since = self.kept.lock().unwrap_or_else(PoisonError::into_inner)[1];
        Duration::from_millis(now.0.saturating_sub(since.0))
    }

    /// Every flow that had a request, in no order. Services and fragments without a name of their own are `other`; an unknown
    /// asker is empty.
    pub(crate) fn flows(&self, now: Millis) -> Vec<FlowState> {
        let window = self.window(now);
        let mut found = Vec::new();
        let mut add = |service: &Arc<str>, reference: &Arc<str>, handles: &FragmentHandles| {
            handles.each_flow(|asker, page, flow| {
                let (service, reference) = (Arc::clone(service), Arc::clone(reference));
                found.extend(flow.state((asker, page), service, reference, window));
            });
        };
        for (service, refs) in self.services.all() {
            for (reference, handles) in refs.all() {
                add(&service, &reference, &handles);
            }
        }
        let other = Arc::from(OTHER);
        add(&other, &other, &self.other);
        found
    }
}

impl FragmentHandles {
    fn new(service: &str, reference: &str) -> Self {
        let handles = |outcome: Outcome| {
            let labels = vec![
                Label::new("service", service.to_owned()),
                Label::new("ref", reference.to_owned()),
                Label::from_static_parts("outcome", outcome.label()),
            ];
            (
                LazyCounter::new(Key::from_parts("hydra_gateway_fragments_total", labels.clone())),
                LazyHistogram::new(Key::from_parts("hydra_gateway_fragment_seconds", labels)),
            )
        };
        Self {
            outcomes: Outcome::ALL.map(handles),
            flows: HandleMap::new(MAX_FLOWS_PER_FRAGMENT),
            unknown: Arc::default(),
        }
    }

    /// Shows each flow to `see`, with the step and the page that ask.
    fn each_flow(&self, mut see: impl FnMut(Arc<str>, Arc<str>, &Flow)) {
        for (asker, pages) in self.flows.all() {
            for (page, flow) in pages.all() {
                see(Arc::clone(&asker), page, &flow);
            }
        }
        see(Arc::from(""), Arc::from(""), &self.unknown);
    }

    /// Counts a fragment that came after `time`. One from a cache took none.
    pub(crate) fn count(&self, outcome: Outcome, time: Duration) {
        // The handles are in the order of the outcomes.
        let Some((counter, histogram)) = self.outcomes.get(outcome as usize) else {
            return;
        };
        counter.increment(1);
        if outcome != Outcome::Cached {
            histogram.record(time.as_secs_f64());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts a fragment that the page `page` of `step` requests, or a fragment if it is empty.
    fn counted(measures: &FragmentMeasures, (service, reference): (&str, &str), step: &str, page: &str) {
        let handles = measures.of(service, reference, || Some(true));
        let asker = Asker { step, page };
        let known = Asker {
            page: if page == "made up" { "" } else { page },
            ..asker
        };
        let flow = measures.flow(&handles, asker, || (step != "made up").then_some(known));
        flow.count(Outcome::Rendered, Some(Duration::from_millis(3)));
    }

    /// Each flow as `asker > service/ref: recent of all`.
    fn shown(measures: &FragmentMeasures, now: u64) -> Vec<String> {
        let line = |flow: FlowState| {
            let FlowState {
                asker,
                page,
                service,
                reference,
                recent,
                all,
                ..
            } = flow;
            let (recent, all) = (recent.count(), all.count());
            format!("{asker} {page} > {service}/{reference}: {recent} of {all}")
        };
        let mut lines: Vec<_> = measures.flows(Millis(now)).into_iter().map(line).collect();
        lines.sort_unstable();
        lines
    }

    const FORM: (&str, &str) = ("orders", "form");

    #[test]
    fn flows_are_told_by_the_page_or_fragment_that_asks() {
        let measures = FragmentMeasures::default();
        counted(&measures, FORM, "shop", "index.html");
        counted(&measures, FORM, "shop", "index.html");
        counted(&measures, FORM, "shop", "cart.html");
        counted(&measures, FORM, "shop", "");
        counted(&measures, FORM, "shop", "made up");
        counted(&measures, FORM, "news/box", "");
        counted(&measures, FORM, "made up", "");
        counted(&measures, FORM, "", "index.html");
        let nothing = measures.of("nothing", "x", || None);
        let shop = Asker {
            step: "shop",
            page: "",
        };
        measures
            .flow(&nothing, shop, || Some(shop))
            .count(Outcome::Inactive, None);
        let expected = [
            "  > orders/form: 2 of 2",
            "news/box  > orders/form: 1 of 1",
            "shop  > orders/form: 2 of 2",
            "shop  > other/other: 1 of 1",
            "shop cart.html > orders/form: 1 of 1",
            "shop index.html > orders/form: 2 of 2",
        ];
        assert_eq!(shown(&measures, 1_000), expected);
    }

    #[test]
    fn old_requests_are_no_longer_recent() {
        let measures = FragmentMeasures::default();
        counted(&measures, FORM, "shop", "");
        measures.keep_totals(Millis(15_000));
        assert_eq!(shown(&measures, 16_000), ["shop  > orders/form: 1 of 1"]);
        counted(&measures, FORM, "shop", "");
        measures.keep_totals(Millis(30_000));
        assert_eq!(shown(&measures, 31_000), ["shop  > orders/form: 1 of 2"]);
        let window = measures.flows(Millis(31_000))[0].window;
        assert_eq!(window, Duration::from_secs(16));
        measures.keep_totals(Millis(45_000));
        assert_eq!(shown(&measures, 46_000), ["shop  > orders/form: 0 of 2"]);
    }

    #[test]
    fn what_peers_write_is_bounded() {
        let steps = FragmentMeasures::default();
        for number in 0..2 * MAX_FLOWS_PER_FRAGMENT {
            counted(&steps, FORM, &format!("shop{number}"), "");
        }
        let pages = FragmentMeasures::default();
        for number in 0..2 * MAX_PAGES_PER_FLOW {
            counted(&pages, FORM, "shop", &format!("{number}.html"));
        }
        for (measures, most) in [(steps, MAX_FLOWS_PER_FRAGMENT), (pages, MAX_PAGES_PER_FLOW)] {
            let flows = measures.flows(Millis(1));
            assert_eq!(flows.len(), most + 1);
            let unknown = flows.iter().find(|flow| flow.asker.is_empty());
            assert_eq!(unknown.map(|flow| flow.all.count()), Some(most as u64));
        }
    }
}
