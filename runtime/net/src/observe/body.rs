//! The body of an answer that the access log waits for.

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
    record::RequestRecord,
};

/// A body whose end is logged, or the moment when it is dropped before.
pub(super) struct LoggedBody {
    body: Body,
    end: BodyEnd,
    log: Arc<AccessLog>,
    head: Head,
    record: Arc<RequestRecord>,
}

impl LoggedBody {
    pub(super) fn new(body: Body, log: Arc<AccessLog>, head: Head, record: Arc<RequestRecord>) -> Self {
        let end = BodyEnd {
            bytes: 0,
            is_whole: body.is_end_stream(),
        };
        Self {
            body,
            end,
            log,
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
        self.log.log(&self.head, &self.record, self.end, Instant::now());
    }
}
