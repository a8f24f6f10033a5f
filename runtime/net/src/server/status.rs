//! The status of one open connection.
#![deny(clippy::disallowed_methods)]

use std::sync::atomic::{
    AtomicBool, AtomicU8, AtomicU64, AtomicUsize,
    Ordering::{Relaxed, SeqCst},
};

use tokio::sync::Notify;

use super::connection_limits::ConnectionLimits;
use crate::limits::SLEEP_AFTER;

/// The status of a connection, shared by all threads. Moments are in milliseconds since the server started, and never
/// 0.
#[derive(Debug, Default)]
pub(super) struct ConnectionStatus {
    /// Whether a request has begun.
    has_begun: AtomicBool,
    is_http2: AtomicBool,
    /// Whether the connection has switched to another protocol.
    is_socket: AtomicBool,
    /// Whether the connection ends by itself when it is told so, also after it has switched.
    ends_when_told: AtomicBool,
    /// Requests whose answers have not ended.
    under_way: AtomicUsize,
    /// Since when there is neither a request under way nor data to write.
    idle_since: AtomicU64,
    /// Since when the peer reads nothing of the data to write. 0: it does.
    blocked_since: AtomicU64,
    /// How many answers have a piece on its way to the peer, and did not request a further one.
    waiting: AtomicUsize,
    /// When a further piece was last requested.
    asked_at: AtomicU64,
    /// Whether the last request and its answer left nothing behind, so that all that HTTP/1.1 knows can be forgotten.
    may_sleep: AtomicBool,
    must_sleep: AtomicBool,
    order: AtomicU8,
    ordered: Notify,
}

/// How a connection is told to close.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum CloseOrder {
    /// Not at all.
    Stay = 0,
    /// After the requests under way.
    Finish = 1,
    /// At once.
    Drop = 2,
}

/// Why a connection must close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CloseReason {
    /// It has been idle for too long.
    Idle,
    /// Its peer reads nothing of an answer.
    Stalled,
}

impl ConnectionStatus {
    pub(super) fn new(now: u64) -> Self {
        let status = Self::default();
        status.idle_since.store(now, Relaxed);
        status
    }

    pub(super) fn begin(&self, is_http2: bool) {
        self.has_begun.store(true, Relaxed);
        self.is_http2.store(is_http2, Relaxed);
        self.may_sleep.store(false, Relaxed);
        self.must_sleep.store(false, Relaxed);
        self.under_way.fetch_add(1, Relaxed);
    }

    pub(super) fn end(&self, now: u64) {
        if self.under_way.fetch_sub(1, Relaxed) == 1 {
            self.idle_since.store(now, Relaxed);
        }
    }

    pub(super) fn become_socket(&self) {
        self.is_socket.store(true, Relaxed);
    }

    pub(super) fn set_ends_when_told(&self) {
        self.ends_when_told.store(true, Relaxed);
    }

    /// Whether the connection ends by itself when it is told so.
    pub(super) fn ends_when_told(&self) -> bool {
        self.ends_when_told.load(Relaxed)
    }

    pub(super) fn is_socket(&self) -> bool {
        self.is_socket.load(Relaxed)
    }

    pub(super) fn is_http2(&self) -> bool {
        self.is_http2.load(Relaxed)
    }

    /// Records that the peer read something.
    pub(super) fn wrote(&self, now: impl FnOnce() -> u64) {
        if self.blocked_since.load(Relaxed) != 0 {
            self.idle_since.store(now(), Relaxed);
            self.blocked_since.store(0, Relaxed);
        }
    }

    /// Records that the peer reads nothing at present.
    pub(super) fn blocked(&self, now: impl FnOnce() -> u64) {
        if self.blocked_since.load(Relaxed) == 0 {
            self.blocked_since.store(now(), Relaxed);
        }
    }

    /// Records that a piece of an answer is on its way.
    pub(super) fn handed(&self) {
        self.waiting.fetch_add(1, Relaxed);
    }

    /// Records that the peer read a piece, except for the server's own buffer: a further piece is requested at `now`.
    pub(super) fn asked(&self, now: u64) {
        self.asked_at.store(now, Relaxed);
        self.gave_up();
    }

    /// Records that an answer ended whose piece was on its way.
    pub(super) fn gave_up(&self) {
        self.waiting.fetch_sub(1, Relaxed);
    }

