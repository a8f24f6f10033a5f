//! What a handler of an action gives.

use std::{collections::BTreeMap, marker::PhantomData};

use axum::response::{IntoResponse, Response};

use super::Form;

/// An action that is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    pub(crate) to: Option<String>,
    pub(crate) anchor: Option<String>,
}

impl Done {
    /// The visitor goes back to the page with the form.
    #[must_use]
    pub fn stay() -> Self {
        Self::default()
    }

    /// The visitor goes back to the page with the form, to the element with this `id`.
    #[must_use]
    pub fn stay_at(id: impl Into<String>) -> Self {
        Self {
            to: None,
            anchor: Some(id.into()),
        }
    }

    /// The visitor goes to a path of this site, `/thanks`, or to a site that the setting `redirect_hosts` of the gateway names.
    #[must_use]
    pub fn to(address: impl Into<String>) -> Self {
        Self {
            to: Some(address.into()),
            anchor: None,
        }
    }
}

/// What was sent can't be used: the visitor sees the form again, with these errors. Nothing may have been done.
#[derive(Debug)]
pub struct Invalid<F> {
    errors: BTreeMap<String, String>,
    message: String,
    form: PhantomData<fn() -> F>,
}

impl<F: Form> Invalid<F> {
    /// Without errors. Add some with [`field`](Self::field) and [`message`](Self::message).
    #[must_use]
    pub fn new() -> Self {
        Self {
            errors: BTreeMap::new(),
            message: String::new(),
            form: PhantomData,
        }
    }

    /// Adds what is wrong with a field: templates have it as `form.errors.NAME`. `name` is the field's name in the form.
    #[must_use]
    pub fn field(mut self, name: &str, text: impl Into<String>) -> Self {
        if !F::FIELDS.contains(&name) {
            let (fragment, action) = (F::REF, F::ACTION);
            tracing::warn!(
                fragment,
                action,
                name,
                "an error is about a field that the form does not have"
            );
        }
        self.errors.insert(name.to_owned(), text.into());
        self
    }

    /// Says what is wrong with all of it: templates have it as `form.message`.
    #[must_use]
    pub fn message(mut self, text: impl Into<String>) -> Self {
        self.message = text.into();
        self
    }

    /// Whether it says what is wrong with a field.
    #[cfg(feature = "garde")]
    pub(super) fn has_error(&self, name: &str) -> bool {
        self.errors.contains_key(name)
    }

    /// Whether it says what is wrong with all of it.
    #[cfg(feature = "garde")]
    pub(super) fn has_message(&self) -> bool {
        !self.message.is_empty()
    }

    /// Whether nothing is wrong so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.errors.is_empty() && self.message.is_empty()
    }

    /// `Ok` if nothing is wrong: `errors.check()?` ends a validation.
    ///
    /// # Errors
    /// These errors.
    pub fn check(self) -> Result<(), Self> {
        match self.is_empty() {
            true => Ok(()),
            false => Err(self),
        }
    }
}

impl<F: Form> Default for Invalid<F> {
    fn default() -> Self {
        Self::new()
    }
}

/// A result of the handler of an action: `Result<Done, Invalid<…>>` with the type of its form, or a `Result` of that with
/// another error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the result of an action",
    note = "the handler of an action gives a `Result<Done, Invalid<…>>` with the type of its form"
)]
pub trait ActionOutput: IntoResponse {
    /// The form.
    type Form: Form;
}

impl<F: Form> ActionOutput for Result<Done, Invalid<F>> {
    type Form = F;
}

impl<O: ActionOutput, E: IntoResponse> ActionOutput for Result<O, E> {
    type Form = O::Form;
}

/// The result of a handler, on its way to the code that answers.
#[derive(Clone, Debug)]
pub(crate) enum PendingAction {
    Done(Done),
    Invalid {
        /// By the names of the fields.
        errors: BTreeMap<String, String>,
        message: String,
    },
}

impl PendingAction {
    pub(super) fn invalid(errors: BTreeMap<String, String>) -> Self {
        let message = String::new();
        Self::Invalid { errors, message }
    }
}

impl IntoResponse for PendingAction {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Done {
    fn into_response(self) -> Response {
        PendingAction::Done(self).into_response()
    }
}

impl<F> IntoResponse for Invalid<F> {
    fn into_response(self) -> Response {
        let Self { errors, message, .. } = self;
        PendingAction::Invalid { errors, message }.into_response()
    }
}
