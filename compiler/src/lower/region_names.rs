//! Facts about a region of a template: which names it uses, which names its fragments export, whether it leaves a loop.

use std::{
    borrow::Cow,
    cell::OnceCell,
    collections::{BTreeSet, HashSet},
};

use crate::{
    delimiters::{inner, plain},
    expression_names::{WHOLE_CONTEXT, any_word, behind_name, calls_super, names},
    fragment::{AttributeText, Fragment, tera_name},
    model::spelled,
    site::{File, Site, visit},
    source::Span,
    tree::{FORM, For, FragmentNode, If, Node, Reference, Section, SectionKind},
};

use super::{Names, exported, form_marks::marks};

/// Answers questions about regions, those in included files among them.
pub(super) struct Regions<'s> {
    site: &'s Site<'s>,
    /// By file: all names that it uses, and those of what it includes.
    deep: Vec<OnceCell<Names>>,
    /// By file: the names that its children use.
    children: Vec<OnceCell<Names>>,
}

impl<'s> Regions<'s> {
    pub(super) fn new(site: &'s Site<'s>) -> Self {
        Self {
            site,
            deep: vec![OnceCell::new(); site.files.len()],
            children: vec![OnceCell::new(); site.files.len()],
        }
    }

    /// The exports of the fragments in these files.
    pub(super) fn given_by(&self, files: &[usize]) -> Names {
        files
            .iter()
            .flat_map(|file| exported(&self.site.files[*file].tree.nodes))
            .collect()
    }

    /// The exports of the fragments in a region, those in included files too.
    pub(super) fn gives(&self, nodes: &[Node]) -> Names {
        let mut names = exported(nodes);
        for file in self.included(nodes) {
            names.extend(self.given_by(&self.site.closure(file)));
        }
        names
    }

    /// The exports of a fragment, and of those in its fallback.
    pub(super) fn gives_of(&self, node: &FragmentNode) -> Names {
        let mut names = self.gives(&node.fallback);
        names.extend(node.fragment.exports.iter().map(|item| tera_name(item.target())));
        names
    }

    /// All names that a file uses, and those of what it includes or extends.
    pub(super) fn deep_names(&self, file: usize) -> &Names {
        self.deep[file].get_or_init(|| {
            let files = self.site.closure(file);
            files
                .iter()
                .flat_map(|file| own_names(&self.site.files[*file], None))
                .collect()
        })
    }

    /// The names that files which extend this one use beside it: it sets them before their blocks are rendered.
    pub(super) fn used_by_children(&self, file: usize) -> &Names {
        self.children[file].get_or_init(|| {
            let children = (0..self.site.files.len())
                .filter(|child| *child != file && self.site.parents(*child).contains(&file));
            let used: BTreeSet<usize> = children.flat_map(|child| self.site.closure(child)).collect();
            let beside = used.into_iter().filter(|used| *used != file);
            beside
                .flat_map(|used| own_names(&self.site.files[used], None))
                .collect()
        })
    }

    /// All names that a file uses outside of a span.
    pub(super) fn names_outside(&self, file: usize, span: Span) -> Names {
        let file = &self.site.files[file];
        let mut names = Names::new();
        visit(&file.tree.nodes, &mut |node| {
            if !span.contains(node.span()) {
                names.extend(node_names(&file.source.text, node));
                if let Node::Reference(reference) = node {
                    names.extend(self.included_names(reference).into_iter().flatten().cloned());
                }
            }
        });
        names
    }

    /// All names that an included file uses.
    pub(super) fn included_names(&self, reference: &Reference) -> Option<&Names> {
        self.site.find(&reference.name).map(|file| self.deep_names(file))
    }

    /// All names that a region uses, and those of what it includes.
    pub(super) fn names(&self, file: &File<'_>, nodes: &[Node]) -> Names {
        let mut names = own_names(file, Some(nodes));
        for used in self.included(nodes) {
            names.extend(self.deep_names(used).iter().cloned());
        }
        names
    }

