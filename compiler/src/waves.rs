//! The order in which a page requests its fragments: a fragment that imports another's export waits for it.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    limits::MAX_CIRCLE_STEPS,
    model::{Need, Page, spelled},
};

/// When each fragment of a page is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Waves {
    /// For each tag of the page: 0 where no other fragment's export is needed, otherwise one more than the highest of those
    /// that give them.
    pub of: Vec<u32>,
    /// Fragments that wait for each other.
    pub circles: Vec<Cycle>,
}

/// The way round a circle: each tag, by its index, with the name that it waits for. The next tag gives that name.
pub(crate) type Cycle = Vec<(usize, String)>;

/// The order of a page's fragments. Conditions around a tag count: `{% if address %}` waits for the export `address`.
#[must_use]
pub(crate) fn waves(page: &Page<'_>) -> Waves {
    if !needs_exports(page) {
        return Waves {
            of: vec![0; page.tags.len()],
            circles: Vec::new(),
        };
    }
    let graph = WaveGraph::of(page);
    let mut search = CycleSearch {
        graph: &graph,
        page,
        state: vec![State::New; graph.needs.len()],
        steps: 0,
        seen: BTreeSet::new(),
        circles: Vec::new(),
    };
    for tag in 0..graph.tags {
        search.from(tag);
    }
    let level = |node: usize| match search.state.get(node) {
        Some(State::Done(level)) => *level,
        _ => 0,
    };
    let of = (0..graph.tags).map(level).collect();
    Waves {
        of,
        circles: search.circles,
    }
}

/// Whether anything on the page needs what a fragment exports: if not, no fragment waits.
fn needs_exports(page: &Page<'_>) -> bool {
    let needs = page.needs.groups().iter().flatten();
    let names: BTreeSet<&str> = needs
        .filter_map(|need| match need {
            Need::Name(name) => Some(name.as_ref()),
            Need::Group(_) => None,
        })
        .collect();
    let tags = page.tags.iter().filter(|tag| tag.may_export());
    let mut exports = tags.flat_map(|tag| &tag.node.fragment.exports);
    !names.is_empty() && exports.any(|item| names.contains(spelled(item.target()).as_ref()))
}

/// What needs what. The nodes are the tags, then the groups, then the exported names.
struct WaveGraph {
    needs: Vec<Vec<usize>>,
    tags: usize,
    names: Vec<String>,
    first_name: usize,
}

impl WaveGraph {
    fn of(page: &Page<'_>) -> Self {
        let mut givers: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (index, tag) in page.tags.iter().enumerate().filter(|(_, tag)| tag.may_export()) {
            for item in tag.exports() {
                givers
                    .entry(spelled(item.target()).into_owned())
                    .or_default()
                    .push(index);
            }
        }
        let (tags, groups) = (page.tags.len(), page.needs.groups());
        let first_name = tags + groups.len();
        let numbers: BTreeMap<&str, usize> = givers
            .keys()
            .enumerate()
            .map(|(index, name)| (name.as_str(), first_name + index))
            .collect();
        let mut needs: Vec<Vec<usize>> = page.tags.iter().map(|tag| vec![tags + tag.group]).collect();
        for group in groups {
            let node = |need: &Need<'_>| match need {
                Need::Group(group) => Some(tags + group),
                Need::Name(name) => numbers.get(name.as_ref()).copied(),
            };
            needs.push(group.iter().filter_map(node).collect());
        }
        needs.extend(givers.values().cloned());
        WaveGraph {
            needs,
            tags,
            first_name,
            names: givers.into_keys().collect(),
        }
    }

    /// The tags and names on the way round. `None` where two neighbours exclude each other: then no tag waits for ever.
    fn circle(&self, way: &[usize], page: &Page<'_>) -> Option<Cycle> {
        let mut circle = Cycle::new();
        // From a tag on, so that each name follows the tag that waits for it.
        let start = way.iter().position(|node| *node < self.tags)?;
        for node in way.iter().cycle().skip(start).take(way.len()) {
            if *node < self.tags {
                circle.push((*node, String::new()));
            } else if let Some(name) = node
                .checked_sub(self.first_name)
                .and_then(|index| self.names.get(index))
            {
                circle.last_mut()?.1.clone_from(name);
            }
        }
        let neighbours = circle.iter().zip(circle.iter().cycle().skip(1));
        let branch = |tag: usize| page.tags.get(tag).map_or(0, |tag| tag.branch);
        let mut parted =
            neighbours.filter(|((one, _), (other, _))| page.branches.exclude(branch(*one), branch(*other)));
        if parted.next().is_some() {
            return None;
        }
        let first = circle
            .iter()
            .enumerate()
            .min_by_key(|(_, (tag, _))| *tag)
            .map_or(0, |(at, _)| at);
        circle.rotate_left(first);
        Some(circle)
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    New,
    /// On the way, at this place.
    Open(usize),
    Done(u32),
}

/// A search into the depth that keeps its own stack: a page may have ten thousand fragments in a row.
struct CycleSearch<'s, 'p> {
    graph: &'s WaveGraph,
    page: &'s Page<'p>,
    state: Vec<State>,
    /// How many steps the circles had so far that were looked at.
    steps: usize,
    /// The tags of the circles that are kept: there is one for each set of tags.
    seen: BTreeSet<BTreeSet<usize>>,
    circles: Vec<Cycle>,
}

impl CycleSearch<'_, '_> {
    fn from(&mut self, start: usize) {
        if self.state[start] != State::New {
            return;
        }
        self.state[start] = State::Open(0);
        // Each node of the way, the next of its needs to look at, and its level so far.
        let mut way: Vec<(usize, usize, u32)> = vec![(start, 0, 0)];
        while let Some((node, next, level)) = way.last_mut() {
            let Some(need) = self.graph.needs[*node].get(*next).copied() else {
                let level = *level + u32::from(*node >= self.graph.first_name);
                self.state[*node] = State::Done(level);
                way.pop();
                if let Some((_, _, outer)) = way.last_mut() {
                    *outer = level.max(*outer);
                }
                continue;
            };
            *next += 1;
            match self.state[need] {
                State::New => {
                    self.state[need] = State::Open(way.len());
                    way.push((need, 0, 0));
                }
                State::Open(from) => self.circle(&way[from..]),
                State::Done(done) => *level = done.max(*level),
            }
        }
    }

    /// Keeps a circle, if it is another one than those before it.
    fn circle(&mut self, way: &[(usize, usize, u32)]) {
        if self.steps >= MAX_CIRCLE_STEPS {
            return;
        }
        self.steps += way.len();
        let way: Vec<usize> = way.iter().map(|(node, ..)| *node).collect();
        let Some(circle) = self.graph.circle(&way, self.page) else {
            return;
        };
        if self.seen.insert(circle.iter().map(|(tag, _)| *tag).collect()) {
            self.circles.push(circle);
        }
    }
}
