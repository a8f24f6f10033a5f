//! Writes lowered templates.

use std::fmt::Write;

use hydra_contract::{Hole, Import, Lifted, Rename, SiteKind, Slot, Text as PlanText};

use crate::{
    fragment::{Attributed, Fragment, Text, tera_name},
    problem::{Code, Problem},
    source::Span,
    tree::{Delimited, FragmentNode, Node, Reference, SectionKind},
};

use super::{
    Lowering, Names,
    need::{Need, need},
    region::{immovable, trims_after, trims_before, uses_loop},
};

/// What the loop has to hand to a lifted text, as `plan.rs` of the contract says.
const LOOP: &str = ", l=[loop.index, loop.index0, loop.first, loop.last, loop.length]";

/// Where a list of nodes stands.
#[derive(Clone, Copy)]
pub(super) struct Scope {
    /// Whether the list is all that sees what is set in it.
    closed: bool,
    /// Whether it stands in a `for` of the same file.
    in_loop: bool,
    /// Whether what follows the list trims the text at its end.
    trimmed: bool,
}

impl Scope {
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
    pub(super) out: String,
}

impl<'l, 's> Writer<'l, 's> {
    pub(super) fn new(lowering: &'l mut Lowering<'s>, file: usize) -> Self {
        let text = lowering.site.files[file].source.text.as_str();
        Self {
            lowering,
            file,
            text,
            out: String::new(),
        }
    }

    /// Writes a list of nodes where `exports` are not yet there.
    pub(super) fn list(&mut self, nodes: &[Node], exports: &Names, scope: Scope) {
        for (index, node) in nodes.iter().enumerate() {
            let file = &self.lowering.site.files[self.file];
            match need(&self.lowering.regions, file, node, exports) {
                Need::Rest(waits) if scope.closed => {
                    return self.hole(&nodes[index..], exports, waits, scope);
                }
                Need::Nothing => self.node(node, exports, scope),
                Need::Hole(waits) | Need::Rest(waits) => {
                    self.hole(
                        std::slice::from_ref(node),
                        exports,
                        waits,
                        Scope {
                            trimmed: false,
                            ..scope
                        },
                    );
                }
            }
        }
    }

    fn node(&mut self, node: &Node, exports: &Names, scope: Scope) {
        let inner = Scope {
            closed: false,
            ..scope
        };
        match node {
            Node::Cut(_) => {}
            Node::Fragment(node) => self.slot(node, exports, scope),
            Node::Reference(reference) if !reference.extends => self.include(reference, exports),
            Node::If(chain) => {
                for arm in &chain.arms {
                    self.copy(arm.open);
                    self.list(&arm.body, exports, inner);
                }
                self.copy(chain.end);
            }
            Node::For(repeat) => {
                let visible: Names = exports
                    .iter()
                    .filter(|name| !repeat.names.contains(name))
                    .cloned()
                    .collect();
                let next = repeat.otherwise.as_ref().map_or(repeat.end, |(open, _)| *open);
                let trimmed = self.text.as_bytes().get(next.span.start as usize + 2) == Some(&b'-');
                self.copy(repeat.open);
                self.list(
                    &repeat.body,
                    &visible,
                    Scope {
                        closed: true,
                        in_loop: true,
                        trimmed,
                    },
                );
                if let Some((open, body)) = &repeat.otherwise {
                    self.copy(*open);
                    self.list(body, exports, inner);
                }
                self.copy(repeat.end);
            }
            Node::Section(section) => {
                let trimmed = self.text.as_bytes().get(section.end.span.start as usize + 2) == Some(&b'-');
                let none = Names::new();
                let (exports, scope) = match section.kind {
                    SectionKind::Component => (&none, Scope::top()),
                    SectionKind::Block => (
                        exports,
                        Scope {
                            closed: true,
                            in_loop: false,
                            trimmed,
                        },
                    ),
                    _ => (exports, inner),
                };
                self.copy(section.open);
                self.list(&section.body, exports, scope);
                self.copy(section.end);
            }
            _ => self.copy_span(node.span()),
        }
    }

    fn copy(&mut self, delimited: Delimited) {
        self.copy_span(delimited.span);
    }

    fn copy_span(&mut self, span: Span) {
        self.out.push_str(&self.text[span.range()]);
    }

    fn include(&mut self, reference: &Reference, exports: &Names) {
        let Some(file) = self.lowering.site.find(&reference.name) else {
            return self.copy(reference.open);
        };
        let name = self.lowering.included(file, exports);
        if name == reference.name {
            return self.copy(reference.open);
        }
        let text = &self.text[reference.open.span.range()];
        let (before, after) = (dash(text.starts_with("{%-")), dash(text.ends_with("-%}")));
        self.out
            .push_str(&format!("{{%{before} include {name:?} {after}%}}"));
    }

    /// Writes a call of the runtime, with the dashes of what it stands for.
    fn call(&mut self, index: usize, arguments: &str, before: bool, after: bool) {
        let (before, after) = (dash(before), dash(after));
        // Writing to a String can't fail.
        let _ = write!(self.out, "{{{{{before} __hydra(n={index}{arguments}) {after}}}}}");
    }

