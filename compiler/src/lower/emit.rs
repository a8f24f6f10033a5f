//! Writes lowered templates.

mod forms;
mod refusal;

use std::{borrow::Cow, cell::OnceCell, fmt::Write};

use hydra_contract::{Hole, Import, InsertionKind, Lifted, Rename, Slot, Text as PlanText};

use crate::{
    fragment::{AttributeText, Attributed, Fragment, tera_name},
    limits::MAX_HOLE_DEPTH,
    problem::{Code, Problem},
    source::Span,
    tree::{Delimited, FragmentNode, Node, Reference, SectionKind},
};

pub(super) use refusal::too_large;

use super::{
    Lowering, Names,
    hole_extent::{HoleExtent, hole_extent},
    last_used::LastUsed,
    pending_names::{LastBound, Waiting, derivable},
    region_names::{immovable, leaked_sets, trims_after, trims_before, uses_loop},
    text::Lowered,
};

/// The argument that passes the loop to a lifted text, as `plan.rs` of the contract describes.
const LOOP: &str = ", l=[loop.index, loop.index0, loop.first, loop.last, loop.length]";

/// The surroundings of a list of nodes.
#[derive(Clone, Copy)]
pub(super) struct ListScope {
    /// Whether only the list itself sees the names that are set in it.
    closed: bool,
    /// Whether it stands in a `for` of the same file.
    in_loop: bool,
    /// Whether what follows the list trims the text at its end.
    trimmed: bool,
}

impl ListScope {
    /// A whole template.
    pub(super) fn top() -> Self {
        Self {
            closed: true,
            in_loop: false,
            trimmed: false,
        }
    }
}

/// Writes one template.
pub(super) struct Writer<'l, 's> {
    lowering: &'l mut Lowering<'s>,
    file: usize,
    text: &'s str,
    pub(super) out: Lowered,
}

impl<'l, 's> Writer<'l, 's> {
    pub(super) fn new(lowering: &'l mut Lowering<'s>, file: usize) -> Self {
        let text = lowering.site.files[file].source.text.as_str();
        Self {
            lowering,
            file,
            text,
            out: Lowered::default(),
        }
    }

    /// Writes a list of nodes in which some names have no value yet.
    pub(super) fn list(&mut self, nodes: &[Node], waiting: &Waiting, scope: ListScope) {
        let mut waiting = Cow::Borrowed(waiting);
        let bound = OnceCell::new();
        let used = LastUsed::of(nodes);
        let mut next = 0;
        while let Some(node) = nodes.get(next) {
            let index = next;
            next += 1;
            let file = &self.lowering.site.files[self.file];
            match hole_extent(&self.lowering.regions, file, node, &waiting) {
                HoleExtent::Rest(waits) if scope.closed => {
                    let bound = bound.get_or_init(|| LastBound::of(nodes));
                    if !self.derive(node, index, bound, &waits, &mut waiting) {
                        next = used.end(&self.lowering.regions, self.file, file, index);
                        let trimmed = scope.trimmed && next == nodes.len();
                        self.hole(
                            &nodes[index..next],
                            &waiting,
                            waits,
                            ListScope { trimmed, ..scope },
                        );
                    }
                }
                HoleExtent::Nothing => self.node(node, &waiting, scope),
                HoleExtent::Hole(waits) | HoleExtent::Rest(waits) => {
                    self.hole(
                        std::slice::from_ref(node),
                        &waiting,
                        waits,
                        ListScope {
                            trimmed: false,
                            ..scope
                        },
                    );
                }
            }
        }
    }