    fn included(&self, nodes: &[Node]) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        visit(nodes, &mut |node| {
            if let Node::Reference(reference) = node {
                found.extend(self.site.find(&reference.name));
            }
        });
        found
    }
}

/// Whether any template of a site uses a name that any fragment of the site exports. Every use that
/// [`Regions::names`] would find counts.
pub(super) fn uses_exports(site: &Site<'_>) -> bool {
    let mut marks = NameBloomFilter::default();
    each_export(site, |name| marks.add(&name));
    if marks.is_empty() {
        return false;
    }
    // Most names of a page are told from all exports by their marks, so that the exports are seldom looked up.
    let exports: OnceCell<HashSet<Cow<'_, str>>> = OnceCell::new();
    let all_exports = || {
        let mut exports = HashSet::new();
        each_export(site, |name| {
            exports.insert(name);
        });
        exports
    };
    let is_export = |name: &str| {
        marks.may_contain(name) && exports.get_or_init(all_exports).contains(name) || name == WHOLE_CONTEXT
    };
    let mut found = false;
    for file in &site.files {
        visit(&file.tree.nodes, &mut |node| {
            found = found || uses_any(&file.source.text, node, &is_export);
        });
    }
    found
}

/// Calls `see` for each export of the fragments of a site, as Tera spells it.
fn each_export<'s>(site: &'s Site<'_>, mut see: impl FnMut(Cow<'s, str>)) {
    for file in &site.files {
        visit(&file.tree.nodes, &mut |node| {
            if let Node::Fragment(node) = node {
                node.fragment
                    .exports
                    .iter()
                    .for_each(|item| see(spelled(item.target())));
            }
        });
    }
}

/// NameBloomFilter of names: a name without its mark is not among those that were added.
struct NameBloomFilter([bool; Self::COUNT]);

impl Default for NameBloomFilter {
    fn default() -> Self {
        Self([false; Self::COUNT])
    }
}

impl NameBloomFilter {
    const COUNT: usize = 1 << 12;

    fn add(&mut self, name: &str) {
        self.0[Self::place(name)] = true;
    }

    fn may_contain(&self, name: &str) -> bool {
        self.0[Self::place(name)]
    }

    fn is_empty(&self) -> bool {
        !self.0.contains(&true)
    }

    /// A number made of the first and last letter and the length.
    fn place(name: &str) -> usize {
        let (first, last) = match name.as_bytes() {
            [] => (0, 0),
            [one] => (*one, *one),
            [first, .., last] => (*first, *last),
        };
        (usize::from(first) * 151 + usize::from(last) * 17 + name.len()) % Self::COUNT
    }
}

/// Whether a node itself, without its bodies, uses a name that `is_it` is true of.
fn uses_any(text: &str, node: &Node, is_it: &impl Fn(&str) -> bool) -> bool {
    let any = |span: Span| any_word(text, span, is_it);
    match node {
        Node::Print(span) => match plain(text, *span) {
            Some(plain) => is_it(&text[plain.name.range()]),
            None => any(inner(text, *span)),
        },
        Node::Other(delimited) => any(delimited.inner),
        Node::If(node) => node.arms.iter().any(|arm| !arm.otherwise && any(arm.open.inner)),
        Node::For(node) => any(node.header),
        Node::Set(node) => any(node.value),
        Node::Section(node) => match node.kind {
            SectionKind::Block | SectionKind::Component => false,
            SectionKind::Call => any(node.open.inner),
            _ => any(behind_name(text, node.open.inner)),
        },
        Node::Fragment(node) => {
            let fragment = &node.fragment;
            let mut computed = [&fragment.service, &fragment.reference].into_iter().flatten();
            fragment.imports.iter().any(|item| is_it(&spelled(item.root())))
                || computed.any(|value| match &value.value {
                    AttributeText::Expression(span) => any(*span),
                    AttributeText::Fixed(_) => false,
                })
        }
        _ => false,
    }
}

