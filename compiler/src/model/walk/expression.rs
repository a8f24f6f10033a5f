//! Resolves the names in the expressions of a page.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeSet, rc::Rc};

use crate::{
    delimiters::Plain,
    expression_names::{WHOLE_CONTEXT, words},
    fragment::Item,
    source::{Location, Span},
};

use super::{ImportOrigin, NameUse, Need, NeedList, UseKind, WalkPosition, Walker, spelled};
use crate::model::{
    Leak, MissingField,
    path::{Owner, Step, follow},
    scope::Bound,
};

impl<'n> Walker<'n> {
    /// Notes the names in an expression. The result is what its value needs.
    pub(super) fn expression(&mut self, here: &WalkPosition<'n>, span: Span) -> NeedList<'n> {
        let text: &'n str = &self.source(here).text;
        let own = comprehensions(text, span);
        let mut needs = NeedList::new();
        for (name, place) in words(text, span) {
            if !own.contains(name) {
                self.name(here, name, place, span, &mut needs);
            }
        }
        self.capture_needs(&needs);
        needs
    }

    /// The same for what a plain print shows.
    pub(super) fn plain(&mut self, here: &WalkPosition<'n>, plain: Plain) {
        let text: &'n str = &self.source(here).text;
        let mut needs = NeedList::new();
        let name = &text[plain.name.range()];
        self.name(here, name, plain.name, plain.whole, &mut needs);
        self.capture_needs(&needs);
    }

    /// Adds to what the innermost capture needs.
    fn capture_needs(&mut self, needs: &NeedList<'n>) {
        if let Some(capture) = self.captures.last_mut() {
            capture.needs.extend(needs.iter().cloned());
        }
    }

    /// Notes the name at `place` in an expression.
    fn name(
        &mut self,
        here: &WalkPosition<'n>,
        name: &'n str,
        place: Span,
        expression: Span,
        needs: &mut NeedList<'n>,
    ) {
        if name == WHOLE_CONTEXT {
            return self.note(here, name, place, UseKind::Everything);
        }
        self.members(here, name, place, expression);
        let Some(bound) = self.scope.find(name) else {
            let is_lenient = is_lenient(&self.source(here).text, place, expression);
            let kind = match is_lenient {
                true => UseKind::Lenient,
                false => UseKind::Expression,
            };
            self.note(here, name, place, kind);
            return needs.push(Need::Name(name.into()));
        };
        needs.push(self.bound(here, name, bound, place));
        if !bound.certain {
            self.note(here, name, place, UseKind::Lenient);
            needs.push(Need::Name(name.into()));
        }
    }

    /// Notes an import, and says where its value comes from.
    pub(super) fn import(
        &mut self,
        here: &WalkPosition<'n>,
        item: &'n Item,
        needs: &mut NeedList<'n>,
    ) -> ImportOrigin {
        let name = spelled(item.root());
        let place = self.at(here, item.name_span);
        self.import_members(here, item);
        let bound = self.scope.find(&name);
        if let Some(bound) = bound {
            needs.push(self.bound(here, item.root(), bound, item.name_span));
            if bound.certain {
                return ImportOrigin::Template;
            }
        }
        needs.push(Need::Name(name.clone()));
        let order = self.next();
        self.used(NameUse {
            name,
            location: place,
            include_chain: here.include_chain.clone(),
            order,
            branch: here.branch,
            kind: UseKind::Import,
            component: here.component,
        });
        bound.map_or(ImportOrigin::Page, |bound| ImportOrigin::Maybe(bound.place))
    }

    /// Notes a member in an import that its struct lacks.
    fn import_members(&mut self, here: &WalkPosition<'n>, item: &'n Item) {
        if !item.is_path() {
            return;
        }
        let shape = self.shape_of_name(here, item.root());
        if shape.is_any() {
            return;
        }
        let steps: Vec<_> = item
            .path()
            .skip(1)
            .map(|name| Step::Name(name, item.name_span))
            .collect();
        if let Err((owner @ Owner::Struct(_), name, span)) = follow(&shape, &steps) {
            let location = self.at(here, span);
            let include_chain = here.include_chain.clone();
            self.page.missing_fields.push(MissingField {
                name,
                location,
                owner,
                value: Default::default(),
                include_chain,
            });
        }
    }

    fn bound(&mut self, here: &WalkPosition<'n>, name: &'n str, bound: Bound, used: Span) -> Need<'n> {
        if bound.block != 0 && !self.blocks.contains(&bound.block) {
            let used: Location = self.at(here, used);
            self.page.leaks.push(Leak {
                name,
                set: bound.place,
                used,
                group: bound.group,
            });
        }
        Need::Group(bound.group)
    }