    /// Since when the connection could be closed without a loss. `None`: it could not.
    pub(super) fn idle_since(&self) -> Option<u64> {
        let is_idle = self.under_way.load(Relaxed) == 0
            && self.blocked_since.load(Relaxed) == 0
            && !self.is_socket()
            && self.order() == CloseOrder::Stay;
        is_idle.then(|| self.idle_since.load(Relaxed))
    }

    /// Whether the connection was told to close and has nothing to do, but did not close.
    pub(super) fn lingers(&self) -> bool {
        let has_nothing_to_do = self.under_way.load(Relaxed) == 0 && self.blocked_since.load(Relaxed) == 0;
        self.order() == CloseOrder::Finish && has_nothing_to_do && !self.is_socket()
    }

    /// Records that the answer of the only request has ended, and that another request may follow it.
    pub(super) fn allow_sleep(&self) {
        self.may_sleep.store(true, Relaxed);
    }

    /// Tells the connection to sleep if it is between two requests of HTTP/1.1 for a while already.
    pub(super) fn tell_to_sleep(&self, now: u64) {
        let is_quiet = |since: u64| u128::from(now.saturating_sub(since)) >= SLEEP_AFTER.as_millis();
        let may_sleep = self.may_sleep.load(Relaxed) && !self.is_http2() && !self.must_sleep.load(Relaxed);
        if may_sleep && self.idle_since().is_some_and(is_quiet) {
            self.must_sleep.store(true, Relaxed);
            self.ordered.notify_one();
        }
    }

    /// Whether the connection was told to sleep, and no request has begun since.
    pub(super) fn sleeps(&self) -> bool {
        self.must_sleep.load(Relaxed) && self.idle_since().is_some()
    }

    /// Records that the connection sleeps, which it does once between two requests.
    pub(super) fn fell_asleep(&self) {
        self.may_sleep.store(false, Relaxed);
        self.must_sleep.store(false, Relaxed);
    }

    /// Why the connection must close, if it must.
    pub(super) fn close_reason(&self, now: u64, limits: &ConnectionLimits) -> Option<CloseReason> {
        let is_over =
            |since: u64, time: std::time::Duration| u128::from(now.saturating_sub(since)) >= time.as_millis();
        let blocked = self.blocked_since.load(Relaxed);
        let is_waiting = self.waiting.load(Relaxed) > 0;
        if (blocked != 0 && is_over(blocked, limits.stall))
            || (is_waiting && is_over(self.asked_at.load(Relaxed), limits.stall))
        {
            return Some(CloseReason::Stalled);
        }
        // HTTP/2 itself checks whether the peer is still there.
        let lasts = self.is_http2() && self.has_begun.load(Relaxed);
        let idle = self.idle_since().filter(|_| !lasts)?;
        is_over(idle, limits.head).then_some(CloseReason::Idle)
    }

    /// Tells the connection how to close. An earlier, stronger order stays in force.
    pub(super) fn tell(&self, order: CloseOrder) {
        self.order.fetch_max(order as u8, SeqCst);
        self.ordered.notify_one();
    }

    pub(super) fn order(&self) -> CloseOrder {
        match self.order.load(SeqCst) {
            0 => CloseOrder::Stay,
            1 => CloseOrder::Finish,
            _ => CloseOrder::Drop,
        }
    }

