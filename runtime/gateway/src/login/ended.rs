//! Logins that ended before their time: one by a logout, or all of a user.
#![deny(clippy::disallowed_methods)]

use std::collections::HashMap;

use hydra_runtime_wire::login::Login;
use serde::{Deserialize, Serialize};

use crate::limits::MAX_ENDED_LOGINS;

/// The end of one login, or of all logins of a user. All times are in seconds since 1970.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Ending {
    /// One login.
    One {
        sid: String,
        /// When the login would have ended. Then its end can be forgotten.
        until: u64,
    },
    /// All logins of a user that began until `before`.
    All {
        username: String,
        before: u64,
        until: u64,
    },
}

impl Ending {
    /// When it can be forgotten.
    pub(crate) fn until(&self) -> u64 {
        match self {
            Self::One { until, .. } | Self::All { until, .. } => *until,
        }
    }
}

/// The logins that ended.
#[derive(Debug, Default)]
pub(crate) struct EndedLogins {
    sids: HashMap<String, u64>,
    /// By the user's name: the last moment whose logins are ended, and when that can be forgotten.
    users: HashMap<String, (u64, u64)>,
}

impl EndedLogins {
    /// Remembers an end. Beyond [`MAX_ENDED_LOGINS`], ends are not remembered: then tokens count until they end.
    pub(crate) fn add(&mut self, ending: Ending) {
        let has_room = self.sids.len() + self.users.len() < MAX_ENDED_LOGINS;
        match ending {
            Ending::One { sid, until } if has_room => _ = self.sids.insert(sid, until),
            Ending::All {
                username,
                before,
                until,
            } if has_room || self.users.contains_key(&username) => {
                let known = self.users.entry(username).or_default();
                *known = (known.0.max(before), known.1.max(until));
            }
            Ending::One { .. } | Ending::All { .. } => {
                tracing::warn!("too many logins were ended; one more counts until its token ends");
            }
        }
    }

    /// Whether a login was ended.
    pub(crate) fn contains(&self, login: &Login) -> bool {
        let is_before = |(before, _): &(u64, u64)| login.since <= *before;
        self.sids.contains_key(&login.sid) || self.users.get(&login.username).is_some_and(is_before)
    }

    /// When a login that begins now is said to begin, so that it counts after an end in the same second.
    pub(crate) fn begin(&self, username: &str, now: u64) -> u64 {
        self.users
            .get(username)
            .map_or(now, |(before, _)| now.max(before.saturating_add(1)))
    }

    /// Forgets logins that would have ended anyway.
    pub(crate) fn forget(&mut self, now: u64) {
        self.sids.retain(|_, until| now < *until);
        self.users.retain(|_, (_, until)| now < *until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(sid: &str, username: &str, since: u64) -> Login {
        Login {
            sid: sid.into(),
            username: username.into(),
            since,
            ..Login::default()
        }
    }

    #[test]
    fn one_login_or_all_of_a_user_end() {
        let mut ended = EndedLogins::default();
        ended.add(Ending::One {
            sid: "a".into(),
            until: 500,
        });
        ended.add(Ending::All {
            username: "bob".into(),
            before: 100,
            until: 600,
        });
        for (login, expected) in [
            (login("a", "ann", 50), true),
            (login("b", "ann", 50), false),
            (login("c", "bob", 50), true),
            (login("d", "bob", 100), true),
            (login("e", "bob", 101), false),
        ] {
            assert_eq!(ended.contains(&login), expected, "{login:?}");
        }
        assert_eq!(
            (
                ended.begin("bob", 100),
                ended.begin("bob", 200),
                ended.begin("ann", 100)
            ),
            (101, 200, 100)
        );
        ended.add(Ending::All {
            username: "bob".into(),
            before: 90,
            until: 400,
        });
        assert!(
            ended.contains(&login("d", "bob", 100)),
            "an older end takes nothing back"
        );
        ended.forget(500);
        assert!(!ended.contains(&login("a", "ann", 50)) && ended.contains(&login("c", "bob", 50)));
        ended.forget(600);
        assert!(!ended.contains(&login("c", "bob", 50)));
    }

    #[test]
    fn an_end_at_any_time_is_remembered() {
        let mut ended = EndedLogins::default();
        for before in [0, u64::MAX - 1, u64::MAX] {
            ended.add(Ending::All {
                username: "bob".into(),
                before,
                until: u64::MAX,
            });
            assert_eq!(ended.begin("bob", 0), before.saturating_add(1));
            assert!(ended.contains(&login("a", "bob", before)));
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut ended = EndedLogins::default();
        for n in 0..MAX_ENDED_LOGINS + 10 {
            ended.add(Ending::One {
                sid: n.to_string(),
                until: 500,
            });
        }
        assert_eq!(ended.sids.len(), MAX_ENDED_LOGINS);
    }
}
