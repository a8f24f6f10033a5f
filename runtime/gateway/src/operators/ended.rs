//! Sessions of operators that were ended before their time: at this gateway, and at all gateways of one Redis.

use std::{
    collections::VecDeque,
    sync::{Mutex, PoisonError},
};

use crate::{
    GatewayConfig,
    config::ConfigError,
    limits::{MAX_ENDED_SESSIONS, OPERATORS_SESSION_SECS},
    login::{RedisCalls, scope},
};

/// Adds a session, forgets those whose time is over and those beyond the bound, and lets the list end with the last of them. `KEYS`:
/// the list; `ARGV`: when the session would have ended, its id, the present, the bound, and how many seconds a session lives.
const END: &str = "\
redis.call('ZADD', KEYS[1], ARGV[1], ARGV[2])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', ARGV[3])
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - tonumber(ARGV[4]))
return redis.call('EXPIRE', KEYS[1], ARGV[5])";

/// The ended sessions.
pub(super) struct EndedSessions {
    /// Their ids. The lock is held for one step, never across an await.
    here: Mutex<VecDeque<String>>,
    /// Redis, and the name of the list there. `None`: the gateway shares none.
    shared: Option<(RedisCalls, String)>,
}

impl EndedSessions {
    /// Those of the settings. This connects to nothing.
    pub(super) fn new(config: &GatewayConfig) -> Result<Self, ConfigError> {
        let calls = RedisCalls::of(config)?;
        Ok(Self {
            here: Mutex::default(),
            shared: calls.map(|calls| (calls, format!("{}:operator-ends", scope(config)))),
        })
    }

    /// Ends a session, which would have ended at `until`. The times are in seconds since 1970.
    pub(super) async fn end(&self, id: &str, until: u64, now: u64) {
        {
            let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
            if here.len() >= MAX_ENDED_SESSIONS {
                here.pop_front();
            }
            here.push_back(id.to_owned());
        }
        let Some((calls, list)) = &self.shared else { return };
        let mut command = redis::cmd("EVAL");
        command.arg(END).arg(1).arg(list).arg(until).arg(id).arg(now);
        command.arg(MAX_ENDED_SESSIONS).arg(OPERATORS_SESSION_SECS);
        if let Err(reason) = calls.call::<u64>(command).await {
            tracing::warn!(reason, "an operator's session was ended at this gateway only");
        }
    }

    /// Whether a session was ended. While Redis is away, only this gateway's own list counts.
    pub(super) async fn contains(&self, id: &str) -> bool {
        let is_here = {
            let here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
            here.iter().any(|one| one == id)
        };
        let Some((calls, list)) = self.shared.as_ref().filter(|_| !is_here) else {
            return is_here;
        };
        let mut command = redis::cmd("ZSCORE");
        command.arg(list).arg(id);
        match calls.call::<Option<f64>>(command).await {
            Ok(found) => found.is_some(),
            Err(reason) => {
                tracing::debug!(reason, "sessions of operators that ended elsewhere are not known");
                false
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_ended_sessions_take_little() {
        let ended = EndedSessions::new(&GatewayConfig::default()).expect("good");
        for number in 0..2 * MAX_ENDED_SESSIONS {
            ended.end(&number.to_string(), 500, 100).await;
        }
        assert_eq!(ended.here.lock().expect("not poisoned").len(), MAX_ENDED_SESSIONS);
        let newest = (2 * MAX_ENDED_SESSIONS - 1).to_string();
        assert!(ended.contains(&newest).await && !ended.contains("0").await);
    }
}
