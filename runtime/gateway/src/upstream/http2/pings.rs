//! When a server is pinged, and when a connection is idle for too long. Counts go in, and no clocks.
#![deny(clippy::disallowed_methods)]

use std::time::Duration;

use crate::limits::{
    HTTP2_FIRST_PING, HTTP2_IDLE_TIMEOUT, HTTP2_LAST_PING, HTTP2_LOOK_PERIOD, HTTP2_PING_GROWTH,
};

/// What is seen of a connection at one look.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Look {
    /// How often bytes arrived so far.
    pub(super) reads: u64,
    /// How many streams were opened so far.
    pub(super) opened: usize,
    /// How many of them are in use.
    pub(super) streams: usize,
}

/// What is to be done after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    Nothing,
    /// The server must answer a ping.
    Ping,
    /// The connection was idle for too long: nothing keeps it open any more.
    Forget,
    /// It should have ended since it was forgotten.
    End,
}

/// Counts the time of one connection, in looks.
#[derive(Debug)]
pub(super) struct PingPlan {
    before: Look,
    /// For how long nothing came. A pong is nothing.
    quiet: Duration,
    /// For how long there were no streams, either.
    idle: Duration,
    /// The quiet time before the next ping.
    pause: Duration,
}

impl PingPlan {
    pub(super) fn new() -> Self {
        Self {
            before: Look::default(),
            quiet: Duration::ZERO,
            idle: Duration::ZERO,
            pause: HTTP2_FIRST_PING,
        }
    }

    /// What is due at a look, one period after the last one.
    pub(super) fn look(&mut self, look: Look) -> Due {
        let is_quiet = look.reads == self.before.reads;
        if !is_quiet || look.opened != self.before.opened {
            self.pause = HTTP2_FIRST_PING;
        }
        self.before = look;
        let longer = |time: Duration, is_longer| {
            if is_longer {
                time + HTTP2_LOOK_PERIOD
            } else {
                Duration::ZERO
            }
        };
        self.quiet = longer(self.quiet, is_quiet);
        self.idle = longer(self.idle, is_quiet && look.streams == 0);
        // A connection without streams is not pinged: some servers take that for an attack.
        match look.streams {
            0 if self.idle > HTTP2_IDLE_TIMEOUT => Due::End,
            0 if self.idle == HTTP2_IDLE_TIMEOUT => Due::Forget,
            0 => Due::Nothing,
            _ if self.quiet >= self.pause => Due::Ping,
            _ => Due::Nothing,
        }
    }

    /// The server has answered a ping, after which bytes have arrived so often.
    pub(super) fn answered(&mut self, reads: u64) {
        self.before.reads = reads;
        self.quiet = Duration::ZERO;
        self.pause = (self.pause * HTTP2_PING_GROWTH).min(HTTP2_LAST_PING);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At which seconds the server is pinged within 20 minutes, if these looks are seen; each pong is one read.
    fn pings(seen: impl Fn(u64) -> Look) -> Vec<u64> {
        let (mut plan, mut pongs, mut all) = (PingPlan::new(), 0, Vec::new());
        for second in (0..1_200).step_by(5).skip(1) {
            let mut look = seen(second);
            look.reads += pongs;
            if plan.look(look) == Due::Ping {
                pongs += 1;
                plan.answered(look.reads + 1);
                all.push(second);
            }
        }
        all
    }

    #[test]
    fn a_quiet_stream_is_pinged_less_and_less_often() {
        let quiet = |_| Look {
            reads: 3,
            opened: 1,
            streams: 1,
        };
        assert_eq!(pings(quiet), [10, 50, 370, 690, 1_010]);
        let talks_at_100 = |second| Look {
            reads: if second < 100 { 3 } else { 4 },
            ..quiet(second)
        };
        assert_eq!(pings(talks_at_100), [10, 50, 105, 145, 465, 785, 1_105]);
        let another_stream_at_100 = |second| Look {
            opened: if second < 100 { 1 } else { 2 },
            ..quiet(second)
        };
        assert_eq!(pings(another_stream_at_100), [10, 50, 100, 140, 460, 780, 1_100]);
        let busy = |second| Look {
            reads: second,
            ..quiet(second)
        };
        assert!(pings(busy).is_empty());
        let unused = |second| Look {
            streams: 0,
            ..quiet(second)
        };
        assert!(pings(unused).is_empty());
    }

    #[test]
    fn an_idle_connection_is_forgotten_and_ended_one_look_later() {
        let mut plan = PingPlan::new();
        let all: Vec<_> = (0..14)
            .map(|_| plan.look(Look::default()))
            .filter(|due| *due != Due::Nothing)
            .collect();
        assert_eq!(all, [Due::Forget, Due::End, Due::End]);
        let used = Look {
            opened: 1,
            streams: 1,
            ..Look::default()
        };
        assert_eq!(plan.look(used), Due::Ping, "it is kept while a stream is left");
    }
}
