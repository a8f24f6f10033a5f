//! The responses that a test gets.

use std::{any::type_name, panic::Location};

use http::{HeaderMap, StatusCode, response::Parts};
use hydra_runtime_wire::{Attributes, Outcome, ResolvedFragment};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::{
    asked::{self, Asked},
    document::{Document, DocumentKind, Element},
    error::{Error, Problem, listed},
};
use crate::{
    app::{ActionEnd, EndedAction},
    form::Done,
};

/// The response to a visitor's request.
#[derive(Clone, Debug)]
pub struct TestPage {
    request: String,
    status: StatusCode,
    headers: HeaderMap,
    document: Document,
    asked: Vec<Asked>,
}

/// A fragment that the application rendered, or why it did not.
#[derive(Clone, Debug)]
pub struct TestFragment {
    reference: &'static str,
    outcome: Outcome,
    reason: Option<String>,
    exports: Attributes,
    document: Document,
    asked: Vec<Asked>,
}

/// The result of a form: [`status`](Self::status) is 303 if its action is done, 422 if the visitor sees the form again, and another one if the
/// action failed.
#[derive(Clone, Debug)]
pub struct TestForm {
    name: String,
    status: StatusCode,
    done: Option<Done>,
    reason: Option<String>,
    document: Document,
    asked: Vec<Asked>,
}

impl TestPage {
    pub(super) fn new(
        request: String,
        status: StatusCode,
        headers: HeaderMap,
        document: Document,
        asked: Vec<Asked>,
    ) -> Self {
        Self {
            request,
            status,
            headers,
            document,
            asked,
        }
    }

    /// The status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// The headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        &self.headers
    }
}

impl TestFragment {
    pub(super) fn new(reference: &'static str, fragment: ResolvedFragment, asked: Vec<Asked>) -> Self {
        let state = match &fragment.reason {
            Some(reason) => format!(", {}: {reason}", fragment.outcome.label()),
            None => String::new(),
        };
        Self {
            reference,
            outcome: fragment.outcome,
            reason: fragment.reason,
            exports: fragment.exports,
            document: Document {
                name: format!("the fragment `{reference}`{state}"),
                html: fragment.html.unwrap_or_default(),
                kind: DocumentKind::Fragment,
            },
            asked,
        }
    }

    /// How the call ended: [`Outcome::Rendered`], or why there is no HTML.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Why there is no HTML, as the log would say.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }

    /// An export, as a value of the type `V`: `fragment.export::<String>("postalCode")?`.
    ///
    /// # Errors
    /// The fragment does not give it, or gives one of another type.
    #[track_caller]
    pub fn export<V: DeserializeOwned>(&self, export: &str) -> Result<V, Error> {
        let place = Location::caller();
        self.read_export(export).map_err(|problem| problem.at(place))
    }

    fn read_export<V: DeserializeOwned>(&self, export: &str) -> Result<V, Problem> {
        let (reference, export) = (self.reference.to_owned(), export.to_owned());
        let Some(value) = self.exports.get(&export) else {
            let given = match &self.reason {
                Some(reason) => format!("it was not rendered, since {reason}"),
                None => listed("it gave", "it gave none", self.exports.keys()),
            };
            return Err(Problem::NoExport {
                reference,
                export,
                given,
            });
        };
        V::deserialize(value).map_err(|error| Problem::UnreadableExport {
            reference,
            export,
            wanted: type_name::<V>(),
            reason: error.to_string(),
        })
    }

    /// All exports, as an object.
    #[must_use]
    pub fn exports(&self) -> Value {
        Value::Object(self.exports.clone())
    }
}

impl TestForm {
    pub(super) fn new(name: String, end: ActionEnd, asked: Vec<Asked>) -> Self {
        let (status, done, reason, html) = match end {
            ActionEnd::Done { done, .. } => (StatusCode::SEE_OTHER, Some(done), None, String::new()),
            ActionEnd::Invalid(form) => (StatusCode::UNPROCESSABLE_ENTITY, None, None, form.html),
            ActionEnd::Failed(failed) => (failed.status, None, Some(failed.reason), String::new()),
        };
        let document = Document {
            name: format!("the response to {name}, {status}"),
            html,
            kind: DocumentKind::Fragment,
        };
        Self {
            name,
            status,
            done,
            reason,
            document,
            asked,
        }
    }

    /// The result of a form that was sent to a page, by the response of the page.
    pub(super) fn of_page(name: String, head: Parts, html: String, asked: Vec<Asked>) -> Self {
        let (done, reason) = match head.extensions.get::<EndedAction>() {
            Some(EndedAction::Done(done)) => (Some(done.clone()), None),
            Some(EndedAction::Failed(reason)) => (None, Some(reason.to_string())),
            None => (None, None),
        };
        let document = Document {
            name: format!("the response to {name}, {}", head.status),
            html,
            kind: DocumentKind::Page,
        };
        Self {
            name,
            status: head.status,
            done,
            reason,
            document,
            asked,
        }
    }

    /// The status that a visitor's browser gets.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// What the action's handler returned if the action is done, such as `Done::to("/thanks")`.
    ///
    /// # Errors
    /// The action is not done. The error says why, or shows the form as the visitor sees it again.
    #[track_caller]
    pub fn done(&self) -> Result<&Done, Error> {
        let place = Location::caller();
        self.done.as_ref().ok_or_else(|| {
            let state = match &self.reason {
                Some(reason) => format!("failed with {}: {reason}", self.status),
                None => format!("is shown again{}", self.document.excerpt()),
            };
            let name = self.name.clone();
            Problem::NotDone { name, state }.at(place)
        })
    }

    /// Why the action failed, as the log would say. `None`: it is done, or the visitor sees the form again.
    #[must_use]
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref()
    }
}

/// What all kinds of responses have.
macro_rules! response {
    ($($type:ident, $name:expr;)+) => {$(
        impl $type {
            /// The HTML. Empty: there is none.
            #[must_use]
            pub fn html(&self) -> &str {
                &self.document.html
            }

            /// The elements that match a CSS selector, in the order of the HTML.
            ///
            /// # Errors
            /// The selector can't be read.
            #[track_caller]
            pub fn select(&self, selector: &str) -> Result<Vec<Element>, Error> {
                self.document.select(selector, Location::caller())
            }

            /// The only element that matches a CSS selector.
            ///
            /// # Errors
            /// The selector can't be read, or no element or several match it.
            #[track_caller]
            pub fn one(&self, selector: &str) -> Result<Element, Error> {
                self.document.one(selector, Location::caller())
            }

            /// The text of the only element that matches a CSS selector. A space stands for all white space.
            ///
            /// # Errors
            /// As [`one`](Self::one).
            #[track_caller]
            pub fn text(&self, selector: &str) -> Result<String, Error> {
                Ok(self.one(selector)?.text().to_owned())
            }

            /// The fragments that were asked for, those of the application itself included, in the order in which they were.
            #[must_use]
            pub fn asked(&self) -> &[Asked] {
                &self.asked
            }

            /// The imports with which a fragment was asked for, under the fragment's own names.
            ///
            /// # Errors
            /// The fragment was not asked for, or several times, with other imports each.
            #[track_caller]
            pub fn imports(&self, service: &str, reference: &str) -> Result<Value, Error> {
                let name: fn(&Self) -> String = $name;
                asked::imports(&self.asked, &name(self), (service, reference), Location::caller())
            }
        }
    )+};
}

response! {
    TestPage, |page| page.request.clone();
    TestFragment, |fragment| format!("the fragment `{}`", fragment.reference);
    TestForm, |form| form.name.clone();
}
