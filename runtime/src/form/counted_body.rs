//! The body of a form with long files, of which memory never holds more than a part.

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
};

use axum::body::Body;
use bytes::Bytes;
use http_body::{Body as HttpBody, Frame};

use crate::limits::UPLOAD_PIECE_BYTES;

/// How many bytes the parser of a form should hold at most.
const MOST_HELD: usize = 2 * UPLOAD_PIECE_BYTES;

/// How many bytes may still come. Those of files that were put away don't count.
#[derive(Clone, Debug)]
pub(super) struct Room(Arc<Left>);

#[derive(Debug)]
struct Left {
    bytes: AtomicUsize,
    is_spent: AtomicBool,
    /// How many bytes came.
    come: AtomicUsize,
    /// How many of them the parser has given on.
    given: AtomicUsize,
}

impl Room {
    /// Room for `limit` bytes beside the files, and for what the parser of a form holds of them at a time.
    pub(super) fn beside_files(limit: usize) -> Self {
        Self::of(limit.saturating_add(MOST_HELD + 2 * UPLOAD_PIECE_BYTES))
    }

    /// Room for `limit` bytes.
    pub(super) fn of(limit: usize) -> Self {
        Self(Arc::new(Left {
            bytes: AtomicUsize::new(limit),
            is_spent: AtomicBool::new(false),
            come: AtomicUsize::new(0),
            given: AtomicUsize::new(0),
        }))
    }

    /// The parser has given so many bytes on.
    pub(super) fn give(&self, bytes: usize) {
        self.0.given.fetch_add(bytes, Relaxed);
    }

    /// How many bytes the parser has given on, if it holds so many others that it needs no more. It may need more nevertheless
    /// if it gives nothing on.
    fn given_if_full(&self) -> Option<usize> {
        let given = self.0.given.load(Relaxed);
        let held = self.0.come.load(Relaxed).saturating_sub(given);
        (held >= MOST_HELD).then_some(given)
    }

    /// So many bytes were put away.
    pub(super) fn free(&self, bytes: usize) {
        self.0.bytes.fetch_add(bytes, Relaxed);
    }

    /// Whether more came than there was room for.
    pub(super) fn is_spent(&self) -> bool {
        self.0.is_spent.load(Relaxed)
    }

    /// Takes room for so many bytes that came. `false`: there is none.
    fn take(&self, bytes: usize) -> bool {
        let take = |left: usize| left.checked_sub(bytes);
        let has_room = self.0.bytes.fetch_update(Relaxed, Relaxed, take).is_ok();
        if !has_room {
            self.0.is_spent.store(true, Relaxed);
        }
        self.0.come.fetch_add(bytes, Relaxed);
        has_room
    }
}

/// A body that fails when there is no room. It comes in pieces, and rests after each, and while the parser of forms holds enough:
/// that reads on whenever it is asked for anything, and keeps all that comes without a rest.
pub(super) struct CountedBody {
    body: Body,
    room: Room,
    /// What has come and is not given yet.
    rest: Bytes,
    is_resting: bool,
    /// How many bytes the parser had given on when it was last refused more.
    refused_at: Option<usize>,
}

impl CountedBody {
    pub(super) fn new(body: Body, room: Room) -> Self {
        Self {
            body,
            room,
            rest: Bytes::new(),
            is_resting: false,
            refused_at: None,
        }
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        let full = this.room.given_if_full();
        let must_rest = full.is_some() && full != this.refused_at;
        this.refused_at = full;
        if std::mem::take(&mut this.is_resting) || must_rest {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        while this.rest.is_empty() {
            match ready!(Pin::new(&mut this.body).poll_frame(cx)) {
                // Trailers mean nothing here.
                Some(Ok(frame)) => this.rest = frame.into_data().unwrap_or_default(),
                other => return Poll::Ready(other),
            }
        }
        let piece = this.rest.split_to(this.rest.len().min(UPLOAD_PIECE_BYTES));
        if !this.room.take(piece.len()) {
            return Poll::Ready(Some(Err(axum::Error::new("the body is too long"))));
        }
        this.is_resting = true;
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }
}

#[cfg(test)]
mod tests {
    use futures_util::{FutureExt as _, stream};
    use http_body_util::BodyExt as _;

    use super::*;

    #[tokio::test]
    async fn what_is_put_away_makes_room() {
        let pieces = vec![vec![0; UPLOAD_PIECE_BYTES]; 10].concat();
        let room = Room::of(2 * UPLOAD_PIECE_BYTES);
        let mut body = CountedBody::new(Body::from(pieces), room.clone());
        let mut come = 0;
        while let Some(frame) = body.frame().await {
            let piece = frame.expect("room").into_data().expect("data");
            assert!(piece.len() <= UPLOAD_PIECE_BYTES);
            come += piece.len();
            room.free(piece.len());
        }
        assert_eq!(come, 10 * UPLOAD_PIECE_BYTES);
        assert!(!room.is_spent());
    }

    #[tokio::test]
    async fn without_room_the_body_fails() {
        let room = Room::of(5);
        let pieces = stream::iter(["abc", "", "de", "f"].map(Ok::<_, axum::Error>));
        let mut body = CountedBody::new(Body::from_stream(pieces), room.clone());
        for expected in ["abc", "de"] {
            let frame = body.frame().await.expect("a frame").expect("room");
            assert_eq!(frame.into_data().expect("data"), expected);
        }
        assert!(body.frame().await.expect("a frame").is_err());
        assert!(room.is_spent());
    }

    #[test]
    fn a_parser_that_holds_enough_gets_more_only_if_it_gives_nothing_on() {
        let room = Room::beside_files(1 << 20);
        let mut body = CountedBody::new(Body::from(vec![0; 1 << 20]), room.clone());
        for expected in [true, false, true, false, true] {
            assert_eq!(body.frame().now_or_never().is_some(), expected);
        }
        // Three pieces are held. A parser that gives something on has what it needs.
        let mut poll = || body.frame().now_or_never().is_some();
        assert!(!poll());
        for _ in 0..10 {
            room.give(1);
            assert!(!poll());
        }
        assert!(poll());
    }

    #[test]
    fn a_body_rests_after_each_piece() {
        let pieces = stream::iter(["a", "b"].map(Ok::<_, axum::Error>));
        let mut body = CountedBody::new(Body::from_stream(pieces), Room::of(9));
        let mut given = Vec::new();
        for _ in 0..5 {
            given.push(match body.frame().now_or_never() {
                None => "rests",
                Some(None) => "ends",
                Some(Some(_)) => "gives",
            });
        }
        assert_eq!(given, ["gives", "rests", "gives", "rests", "ends"]);
    }
}
