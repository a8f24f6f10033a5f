//! Adds the id of the request to each line that is written on its behalf.

use std::fmt;

use hydra_runtime_net::observe;
use tracing::{Event, Subscriber};
use tracing_subscriber::{
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
};

/// A format whose lines get the id of the request that the task works for.
pub(super) struct WithRequestId<F> {
    format: F,
    is_json: bool,
}

impl<F> WithRequestId<F> {
    /// For lines of text.
    pub(super) fn text(format: F) -> Self {
        let is_json = false;
        Self { format, is_json }
    }

    /// For lines that are JSON objects.
    pub(super) fn json(format: F) -> Self {
        let is_json = true;
        Self { format, is_json }
    }
}

impl<S, N, F> FormatEvent<S, N> for WithRequestId<F>
where
    S: Subscriber + for<'s> LookupSpan<'s>,
    N: for<'w> FormatFields<'w> + 'static,
    F: FormatEvent<S, N>,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let id = observe::with_current(|record| record.trace().request_id().to_owned());
        let Some(id) = id else {
            return self.format.format_event(context, writer, event);
        };
        let mut line = String::new();
        self.format.format_event(context, Writer::new(&mut line), event)?;
        writer.write_str(&with_id(&line, &id, self.is_json))
    }
}

/// The line with the id at its end. An id has no quotes.
fn with_id(line: &str, id: &str, is_json: bool) -> String {
    let line = line.trim_end_matches('\n');
    match line.strip_suffix('}').filter(|_| is_json) {
        Some(open) => format!("{open},\"request_id\":\"{id}\"}}\n"),
        None => format!("{line} request_id={id}\n"),
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{Arc, Mutex},
        time::Instant,
    };

    use hydra_runtime_net::observe::{RequestRecord, trace::TraceContext};
    use tracing_subscriber::{fmt, layer::SubscriberExt as _};

    use super::*;

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_about_a_request_has_its_id_and_other_lines_have_none() {
        let record = RequestRecord::new(TraceContext::begin(0xabc, 1, true), Instant::now(), false);
        let record = Arc::new(record);
        for is_json in [false, true] {
            let lines = Lines::default();
            let written = lines.clone();
            let layer = fmt::layer().with_writer(move || lines.clone());
            let subscriber: Box<dyn tracing::Subscriber + Send + Sync> = if is_json {
                let layer = layer
                    .json()
                    .flatten_event(true)
                    .map_event_format(WithRequestId::json);
                Box::new(tracing_subscriber::registry().with(layer))
            } else {
                let text = fmt::format().with_ansi(false);
                let layer = layer.event_format(WithRequestId::text(text));
                Box::new(tracing_subscriber::registry().with(layer))
            };
            tracing::subscriber::with_default(subscriber, || {
                tracing::info!(a = 1, "before");
                observe::scoped(Some(&record), || tracing::info!(a = 1, "within {{}}"));
                tracing::info!("after");
            });
            let text = String::from_utf8(written.0.lock().expect("not poisoned").clone()).expect("text");
            let id = "00000000000000000000000000000abc";
            let has: Vec<bool> = text.lines().map(|line| line.contains(id)).collect();
            assert_eq!(has, [false, true, false], "{text}");
            for line in text.lines().filter(|_| is_json) {
                let line: serde_json::Value = serde_json::from_str(line).expect("JSON");
                let of_request = line["message"] == "within {}";
                assert_eq!(line["request_id"] == id, of_request, "{line}");
            }
        }
    }
}
