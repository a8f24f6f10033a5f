//! The gateway's knowledge: brings events to the store, and publishes a new snapshot after each change.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Instant,
};

use arc_swap::ArcSwap;

use crate::{
    Millis,
    limits::{LARGE_SNAPSHOT_PATHS, PAUSED_AFTER_MS, REFRESH_PERIOD},
    registry::{
        instance::Instance,
        state::{Event, RegistrationDenied, Registry, View},
    },
    routing::snapshot::Snapshot,
    store::Store,
};

/// What all parts of one gateway share.
pub(crate) struct Publisher {
    started: Instant,
    store: Arc<dyn Store>,
    /// Plain HTTP services of this gateway's configuration. Held for one event, never across an await.
    local: Mutex<Registry>,
    snapshot: ArcSwap<Snapshot>,
    /// Held while a snapshot is built: who waits for it often finds its own change published with another's.
    building: tokio::sync::Mutex<()>,
    rotation: AtomicU64,
}

impl Publisher {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            started: Instant::now(),
            store,
            local: Mutex::default(),
            snapshot: ArcSwap::default(),
            building: tokio::sync::Mutex::default(),
            rotation: AtomicU64::default(),
        }
    }

    fn local(&self) -> MutexGuard<'_, Registry> {
        // The registry is consistent after each event.
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The present picture.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The time since the gateway started.
    pub(crate) fn now(&self) -> Millis {
        Millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Another number each time.
    pub(crate) fn next_rotation(&self) -> u64 {
        self.rotation.fetch_add(1, Relaxed)
    }

    /// Brings an event in. When this is done, the snapshot shows it. Gives whether it was about a known instance.
    ///
    /// # Errors
    /// A registration that is refused, and changes nothing.
    pub(crate) async fn apply(&self, event: Event) -> Result<bool, RegistrationDenied> {
        let known = self.store.apply(event, self.now()).await;
        self.publish().await;
        known
    }

    /// The same for an instance that only this gateway knows, from its configuration.
    pub(crate) async fn apply_local(&self, event: Event) {
        self.local().apply(event, self.now());
        self.publish().await;
    }

    /// Puts configured instances in before anybody asks.
    pub(crate) fn install(&self, instances: impl Iterator<Item = Arc<Instance>>) {
        let mut local = self.local();
        for instance in instances {
            local.apply(Event::Register(instance), self.now());
        }
        drop(local);
        self.snapshot
            .store(Arc::new(Snapshot::build(&self.view(), &Snapshot::default())));
    }

    /// Whether what other gateways know was taken in once. Until then, a path that nobody holds here may be held all the
    /// same.
    pub(crate) fn is_complete(&self) -> bool {
        self.store.is_complete()
    }

    /// Why this gateway may know less than the others.
    pub(crate) fn outage(&self) -> Option<String> {
        self.store.outage()
    }

    /// Watches time and the store, for ever.
    pub(crate) async fn keep(&self) {
        let mut last = self.now();
        loop {
            // Either way there may be news.
            let _ = tokio::time::timeout(REFRESH_PERIOD, self.store.changed()).await;
            let now = self.now();
            self.look(last, now).await;
            last = now;
        }
    }

    /// Looks at `now` for silence and for news, as it did at `last`.
    async fn look(&self, last: Millis, now: Millis) {
        let pause = now.0.saturating_sub(last.0);
        if pause > PAUSED_AFTER_MS {
            self.local().apply(Event::Paused(pause), now);
            // Nothing but a registration is denied.
            let _ = self.store.apply(Event::Paused(pause), now).await;
        }
        self.store.refresh(now).await;
        self.local().apply(Event::Tick, now);
        self.publish().await;
    }

    async fn publish(&self) {
        if self.is_published() {
            return;
        }
        let _building = self.building.lock().await;
        if self.is_published() {
            return;
        }
        let (view, previous) = (self.view(), self.snapshot());
        let paths: usize = view.entries.iter().map(|entry| entry.instance.paths.len()).sum();
        let snapshot = if paths > LARGE_SNAPSHOT_PATHS {
            tokio::task::spawn_blocking(move || Snapshot::build(&view, &previous)).await
        } else {
            Ok(Snapshot::build(&view, &previous))
        };
        match snapshot {
            Ok(snapshot) => self.snapshot.store(Arc::new(snapshot)),
            // Only when the process ends: readers keep what they have.
            Err(error) => tracing::error!(%error, "the snapshot was not built"),
        }
    }

    fn is_published(&self) -> bool {
        let local = self.local().version();
        self.snapshot.load().version == self.store.version() + local
    }

    /// What the store knows, and what only this gateway does. Configured services hold their paths against all others.
    fn view(&self) -> View {
        let local = self.local().view();
        let mut view = self.store.view();
        view.version += local.version;
        view.routes_version += local.routes_version;
        for mut entry in local.entries {
            entry.claims = vec![0; entry.claims.len()].into();
            let at = view
                .entries
                .partition_point(|other| other.instance.id < entry.instance.id);
            view.entries.insert(at, entry);
        }
        view
    }
}
