use http::header::{CACHE_CONTROL, VARY};
use proptest::prelude::*;

use super::*;

static WANTED: [HeaderName; 2] = [CACHE_CONTROL, VARY];
const LIMIT: usize = 1_000;

/// What one answer comes to: its status, its body, and whether the connection stays.
type Read = Result<(u16, Vec<u8>, bool), BadAnswer>;

/// Reads `parts` as they come, and then the end of the connection.
fn read<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Read {
    let mut reader = Reader::new(&WANTED, LIMIT);
    for part in parts {
        if reader.take(part)? {
            break;
        }
    }
    let (answer, after) = reader.finish()?;
    Ok((answer.status.as_u16(), answer.body, after == AfterAnswer::Stays))
}

fn check(text: &str, expected: Result<(u16, &str, bool), BadAnswer>) {
    let expected = expected.map(|(status, body, stays)| (status, body.as_bytes().to_vec(), stays));
    assert_eq!(read([text.as_bytes()]), expected, "{text:?}");
    let bytes = text.as_bytes();
    // The end of an answer is known at its last byte, so that what would follow is not seen.
    if expected.as_ref().is_ok_and(|(_, _, stays)| *stays) {
        assert_eq!(read(bytes.chunks(1)), expected, "byte by byte: {text:?}");
    }
}

#[test]
fn an_answer_ends_where_it_says() {
    for (text, expected) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
            (200, "ok", true),
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length:2 \r\n\r\nok",
            (200, "ok", true),
        ),
        ("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", (200, "", true)),
        ("HTTP/1.1 204 No Content\r\n\r\n", (204, "", true)),
        (
            "HTTP/1.1 304 Not Modified\r\ncontent-length: 7\r\n\r\n",
            (304, "", true),
        ),
        (
            "HTTP/1.1 404 Not Found\r\ncontent-length: 1\r\n\r\nx",
            (404, "x", true),
        ),
        ("HTTP/1.1 200 OK\r\n\r\nto the end", (200, "to the end", false)),
        (
            "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
            (200, "ok", false),
        ),
        (
            "HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 2\r\n\r\nok",
            (200, "ok", false),
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
            (200, "ok", true),
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n1;a=\"b\"\r\no\r\n001\r\nk\r\n0\r\nx: y\r\n\r\n",
            (200, "ok", true),
        ),
        (
            "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nx",
            (200, "x", true),
        ),
    ] {
        check(text, Ok(expected));
    }
}

#[test]
fn what_follows_an_answer_costs_its_connection() {
    for text in [
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nx",
    ] {
        check(text, Ok((200, "ok", false)));
    }
    check("HTTP/1.1 204 No Content\r\n\r\nbody", Ok((204, "", false)));
}

#[test]
fn an_answer_that_can_be_read_in_two_ways_is_refused() {
    let head = |headers: &str| format!("HTTP/1.1 200 OK\r\n{headers}\r\n\r\n2\r\nok\r\n0\r\n\r\n");
    for headers in [
        "content-length: 2\r\ncontent-length: 3",
        "content-length: 2, 3",
        "content-length: 2\r\ntransfer-encoding: chunked",
        "transfer-encoding: chunked\r\ntransfer-encoding: chunked",
        "transfer-encoding: gzip, chunked",
        "transfer-encoding: identity",
        "transfer-encoding: xchunked",
        "transfer-encoding:",
        "content-length: +2",
        "content-length: -2",
        "content-length: 0x2",
        "content-length: 2 2",
        "content-length:",
        "content-length: 99999999999999999999999",
        "content length: 2",
        "content-length\r\n: 2",
        "a: b\r\n folded: c",
        "a\0b: c",
        "a: b\0",
        "a: b\rc: d",
    ] {
        let read = read([head(headers).as_bytes()]);
        assert!(matches!(read, Err(BadAnswer::Head(_))), "{headers:?}: {read:?}");
    }
    let read = read([&b"HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"[..]]);
    assert!(matches!(read, Err(BadAnswer::Head(_))), "{read:?}");
}

#[test]
fn chunks_that_are_none_are_refused() {
    for chunks in [
        "\r\n",
        ";\r\n",
        "g\r\n",
        "-1\r\n",
        "+1\r\nx\r\n",
        "0x1\r\nx\r\n",
        "1\nx\r\n",
        "1\r\nxx\r\n",
        "1\r\nx\n",
        "1;a\nx",
        "00000000000000001\r\nx\r\n",
        "0\r\n\n",
        "0\r\nx: y\n\n",
    ] {
        let text = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(read([text.as_bytes()]), Err(BadAnswer::Chunks), "{chunks:?}");
    }
}

#[test]
fn an_answer_that_ends_early_has_broken_off() {
    for text in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
    ] {
        check(text, Err(BadAnswer::BrokenOff));
    }
}

