//! KEEPALIVE: when it is sent, and when silence is death (section KEEPALIVE Frame).

use std::time::{Duration, Instant};

use super::Role;

#[derive(Debug)]
pub(super) struct Keepalive {
    role: Role,
    interval: Duration,
    lifetime: Duration,
    last_heard: Instant,
    last_asked: Instant,
    /// When the peer was asked for the answer that has not arrived.
    waiting_since: Option<Instant>,
    round_trip: Option<Duration>,
}

impl Keepalive {
    pub(super) fn new(role: Role, interval: Duration, lifetime: Duration, now: Instant) -> Keepalive {
        Keepalive {
            role,
            interval,
            lifetime,
            last_heard: now,
            last_asked: now,
            waiting_since: None,
            round_trip: None,
        }
    }

    /// A frame arrived: the peer lives.
    pub(super) fn heard(&mut self, now: Instant) {
        self.last_heard = now;
    }

    /// A KEEPALIVE arrived that answers one of ours.
    pub(super) fn answered(&mut self, now: Instant) {
        if let Some(asked) = self.waiting_since.take() {
            self.round_trip = Some(now.duration_since(asked));
        }
    }

    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.round_trip
    }

    /// A client sends KEEPALIVE periodically. A server does it if it heard nothing for as long, and at least once in a lifetime, so that
    /// it knows the round trip.
    fn next(&self) -> Instant {
        match self.role {
            Role::Client => self.last_asked + self.interval,
            Role::Server => {
                let if_silent = self.last_asked.max(self.last_heard) + self.interval;
                if_silent.min(self.last_asked + self.lifetime.max(self.interval))
            }
        }
    }

    /// Whether KEEPALIVE must be sent now. True once for each time.
    pub(super) fn is_due(&mut self, now: Instant) -> bool {
        if now < self.next() {
            return false;
        }
        self.last_asked = now;
        self.waiting_since.get_or_insert(now);
        true
    }

    /// Whether the peer was silent for its lifetime.
    pub(super) fn is_silent(&self, now: Instant) -> bool {
        now.duration_since(self.last_heard) >= self.lifetime
    }

    pub(super) fn deadline(&self) -> Instant {
        self.next().min(self.last_heard + self.lifetime)
    }
}
