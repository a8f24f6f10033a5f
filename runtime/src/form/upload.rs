//! Forms with files: `multipart/form-data` (RFC 7578).

use axum::{
    body::Body,
    extract::{FromRequest, Multipart, Request, multipart::MultipartError},
};
use http::StatusCode;
use http_body_util::Limited;

use super::{
    entry::{Entry, Upload},
    rejection::FormRejection,
    urlencoded::{BadForm, check},
};

/// Reads the fields of `request`, whose body may have `limit` bytes.
pub(super) async fn read(request: Request, limit: usize) -> Result<Vec<(String, Entry)>, FormRejection> {
    let too_long = || {
        FormRejection::refused(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the form is longer than {limit} bytes"),
        )
    };
    let unreadable = |error: MultipartError| match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => too_long(),
        _ => FormRejection::refused(StatusCode::BAD_REQUEST, "the form's parts can't be read"),
    };
    // The parser keeps all that has come and does not make a part yet.
    let request = request.map(|body| Body::new(Limited::new(body, limit)));
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|error| FormRejection::refused(error.status(), "the form's parts can't be read"))?;
    let mut fields = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(unreadable)? {
        let name = part.name().unwrap_or_default().to_owned();
        check(fields.len(), &name).map_err(FormRejection::unreadable)?;
        let file = part.file_name().map(str::to_owned);
        let media_type = part.content_type().unwrap_or_default().to_owned();
        let content = part.bytes().await.map_err(unreadable)?;
        let entry = match file {
            Some(name) => Entry::File(Upload {
                name,
                media_type,
                content,
            }),
            None => {
                let text = String::from_utf8(content.into());
                Entry::Text(text.map_err(|_| FormRejection::unreadable(BadForm::Encoding))?)
            }
        };
        fields.push((name, entry));
    }
    Ok(fields)
}
