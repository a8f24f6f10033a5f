//! Compares two versions of a contract, and names the tags that the difference breaks.
#![deny(clippy::disallowed_methods)]

mod fragment;
#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use hydra_contract::Contract;
use serde::Serialize;

use crate::{
    graph::{Graph, GraphFragment},
    suggest,
};

/// One difference between two contracts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Whether a page that was right can become wrong by it.
    pub breaking: bool,
    /// The fragment. `None`: the whole service.
    #[serde(rename = "ref")]
    pub reference: Option<String>,
    /// What changed.
    pub message: String,
    /// The tags that it breaks, of the templates that were given.
    pub breaks: Vec<AffectedTag>,
    /// The tags that it may break: they compute the service or the `ref`.
    pub may_break: Vec<AffectedTag>,
}

/// A tag that a change breaks.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct AffectedTag {
    /// The page.
    pub template: String,
    /// The line of the tag, from 1.
    pub line: u32,
    /// The column of the tag in characters, from 1.
    pub column: u32,
}

/// All differences from `old` to `new`, by fragment. `site` names the pages whose tags are looked up.
#[must_use]
pub fn diff(old: &Contract, new: &Contract, site: &Graph) -> Vec<Change> {
    let uses = ServiceTags {
        service: &old.service,
        site,
    };
    let mut changes = Vec::new();
    if old.service != new.service {
        let message = format!(
            "the service is now called `{}`, not `{}`",
            new.service, old.service
        );
        changes.push(Change {
            reference: None,
            ..breaking("", message, uses.of_all())
        });
    }
    for (reference, was) in &old.fragments {
        match new.fragments.get(reference) {
            Some(is) => changes.extend(fragment::changes(reference, was, is, &uses)),
            None => changes.push(gone(reference, old, new, &uses)),
        }
    }
    for reference in new
        .fragments
        .keys()
        .filter(|reference| !old.fragments.contains_key(*reference))
    {
        changes.push(harmless(reference, "the fragment is new".to_owned()));
    }
    changes
}

/// Whether pages break: those that were given, or, where none were, those that may be out there.
#[must_use]
pub fn breaks(changes: &[Change], site_given: bool) -> bool {
    changes
        .iter()
        .any(|change| change.breaking && (!site_given || !change.breaks.is_empty()))
}

/// The changes as text, the breaking ones first.
#[must_use]
pub fn render(changes: &[Change], site_given: bool) -> String {
    let mut text = String::new();
    let (breaking, harmless): (Vec<_>, Vec<_>) = changes.iter().partition(|change| change.breaking);
    for change in breaking.iter().chain(&harmless) {
        let word = if change.breaking { "breaks" } else { "ok    " };
        let whose = change
            .reference
            .as_ref()
            .map_or_else(String::new, |reference| format!("`{reference}`: "));
        // Writing to a string can't fail.
        let _ = writeln!(text, "{word}  {whose}{}", change.message);
        for place in &change.breaks {
            let _ = writeln!(text, "        {}:{}:{}", place.template, place.line, place.column);
        }
        for place in &change.may_break {
            let _ = writeln!(
                text,
                "        {}:{}:{} may break: it computes what it asks for",
                place.template, place.line, place.column
            );
        }
        if change.breaking && site_given && change.breaks.is_empty() && change.may_break.is_empty() {
            text.push_str("        no page of these templates\n");
        }
    }
    if changes.is_empty() {
        text.push_str("The contracts promise the same.\n");
    }
    text
}

fn gone(reference: &str, old: &Contract, new: &Contract, uses: &ServiceTags<'_>) -> Change {
    let fresh = new
        .fragments
        .keys()
        .map(String::as_str)
        .filter(|name| !old.fragments.contains_key(*name));
    let message = match suggest::nearest(reference, fresh) {
        Some(name) => format!("the fragment is gone; `{name}` is new"),
        None => "the fragment is gone".to_owned(),
    };
    breaking(reference, message, uses.of(reference, |_| true))
}

fn breaking(reference: &str, message: String, found: AffectedTags) -> Change {
    Change {
        breaking: true,
        reference: Some(reference.to_owned()),
        message,
        breaks: found.breaks,
        may_break: found.may_break,
    }
}

fn harmless(reference: &str, message: String) -> Change {
    Change {
        breaking: false,
        reference: Some(reference.to_owned()),
        message,
        breaks: Vec::new(),
        may_break: Vec::new(),
    }
}

/// The tags of a site that ask one service for fragments.
struct ServiceTags<'a> {
    service: &'a str,
    site: &'a Graph,
}

/// Tags that ask for a fragment, and those that may.
#[derive(Default)]
struct AffectedTags {
    breaks: Vec<AffectedTag>,
    may_break: Vec<AffectedTag>,
}

impl AffectedTags {
    fn is_empty(&self) -> bool {
        self.breaks.is_empty() && self.may_break.is_empty()
    }
}

impl ServiceTags<'_> {
    /// The tags with this `ref` for which `broken` is true.
    fn of(&self, reference: &str, broken: impl Fn(&GraphFragment) -> bool) -> AffectedTags {
        self.places(
            |fragment| (fragment.any_reference || fragment.reference == reference) && broken(fragment),
            |fragment| !fragment.any_reference,
        )
    }

    fn of_all(&self) -> AffectedTags {
        self.places(|_| true, |_| true)
    }

    /// The tags that are wanted. `certain`: whether a tag of this service is one for certain.
    fn places(
        &self,
        wanted: impl Fn(&GraphFragment) -> bool,
        certain: impl Fn(&GraphFragment) -> bool,
    ) -> AffectedTags {
        let mut found = AffectedTags::default();
        for page in &self.site.pages {
            for fragment in &page.fragments {
                let asks = fragment.any_service || fragment.service.as_deref() == Some(self.service);
                if !asks || !wanted(fragment) {
                    continue;
                }
                let list = if !fragment.any_service && certain(fragment) {
                    &mut found.breaks
                } else {
                    &mut found.may_break
                };
                list.push(AffectedTag {
                    template: page.template.clone(),
                    line: fragment.line,
                    column: fragment.column,
                });
            }
        }
        found
    }
}
