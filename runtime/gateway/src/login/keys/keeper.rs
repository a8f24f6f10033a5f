//! Keeps the keys of a running gateway: reads them again, and rotates them on schedule.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use futures_util::future::BoxFuture;
use hydra_runtime_wire::login::{BadLogin, Login, LoginKeyPair, VerifiedLogins};

use super::{KeyRecord, KeyRing, is_key_needed, next, ring::retired};
use crate::login::ended::Ending;

/// Where the keys of an installation and its ended logins are kept.
pub(crate) trait KeyStore: Send + Sync + 'static {
    /// All keys.
    fn load(&self) -> BoxFuture<'_, Result<Vec<KeyRecord>, String>>;

    /// Adds a key. Returns whether its generation was free; otherwise nothing has changed.
    fn add<'a>(&'a self, record: &'a KeyRecord) -> BoxFuture<'a, Result<bool, String>>;

    /// Removes a key.
    fn remove(&self, generation: u64) -> BoxFuture<'_, Result<(), String>>;

    /// Remembers that logins were ended, for all gateways and the next start.
    fn end<'a>(&'a self, ending: &'a Ending) -> BoxFuture<'a, Result<(), String>>;

    /// The logins that were ended and would not have ended by themselves until `now`, in seconds since 1970.
    fn endings(&self, now: u64) -> BoxFuture<'_, Result<Vec<Ending>, String>>;

    /// Whether the store may lose its keys without anyone having removed them.
    fn loses_data(&self) -> bool {
        false
    }
}

/// The keys of a running gateway.
pub(crate) struct KeyKeeper {
    store: Box<dyn KeyStore>,
    audience: String,
    /// How many seconds a key signs before the next one is made.
    life: u64,
    /// How many seconds a token lives.
    overlap: u64,
    ring: ArcSwap<KeyRing>,
    /// The keys that were read last, to put them back if the store loses them.
    records: Mutex<Vec<KeyRecord>>,
    /// The lock is held for one look-up, never across an await.
    verified: Mutex<VerifiedLogins>,
}

impl KeyKeeper {
    pub(crate) fn new(store: Box<dyn KeyStore>, audience: &str, life: u64, overlap: u64) -> Self {
        Self {
            store,
            audience: audience.to_owned(),
            life,
            overlap,
            ring: ArcSwap::default(),
            records: Mutex::default(),
            verified: Mutex::default(),
        }
    }

    /// The keys at present.
    pub(crate) fn ring(&self) -> Arc<KeyRing> {
        self.ring.load_full()
    }

    /// Where the keys are kept.
    pub(crate) fn store(&self) -> &dyn KeyStore {
        &*self.store
    }

    /// The login of a token. A token is verified once, and then known until it ends. `now` is in seconds since 1970.
    pub(crate) fn verify(&self, token: &str, now: u64) -> Result<Arc<Login>, BadLogin> {
        let verified = || self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(login) = verified().get(token, now) {
            return Ok(login);
        }
        let login = Arc::new(self.ring.load().verifying().verify(token, now, 0)?);
        verified().put(token, Arc::clone(&login));
        Ok(login)
    }

    /// Takes over keys that were read.
    pub(crate) fn install(&self, records: &[KeyRecord], now: u64) {
        *self.records.lock().unwrap_or_else(PoisonError::into_inner) = records.to_vec();
        let known = self.ring.load();
        let ring = KeyRing::new(records, &known, &self.audience, now, self.overlap);
        if ring.is_same(&known) {
            return;
        }
        tracing::info!(key = ring.newest(), "the login keys have changed");
        self.ring.store(Arc::new(ring));
        // A key that is gone must verify nothing, not even what it verified before.
        self.verified
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// The records that were found, and those that were known before and that the store lost: otherwise users would be
    /// logged out. Lost ones are put back; where the store has something unreadable in their place, they are only kept here.
    async fn restored(&self, mut found: Vec<KeyRecord>, now: u64) -> Result<Vec<KeyRecord>, String> {
        if !self.store.loses_data() {
            return Ok(found);
        }
        let known = self
            .records
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let lost = lost(&known, &found, now, self.overlap + RETIRED_GRACE_SECS);
        if lost.is_empty() {
            return Ok(found);
        }
        for record in &lost {
            if self.store.add(record).await? {
                tracing::warn!(
                    generation = record.generation,
                    "a login key was lost, and is put back"
                );
            }
        }
        // Another gateway may have been faster, or has made a key since.
        found = self.store.load().await?;
        let missing = lost
            .into_iter()
            .filter(|lost| found.iter().all(|found| found.generation != lost.generation));
        let missing: Vec<KeyRecord> = missing.collect();
        found.extend(missing);
        found.sort_by_key(|record| record.generation);
        Ok(found)
    }

    /// Reads the keys again, makes a key if it is time, and removes keys that are not needed any more.
    ///
    /// # Errors
    /// Why the former keys stay, for the log.
    pub(crate) async fn refresh(&self, now: u64) -> Result<(), String> {
        let mut records = self.restored(self.store.load().await?, now).await?;
        if is_key_needed(&records, now, self.life) {
            let made = tokio::task::spawn_blocking(LoginKeyPair::generate).await;
            let pair = made.ok().flatten();
            let record = pair.and_then(|pair| next(&records, &pair, now));
            let record = record.ok_or("the platform's cryptography can't make a key")?;
            if self.store.add(&record).await? {
                metrics::counter!("hydra_login_key_rotations_total").increment(1);
                tracing::info!(generation = record.generation, "a login key was made");
            }
            // Another gateway may have been faster.
            records = self.restored(self.store.load().await?, now).await?;
        }
        self.install(&records, now);
        for generation in retired(&records, now, self.overlap + RETIRED_GRACE_SECS) {
            self.store.remove(generation).await?;
        }
        Ok(())
    }
}

/// The known records that are missing among those that were found, but for those that are not needed any more.
fn lost(known: &[KeyRecord], found: &[KeyRecord], now: u64, grace: u64) -> Vec<KeyRecord> {
    let is_missing = |record: &&KeyRecord| found.iter().all(|found| found.generation != record.generation);
    let missing: Vec<KeyRecord> = known.iter().filter(is_missing).cloned().collect();
    if missing.is_empty() {
        return missing;
    }
    let all = [found, &missing].concat();
    let retired = retired(&all, now, grace);
    let is_needed = |record: &KeyRecord| !retired.contains(&record.generation);
    missing.into_iter().filter(is_needed).collect()
}

/// How much longer the files of retired keys are kept, for clocks that are set back.
const RETIRED_GRACE_SECS: u64 = 24 * 3_600;
