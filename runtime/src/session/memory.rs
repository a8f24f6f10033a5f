//! Keeps sessions in the memory of one process, bounded in number, size and time.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeSet, HashMap},
    future::ready,
    sync::{Mutex, PoisonError},
    time::SystemTime,
};

use foldhash::fast::RandomState;
use futures_util::{FutureExt as _, future::BoxFuture};

use super::{SESSION_IDLE_TIMEOUT, SessionStore, Sessions, StoreError, VisitorId};
use crate::limits::MAX_SESSION_MEMORY_BYTES;

/// The approximate size of one visitor and of one session beside their text, in bytes.
const OVERHEAD: usize = 200;

/// Keeps sessions in memory. They are lost when the process ends, and other instances do not have them.
pub struct MemoryStore {
    /// Locked for one look-up, never across an await.
    all: Mutex<AllSessions>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self {
            all: Mutex::new(AllSessions::new(MAX_SESSION_MEMORY_BYTES)),
        }
    }
}

impl SessionStore for MemoryStore {
    fn load(&self, visitor: VisitorId, now: SystemTime) -> BoxFuture<'static, Result<Sessions, StoreError>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        ready(Ok(all.load(visitor, now))).boxed()
    }

    fn save(
        &self,
        visitor: VisitorId,
        changed: Sessions,
        now: SystemTime,
    ) -> BoxFuture<'static, Result<(), StoreError>> {
        let mut all = self.all.lock().unwrap_or_else(PoisonError::into_inner);
        all.save(visitor, changed, now);
        ready(Ok(())).boxed()
    }
}

/// The sessions of all visitors.
pub(super) struct AllSessions {
    max: usize,
    bytes: usize,
    cookie: HashMap<VisitorId, VisitorEntry, RandomState>,
    /// All visitors, by their last use.
    order: BTreeSet<(SystemTime, VisitorId)>,
}

struct VisitorEntry {
    sessions: Sessions,
    bytes: usize,
    used: SystemTime,
}

impl AllSessions {
    pub(super) fn new(max: usize) -> Self {
        Self {
            max,
            bytes: 0,
            cookie: HashMap::default(),
            order: BTreeSet::new(),
        }
    }

    pub(super) fn load(&mut self, visitor: VisitorId, now: SystemTime) -> Sessions {
        self.expire(now);
        let Some(entry) = self.take(visitor) else {
            return Sessions::new();
        };
        let sessions = entry.sessions.clone();
        self.put(visitor, entry.sessions, now);
        sessions
    }

    pub(super) fn save(&mut self, visitor: VisitorId, changed: Sessions, now: SystemTime) {
        self.expire(now);
        let mut sessions = self.take(visitor).map(|entry| entry.sessions).unwrap_or_default();
        sessions.extend(changed);
        self.put(visitor, sessions, now);
        while self.bytes > self.max {
            let Some((_, oldest)) = self.order.first().copied() else {
                break;
            };
            self.take(oldest);
        }
    }

    fn expire(&mut self, now: SystemTime) {
        while let Some((used, visitor)) = self.order.first().copied() {
            // Setting the clock back does not expire a visitor.
            if now.duration_since(used).unwrap_or_default() < SESSION_IDLE_TIMEOUT {
                break;
            }
            self.take(visitor);
        }
    }

    fn put(&mut self, visitor: VisitorId, sessions: Sessions, now: SystemTime) {
        let sizes = sessions
            .iter()
            .map(|(service, session)| service.len() + session.to_string().len() + OVERHEAD);
        let bytes = OVERHEAD + sizes.sum::<usize>();
        self.bytes += bytes;
        self.order.insert((now, visitor));
        self.cookie.insert(
            visitor,
            VisitorEntry {
                sessions,
                bytes,
                used: now,
            },
        );
    }

    fn take(&mut self, visitor: VisitorId) -> Option<VisitorEntry> {
        let entry = self.cookie.remove(&visitor)?;
        self.order.remove(&(entry.used, visitor));
        self.bytes -= entry.bytes;
        Some(entry)
    }
}