    /// Lifts a region out of the template.
    fn hole(&mut self, nodes: &[Node], exports: &Names, waits: Names, scope: Scope) {
        let (Some(first), Some(last)) = (nodes.first(), nodes.last()) else {
            return;
        };
        let at = Span {
            start: first.span().start,
            end: last.span().end,
        };
        if let Some(fixed) = immovable(self.text, nodes) {
            self.refuse(first, fixed, &waits);
        }
        let index = self.lowering.reserve(self.file, at);
        let later: Names = exports.difference(&waits).cloned().collect();
        let mut captures = self.captures(nodes);
        captures.extend(waits.iter().cloned());
        let trimmed = scope.trimmed && matches!(last, Node::Text(_));
        let body = self.lifted(index, nodes, &later, scope, trimmed, captures);
        let gives = self.lowering.regions.gives(nodes);
        let kind = SiteKind::Hole(Hole {
            body,
            waits: waits.into_iter().collect(),
        });
        self.lowering.settle(index, gives, kind);
        let (before, after) = (trims_before(self.text, first), trims_after(self.text, last));
        let arguments = self.loop_argument(nodes, scope);
        self.call(index, arguments, before, after);
    }

    fn refuse(&mut self, first: &Node, fixed: Span, waits: &Names) {
        let source = self.lowering.site.files[self.file].id;
        let names: Vec<_> = waits.iter().map(|name| format!("`{name}`")).collect();
        let names = names.join(", ");
        let open = match first {
            Node::If(chain) => chain.arms.first().map_or(first.span(), |arm| arm.open.span),
            Node::For(node) => node.open.span,
            Node::Section(node) => node.open.span,
            _ => first.span(),
        };
        let problem = Problem::new(
            Code::ExportInBlockStructure,
            format!("{names} would decide about the structure of this page"),
            open.at(source),
            format!("{names} comes from a fragment, after the page's structure is settled"),
        )
        .label(fixed.at(source), "this can't wait for a fragment")
        .help("use the export inside of the block, or put what depends on it into an include");
        self.lowering.problems.push(problem);
    }

    /// Makes a template of its own out of a region.
    fn lifted(
        &mut self,
        index: usize,
        nodes: &[Node],
        exports: &Names,
        scope: Scope,
        trimmed: bool,
        captures: Names,
    ) -> Lifted {
        let mut writer = Writer::new(self.lowering, self.file);
        // Inside, `loop` is a name like any other, though a deeper text needs it handed on.
        writer.list(
            nodes,
            exports,
            Scope {
                closed: true,
                in_loop: scope.in_loop,
                trimmed: false,
            },
        );
        let mut source = writer.out;
        if trimmed {
            source.truncate(source.trim_end().len());
        }
        let template = format!("#{index}/{}", self.lowering.site.files[self.file].source.name);
        self.lowering.add(template.clone(), source);
        Lifted {
            template,
            captures: captures.into_iter().filter(|name| name != "loop").collect(),
        }
    }

    fn captures(&self, nodes: &[Node]) -> Names {
        self.lowering
            .regions
            .names(&self.lowering.site.files[self.file], nodes)
    }

    fn loop_argument(&self, nodes: &[Node], scope: Scope) -> &'static str {
        if scope.in_loop && uses_loop(self.text, nodes) {
            LOOP
        } else {
            ""
        }
    }

    fn slot(&mut self, node: &FragmentNode, exports: &Names, scope: Scope) {
        let index = self.lowering.reserve(self.file, node.open);
        let mut arguments = String::new();
        let Fragment {
            service, reference, ..
        } = &node.fragment;
        let service = self.dynamic(service.as_ref(), "service", &mut arguments);
        let reference = self.dynamic(reference.as_ref(), "ref", &mut arguments);
        arguments.push_str(self.loop_argument(&node.fallback, scope));
        let fallback = (!node.fallback.is_empty()).then(|| {
            let captures = self.captures(&node.fallback);
            self.lifted(index, &node.fallback, exports, scope, false, captures)
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
        let gives = self
            .lowering
            .regions
            .gives(&[Node::Fragment(Box::new(node.clone()))]);
        self.lowering.settle(index, gives, SiteKind::Slot(Box::new(slot)));
        self.call(index, &arguments, false, false);
    }

    fn dynamic(&self, value: Option<&Attributed<Text>>, name: &str, arguments: &mut String) -> PlanText {
        match value.map(|value| &value.value) {
            None => PlanText::default(),
            Some(Text::Fixed(text)) => PlanText::Fixed(text.clone()),
            Some(Text::Expression(span)) => {
                let _ = write!(arguments, ", {name}=({})", &self.text[span.range()]);
                PlanText::Computed
            }
        }
    }
}

fn import(item: &crate::fragment::Item) -> Import {
    let mut from = item.path.clone();
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
        from: item.name(),
        to: tera_name(item.target()),
    }
}

fn dash(there: bool) -> &'static str {
    if there { "-" } else { "" }
}
