//! Reads one answer from bytes as they arrive: bytes in, an answer out, no sockets.
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, HeaderName, StatusCode};

use super::{
    BadAnswer,
    chunks::Chunks,
    head::{self, Head},
};
use crate::{
    limits::{MAX_ANSWER_HEAD_BYTES, MAX_RESERVED_BODY_BYTES},
    upstream::framing::{Framing, TOO_LARGE},
};

/// A whole answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    /// The headers that the caller wants.
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Whether it may be used again for another visitor: no other request was in flight on its connection, so that it belongs to
    /// its request whatever the service does.
    pub(crate) may_keep: bool,
}

/// What happens to a connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AfterAnswer {
    /// It can take another request.
    Stays,
    /// It ends.
    Closes,
    /// More bytes than the answer arrived: no connection to this service can be trusted.
    Surplus,
}

/// An answer on its way.
#[derive(Debug)]
pub(super) struct Reader {
    wanted: &'static [HeaderName],
    limit: usize,
    state: ReadState,
    status: Option<StatusCode>,
    body: Vec<u8>,
    /// The bytes of all heads that were read.
    head_bytes: usize,
    /// How many bytes arrived beyond the answer.
    surplus: usize,
}

#[derive(Debug)]
enum ReadState {
    /// Contains the beginning of a head that arrived in parts.
    Head(Vec<u8>),
    Body(Head, RemainingBody),
}

/// What is still missing of a body.
#[derive(Debug, PartialEq, Eq)]
enum RemainingBody {
    Bytes(u64),
    Chunks(Chunks),
    UntilClose,
}

impl Reader {
    /// A reader that keeps the headers in `wanted`, and allows a body of `limit` bytes.
    pub(super) fn new(wanted: &'static [HeaderName], limit: usize) -> Self {
        Self {
            wanted,
            limit,
            state: ReadState::Head(Vec::new()),
            status: None,
            body: Vec::new(),
            head_bytes: 0,
            surplus: 0,
        }
    }

    /// Reads bytes. Returns whether the answer is complete.
    pub(super) fn take(&mut self, mut bytes: &[u8]) -> Result<bool, BadAnswer> {
        while let ReadState::Head(before) = &mut self.state {
            let known = before.len();
            // Usually a whole head arrives at once, and is parsed where it is.
            if known > 0 {
                before.extend_from_slice(bytes);
            }
            let whole = if known > 0 { before.as_slice() } else { bytes };
            let Some(end) = head::end(whole, known) else {
                if self.head_bytes + whole.len() > MAX_ANSWER_HEAD_BYTES {
                    return Err(BadAnswer::Head(TOO_LARGE));
                }
                if known == 0 {
                    before.extend_from_slice(bytes);
                }
                return Ok(false);
            };
            self.head_bytes += end;
            if self.head_bytes > MAX_ANSWER_HEAD_BYTES {
                return Err(BadAnswer::Head(TOO_LARGE));
            }
            let head = head::read(&whole[..end], self.wanted)?;
            bytes = &bytes[end - known..];
            self.state = self.after(head)?;
        }
        self.take_body(bytes)
    }

    /// What follows a head.
    fn after(&mut self, head: Head) -> Result<ReadState, BadAnswer> {
        match head.status {
            StatusCode::SWITCHING_PROTOCOLS => {
                return Err(BadAnswer::Head(
                    "it switches protocols although the request did not ask for it",
                ));
            }
            status if status.is_informational() => return Ok(ReadState::Head(Vec::new())),
            _ => {}
        }
        self.status = Some(head.status);
        let left = match head.framing {
            Framing::Length(length) if length > self.limit as u64 => {
                return Err(BadAnswer::TooLong(self.limit));
            }
            Framing::Length(length) => {
                let length_here = usize::try_from(length).unwrap_or(usize::MAX);
                self.body = Vec::with_capacity(length_here.min(MAX_RESERVED_BODY_BYTES));
                RemainingBody::Bytes(length)
            }
            Framing::Chunked => RemainingBody::Chunks(Chunks::new()),
            Framing::Close => RemainingBody::UntilClose,
        };
        Ok(ReadState::Body(head, left))
    }

    fn take_body(&mut self, bytes: &[u8]) -> Result<bool, BadAnswer> {
        let ReadState::Body(_, left) = &mut self.state else {
            return Ok(false);
        };
        let taken = match left {
            RemainingBody::Bytes(left) => {
                let length = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                self.body.extend_from_slice(&bytes[..length]);
                *left -= length as u64;
                length
            }
            RemainingBody::Chunks(chunks) => chunks.take(bytes, &mut self.body, self.limit)?,
            RemainingBody::UntilClose if self.body.len() + bytes.len() > self.limit => {
                return Err(BadAnswer::TooLong(self.limit));
            }
            RemainingBody::UntilClose => {
                self.body.extend_from_slice(bytes);
                bytes.len()
            }
        };
        self.surplus += bytes.len() - taken;
        Ok(match left {
            RemainingBody::Bytes(left) => *left == 0,
            RemainingBody::Chunks(chunks) => chunks.is_done(),
            RemainingBody::UntilClose => false,
        })
    }

    /// How many of the last bytes are not of this answer, but of the next one on the connection. Without a next one, they are
    /// surplus.
    pub(super) fn take_rest(&mut self) -> usize {
        std::mem::take(&mut self.surplus)
    }

    /// The status of the answer. `None`: its head did not arrive yet.
    pub(super) fn status(&self) -> Option<StatusCode> {
        self.status
    }

    /// Whether no byte of an answer arrived yet.
    pub(super) fn is_untouched(&self) -> bool {
        self.head_bytes == 0 && matches!(&self.state, ReadState::Head(before) if before.is_empty())
    }

    /// The answer, once it is complete or the connection has ended, and what happens to the connection.
    pub(super) fn finish(self) -> Result<(Answer, AfterAnswer), BadAnswer> {
        let ReadState::Body(head, left) = self.state else {
            return Err(BadAnswer::BrokenOff);
        };
        match left {
            RemainingBody::Bytes(0) | RemainingBody::UntilClose => {}
            RemainingBody::Chunks(chunks) if chunks.is_done() => {}
            RemainingBody::Bytes(_) | RemainingBody::Chunks(_) => return Err(BadAnswer::BrokenOff),
        }
        let answer = Answer {
            status: head.status,
            headers: head.headers,
            body: self.body,
            may_keep: true,
        };
        let after = match (self.surplus > 0, head.stays) {
            (true, _) => AfterAnswer::Surplus,
            (false, true) => AfterAnswer::Stays,
            (false, false) => AfterAnswer::Closes,
        };
        Ok((answer, after))
    }
}

#[cfg(test)]
mod tests;
