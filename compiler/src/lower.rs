//! Turns trees into the plan: which parts Tera renders at once, and which are filled in afterwards (design section 5).
//!
//! Tera renders a page once. Lifted out of it, and replaced by one call each, are
//! - every `<m:fragment>`: a slot, with its fallback as a template of its own;
//! - the smallest regions that need an export: holes. A hole waits for just the names that made it one; what it holds
//!   is lowered again without them, so that a hole may hold another.
//!
//! Inheritance, blocks, includes, components and loops stay Tera's own. White space control (`{%-`) reaches up to a tag
//! and not into what stands in its place.

mod emit;
mod form_marks;
mod hole_extent;
mod last_used;
mod pending_names;
mod region_names;
#[cfg(test)]
mod tests;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use hydra_contract::{Contract, InsertionKind, PLAN_FORMAT, PagePlan, Plan, Template, TemplatePosition};

use crate::{
    check::overlap,
    fragment::tera_name,
    limits::{LOWERED_BYTES_OF_PART, MAX_LOWERED_BYTES, MAX_LOWERED_TIMES},
    problem::{Code, Problem, ProblemCollector},
    site::{Site, fragments},
    source::Span,
    tree::{Node, within},
};

use emit::{ListScope, Writer};
use pending_names::Waiting;
use region_names::Regions;
use text::Lowered;

/// Attribute names, in Tera spelling.
type Names = BTreeSet<String>;

/// Lowers a site. `pages` are indices of files that are shown as pages. The problems are exports that decide about
/// something that can't wait, and offered elements that overlap with a statement.
#[must_use]
pub fn lower(site: &Site<'_>, pages: &[usize], contract: Contract) -> (Plan, Vec<Problem>) {
    let mut lowering = Lowering::new(site, true);
    lowering.all();
    let pages = pages.iter().map(|page| lowering.page(*page)).collect();
    let plan = Plan {
        format: PLAN_FORMAT,
        templates: lowering.templates,
        sites: lowering.sites,
        pages,
        contract,
        offers: lowering.offers,
    };
    (plan, lowering.problems.into_problems())
}

/// The problems of [`lower`], without the plan: that would hold every text once more.
#[must_use]
pub fn refused(site: &Site<'_>) -> Vec<Problem> {
    let mut lowering = match region_names::uses_exports(site) {
        true => Lowering::new(site, false),
        // No template uses an exported name, so that no part of a page waits for one: the sets of exports stay empty.
        false => Lowering::with(
            site,
            Regions::new(site),
            vec![Names::new(); site.files.len()],
            false,
        ),
    };
    lowering.all();
    lowering.problems.into_problems()
}

struct Lowering<'s> {
    site: &'s Site<'s>,
    regions: Regions<'s>,
    /// What may be exported on any page that a file's own text is part of.
    exports: Vec<Names>,
    /// Whether the texts are wanted.
    keeps: bool,
    templates: Vec<Template>,
    sites: Vec<hydra_contract::Insertion>,
    offers: BTreeMap<String, String>,
    /// Included files that were lowered for other exports than their own, and the names of those templates.
    variants: BTreeMap<(usize, Names), String>,
    /// The ones among them that are still to be written.
    open_variants: Vec<(usize, Names, String)>,
    problems: ProblemCollector,
    /// How many holes lie around what is being written.
    depth: usize,
    /// How many bytes there may still be. Once there is none, no part is lifted any more.
    room: usize,
    /// Whether it was reported that there is none.
    told_full: bool,
}

impl<'s> Lowering<'s> {
    fn new(site: &'s Site<'s>, keeps: bool) -> Self {
        let regions = Regions::new(site);
        let given: Vec<Names> = (0..site.files.len())
            .map(|file| regions.given_by(&site.closure(file)))
            .collect();
        // A parent's text is part of each page that extends it.
        let mut exports = given.clone();
        for (child, given) in given.iter().enumerate() {
            for parent in site.parents(child) {
                exports[parent].extend(given.iter().cloned());
            }
        }
        Self::with(site, regions, exports, keeps)
    }

    fn with(site: &'s Site<'s>, regions: Regions<'s>, exports: Vec<Names>, keeps: bool) -> Self {
        let written: usize = site.files.iter().map(|file| file.source.text.len()).sum();
        Self {
            site,
            regions,
            exports,
            keeps,
            templates: Vec::new(),
            sites: Vec::new(),
            offers: BTreeMap::new(),
            variants: BTreeMap::new(),
            open_variants: Vec::new(),
            problems: ProblemCollector::default(),
            depth: 0,
            room: MAX_LOWERED_BYTES.saturating_add(written.saturating_mul(MAX_LOWERED_TIMES)),
            told_full: false,
        }
    }

    fn all(&mut self) {
        for file in 0..self.site.files.len() {
            let exports = self.exports[file].clone();
            // A run that only looks for problems skips a file that waits for no export and whose fallbacks hold only
            // text: nothing in it can be refused.
            if self.keeps || !exports.is_empty() || has_fallbacks(&self.site.files[file].tree.nodes) {
                let source = self.file(file, &exports);
                self.add(self.site.files[file].source.name.clone(), file, source);
            }
        }
        self.variants();
        self.offers();
    }

    fn spend(&mut self, bytes: usize) {
        self.room = self.room.saturating_sub(bytes);
    }

    /// What so many names take.
    fn spend_names(&mut self, names: usize) {
        self.spend(names.saturating_mul(LOWERED_BYTES_OF_PART));
    }

    /// Whether there is no room for what begins at `place` in `file`. The first time it is reported.
    fn is_full(&mut self, file: usize, place: Span) -> bool {
        if self.room == 0 && !self.told_full {
            self.told_full = true;
            self.problems
                .add(emit::too_large(place.at(self.site.files[file].id)));
        }
        self.room == 0
    }

