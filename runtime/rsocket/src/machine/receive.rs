//! Frames of the peer (sections Stream Sequences and Lifetimes, and Handling the Unexpected).

use std::time::Instant;

use bytes::Bytes;

use super::{
    CloseReason, Event, Life, Machine, Role, connection, error,
    event::StreamError,
    stream::{Kind, Stream},
};
use crate::{
    frame::{Body, ErrorCode, Failure, Frame, IGNORE, Interaction, Partial, Payload, decode},
    limits::MAX_31_BITS,
};

/// The flags of a PAYLOAD frame.
#[derive(Debug, Clone, Copy)]
struct Flags {
    follows: bool,
    complete: bool,
    next: bool,
}

impl Machine {
    /// Takes a frame of the peer, without the length that TCP puts before it. Malformed frames end the connection with
    /// ERROR\[CONNECTION_ERROR\], unless they may be ignored.
    pub fn receive(&mut self, frame: Bytes, now: Instant) {
        if self.closed().is_some() {
            return;
        }
        self.keepalive.heard(now);
        match decode(frame) {
            Ok(frame) => self.received(frame, now),
            Err(malformed) if malformed.ignore => {}
            Err(malformed) => self.abort(&malformed.to_string()),
        }
    }

    fn received(&mut self, frame: Frame, now: Instant) {
        let id = frame.stream_id;
        match frame.body {
            Body::Keepalive { respond, data, .. } if id == 0 => self.keepalive_received(respond, data, now),
            Body::Request {
                interaction,
                follows,
                payload,
            } => self.request_received(id, interaction, follows, payload),
            Body::RequestN(credit) => self.credit_received(id, credit),
            Body::Cancel => self.cancel_received(id),
            Body::Payload {
                follows,
                complete,
                next,
                payload,
            } => {
                let flags = Flags {
                    follows,
                    complete,
                    next,
                };
                self.payload_received(id, flags, payload);
            }
            Body::Error { code, data } if id == 0 => {
                self.connection_error_received(Failure::received(code, &data))
            }
            Body::Error { code, data } => self.error_received(id, Failure::received(code, &data)),
            Body::MetadataPush(metadata) if id == 0 => self.metadata_received(metadata),
            Body::Lease { .. } => self.established = true,
            // "A Server that receives a RESUME frame after a SETUP frame, SHOULD send an ERROR[CONNECTION_ERROR]."
            Body::Resume { .. } if self.role == Role::Server => self.abort("RESUME after SETUP"),
            Body::Unknown {
                frame_type, flags, ..
            } if flags & IGNORE == 0 => {
                self.abort(&format!("unknown frame type 0x{frame_type:02X}"));
            }
            Body::Setup(_)
            | Body::Keepalive { .. }
            | Body::MetadataPush(_)
            | Body::Resume { .. }
            | Body::ResumeOk { .. }
            | Body::Unknown { .. } => {}
        }
    }

    fn keepalive_received(&mut self, respond: bool, data: Bytes, now: Instant) {
        if !respond {
            self.keepalive.answered(now);
            return;
        }
        self.outbox.push_reply(connection(Body::Keepalive {
            respond: false,
            position: 0,
            data,
        }));
    }

    fn metadata_received(&mut self, metadata: Bytes) {
        // There is no answer that could refuse it.
        if self.served < self.config.max_requests && metadata.len() <= self.config.max_payload_bytes {
            self.served += 1;
            self.events.push_back(Event::MetadataPush(metadata));
        }
    }

    fn request_received(&mut self, id: u32, interaction: Interaction, follows: bool, payload: Payload) {
        let is_of_peer = id != 0 && id % 2 != self.role.first_id() % 2;
        if !is_of_peer || self.streams.contains_key(&id) {
            return;
        }
        self.established = true;
        if let Err(failure) = self.admit(interaction, &payload) {
            // A fire-and-forget request has no answer, not even an error.
            if interaction != Interaction::FireAndForget {
                self.outbox.push_reply(error(id, &failure));
            }
            return;
        }
        self.served += 1;
        if follows {
            self.streams.insert(id, Stream::arriving(interaction));
            self.fragment_received(id, &payload);
        } else {
            self.begin(id, interaction, payload);
        }
    }

    /// Whether a request may begin.
    fn admit(&self, interaction: Interaction, payload: &Payload) -> Result<(), Failure> {
        if self.life != Life::Open {
            return Err(Failure::rejected("the connection is closing"));
        }
        if let Interaction::Stream { credit: 0 } | Interaction::Channel { credit: 0, .. } = interaction {
            return Err(Failure::invalid("the initial request n must be above 0"));
        }
        if payload.bytes() > self.config.max_payload_bytes {
            return Err(Failure::rejected(self.too_long().to_string()));
        }
        if self.served >= self.config.max_requests {
            return Err(Failure::rejected("too many requests at once"));
        }
        Ok(())
    }

    fn too_long(&self) -> StreamError {
        StreamError::TooLong(self.config.max_payload_bytes)
    }

    /// A whole request has arrived.
    fn begin(&mut self, id: u32, interaction: Interaction, payload: Payload) {
        if interaction != Interaction::FireAndForget {
            let channel_credit = self.config.channel_credit.clamp(1, MAX_31_BITS);
            self.streams
                .insert(id, Stream::remote(interaction, channel_credit));
            if let Interaction::Channel { .. } = interaction {
                self.push(id, Body::RequestN(channel_credit));
            }
        }
        self.events.push_back(Event::Request {
            id,
            interaction,
            payload,
        });
        if let Interaction::Channel { complete: true, .. } = interaction {
            self.events.push_back(Event::Completed(id));
        }
    }

