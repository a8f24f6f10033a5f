//! What operators changed, as the gateways on one Redis share it: one sealed text, whose highest revision counts.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redis::RedisResult;

use super::{RedisStore, link::StoredSteering, seal::Seal};
use crate::{
    Millis,
    limits::MAX_STEER_ROUNDS,
    registry::steering::{Steering, SteeringChange},
    store::SteeringError,
};

/// The name under which the text is sealed. No instance has this id.
const NAME: &str = "steering";

/// One gateway's copy.
#[derive(Debug, Default)]
pub(super) struct SharedSteering {
    copy: Mutex<Copy>,
}

#[derive(Debug, Default)]
struct Copy {
    state: Arc<Steering>,
    /// Grows with each change of the state.
    version: u64,
    /// The stamp of the text in Redis when it was last read or written.
    stamp: String,
    /// The stamp of a text that cannot be used, and that was replaced once. If it comes back, another gateway believes
    /// in it.
    replaced: Option<String>,
}

impl SharedSteering {
    fn copy(&self) -> MutexGuard<'_, Copy> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn state(&self) -> Arc<Steering> {
        Arc::clone(&self.copy().state)
    }

    pub(super) fn version(&self) -> u64 {
        self.copy().version
    }

    fn install(&self, state: Steering, stamp: String) {
        let mut copy = self.copy();
        copy.stamp = stamp;
        if *copy.state != state {
            copy.state = Arc::new(state);
            copy.version += 1;
        }
    }

    /// Takes over the text in Redis if it is newer. Returns the state to write instead, and the stamp of the text that
    /// it replaces, if Redis has an older one or none: it lost its data, or a replica without the last change became
    /// the server that accepts writes.
    fn adopt(&self, found: StoredSteering, seal: &Seal) -> Option<(Arc<Steering>, String)> {
        if found.stamp == self.copy().stamp {
            return None;
        }
        let known = self.state();
        let is_there = !found.stamp.is_empty();
        match found.text.map(|text| read(text, seal)) {
            Some(Ok(state)) if state.revision() >= known.revision() => {
                self.install(state, found.stamp);
                return None;
            }
            Some(Err(problem)) => report(&problem),
            None if is_there => report("it is too long"),
            Some(Ok(_)) | None => {}
        }
        let mut copy = self.copy();
        copy.stamp.clone_from(&found.stamp);
        let is_replaced_before = is_there && copy.replaced.as_ref() == Some(&found.stamp);
        if known.revision() == 0 || is_replaced_before {
            return None;
        }
        copy.replaced = Some(found.stamp.clone()).filter(|_| is_there);
        Some((known, found.stamp))
    }
}

fn read(text: Vec<u8>, seal: &Seal) -> Result<Steering, String> {
    let text = String::from_utf8(text).map_err(|error| error.to_string())?;
    Steering::read(seal.open(NAME, &text).map_err(|bad| bad.to_string())?)
}

fn report(problem: &str) {
    metrics::counter!("hydra_steering_ignored_total").increment(1);
    tracing::warn!(
        problem,
        "the weights and drains in Redis are ignored: no gateway of this installation wrote them"
    );
}

impl RedisStore {
    /// Makes a change on all gateways.
    pub(super) async fn change_steering(
        &self,
        change: &SteeringChange,
        now: Millis,
    ) -> Result<(), SteeringError> {
        for _ in 0..MAX_STEER_ROUNDS {
            if self.try_steering(change, now).await? {
                return Ok(());
            }
            // Another gateway changed something meanwhile.
            self.read(now).await.map_err(|error| self.not_kept(&error))?;
        }
        Err(SteeringError::NotKept(
            "other gateways change weights and drains all the time".to_owned(),
        ))
    }

    /// Returns whether Redis still had the state to which the change was made.
    async fn try_steering(&self, change: &SteeringChange, now: Millis) -> Result<bool, SteeringError> {
        let changing = self.changing.read().await;
        let (known, stamp) = {
            let copy = self.steering.copy();
            (Arc::clone(&copy.state), copy.stamp.clone())
        };
        let Some(next) = known.after(change)? else {
            return Ok(true);
        };
        let text = self.seal.close(NAME, &next.text());
        let told = self.link.steer(&stamp, &text).await;
        let reply = told.map_err(|error| self.not_kept(&error))?;
        let Some(stamp) = reply.known.first() else {
            return Ok(false);
        };
        self.steering.install(next, stamp.clone());
        drop(changing);
        if let Err(error) = self.follow_change(&reply, now).await {
            self.record_outage(&error);
        }
        Ok(true)
    }

    /// Takes over what Redis has, or writes what this gateway knows better. Returns whether it wrote.
    pub(super) async fn adopt_steering(&self, found: StoredSteering) -> RedisResult<bool> {
        let Some((state, stamp)) = self.steering.adopt(found, &self.seal) else {
            return Ok(false);
        };
        let text = self.seal.close(NAME, &state.text());
        let reply = self.link.steer(&stamp, &text).await?;
        if let Some(stamp) = reply.known.into_iter().next() {
            self.steering.copy().stamp = stamp;
        }
        Ok(true)
    }

    fn not_kept(&self, error: &redis::RedisError) -> SteeringError {
        self.record_outage(error);
        SteeringError::NotKept("Redis, which keeps it for all gateways, cannot be reached".to_owned())
    }
}
