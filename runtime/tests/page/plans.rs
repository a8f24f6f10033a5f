//! Plans written by hand, as the compiler would make them.

use hydra_contract::{
    Hole, Import, Insertion, InsertionKind, Lifted, Mode, PLAN_FORMAT, PagePlan, Plan, Rename, Slot,
    Template, TemplatePosition, Text,
};

/// A plan of `templates`, each of which is a page and, up to its `.html`, an offered fragment.
pub(crate) fn plan(templates: &[(&str, &str)], sites: impl IntoIterator<Item = Insertion>) -> Plan {
    let sites: Vec<Insertion> = sites.into_iter().collect();
    let mut exports: Vec<String> = sites.iter().flat_map(|site| site.gives.clone()).collect();
    exports.sort();
    exports.dedup();
    let pages = templates
        .iter()
        .map(|(name, _)| *name)
        .filter(|name| !name.starts_with('#'));
    Plan {
        format: PLAN_FORMAT,
        templates: templates
            .iter()
            .map(|(name, source)| Template {
                name: (*name).to_owned(),
                source: (*source).to_owned(),
                origin: None,
            })
            .collect(),
        pages: pages
            .clone()
            .map(|name| PagePlan {
                template: name.to_owned(),
                exports: exports.clone(),
                ..PagePlan::default()
            })
            .collect(),
        offers: pages
            .map(|name| (name.trim_end_matches(".html").to_owned(), name.to_owned()))
            .collect(),
        sites,
        ..Plan::default()
    }
}

/// A fragment tag; `what` is `service/ref`, and a `?` in it is an argument of the call.
pub(crate) fn slot(what: &str) -> Insertion {
    let (service, reference) = what.split_once('/').unwrap_or(("", what));
    let text = |text: &str| {
        if text == "?" {
            Text::Computed
        } else {
            Text::Fixed(text.to_owned())
        }
    };
    site(InsertionKind::Slot(Box::new(Slot {
        service: text(service),
        reference: text(reference),
        ..Slot::default()
    })))
}

/// A region in the template `body` that waits for `waits`, and takes along these and `captures`.
pub(crate) fn hole(body: &str, waits: &str, captures: &str) -> Insertion {
    let body = lifted(body, &format!("{waits}, {captures}"));
    site(InsertionKind::Hole(Hole {
        body,
        waits: list(waits),
    }))
}

/// What a test adds to a site.
// Every test binary uses a part of it.
#[allow(dead_code)]
pub(crate) trait SiteExt: Sized {
    /// `imports="…"`, with paths.
    fn imports(self, text: &str) -> Self;
    /// `exports="…"`; the site then gives them, too.
    fn exports(self, text: &str) -> Self;
    /// The content of the tag, which takes along `captures`.
    fn fallback(self, template: &str, captures: &str) -> Self;
    /// `required`.
    fn required(self) -> Self;
    /// `mode="…"`.
    fn mode(self, mode: Mode) -> Self;
    /// `timeout="…ms"`.
    fn timeout(self, milliseconds: u64) -> Self;
    /// `cache="…ms"`.
    fn cache(self, milliseconds: u64) -> Self;
    /// `stale="…ms"`.
    fn stale(self, milliseconds: u64) -> Self;
    /// What is inside may give these.
    fn gives(self, text: &str) -> Self;
}

impl SiteExt for Insertion {
    fn imports(self, text: &str) -> Self {
        change(self, |slot| {
            slot.imports = pairs(text)
                .map(|(from, to)| Import {
                    from: from.split('.').map(str::to_owned).collect(),
                    to,
                })
                .collect();
        })
    }

    fn exports(self, text: &str) -> Self {
        let gives = pairs(text).map(|(_, to)| to).collect::<Vec<_>>().join(",");
        change(self, |slot| {
            slot.exports = pairs(text).map(|(from, to)| Rename { from, to }).collect()
        })
        .gives(&gives)
    }

    fn fallback(self, template: &str, captures: &str) -> Self {
        change(self, |slot| slot.fallback = Some(lifted(template, captures)))
    }

    fn required(self) -> Self {
        change(self, |slot| slot.required = true)
    }

    fn mode(self, mode: Mode) -> Self {
        change(self, |slot| slot.mode = mode)
    }

    fn timeout(self, milliseconds: u64) -> Self {
        change(self, |slot| slot.timeout = Some(milliseconds))
    }

    fn cache(self, milliseconds: u64) -> Self {
        change(self, |slot| slot.cache = Some(milliseconds))
    }

    fn stale(self, milliseconds: u64) -> Self {
        change(self, |slot| slot.stale = Some(milliseconds))
    }

    fn gives(mut self, text: &str) -> Self {
        self.gives.extend(list(text));
        self
    }
}

fn site(kind: InsertionKind) -> Insertion {
    Insertion {
        place: TemplatePosition {
            file: "page.html".to_owned(),
            line: 7,
            column: 3,
        },
        gives: Vec::new(),
        kind,
    }
}

fn change(mut site: Insertion, change: impl FnOnce(&mut Slot)) -> Insertion {
    match &mut site.kind {
        InsertionKind::Slot(slot) => change(slot),
        InsertionKind::Hole(_) => panic!("a hole has no such attribute"),
    }
    site
}

fn lifted(template: &str, captures: &str) -> Lifted {
    Lifted {
        template: template.to_owned(),
        captures: list(captures),
    }
}

fn list(text: &str) -> Vec<String> {
    text.split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .map(str::to_owned)
        .collect()
}

fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    list(text).into_iter().map(|item| match item.split_once(" as ") {
        Some((from, to)) => (from.trim().to_owned(), to.trim().to_owned()),
        None => (item.clone(), item),
    })
}
