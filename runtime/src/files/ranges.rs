//! Decides which part of a file is sent (RFC 9110 sections 13.1.5 and 14), around
//! [`ServeDir`](tower_http::services::ServeDir), which does not support `If-Range`, and refuses malformed ranges
//! instead of ignoring them.
#![deny(clippy::disallowed_methods)]

use std::{
    convert::Infallible,
    task::{Context, Poll},
};

use axum::body::Body;
use futures_util::{FutureExt as _, future::BoxFuture};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode,
    header::{ETAG, IF_RANGE, LAST_MODIFIED, RANGE},
};
use tower::{Service, ServiceExt as _};

/// Sends the files of the service `S`, which answers `GET` and `HEAD` and ignores request bodies. A part of a file is
/// sent only if the request names exactly one.
#[derive(Clone, Debug)]
pub struct Ranges<S>(pub S);

impl<S, B, Sent> Service<Request<B>> for Ranges<S>
where
    S: Service<Request<Body>, Response = Response<Sent>, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
    Sent: Send + 'static,
{
    type Response = Response<Sent>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Sent>, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        // Each request gets a clone of the service, which waits until it is ready.
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let mut request = request.map(|_| Body::empty());
        let is_partial = *request.method() == Method::GET && is_one_range(request.headers());
        if !is_partial {
            request.headers_mut().remove(RANGE);
        }
        let files = self.0.clone();
        match is_partial {
            true => part(files, request).boxed(),
            false => files.oneshot(request).boxed(),
        }
    }
}

/// The part, if the file has not changed since the visitor got another part of it, and otherwise the whole file.
///
/// The decision follows the headers of the answer, because the file could change between two look-ups.
async fn part<S, Sent>(files: S, request: Request<Body>) -> Result<Response<Sent>, Infallible>
where
    S: Service<Request<Body>, Response = Response<Sent>, Error = Infallible> + Clone,
{
    let (parts, body) = request.into_parts();
    let mut whole = Request::from_parts(parts.clone(), Body::empty());
    whole.headers_mut().remove(RANGE);
    let asked = parts.headers.clone();
    let answer = files.clone().oneshot(Request::from_parts(parts, body)).await?;
    let is_conditional = asked.contains_key(IF_RANGE);
    let is_whole = match answer.status() {
        StatusCode::PARTIAL_CONTENT => is_conditional && !is_same(&asked, answer.headers()),
        // A range beyond the end may be one of an earlier, longer file.
        StatusCode::RANGE_NOT_SATISFIABLE => is_conditional || is_suffix(&asked),
        _ => false,
    };
    match is_whole {
        true => files.oneshot(whole).await,
        false => Ok(answer),
    }
}

/// Whether `Range` names the last bytes. Of a shorter file, that is the whole file (RFC 9110 section 14.1.2).
fn is_suffix(headers: &HeaderMap) -> bool {
    only(headers, &RANGE)
        .and_then(|value| value.to_str().ok()?.strip_prefix("bytes=-")?.parse::<u64>().ok())
        .is_some_and(|length| length > 0)
}

/// Whether `Range` names one range of bytes. Ranges of other units must be ignored (RFC 9110 section 14.2); malformed ones,
/// and several at once, may be.
fn is_one_range(headers: &HeaderMap) -> bool {
    only(headers, &RANGE)
        .and_then(|value| value.to_str().ok()?.strip_prefix("bytes="))
        .is_some_and(is_range)
}

/// `first-last`, `first-` or `-length` (RFC 9110 section 14.1.1).
fn is_range(text: &str) -> bool {
    let Some((first, last)) = text.split_once('-') else {
        return false;
    };
    let number = |text: &str| {
        let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
        is_digits.then(|| text.parse::<u64>().ok()).flatten()
    };
    match (first.is_empty(), last.is_empty()) {
        (true, true) => false,
        (true, false) => number(last).is_some(),
        (false, true) => number(first).is_some(),
        (false, false) => number(first)
            .zip(number(last))
            .is_some_and(|(first, last)| first <= last),
    }
}

/// Whether `If-Range` matches the file that was sent with the headers `sent`.
///
/// Weak tags are never the same (RFC 9110 section 8.8.3.2). A date must be that of the file exactly; an earlier and a later one
/// are of another file (section 13.1.5). Two changes within the same second look alike by date, so that clients use tags.
fn is_same(asked: &HeaderMap, sent: &HeaderMap) -> bool {
    let Some(validator) = only(asked, &IF_RANGE) else {
        return false;
    };
    let is = |name| sent.get(name).is_some_and(|value| value == validator);
    match validator.as_bytes().first() {
        Some(b'"') => is(ETAG),
        _ => {
            let date = |value: &HeaderValue| httpdate::parse_http_date(value.to_str().ok()?).ok();
            let modified = sent.get(LAST_MODIFIED).and_then(date);
            modified.is_some() && modified == date(validator)
        }
    }
}

