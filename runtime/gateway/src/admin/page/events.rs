//! Keeps open pages up to date by server-sent events (WHATWG HTML section 9.2).

use std::{convert::Infallible, sync::Arc, time::Duration};

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

/// The result of a view.
enum Made {
    Text(String),
    Failed,
    SignedOut,
}

/// Sends events until the browser is gone. The place is free again at the end.
async fn send(
    site: Arc<Site>,
    view: View,
    headers: HeaderMap,
    sender: mpsc::Sender<Bytes>,
    _place: OwnedSemaphorePermit,
) {
    let period = match view.is_counting() {
        true => WATCH_PERIOD,
        false => WATCH_CHANGE_PERIOD,
    };
    let is_counting = view.is_counting();
    let changing = Arc::clone(&site);
    let render = move || {
        let (site, view, headers) = (Arc::clone(&site), view.clone(), headers.clone());
        async move {
            // The session may have ended meanwhile.
            let access = site.access(&headers).await;
            if matches!(access, Access::SignedOut) {
                return Made::SignedOut;
            }
            match site.rendered(view, access, None, Part::Live).await {
                (StatusCode::INTERNAL_SERVER_ERROR, _) => Made::Failed,
                (_, text) => Made::Text(text),
            }
        }
    };
    let changed = move || {
        let site = Arc::clone(&changing);
        async move { changed(&site, is_counting).await }
    };
    send_events(&sender, period, render, changed).await;
}

/// Sends an event after each change, until the browser is gone, is signed out, does not read, or has watched for long enough. A view is not made
/// again within `period`: counters may change each time.
async fn send_events<R: Future<Output = Made>, C: Future<Output = ()>>(
    sender: &mpsc::Sender<Bytes>,
    period: Duration,
    render: impl Fn() -> R,
    changed: impl Fn() -> C,
) {
    let end = Instant::now() + MAX_WATCH;
    let mut last = None;
    let mut next = Bytes::from_static(RETRY.as_bytes());
    while Instant::now() < end {
        if !matches!(timeout(WATCHER_STALL, sender.send(next)).await, Ok(Ok(()))) {
            return;
        }
        let sent = Instant::now();
        if last.is_some() {
            tokio::select! {
                () = sender.closed() => return,
                () = sleep(period) => {}
            }
        }
        next = loop {
            let text = match render().await {
                Made::Text(text) => Some(text),
                Made::Failed => None,
                Made::SignedOut => return,
            };
            if text.is_some() && text != last {
                last = text;
                break event(last.as_deref().unwrap_or_default());
            }
            if sent.elapsed() >= WATCHER_STALL {
                break Bytes::from_static(COMMENT.as_bytes());
            }
            tokio::select! {
                () = sender.closed() => return,
                () = changed() => {}
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
    use std::{cell::Cell, future::ready};

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

    /// The events of so many seconds, and how often the view was made for them: `texts` says what it is each time.
    async fn watched(seconds: u64, period: Duration, texts: impl Fn(usize) -> Made) -> (Vec<Bytes>, usize) {
        let (sender, mut receiver) = mpsc::channel::<Bytes>(1);
        let made = Cell::new(0);
        let render = || {
            made.set(made.get() + 1);
            assert!(made.get() < 10_000, "a view is made again and again");
            ready(texts(made.get()))
        };
        let changed = || sleep(WATCH_CHANGE_PERIOD);
        let mut events = Vec::new();
        let read = async {
            while let Some(event) = receiver.recv().await {
                events.push(event);
            }
        };
        let all = async { tokio::join!(send_events(&sender, period, render, changed), read) };
        let _ = timeout(Duration::from_secs(seconds), all).await;
        (events, made.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_view_that_always_changes_is_made_once_in_its_period() {
        for period in [WATCH_PERIOD, WATCH_CHANGE_PERIOD] {
            let (events, made) = watched(20, period, |n| Made::Text(n.to_string())).await;
            let periods = (20_000 / period.as_millis()) as usize;
            assert!((periods - 1..=periods + 2).contains(&made), "{made} of {periods}");
            assert!(
                (made..=made + 1).contains(&events.len()),
                "{} of {made}",
                events.len()
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_visitor_who_is_signed_out_gets_no_more_events() {
        let (events, made) = watched(5, WATCH_PERIOD, |n| match n {
            1 => Made::Text("a".to_owned()),
            _ => Made::SignedOut,
        })
        .await;
        assert_eq!((events.len(), made), (2, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_view_that_stays_the_same_or_fails_is_sent_once() {
        let (events, _) = watched(5, WATCH_PERIOD, |n| match n {
            ..3 => Made::Failed,
            _ => Made::Text("same".to_owned()),
        })
        .await;
        assert_eq!(events, ["retry: 2000\n\n", "event: live\ndata: same\n\n"]);
    }
}