    /// Takes a `set` from an export out of the text: each part that uses the name repeats the `set`.
    fn derive(
        &mut self,
        node: &Node,
        index: usize,
        bound: &LastBound<'_>,
        waits: &Names,
        waiting: &mut Cow<'_, Waiting>,
    ) -> bool {
        let file = &self.lowering.site.files[self.file];
        let needs = self.lowering.regions.names(file, std::slice::from_ref(node));
        let Some(name) = derivable(node, index, &needs, bound) else {
            return false;
        };
        if self.lowering.regions.used_by_children(self.file).contains(name)
            || self.lowering.is_full(self.file, opening(node))
        {
            return false;
        }
        let prelude = {
            let (left, _) = waiting.settled(waits, &needs);
            let mut writer = Writer::new(self.lowering, self.file);
            writer.node(node, &left, ListScope::top());
            writer.out
        };
        self.lowering.spend_names(waits.len() + needs.len());
        self.lowering.spend(prelude.bytes());
        waiting.to_mut().derive(name, waits.clone(), needs, prelude);
        let (before, after) = (
            dash(trims_before(self.text, node)),
            dash(trims_after(self.text, node)),
        );
        // Its dashes stay: they trim what stands beside it.
        self.out
            .make(node.span().start, &format!("{{{{{before} '' {after}}}}}"));
        true
    }

    fn node(&mut self, node: &Node, waiting: &Waiting, scope: ListScope) {
        let inner = ListScope {
            closed: false,
            ..scope
        };
        match node {
            Node::Cut(cut) => self.form(*cut),
            Node::Text(span) => self.marked(*span),
            Node::Fragment(node) => self.slot(node, waiting, scope),
            Node::Reference(reference) if !reference.extends => self.include(reference, waiting),
            Node::If(chain) => {
                for arm in &chain.arms {
                    self.copy(arm.open);
                    self.list(&arm.body, waiting, inner);
                }
                self.copy(chain.end);
            }
            Node::For(repeat) => {
                let visible = waiting.without(&repeat.names);
                let next = repeat.otherwise.as_ref().map_or(repeat.end, |(open, _)| *open);
                let trimmed = self.text.as_bytes().get(next.span.start as usize + 2) == Some(&b'-');
                self.copy(repeat.open);
                self.list(
                    &repeat.body,
                    &visible,
                    ListScope {
                        closed: true,
                        in_loop: true,
                        trimmed,
                    },
                );
                if let Some((open, body)) = &repeat.otherwise {
                    self.copy(*open);
                    self.list(body, waiting, inner);
                }
                self.copy(repeat.end);
            }
            Node::Section(section) => {
                let trimmed = self.text.as_bytes().get(section.end.span.start as usize + 2) == Some(&b'-');
                let none = Waiting::default();
                let (waiting, scope) = match section.kind {
                    SectionKind::Component => (&none, ListScope::top()),
                    SectionKind::Block => (
                        waiting,
                        ListScope {
                            closed: true,
                            in_loop: false,
                            trimmed,
                        },
                    ),
                    _ => (waiting, inner),
                };
                if section.kind == SectionKind::Block {
                    self.refuse_leak(section, waiting);
                }
                self.copy(section.open);
                self.list(&section.body, waiting, scope);
                self.copy(section.end);
            }
            _ => self.copy_span(node.span()),
        }
    }

    fn copy(&mut self, delimited: Delimited) {
        self.copy_span(delimited.span);
    }

    fn copy_span(&mut self, span: Span) {
        match self.lowering.keeps {
            true => self.out.copy(self.text, span),
            false => self.out.skip(span),
        }
    }

    fn include(&mut self, reference: &Reference, waiting: &Waiting) {
        let Some(file) = self.lowering.site.find(&reference.name) else {
            return self.copy(reference.open);
        };
        let name = self.lowering.included(file, waiting);
        if name == reference.name {
            return self.copy(reference.open);
        }
        let text = &self.text[reference.open.span.range()];
        let (before, after) = (dash(text.starts_with("{%-")), dash(text.ends_with("-%}")));
        let text = format!("{{%{before} include {name:?} {after}%}}");
        self.out.make(reference.open.span.start, &text);
    }

