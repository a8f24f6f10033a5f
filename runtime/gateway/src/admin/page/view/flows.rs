//! The graph of pages and fragments, as a list of its edges: what contracts declare, joined with what the gateway sees.
//!
//! An edge leads from a service to a fragment. It has the pages of the service that embed it: those which contracts name, and those for
//! which it was requested. Clients may not tell which page asks, so what an edge counts may be more than its pages have together.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use hydra_runtime_wire::Outcome;
use serde::Serialize;

use super::{
    list::{Listed, Page, link},
    words::{self, Mark, Names},
};
use crate::{
    Gateway,
    admin::page::digest::{Declared, Digest, FlowKey},
    flows::{FlowState, Totals},
    limits::MAX_NAMES_IN_CELL,
};

/// The pages of a service, and a fragment that they embed.
#[derive(Debug, Serialize)]
pub(super) struct Edge {
    /// Empty: the gateway was not told which page requests the fragment.
    from: String,
    from_link: String,
    to: String,
    to_link: String,
    reference: String,
    /// The pages that embed it.
    pages: Vec<EmbeddingPage>,
    /// How many more of them there are.
    more_pages: usize,
    /// Fragments of `from` that requested it.
    fragments: Names,
    imports: Vec<(String, String)>,
    exports: Vec<(String, String)>,
    required: bool,
    is_declared: bool,
    mark: Mark,
    traffic: Traffic,
}

/// A page that embeds a fragment.
#[derive(Debug, Serialize)]
struct EmbeddingPage {
    /// Its template.
    name: String,
    /// `None`: no fragment was requested for it yet.
    traffic: Option<Traffic>,
}

/// The requests for a fragment.
#[derive(Debug, Serialize)]
struct Traffic {
    /// How many a second, of late.
    rate: String,
    /// How many since the gateway started.
    total: String,
    /// Absent where nothing was requested of late.
    mean: Option<String>,
    half: Option<String>,
    most: Option<String>,
    outcomes: Vec<Slice>,
}

/// The part of one outcome in a bar of 100.
#[derive(Debug, Serialize)]
struct Slice {
    label: &'static str,
    kind: &'static str,
    percent: String,
    start: f64,
    width: f64,
}

/// The edges of one service.
#[derive(Debug, Serialize)]
pub(super) struct Group {
    from: String,
    from_link: String,
    edges: Vec<Edge>,
}

#[derive(Debug, Serialize)]
pub(super) struct Flows {
    page: Page<Edge>,
    groups: Vec<Group>,
    /// How long "of late" is, in seconds.
    window: u64,
}

/// What is known of an edge before it is put in words.
#[derive(Default)]
struct Seen {
    counted: Counted,
    pages: BTreeMap<String, Counted>,
    fragments: BTreeSet<String>,
}

#[derive(Clone, Copy, Default)]
struct Counted {
    all: Totals,
    recent: Totals,
    window: Duration,
}

pub(super) fn list(gateway: &Gateway, digest: &Digest, listed: &Listed) -> Flows {
    let mut edges = edges(gateway, digest, |_, _| true);
    edges.retain(|edge| {
        let fragment = format!("{}#{}", edge.to, edge.reference);
        listed.finds([&*edge.from, &*fragment]) && (!listed.only_trouble || edge.is_trouble())
    });
    let mut page = listed.page("/flows", &[], edges, |edge| edge);
    let mut groups: Vec<Group> = Vec::new();
    for edge in page.rows.drain(..) {
        match groups.last_mut().filter(|group| group.from == edge.from) {
            Some(group) => group.edges.push(edge),
            None => groups.push(Group {
                from: edge.from.clone(),
                from_link: edge.from_link.clone(),
                edges: vec![edge],
            }),
        }
    }
    let window = gateway.fragment_measures().window(gateway.publisher().now());
    Flows {
        page,
        groups,
        window: window.as_secs().max(1),
    }
}

/// The edges from and to services for which `is_wanted` is true.
pub(super) fn edges(gateway: &Gateway, digest: &Digest, is_wanted: impl Fn(&str, &str) -> bool) -> Vec<Edge> {
    let mut all: BTreeMap<FlowKey, (Option<&Declared>, Seen)> = BTreeMap::new();
    for (key, declared) in digest
        .declared
        .iter()
        .filter(|(key, _)| is_wanted(&key.from, &key.to))
    {
        all.insert(key.clone(), (Some(declared), Seen::default()));
    }
    for flow in gateway.fragment_measures().flows(gateway.publisher().now()) {
        let (from, fragment) = match flow.asker.split_once('/') {
            Some((service, fragment)) => (service, Some(fragment)),
            None => (&*flow.asker, None),
        };
        if !is_wanted(from, &flow.service) {
            continue;
        }
        let key = FlowKey {
            from: from.to_owned(),
            to: flow.service.to_string(),
            reference: flow.reference.to_string(),
        };
        let (_, seen) = all.entry(key).or_default();
        seen.counted.add(&flow);
        if !flow.page.is_empty() {
            let page = seen.pages.entry(flow.page.to_string()).or_default();
            page.add(&flow);
        }
        seen.fragments.extend(fragment.map(str::to_owned));
    }
    let snapshot = gateway.publisher().snapshot();
    let is_active = |name: &str| {
        snapshot
            .service(name)
            .is_some_and(|service| !service.active.is_empty())
    };
    all.into_iter()
        .map(|(key, (declared, seen))| {
            let is_active = is_active(&key.to);
            edge(key, declared, seen, is_active)
        })
        .collect()
}

