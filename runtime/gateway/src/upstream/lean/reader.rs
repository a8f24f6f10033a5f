//! Reads one answer from bytes as they come: bytes in, an answer out, no sockets.
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, HeaderName, StatusCode};

use super::{
    BadAnswer,
    chunks::Chunks,
    head::{self, Head},
};
use crate::upstream::framing::{Framing, MAX_HEAD, TOO_LARGE};

/// The most bytes for which room is made before they are there.
const MAX_TRUST: usize = 64 << 10;

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// Those that were wanted.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

/// What becomes of a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    /// It can take another request.
    Stays,
    /// It ends.
    Closes,
    /// More came than the answer: no connection to this service is to be trusted.
    Surplus,
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Reader {
    wanted: &'static [HeaderName],
    limit: usize,
    place: Place,
    body: Vec<u8>,
    /// The bytes of heads that were read.
    head_bytes: usize,
    /// Whether more came than the answer.
    has_more: bool,
}

#[derive(Debug)]
enum Place {
    /// Holds the beginning of a head that came in parts.
    Head(Vec<u8>),
    Body(Head, Left),
}

/// What is still to come of a body.
#[derive(Debug, PartialEq, Eq)]
enum Left {
    Bytes(u64),
    Chunks(Chunks),
    UntilClose,
}

impl Reader {
    /// Of the answer it keeps the headers in `wanted`; its body may have `limit` bytes.
    pub(super) fn new(wanted: &'static [HeaderName], limit: usize) -> Self {
        Self {
            wanted,
            limit,
            place: Place::Head(Vec::new()),
            body: Vec::new(),
            head_bytes: 0,
            has_more: false,
        }
    }

    /// Takes in what came. Whether the answer is complete.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<bool, BadAnswer> {
        while let Place::Head(before) = &mut self.place {
            let known = before.len();
            // In most cases all of a head comes at once, and is read where it is.
            if known > 0 {
                before.extend_from_slice(bytes);
            }
            let whole = if known > 0 { before.as_slice() } else { bytes };
            let Some(end) = head::end(whole, known) else {
                if self.head_bytes + whole.len() > MAX_HEAD {
                    return Err(BadAnswer::Head(TOO_LARGE));
                }
                if known == 0 {
                    before.extend_from_slice(bytes);
                }
                return Ok(false);
            };
            self.head_bytes += end;
            if self.head_bytes > MAX_HEAD {
                return Err(BadAnswer::Head(TOO_LARGE));
            }
            let head = head::read(&whole[..end], self.wanted)?;
            bytes = &bytes[end - known..];
            self.place = self.after(head)?;
        }
        self.take_body(bytes)
    }

    /// What follows a head.
    fn after(&mut self, head: Head) -> Result<Place, BadAnswer> {
        match head.status {
            StatusCode::SWITCHING_PROTOCOLS => {
                return Err(BadAnswer::Head("it switches protocols though nobody asked"));
            }
            status if status.is_informational() => return Ok(Place::Head(Vec::new())),
            _ => {}
        }
        let left = match head.framing {
            Framing::Length(length) if length > self.limit as u64 => {
                return Err(BadAnswer::TooLong(self.limit));
            }
            Framing::Length(length) => {
                let length_here = usize::try_from(length).unwrap_or(usize::MAX);
                self.body = Vec::with_capacity(length_here.min(MAX_TRUST));
                Left::Bytes(length)
            }
            Framing::Chunked => Left::Chunks(Chunks::new()),
            Framing::Close => Left::UntilClose,
        };
        Ok(Place::Body(head, left))
    }

    fn take_body(&mut self, bytes: &[u8]) -> Result<bool, BadAnswer> {
        let Place::Body(_, left) = &mut self.place else {
            return Ok(false);
        };
        let taken = match left {
            Left::Bytes(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                self.body.extend_from_slice(&bytes[..length]);
                *left -= length as u64;
                length
            }
            Left::Chunks(chunks) => chunks.take(bytes, &mut self.body, self.limit)?,
            Left::UntilClose if self.body.len() + bytes.len() > self.limit => {
                return Err(BadAnswer::TooLong(self.limit));
            }
            Left::UntilClose => {
                self.body.extend_from_slice(bytes);
                bytes.len()
            }
        };
        self.has_more |= taken < bytes.len();
        Ok(match left {
            Left::Bytes(left) => *left == 0,
            Left::Chunks(chunks) => chunks.is_done(),
            Left::UntilClose => false,
        })
    }

    /// Whether nothing of an answer came yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.head_bytes == 0 && matches!(&self.place, Place::Head(before) if before.is_empty())
    }

    /// The answer, once it is complete or the connection has ended; and what becomes of the connection.
    pub(super) fn finish(self) -> Result<(Answer, After), BadAnswer> {
        let Place::Body(head, left) = self.place else {
            return Err(BadAnswer::BrokenOff);
        };
        match left {
            Left::Bytes(0) | Left::UntilClose => {}
            Left::Chunks(chunks) if chunks.is_done() => {}
            Left::Bytes(_) | Left::Chunks(_) => return Err(BadAnswer::BrokenOff),
        }
        let answer = Answer {
            status: head.status,
            headers: head.headers,
            body: self.body,
        };
        let after = match (self.has_more, head.stays) {
            (true, _) => After::Surplus,
            (false, true) => After::Stays,
            (false, false) => After::Closes,
        };
        Ok((answer, after))
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
