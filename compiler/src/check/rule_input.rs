//! The input of a rule: one page with the contracts, types and files that the rule may consult.
#![deny(clippy::disallowed_methods)]

use std::{
    borrow::Cow,
    cell::{Cell, OnceCell, RefCell},
    collections::BTreeSet,
};

use hydra_contract::Type;

use crate::{
    fragment::{AttributeText, Attributed, Fragment, Item, is_own_service, shortened},
    limits::MAX_EXPORTERS_PER_NAME,
    model::{FragmentTag, IncludeChain, Page, Unit, snake_case},
    problem::{Problem, joined},
    site::Site,
    source::{Location, Source, SourceId, Span},
    suggest::nearest,
};

use super::{
    CheckGoal, SiteContext,
    aliases::Aliases,
    exporters::{Exporter, Exporters},
    offered_fragments::{ContractLookup, OfferedFragments},
};

/// One page, with the contracts, types and files that a rule may consult.
pub(super) struct RuleInput<'p, 'n> {
    pub(super) site: &'p Site<'n>,
    pub(super) unit: Unit<'p>,
    pub(super) page: &'p Page<'p>,
    pub(super) context: &'p SiteContext<'p>,
    /// Where tags could not be read in full. A name that such a tag lacks may have been lost, and is not reported as missing.
    pub(super) lossy: &'p BTreeSet<Location>,
    /// The files that pages with a Rust type show.
    pub(super) typed: &'p BTreeSet<usize>,
    offered: &'p OfferedFragments<'p>,
    /// Which tags give each exported name.
    pub(super) exporters: Exporters<'p>,
    taken: OnceCell<BTreeSet<String>>,
    /// The contracts of the fragments of its tags, by the index of the tag, without those that are not known.
    contract_lookups: OnceCell<Vec<(usize, ContractLookup<'p>)>>,
    /// For how many more mistakes the nearest name is looked up.
    suggestions_left: Cell<usize>,
    /// The names that its exports should have.
    pub(super) aliases: RefCell<Aliases>,
}

/// The part of a [`RuleInput`] that all pages of a site share.
#[derive(Clone, Copy)]
pub(super) struct Shared<'p, 'n> {
    pub(super) site: &'p Site<'n>,
    pub(super) context: &'p SiteContext<'p>,
    pub(super) offered: &'p OfferedFragments<'p>,
    pub(super) lossy: &'p BTreeSet<Location>,
    pub(super) typed: &'p BTreeSet<usize>,
    pub(super) goal: CheckGoal,
    /// For how many mistakes of a page the nearest name is looked up.
    pub(super) suggestions_left: usize,
}

impl<'p, 'n> RuleInput<'p, 'n> {
    pub(super) fn new(shared: Shared<'p, 'n>, unit: Unit<'p>, page: &'p Page<'p>) -> Self {
        let Shared {
            site,
            context,
            offered,
            lossy,
            typed,
            suggestions_left,
            ..
        } = shared;
        RuleInput {
            site,
            unit,
            page,
            context,
            lossy,
            typed,
            offered,
            exporters: Exporters::of(page),
            taken: OnceCell::new(),
            contract_lookups: OnceCell::new(),
            suggestions_left: Cell::new(suggestions_left),
            aliases: RefCell::default(),
        }
    }

