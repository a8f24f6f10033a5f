//! How long an ask waits: for its own answer, and for that of another who asks the same.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, timeout_at},
};

use crate::page::cache::{Flight, Landing};

/// How many might ask one after the other in the time of one ask, if each but the last keeps the rest waiting in vain.
const TURNS: u32 = 4;

/// How much time an ask has.
#[derive(Clone, Copy)]
pub(crate) struct Patience {
    /// From then on it neither waits for another nor lets others wait: there may not be time for what follows.
    half: Instant,
    pub(crate) until: Instant,
}

/// What came of a wait for another's answer.
pub(crate) enum Waited {
    /// What the other had, or that it went away without.
    For(Option<Landing>),
    /// It took too long. Its answer may still come.
    TooLong(watch::Receiver<Option<Landing>>),
}

impl Patience {
    pub(crate) fn new(now: Instant, time: Duration) -> Self {
        Self {
            half: now + time / 2,
            until: now + time,
        }
    }

    /// Until when others wait for one that asks now. `None`: not at all.
    pub(crate) fn turn(self, now: Instant) -> Option<Instant> {
        (now < self.half).then(|| now + self.until.saturating_duration_since(now) / TURNS)
    }
}

/// Waits as long as `flight` may keep others waiting.
pub(crate) async fn wait(flight: Flight) -> Waited {
    let mut landing = flight.landing;
    match timeout_at(Instant::from_std(flight.until), landed(&mut landing)).await {
        Ok(landing) => Waited::For(landing),
        Err(_) => Waited::TooLong(landing),
    }
}

/// What the other had. `None`: it went away without.
pub(crate) async fn landed(flight: &mut watch::Receiver<Option<Landing>>) -> Option<Landing> {
    let landing = flight.wait_for(Option::is_some).await;
    landing.ok().and_then(|landing| landing.clone())
}
