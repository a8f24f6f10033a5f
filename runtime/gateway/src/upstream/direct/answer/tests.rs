use proptest::prelude::*;

use super::*;

/// An answer as its parts: the status, the headers, the body, the trailers, and whether its connection stays.
type Parts = (u16, Vec<String>, String, Vec<String>, bool);

fn lines(headers: &HeaderMap) -> Vec<String> {
    let line =
        |(name, value): (&HeaderName, &HeaderValue)| format!("{name}: {}", value.to_str().unwrap_or("?"));
    headers.iter().map(line).collect()
}

/// Reads an answer that arrives in these pieces, after which the connection ends. `None`: the body broke off. Returns what is
/// left, too.
fn read(is_head: bool, pieces: &[&[u8]]) -> Result<Option<(Parts, Vec<u8>)>, &'static str> {
    let mut pieces = pieces.iter();
    let (mut reader, mut arrived) = (HeadReader::new(is_head), BytesMut::new());
    let mut head = loop {
        match reader.take(&mut arrived)? {
            Some(head) => break head,
            None => match pieces.next() {
                Some(piece) => arrived.extend_from_slice(piece),
                None => return Ok(None),
            },
        }
    };
    let (mut body, mut trailers) = (Vec::new(), HeaderMap::new());
    loop {
        match head.left.take(&mut arrived).map_err(|_| "chunks")? {
            Piece::Data(data) => body.extend_from_slice(&data),
            Piece::Trailers(lines) => trailers = lines,
            Piece::End => break,
            Piece::Missing => match pieces.next() {
                Some(piece) => arrived.extend_from_slice(piece),
                None if head.left == Remaining::UntilClose => break,
                None => return Ok(None),
            },
        }
    }
    let left: Vec<u8> = arrived.iter().chain(pieces.copied().flatten()).copied().collect();
    let status = head.response.status().as_u16();
    let parts = (
        status,
        lines(head.response.headers()),
        String::from_utf8_lossy(&body).into_owned(),
        lines(&trailers),
        head.stays,
    );
    Ok(Some((parts, left)))
}

struct Case {
    answer: &'static str,
    is_head: bool,
    expected: (
        u16,
        &'static [&'static str],
        &'static str,
        &'static [&'static str],
        bool,
    ),
    left: &'static str,
}

const fn case(
    answer: &'static str,
    expected: (
        u16,
        &'static [&'static str],
        &'static str,
        &'static [&'static str],
        bool,
    ),
    left: &'static str,
) -> Case {
    Case {
        answer,
        is_head: false,
        expected,
        left,
    }
}

const CASES: [Case; 16] = [
    case(
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A:  1 \r\nx-a: 2\r\n\r\nok",
        (200, &["content-length: 2", "x-a: 1", "x-a: 2"], "ok", &[], true),
        "",
    ),
    case(
        "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        (200, &["content-length: 0"], "", &[], true),
        "",
    ),
    case(
        "HTTP/1.1 200 OK\ncontent-length: 2\n\nok",
        (200, &["content-length: 2"], "ok", &[], true),
        "",
    ),
    case(
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokmore",
        (200, &["content-length: 2"], "ok", &[], true),
        "more",
    ),
    case(
        "HTTP/1.1 200 OK\r\n\r\nall of it",
        (200, &[], "all of it", &[], false),
        "",
    ),
    case(
        "HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
        (200, &["content-length: 2"], "ok", &[], false),
        "",
    ),
    case(
        "HTTP/1.1 200 OK\r\nconnection: x, Close\r\ncontent-length: 2\r\n\r\nok",
        (
            200,
            &["connection: x, Close", "content-length: 2"],
            "ok",
            &[],
            false,
        ),
        "",
    ),
    case(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0A;x=y\r\n, and more\r\n0\r\n\r\nx",
        (200, &["transfer-encoding: chunked"], "ok, and more", &[], true),
        "x",
    ),
    case(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX-Sum: 1\r\nX-Sum:2 \r\n\r\n",
        (
            200,
            &["transfer-encoding: chunked"],
            "ok",
            &["x-sum: 1", "x-sum: 2"],
            true,
        ),
        "",
    ),
    case(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
        (200, &["transfer-encoding: chunked"], "", &[], true),
        "",
    ),
    case("HTTP/1.1 204 No Content\r\n\r\nx", (204, &[], "", &[], true), "x"),
    case(
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
        (304, &["content-length: 9"], "", &[], true),
        "",
    ),
    case(
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        (200, &["content-length: 2", "link: </a>"], "ok", &[], true),
        "",
    ),
    // The server of the visitor refuses it.
    case(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\nx",
        (101, &["upgrade: websocket"], "", &[], false),
        "x",
    ),
    Case {
        is_head: true,
        ..case(
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n",
            (200, &["content-length: 9"], "", &[], true),
            "",
        )
    },
    Case {
        is_head: true,
        ..case("HTTP/1.1 200 OK\r\n\r\n", (200, &[], "", &[], true), "")
    },
];

