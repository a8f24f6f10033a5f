//! Why the handler of an action is not called.

use std::collections::BTreeMap;

use axum::{
    Extension,
    response::{IntoResponse, Response},
};
use http::StatusCode;

use super::{outcome::PendingAction, urlencoded::BadForm};

/// The form was not sent as its handler needs it.
#[derive(Debug)]
pub struct FormRejection(Rejected);

/// An extension of the response if the handler was not called.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NothingDone;

#[derive(Debug)]
enum Rejected {
    /// It can't be read: the status, and the reason for the log.
    Refused(StatusCode, String),
    /// Some fields can't be used: the texts for the visitor, by the names of the fields.
    Invalid(BTreeMap<String, String>),
}

impl FormRejection {
    pub(super) fn refused(status: StatusCode, reason: impl Into<String>) -> Self {
        Self(Rejected::Refused(status, reason.into()))
    }

    pub(super) fn unreadable(error: BadForm) -> Self {
        Self::refused(StatusCode::BAD_REQUEST, error.to_string())
    }
}

impl IntoResponse for FormRejection {
    fn into_response(self) -> Response {
        match self.0 {
            Rejected::Refused(status, reason) => (status, Extension(NothingDone), reason).into_response(),
            Rejected::Invalid(errors) => PendingAction::invalid(errors).into_response(),
        }
    }
}

impl FormRejection {
    /// The fields that can't be used, with the texts for the visitor.
    pub(super) fn invalid(errors: BTreeMap<String, String>) -> Self {
        Self(Rejected::Invalid(errors))
    }
}