    /// Writes a call of the runtime, with the dashes of the part that it replaces.
    fn call(&mut self, start: u32, index: usize, arguments: &str, [before, after]: [bool; 2]) {
        let (before, after) = (dash(before), dash(after));
        // A filter: a function would have the index among its arguments, of which Tera makes a map for each call.
        let arguments = match arguments.strip_prefix(", ") {
            Some(arguments) => format!("({arguments})"),
            None => String::new(),
        };
        let call = format!("{{{{{before} {index} | __hydra{arguments} {after}}}}}");
        self.out.make(start, &call);
    }

    /// Lifts a region out of the template.
    fn hole(&mut self, nodes: &[Node], waiting: &Waiting, waits: Names, scope: ListScope) {
        let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else {
            return;
        };
        let at = Span {
            start: first.span().start,
            end: last.span().end,
        };
        if let Some(fixed) = immovable(self.text, nodes) {
            return self.refuse(first, fixed, &waits);
        }
        if self.lowering.depth >= MAX_HOLE_DEPTH {
            return self.refuse_depth(first);
        }
        if self.lowering.is_full(self.file, opening(first)) {
            return;
        }
        let index = self.lowering.reserve(self.file, at);
        let mut captures = self.captures(nodes, waiting);
        let (later, prelude) = waiting.settled(&waits, &captures);
        captures.extend(waits.iter().cloned());
        self.lowering.spend_names(captures.len() + waits.len());
        let trimmed = scope.trimmed && matches!(last, Node::Text(_));
        let lift = Lift {
            nodes,
            waiting: &later,
            in_loop: scope.in_loop,
            trimmed,
            prelude,
            captures,
        };
        self.lowering.depth += 1;
        let body = self.lifted(index, lift);
        self.lowering.depth -= 1;
        let gives = self.lowering.regions.gives(nodes);
        self.refuse_circle(first, &waits, &gives);
        let kind = InsertionKind::Hole(Hole {
            body,
            waits: waits.into_iter().collect(),
        });
        self.lowering.settle(index, gives, kind);
        let dashes = [trims_before(self.text, first), trims_after(self.text, last)];
        let arguments = self.loop_argument(nodes, scope);
        self.call(at.start, index, arguments, dashes);
    }

    /// Makes a template of its own out of a region.
    fn lifted(&mut self, index: usize, lift: Lift<'_>) -> Lifted {
        let mut writer = Writer::new(self.lowering, self.file);
        writer.out = lift.prelude;
        // In the new template, `loop` is a map that the runtime passes in, and no loop of Tera's. A text that is
        // lifted out of it in turn must be given this map: hence `in_loop`.
        writer.list(
            lift.nodes,
            lift.waiting,
            ListScope {
                closed: true,
                in_loop: lift.in_loop,
                trimmed: false,
            },
        );
        let mut source = writer.out;
        if lift.trimmed {
            source.trim_end();
        }
        let template = format!("#{index}/{}", self.lowering.site.files[self.file].source.name);
        self.lowering.add(template.clone(), self.file, source);
        Lifted {
            template,
            captures: lift.captures.into_iter().filter(|name| name != "loop").collect(),
        }
    }

    /// The names that a region uses, those behind derived names among them.
    fn captures(&self, nodes: &[Node], waiting: &Waiting) -> Names {
        waiting.reach(
            self.lowering
                .regions
                .names(&self.lowering.site.files[self.file], nodes),
        )
    }