    /// Ready when the connection was told something.
    pub(super) async fn ordered(&self) {
        self.ordered.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LATE: u64 = 1 << 40;

    fn limits() -> ConnectionLimits {
        ConnectionLimits::default()
    }

    /// A moment, so many seconds after the first.
    fn at(seconds: u64) -> u64 {
        1 + seconds * 1_000
    }

    #[test]
    fn a_connection_without_a_request_may_wait_for_a_while() {
        let status = ConnectionStatus::new(at(0));
        assert_eq!(status.close_reason(at(29), &limits()), None);
        assert_eq!(status.close_reason(at(30), &limits()), Some(CloseReason::Idle));
        status.begin(false);
        assert_eq!(
            status.close_reason(LATE, &limits()),
            None,
            "a slow answer is nothing wrong"
        );
        status.end(at(100));
        assert_eq!(status.close_reason(at(129), &limits()), None);
        assert_eq!(status.close_reason(at(130), &limits()), Some(CloseReason::Idle));
    }

    #[test]
    fn only_a_connection_between_two_requests_sleeps() {
        let told = |prepare: fn(&ConnectionStatus)| {
            let status = ConnectionStatus::new(at(0));
            status.begin(false);
            prepare(&status);
            status.tell_to_sleep(at(10));
            status.sleeps()
        };
        let ended = |status: &ConnectionStatus| {
            status.allow_sleep();
            status.end(at(1));
        };
        assert!(told(ended));
        assert!(!told(|status| status.end(at(1))), "the answer was cut");
        assert!(!told(ConnectionStatus::allow_sleep), "the answer has not ended");
        assert!(!told(|status| {
            status.allow_sleep();
            status.end(at(10));
        }));
        assert!(!told(|status| {
            status.allow_sleep();
            status.end(at(1));
            status.blocked(|| at(1));
        }));
        assert!(!told(|status| {
            status.end(at(1));
            status.begin(true);
            status.allow_sleep();
            status.end(at(1));
        }));
        assert!(!told(|status| {
            status.allow_sleep();
            status.end(at(1));
            status.tell_to_sleep(at(9));
            status.begin(false);
        }));
        assert!(!told(|status| {
            status.allow_sleep();
            status.end(at(1));
            status.tell(CloseOrder::Finish);
        }));
    }

    #[test]
    fn a_connection_of_http2_lasts_once_it_had_a_request() {
        let status = ConnectionStatus::new(at(0));
        assert_eq!(status.close_reason(at(30), &limits()), Some(CloseReason::Idle));
        status.begin(true);
        status.end(at(1));
        assert_eq!(status.close_reason(LATE, &limits()), None);
        assert_eq!(
            status.idle_since(),
            Some(at(1)),
            "it is closed where room is needed"
        );
    }

    #[test]
    fn who_takes_nothing_is_stalled_and_who_takes_a_little_is_not() {
        let status = ConnectionStatus::new(at(0));
        status.begin(false);
        status.handed();
        status.asked(at(1));
        status.handed();
        status.blocked(|| at(2));
        status.blocked(|| at(50));
        assert_eq!(status.close_reason(at(60), &limits()), None);
        status.wrote(|| at(60));
        status.asked(at(60));
        status.handed();
        status.blocked(|| at(60));
        assert_eq!(status.close_reason(at(119), &limits()), None);
        assert_eq!(
            status.close_reason(at(120), &limits()),
            Some(CloseReason::Stalled)
        );
    }

    #[test]
    fn a_stream_whose_window_is_closed_is_stalled_though_the_connection_is_not() {
        let status = ConnectionStatus::new(at(0));
        status.begin(true);
        status.handed();
        status.asked(at(5));
        status.handed();
        assert_eq!(status.close_reason(at(64), &limits()), None);
        assert_eq!(status.close_reason(at(65), &limits()), Some(CloseReason::Stalled));
    }

    #[test]
    fn an_answer_that_has_nothing_to_say_for_long_is_not_stalled() {
        let status = ConnectionStatus::new(at(0));
        status.begin(false);
        for second in [1, 2, 3] {
            status.handed();
            status.asked(at(second));
        }
        assert_eq!(status.close_reason(LATE, &limits()), None);
    }

    #[test]
    fn the_last_bytes_of_a_slow_answer_are_no_idleness() {
        let status = ConnectionStatus::new(at(0));
        status.begin(false);
        status.blocked(|| at(1));
        status.end(at(1));
        assert_eq!(status.close_reason(at(50), &limits()), None);
        assert_eq!(status.idle_since(), None);
        status.wrote(|| at(50));
        assert_eq!(status.close_reason(at(79), &limits()), None);
        assert_eq!(status.close_reason(at(80), &limits()), Some(CloseReason::Idle));
    }

    #[test]
    fn a_socket_is_never_idle_but_may_be_stalled() {
        let status = ConnectionStatus::new(at(0));
        status.begin(false);
        status.become_socket();
        status.end(at(1));
        assert_eq!(
            (status.idle_since(), status.close_reason(LATE, &limits())),
            (None, None)
        );
        status.blocked(|| at(9));
        assert_eq!(status.close_reason(at(69), &limits()), Some(CloseReason::Stalled));
    }

    #[tokio::test]
    async fn what_was_told_is_not_taken_back() {
        let status = ConnectionStatus::new(1);
        status.tell(CloseOrder::Drop);
        status.tell(CloseOrder::Finish);
        status.ordered().await;
        assert_eq!(status.order(), CloseOrder::Drop);
    }
}
