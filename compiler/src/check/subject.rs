//! What a rule looks at: one page, and what is known around it.
#![deny(clippy::disallowed_methods)]

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeSet,
};

use hydra_contract::Type;

use crate::{
    fragment::{Attributed, Fragment, Item, Text, is_own_service, shortened},
    model::{Page, Tag, Trail, Unit, snake_case},
    problem::{Problem, joined},
    site::Site,
    source::{Location, Source, SourceId, Span},
    suggest::nearest,
};

use super::{
    Known, Wanted,
    aliases::Aliases,
    exporters::{Giver, Givers},
    offered_fragments::{Offered, Promise},
};

/// Of a name that more fragments give, only that mistake remains to be seen.
const MOST_GIVERS: usize = 50;

/// A page, and what is known around it.
pub(super) struct Subject<'p, 'n> {
    pub(super) site: &'p Site<'n>,
    pub(super) unit: Unit<'p>,
    pub(super) page: &'p Page<'p>,
    pub(super) known: &'p Known<'p>,
    /// Where tags could not be read in full: what they lack is not missing.
    pub(super) lossy: &'p BTreeSet<Location>,
    offered: &'p Offered<'p>,
    /// Which tags give each exported name.
    pub(super) exporters: Givers<'p>,
    taken: OnceCell<BTreeSet<String>>,
    /// What is promised to its tags, by their index, but for those of which nothing is known.
    promises: OnceCell<Vec<(usize, Promise<'p>)>>,
    /// For how many more mistakes the nearest name is looked up.
    lookups: Cell<usize>,
    /// The names that its exports should have.
    pub(super) aliases: RefCell<Aliases>,
}

/// What is the same for all pages of a site.
#[derive(Clone, Copy)]
pub(super) struct Shared<'p, 'n> {
    pub(super) site: &'p Site<'n>,
    pub(super) known: &'p Known<'p>,
    pub(super) offered: &'p Offered<'p>,
    pub(super) lossy: &'p BTreeSet<Location>,
    pub(super) wanted: Wanted,
    /// For how many mistakes of a page the nearest name is looked up.
    pub(super) lookups: usize,
}

impl<'p, 'n> Subject<'p, 'n> {
    pub(super) fn new(shared: Shared<'p, 'n>, unit: Unit<'p>, page: &'p Page<'p>) -> Self {
        let Shared {
            site,
            known,
            offered,
            lossy,
            lookups,
            ..
        } = shared;
        Subject {
            site,
            unit,
            page,
            known,
            lossy,
            offered,
            exporters: Givers::of(page),
            taken: OnceCell::new(),
            promises: OnceCell::new(),
            lookups: Cell::new(lookups),
            aliases: RefCell::default(),
        }
    }

    /// The name that was likely meant, unless the page has had enough mistakes already.
    pub(super) fn nearest<'a>(
        &self,
        name: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let left = self.lookups.get().checked_sub(1)?;
        self.lookups.set(left);
        nearest(name, candidates)
    }

