//! Reads the form that a visitor sent, for the handler of its action.

use std::{
    collections::BTreeMap,
    mem,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use axum::extract::Request;
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use hydra_runtime_net::bodies;

use super::{Form, entry::Entry, fields::Fields, rejection::FormRejection, urlencoded};

/// What was sent, for the case that it can't be used: an extension of the request that the handler of an action gets.
#[derive(Clone, Debug, Default)]
pub(crate) struct SentForm {
    /// The most bytes of the body.
    limit: usize,
    /// How long the body may take to arrive.
    timeout: Duration,
    /// The lock is held for a moment.
    arrival: Arc<Mutex<Arrival>>,
}

/// How far a form has come.
#[derive(Debug, Default)]
enum Arrival {
    #[default]
    UnderWay,
    /// It was read. The texts, by the names of their fields.
    Read(BTreeMap<String, Vec<String>>),
    /// It took too long, and is not handled any more.
    Refused,
}

impl SentForm {
    pub(crate) fn new(limit: usize, timeout: Duration) -> Self {
        Self {
            limit,
            timeout,
            arrival: Arc::default(),
        }
    }

    /// The texts that were sent, by the names of their fields.
    pub(crate) fn take(&self) -> BTreeMap<String, Vec<String>> {
        match &mut *self.lock() {
            Arrival::Read(texts) => mem::take(texts),
            Arrival::UnderWay | Arrival::Refused => BTreeMap::new(),
        }
    }

    /// Refuses a form that is still under way, so that its handler is never called. Returns whether it was.
    pub(crate) fn refuse(&self) -> bool {
        let mut arrival = self.lock();
        let is_under_way = matches!(*arrival, Arrival::UnderWay);
        if is_under_way {
            *arrival = Arrival::Refused;
        }
        is_under_way
    }

    /// Keeps the texts. Returns whether the form is still to be handled.
    fn keep(&self, texts: BTreeMap<String, Vec<String>>) -> bool {
        let mut arrival = self.lock();
        let is_wanted = !matches!(*arrival, Arrival::Refused);
        if is_wanted {
            *arrival = Arrival::Read(texts);
        }
        is_wanted
    }

    fn lock(&self) -> MutexGuard<'_, Arrival> {
        self.arrival.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The form in a request to an action.
#[doc(hidden)]
pub async fn extract<F: Form>(request: Request) -> Result<F, FormRejection> {
    let Some(sent) = request.extensions().get::<SentForm>().cloned() else {
        let reason = "only the handler of an action takes a form: add it with `App::action`";
        return Err(FormRejection::refused(StatusCode::INTERNAL_SERVER_ERROR, reason));
    };
    let mut fields = Fields::new(read(request, &sent).await?);
    if !sent.keep(fields.texts()) {
        let reason = "the form did not arrive in time";
        return Err(FormRejection::refused(StatusCode::REQUEST_TIMEOUT, reason));
    }
    match F::read(&mut fields) {
        Some(form) => Ok(form),
        None => Err(FormRejection::invalid(fields.errors)),
    }
}

async fn read(request: Request, sent: &SentForm) -> Result<Vec<(String, Entry)>, FormRejection> {
    match media_type(request.headers()) {
        "application/x-www-form-urlencoded" => {
            let body = bodies::read_within(sent.timeout, request.into_body(), sent.limit).await;
            let body =
                body.map_err(|problem| FormRejection::refused(problem.status(), problem.to_string()))?;
            urlencoded::read(&body).map_err(FormRejection::unreadable)
        }
        #[cfg(feature = "upload")]
        "multipart/form-data" => super::upload::read(request, sent.limit).await,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_handled_or_refused_but_never_both() {
        let texts = || BTreeMap::from([("zip".to_owned(), vec!["9000".to_owned()])]);
        let read = SentForm::new(1, Duration::ZERO);
        assert!(read.keep(texts()) && !read.refuse());
        assert_eq!((read.take(), read.take()), (texts(), BTreeMap::new()));
        let late = SentForm::new(1, Duration::ZERO);
        assert!(late.refuse() && !late.keep(texts()));
        assert_eq!(late.take(), BTreeMap::new());
    }
}
