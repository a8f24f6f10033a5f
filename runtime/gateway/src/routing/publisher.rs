//! Passes events to the store, and publishes a new snapshot after each change.

use std::{
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{
            AtomicBool, AtomicU64,
            Ordering::{Relaxed, SeqCst},
        },
    },
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use arc_swap::ArcSwap;
use hydra_runtime_net::metrics::LazyHistogram;
use metrics::Key;
use tokio::sync::watch;

use crate::{
    Millis, UnixMillis,
    limits::{LARGE_SNAPSHOT_PATHS, PAUSED_AFTER_MS, REFRESH_PERIOD},
    registry::{
        instance::Instance,
        state::{Event, RegistrationDenied, Registry, RegistryEntry, View},
        steering::SteeringChange,
    },
    routing::snapshot::Snapshot,
    stated_weights::WeightTable,
    store::{SteeringError, Store},
};

/// What all threads of one gateway share.
pub(crate) struct Publisher {
    started: Instant,
    store: Arc<dyn Store>,
    /// The weights of the configuration.
    weights: WeightTable,
    /// Plain HTTP services of this gateway's configuration. The lock is held for one event, never across an await.
    local: Mutex<Registry>,
    snapshot: ArcSwap<Snapshot>,
    /// Held while a snapshot is built: a caller that waits for the lock often finds its own change already published.
    building: tokio::sync::Mutex<()>,
    rotation: AtomicU64,
    /// How long changes take until all requests see them.
    publishing: LazyHistogram,
    /// How long changes of other gateways take until this one acts by them.
    convergence: LazyHistogram,
    /// Whether a snapshot was published that has everything which the store was to read at the start.
    is_complete: AtomicBool,
    /// Counts the snapshots, and the times at which the store was lost or reached again.
    changes: watch::Sender<u64>,
}

impl Publisher {
    pub(crate) fn new(store: Arc<dyn Store>) -> Self {
        Self {
            started: Instant::now(),
            is_complete: AtomicBool::new(store.is_complete()),
            store,
            weights: WeightTable::new(),
            local: Mutex::default(),
            snapshot: ArcSwap::default(),
            building: tokio::sync::Mutex::default(),
            rotation: AtomicU64::default(),
            publishing: LazyHistogram::new(Key::from_static_name("hydra_registry_publish_seconds")),
            convergence: LazyHistogram::new(Key::from_static_name("hydra_registry_convergence_seconds")),
            changes: watch::Sender::default(),
        }
    }

    /// The same with weights of the configuration, which count for services without any that were stated at run time.
    pub(crate) fn with_weights(self, weights: WeightTable) -> Self {
        Self { weights, ..self }
    }

