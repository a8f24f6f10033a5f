//! Walks through a page in the order in which Tera renders it.
#![deny(clippy::disallowed_methods)]

mod branches;
mod expression;
mod files;
mod forms;
mod inclusions;
mod section;
mod shapes;

use std::{collections::HashMap, rc::Rc};

use hydra_contract::Mode;

use crate::{
    delimiters::{inner, plain},
    fragment::AttributeText,
    limits::{MAX_INCLUDED_NODES, MAX_PAGE_DEPTH},
    shape::Shape,
    site::{File, Site},
    source::{Location, Source, Span},
    tree::{FORM, FragmentNode, Node, Offer, Set},
};

use super::{
    Branches, CaptureKind, Components, FormUse, FragmentTag, GroupId, ImportOrigin, IncludeChain,
    IncludeStep, IncludeTarget, NameUse, Need, Needs, Page, PageAttributes, Structure, Unit, UnitKind,
    UseKind,
    bodies::KeptBodies,
    needs::NeedList,
    scope::{Bound, Scope, ScopeFrameKind, ShapeId},
    spelled,
};
use files::Lineage;
use section::Capture;

/// Goes through a unit. `offered`: the nodes of the element, where the unit is one.
#[must_use]
pub(crate) fn walk<'n>(
    site: &'n Site<'n>,
    components: &'n Components<'n>,
    unit: Unit<'n>,
    offered: &'n [Node],
    attributes: PageAttributes,
) -> Page<'n> {
    let mut walker = Walker {
        site,
        components,
        page: Page {
            attributes,
            ..Page::default()
        },
        scope: Scope::new(),
        blocks: Vec::new(),
        captures: Vec::new(),
        kept_bodies: KeptBodies::default(),
        forms_of_components: HashMap::new(),
        shapes: vec![Shape::default()],
        last_block: 0,
        order: 0,
        included: 0,
    };
    let here = WalkPosition::new(unit.file);
    match unit.kind {
        UnitKind::Page => {
            walker.give_form(site.page_forms(unit.file).first().map(|(place, _)| *place));
            walker.file(&here, unit.file);
        }
        UnitKind::Offer(offer) => {
            walker.give_form(offered_form(&site.files[unit.file], offer));
            walker.nodes(&here, offered);
        }
        UnitKind::Components => walker.definitions(&here),
    }
    walker.page
}

/// The first form of a fragment.
fn offered_form(file: &File<'_>, offer: &Offer) -> Option<Location> {
    let form = file.tree.forms_of(offer.span).next()?;
    Some(form.attribute.at(file.id))
}

struct Walker<'n> {
    site: &'n Site<'n>,
    components: &'n Components<'n>,
    page: Page<'n>,
    scope: Scope<'n>,
    /// The blocks that are open, innermost last.
    blocks: Vec<u32>,
    /// The captures that are open, innermost last.
    captures: Vec<Capture<'n>>,
    /// Where components make values of their bodies.
    kept_bodies: KeptBodies<'n>,
    /// The `<form>` elements in which components print their bodies.
    forms_of_components: HashMap<&'n str, Option<Location>>,
    /// The shapes of values. The first is that of which nothing is known.
    shapes: Vec<Shape>,
    last_block: u32,
    order: u32,
    included: u32,
}

/// The position of the walk in the page.
#[derive(Clone)]
struct WalkPosition<'n> {
    file: usize,
    depth: u32,
    /// Whether this text may come in any number of times, so that it counts against `MAX_INCLUDED_NODES`.
    counted: bool,
    include_chain: IncludeChain,
    branch: usize,
    /// What decides whether this place is rendered.
    group: GroupId,
    /// The same, but only the conditions in the text of this place: a block, `super()`, an include, a component and a
    /// fallback each start without any.
    region: GroupId,
    looped: Option<Location>,
    capture: Option<(Location, CaptureKind)>,
    later: Option<(Location, Mode)>,
    component: Option<&'n str>,
    /// The opening tag of a `<form>` in another file or component that brings this text in.
    form: Option<Location>,
    lineage: Option<Rc<Lineage<'n>>>,
    /// The block whose body this is, and how many children have overridden that body.
    block: Option<(&'n str, usize)>,
}

impl WalkPosition<'_> {
    fn new(file: usize) -> Self {
        WalkPosition {
            file,
            depth: 0,
            counted: false,
            include_chain: None,
            branch: Branches::ROOT,
            group: Needs::NOTHING,
            region: Needs::NOTHING,
            looped: None,
            capture: None,
            later: None,
            component: None,
            form: None,
            lineage: None,
            block: None,
        }
    }
}

impl<'n> Walker<'n> {
    /// Binds `form`, which templates with a form get from the runtime. `place`: the form. `None`: there is none.
    fn give_form(&mut self, place: Option<Location>) {
        if let Some(place) = place {
            let bound = Bound {
                certain: true,
                group: Needs::NOTHING,
                block: 0,
                place,
                shape: 0,
            };
            self.scope.bind(FORM, bound);
        }
    }

