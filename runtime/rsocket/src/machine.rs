//! One end of a connection as a pure state machine: frames and the time go in, frames and events come out.
//!
//! [`Machine::receive`] takes a frame of the peer and [`Machine::tick`] the time; the commands ([`Machine::open`],
//! [`Machine::send`] and others) are what the application wants. [`Machine::poll_event`] gives what the application must know, and
//! [`Machine::poll_frame`] what the peer must get. A server reads the first frame with [`first_frame`], decides about the SETUP, and
//! begins a machine only if it accepts it.
#![deny(clippy::disallowed_methods)]

mod commands;
mod event;
mod first_frame;
mod keepalive;
mod outbox;
mod receive;
mod stream;

pub use commands::{Refused, SendError};
pub use event::{CloseReason, Event, StreamError};
pub use first_frame::first_frame;

use std::{
    collections::{HashMap, VecDeque},
    time::{Duration, Instant},
};

use bytes::Bytes;

use crate::{
    config::{Config, milliseconds},
    frame::{Body, ErrorCode, Failure, Frame, Setup},
    limits::{MAX_ERROR_BYTES, MAX_WAITING_REPLY_BYTES},
};
use keepalive::Keepalive;
use outbox::Outbox;
use stream::Stream;

/// Which end of the connection this is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Opened the connection. Its stream ids are odd.
    Client,
    /// Accepted the connection. Its stream ids are even.
    Server,
}

impl Role {
    /// The first stream id (section Stream Identifiers).
    fn first_id(self) -> u32 {
        match self {
            Role::Client => 1,
            Role::Server => 2,
        }
    }
}

/// Whether requests are possible.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Life {
    Open,
    /// No new requests; the connection ends with its last stream. Whether the peer wanted it.
    Closing {
        by_peer: bool,
    },
    Closed(CloseReason),
}

/// One end of a connection.
#[derive(Debug)]
pub struct Machine {
    role: Role,
    config: Config,
    life: Life,
    /// Whether a client knows that its SETUP was accepted.
    established: bool,
    next_id: u32,
    streams: HashMap<u32, Stream, foldhash::fast::RandomState>,
    /// Requests of the peer that arrive or whose handlers run, cancelled ones included.
    served: usize,
    /// What all unfinished payloads count.
    partial_bytes: usize,
    outbox: Outbox,
    keepalive: Keepalive,
    /// When the transport last took a frame, or could have.
    last_progress: Instant,
    events: VecDeque<Event>,
}

impl Machine {
    /// The client's end. Its first frame is the SETUP, with the keepalive times of `config`.
    pub fn client(mut setup: Setup, config: Config, now: Instant) -> Machine {
        setup.keepalive_interval = milliseconds(config.keepalive_interval);
        setup.keepalive_lifetime = milliseconds(config.keepalive_lifetime);
        let mut machine = Machine::new(Role::Client, config, now);
        machine
            .outbox
            .push_reply(connection(Body::Setup(Box::new(setup))));
        machine
    }

    /// The server's end, after it has accepted a SETUP.
    pub fn server(config: Config, now: Instant) -> Machine {
        Machine::new(Role::Server, config, now)
    }

    fn new(role: Role, mut config: Config, now: Instant) -> Machine {
        let within_31_bits = |time| Duration::from_millis(milliseconds(time).into());
        config.keepalive_interval = within_31_bits(config.keepalive_interval);
        config.keepalive_lifetime = within_31_bits(config.keepalive_lifetime);
        Machine {
            role,
            life: Life::Open,
            established: role == Role::Server,
            next_id: role.first_id(),
            streams: HashMap::default(),
            served: 0,
            partial_bytes: 0,
            outbox: Outbox::new(config.fragment_bytes()),
            keepalive: Keepalive::new(role, config.keepalive_interval, config.keepalive_lifetime, now),
            last_progress: now,
            events: VecDeque::new(),
            config,
        }
    }

    /// What the application must know next.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// The next frame for the peer. Call it only if the transport can take one.
    pub fn poll_frame(&mut self, now: Instant) -> Option<Frame> {
        self.last_progress = now;
        if let Some(frame) = self.outbox.pop() {
            return Some(frame);
        }
        let Life::Closing { by_peer } = self.life else {
            return None;
        };
        if !self.streams.is_empty() || self.served > 0 {
            return None;
        }
        if by_peer {
            self.end(CloseReason::PeerClosed);
        } else {
            let message = "all requests have ended".to_owned();
            self.end_with(ErrorCode::CONNECTION_CLOSE, message, CloseReason::Closed);
        }
        self.outbox.pop()
    }

