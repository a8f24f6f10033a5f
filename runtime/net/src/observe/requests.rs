//! Counts requests by service and class of status.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use http::StatusCode;
use metrics::{Counter, Histogram};

use super::OTHER;
use crate::{limits::MAX_COUNTED_SERVICES, metrics::HandleMap};

/// The classes of RFC 9110 section 15, as labels.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];
/// The label of answers that no service gave.
const NONE: &str = "none";

/// The metrics of all requests.
#[derive(Debug)]
pub(super) struct RequestMetrics {
    services: HandleMap<Arc<str>, ServiceMetrics>,
    none: ServiceMetrics,
    other: ServiceMetrics,
}

#[derive(Debug)]
struct ServiceMetrics {
    service: Arc<str>,
    classes: [OnceLock<(Counter, Histogram)>; CLASSES.len()],
}

impl Default for RequestMetrics {
    fn default() -> Self {
        Self {
            services: HandleMap::new(MAX_COUNTED_SERVICES),
            none: ServiceMetrics::new(NONE.into()),
            other: ServiceMetrics::new(OTHER.into()),
        }
    }
}

impl RequestMetrics {
    /// Counts a request that `service` answered with `status` after `time`.
    pub(super) fn count(&self, service: Option<&Arc<str>>, status: StatusCode, time: Duration) {
        let Some(service) = service else {
            return self.none.count(status, time);
        };
        let make = || (Arc::clone(service), ServiceMetrics::new(Arc::clone(service)));
        match self.services.get(&**service, make) {
            Some(metrics) => metrics.count(status, time),
            None => self.other.count(status, time),
        }
    }
}

impl ServiceMetrics {
    fn new(service: Arc<str>) -> Self {
        Self {
            service,
            classes: Default::default(),
        }
    }

    fn count(&self, status: StatusCode, time: Duration) {
        let class = usize::from(status.as_u16() / 100).saturating_sub(1);
        let class = class.min(CLASSES.len() - 1);
        let (counter, histogram) = self.classes[class].get_or_init(|| {
            let (service, status) = (&self.service, CLASSES[class]);
            (
                metrics::counter!("hydra_requests_total", "service" => service.clone(), "status" => status),
                metrics::histogram!("hydra_request_seconds", "service" => service.clone(), "status" => status),
            )
        });
        counter.increment(1);
        histogram.record(time.as_secs_f64());
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn requests_are_counted_by_service_and_class_and_services_are_bounded() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let requests = RequestMetrics::default();
        metrics::with_local_recorder(&recorder, || {
            let count = |service: Option<&str>, status: u16| {
                let status = StatusCode::from_u16(status).expect("a status");
                requests.count(service.map(Arc::from).as_ref(), status, Duration::from_millis(3));
            };
            for status in [200, 204, 299, 404, 999] {
                count(Some("shop"), status);
            }
            count(None, 404);
            for number in 0..2 * MAX_COUNTED_SERVICES {
                count(Some(&format!("s{number}")), 200);
            }
        });
        let text = recorder.handle().render();
        for (service, status, count) in [
            ("shop", "2xx", 3),
            ("shop", "4xx", 1),
            ("shop", "5xx", 1),
            ("none", "4xx", 1),
            ("other", "2xx", MAX_COUNTED_SERVICES + 1),
        ] {
            for name in ["hydra_requests_total", "hydra_request_seconds_count"] {
                let line = format!("{name}{{service=\"{service}\",status=\"{status}\"}} {count}");
                assert!(text.lines().any(|one| one == line), "{line}");
            }
        }
    }
}