    fn payload_received(&mut self, id: u32, flags: Flags, mut payload: Payload) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if !stream.is_receiving && stream.arriving.is_none() {
            return;
        }
        self.established = true;
        if flags.follows || stream.partial.is_some() {
            if !self.fragment_received(id, &payload) || flags.follows {
                return;
            }
            payload = self.take_partial(id).map_or(payload, Partial::finish);
        } else if payload.bytes() > self.config.max_payload_bytes {
            return self.refuse_payload(id, self.too_long());
        }
        let arriving = self
            .streams
            .get_mut(&id)
            .and_then(|stream| stream.arriving.take());
        match arriving {
            Some(mut interaction) => {
                if let Interaction::Channel { complete, .. } = &mut interaction {
                    *complete |= flags.complete;
                }
                self.streams.remove(&id);
                self.begin(id, interaction, payload);
            }
            None => self.item_received(id, flags, payload),
        }
    }

    /// A whole payload of a request that is known, or an end without payload.
    fn item_received(&mut self, id: u32, flags: Flags, payload: Payload) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        // "If a PAYLOAD for a REQUEST_RESPONSE is received that does not have a COMPLETE flag set, the implementation MUST assume it
        // is set."
        let complete = flags.complete || stream.kind == Kind::Response;
        if flags.next {
            let Some(given) = stream.given.checked_sub(1) else {
                return self.refuse_payload(id, StreamError::TooMany);
            };
            stream.given = given;
        }
        if complete {
            stream.is_receiving = false;
            if stream.has_ended() {
                self.streams.remove(&id);
            }
        }
        if flags.next {
            self.events.push_back(Event::Item { id, payload });
        }
        if complete {
            self.events.push_back(Event::Completed(id));
        }
    }

    /// Appends a fragment. Returns whether the payload is within its bounds; if not, the request has ended.
    fn fragment_received(&mut self, id: u32, fragment: &Payload) -> bool {
        let Some(stream) = self.streams.get_mut(&id) else {
            return false;
        };
        let partial = stream.partial.get_or_insert_with(Partial::new);
        let after = partial.counted() + fragment.bytes();
        let total = self.partial_bytes + fragment.bytes();
        if after > self.config.max_payload_bytes || total > self.config.max_partial_bytes {
            self.refuse_payload(id, self.too_long());
            return false;
        }
        self.partial_bytes += partial.append(fragment);
        true
    }

    pub(super) fn take_partial(&mut self, id: u32) -> Option<Partial> {
        let partial = self.streams.get_mut(&id)?.partial.take()?;
        self.partial_bytes -= partial.counted();
        Some(partial)
    }

    /// Ends a request because of what the peer sent for it. Further frames for it are ignored, as for every unknown stream.
    fn refuse_payload(&mut self, id: u32, why: StreamError) {
        let Some(stream) = self.remove(id) else {
            return;
        };
        if stream.is_local {
            self.push(id, Body::Cancel);
            self.events.push_back(Event::Failed(id, why));
        } else if stream.arriving.is_none() {
            self.outbox
                .push(error(id, &Failure::new(ErrorCode::CANCELED, why.to_string())));
            self.events.push_back(Event::Failed(id, why));
        } else {
            self.handler_ended();
            if stream.kind != Kind::FireAndForget {
                self.outbox
                    .push_reply(error(id, &Failure::rejected(why.to_string())));
            }
        }
    }

    fn credit_received(&mut self, id: u32, credit: u32) {
        let Some(stream) = self.streams.get_mut(&id).filter(|_| credit > 0) else {
            return;
        };
        if let Some(Interaction::Stream { credit: initial } | Interaction::Channel { credit: initial, .. }) =
            &mut stream.arriving
        {
            *initial = initial.saturating_add(credit).min(MAX_31_BITS);
        } else if stream.is_sending {
            // Credits are cumulative (section Reactive Streams Semantics). 64 bits hold 2^33 of the highest ones.
            stream.credit = stream.credit.saturating_add(u64::from(credit));
            self.established = true;
            self.events.push_back(Event::Credit(id));
        }
    }

    fn cancel_received(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else {
            return;
        };
        if stream.is_local {
            // A responder that wants nothing more of a channel. It may still send.
            if stream.is_sending {
                stream.is_sending = false;
                if stream.has_ended() {
                    self.remove(id);
                }
                self.events.push_back(Event::Cancelled(id));
            }
            return;
        }
        let was_arriving = stream.arriving.is_some();
        self.remove(id);
        self.outbox.forget(id);
        if was_arriving {
            self.handler_ended();
        } else {
            self.events.push_back(Event::Cancelled(id));
        }
    }

    fn error_received(&mut self, id: u32, failure: Failure) {
        let is_known = self.streams.get(&id).is_some_and(|stream| {
            stream.is_local || stream.kind == Kind::Channel && stream.arriving.is_none()
        });
        if is_known {
            self.established = true;
            self.remove(id);
            self.outbox.forget(id);
            self.events
                .push_back(Event::Failed(id, StreamError::Peer(failure)));
        }
    }

    fn connection_error_received(&mut self, failure: Failure) {
        let is_refusal = self.role == Role::Client && !self.established && failure.code.refuses_setup();
        if is_refusal || failure.code == ErrorCode::CONNECTION_ERROR {
            self.end(CloseReason::Peer(failure));
        } else if failure.code == ErrorCode::CONNECTION_CLOSE {
            self.life = Life::Closing { by_peer: true };
        }
    }

    /// Forgets a stream, and what has arrived of an unfinished payload.
    pub(super) fn remove(&mut self, id: u32) -> Option<Stream> {
        self.take_partial(id);
        self.streams.remove(&id)
    }
}
