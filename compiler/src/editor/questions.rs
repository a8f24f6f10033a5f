//! Questions of an editor about a place in an open document. They are answered from the documents as they are now, also where the
//! sites have not been checked since.
#![deny(clippy::disallowed_methods)]

use std::path::Path;

use crate::{
    explain,
    source::{Location, Source},
    tag_prefix,
};

use super::{
    completion::{self, CandidateKind},
    cursor,
    findings::{FileLines, Place},
    hover, links,
    positions::{Lines, Position},
    site_view::SiteView,
    subject::{self, FragmentName, Subject},
    workspace::Workspace,
};

/// What an editor shows about a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hover {
    /// Markdown.
    pub text: String,
    /// What it is about.
    pub range: (Position, Position),
}

/// Something that can be written at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The text.
    pub label: String,
    /// What it is.
    pub kind: CandidateKind,
    /// Its type or its owner, in a few words.
    pub detail: String,
    /// What it replaces.
    pub range: (Position, Position),
}

/// A place in a template of a site.
#[derive(Clone, Copy, Debug)]
struct Asked {
    site: usize,
    file: usize,
    offset: u32,
}

impl Workspace {
    /// What is known of a place: the rules of its problems, and the names in it.
    pub fn hover(&mut self, path: &Path, position: Position) -> Option<Hover> {
        let mut text = self.rules_at(path, position);
        let asked = self.asked(path, position);
        let found = asked.and_then(|asked| {
            let encoding = self.encoding;
            let view = self.view(asked.site);
            let subjects = subject::subjects(&view, asked.file, asked.offset);
            let span = subjects.first()?.1;
            let mut texts = subjects
                .iter()
                .filter_map(|(subject, _)| hover::text(&view, subject, asked.file, asked.offset))
                .peekable();
            texts.peek()?;
            let text = texts.collect::<Vec<_>>().join("\n---\n\n");
            let lines = Lines::of(&view.site.files[asked.file].source.text);
            Some((text, lines.range(span.range(), encoding)))
        });
        let range = found.as_ref().map_or((position, position), |(_, range)| *range);
        text.splice(0..0, found.map(|(text, _)| text));
        (!text.is_empty()).then(|| Hover {
            text: text.join("\n---\n\n"),
            range,
        })
    }

    /// What can be written at a place, also in a file that is half written. The best come first.
    pub fn completions(&mut self, path: &Path, position: Position) -> Vec<Completion> {
        let Some(Asked { site, file, offset }) = self.asked(path, position) else {
            return Vec::new();
        };
        let encoding = self.encoding;
        let source = &self.sites[site].input.sources[file];
        let text = source.text.clone();
        let prefix = tag_prefix::prefix(&text);
        let Some(writing) = cursor::writing(&text, prefix, offset as usize) else {
            return Vec::new();
        };
        // What is half written may hide the rest of the file.
        let rest = completion::without(&text, writing.construct);
        let rest = Source::new(source.name.clone(), &source.path, rest);
        let view = self.sites[site].view(Some((file, &rest)));
        let range = Lines::of(&text).range(writing.word.range(), encoding);
        let candidates = completion::candidates(&view, file, prefix, &writing).into_iter();
        let completions = candidates.map(|candidate| Completion {
            label: candidate.label,
            kind: candidate.kind,
            detail: candidate.detail,
            range,
        });
        completions.collect()
    }

    /// Where the name at a place is defined: in the site of the service that owns it, if the workspace has it, or else in a contract.
    pub fn definition(&mut self, path: &Path, position: Position) -> Vec<Place> {
        let Some(asked) = self.asked(path, position) else {
            return Vec::new();
        };
        let view = self.view(asked.site);
        let subjects = subject::subjects(&view, asked.file, asked.offset);
        for (subject, _) in subjects {
            if let Some(owner) = self.owner(&subject) {
                let found = links::offered(&self.view(owner), &subject);
                let found = self.places(owner, found);
                if !found.is_empty() {
                    return found;
                }
            }
            let found = links::definitions(&self.view(asked.site), &subject, asked.file, asked.offset);
            let found = self.places(asked.site, found);
            if !found.is_empty() {
                return found;
            }
        }
        Vec::new()
    }

