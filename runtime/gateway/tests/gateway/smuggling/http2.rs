//! Requests of HTTP/2 that would become others in HTTP/1.1 (RFC 9113 section 10.3).

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::recorder::Site;
use crate::support::get;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const GO_AWAY: u8 = 7;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

type Headers<'a> = &'a [(&'static str, &'static str)];

/// A frame (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len())
        .expect("a short payload")
        .to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Literal headers without an index (RFC 7541 section 6.2.2), byte by byte as they are.
fn block(headers: Headers<'_>) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).expect("short")], text.as_bytes()].concat();
    let line = |(name, value): &(&str, &str)| [&[0][..], &text(name), &text(value)].concat();
    headers.iter().flat_map(line).collect()
}

/// What arrived on the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    Status200,
    OtherStatus,
    Reset,
    Closed,
}

/// Sends the frames of a request on a new connection, and waits for what becomes of it.
async fn outcome(site: &Site, frames: &[Vec<u8>]) -> Outcome {
    let mut stream = TcpStream::connect(site.gateway.address).await.expect("a gateway");
    let start = [PREFACE, &frame(SETTINGS, 0, 0, &[])].concat();
    let _ = stream.write_all(&[start, frames.concat()].concat()).await;
    let read = async {
        loop {
            let mut head = [0; 9];
            if stream.read_exact(&mut head).await.is_err() {
                return Outcome::Closed;
            }
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            if stream.read_exact(&mut payload).await.is_err() {
                return Outcome::Closed;
            }
            match head[3] {
                // The static table has `:status: 200` at index 8 (RFC 7541 appendix A).
                HEADERS if payload.first() == Some(&0x88) => return Outcome::Status200,
                HEADERS => return Outcome::OtherStatus,
                RESET => return Outcome::Reset,
                GO_AWAY => return Outcome::Closed,
                _ => {}
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), read)
        .await
        .expect("an end")
}

/// The frames of a request: headers, pieces of a body, trailers.
fn request(headers: Headers<'_>, pieces: &[&str], trailers: Option<Headers<'_>>) -> Vec<Vec<u8>> {
    let ends = |is_last: bool| if is_last { END_STREAM } else { 0 };
    let is_bare = pieces.is_empty() && trailers.is_none();
    let mut frames = vec![frame(HEADERS, END_HEADERS | ends(is_bare), 1, &block(headers))];
    for (number, piece) in pieces.iter().enumerate() {
        let is_last = number + 1 == pieces.len() && trailers.is_none();
        frames.push(frame(DATA, ends(is_last), 1, piece.as_bytes()));
    }
    frames.extend(trailers.map(|lines| frame(HEADERS, END_HEADERS | END_STREAM, 1, &block(lines))));
    frames
}

/// The pseudo-headers of an ordinary request with this method.
fn pseudo(method: &'static str) -> [(&'static str, &'static str); 4] {
    [
        (":method", method),
        (":scheme", "http"),
        (":path", "/x?first"),
        (":authority", "a.test"),
    ]
}

/// `Some`: the request reaches the service with this body. `None`: nothing of it does.
async fn check(site: &Site, what: &str, frames: &[Vec<u8>], expected: Option<&str>) {
    let outcome = outcome(site, frames).await;
    assert_eq!(
        outcome == Outcome::Status200,
        expected.is_some(),
        "{what}: {outcome:?}"
    );
    // What is left of the request would now stand before this one.
    let next = get(&site.gateway.url("/x?next")).await;
    assert_eq!((next.status.as_u16(), next.text()), (200, "ok"), "{what}");
    let seen = site.seen();
    let bodies: Vec<_> = seen.iter().map(|request| request.body.as_str()).collect();
    let all: Vec<_> = expected.into_iter().chain([""]).collect();
    assert_eq!(bodies, all, "{what}: {seen:?}");
}

#[tokio::test]
async fn what_http1_would_read_otherwise_is_refused() {
    const FIELDS: &str = "RFC 9113 section 8.2.1";
    const CONNECTION: &str = "RFC 9113 section 8.2.2";
    const MALFORMED: &str = "RFC 9113 section 8.1.1";
    const PSEUDO: &str = "RFC 9113 section 8.3";
    let site = Site::new().await;
    fn with(lines: Headers<'_>) -> Vec<(&'static str, &'static str)> {
        [&pseudo("POST")[..], lines].concat()
    }
    let length = |value| with(&[("content-length", value)]);
    for (section, what, headers, pieces, expected) in [
        (MALFORMED, "a length", length("5"), &["hello"][..], Some("hello")),
        (MALFORMED, "no length", with(&[]), &["he", "llo"], Some("hello")),
        (MALFORMED, "too short a body", length("7"), &["hello"], None),
        (MALFORMED, "too long a body", length("3"), &["hello"], None),
        (
            MALFORMED,
            "too long a body in pieces",
            length("5"),
            &["hello", "GET"],
            None,
        ),
        (MALFORMED, "a length and no body", length("7"), &[], None),
        (
            MALFORMED,
            "a length of nothing and a body",
            length("0"),
            &["hello"],
            None,
        ),
        ("RFC 9110 section 8.6", "a plus", length("+5"), &["hello"], None),
        (
            "RFC 9110 section 8.6",
            "hexadecimal",
            length("0x5"),
            &["hello"],
            None,
        ),
        ("RFC 9110 section 8.6", "a list", length("5, 5"), &["hello"], None),
        ("RFC 9110 section 8.6", "nothing", length(""), &["hello"], None),
        (
            "RFC 9110 section 8.6",
            "20 digits",
            length("99999999999999999999"),
            &["hello"],
            None,
        ),
        (
            "RFC 9110 section 8.6",
            "two lengths",
            with(&[("content-length", "5"), ("content-length", "3")]),
            &["hello"],
            None,
        ),
        (
            "RFC 9110 section 8.6",
            "two lengths and no body",
            with(&[("content-length", "0"), ("content-length", "7")]),
            &[],
            None,
        ),
        (
            CONNECTION,
            "a coding",
            with(&[("transfer-encoding", "chunked")]),
            &["0\r\n\r\n"],
            None,
        ),
        (
            CONNECTION,
            "Connection",
            with(&[("connection", "host")]),
            &[],
            None,
        ),
        (CONNECTION, "Keep-Alive", with(&[("keep-alive", "1")]), &[], None),
        (
            CONNECTION,
            "Proxy-Connection",
            with(&[("proxy-connection", "1")]),
            &[],
            None,
        ),
        (
            CONNECTION,
            "Upgrade",
            with(&[("upgrade", "websocket")]),
            &[],
            None,
        ),
        (CONNECTION, "TE", with(&[("te", "gzip")]), &[], None),
        (
            CONNECTION,
            "TE: trailers",
            with(&[("te", "trailers")]),
            &[],
            Some(""),
        ),
        (
            FIELDS,
            "a line break in a value",
            with(&[("x", "y\r\ntransfer-encoding: chunked")]),
            &[],
            None,
        ),
        (FIELDS, "LF in a value", with(&[("x", "y\nz: 1")]), &[], None),
        (FIELDS, "CR in a value", with(&[("x", "y\rz")]), &[], None),
        (FIELDS, "NUL in a value", with(&[("x", "y\0z")]), &[], None),
        (
            FIELDS,
            "a line break in a name",
            with(&[("x: y\r\nz", "1")]),
            &[],
            None,
        ),
        (FIELDS, "a colon in a name", with(&[("x:y", "1")]), &[], None),
        (FIELDS, "a space in a name", with(&[("x ", "1")]), &[], None),
        (
            FIELDS,
            "capitals in a name",
            with(&[("Content-Length", "0")]),
            &[],
            None,
        ),
        (FIELDS, "an empty name", with(&[("", "1")]), &[], None),
        (
            "RFC 9113 section 8.2.3",
            "split cookies",
            with(&[("cookie", "a=b"), ("cookie", "c=d")]),
            &[],
            Some(""),
        ),
        (
            PSEUDO,
            "a pseudo-header behind others",
            with(&[("x", "y"), (":path", "/y")]),
            &[],
            None,
        ),
        (
            PSEUDO,
            "an unknown pseudo-header",
            with(&[(":x", "y")]),
            &[],
            None,
        ),
        (PSEUDO, "two paths", with(&[(":path", "/y")]), &[], None),
        (PSEUDO, "a status", with(&[(":status", "200")]), &[], None),
        (PSEUDO, "another host", with(&[("host", "b.test")]), &[], None),
        (
            PSEUDO,
            "the same host",
            with(&[("host", "a.test")]),
            &[],
            Some(""),
        ),
        (
            PSEUDO,
            "two hosts",
            with(&[("host", "a.test"), ("host", "a.test")]),
            &[],
            None,
        ),
    ] {
        check(
            &site,
            &format!("{section}, {what}"),
            &request(&headers, pieces, None),
            expected,
        )
        .await;
    }
}

#[tokio::test]
async fn pseudo_headers_that_http1_would_read_otherwise_are_refused() {
    const SECTION: &str = "RFC 9113 section 8.3.1";
    let site = Site::new().await;
    let with = |name: &'static str, value: Option<&'static str>| {
        let mut headers = pseudo("GET").to_vec();
        headers.retain(|(other, _)| *other != name);
        headers.extend(value.map(|value| (name, value)));
        headers
    };
    for (what, headers) in [
        (
            "a method with a line break",
            with(":method", Some("GET /x HTTP/1.1\r\nX")),
        ),
        ("a method with a space", with(":method", Some("GET /x"))),
        ("an empty method", with(":method", Some(""))),
        ("no method", with(":method", None)),
        (
            "a path with a line break",
            with(":path", Some("/x HTTP/1.1\r\nX: y")),
        ),
        ("a path with a space", with(":path", Some("/x HTTP/1.1"))),
        ("a path with a tab", with(":path", Some("/x\ty"))),
        ("a path that begins with no slash", with(":path", Some("x"))),
        ("an empty path", with(":path", Some(""))),
        ("no path", with(":path", None)),
        ("a host with a path", with(":authority", Some("a.test/y"))),
        ("a host with a user", with(":authority", Some("u@a.test"))),
        (
            "a host with a line break",
            with(":authority", Some("a.test\r\nX: y")),
        ),
        ("no host", with(":authority", None)),
        ("no scheme", with(":scheme", None)),
        (
            "CONNECT",
            vec![(":method", "CONNECT"), (":authority", "a.test:443")],
        ),
        (
            "CONNECT of a protocol",
            [
                &with(":method", Some("CONNECT"))[..],
                &[(":protocol", "websocket")],
            ]
            .concat(),
        ),
    ] {
        check(
            &site,
            &format!("{SECTION}, {what}"),
            &request(&headers, &[], None),
            None,
        )
        .await;
    }
}

#[tokio::test]
async fn the_trailers_of_http2_say_nothing_that_a_head_decides() {
    const SECTION: &str = "RFC 9113 section 8.1";
    let site = Site::new().await;
    for (what, trailers, expected) in [
        ("an ordinary trailer", ("x-sum", "1"), Some("hello")),
        ("a length", ("content-length", "9"), Some("hello")),
        ("a host", ("host", "b.test"), Some("hello")),
        ("a coding", ("transfer-encoding", "chunked"), None),
        // The trailers are read without it.
        ("a pseudo-header", (":path", "/y"), Some("hello")),
        ("a line break", ("x", "y\r\nz: 1"), None),
    ] {
        let frames = request(&pseudo("POST"), &["hello"], Some(&[trailers]));
        check(&site, &format!("{SECTION}, {what}"), &frames, expected).await;
    }
}
