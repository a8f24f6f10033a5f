//! Sends the spans of sampled requests to a collector (OTLP over HTTP, as JSON), from a thread of its own. A slow
//! collector drops spans, and never slows a request.

mod spans;

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        mpsc::{self, Receiver, RecvTimeoutError, SyncSender},
    },
    thread,
    time::Instant,
};

use http::Uri;
use opentelemetry_http::hyper::HyperClient;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::{
    Resource,
    trace::{SpanData, SpanExporter as _},
};
use tokio::runtime;

use self::spans::spans;
use super::{
    access_log::{BodyEnd, Head},
    record::RequestRecord,
    settings::Otlp,
};
use crate::limits::{
    MAX_QUEUED_REQUESTS_WITH_SPANS, MAX_SPANS_PER_EXPORT, SPAN_EXPORT_PERIOD, SPAN_EXPORT_TIMEOUT,
};

/// A request whose answer has ended.
struct Ended {
    head: Head,
    record: Arc<RequestRecord>,
    body: BodyEnd,
    at: Instant,
}

/// The way to the collector. It sends its last spans when it is dropped.
#[derive(Debug)]
pub(super) struct SpanExport {
    /// Taken at the end.
    queue: Option<SyncSender<Ended>>,
    /// Closed once the thread has ended. Locked only at the end.
    ended: Mutex<Receiver<()>>,
}

impl SpanExport {
    /// Starts to send. `None`: there is no collector.
    ///
    /// # Errors
    /// The address of the collector can't be used; the text says why.
    pub(super) fn open(otlp: Option<Otlp<'_>>) -> Result<Option<Self>, String> {
        let Some(otlp) = otlp else {
            return Ok(None);
        };
        let endpoint = endpoint(otlp.endpoint)?;
        let (queue, requests) = mpsc::sync_channel(MAX_QUEUED_REQUESTS_WITH_SPANS);
        let (running, ended) = mpsc::channel();
        let resource = Resource::builder_empty()
            .with_service_name(otlp.service.to_owned())
            .build();
        let work = move || {
            // Dropped at the end of the thread.
            let _running: mpsc::Sender<()> = running;
            if let Err(error) = run(&requests, endpoint, &resource) {
                tracing::error!(error, "spans cannot be sent");
            }
        };
        thread::Builder::new()
            .name("spans".to_owned())
            .spawn(work)
            .map_err(|error| format!("`otlp_endpoint`: there is no thread for spans: {error}"))?;
        Ok(Some(Self {
            queue: Some(queue),
            ended: Mutex::new(ended),
        }))
    }

    /// Sends the spans of a request whose answer has ended now, if its trace is sampled.
    pub(super) fn export(&self, head: &Head, record: &Arc<RequestRecord>, body: BodyEnd, at: Instant) {
        if !record.trace().is_sampled() {
            return;
        }
        let ended = Ended {
            head: head.clone(),
            record: Arc::clone(record),
            body,
            at,
        };
        let is_queued = self
            .queue
            .as_ref()
            .is_some_and(|queue| queue.try_send(ended).is_ok());
        if !is_queued {
            dropped(1 + record.part_count());
        }
    }
}

impl Drop for SpanExport {
    fn drop(&mut self) {
        drop(self.queue.take());
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        // A collector that takes nothing must not keep the process.
        let _ = ended.recv_timeout(2 * SPAN_EXPORT_TIMEOUT);
    }
}

fn dropped(count: usize) {
    metrics::counter!("hydra_spans_dropped_total").increment(count as u64);
}

/// The address to which spans are sent: that of the collector, and `/v1/traces` where it has no path.
fn endpoint(text: &str) -> Result<Uri, String> {
    let wrong = || {
        format!(
            "`otlp_endpoint`: `{text}` is not the address of a collector: write http://host:port, such as http://127.0.0.1:4318"
        )
    };
    let uri: Uri = text.parse().map_err(|_| wrong())?;
    if uri.scheme_str() != Some("http") || uri.authority().is_none() || uri.query().is_some() {
        return Err(wrong());
    }
    if uri.path() != "/" {
        return Ok(uri);
    }
    let full = format!("{}/v1/traces", text.trim_end_matches('/'));
    full.parse().map_err(|_| wrong())
}

/// Sends what arrives, until the other side of the queue is gone.
fn run(requests: &Receiver<Ended>, endpoint: Uri, resource: &Resource) -> Result<(), String> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| error.to_string())?;
    let client = HyperClient::with_default_connector(SPAN_EXPORT_TIMEOUT, None);
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client)
        .with_endpoint(endpoint.to_string())
        .with_protocol(Protocol::HttpJson)
        .with_timeout(SPAN_EXPORT_TIMEOUT)
        .build();
    let mut exporter = exporter.map_err(|error| error.to_string())?;
    exporter.set_resource(resource);
    let mut failures = 0_u64;
    let (mut batch, mut is_open) = (Vec::new(), true);
    while is_open {
        is_open = collect(requests, &mut batch);
        let spans = std::mem::take(&mut batch);
        let count = spans.len();
        if count == 0 {
            continue;
        }
        if let Err(error) = runtime.block_on(exporter.export(spans)) {
            dropped(count);
            failures += 1;
            // Not each of them: a collector that is away would fill the log.
            if failures.is_power_of_two() {
                tracing::warn!(%error, failures, "the collector did not take spans");
            }
        }
    }
    Ok(())
}

/// Collects spans for a while. Returns whether more may come.
fn collect(requests: &Receiver<Ended>, batch: &mut Vec<SpanData>) -> bool {
    let until = Instant::now() + SPAN_EXPORT_PERIOD;
    while batch.len() < MAX_SPANS_PER_EXPORT {
        let left = until.saturating_duration_since(Instant::now());
        match requests.recv_timeout(left) {
            Ok(ended) => batch.extend(spans(&ended)),
            Err(RecvTimeoutError::Timeout) => return true,
            Err(RecvTimeoutError::Disconnected) => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_collector_has_a_scheme_a_host_and_perhaps_a_path() {
        for (text, expected) in [
            ("http://127.0.0.1:4318", Some("http://127.0.0.1:4318/v1/traces")),
            ("http://127.0.0.1:4318/", Some("http://127.0.0.1:4318/v1/traces")),
            (
                "http://otel.test/x/v1/traces",
                Some("http://otel.test/x/v1/traces"),
            ),
            ("http://[::1]:4318", Some("http://[::1]:4318/v1/traces")),
            ("https://otel.test", None),
            ("127.0.0.1:4318", None),
            ("grpc://127.0.0.1:4317", None),
            ("http://", None),
            ("http://a.test/?x", None),
            ("/v1/traces", None),
            ("", None),
        ] {
            let found = endpoint(text).ok().map(|uri| uri.to_string());
            assert_eq!(found.as_deref(), expected, "{text}");
        }
    }
}