    /// Where the name at a place is used in the workspace, and with `declaration` where it is defined.
    pub fn references(&mut self, path: &Path, position: Position, declaration: bool) -> Vec<Place> {
        let Some(asked) = self.asked(path, position) else {
            return Vec::new();
        };
        let view = self.view(asked.site);
        let own = view.own_name().map(str::to_owned);
        let subjects = subject::subjects(&view, asked.file, asked.offset);
        let Some((subject, _)) = subjects.into_iter().next() else {
            return Vec::new();
        };
        let mut found = match &subject {
            Subject::Attribute(name) => {
                let uses = links::uses_of_attribute(&view, name, asked.file, asked.offset);
                self.places(asked.site, uses)
            }
            Subject::Template(_) => {
                let uses = links::uses(&view, &subject);
                self.places(asked.site, uses)
            }
            _ => {
                let mut found = Vec::new();
                for site in 0..self.sites.len() {
                    let view = self.view(site);
                    if let Some(subject) =
                        seen_from(&subject, own.as_deref(), view.own_name(), site == asked.site)
                    {
                        let uses = links::uses(&view, &subject);
                        found.extend(self.places(site, uses));
                    }
                }
                found
            }
        };
        if declaration {
            found.extend(self.definition(path, position));
        }
        found.sort();
        found.dedup();
        found
    }

    /// The titles of the rules that a place breaks, with what `explain` says about them.
    fn rules_at(&self, path: &Path, position: Position) -> Vec<String> {
        let findings = self.told(path).iter();
        let here = findings.filter(|finding| finding.range.0 <= position && position <= finding.range.1);
        let mut codes: Vec<_> = here.map(|finding| finding.code).collect();
        codes.sort();
        codes.dedup();
        codes
            .into_iter()
            .map(|code| explain::text(code).to_owned())
            .collect()
    }

    /// The first site that has a template at a path, and the place in it.
    fn asked(&mut self, path: &Path, position: Position) -> Option<Asked> {
        self.refresh();
        let encoding = self.encoding;
        self.sites.iter().enumerate().find_map(|(site, state)| {
            let file = state.template(path)?;
            let text = &state.input.sources.get(file)?.text;
            let offset = Lines::of(text).offset(position, encoding) as u32;
            Some(Asked { site, file, offset })
        })
    }

    /// A site of the workspace, which must have its number.
    fn view(&mut self, site: usize) -> SiteView<'_> {
        self.sites[site].view(None)
    }

    /// The site of the service that owns a subject, where it is another one.
    fn owner(&self, subject: &Subject) -> Option<usize> {
        let (Subject::Service(service)
        | Subject::Fragment(FragmentName { service, .. })
        | Subject::Import(FragmentName { service, .. }, _)
        | Subject::Export(FragmentName { service, .. }, _)) = subject
        else {
            return None;
        };
        let is_it = |name: &str| !service.is_empty() && name == service;
        let mut sites = self.sites.iter();
        sites.position(|site| site.input.options.service.as_deref().is_some_and(is_it))
    }

    fn places(&self, site: usize, locations: impl IntoIterator<Item = Location>) -> Vec<Place> {
        let mut lines = FileLines::of(&self.sites[site].input.sources, self.encoding);
        locations
            .into_iter()
            .filter_map(|location| lines.place(location))
            .collect()
    }
}

/// A subject of the site of the service `own` as another site names it. `None`: the other can't name it.
fn seen_from(subject: &Subject, own: Option<&str>, other: Option<&str>, is_same: bool) -> Option<Subject> {
    let translate = |service: &String| match service.as_str() {
        service if is_same => Some(service.to_owned()),
        "" => own.map(str::to_owned),
        service if other == Some(service) => Some(String::new()),
        service => Some(service.to_owned()),
    };
    let fragment = |name: &FragmentName| {
        Some(FragmentName {
            service: translate(&name.service)?,
            reference: name.reference.clone(),
        })
    };
    Some(match subject {
        Subject::Service(service) => Subject::Service(translate(service)?),
        Subject::Fragment(name) => Subject::Fragment(fragment(name)?),
        Subject::Import(name, import) => Subject::Import(fragment(name)?, import.clone()),
        Subject::Export(name, export) => Subject::Export(fragment(name)?, export.clone()),
        other => other.clone(),
    })
}
