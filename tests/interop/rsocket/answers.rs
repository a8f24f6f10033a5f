//! What each implementation answers in these tests.

use std::{
    future::{pending, ready},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use hydra_runtime_rsocket::{
    Failure, Items, Payload, Responder,
    metadata::{ROUTING, entries, tags},
};

#[derive(Clone, Default)]
pub(crate) struct Answers {
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    cancelled: usize,
    forgotten: Bytes,
    pushed: Bytes,
    checked: Option<String>,
}

/// Counts a handler that is dropped before its end.
struct CountCancelled(Answers);

impl Drop for CountCancelled {
    fn drop(&mut self) {
        self.0.state().cancelled += 1;
    }
}

impl Answers {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until the other side has done its checks. Returns their number.
    pub(crate) async fn checked(&self) -> String {
        loop {
            if let Some(count) = self.state().checked.clone() {
                return count;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The first tag of the routing metadata.
fn route(metadata: Option<Bytes>) -> Option<String> {
    let entry = entries(metadata?)
        .filter_map(Result::ok)
        .find(|entry| entry.mime_type.is(ROUTING));
    tags(entry?.content).ok()?.into_iter().next()
}

impl Responder for Answers {
    async fn request_response(&self, request: Payload) -> Result<Payload, Failure> {
        let text = String::from_utf8_lossy(&request.data).into_owned();
        let answer = match &*text {
            "fail" => return Err(Failure::application("failed as asked")),
            "reject" => return Err(Failure::rejected("rejected as asked")),
            "never" => {
                let _cancelled = CountCancelled(self.clone());
                pending().await
            }
            "cancelled?" => Payload::new(self.state().cancelled.to_string()),
            "forgotten?" => Payload::new(self.state().forgotten.clone()),
            "pushed?" => Payload::new(self.state().pushed.clone()),
            "route?" => Payload::new(route(request.metadata).unwrap_or_default()),
            _ => match text.strip_prefix("bytes:").and_then(|digits| digits.parse().ok()) {
                Some(count) => Payload::new(vec![b'x'; count]),
                None => request,
            },
        };
        Ok(answer)
    }

    fn request_stream(&self, request: Payload) -> impl Stream<Item = Result<Payload, Failure>> + Send {
        let text = String::from_utf8_lossy(&request.data).into_owned();
        let (count, failure) = match &*text {
            "fail" => (2, Some(Err(Failure::application("failed as asked")))),
            "forever" => (usize::MAX, None),
            _ => (
                text.rsplit(':')
                    .next()
                    .and_then(|digits| digits.parse().ok())
                    .unwrap_or(0),
                None,
            ),
        };
        let cancelled = (text == "forever").then(|| CountCancelled(self.clone()));
        let numbers = stream::iter(0..count).map(move |at| {
            let _kept = &cancelled;
            Ok(Payload::new(at.to_string()))
        });
        numbers.chain(stream::iter(failure))
    }

    fn request_channel(&self, payloads: Items) -> impl Stream<Item = Result<Payload, Failure>> + Send {
        payloads.filter_map(|payload| {
            ready(
                payload
                    .ok()
                    .map(|payload| Ok(Payload::new([b"re:", &payload.data[..]].concat()))),
            )
        })
    }

    async fn fire_and_forget(&self, request: Payload) {
        match request.data.strip_prefix(b"checked ") {
            Some(count) => self.state().checked = Some(String::from_utf8_lossy(count).into_owned()),
            None => self.state().forgotten = request.data,
        }
    }

    async fn metadata_push(&self, metadata: Bytes) {
        self.state().pushed = metadata;
    }
}