    /// The tags to which something is promised, or nothing though their services are known, and what it is.
    pub(super) fn promised(&self) -> impl Iterator<Item = (&'p Tag<'p>, Promise<'p>)> + use<'_, 'p, 'n> {
        let page = self.page;
        let promises = self.promises.get_or_init(|| self.promises());
        promises.iter().map(|(tag, promise)| (&page.tags[*tag], *promise))
    }

    fn promises(&self) -> Vec<(usize, Promise<'p>)> {
        let promises = self.page.tags.iter().map(|tag| self.promise(tag)).enumerate();
        promises
            .filter(|(_, promise)| !matches!(promise, Promise::Open))
            .collect()
    }

    /// What is promised to a tag.
    pub(super) fn promise(&self, tag: &Tag<'_>) -> Promise<'p> {
        self.offered.promise(self.site, self.known, tag)
    }

    /// Whether a tag asks this service.
    pub(super) fn is_own(&self, tag: &Tag<'_>) -> bool {
        let service = tag.node.fragment.fixed_service();
        service.is_some_and(|service| {
            service.is_empty() || self.known.options.service.as_deref() == Some(service)
        })
    }

    /// The type of an export, as the contract says.
    pub(super) fn export_type(&self, tag: &Tag<'_>, item: &Item) -> Type {
        match self.promise(tag) {
            Promise::Fragment(contract, _) => contract.exports.get(item.root()).cloned().unwrap_or_default(),
            _ => Type::Any,
        }
    }

    /// Whether the page has, or may have, a value under a name, in this branch.
    pub(super) fn is_given(&self, name: &str, branch: usize) -> bool {
        self.page.attributes.may_have(name)
            || self.exporters.get(name).len() > MOST_GIVERS
            || self.givers_in(name, branch).next().is_some()
    }

    /// The tags that may give a name where this branch is rendered, in document order. Of very many, the first ones.
    pub(super) fn givers_in(
        &self,
        name: &str,
        branch: usize,
    ) -> impl Iterator<Item = (&'p Tag<'p>, &'p Item)> + use<'_, 'p, 'n> {
        let page = self.page;
        let exporters = self.exporters.get(name);
        let tags = exporters
            .iter()
            .take(MOST_GIVERS)
            .map(|giver| (&page.tags[giver.tag], giver.item));
        tags.filter(move |(tag, _)| !page.branches.exclude(tag.branch, branch))
    }

    /// Whether all tags of the page could be read in full, so that what is not there is missing.
    pub(super) fn is_complete(&self) -> bool {
        self.lossy.is_empty()
            || !self.site.closure(self.unit.file).iter().any(|file| {
                let id = self.site.files[*file].id;
                self.lossy
                    .range(Span::default().at(id)..)
                    .next()
                    .is_some_and(|place| place.source == id)
            })
    }

    /// Whether a tag could be read in full.
    pub(super) fn is_read(&self, tag: &Tag<'_>) -> bool {
        let Location { source, span } = tag.location();
        let start = Span {
            start: span.start,
            end: span.start,
        }
        .at(source);
        let end = Span {
            start: span.end,
            end: span.end,
        }
        .at(source);
        self.lossy.range(start..end).next().is_none()
    }

    /// Whether a name is used on the page for anything, also in another spelling that is the same in Rust.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.taken().contains(&snake_case(name))
    }

    /// The names that are used on the page for anything, as they are in Rust.
    pub(super) fn taken(&self) -> &BTreeSet<String> {
        self.taken.get_or_init(|| {
            let attributes = self.page.attributes.names.keys().map(String::as_str);
            let exports = self.exporters.names();
            let uses = self.page.uses.iter().map(|used| used.name.as_ref());
            let sets = self.page.sets.iter().map(|(name, _)| *name);
            attributes
                .chain(exports)
                .chain(uses)
                .chain(sets)
                .map(snake_case)
                .collect()
        })
    }

    /// The list of the giver's tag, with a name for its export that is free on the page: text that can be pasted, once
    /// [`Aliases::finish`] has written it.
    pub(super) fn list_with_free_name(&self, giver: Giver<'_>) -> String {
        let tag = &self.page.tags[giver.tag];
        let is_taken = |name: &str| self.is_taken(name);
        self.aliases
            .borrow_mut()
            .list(tag, self.service(tag), giver, &is_taken)
    }

    /// The text of a file of this site.
    pub(super) fn source(&self, id: SourceId) -> Option<&'p Source> {
        self.site.files.get(id.0 as usize).map(|file| file.source)
    }

    /// Who a tag is, for people.
    pub(super) fn title(&self, tag: &Tag<'_>) -> String {
        tag_title(
            &tag.node.fragment,
            self.source(tag.source).map_or("", |source| &source.text),
        )
    }

    /// The service of a tag, for a name made of it.
    pub(super) fn service(&self, tag: &Tag<'_>) -> &'p str {
        let text = self.source(tag.source).map_or("", |source| &source.text);
        match &tag.node.fragment.service {
            Some(Attributed {
                value: Text::Expression(span),
                ..
            }) => text.get(span.range()).unwrap_or_default(),
            Some(service) => text.get(service.span.range()).unwrap_or_default(),
            None => "",
        }
    }

    /// The page's name, for people.
    pub(super) fn page_name(&self) -> &'p str {
        &self.site.files[self.unit.file].source.name
    }

    /// The problem with a label at each statement through which `trail` came in.
    pub(super) fn with_trail(&self, mut problem: Problem, trail: &Trail) -> Problem {
        let mut step = trail.as_deref();
        // The nearest ones say enough.
        for _ in 0..3 {
            let Some(at) = step else { break };
            problem = problem.label(at.location, "comes in here");
            step = at.before.as_deref();
        }
        problem
    }
}

/// The problem with a label where this site states what a fragment takes and gives.
pub(super) fn with_promise(problem: Problem, place: Option<Location>) -> Problem {
    match place {
        Some(place) => problem.label(place, "offered here"),
        None => problem,
    }
}

/// Where the name stands under which an item is known to the page.
pub(super) fn target_place(tag: &Tag<'_>, item: &Item) -> Location {
    item.target_span.at(tag.source)
}

/// Who a fragment is, for people: "`checkout` of `orderService`".
pub(super) fn tag_title(fragment: &Fragment, text: &str) -> String {
    title(fragment.reference.as_ref(), fragment.service.as_ref(), text, "")
}

/// The same of what its tag says, with more words behind it.
pub(super) fn title<'f>(
    reference: Option<&'f Attributed<Text>>,
    service: Option<&'f Attributed<Text>>,
    text: &'f str,
    behind: &str,
) -> String {
    let shown = |at: &'f Attributed<Text>| match &at.value {
        Text::Fixed(name) => shortened(name),
        Text::Expression(span) => shortened(text.get(span.range()).unwrap_or_default()),
    };
    let reference = reference.map_or(Cow::Borrowed("?"), shown);
    match service.filter(|service| !is_own_service(&service.value)) {
        None => joined(&["`", &reference, "` of this service", behind]),
        Some(service) => joined(&["`", &reference, "` of `", &shown(service), "`", behind]),
    }
}
