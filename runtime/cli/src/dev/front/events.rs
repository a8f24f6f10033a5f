//! Tells browsers about changes, by server-sent events (WHATWG HTML section 9.2).

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse, Response},
};
use futures_util::stream;
use http::{
    StatusCode,
    header::{CACHE_CONTROL, CONTENT_TYPE},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore, watch},
    time::timeout,
};

use crate::dev::board::{Board, Shown};

/// How soon a browser connects again, in milliseconds.
const RETRY: &str = "retry: 500\n";
/// Finds browsers that are gone, so that their places are free again.
const COMMENT: &str = ":\n\n";
const COMMENT_PERIOD: Duration = Duration::from_secs(15);

/// One browser that listens.
struct Listener {
    states: watch::Receiver<Shown>,
    is_first: bool,
    _place: OwnedSemaphorePermit,
}

/// Answers with the state of the services, and with each later one.
pub(super) fn events(board: &Board, places: &Arc<Semaphore>) -> Response {
    let Ok(place) = Arc::clone(places).try_acquire_owned() else {
        let text = "Too many pages are open.\n";
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let listener = Listener {
        states: board.watch(),
        is_first: true,
        _place: place,
    };
    let events = stream::unfold(listener, async |mut listener| {
        let event = listener.next().await?;
        Some((Ok::<_, Infallible>(event), listener))
    });
    let headers = [(CONTENT_TYPE, "text/event-stream"), (CACHE_CONTROL, "no-store")];
    (headers, Body::from_stream(events)).into_response()
}

impl Listener {
    /// The next event. `None`: the process stops.
    async fn next(&mut self) -> Option<Bytes> {
        let retry = if self.is_first { RETRY } else { "" };
        if !self.is_first {
            match timeout(COMMENT_PERIOD, self.states.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => return None,
                Err(_) => return Some(Bytes::from_static(COMMENT.as_bytes())),
            }
        }
        self.is_first = false;
        let shown = self.states.borrow_and_update();
        // JSON has no line breaks outside of texts, and escapes those inside.
        (!shown.is_over).then(|| format!("{retry}event: state\ndata: {}\n\n", shown.json()).into())
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn each_change_is_told_until_the_end() {
        let board = Board::new(["shop"]);
        let places = Arc::new(Semaphore::new(1));
        let response = events(&board, &places);
        assert_eq!(events(&board, &places).status(), StatusCode::SERVICE_UNAVAILABLE);
        let mut body = response.into_body();
        let mut next = async || {
            let frame = body.frame().await?.expect("a frame").into_data().expect("data");
            Some(String::from_utf8(frame.to_vec()).expect("a text"))
        };
        let first = next().await.expect("the state");
        assert!(
            first.starts_with("retry: 500\nevent: state\ndata: {\"run\":"),
            "{first}"
        );
        assert!(first.ends_with("}\n\n"), "{first}");
        board.failed("shop", false, "one\ntwo\r\n");
        let told = next().await.expect("an event");
        assert!(
            told.contains(r#""text":"one\ntwo\r\n""#) && told.lines().count() == 3,
            "{told}"
        );
        board.end();
        assert_eq!(next().await, None);
    }
}