/// The names in a list of nodes of a file; without one, in all of it.
fn own_names(file: &File<'_>, nodes: Option<&[Node]>) -> Names {
    let mut names = Names::new();
    visit(nodes.unwrap_or(&file.tree.nodes), &mut |node| {
        names.extend(node_names(&file.source.text, node));
        // The address of a form is one of its members.
        let is_form = |cut: &Span| file.tree.forms.iter().any(|form| form.attribute.end == cut.end);
        // So are the errors of its controls.
        let uses_form = match node {
            Node::Cut(cut) => is_form(cut),
            Node::Text(text) => marks(&file.tree.forms, *text).next().is_some(),
            _ => false,
        };
        if uses_form {
            names.insert(FORM.to_owned());
        }
    });
    names
}

/// The names in a node itself, without those in its bodies.
fn node_names(text: &str, node: &Node) -> Names {
    match node {
        Node::Print(span) => names(text, inner(text, *span)),
        Node::Other(delimited) => names(text, delimited.inner),
        Node::If(node) => headers(text, node),
        Node::For(node) => header(text, node),
        Node::Set(node) => names(text, node.value),
        Node::Section(node) => section(text, node),
        Node::Fragment(node) => needed(text, &node.fragment),
        _ => Names::new(),
    }
}

/// The names in all headers of an `if`.
pub(super) fn headers(text: &str, node: &If) -> Names {
    node.arms
        .iter()
        .filter(|arm| !arm.otherwise)
        .flat_map(|arm| names(text, arm.open.inner))
        .collect()
}

/// The names in the header of a `for`.
pub(super) fn header(text: &str, node: &For) -> Names {
    names(text, node.header)
}

/// The names in the opening statement of a section.
fn section(text: &str, node: &Section) -> Names {
    match node.kind {
        SectionKind::Block | SectionKind::Component => Names::new(),
        SectionKind::Call => names(text, node.open.inner),
        _ => names(text, behind_name(text, node.open.inner)),
    }
}

/// The names that a fragment needs before it can be requested.
pub(super) fn needed(text: &str, fragment: &Fragment) -> Names {
    let imports = fragment.imports.iter().map(|item| tera_name(item.root()));
    let dynamic = [&fragment.service, &fragment.reference].into_iter().flatten();
    let dynamic = dynamic.filter_map(|value| match &value.value {
        AttributeText::Expression(span) => Some(names(text, *span)),
        AttributeText::Fixed(_) => None,
    });
    imports.chain(dynamic.flatten()).collect()
}

/// Whether a `set` in the nodes is seen behind them. `global`: only `set_global` counts.
pub(super) fn leaks_set(nodes: &[Node], global: bool) -> bool {
    nodes.iter().any(|node| match node {
        Node::Set(set) => set.global || !global,
        Node::Section(section) => match section.kind {
            SectionKind::Capture => !global || leaks_set(&section.body, global),
            SectionKind::CaptureGlobal => true,
            SectionKind::Component => false,
            _ => leaks_set(&section.body, global),
        },
        Node::If(node) => node.arms.iter().any(|arm| leaks_set(&arm.body, global)),
        Node::For(node) => {
            let otherwise = node
                .otherwise
                .as_ref()
                .is_some_and(|(_, body)| leaks_set(body, global));
            otherwise || leaks_set(&node.body, true)
        }
        _ => false,
    })
}

/// The names whose `set` among the nodes is seen behind them, and where.
pub(super) fn leaked_sets(nodes: &[Node]) -> Vec<(&str, Span)> {
    let mut found = Vec::new();
    add_leaked_sets(nodes, false, &mut found);
    found
}