    /// Keeps a use, unless one of the last few was the same.
    fn used(&mut self, used: NameUse<'n>) {
        const FEW: usize = 4;
        let mut last = self.page.uses.iter().rev().take(FEW);
        if !last.any(|before| is_again(before, &used)) {
            self.page.uses.push(used);
        }
    }

    fn note(&mut self, here: &WalkPosition<'n>, name: &'n str, place: Span, kind: UseKind) {
        let location = self.at(here, place);
        let order = self.next();
        self.used(NameUse {
            name: name.into(),
            location,
            include_chain: here.include_chain.clone(),
            order,
            branch: here.branch,
            kind,
            component: here.component,
        });
    }
}

/// Whether two uses differ only in their places, so that the second adds nothing.
fn is_again(one: &NameUse<'_>, other: &NameUse<'_>) -> bool {
    let include_chain = |used: &NameUse<'_>| used.include_chain.as_ref().map(Rc::as_ptr);
    (one.kind, one.branch, one.component) == (other.kind, other.branch, other.component)
        && one.name == other.name
        && include_chain(one) == include_chain(other)
}

/// The names that list comprehensions bind: `[x.id for x in items]`.
fn comprehensions(text: &str, expression: Span) -> BTreeSet<&str> {
    let all = text.get(expression.range()).unwrap_or_default();
    let mut names = BTreeSet::new();
    if !all.contains('[') {
        return names;
    }
    for (at, _) in all.match_indices("for") {
        let whole = !all[..at].ends_with(is_word) && !all[at + 3..].starts_with(is_word);
        // At most two names may stand before the `in`.
        let mut words = all[at + 3..]
            .split(|c: char| !is_word(c))
            .filter(|word| !word.is_empty())
            .take(3);
        let bound: Vec<&str> = words.by_ref().take_while(|word| *word != "in").collect();
        if whole && bound.len() < 3 {
            names.extend(bound);
        }
    }
    names
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// Whether the expression does without a value for the name at `place`.
pub(super) fn is_lenient(text: &str, place: Span, expression: Span) -> bool {
    let rest = text
        .get(place.end as usize..expression.end as usize)
        .unwrap_or_default();
    if rest.is_empty() {
        return false;
    }
    if rest.starts_with("?.") || rest.starts_with("?[") {
        return true;
    }
    let mut words = first_words(rest);
    match words.next().unwrap_or_default() {
        "or" => true,
        "|" => words.next().is_some_and(|filter| filter.starts_with("default")),
        "is" => match words.next().unwrap_or_default() {
            "not" => words.next().is_some_and(is_definedness),
            test => is_definedness(test),
        },
        word => word.starts_with("|default"),
    }
}

/// The words of a text, each cut to what the phrases above need of it: what has no white space in it may be long.
fn first_words(mut rest: &str) -> impl Iterator<Item = &str> {
    const LONGEST: usize = 16;
    std::iter::from_fn(move || {
        rest = rest.trim_ascii_start();
        let is_inside = |byte: &u8| !byte.is_ascii_whitespace();
        let mut end = rest.bytes().take(LONGEST).take_while(is_inside).count();
        while !rest.is_char_boundary(end) {
            end -= 1;
        }
        let word = rest.get(..end).filter(|word| !word.is_empty())?;
        rest = &rest[word.len()..];
        Some(word)
    })
}

fn is_definedness(word: &str) -> bool {
    let word = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    matches!(word, "defined" | "undefined")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn some_uses_do_without_a_value() {
        for (text, lenient) in [
            ("x is defined", true),
            ("x is not defined and y", true),
            ("(x is undefined)", true),
            ("x | default(value=1)", true),
            ("x|default(value=1)", true),
            ("x?.y", true),
            ("x or 'none'", true),
            ("x", false),
            ("x | upper", false),
            ("x is string", false),
            ("x.y", false),
        ] {
            let at = text.find('x').expect("there");
            let all = Span::new(0, text.len());
            assert_eq!(is_lenient(text, Span::new(at, at + 1), all), lenient, "{text}");
        }
    }
}