    /// Does what is due: KEEPALIVE, or the end of a connection whose peer is silent or reads nothing.
    pub fn tick(&mut self, now: Instant) {
        if self.closed().is_some() {
            return;
        }
        let lifetime = self.config.keepalive_lifetime;
        if self.keepalive.is_silent(now) {
            let message = format!("nothing arrived for {} ms", lifetime.as_millis());
            self.end_with(
                ErrorCode::CONNECTION_ERROR,
                message,
                CloseReason::Silent(lifetime),
            );
        } else if !self.outbox.is_empty() && now.duration_since(self.last_progress) >= lifetime {
            self.end(CloseReason::NotReading(lifetime));
        } else if self.keepalive.is_due(now) {
            self.outbox.push_reply(connection(Body::Keepalive {
                respond: true,
                position: 0,
                data: Bytes::new(),
            }));
        }
    }

    /// When [`Machine::tick`] must be called next, if nothing arrives before. `None` when the connection has ended.
    pub fn deadline(&self) -> Option<Instant> {
        if self.closed().is_some() {
            return None;
        }
        let due = self.keepalive.deadline();
        if self.outbox.is_empty() {
            return Some(due);
        }
        Some(due.min(self.last_progress + self.config.keepalive_lifetime))
    }

    /// The transport has ended, or failed. Every request ends with an error.
    pub fn transport_ended(&mut self, reason: CloseReason) {
        // The peer has said that it closes, and may close the transport in the same moment.
        let is_announced = matches!(self.life, Life::Closing { by_peer: true }) && self.streams.is_empty();
        self.end(if is_announced {
            CloseReason::PeerClosed
        } else {
            reason
        });
    }

    /// Ends the connection at once with ERROR\[CONNECTION_ERROR\].
    pub fn abort(&mut self, message: &str) {
        let reason = CloseReason::Protocol(message.to_owned());
        self.end_with(ErrorCode::CONNECTION_ERROR, message.to_owned(), reason);
    }

    /// Takes no new requests from either side, waits for those in flight, and then ends the connection with
    /// ERROR\[CONNECTION_CLOSE\].
    pub fn close(&mut self) {
        if self.life == Life::Open {
            self.life = Life::Closing { by_peer: false };
        }
    }

    /// Why the connection has ended.
    pub fn closed(&self) -> Option<&CloseReason> {
        match &self.life {
            Life::Closed(reason) => Some(reason),
            Life::Open | Life::Closing { .. } => None,
        }
    }

    /// Whether frames of the peer should be read. Not if it has caused many answers and reads none.
    pub fn wants_frames(&self) -> bool {
        self.closed().is_none() && self.outbox.reply_bytes() < MAX_WAITING_REPLY_BYTES
    }

    /// Whether more may be sent. The application waits with new requests and payloads until then.
    pub fn has_room(&self) -> bool {
        self.outbox.queued_bytes() < self.config.max_queued_bytes
    }

    /// The time between the last KEEPALIVE that asked for an answer and that answer.
    pub fn round_trip(&self) -> Option<Duration> {
        self.keepalive.round_trip()
    }

    /// The requests of this side that have no end yet, and the requests of the peer whose handlers run.
    pub fn in_flight(&self) -> (usize, usize) {
        let own = self.streams.values().filter(|stream| stream.is_local).count();
        (own, self.served)
    }

    /// A handler of a request has ended, also after a cancellation: another request can be served.
    pub fn handler_ended(&mut self) {
        self.served = self.served.saturating_sub(1);
    }

    fn end_with(&mut self, code: ErrorCode, message: String, reason: CloseReason) {
        if self.closed().is_none() {
            self.end(reason);
            self.outbox.push_reply(error(0, &Failure::new(code, message)));
        }
    }

    fn end(&mut self, reason: CloseReason) {
        if self.closed().is_none() {
            self.life = Life::Closed(reason.clone());
            self.streams.clear();
            self.partial_bytes = 0;
            self.outbox.clear();
            self.events.push_back(Event::Closed(reason));
        }
    }
}

/// A frame about the connection.
fn connection(body: Body) -> Frame {
    Frame { stream_id: 0, body }
}

/// An ERROR frame, whose text is bounded.
fn error(stream_id: u32, failure: &Failure) -> Frame {
    let mut end = failure.message.len().min(MAX_ERROR_BYTES);
    while !failure.message.is_char_boundary(end) {
        end -= 1;
    }
    Frame {
        stream_id,
        body: Body::Error {
            code: failure.code,
            data: Bytes::copy_from_slice(&failure.message.as_bytes()[..end]),
        },
    }
}
