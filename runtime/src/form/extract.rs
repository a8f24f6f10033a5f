//! Reads the form that a visitor sent, for the handler of its action.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

use axum::extract::Request;
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use hydra_runtime_net::bodies;

use super::{Form, entry::Entry, fields::Fields, rejection::FormRejection, urlencoded};

/// What was sent, for the case that it can't be used: an extension of the request that the handler of an action gets.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentForm {
    /// The most bytes of the body.
    pub(crate) limit: usize,
    /// The texts, once the form was read. The lock is held to move them only.
    texts: Arc<Mutex<BTreeMap<String, Vec<String>>>>,
}

impl SentForm {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    /// The texts that were sent, by the names of their fields.
    pub(crate) fn take(&self) -> BTreeMap<String, Vec<String>> {
        std::mem::take(&mut self.texts.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn keep(&self, texts: BTreeMap<String, Vec<String>>) {
        *self.texts.lock().unwrap_or_else(PoisonError::into_inner) = texts;
    }
}

/// The form in a request to an action.
#[doc(hidden)]
pub async fn extract<F: Form>(request: Request) -> Result<F, FormRejection> {
    let Some(sent) = request.extensions().get::<SentForm>().cloned() else {
        let reason = "only the handler of an action takes a form: add it with `App::action`";
        return Err(FormRejection::refused(StatusCode::INTERNAL_SERVER_ERROR, reason));
    };
    let mut fields = Fields::new(read(request, sent.limit).await?);
    sent.keep(fields.texts());
    match F::read(&mut fields) {
        Some(form) => Ok(form),
        None => Err(FormRejection::invalid(fields.errors)),
    }
}

async fn read(request: Request, limit: usize) -> Result<Vec<(String, Entry)>, FormRejection> {
    match media_type(request.headers()) {
        "application/x-www-form-urlencoded" => {
            let body = bodies::read(request.into_body(), limit).await;
            let body =
                body.map_err(|problem| FormRejection::refused(problem.status(), problem.to_string()))?;
            urlencoded::read(&body).map_err(FormRejection::unreadable)
        }
        #[cfg(feature = "upload")]
        "multipart/form-data" => super::upload::read(request, limit).await,
        _ => {
            let reason =
                "the body is not a form, or it has files and hydra-runtime lacks the feature `upload`";
            Err(FormRejection::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason))
        }
    }
}

/// The media type without its parameters. Browsers write it in lower case.
fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.unwrap_or_default().trim()
}