/// `global`: only `set_global` counts, as in the body of a loop.
fn add_leaked_sets<'n>(nodes: &'n [Node], global: bool, found: &mut Vec<(&'n str, Span)>) {
    for node in nodes {
        match node {
            Node::Set(set) if set.global || !global => found.push((set.name.as_str(), set.open.span)),
            Node::Section(section) if section.kind != SectionKind::Component => {
                let kept = match section.kind {
                    SectionKind::Capture => !global,
                    SectionKind::CaptureGlobal => true,
                    _ => false,
                };
                if kept {
                    found.push((section.name.as_str(), section.open.span));
                }
                add_leaked_sets(&section.body, global, found);
            }
            Node::If(node) => {
                for arm in &node.arms {
                    add_leaked_sets(&arm.body, global, found);
                }
            }
            Node::For(node) => {
                add_leaked_sets(&node.body, true, found);
                if let Some((_, otherwise)) = &node.otherwise {
                    add_leaked_sets(otherwise, global, found);
                }
            }
            _ => {}
        }
    }
}

/// Whether the nodes hold a `break` or `continue` of a loop around them.
pub(super) fn jumps(nodes: &[Node]) -> bool {
    nodes.iter().any(|node| match node {
        Node::Jump(_) => true,
        Node::For(node) => node.otherwise.as_ref().is_some_and(|(_, body)| jumps(body)),
        Node::Fragment(_) => false,
        _ => node.bodies().any(jumps),
    })
}

/// Whether the nodes use the `loop` around them.
pub(super) fn uses_loop(text: &str, nodes: &[Node]) -> bool {
    nodes.iter().any(|node| {
        let inside = match node {
            Node::For(node) => node
                .otherwise
                .as_ref()
                .is_some_and(|(_, body)| uses_loop(text, body)),
            _ => node.bodies().any(|body| uses_loop(text, body)),
        };
        inside || node_names(text, node).contains("loop")
    })
}

/// The first part of a region that can't be lifted: a block, `super()`, or `extends`.
pub(super) fn immovable(text: &str, nodes: &[Node]) -> Option<Span> {
    first_fixed(text, nodes, true)
}

/// The same for an offered element, whose template is rendered by itself and not as a part of a page: a block may
/// stand in it.
pub(super) fn inherited(text: &str, nodes: &[Node]) -> Option<Span> {
    first_fixed(text, nodes, false)
}

fn first_fixed(text: &str, nodes: &[Node], blocks: bool) -> Option<Span> {
    let mut found = None;
    visit(nodes, &mut |node| {
        let fixed = match node {
            Node::Reference(reference) => reference.extends,
            Node::Section(section) => {
                (blocks && section.kind == SectionKind::Block)
                    || (section.kind != SectionKind::Block && calls_super(text, section.open.inner))
            }
            Node::Print(span) => calls_super(text, inner(text, *span)),
            Node::Set(set) => calls_super(text, set.value),
            Node::If(chain) => chain.arms.iter().any(|arm| calls_super(text, arm.open.inner)),
            Node::For(repeat) => calls_super(text, repeat.header),
            _ => false,
        };
        if fixed && found.is_none() {
            found = Some(match node {
                Node::Section(section) => section.open.span,
                Node::If(chain) => chain.arms.first().map_or(node.span(), |arm| arm.open.span),
                Node::For(repeat) => repeat.open.span,
                _ => node.span(),
            });
        }
    });
    found
}

/// Whether the text before a node is trimmed.
pub(super) fn trims_before(text: &str, node: &Node) -> bool {
    let span = node.span();
    is_tera(node) && text.as_bytes().get(span.start as usize + 2) == Some(&b'-')
}

/// Whether the text behind a node is trimmed.
pub(super) fn trims_after(text: &str, node: &Node) -> bool {
    let end = node.span().end as usize;
    is_tera(node) && end >= 5 && text.as_bytes().get(end - 3) == Some(&b'-')
}

fn is_tera(node: &Node) -> bool {
    !matches!(node, Node::Text(_) | Node::Cut(_) | Node::Fragment(_))
}
