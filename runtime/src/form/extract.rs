//! Reads the form that a visitor sent, for the handler of its action.

use axum::extract::Request;
use http::{HeaderMap, StatusCode, header::CONTENT_TYPE};
use hydra_runtime_net::bodies;

use super::{Form, entry::Entry, fields::Fields, rejection::FormRejection, sent::SentForm, urlencoded};

/// The form in a request to an action.
#[doc(hidden)]
pub async fn extract<F: Form>(request: Request) -> Result<F, FormRejection> {
    let Some(sent) = request.extensions().get::<SentForm>().cloned() else {
        let reason = "only the handler of an action takes a form: add it with `App::action`";
        return Err(FormRejection::refused(StatusCode::INTERNAL_SERVER_ERROR, reason));
    };
    let mut fields = Fields::new(read::<F>(request, &sent).await?);
    if !sent.keep(fields.texts()) {
        let reason = "the form did not arrive in time";
        return Err(FormRejection::refused(StatusCode::REQUEST_TIMEOUT, reason));
    }
    match F::read(&mut fields) {
        Some(form) => Ok(form),
        None => Err(FormRejection::invalid(fields.errors)),
    }
}

#[cfg_attr(
    not(feature = "upload"),
    expect(
        clippy::extra_unused_type_parameters,
        reason = "the type tells of files alone"
    )
)]
async fn read<F: Form>(request: Request, sent: &SentForm) -> Result<Vec<(String, Entry)>, FormRejection> {
    match media_type(request.headers()).as_str() {
        "application/x-www-form-urlencoded" => {
            let body = bodies::read_within(sent.limits.timeout, request.into_body(), sent.limits.body).await;
            let body =
                body.map_err(|problem| FormRejection::refused(problem.status(), problem.to_string()))?;
            urlencoded::read(&body).map_err(FormRejection::unreadable)
        }
        #[cfg(feature = "upload")]
        "multipart/form-data" => super::upload::read(request, sent, F::LONG_FILES).await,
        _ => {
            let reason =
                "the body is not a form, or it has files and hydra-runtime lacks the feature `upload`";
            Err(FormRejection::refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, reason))
        }
    }
}

/// The media type without its parameters, in lower case: large letters mean the same (RFC 9110 section 8.3.1).
fn media_type(headers: &HeaderMap) -> String {
    let value = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let media_type = value.and_then(|value| value.split(';').next());
    media_type.unwrap_or_default().trim().to_ascii_lowercase()
}
