//! The components of a site, and where expressions call them.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use crate::{
    site::{Site, visit},
    source::Span,
    tree::{Node, Section, SectionKind, Tree},
};

/// The components of a site, by name.
#[derive(Debug, Default)]
pub(crate) struct Components<'n> {
    by_name: BTreeMap<&'n str, Vec<Component<'n>>>,
}

/// A `{% component %}`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Component<'n> {
    /// The file, by its index in the site.
    pub file: usize,
    /// The statement and its body.
    pub section: &'n Section,
}

impl<'n> Components<'n> {
    /// All components of a site.
    #[must_use]
    pub(crate) fn of(site: &'n Site<'_>) -> Self {
        let mut by_name: BTreeMap<&'n str, Vec<Component<'n>>> = BTreeMap::new();
        for (file, template) in site.files.iter().enumerate() {
            for section in definitions(&template.tree) {
                by_name
                    .entry(section.name.as_str())
                    .or_default()
                    .push(Component { file, section });
            }
        }
        Components { by_name }
    }

    /// The component of that name.
    #[must_use]
    pub(crate) fn find(&self, name: &str) -> Option<Component<'n>> {
        self.by_name
            .get(name)
            .and_then(|components| components.first())
            .copied()
    }

    /// All, with those that have the same name side by side.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (&'n str, &[Component<'n>])> {
        self.by_name
            .iter()
            .map(|(name, components)| (*name, components.as_slice()))
    }
}

/// The components that a file defines.
pub(crate) fn definitions(tree: &Tree) -> Vec<&Section> {
    let mut found = Vec::new();
    if !tree.statements {
        return found;
    }
    visit(&tree.nodes, &mut |node| {
        if let Node::Section(section) = node
            && section.kind == SectionKind::Component
        {
            found.push(section.as_ref());
        }
    });
    found
}

/// The names of the arguments in a header such as `card(title: string, size = 2, ...rest)`, with their places.
pub(super) fn arguments(text: &str, header: Span) -> Vec<(&str, Span)> {
    let Some(all) = text.get(header.range()) else {
        return Vec::new();
    };
    let Some(open) = all.find('(') else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let (mut depth, mut quote, mut start) = (0_usize, None, open + 1);
    for (at, byte) in all.bytes().enumerate().skip(open) {
        match (quote, byte) {
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            (None, b'(' | b'[' | b'{') => depth += 1,
            (None, b')' | b']' | b'}') => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    found.extend(argument(all, start, at, header.start));
                    break;
                }
            }
            (None, b',') if depth == 1 => {
                found.extend(argument(all, start, at, header.start));
                start = at + 1;
            }
            _ => {}
        }
    }
    found
}

fn argument(all: &str, start: usize, end: usize, base: u32) -> Option<(&str, Span)> {
    let part = all.get(start..end)?;
    let name = part.trim_start().trim_start_matches('.').trim_start();
    let length = name
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(name.len());
    let at = base as usize + start + (part.len() - name.len());
    (length > 0).then(|| (&name[..length], Span::new(at, at + length)))
}

/// The components that an expression calls, `<card title={a} />`, each with the place of its name.
pub(crate) fn calls(text: &str, expression: Span) -> Vec<(&str, u32)> {
    let Some(all) = text.get(expression.range()) else {
        return Vec::new();
    };
    let mut found = Vec::new();
    if !all.contains('<') {
        return found;
    }
    let mut quote = None;
    let mut before = b'(';
    for (at, byte) in all.bytes().enumerate() {
        match (quote, byte) {
            (Some(open), byte) if open == byte => quote = None,
            (Some(_), _) => continue,
            (None, b'"' | b'\'' | b'`') => quote = Some(byte),
            // After a value, `<` compares.
            (None, b'<') if !(before.is_ascii_alphanumeric() || b"_)]}\"'`".contains(&before)) => {
                let name = called(&all[at + 1..]);
                found.extend(name.map(|name| (name, expression.start + offset(all, name))));
            }
            _ => {}
        }
        if !byte.is_ascii_whitespace() {
            before = byte;
        }
    }
    found
}

fn offset(outer: &str, inner: &str) -> u32 {
    (inner.as_ptr() as usize - outer.as_ptr() as usize) as u32
}

/// The name right behind the `<` of a call.
pub(super) fn called(text: &str) -> Option<&str> {
    let name = text.trim_start();
    let length = name
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != '.')
        .unwrap_or(name.len());
    (length > 0).then(|| &name[..length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read_from_the_header() {
        for (header, expected) in [
            ("card(title: string, size = 2, ...rest)", "title size rest"),
            ("card()", ""),
            ("card(a=\"x,y)\", b=[1, 2], c)", "a b c"),
            ("card", ""),
            ("card(", ""),
        ] {
            let found: Vec<_> = arguments(header, Span::new(0, header.len()))
                .into_iter()
                .map(|(name, _)| name)
                .collect();
            assert_eq!(found.join(" "), expected, "{header}");
        }
    }

    #[test]
    fn calls_are_told_from_comparisons() {
        for (expression, expected) in [
            ("<card />", "card"),
            ("<ui.card title={a} />", "ui.card"),
            ("a < b", ""),
            ("a ~ <b/>", "b"),
            ("'<card'", ""),
            ("f(x=<card/>)", "card"),
        ] {
            let found: Vec<_> = calls(expression, Span::new(0, expression.len()))
                .into_iter()
                .map(|(name, at)| {
                    assert!(expression[at as usize..].starts_with(name));
                    name
                })
                .collect();
            assert_eq!(found.join(" "), expected, "{expression}");
        }
    }
}
