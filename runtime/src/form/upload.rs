//! Forms with files: `multipart/form-data` (RFC 7578).

use std::{collections::BTreeMap, io};

use axum::{
    body::Body,
    extract::{
        FromRequest, Multipart, Request,
        multipart::{Field, MultipartError},
    },
};
use http::StatusCode;

use super::{
    UploadFile,
    counted_body::{CountedBody, Room},
    entry::{Entry, Upload},
    rejection::FormRejection,
    sent::SentForm,
    spool::Spool,
    urlencoded::{BadForm, check},
};
use crate::limits::MAX_LONG_FILES;

/// Reads the fields of `request`. `long`: the fields with long files, and how many bytes the files of each may have together.
pub(super) async fn read(
    request: Request,
    sent: &SentForm,
    long: &[(&'static str, u64)],
) -> Result<Vec<(String, Entry)>, FormRejection> {
    let limit = sent.limits.body;
    let room = match long {
        [] => Room::of(limit),
        _ => Room::beside_files(limit),
    };
    // The parser keeps all that has come and does not make a part yet.
    let request = request.map(|body| Body::new(CountedBody::new(body, room.clone())));
    let parts = Multipart::from_request(request, &()).await;
    let parts = parts.map_err(|error| FormRejection::refused(error.status(), UNREADABLE))?;
    let mut form = Reading {
        sent,
        room,
        long: long.iter().copied().collect(),
        long_files: 0,
    };
    form.read(parts).await
}

/// How long the boundary and the head of a part are, about.
fn head_length(part: &Field<'_>) -> usize {
    let headers = part.headers().iter();
    let headers = headers.map(|(name, value)| name.as_str().len() + value.len() + 4);
    MAX_BOUNDARY_BYTES + headers.sum::<usize>()
}

/// The longest boundary (RFC 2046 section 5.1.1), with the hyphens and line breaks around it.
const MAX_BOUNDARY_BYTES: usize = 70 + 8;

const UNREADABLE: &str = "the form's parts can't be read";

/// A form that arrives.
struct Reading<'f> {
    sent: &'f SentForm,
    room: Room,
    /// How many more bytes the files of each field may have.
    long: BTreeMap<&'static str, u64>,
    /// How many long files have come.
    long_files: usize,
}

impl Reading<'_> {
    async fn read(&mut self, mut parts: Multipart) -> Result<Vec<(String, Entry)>, FormRejection> {
        let mut fields = Vec::new();
        while let Some(part) = parts.next_field().await.map_err(|error| self.refused(&error))? {
            self.room.give(head_length(&part));
            let name = part.name().unwrap_or_default().to_owned();
            check(fields.len(), &name).map_err(FormRejection::unreadable)?;
            let file = part.file_name().map(str::to_owned);
            let entry = match file {
                Some(file) if self.long.contains_key(&*name) => self.long_file(&name, file, part).await?,
                file => self.short(file, part).await?,
            };
            fields.push((name, entry));
        }
        Ok(fields)
    }

    /// A text, or a file that is kept in memory.
    async fn short(&self, file: Option<String>, part: Field<'_>) -> Result<Entry, FormRejection> {
        let media_type = part.content_type().unwrap_or_default().to_owned();
        let content = part.bytes().await.map_err(|error| self.refused(&error))?;
        self.room.give(content.len());
        match file {
            Some(name) => Ok(Entry::File(Upload {
                name,
                media_type,
                content,
            })),
            None => {
                let text = String::from_utf8(content.into());
                text.map(Entry::Text)
                    .map_err(|_| FormRejection::unreadable(BadForm::Encoding))
            }
        }
    }

    /// A file of the field `field`, of which memory holds the beginning only.
    async fn long_file(
        &mut self,
        field: &str,
        name: String,
        mut part: Field<'_>,
    ) -> Result<Entry, FormRejection> {
        self.long_files += 1;
        if self.long_files > MAX_LONG_FILES {
            return Err(FormRejection::unreadable(BadForm::TooManyFiles));
        }
        let media_type = part.content_type().unwrap_or_default().to_owned();
        let sent = self.sent;
        let mut spool = Spool::new(&sent.limits.folder);
        while let Some(piece) = part.chunk().await.map_err(|error| self.refused(&error))? {
            if !self.takes(field, piece.len() as u64) {
                let reason = format!("the file `{field}` is longer than its `#[form(max = \"…\")]` allows");
                return Err(FormRejection::refused(StatusCode::PAYLOAD_TOO_LARGE, reason));
            }
            spool.write(&piece).await.map_err(|error| self.not_kept(&error))?;
            self.room.give(piece.len());
            self.room.free(piece.len());
            sent.put_away(piece.len() as u64);
        }
        let content = spool.finish().await.map_err(|error| self.not_kept(&error))?;
        Ok(Entry::LongFile(UploadFile {
            name,
            media_type,
            content,
        }))
    }

    /// Whether the files of a field may have so many bytes more.
    fn takes(&mut self, field: &str, bytes: u64) -> bool {
        let Some(left) = self.long.get_mut(field) else {
            return false;
        };
        let rest = left.checked_sub(bytes);
        *left = rest.unwrap_or_default();
        rest.is_some()
    }

    /// Why a part can't be read.
    fn refused(&self, error: &MultipartError) -> FormRejection {
        let limit = self.sent.limits.body;
        if !self.room.is_spent() {
            tracing::debug!(%error, "{UNREADABLE}");
            return FormRejection::refused(StatusCode::BAD_REQUEST, UNREADABLE);
        }
        let what = match self.long.is_empty() {
            true => "the form is",
            false => "what the form sends beside its long files is",
        };
        let reason = format!("{what} longer than {limit} bytes: the setting `form_body` allows more");
        FormRejection::refused(StatusCode::PAYLOAD_TOO_LARGE, reason)
    }

    /// Why a file can't be kept. Nothing was done with the form then.
    fn not_kept(&self, error: &io::Error) -> FormRejection {
        let folder = self.sent.limits.folder.display();
        let reason = format!(
            "a file can't be kept in `{folder}`: {error}. The setting `upload_folder` names another folder"
        );
        FormRejection::refused(StatusCode::SERVICE_UNAVAILABLE, reason)
    }
}