/// The value of a header that occurs exactly once.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h HeaderValue> {
    let mut values = headers.get_all(name).iter();
    values.next().filter(|_| values.next().is_none())
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "tests write files")]
mod tests {
    use std::{
        fs::File,
        time::{Duration, SystemTime},
    };

    use http::header::{CONTENT_RANGE, IF_NONE_MATCH};
    use http_body_util::BodyExt as _;
    use tower_http::services::{ServeDir, ServeFile};

    use super::*;

    struct Sent {
        status: u16,
        headers: HeaderMap,
        text: String,
    }

    /// A folder with one file of ten letters that was changed some hours ago.
    fn folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("a.txt"), "abcdefghij").expect("written");
        let changed = SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 500);
        let file = File::options().write(true).open(folder.path().join("a.txt"));
        file.expect("a file").set_modified(changed).expect("a date");
        folder
    }

    async fn send(folder: &tempfile::TempDir, method: Method, headers: &[(HeaderName, &str)]) -> Sent {
        let mut request = Request::builder().method(method).uri("/a.txt");
        for (name, value) in headers {
            request = request.header(name, *value);
        }
        let request = request.body(Body::from("unused")).expect("a request");
        let sent = Ranges(ServeDir::new(folder.path())).oneshot(request).await;
        let (parts, body) = sent.expect("never fails").into_parts();
        let bytes = body.collect().await.expect("a body").to_bytes();
        Sent {
            status: parts.status.as_u16(),
            headers: parts.headers,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        }
    }

    #[tokio::test]
    async fn ranges_that_are_not_understood_are_ignored() {
        let folder = folder();
        let whole = (200, "abcdefghij");
        for (range, expected) in [
            ("bytes=0-3", (206, "abcd")),
            ("bytes=4-", (206, "efghij")),
            ("bytes=-2", (206, "ij")),
            ("bytes=8-99", (206, "ij")),
            ("bytes=-10", (206, "abcdefghij")),
            ("bytes=-99", whole),
            ("bytes=-0", (416, "")),
            ("bytes=10-", (416, "")),
            ("bytes=99-100", (416, "")),
            // Other units.
            ("items=0-3", whole),
            ("lines=1-2", whole),
            ("bytesx=0-3", whole),
            ("none", whole),
            // Malformed.
            ("bytes=3-0", whole),
            ("bytes=-", whole),
            ("bytes=", whole),
            ("bytes=a-b", whole),
            ("bytes=+0-3", whole),
            ("bytes=0x0-3", whole),
            ("bytes 0-3", whole),
            ("bytes=0-3;x", whole),
            ("bytes=0-18446744073709551616", whole),
            ("", whole),
            // Several at once.
            ("bytes=0-1,4-5", whole),
            ("bytes=0-1, -1", whole),
        ] {
            let sent = send(&folder, Method::GET, &[(RANGE, range)]).await;
            let text = if sent.status == 416 { "" } else { &sent.text };
            assert_eq!((sent.status, text), expected, "{range}");
            assert_eq!(
                sent.headers.contains_key(CONTENT_RANGE),
                sent.status != 200,
                "{range}"
            );
        }
        let two = [(RANGE, "bytes=0-3"), (RANGE, "bytes=0-3")];
        assert_eq!(send(&folder, Method::GET, &two).await.status, 200, "two headers");
        let head = send(&folder, Method::HEAD, &[(RANGE, "bytes=0-3")]).await;
        assert_eq!(head.status, 200, "only GET has ranges (RFC 9110 section 14.2)");
        let post = send(&folder, Method::POST, &[(RANGE, "bytes=0-3")]).await;
        assert_eq!(post.status, 405);
    }

    #[tokio::test]
    async fn a_part_is_sent_only_of_the_file_that_the_visitor_has() {
        let folder = folder();
        let now = send(&folder, Method::GET, &[]).await;
        let of = |name: HeaderName| now.headers[name].to_str().expect("text").to_owned();
        let (tag, date) = (of(ETAG), of(LAST_MODIFIED));
        let (weak, bare) = (format!("W/{tag}"), tag.trim_matches('"').to_owned());
        let both = format!("{tag}, \"other\"");
        for (if_range, status) in [
            (&*tag, 206),
            (&*date, 206),
            // The same second in the older formats (RFC 9110 section 5.6.7).
            ("Tuesday, 14-Nov-23 22:13:20 GMT", 206),
            ("Tue Nov 14 22:13:20 2023", 206),
            ("Tue, 14 Nov 2023 22:13:19 GMT", 200),
            ("Tue, 14 Nov 2023 22:13:21 GMT", 200),
            ("Fri, 01 Jan 2100 00:00:00 GMT", 200),
            ("\"other\"", 200),
            ("\"\"", 200),
            (&weak, 200),
            (&bare, 200),
            (&both, 200),
            ("*", 200),
            ("", 200),
            ("yesterday", 200),
        ] {
            for (range, part) in [("bytes=0-3", "abcd"), ("bytes=-2", "ij")] {
                let sent = send(&folder, Method::GET, &[(IF_RANGE, if_range), (RANGE, range)]).await;
                let expected = if status == 206 { part } else { "abcdefghij" };
                assert_eq!(
                    (sent.status, &*sent.text),
                    (status, expected),
                    "{if_range} {range}"
                );
            }
        }
        for (what, headers, status) in [
            ("without a range", &[(IF_RANGE, &*tag)][..], 200),
            (
                "two of them",
                &[(IF_RANGE, &*tag), (IF_RANGE, &*tag), (RANGE, "bytes=0-3")],
                200,
            ),
            (
                "another file, and beyond its end",
                &[(IF_RANGE, "\"other\""), (RANGE, "bytes=99-")],
                200,
            ),
            ("another unit", &[(IF_RANGE, &*tag), (RANGE, "items=0-3")], 200),
            (
                "the visitor has all of it",
                &[(IF_NONE_MATCH, &*tag), (IF_RANGE, &*tag), (RANGE, "bytes=0-3")],
                304,
            ),
        ] {
            assert_eq!(send(&folder, Method::GET, headers).await.status, status, "{what}");
        }
    }

    #[tokio::test]
    async fn a_compressed_file_beside_is_sent_to_those_who_accept_it() {
        use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, VARY};
        let folder = folder();
        for (file, text) in [
            ("a.txt.gz", "gzip"),
            ("a.txt.br", "brotli"),
            ("a.txt.zst", "zstandard"),
        ] {
            std::fs::write(folder.path().join(file), text).expect("written");
        }
        let files = Ranges(
            ServeDir::new(folder.path())
                .precompressed_zstd()
                .precompressed_br()
                .precompressed_gzip(),
        );
        let send = async |method: Method, accepted: &str, more: &[(HeaderName, &str)]| {
            let mut request = Request::builder().method(method).uri("/a.txt");
            for (name, value) in [&[(ACCEPT_ENCODING, accepted)], more].concat() {
                request = request.header(name, value);
            }
            let request = request.body(Body::empty()).expect("a request");
            let (parts, body) = files
                .clone()
                .oneshot(request)
                .await
                .expect("never fails")
                .into_parts();
            let bytes = body.collect().await.expect("a body").to_bytes();
            Sent {
                status: parts.status.as_u16(),
                headers: parts.headers,
                text: String::from_utf8_lossy(&bytes).into_owned(),
            }
        };
        let plain = send(Method::GET, "identity", &[]).await;
        for (accepted, coding, text) in [
            ("gzip", Some("gzip"), "gzip"),
            ("br", Some("br"), "brotli"),
            ("zstd", Some("zstd"), "zstandard"),
            ("gzip;q=1, br;q=0.5", Some("gzip"), "gzip"),
            ("br;q=0", None, "abcdefghij"),
            ("deflate", None, "abcdefghij"),
            ("", None, "abcdefghij"),
        ] {
            let sent = send(Method::GET, accepted, &[]).await;
            assert_eq!((sent.status, &*sent.text), (200, text), "{accepted}");
            assert_eq!(
                sent.headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes),
                coding.map(str::as_bytes)
            );
            assert_eq!(
                (&sent.headers[VARY], &sent.headers[CONTENT_TYPE]),
                (&plain.headers[VARY], &plain.headers[CONTENT_TYPE])
            );
            // Each coding has bytes of its own, and so a tag and ranges of its own.
            assert_eq!(
                sent.headers[ETAG] == plain.headers[ETAG],
                coding.is_none(),
                "{accepted}"
            );
            let head = send(Method::HEAD, accepted, &[]).await;
            assert_eq!(
                (head.headers.get(CONTENT_LENGTH), &*head.text),
                (sent.headers.get(CONTENT_LENGTH), "")
            );
            let tag = sent.headers[ETAG].to_str().expect("text").to_owned();
            let part = send(Method::GET, accepted, &[(RANGE, "bytes=1-2"), (IF_RANGE, &tag)]).await;
            assert_eq!((part.status, &*part.text), (206, &text[1..3]), "{accepted}");
            let same = send(Method::GET, accepted, &[(IF_NONE_MATCH, &tag)]).await;
            assert_eq!(same.status, 304);
        }
        let tag = plain.headers[ETAG].to_str().expect("text");
        let other = send(Method::GET, "gzip", &[(RANGE, "bytes=1-2"), (IF_RANGE, tag)]).await;
        assert_eq!(
            (other.status, &*other.text),
            (200, "gzip"),
            "a part of other bytes"
        );
    }

    #[tokio::test]
    async fn single_files_have_ranges_too() {
        let folder = folder();
        let request = Request::get("/")
            .header(RANGE, "items=0-3")
            .body(())
            .expect("a request");
        let file = Ranges(ServeFile::new(folder.path().join("a.txt")));
        assert_eq!(file.oneshot(request).await.expect("never fails").status(), 200);
    }
}
