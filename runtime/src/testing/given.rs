//! The fragments of other services that a test gives, compared with the tags of the application.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeMap, panic::Location};

use hydra_contract::{FragmentUse, Type, nearest::nearest};
use hydra_runtime_wire::Attributes;
use serde_json::Value;

use super::{
    asked::Asked,
    error::{Error, Problem, listed, name},
};
use crate::app::misfit;

/// A fragment that a test gives.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) service: String,
    pub(super) reference: String,
    /// `None`: it is away.
    pub(super) content: Option<Content>,
    /// The place in the test.
    pub(super) place: &'static Location<'static>,
}

/// What a fragment brings.
#[derive(Clone, Debug)]
pub(super) struct Content {
    pub(super) html: String,
    /// The exports, or why they can't be serialised.
    pub(super) exports: Result<Value, String>,
}

/// The fragments that were compared with the tags.
#[derive(Debug, Default)]
pub(super) struct Checked(Vec<CheckedFragment>);

/// A given fragment that fits the tags.
#[derive(Debug)]
pub(super) struct CheckedFragment {
    service: String,
    reference: String,
    /// The HTML and the exports. `None`: the fragment is away.
    pub(super) content: Option<(String, Attributes)>,
    place: &'static Location<'static>,
}

impl Given {
    fn name(&self) -> String {
        name(&self.service, &self.reference)
    }
}

/// Compares fragments that a test gives to the application `own` with `uses`, the tags of its templates.
pub(super) fn check(given: Vec<Given>, own: &str, uses: &[FragmentUse]) -> Result<Checked, Error> {
    let mut checked = Checked::default();
    for one in given {
        if one.service == own || one.service == "self" || one.service.is_empty() {
            let name = name(own, &one.reference);
            return Err(Problem::Own { name }.at(one.place));
        }
        if checked.find(&one.service, &one.reference).is_some() {
            return Err(Problem::GivenTwice { name: one.name() }.at(one.place));
        }
        let content = match &one.content {
            None => None,
            Some(content) => {
                let exports = exports(&one, content, uses).map_err(|problem| problem.at(one.place))?;
                Some((content.html.clone(), exports))
            }
        };
        checked.0.push(CheckedFragment {
            service: one.service,
            reference: one.reference,
            content,
            place: one.place,
        });
    }
    Ok(checked)
}

impl Checked {
    /// The answer that the test gives for a fragment.
    pub(super) fn find(&self, service: &str, reference: &str) -> Option<&CheckedFragment> {
        let mut fragments = self.0.iter();
        fragments.find(|one| one.service == service && one.reference == reference)
    }

    /// The error for the first fragment that `request` did not ask for. `hint` may say why one was not.
    pub(super) fn all_asked(
        &self,
        request: &str,
        asked: &[Asked],
        hint: impl Fn(&str, &str) -> Option<String>,
    ) -> Result<(), Error> {
        let is_asked = |one: &CheckedFragment| {
            asked
                .iter()
                .any(|ask| ask.service == one.service && ask.reference == one.reference)
        };
        let Some(one) = self.0.iter().find(|one| !is_asked(one)) else {
            return Ok(());
        };
        let wanted = name(&one.service, &one.reference);
        let names: Vec<String> = asked
            .iter()
            .map(|ask| name(&ask.service, &ask.reference))
            .collect();
        let asked = hint(&one.service, &one.reference).unwrap_or_else(|| {
            let all = listed("it asks for", "it asks for no fragment", &names);
            match nearest(&wanted, names.iter().map(String::as_str)) {
                Some(near) => format!("{all}. Did you mean `{near}`?"),
                None => all,
            }
        });
        let (request, name) = (request.to_owned(), wanted);
        Err(Problem::NotAsked { request, name, asked }.at(one.place))
    }
}

/// The exports of a given fragment, which fit the tags that take them. An export that is null is none.
fn exports(one: &Given, content: &Content, uses: &[FragmentUse]) -> Result<Attributes, Problem> {
    let unfit = |reason: &str| Problem::Exports {
        name: one.name(),
        reason: reason.to_owned(),
    };
    let mut exports = match &content.exports {
        Ok(Value::Null) => Attributes::new(),
        Ok(Value::Object(exports)) => exports.clone(),
        Ok(_) => return Err(unfit("are not an object")),
        Err(reason) => return Err(unfit(&format!("can't be serialised ({reason})"))),
    };
    exports.retain(|_, value| !value.is_null());
    let Some(taken) = taken(one, uses) else {
        return Ok(exports);
    };
    for (export, value) in &exports {
        let Some(wanted) = taken.get(export.as_str()) else {
            let taken = match nearest(export, taken.keys().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => listed("tags take", "tags take none of its exports", taken.keys()),
            };
            return Err(Problem::UnknownExport {
                name: one.name(),
                export: export.clone(),
                taken,
            });
        };
        if let Some(misfit) = misfit(wanted, value) {
            return Err(Problem::ExportType {
                name: one.name(),
                export: export.clone(),
                misfit,
            });
        }
    }
    Ok(exports)
}

/// The exports that tags take from a fragment, with the types of its contract. `None`: no tag names the fragment as text, so that a
/// tag that computes its name may take any.
fn taken<'u>(one: &Given, uses: &'u [FragmentUse]) -> Option<BTreeMap<&'u str, &'u Type>> {
    let mut uses = uses
        .iter()
        .filter(|ask| ask.service == one.service && ask.reference == one.reference)
        .peekable();
    uses.peek()?;
    let exports = uses.flat_map(|ask| &ask.exports);
    Some(exports.map(|(export, ty)| (export.as_str(), ty)).collect())
}
