//! Reads the bodies of calls, within bounds of length and time: calls to the gateway, and the gateway's calls to an
//! application.

use std::time::Duration;

use axum::body::{Body, Bytes};
use http::StatusCode;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use crate::limits::{BODY_TIMEOUT, DISCARD_TIMEOUT, MAX_DISCARDED_BYTES, MAX_REASON_CHARS};

/// Why a body is refused.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadBody {
    /// The body is longer than this many bytes.
    #[error("the body is longer than {0} bytes")]
    TooLong(usize),
    /// The body did not arrive in time.
    #[error("the body did not arrive in time")]
    TooSlow,
    /// The connection ended before the body did.
    #[error("the body broke off")]
    Broken,
}

impl BadBody {
    /// The status of the response.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            BadBody::TooLong(_) => StatusCode::PAYLOAD_TOO_LARGE,
            BadBody::TooSlow => StatusCode::REQUEST_TIMEOUT,
            BadBody::Broken => StatusCode::BAD_REQUEST,
        }
    }
}

/// Reads the whole body, of `limit` bytes at most.
pub async fn read(body: Body, limit: usize) -> Result<Bytes, BadBody> {
    read_within(BODY_TIMEOUT, body, limit).await
}

/// Reads the whole body, of `limit` bytes at most, if it has arrived after `time`.
pub async fn read_within(time: Duration, mut body: Body, limit: usize) -> Result<Bytes, BadBody> {
    match tokio::time::timeout(time, read_paced(&mut body, limit)).await {
        Ok(Err(BadBody::TooLong(limit))) => {
            discard(body).await;
            Err(BadBody::TooLong(limit))
        }
        Ok(read) => read,
        Err(_) => Err(BadBody::TooSlow),
    }
}

/// Reads the whole body, of `limit` bytes at most, which ends by itself if it comes too slowly.
pub async fn read_paced(body: &mut Body, limit: usize) -> Result<Bytes, BadBody> {
    match Limited::new(body, limit).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(BadBody::TooLong(limit)),
        Err(_) => Err(BadBody::Broken),
    }
}

/// Reads the first `limit` bytes of a body that is refused in any case, and drops the rest. What arrives too late, or after
/// the connection broke, is missing.
pub async fn read_beginning(mut body: Body, limit: usize) -> Vec<u8> {
    let mut beginning = Vec::new();
    let reading = async {
        while beginning.len() < limit
            && let Some(Ok(frame)) = body.frame().await
        {
            let data = frame.into_data().unwrap_or_default();
            let room = limit - beginning.len();
            beginning.extend_from_slice(&data[..data.len().min(room)]);
        }
    };
    // Clients wait for 2 s at most, so that an answer after the whole time of other bodies would be lost.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, reading).await;
    discard(body).await;
    beginning
}

/// Reads and drops the rest of a refused body: a client that still sends when the connection closes may never see the
/// response.
pub async fn discard(mut body: Body) {
    let discarding = async {
        let mut left = MAX_DISCARDED_BYTES;
        while let Some(Ok(frame)) = body.frame().await
            && let Some(rest) = left.checked_sub(frame.data_ref().map_or(0, Bytes::len))
        {
            left = rest;
        }
    };
    // A client that takes longer may not see the response. Clients wait for 2 s at most.
    let _ = tokio::time::timeout(DISCARD_TIMEOUT, discarding).await;
}

/// Parses the body as JSON. The error is the reason in words.
pub fn read_json<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    serde_json::from_slice(body).map_err(|error| {
        let mut reason = format!("the body is not the JSON that is expected here: {error}");
        // A wrong value is part of the message, and may be as long as the body.
        if let Some((end, _)) = reason.char_indices().nth(MAX_REASON_CHARS) {
            reason.truncate(end);
            reason.push('…');
        }
        reason
    })
}

#[cfg(test)]
mod tests {
    use std::{
        io,
        sync::{
            Arc,
            atomic::{AtomicUsize, Ordering::SeqCst},
        },
    };

    use futures_util::{StreamExt, stream};

    use super::*;

    #[tokio::test]
    async fn each_bad_body_has_its_own_name() {
        let part = || stream::iter([Ok(Bytes::from_static(b"[1,"))]);
        let broken = part().chain(stream::iter([Err(io::Error::other("gone"))]));
        let slow = part().chain(stream::pending::<io::Result<Bytes>>());
        let whole = Body::from("[1]");
        assert_eq!(read(whole, 3).await.as_deref(), Ok(&b"[1]"[..]));
        assert_eq!(read(Body::from("[1]"), 2).await, Err(BadBody::TooLong(2)));
        assert_eq!(read(Body::from_stream(broken), 9).await, Err(BadBody::Broken));
        let late = read_within(Duration::from_millis(5), Body::from_stream(slow), 9).await;
        assert_eq!(late, Err(BadBody::TooSlow));
    }
    #[tokio::test]
    async fn the_beginning_of_a_body_is_as_long_as_its_limit_at_most() {
        let endless = || stream::repeat_with(|| Ok::<_, io::Error>(Bytes::from_static(b"0123456789")));
        let broken = endless()
            .take(1)
            .chain(stream::iter([Err(io::Error::other("gone"))]));
        let hangs = endless().take(1).chain(stream::pending::<io::Result<Bytes>>());
        for (body, expected) in [
            (Body::from_stream(endless()), &b"0123456789012345"[..]),
            (Body::from_stream(broken), b"0123456789"),
            (Body::from_stream(hangs), b"0123456789"),
            (Body::empty(), b""),
        ] {
            assert_eq!(read_beginning(body, 16).await, expected);
        }
    }
    #[tokio::test]
    async fn what_is_too_long_is_read_on_for_a_while_and_not_for_ever() {
        const PIECE: usize = 1 << 20;
        let sent = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&sent);
        let piece = Bytes::from(vec![0; PIECE]);
        let endless = stream::repeat_with(move || {
            count.fetch_add(PIECE, SeqCst);
            Ok::<_, io::Error>(piece.clone())
        });
        let refused = read(Body::from_stream(endless), 9).await;
        assert_eq!(refused, Err(BadBody::TooLong(9)));
        let sent = sent.load(SeqCst);
        assert!(
            (MAX_DISCARDED_BYTES..=MAX_DISCARDED_BYTES + 3 * PIECE).contains(&sent),
            "{sent}"
        );
    }
    #[tokio::test]
    async fn nobody_waits_long_for_what_is_not_wanted() {
        let started = std::time::Instant::now();
        discard(Body::from_stream(stream::pending::<io::Result<Bytes>>())).await;
        assert!(started.elapsed() < 2 * DISCARD_TIMEOUT);
    }
}