    fn local(&self) -> MutexGuard<'_, Registry> {
        // The registry is consistent after each event.
        self.local.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The current snapshot.
    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    /// The time since the gateway started.
    pub(crate) fn now(&self) -> Millis {
        Millis(u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// The time at which the gateway started, by the clock as it is now.
    fn epoch(&self) -> UnixMillis {
        UnixMillis(self.unix_now().0.saturating_sub_unsigned(self.now().0))
    }

    /// The time, as all gateways count it.
    pub(crate) fn unix_now(&self) -> UnixMillis {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        UnixMillis(i64::try_from(now.as_millis()).unwrap_or(i64::MAX))
    }

    /// A different number each time, to distribute requests evenly.
    pub(crate) fn next_rotation(&self) -> u64 {
        self.rotation.fetch_add(1, Relaxed)
    }

    /// Applies an event. When this returns, the snapshot shows it. Returns whether the event was about a known
    /// instance.
    ///
    /// # Errors
    /// The registration is refused, and nothing changed.
    pub(crate) async fn apply(&self, event: Event) -> Result<bool, RegistrationDenied> {
        let began = Instant::now();
        let known = self.store.apply(event, self.now()).await;
        self.publish(began).await;
        known
    }

    /// Makes a change of an operator. When this returns, the snapshot shows it.
    ///
    /// # Errors
    /// The change was not made.
    pub(crate) async fn steer(&self, change: SteeringChange) -> Result<(), SteeringError> {
        let began = Instant::now();
        let made = self.store.steer(change, self.now()).await;
        self.publish(began).await;
        made
    }

    /// The same for an instance of this gateway's own configuration.
    pub(crate) async fn apply_local(&self, event: Event) {
        let began = Instant::now();
        self.local().apply(event, self.now());
        self.publish(began).await;
    }

    /// Adds configured instances before the first request.
    pub(crate) fn install(&self, instances: impl Iterator<Item = Arc<Instance>>) {
        let mut local = self.local();
        for instance in instances {
            local.apply(Event::Register(instance), self.now());
        }
        drop(local);
        self.snapshot
            .store(Arc::new(Snapshot::build(&self.view(), &Snapshot::default())));
    }

    /// Replaces the configured instances. When this returns, the snapshot shows it. An instance that was there before keeps
    /// its state.
    pub(crate) async fn reinstall(&self, instances: impl Iterator<Item = Arc<Instance>>) {
        let (began, now) = (Instant::now(), self.now());
        {
            let mut local = self.local();
            let entry = |instance: Arc<Instance>| RegistryEntry {
                claims: local.claims(&instance, 0),
                is_active: local.get(&instance.id).is_none_or(|entry| entry.is_active),
                seen: now,
                instance,
            };
            let entries = instances.map(entry).collect();
            local.install(entries);
        }
        self.publish(began).await;
    }

    /// Whether everything that other gateways know was read once. Until then, a path without a service here may have
    /// one elsewhere. It holds for snapshots that are taken after this call.
    pub(crate) fn is_complete(&self) -> bool {
        self.is_complete.load(SeqCst)
    }

    /// Claims the id of a signed call: see [`Store::claim_call`].
    pub(crate) async fn claim_call(&self, id: &str) -> bool {
        self.store.claim_call(id).await
    }

    /// Why this gateway may know less than the others.
    pub(crate) fn outage(&self) -> Option<String> {
        self.store.outage()
    }

    /// Watches time and the store, for ever.
    pub(crate) async fn run(&self) {
        let mut last = self.now();
        loop {
            // There may be changes in either case.
            let _ = tokio::time::timeout(REFRESH_PERIOD, self.store.changed()).await;
            let now = self.now();
            self.look(last, now).await;
            last = now;
        }
    }

    /// Looks for silent instances and for changes. `last` is when that was done before.
    async fn look(&self, last: Millis, now: Millis) {
        let pause = now.0.saturating_sub(last.0);
        if pause > PAUSED_AFTER_MS {
            self.local().apply(Event::Paused(pause), now);
            // Only registrations are denied.
            let _ = self.store.apply(Event::Paused(pause), now).await;
        }
        let (began, was_away) = (Instant::now(), self.store.outage().is_some());
        self.store.refresh(now).await;
        self.local().apply(Event::Tick, now);
        self.publish(began).await;
        if self.store.outage().is_some() != was_away {
            self.changes.send_modify(|count| *count += 1);
        }
        // Last, because it asks Redis: no change waits for a measurement.
        if let Some(age) = self.store.age_of_change().await {
            self.convergence.record(age.as_secs_f64());
        }
    }

    /// Changes with each snapshot, and whenever the store is lost or reached again.
    pub(crate) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Publishes what changed since `began`, if anything did.
    async fn publish(&self, began: Instant) {
        // The view that is taken next has everything that was read before.
        let is_complete = self.store.is_complete();
        self.publish_view(began).await;
        if is_complete {
            self.is_complete.store(true, SeqCst);
        }
    }

    async fn publish_view(&self, began: Instant) {
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
            Ok(snapshot) => {
                self.snapshot.store(Arc::new(snapshot));
                self.publishing.record(began.elapsed().as_secs_f64());
                self.changes.send_modify(|count| *count += 1);
            }
            // This happens only while the process ends. Readers keep the last snapshot.
            Err(error) => tracing::error!(%error, "the snapshot was not built"),
        }
    }

    fn is_published(&self) -> bool {
        let local = self.local().version();
        self.snapshot.load().version == self.store.version() + local
    }

    /// The instances of the store and those of the configuration. Configured services hold their paths against all
    /// others.
    fn view(&self) -> View {
        let local = self.local().view();
        let mut view = self.store.view();
        if !self.weights.is_empty() {
            view.steering = Arc::new(view.steering.over(&self.weights));
        }
        view.epoch = self.epoch();
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