    fn loop_argument(&self, nodes: &[Node], scope: ListScope) -> &'static str {
        if scope.in_loop && uses_loop(self.text, nodes) {
            LOOP
        } else {
            ""
        }
    }

    fn slot(&mut self, node: &FragmentNode, waiting: &Waiting, scope: ListScope) {
        if let Some(fixed) = immovable(self.text, &node.fallback) {
            let source = self.lowering.site.files[self.file].id;
            let problem = Problem::new(
                Code::TemplateSyntax,
                "a fallback can't take part in inheritance: it is rendered by itself, and only where it is needed",
                fixed.at(source),
                "belongs to the page as a whole",
            )
            .label(node.open.at(source), "in the fallback of this fragment")
            .help("move it out of the tag, or put what the fallback shows into an include");
            return self.lowering.problems.add(problem);
        }
        if !self.lowering.keeps {
            // No plan is built: the fallback is lowered only to find the problems in it.
            let fallback = ListScope {
                in_loop: scope.in_loop,
                ..ListScope::top()
            };
            let mut writer = Writer::new(self.lowering, self.file);
            writer.list(&node.fallback, waiting, fallback);
            let bytes = writer.out.bytes();
            self.lowering.spend(bytes);
            // About as long as the call that would stand here.
            return self.out.skip(node.open);
        }
        let index = self.lowering.reserve(self.file, node.open);
        let mut arguments = String::new();
        let Fragment {
            service, reference, ..
        } = &node.fragment;
        let service = self.dynamic(service.as_ref(), "service", &mut arguments);
        let reference = self.dynamic(reference.as_ref(), "ref", &mut arguments);
        arguments.push_str(self.loop_argument(&node.fallback, scope));
        let fallback = (!node.fallback.is_empty()).then(|| {
            let captures = self.captures(&node.fallback, waiting);
            let (in_loop, nodes) = (scope.in_loop, &node.fallback);
            let prelude = Lowered::default();
            self.lifted(
                index,
                Lift {
                    nodes,
                    waiting,
                    in_loop,
                    trimmed: false,
                    prelude,
                    captures,
                },
            )
        });
        let fragment = &node.fragment;
        let slot = Slot {
            service,
            reference,
            imports: fragment.imports.iter().map(import).collect(),
            exports: fragment.exports.iter().map(export).collect(),
            fallback,
            timeout: fragment.timeout,
            cache: fragment.cache,
            stale: fragment.stale,
            required: fragment.required,
            mode: fragment.mode,
        };
        let gives = self.lowering.regions.gives_of(node);
        self.lowering
            .settle(index, gives, InsertionKind::Slot(Box::new(slot)));
        self.call(node.open.start, index, &arguments, [false, false]);
    }

    fn dynamic(
        &self,
        value: Option<&Attributed<AttributeText>>,
        name: &str,
        arguments: &mut String,
    ) -> PlanText {
        match value.map(|value| &value.value) {
            None => PlanText::default(),
            Some(AttributeText::Fixed(text)) => PlanText::Fixed(text.to_string()),
            Some(AttributeText::Expression(span)) => {
                let _ = write!(arguments, ", {name}=({})", &self.text[span.range()]);
                PlanText::Computed
            }
        }
    }
}

/// A region that becomes a template of its own.
struct Lift<'r> {
    nodes: &'r [Node],
    waiting: &'r Waiting,
    in_loop: bool,
    /// Whether what follows the region trims the text at its end.
    trimmed: bool,
    /// The statements that come first.
    prelude: Lowered,
    captures: Names,
}

fn listed(names: &Names) -> String {
    names
        .iter()
        .map(|name| format!("`{name}`"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The statement that a node begins with.
fn opening(node: &Node) -> Span {
    match node {
        Node::If(chain) => chain.arms.first().map_or(node.span(), |arm| arm.open.span),
        Node::For(repeat) => repeat.open.span,
        Node::Section(section) => section.open.span,
        Node::Fragment(fragment) => fragment.open,
        _ => node.span(),
    }
}

fn import(item: &crate::fragment::Item) -> Import {
    let mut from: Vec<String> = item.path().map(str::to_owned).collect();
    if let Some(root) = from.first_mut() {
        *root = tera_name(root);
    }
    Import {
        from,
        to: item.target().to_owned(),
    }
}

fn export(item: &crate::fragment::Item) -> Rename {
    Rename {
        from: item.name().to_owned(),
        to: tera_name(item.target()),
    }
}

fn dash(there: bool) -> &'static str {
    if there { "-" } else { "" }
}
