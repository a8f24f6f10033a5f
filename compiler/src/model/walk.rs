//! The way through a page in the order in which Tera renders it.
#![deny(clippy::disallowed_methods)]

mod expression;
mod files;

use std::rc::Rc;

use crate::{
    fragment::Text,
    site::Site,
    source::{Location, Source as File, Span},
    tree::{For, FragmentNode, If, Node, Section, SectionKind, Set},
};

use super::{
    Attributes, Branches, Components, GroupId, Need, Needs, Page, Source, Step, Structure, Tag, Target,
    Trail, Unit, UnitKind, Use, UseKind,
    components::arguments,
    scope::{Bound, FrameKind, Scope},
    spelled,
};
use files::Lineage;

/// How deep a page may nest, includes and calls added up. Tera stops at 40 in one file.
const MAX_DEPTH: u32 = 200;

/// How much of a page may come in through includes, parents and calls. More is a page whose includes multiply.
const MAX_INCLUDED: u32 = 400_000;

/// Goes through a unit. `offered`: the nodes of the element, where the unit is one.
#[must_use]
pub fn walk<'n>(
    site: &'n Site<'n>,
    components: &'n Components<'n>,
    unit: Unit<'n>,
    offered: &'n [Node],
    attributes: Attributes,
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
        last_block: 0,
        order: 0,
        included: 0,
    };
    let here = Here::new(unit.file);
    match unit.kind {
        UnitKind::Page => walker.file(&here, unit.file),
        UnitKind::Offer(_) => walker.nodes(&here, offered),
        UnitKind::Components => walker.definitions(&here),
    }
    walker.page
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
    last_block: u32,
    order: u32,
    included: u32,
}

/// A section whose content Tera must have as a whole.
#[derive(Default)]
struct Capture<'n> {
    /// What its content needs.
    needs: Vec<Need<'n>>,
    /// A `super()` or a block in it.
    structures: Vec<(Location, &'static str)>,
}

/// Where the walk stands.
#[derive(Clone)]
struct Here<'n> {
    file: usize,
    depth: u32,
    trail: Trail,
    branch: usize,
    /// What decides whether this place is rendered.
    group: GroupId,
    /// The same, as far as the conditions stand in this text: a block or an include starts anew.
    region: GroupId,
    looped: Option<Location>,
    capture: Option<Location>,
    component: Option<&'n str>,
    lineage: Option<Rc<Lineage<'n>>>,
    /// The block whose body this is, and how many children have overridden that body.
    block: Option<(&'n str, usize)>,
}

impl Here<'_> {
    fn new(file: usize) -> Self {
        Here {
            file,
            depth: 0,
            trail: None,
            branch: Branches::ROOT,
            group: Needs::NOTHING,
            region: Needs::NOTHING,
            looped: None,
            capture: None,
            component: None,
            lineage: None,
            block: None,
        }
    }
}

