//! The body of an answer whose end is told to the access log, and to the collector of spans.

use std::{
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
    time::Instant,
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::{
    access_log::{AccessLog, BodyEnd, Head},
    current,
    otlp::SpanExport,
    record::RequestRecord,
};

/// Who hears of the ends of answers.
#[derive(Debug)]
pub(super) struct Listeners {
    pub(super) log: Option<AccessLog>,
    pub(super) spans: Option<SpanExport>,
}

impl Listeners {
    /// Whether the end of this request is told to any of them.
    pub(super) fn hear_of(&self, is_sampled: bool) -> bool {
        self.log.is_some() || (self.spans.is_some() && is_sampled)
    }

    fn tell(&self, head: &Head, record: &Arc<RequestRecord>, end: BodyEnd) {
        let now = Instant::now();
        if let Some(log) = &self.log {
            log.log(head, record, end, now);
        }
        if let Some(spans) = &self.spans {
            spans.export(head, record, end, now);
        }
    }
}

/// A body whose end is logged, or the moment when it is dropped before.
pub(super) struct LoggedBody {
    body: Body,
    end: BodyEnd,
    listeners: Arc<Listeners>,
    head: Head,
    record: Arc<RequestRecord>,
}

impl LoggedBody {
    pub(super) fn new(body: Body, listeners: Arc<Listeners>, head: Head, record: Arc<RequestRecord>) -> Self {
        let end = BodyEnd {
            bytes: 0,
            is_whole: body.is_end_stream(),
        };
        Self {
            body,
            end,
            listeners,
            head,
            record,
        }
    }
}

impl http_body::Body for LoggedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let record = Arc::clone(&self.record);
        let polled = current::scoped(Some(&record), || Pin::new(&mut self.body).poll_frame(cx));
        let frame = ready!(polled);
        match &frame {
            Some(Ok(frame)) => self.end.bytes += frame.data_ref().map_or(0, |data| data.len() as u64),
            Some(Err(_)) => {}
            None => self.end.is_whole = true,
        }
        self.end.is_whole |= self.body.is_end_stream();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for LoggedBody {
    fn drop(&mut self) {
        self.listeners.tell(&self.head, &self.record, self.end);
    }
}
