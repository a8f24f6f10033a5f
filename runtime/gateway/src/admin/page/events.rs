//! Keeps open pages up to date by server-sent events (WHATWG HTML section 9.2).

use std::{convert::Infallible, sync::Arc};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header::RETRY_AFTER};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::{Instant, sleep, timeout},
};

use super::{Part, Site, answers, view::View};
use crate::{
    limits::{MAX_WATCH, WATCH_CHANGE_PERIOD, WATCH_PERIOD, WATCHER_STALL},
    operators::Access,
};

/// What a browser is told first: how long it waits, in milliseconds, before it connects again.
const RETRY: &str = "retry: 2000\n\n";
/// Keeps the connection open through proxies, and finds browsers that are gone.
const COMMENT: &str = ":\n\n";

/// Answers with a stream of events, each with the new HTML of what changes on a view.
pub(super) fn watch(site: Arc<Site>, view: View, headers: HeaderMap) -> Response {
    let Ok(place) = Arc::clone(&site.watchers).try_acquire_owned() else {
        let text = "Too many browsers watch this page. Reload it to see changes.\n";
        let later = [(RETRY_AFTER, HeaderValue::from_static("30"))];
        return (StatusCode::SERVICE_UNAVAILABLE, later, text).into_response();
    };
    // One event at a time: a browser that does not read gets no further one.
    let (sender, receiver) = mpsc::channel::<Bytes>(1);
    tokio::spawn(send(site, view, headers, sender, place));
    let events = stream::unfold(receiver, async |mut receiver| {
        let event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), receiver))
    });
    answers::events(Body::from_stream(events))
}

/// Sends an event after each change, until the browser is gone, does not read, or has watched for long enough. The place
/// is free again at the end.
async fn send(
    site: Arc<Site>,
    view: View,
    headers: HeaderMap,
    sender: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
) {
    let end = Instant::now() + MAX_WATCH;
    let mut last = String::new();
    let mut next = Bytes::from_static(RETRY.as_bytes());
    while Instant::now() < end {
        if !matches!(timeout(WATCHER_STALL, sender.send(next)).await, Ok(Ok(()))) {
            return;
        }
        let sent = Instant::now();
        next = loop {
            // The session may have ended meanwhile.
            let access = site.access(&headers).await;
            if matches!(access, Access::SignedOut) {
                return;
            }
            let (status, text) = site.rendered(view.clone(), access, None, Part::Live).await;
            if text != last && status != StatusCode::INTERNAL_SERVER_ERROR {
                let event = event(&text);
                last = text;
                break event;
            }
            if sent.elapsed() >= WATCHER_STALL {
                break Bytes::from_static(COMMENT.as_bytes());
            }
            tokio::select! {
                () = sender.closed() => return,
                () = changed(&site, view.is_counting()) => {}
            }
        };
    }
}

/// Waits until a view must be made again.
async fn changed(site: &Site, is_counting: bool) {
    let publisher = site.gateway.publisher();
    let seen = || {
        (
            publisher.snapshot().version,
            publisher.outage(),
            *site.stopping.borrow(),
        )
    };
    let before = seen();
    let until = Instant::now() + if is_counting { WATCH_PERIOD } else { WATCHER_STALL };
    while Instant::now() < until && seen() == before {
        sleep(WATCH_CHANGE_PERIOD).await;
    }
}

/// An event `live` with a text. Line breaks of any kind end a line of an event.
fn event(text: &str) -> Bytes {
    let mut event = String::with_capacity(text.len() + 64);
    event.push_str("event: live\n");
    for line in text.split(['\n', '\r']) {
        event.push_str("data: ");
        event.push_str(line);
        event.push('\n');
    }
    event.push('\n');
    event.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_of_a_peer_ends_an_event() {
        for (text, expected) in [
            ("a", "event: live\ndata: a\n\n"),
            (
                "a\n\nevent: x",
                "event: live\ndata: a\ndata: \ndata: event: x\n\n",
            ),
            ("a\r\rid: 1", "event: live\ndata: a\ndata: \ndata: id: 1\n\n"),
            ("", "event: live\ndata: \n\n"),
        ] {
            assert_eq!(event(text), expected, "{text:?}");
        }
    }
}