#[test]
fn everything_has_a_bound() {
    let body = |length: usize| format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(length));
    assert!(read([body(LIMIT).as_bytes()]).is_ok());
    check(&body(LIMIT + 1), Err(BadAnswer::TooLong(LIMIT)));
    check(
        "HTTP/1.1 200 OK\r\ncontent-length: 1001\r\n\r\n",
        Err(BadAnswer::TooLong(LIMIT)),
    );
    for size in ["3e9", "ffffffffffffffff"] {
        let text = format!(
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{size}\r\n{}",
            "x".repeat(LIMIT + 1)
        );
        assert_eq!(read([text.as_bytes()]), Err(BadAnswer::TooLong(LIMIT)));
    }
    let long = "x".repeat(70_000);
    for head in [
        long.clone(),
        format!("HTTP/1.1 200 OK\r\na: {long}\r\n\r\n"),
        "HTTP/1.1 100 Continue\r\n\r\n".repeat(5_000),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(200)),
    ] {
        for size in [usize::MAX, 1_000] {
            let read = read(head.as_bytes().chunks(size.min(head.len())));
            assert!(matches!(read, Err(BadAnswer::Head(_))), "{read:?}");
        }
    }
    for extra in [format!("1;{long}\r\nx\r\n"), format!("0\r\na: {long}\r\n\r\n")] {
        let text = format!("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n{extra}");
        assert_eq!(read([text.as_bytes()]), Err(BadAnswer::Chunks));
    }
}

#[test]
fn only_wanted_headers_are_kept() {
    let text = b"HTTP/1.1 200 OK\r\nserver: x\r\nVary: a\r\ncache-control: max-age=1\r\nvary: b\r\ncontent-length: 0\r\n\r\n";
    let mut reader = Reader::new(&WANTED, LIMIT);
    assert_eq!(reader.take(text), Ok(true));
    let (answer, _) = reader.finish().expect("an answer");
    let vary: Vec<_> = answer.headers.get_all(VARY).iter().collect();
    assert_eq!((vary.len(), answer.headers.len()), (2, 3));
    assert_eq!(answer.headers[CACHE_CONTROL], "max-age=1");
}

#[test]
fn an_answer_nobody_asked_for_is_none() {
    let upgrade = "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n";
    for text in [
        upgrade,
        "\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/2 200\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "{}\n\n",
    ] {
        let read = read([text.as_bytes()]);
        assert!(matches!(read, Err(BadAnswer::Head(_))), "{text:?}: {read:?}");
    }
}

/// A well-formed answer, and what it holds.
fn an_answer() -> impl Strategy<Value = (Vec<u8>, Vec<u8>)> {
    let pieces = proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..60), 0..6);
    (pieces, 0..3_u8, 0..3_usize).prop_map(|(pieces, kind, interim)| {
        let body = pieces.concat();
        let mut bytes = b"HTTP/1.1 100 Continue\r\nx: y\r\n\r\n".repeat(interim);
        bytes.extend(b"HTTP/1.1 200 OK\r\nvary: x\r\n");
        if kind == 0 {
            bytes.extend(format!("content-length: {}\r\n\r\n", body.len()).bytes());
            bytes.extend(&body);
        } else {
            bytes.extend(b"transfer-encoding: chunked\r\n\r\n");
            for piece in &pieces {
                let extension = if kind == 1 { "" } else { " ;a=b" };
                bytes.extend(format!("{:x}{extension}\r\n", piece.len()).bytes());
                bytes.extend(piece);
                bytes.extend(b"\r\n");
            }
            bytes.extend(if kind == 1 {
                &b"0\r\n\r\n"[..]
            } else {
                b"00\r\na: b\r\nc: d\r\n\r\n"
            });
        }
        (bytes, body)
    })
}

/// `bytes` in parts, cut at random.
fn cut(bytes: &[u8], cuts: &[prop::sample::Index]) -> Vec<Vec<u8>> {
    let mut places: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    places
        .windows(2)
        .map(|two| bytes[two[0]..two[1]].to_vec())
        .collect()
}

proptest! {
    #[test]
    fn how_an_answer_is_cut_makes_no_difference(
        (bytes, body) in an_answer(),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let parts = cut(&bytes, &cuts);
        let read = read(parts.iter().map(Vec::as_slice).filter(|part| !part.is_empty()));
        prop_assert_eq!(read, Ok((200, body, true)));
    }

    #[test]
    fn a_part_of_an_answer_is_never_taken_for_all_of_it((bytes, _) in an_answer(), at in any::<prop::sample::Index>()) {
        let part = &bytes[..at.index(bytes.len())];
        prop_assert_eq!(read([part]), Err(BadAnswer::BrokenOff));
    }

    #[test]
    fn an_answer_with_something_changed_ends_in_an_answer_or_an_error(
        (mut bytes, _) in an_answer(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..5),
    ) {
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if let Ok((_, body, _)) = read(cut(&bytes, &cuts).iter().map(Vec::as_slice)) {
            prop_assert!(body.len() <= LIMIT);
        }
    }

    #[test]
    fn garbage_is_never_an_answer(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assume!(!bytes.starts_with(b"HTTP/"));
        prop_assert!(read([bytes.as_slice()]).is_err());
    }
}