    fn source(&self, here: &WalkPosition<'n>) -> &'n Source {
        self.site.files[here.file].source
    }

    fn at(&self, here: &WalkPosition<'n>, span: Span) -> Location {
        span.at(self.site.files[here.file].id)
    }

    fn nodes(&mut self, here: &WalkPosition<'n>, nodes: &'n [Node]) {
        let here = WalkPosition {
            depth: here.depth + 1,
            ..here.clone()
        };
        if here.depth > MAX_PAGE_DEPTH || self.included > MAX_INCLUDED_NODES {
            let first = nodes.first().map_or(Span::default(), Node::span);
            let place = outermost(&here.include_chain).unwrap_or_else(|| self.at(&here, first));
            self.page.cut_short.get_or_insert(place);
            return;
        }
        if here.counted {
            self.included += nodes.len() as u32 + 1;
        }
        for node in nodes {
            self.node(&here, node);
        }
    }

    fn node(&mut self, here: &WalkPosition<'n>, node: &'n Node) {
        match node {
            Node::Cut(cut) => self.form(here, *cut),
            Node::Text(_) | Node::Opaque(_) | Node::Jump(_) | Node::Other(_) => {}
            Node::Print(span) => self.print(here, *span),
            Node::Fragment(node) => self.fragment(here, node),
            Node::If(node) => self.branches(here, node),
            Node::For(node) => self.repeated(here, node),
            Node::Set(node) => self.set(here, node),
            Node::Section(node) => self.section(here, node),
            Node::Reference(node) if !node.extends => self.include(here, node),
            Node::Reference(_) => {}
        }
    }

    /// An attribute of Hydra's: one of them makes a form.
    fn form(&mut self, here: &WalkPosition<'n>, cut: Span) {
        let forms = &self.site.files[here.file].tree.forms;
        if let Some(form) = forms.iter().find(|form| form.attribute.end == cut.end) {
            self.page.forms.push(FormUse {
                source: self.site.files[here.file].id,
                form,
                outer: here.form,
                include_chain: here.include_chain.clone(),
                branch: here.branch,
            });
        }
    }

    fn print(&mut self, here: &WalkPosition<'n>, span: Span) {
        let text = &self.source(here).text;
        if let Some(plain) = plain(text, span) {
            return self.plain(here, plain);
        }
        let inner = inner(text, span);
        let needs = self.expression(here, inner);
        self.printed(here, inner, span, needs);
    }

    fn fragment(&mut self, here: &WalkPosition<'n>, node: &'n FragmentNode) {
        let fragment = &node.fragment;
        let mut needs = NeedList::new();
        if here.group != Needs::NOTHING {
            needs.push(Need::Group(here.group));
        }
        for text in [&fragment.service, &fragment.reference].into_iter().flatten() {
            if let AttributeText::Expression(span) = &text.value {
                let used = self.expression(here, *span);
                self.values(here, *span, node.open, &used);
                needs.extend(used);
            }
        }
        let mut imports = Vec::with_capacity(fragment.imports.len());
        for item in &fragment.imports {
            imports.push(self.import(here, item, &mut needs));
        }
        let group = self.page.needs.group_of(needs);
        let point = self.page.branches.point();
        let own = self.page.branches.branch(here.branch, point);
        let order = self.next();
        self.page.tags.push(FragmentTag {
            source: self.site.files[here.file].id,
            node,
            order,
            include_chain: here.include_chain.clone(),
            branch: own,
            looped: here.looped,
            capture: here.capture,
            later: here.later,
            component: here.component,
            form: self.form_around(here, node.open),
            group,
            imports,
        });
        // Most fallbacks are text.
        if !here.counted && node.fallback.iter().all(|node| matches!(node, Node::Text(_))) {
            return;
        }
        // What stands in the fallback is asked for only if the fragment itself failed; what it sets stays in it.
        let branch = self.page.branches.branch(here.branch, point);
        let later = match fragment.mode {
            Mode::Inline => here.later,
            mode => Some((self.at(here, node.open), mode)),
        };
        self.scope.push(ScopeFrameKind::Plain);
        self.nodes(
            &WalkPosition {
                branch,
                later,
                group,
                region: Needs::NOTHING,
                ..here.clone()
            },
            &node.fallback,
        );
        self.scope.pop();
    }

    fn set(&mut self, here: &WalkPosition<'n>, node: &'n Set) {
        let needs = self.expression(here, node.value);
        let place = self.at(here, node.name_span);
        self.values(here, node.value, node.open.span, &needs);
        let shape = self.shape_of(here, node.value);
        let shape = self.shape(shape);
        self.assign(here, &node.name, place, node.global, needs, shape);
    }

    fn assign(
        &mut self,
        here: &WalkPosition<'n>,
        name: &'n str,
        place: Location,
        global: bool,
        mut needs: NeedList<'n>,
        shape: ShapeId,
    ) {
        needs.push(Need::Group(here.group));
        let group = self.page.needs.group(needs);
        let block = self.blocks.last().copied().unwrap_or(0);
        let bound = Bound {
            certain: true,
            group,
            block,
            place,
            shape,
        };
        let for_page = here.component.is_none() && (global || self.scope.at_page_level());
        if for_page {
            self.page.sets.push((name, place));
        }
        if global {
            self.scope.bind_global(name, bound);
        } else {
            self.scope.bind(name, bound);
        }
    }

    fn next(&mut self) -> u32 {
        self.order += 1;
        self.order
    }
}

/// The place on the page itself where something came in.
fn outermost(include_chain: &IncludeChain) -> Option<Location> {
    let mut step = include_chain.as_deref()?;
    while let Some(before) = step.before.as_deref() {
        step = before;
    }
    Some(step.location)
}
