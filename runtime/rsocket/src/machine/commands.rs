//! What the application wants.

use bytes::Bytes;

use super::{CloseReason, Life, Machine, connection, error, stream::Stream};
use crate::{
    frame::{Body, Failure, Frame, Interaction, Payload},
    limits::{MAX_31_BITS, MAX_FRAME_BYTES},
};

/// Why a request is not sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The connection has ended.
    #[error("{0}")]
    Closed(CloseReason),
    /// The connection takes no new requests.
    #[error("the connection is closing")]
    Closing,
    /// All 2^30 stream ids are in use.
    #[error("all stream ids are in use")]
    NoStreamId,
    /// Metadata without a request cannot be fragmented.
    #[error("the metadata are longer than a frame")]
    TooLong,
}

/// Why a payload is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer has not requested it yet.
    #[error("the peer has not requested a payload")]
    NoCredit,
    /// The request has ended.
    #[error("the request has ended")]
    Ended,
}

impl Machine {
    /// Sends a request. Credits of 0 become 1, because the protocol has no request for nothing. Returns the id that names the
    /// request in events and commands; a fire-and-forget request has ended already.
    ///
    /// # Errors
    /// [`Refused`] if the connection takes no requests.
    pub fn open(&mut self, mut interaction: Interaction, payload: Payload) -> Result<u32, Refused> {
        match &self.life {
            Life::Open => {}
            Life::Closing { .. } => return Err(Refused::Closing),
            Life::Closed(reason) => return Err(Refused::Closed(reason.clone())),
        }
        if let Interaction::Stream { credit } | Interaction::Channel { credit, .. } = &mut interaction {
            *credit = (*credit).clamp(1, MAX_31_BITS);
        }
        let id = self.next_id().ok_or(Refused::NoStreamId)?;
        if interaction != Interaction::FireAndForget {
            self.streams.insert(id, Stream::local(interaction));
        }
        let follows = false;
        self.push(
            id,
            Body::Request {
                interaction,
                follows,
                payload,
            },
        );
        Ok(id)
    }

    /// The next stream id that is not in use. After the highest one they begin anew (section Stream Identifiers).
    fn next_id(&mut self) -> Option<u32> {
        if self.streams.len() > MAX_31_BITS as usize / 2 {
            return None;
        }
        loop {
            let id = self.next_id;
            self.next_id = if id > MAX_31_BITS - 2 {
                self.role.first_id()
            } else {
                id + 2
            };
            if !self.streams.contains_key(&id) {
                return Some(id);
            }
        }
    }

    /// Sends a payload of a request: an answer, or a further payload of a channel. `complete` says that it is the last one, which an
    /// answer to request/response always is.
    ///
    /// # Errors
    /// [`SendError`] if the request has ended, or if there is no credit.
    pub fn send(&mut self, id: u32, payload: Payload, complete: bool) -> Result<(), SendError> {
        let stream = self.streams.get_mut(&id).filter(|stream| stream.is_sending);
        let stream = stream.ok_or(SendError::Ended)?;
        stream.credit = stream.credit.checked_sub(1).ok_or(SendError::NoCredit)?;
        let complete = complete || stream.kind == super::stream::Kind::Response;
        self.finish_sending(id, complete);
        let (follows, next) = (false, true);
        self.push(
            id,
            Body::Payload {
                follows,
                complete,
                next,
                payload,
            },
        );
        Ok(())
    }

    /// Says that no further payload follows. It needs no credit. Nothing happens if the request has ended.
    pub fn complete(&mut self, id: u32) {
        if self.streams.get(&id).is_some_and(|stream| stream.is_sending) {
            self.finish_sending(id, true);
            let (follows, next, complete) = (false, false, true);
            let payload = Payload::default();
            self.push(
                id,
                Body::Payload {
                    follows,
                    complete,
                    next,
                    payload,
                },
            );
        }
    }

    fn finish_sending(&mut self, id: u32, complete: bool) {
        if let Some(stream) = self.streams.get_mut(&id).filter(|_| complete) {
            stream.is_sending = false;
            if stream.has_ended() {
                self.remove(id);
            }
        }
    }

    /// Ends a request that this side answers, or a channel, with an error. Nothing happens if it has ended.
    pub fn fail(&mut self, id: u32, failure: &Failure) {
        if self.streams.get(&id).is_some_and(|stream| stream.is_sending) {
            self.remove(id);
            self.outbox.push(error(id, failure));
        }
    }

    /// Cancels a request of this side. For a channel of the peer it says that nothing more is wanted of its payloads. Nothing happens if it has
    /// ended.
    pub fn cancel(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if stream.is_local {
            self.remove(id);
            self.outbox.forget(id);
        } else if stream.is_receiving {
            stream.is_receiving = false;
            let has_ended = stream.has_ended();
            self.take_partial(id);
            if has_ended {
                self.remove(id);
            }
        } else {
            return;
        }
        self.push(id, Body::Cancel);
    }

    /// Gives the peer credit for further payloads.
    pub fn grant(&mut self, id: u32, credit: u32) {
        let credit = credit.min(MAX_31_BITS);
        if let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.is_receiving)
            && credit > 0
        {
            stream.given = stream.given.saturating_add(u64::from(credit));
            self.push(id, Body::RequestN(credit));
        }
    }

    /// How many payloads may be sent now. `None` if nothing more may be sent.
    pub fn credit(&self, id: u32) -> Option<u64> {
        let stream = self.streams.get(&id).filter(|stream| stream.is_sending)?;
        Some(stream.credit)
    }

    /// Whether ids like this one are those of this side's requests.
    pub fn is_own(&self, id: u32) -> bool {
        id % 2 == self.role.first_id() % 2
    }

    /// Sends metadata about the connection.
    ///
    /// # Errors
    /// [`Refused`] if the connection takes no requests, or if the metadata are longer than a frame.
    pub fn metadata_push(&mut self, metadata: Bytes) -> Result<(), Refused> {
        match &self.life {
            Life::Open => {}
            Life::Closing { .. } => return Err(Refused::Closing),
            Life::Closed(reason) => return Err(Refused::Closed(reason.clone())),
        }
        let frame = connection(Body::MetadataPush(metadata));
        if frame.encoded_bytes() > MAX_FRAME_BYTES {
            return Err(Refused::TooLong);
        }
        self.outbox.push(frame);
        Ok(())
    }

    pub(super) fn push(&mut self, stream_id: u32, body: Body) {
        self.outbox.push(Frame { stream_id, body });
    }
}
