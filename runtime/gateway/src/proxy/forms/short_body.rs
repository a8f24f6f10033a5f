//! Reads bodies that are short, and gives back those that are not.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http_body_util::BodyExt as _;
use tokio::time::timeout;

/// The whole of a body that has at most `limit` bytes, and ends within `time`.
///
/// # Errors
/// The body is longer, takes longer or breaks off: the same body, from its first byte on, without trailers.
pub(super) async fn read(mut body: Body, limit: usize, time: Duration) -> Result<Bytes, Body> {
    let mut read = Vec::new();
    let mut length = 0;
    let mut broken = None;
    let reading = async {
        loop {
            match body.frame().await {
                None => return true,
                Some(Err(error)) => {
                    broken = Some(error);
                    return false;
                }
                Some(Ok(frame)) => {
                    let piece = frame.into_data().unwrap_or_default();
                    length += piece.len();
                    read.push(piece);
                    if length > limit {
                        return false;
                    }
                }
            }
        }
    };
    // What was read when the time is over stays.
    if timeout(time, reading).await == Ok(true) {
        return Ok(read.concat().into());
    }
    let begun = stream::iter(read.into_iter().map(Ok).chain(broken.map(Err)));
    Err(Body::from_stream(begun.chain(body.into_data_stream())))
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    const TIME: Duration = Duration::from_secs(20);

    fn pieces(texts: &'static [&'static str]) -> Body {
        Body::from_stream(stream::iter(texts.iter().map(|text| Ok::<_, io::Error>(*text))))
    }

    async fn rest(body: Result<Bytes, Body>) -> String {
        let body = body.expect_err("not short").collect().await;
        String::from_utf8(body.expect("whole").to_bytes().into()).expect("UTF-8")
    }

    #[tokio::test]
    async fn a_short_body_is_read_and_a_long_one_comes_back_whole() {
        for short in [&[][..], &["abc"], &["a", "", "bc"]] {
            let read = read(pieces(short), 3, TIME).await.expect("short");
            assert_eq!(read, short.concat());
        }
        for long in [&["abcd"][..], &["ab", "cd", "ef"]] {
            assert_eq!(rest(read(pieces(long), 3, TIME).await).await, long.concat());
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_takes_longer_comes_back_whole() {
        let slow = stream::iter(["a", "b"]).then(async |piece| {
            tokio::time::sleep(TIME).await;
            Ok::<_, io::Error>(piece)
        });
        assert_eq!(rest(read(Body::from_stream(slow), 9, TIME).await).await, "ab");
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_does_so_again() {
        let broken = stream::iter([Ok("a"), Err(io::Error::other("gone"))]);
        let mut again = read(Body::from_stream(broken), 9, TIME)
            .await
            .expect_err("broken");
        let first = again.frame().await.expect("a frame").expect("a piece");
        assert_eq!(first.into_data().expect("data"), "a");
        assert!(again.frame().await.expect("a frame").is_err());
    }
}
