//! Reads an answer from bytes as they arrive: bytes in, a head and pieces of a body out, no sockets.
#![deny(clippy::disallowed_methods)]

use bytes::{Buf as _, Bytes, BytesMut};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use httparse::Header;

use crate::{
    limits::MAX_ANSWER_HEAD_BYTES,
    upstream::{
        buffered_client::{
            BadAnswer,
            chunks::Chunks,
            head::{self, Head},
        },
        early_hints,
        framing::{Framing, TOO_LARGE},
    },
};

/// The head of an answer, and what follows it.
#[derive(Debug)]
pub(super) struct AnswerHead {
    pub(super) response: Response<()>,
    pub(super) left: Remaining,
    /// Whether the connection can take another request after this answer.
    pub(super) stays: bool,
}

/// Reads the head of an answer, and the interim answers before it.
#[derive(Debug, Default)]
pub(super) struct HeadReader {
    /// Whether the request was HEAD, whose answer has no body.
    is_head: bool,
    /// How many of the bytes were searched for the end of a head.
    searched: usize,
    /// The bytes of all heads that were read.
    head_bytes: usize,
    /// The links of early hints.
    links: Vec<HeaderValue>,
}

impl HeadReader {
    pub(super) fn new(is_head: bool) -> Self {
        Self {
            is_head,
            ..Self::default()
        }
    }

    /// Takes a head from the bytes that arrived. `None`: its end is missing.
    ///
    /// # Errors
    /// The head cannot be used.
    pub(super) fn take(&mut self, arrived: &mut BytesMut) -> Result<Option<AnswerHead>, &'static str> {
        loop {
            let Some(end) = head::end(arrived, self.searched) else {
                self.searched = arrived.len();
                let is_too_large = self.head_bytes + arrived.len() > MAX_ANSWER_HEAD_BYTES;
                return if is_too_large { Err(TOO_LARGE) } else { Ok(None) };
            };
            self.searched = 0;
            self.head_bytes += end;
            if self.head_bytes > MAX_ANSWER_HEAD_BYTES {
                return Err(TOO_LARGE);
            }
            let bytes = arrived.split_to(end).freeze();
            let head = head::read_with(&bytes, |parsed| all_headers(parsed, &bytes)).map_err(reason)?;
            match head.status {
                StatusCode::SWITCHING_PROTOCOLS => return Ok(Some(self.finish(head))),
                StatusCode::EARLY_HINTS => early_hints::collect(&mut self.links, &head.headers),
                status if status.is_informational() => {}
                _ => return Ok(Some(self.finish(head))),
            }
        }
    }

    fn finish(&mut self, head: Head) -> AnswerHead {
        let has_switched = head.status == StatusCode::SWITCHING_PROTOCOLS;
        let mut response = Response::new(());
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        if !has_switched {
            early_hints::join(std::mem::take(&mut self.links), response.headers_mut());
        }
        AnswerHead {
            response,
            left: match head.framing {
                _ if self.is_head || has_switched => Remaining::Bytes(0),
                Framing::Length(length) => Remaining::Bytes(length),
                Framing::Chunked => Remaining::Chunks(Chunks::new()),
                Framing::Close => Remaining::UntilClose,
            },
            // The answer to HEAD does not end with the connection.
            stays: !has_switched && (head.stays || (self.is_head && head.persists)),
        }
    }
}

/// All headers of a head, whose values stay where they are.
fn all_headers(parsed: &[Header<'_>], bytes: &Bytes) -> Option<HeaderMap> {
    let mut headers = HeaderMap::with_capacity(parsed.len());
    for header in parsed {
        let name = HeaderName::from_bytes(header.name.as_bytes()).ok()?;
        let value = bytes.slice_ref(header.value.trim_ascii());
        headers.append(name, HeaderValue::from_maybe_shared(value).ok()?);
    }
    Some(headers)
}

fn reason(bad: BadAnswer) -> &'static str {
    match bad {
        BadAnswer::Head(reason) => reason,
        _ => "its head cannot be used",
    }
}

/// What is still missing of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Remaining {
    Bytes(u64),
    Chunks(Chunks),
    UntilClose,
}

/// A piece of a body.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Data(Bytes),
    Trailers(HeaderMap),
    /// The body is complete.
    End,
    /// More bytes must arrive.
    Missing,
}

impl Remaining {
    /// Takes the next piece from the bytes that arrived.
    ///
    /// # Errors
    /// The chunks cannot be read.
    pub(super) fn take(&mut self, arrived: &mut BytesMut) -> Result<Piece, BadAnswer> {
        match self {
            Self::Bytes(0) => Ok(Piece::End),
            Self::Bytes(_) | Self::UntilClose if arrived.is_empty() => Ok(Piece::Missing),
            Self::Bytes(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(arrived.len());
                *left -= length as u64;
                Ok(Piece::Data(arrived.split_to(length).freeze()))
            }
            Self::UntilClose => Ok(Piece::Data(arrived.split().freeze())),
            Self::Chunks(chunks) => {
                let (before, length) = chunks.piece(arrived)?;
                arrived.advance(before);
                if length > 0 {
                    return Ok(Piece::Data(arrived.split_to(length).freeze()));
                }
                if !chunks.is_done() {
                    return Ok(Piece::Missing);
                }
                let trailers = chunks.trailers()?;
                *self = Self::Bytes(0);
                Ok(match trailers.is_empty() {
                    true => Piece::End,
                    false => Piece::Trailers(trailers),
                })
            }
        }
    }

    /// Whether nothing of the body is missing.
    pub(super) fn is_nothing(&self) -> bool {
        *self == Self::Bytes(0)
    }
}

#[cfg(test)]
mod tests;