    /// The name that was likely meant, unless the page has had enough mistakes already.
    pub(super) fn nearest<'a>(
        &self,
        name: &str,
        candidates: impl IntoIterator<Item = &'a str>,
    ) -> Option<&'a str> {
        let left = self.suggestions_left.get().checked_sub(1)?;
        self.suggestions_left.set(left);
        nearest(name, candidates)
    }

    /// The tags whose contract is known, or known to be missing, each with the result of looking it up.
    pub(super) fn contract_lookups(
        &self,
    ) -> impl Iterator<Item = (&'p FragmentTag<'p>, ContractLookup<'p>)> + use<'_, 'p, 'n> {
        let page = self.page;
        let contract_lookups = self.contract_lookups.get_or_init(|| self.look_up_contracts());
        contract_lookups
            .iter()
            .map(|(tag, lookup)| (&page.tags[*tag], *lookup))
    }

    fn look_up_contracts(&self) -> Vec<(usize, ContractLookup<'p>)> {
        let contract_lookups = self
            .page
            .tags
            .iter()
            .map(|tag| self.look_up_contract(tag))
            .enumerate();
        contract_lookups
            .filter(|(_, lookup)| !matches!(lookup, ContractLookup::Unknown))
            .collect()
    }

    /// Looks up the contract of the fragment that a tag names.
    pub(super) fn look_up_contract(&self, tag: &FragmentTag<'_>) -> ContractLookup<'p> {
        self.offered.look_up_contract(self.site, self.context, tag)
    }

    /// Whether a tag asks this service.
    pub(super) fn is_own(&self, tag: &FragmentTag<'_>) -> bool {
        let service = tag.node.fragment.fixed_service();
        service.is_some_and(|service| {
            service.is_empty() || self.context.options.service.as_deref() == Some(service)
        })
    }

    /// The type of an export, as the contract says.
    pub(super) fn export_type(&self, tag: &FragmentTag<'_>, item: &Item) -> Type {
        match self.look_up_contract(tag) {
            ContractLookup::Fragment(contract, _) => {
                contract.exports.get(item.root()).cloned().unwrap_or_default()
            }
            _ => Type::Any,
        }
    }

    /// Whether the page has, or may have, a value under a name, in this branch.
    pub(super) fn is_provided(&self, name: &str, branch: usize) -> bool {
        self.page.attributes.may_have(name)
            || self.exporters.get(name).len() > MAX_EXPORTERS_PER_NAME
            || self.exporters_in(name, branch).next().is_some()
    }

    /// The tags that may give a name where this branch is rendered, in document order. Of very many, the first ones.
    pub(super) fn exporters_in(
        &self,
        name: &str,
        branch: usize,
    ) -> impl Iterator<Item = (&'p FragmentTag<'p>, &'p Item)> + use<'_, 'p, 'n> {
        let page = self.page;
        let exporters = self.exporters.get(name);
        let tags = exporters
            .iter()
            .take(MAX_EXPORTERS_PER_NAME)
            .map(|exporter| (&page.tags[exporter.tag], exporter.item));
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
    pub(super) fn is_read(&self, tag: &FragmentTag<'_>) -> bool {
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

    /// The list of the exporter's tag, with a name for its export that is free on the page: text that can be pasted, once
    /// [`Aliases::finish`] has written it.
    pub(super) fn list_with_free_name(&self, exporter: Exporter<'_>) -> String {
        let tag = &self.page.tags[exporter.tag];
        let is_taken = |name: &str| self.is_taken(name);
        self.aliases
            .borrow_mut()
            .list(tag, self.service(tag), exporter, &is_taken)
    }

    /// The text of a file of this site.
    pub(super) fn source(&self, id: SourceId) -> Option<&'p Source> {
        self.site.files.get(id.0 as usize).map(|file| file.source)
    }

    /// The name of a tag in messages.
    pub(super) fn title(&self, tag: &FragmentTag<'_>) -> String {
        tag_title(
            &tag.node.fragment,
            self.source(tag.source).map_or("", |source| &source.text),
        )
    }

    /// The service of a tag, for a name made of it.
    pub(super) fn service(&self, tag: &FragmentTag<'_>) -> &'p str {
        let text = self.source(tag.source).map_or("", |source| &source.text);
        match &tag.node.fragment.service {
            Some(Attributed {
                value: AttributeText::Expression(span),
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

    /// The problem with a label at each statement through which `include_chain` came in.
    pub(super) fn with_include_chain(&self, mut problem: Problem, include_chain: &IncludeChain) -> Problem {
        let mut step = include_chain.as_deref();
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
pub(super) fn with_offer_label(problem: Problem, place: Option<Location>) -> Problem {
    match place {
        Some(place) => problem.label(place, "offered here"),
        None => problem,
    }
}

/// Where the name stands under which an item is known to the page.
pub(super) fn target_place(tag: &FragmentTag<'_>, item: &Item) -> Location {
    item.target_span.at(tag.source)
}

/// The name of a fragment in messages: "`checkout` of `orderService`".
pub(super) fn tag_title(fragment: &Fragment, text: &str) -> String {
    title(fragment.reference.as_ref(), fragment.service.as_ref(), text, "")
}

/// The same name, made of the attributes `ref` and `service` of the fragment's tag, and followed by the words
/// `behind`.
pub(super) fn title<'f>(
    reference: Option<&'f Attributed<AttributeText>>,
    service: Option<&'f Attributed<AttributeText>>,
    text: &'f str,
    behind: &str,
) -> String {
    let shown = |at: &'f Attributed<AttributeText>| match &at.value {
        AttributeText::Fixed(name) => shortened(name),
        AttributeText::Expression(span) => shortened(text.get(span.range()).unwrap_or_default()),
    };
    let reference = reference.map_or(Cow::Borrowed("?"), shown);
    match service.filter(|service| !is_own_service(&service.value)) {
        None => joined(&["`", &reference, "` of this service", behind]),
        Some(service) => joined(&["`", &reference, "` of `", &shown(service), "`", behind]),
    }
}