    /// Keeps a text that stood in `file`.
    fn add(&mut self, name: String, file: usize, text: Lowered) {
        self.spend(text.bytes());
        if self.keeps {
            let (source, origin) = text.finish(self.site.files[file].source);
            self.templates.push(Template { name, source, origin });
        }
    }

    fn file(&mut self, file: usize, exports: &Names) -> Lowered {
        let site = self.site;
        let mut writer = Writer::new(self, file);
        writer.list(
            &site.files[file].tree.nodes,
            &Waiting::new(exports.clone()),
            ListScope::top(),
        );
        writer.out
    }

    /// The template to include for a file where these names are waited for.
    fn included(&mut self, file: usize, waiting: &Waiting) -> String {
        let used = self.regions.deep_names(file);
        let relevant = waiting.exports_among(used);
        let own = used.iter().filter(|name| self.exports[file].contains(*name));
        if relevant.iter().eq(own) {
            return self.site.files[file].source.name.clone();
        }
        if self.is_full(file, Span::default()) {
            return self.site.files[file].source.name.clone();
        }
        let (next, names) = (self.variants.len(), relevant.len());
        let name = self.variants.entry((file, relevant.clone())).or_insert_with(|| {
            let name = format!("#+{next}/{}", self.site.files[file].source.name);
            self.open_variants.push((file, relevant, name.clone()));
            name
        });
        let name = name.clone();
        if self.variants.len() > next {
            self.spend_names(1 + names);
        }
        name
    }

    /// The names that a page uses outside of a block of one of its files.
    fn seen_outside(&self, file: usize, block: Span) -> Names {
        let mut names = self.regions.names_outside(file, block);
        for relative in 0..self.site.files.len() {
            let extends = |child, parent| child != parent && self.site.parents(child).contains(&parent);
            if extends(relative, file) || extends(file, relative) {
                names.extend(self.regions.deep_names(relative).iter().cloned());
            }
        }
        names
    }

    fn variants(&mut self) {
        while let Some((file, exports, name)) = self.open_variants.pop() {
            if self.is_full(file, Span::default()) {
                continue;
            }
            let source = self.file(file, &exports);
            self.add(name, file, source);
        }
    }

    fn offers(&mut self) {
        let site = self.site;
        for (file, parsed) in site.files.iter().enumerate() {
            for offer in &parsed.tree.offers {
                let Some(reference) = &offer.tag.reference else {
                    continue;
                };
                let Some(nodes) = within(&parsed.tree.nodes, offer.span) else {
                    self.problems.add(overlap::overlap(parsed.id, offer));
                    continue;
                };
                if let Some(fixed) = region_names::inherited(&parsed.source.text, &nodes) {
                    self.problems
                        .add(inherits(parsed.id, fixed, offer.open, &reference.value));
                    continue;
                }
                let exports = match self.exports[file].is_empty() {
                    true => Names::new(),
                    false => self.regions.gives(&nodes),
                };
                let mut writer = Writer::new(self, file);
                writer.list(&nodes, &Waiting::new(exports), ListScope::top());
                let source = writer.out;
                let name = format!("#{}/{}", reference.value, parsed.source.name);
                if self.keeps {
                    self.offers.insert(reference.value.to_string(), name.clone());
                }
                self.add(name, file, source);
            }
        }
        self.variants();
    }

    fn page(&self, file: usize) -> PagePlan {
        let exports = self
            .regions
            .given_by(&self.site.closure(file))
            .into_iter()
            .collect();
        let forms = self.site.page_forms(file).into_iter();
        PagePlan {
            template: self.site.files[file].source.name.clone(),
            exports,
            forms: forms
                .map(|(_, form)| (form.action.value.to_string(), form.contract()))
                .collect(),
        }
    }

    /// Keeps a place for a site, so that outer ones come before inner ones.
    fn reserve(&mut self, file: usize, at: Span) -> usize {
        if !self.keeps {
            return 0;
        }
        let source = self.site.files[file].source;
        let start = source.line_column(at.start);
        let place = TemplatePosition {
            file: source.name.clone(),
            line: start.line,
            column: start.column,
        };
        let kind = InsertionKind::Hole(hydra_contract::Hole::default());
        self.sites.push(hydra_contract::Insertion {
            place,
            gives: Vec::new(),
            kind,
        });
        self.sites.len() - 1
    }

    fn settle(&mut self, index: usize, gives: Names, kind: InsertionKind) {
        if let Some(site) = self.sites.get_mut(index) {
            site.gives = gives.into_iter().collect();
            site.kind = kind;
        }
    }
}

/// Whether there is a fragment among the nodes whose fallback is more than text.
fn has_fallbacks(nodes: &[Node]) -> bool {
    let is_text = |node: &Node| matches!(node, Node::Text(_));
    nodes.iter().any(|node| match node {
        Node::Fragment(node) => !node.fallback.iter().all(is_text),
        node => node.has_bodies() && node.bodies().any(has_fallbacks),
    })
}

/// The exports of all fragments among the nodes, in Tera spelling.
fn exported(nodes: &[Node]) -> Names {
    let exports = fragments(nodes)
        .into_iter()
        .flat_map(|node| node.fragment.exports.iter());
    exports.map(|item| tera_name(item.target())).collect()
}

fn inherits(source: crate::source::SourceId, fixed: Span, open: Span, reference: &str) -> Problem {
    let message = format!("`{reference}` is rendered by itself, and can't take part in inheritance");
    Problem::new(
        Code::TemplateSyntax,
        message,
        fixed.at(source),
        "belongs to the page as a whole",
    )
    .label(open.at(source), "in this element, which is a fragment")
    .help("move it out of the element, or put what it shows into an include")
}