fn edge(key: FlowKey, declared: Option<&Declared>, seen: Seen, is_active: bool) -> Edge {
    let of_service = |name: &str| match name {
        "" => String::new(),
        name => link("/service", &[("name", name)]),
    };
    let list = |all: &BTreeMap<String, String>| all.clone().into_iter().collect();
    let mut pages: BTreeMap<String, Option<Traffic>> = seen
        .pages
        .into_iter()
        .map(|(page, counted)| (page, Some(counted.traffic())))
        .collect();
    for page in declared.iter().flat_map(|declared| &declared.pages) {
        pages.entry(page.clone()).or_default();
    }
    let more_pages = pages.len().saturating_sub(MAX_NAMES_IN_CELL);
    let pages = pages.into_iter().take(MAX_NAMES_IN_CELL);
    let pages = pages.map(|(name, traffic)| EmbeddingPage { name, traffic });
    Edge {
        from_link: of_service(&key.from),
        to_link: of_service(&key.to),
        pages: pages.collect(),
        more_pages,
        fragments: Names::of(seen.fragments),
        imports: declared.map(|one| list(&one.imports)).unwrap_or_default(),
        exports: declared.map(|one| list(&one.exports)).unwrap_or_default(),
        required: declared.is_some_and(|one| one.required),
        is_declared: declared.is_some(),
        mark: mark(&seen.counted.recent, is_active),
        traffic: seen.counted.traffic(),
        from: key.from,
        to: key.to,
        reference: key.reference,
    }
}

impl Counted {
    fn add(&mut self, flow: &FlowState) {
        self.all = self.all.plus(&flow.all);
        self.recent = self.recent.plus(&flow.recent);
        self.window = flow.window;
    }

    fn traffic(&self) -> Traffic {
        let recent = &self.recent;
        Traffic {
            rate: words::rate(recent.count(), self.window),
            total: words::count(self.all.count()),
            mean: recent.mean().map(words::time),
            half: recent.percentile(50).map(words::bound),
            most: recent.percentile(99).map(words::bound),
            outcomes: slices(recent),
        }
    }
}

impl Edge {
    fn is_trouble(&self) -> bool {
        matches!(self.mark.kind, "warn" | "bad")
    }
}

/// The colour of an outcome.
fn kind(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Rendered => "good",
        Outcome::Cached => "kept",
        Outcome::Stale => "warn",
        Outcome::Inactive | Outcome::Failed | Outcome::Late | Outcome::Refused => "bad",
    }
}

fn mark(recent: &Totals, is_active: bool) -> Mark {
    let of_kind = |wanted: &str| {
        let counts = recent
            .by_outcome()
            .filter(|(outcome, _)| kind(*outcome) == wanted);
        counts.map(|(_, count)| count).sum::<u64>()
    };
    let (all, bad, stale) = (recent.count(), of_kind("bad"), of_kind("warn"));
    #[expect(clippy::cast_precision_loss, reason = "a share is shown with few digits")]
    let part = |count: u64| words::percent(count as f64 / all.max(1) as f64);
    match (all, is_active) {
        (0, false) => Mark::new("bad", "owner inactive"),
        (0, true) => Mark::new("idle", "no requests"),
        (_, _) if bad == all => Mark::new("bad", "failing"),
        (_, _) if bad > 0 => Mark::new("warn", format!("{} without the fragment", part(bad))),
        (_, _) if stale > 0 => Mark::new("warn", format!("{} old copies", part(stale))),
        (_, _) => Mark::new("good", "working"),
    }
}

fn slices(recent: &Totals) -> Vec<Slice> {
    let all = recent.count().max(1);
    let mut start = 0.0;
    let some = recent.by_outcome().filter(|(_, count)| *count > 0);
    some.map(|(outcome, count)| {
        #[expect(clippy::cast_precision_loss, reason = "a share is shown with few digits")]
        let part = count as f64 / all as f64;
        let slice = Slice {
            label: outcome.label(),
            kind: kind(outcome),
            percent: words::percent(part),
            start,
            width: part * 100.0,
        };
        start += slice.width;
        slice
    })
    .collect()
}