impl<'n> Walker<'n> {
    fn source(&self, here: &Here<'n>) -> &'n File {
        self.site.files[here.file].source
    }

    fn at(&self, here: &Here<'n>, span: Span) -> Location {
        span.at(self.site.files[here.file].id)
    }

    fn nodes(&mut self, here: &Here<'n>, nodes: &'n [Node]) {
        let here = Here {
            depth: here.depth + 1,
            ..here.clone()
        };
        if here.depth > MAX_DEPTH || self.included > MAX_INCLUDED {
            let first = nodes.first().map_or(Span::default(), Node::span);
            let place = outermost(&here.trail).unwrap_or_else(|| self.at(&here, first));
            self.page.cut_short.get_or_insert(place);
            return;
        }
        if here.trail.is_some() || here.lineage.is_some() {
            self.included += nodes.len() as u32 + 1;
        }
        for node in nodes {
            self.node(&here, node);
        }
    }

    fn node(&mut self, here: &Here<'n>, node: &'n Node) {
        match node {
            Node::Text(_) | Node::Cut(_) | Node::Opaque(_) | Node::Jump(_) | Node::Other(_) => {}
            Node::Print(print) => {
                let needs = self.expression(here, print.inner);
                self.super_call(here, print);
                self.calls(here, print.inner, needs);
            }
            Node::Fragment(node) => self.fragment(here, node),
            Node::If(node) => self.branches(here, node),
            Node::For(node) => self.repeated(here, node),
            Node::Set(node) => self.set(here, node),
            Node::Section(node) => self.section(here, node),
            Node::Reference(node) if !node.extends => self.include(here, node),
            Node::Reference(_) => {}
        }
    }

    fn fragment(&mut self, here: &Here<'n>, node: &'n FragmentNode) {
        let fragment = &node.fragment;
        let mut needs = vec![Need::Group(here.group)];
        for text in [&fragment.service, &fragment.reference].into_iter().flatten() {
            if let Text::Expression(span) = &text.value {
                needs.extend(self.expression(here, *span));
            }
        }
        let mut imports = Vec::with_capacity(fragment.imports.len());
        for item in &fragment.imports {
            imports.push(self.import(here, item, &mut needs));
        }
        let group = self.page.needs.group(needs);
        let point = self.page.branches.point();
        let own = self.page.branches.branch(here.branch, point);
        let order = self.next();
        self.page.tags.push(Tag {
            source: self.site.files[here.file].id,
            node,
            order,
            trail: here.trail.clone(),
            branch: own,
            looped: here.looped,
            capture: here.capture,
            component: here.component,
            group,
            imports,
        });
        // What stands in the fallback is asked for only if the fragment itself failed; what it sets stays in it.
        let branch = self.page.branches.branch(here.branch, point);
        self.scope.push(FrameKind::Plain);
        self.nodes(
            &Here {
                branch,
                group,
                region: Needs::NOTHING,
                ..here.clone()
            },
            &node.fallback,
        );
        self.scope.pop();
    }

    fn branches(&mut self, here: &Here<'n>, node: &'n If) {
        let mut headers = Vec::new();
        for arm in &node.arms {
            headers.extend(self.expression(here, arm.open.inner));
        }
        let (group, region) = self.condition(here, headers);
        let point = self.page.branches.point();
        let mut bound = Vec::with_capacity(node.arms.len());
        for arm in &node.arms {
            let branch = self.page.branches.branch(here.branch, point);
            let mark = self.scope.mark();
            self.nodes(
                &Here {
                    branch,
                    group,
                    region,
                    ..here.clone()
                },
                &arm.body,
            );
            bound.push(self.scope.take(mark));
        }
        let closed = node.arms.last().is_some_and(|arm| arm.otherwise);
        self.merge(&bound, closed, group);
    }

    fn repeated(&mut self, here: &Here<'n>, node: &'n For) {
        let header = self.expression(here, node.header);
        let (group, region) = self.condition(here, header);
        let point = self.page.branches.point();
        let place = self.at(here, node.open.span);
        let mut bound = Vec::new();

        let branch = self.page.branches.branch(here.branch, point);
        let mark = self.scope.mark();
        self.scope.push(FrameKind::Plain);
        for name in node.names.iter().map(String::as_str).chain(["loop"]) {
            self.scope.bind(
                name,
                Bound {
                    certain: true,
                    group,
                    block: 0,
                    place,
                },
            );
        }
        let looped = here.looped.or(Some(place));
        self.nodes(
            &Here {
                branch,
                group,
                region,
                looped,
                ..here.clone()
            },
            &node.body,
        );
        self.scope.pop();
        bound.push(self.scope.take(mark));

        if let Some((_, otherwise)) = &node.otherwise {
            let branch = self.page.branches.branch(here.branch, point);
            let mark = self.scope.mark();
            self.nodes(
                &Here {
                    branch,
                    group,
                    region,
                    ..here.clone()
                },
                otherwise,
            );
            bound.push(self.scope.take(mark));
        }
        self.merge(&bound, false, group);
    }

    fn condition(&mut self, here: &Here<'n>, header: Vec<Need<'n>>) -> (GroupId, GroupId) {
        let header = self.page.needs.group(header);
        let group = self
            .page
            .needs
            .group(vec![Need::Group(here.group), Need::Group(header)]);
        let region = self
            .page
            .needs
            .group(vec![Need::Group(here.region), Need::Group(header)]);
        (group, region)
    }

    fn merge(&mut self, bound: &[super::scope::Branch<'n>], closed: bool, condition: GroupId) {
        let needs = &mut self.page.needs;
        self.scope.merge(bound, closed, |groups| {
            needs.group(groups.into_iter().chain([condition]).map(Need::Group).collect())
        });
    }

    fn set(&mut self, here: &Here<'n>, node: &'n Set) {
        let needs = self.expression(here, node.value);
        let place = self.at(here, node.name_span);
        self.assign(here, &node.name, place, node.global, needs);
        self.calls(here, node.value, Vec::new());
    }

    fn assign(
        &mut self,
        here: &Here<'n>,
        name: &'n str,
        place: Location,
        global: bool,
        mut needs: Vec<Need<'n>>,
    ) {
        needs.push(Need::Group(here.group));
        let group = self.page.needs.group(needs);
        let block = self.blocks.last().copied().unwrap_or(0);
        let bound = Bound {
            certain: true,
            group,
            block,
            place,
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

    fn section(&mut self, here: &Here<'n>, node: &'n Section) {
        match node.kind {
            SectionKind::Block => self.block(here, node),
            SectionKind::Filter => {
                let skipped = filter_arguments(&self.source(here).text, node.open.inner);
                let needs = self.expression(here, skipped);
                self.capture(here, node, needs);
            }
            SectionKind::Capture | SectionKind::CaptureGlobal => {
                let needs = self.capture(here, node, Vec::new());
                let place = self.at(here, node.open.span);
                let global = node.kind == SectionKind::CaptureGlobal;
                self.assign(here, &node.name, place, global, needs);
            }
            SectionKind::Call => {
                let needs = self.expression(here, node.open.inner);
                self.nodes(here, &node.body);
                self.calls(here, node.open.inner, needs);
            }
            // It prints nothing where it is defined.
            SectionKind::Component => {}
        }
    }

    /// Goes through a section whose content Tera must have as a whole. The result is what it needs.
    fn capture(&mut self, here: &Here<'n>, node: &'n Section, needs: Vec<Need<'n>>) -> Vec<Need<'n>> {
        let capture = here.capture.or(Some(self.at(here, node.open.span)));
        self.captures.push(Capture {
            needs,
            structures: Vec::new(),
        });
        self.nodes(
            &Here {
                capture,
                ..here.clone()
            },
            &node.body,
        );
        let Some(captured) = self.captures.pop() else {
            return Vec::new();
        };
        let group = self.page.needs.group(captured.needs);
        for (location, what) in &captured.structures {
            self.page.structures.push(Structure {
                location: *location,
                what,
                group,
            });
        }
        if let Some(outer) = self.captures.last_mut() {
            outer.needs.push(Need::Group(group));
            outer.structures.extend(captured.structures);
        }
        vec![Need::Group(group)]
    }

    /// Notes something that can't wait for an export.
    fn structure(&mut self, here: &Here<'n>, span: Span, what: &'static str) {
        let location = self.at(here, span);
        if let Some(capture) = self.captures.last_mut() {
            capture.structures.push((location, what));
        }
        if here.region != Needs::NOTHING {
            self.page.structures.push(Structure {
                location,
                what,
                group: here.region,
            });
        }
    }

    /// The components that this file defines, each as if a page called it.
    fn definitions(&mut self, here: &Here<'n>) {
        for section in super::components::definitions(&self.site.files[here.file].tree.nodes) {
            self.component_body(here, section, Needs::NOTHING);
        }
    }

    fn component_body(&mut self, here: &Here<'n>, section: &'n Section, group: GroupId) {
        let text = &self.source(here).text;
        let place = self.at(here, section.open.span);
        self.scope.push(FrameKind::Component);
        let arguments = arguments(text, section.open.inner);
        for name in arguments.into_iter().map(|(name, _)| name).chain(["body"]) {
            self.scope.bind(
                name,
                Bound {
                    certain: true,
                    group,
                    block: 0,
                    place,
                },
            );
        }
        let inside = Here {
            component: Some(&section.name),
            region: Needs::NOTHING,
            lineage: None,
            block: None,
            ..here.clone()
        };
        self.nodes(&inside, &section.body);
        self.scope.pop();
    }

    fn next(&mut self) -> u32 {
        self.order += 1;
        self.order
    }
}

/// The place on the page itself where something came in.
fn outermost(trail: &Trail) -> Option<Location> {
    let mut step = trail.as_deref()?;
    while let Some(before) = step.before.as_deref() {
        step = before;
    }
    Some(step.location)
}

/// What follows the first filter's name in `replace(from=a, to=b) | upper`.
fn filter_arguments(text: &str, inner: Span) -> Span {
    let all = text.get(inner.range()).unwrap_or_default();
    let name = all
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(all.len());
    Span {
        start: inner.start + name as u32,
        end: inner.end,
    }
}
