//! The recorder of the process, which keeps the values of all metrics.

use std::sync::OnceLock;

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};

/// The upper bounds of the buckets of all durations, in seconds: from a cached fragment to the deadline of a page.
const BUCKETS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0,
];

/// The values of the metrics of this process.
#[derive(Clone, Debug)]
pub struct Recorded(PrometheusHandle);

/// From now on, the metrics of this process are kept; handles that were registered before count nothing. A caller
/// must call [`Recorded::tidy`] every few seconds. `None`: the program has a recorder of its own.
pub fn install() -> Option<Recorded> {
    static RECORDED: OnceLock<Option<Recorded>> = OnceLock::new();
    let install = || {
        let builder = PrometheusBuilder::new().set_buckets(&BUCKETS).ok()?;
        let recorder = builder.build_recorder();
        let recorded = Recorded(recorder.handle());
        metrics::set_global_recorder(recorder).ok()?;
        super::describe_own();
        Some(recorded)
    };
    RECORDED.get_or_init(install).clone()
}

impl Recorded {
    /// All metrics in the text format of Prometheus.
    #[must_use]
    pub fn render(&self) -> String {
        self.0.render()
    }

    /// Sorts the durations that were recorded since the last call into their buckets, which frees their memory.
    pub fn tidy(&self) {
        self.0.run_upkeep();
    }
}