fn check(case: &Case, pieces: &[&[u8]]) {
    let (status, headers, body, trailers, stays) = case.expected;
    let texts = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect();
    let expected = (status, texts(headers), body.to_owned(), texts(trailers), stays);
    let read = read(case.is_head, pieces);
    assert_eq!(
        read,
        Ok(Some((expected, case.left.as_bytes().to_vec()))),
        "{}",
        case.answer
    );
}

#[test]
fn an_answer_is_the_same_however_it_arrives() {
    for case in &CASES {
        let bytes = case.answer.as_bytes();
        check(case, &[bytes]);
        check(case, &bytes.chunks(1).collect::<Vec<_>>());
        for at in 0..bytes.len() {
            let (first, second) = bytes.split_at(at);
            check(case, &[first, second]);
        }
    }
}

#[test]
fn what_is_no_answer_is_refused() {
    for (answer, expected) in [
        ("nonsense\r\n\r\n", "it is not HTTP/1.1"),
        ("HTTP/1.1 200 OK\r\nx y: 1\r\n\r\n", "it is not HTTP/1.1"),
        ("HTTP/1.1 200 OK\r\nx: 1\r\n folded\r\n\r\n", "it is not HTTP/1.1"),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n",
            "it says twice how long its body is",
        ),
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ntransfer-encoding: chunked\r\n\r\n",
            "it says twice how long its body is",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n",
            "its transfer coding is not known",
        ),
        (
            "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "its transfer coding is not known",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n",
            "chunks",
        ),
        (
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\nno header\r\n\r\n",
            "chunks",
        ),
    ] {
        assert_eq!(read(false, &[answer.as_bytes()]), Err(expected), "{answer}");
    }
    for answer in [
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
    ] {
        assert_eq!(read(false, &[answer.as_bytes()]), Ok(None), "{answer}");
    }
    let long = format!(
        "HTTP/1.1 200 OK\r\nx: {}\r\n\r\n",
        "x".repeat(MAX_ANSWER_HEAD_BYTES)
    );
    assert_eq!(read(false, &[long.as_bytes()]), Err(TOO_LARGE));
    assert_eq!(
        read(false, &[&long.as_bytes()[..MAX_ANSWER_HEAD_BYTES + 1]]),
        Err(TOO_LARGE)
    );
    let many = "HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n".repeat(MAX_ANSWER_HEAD_BYTES / 30);
    assert_eq!(read(false, &[many.as_bytes()]), Err(TOO_LARGE));
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..200), start in 0..CASES.len()) {
        let first = CASES[start].answer.as_bytes();
        let half = &first[..first.len() / 2];
        let _ = read(false, &[&bytes]);
        let _ = read(false, &[half, &bytes]);
        let _ = read(CASES[start].is_head, &[first, &bytes]);
    }
}
