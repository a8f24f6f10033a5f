//! Answers of a service that two readers may read differently: a visitor gets 502 or the one meaning, and no other visitor
//! gets anything of it.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::{Running, gateway, get, register, said, send_heartbeats};

/// What a visitor gets.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// 502.
    Refused,
    /// The answer with this status and body.
    Passed(u16, &'static str),
    /// An answer that breaks off, so that the visitor knows that it is not whole.
    Broken,
}
use Fate::{Broken, Passed, Refused};

/// A gateway before a service that answers `/x?bad` with the bytes that are set, and all else with `own`.
struct Site {
    gateway: Running,
    answer: Arc<Mutex<Vec<u8>>>,
    _service: Running,
}

impl Site {
    async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let answer = Arc::<Mutex<Vec<u8>>>::default();
        let bad = Arc::clone(&answer);
        let service = Running::new(
            address,
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&bad)));
                }
            }),
        );
        let gateway = gateway().await;
        register(&gateway, &said("a", &service, json!({"endpoints":["/x"]}))).await;
        send_heartbeats(gateway.address, &["a"]);
        Self {
            gateway,
            answer,
            _service: service,
        }
    }

    /// All that a visitor gets for a request with this method.
    async fn ask(&self, method: &str) -> String {
        let mut stream = TcpStream::connect(self.gateway.address).await.expect("a gateway");
        let request = format!("{method} /x?bad HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut all = Vec::new();
        // An answer that breaks off may end with a reset.
        let read = tokio::time::timeout(Duration::from_secs(20), stream.read_to_end(&mut all)).await;
        assert!(read.is_ok(), "no end: {all:?}");
        String::from_utf8_lossy(&all).into_owned()
    }
}

/// Answers until the connection ends. A bad answer that needs its end is followed by it.
async fn serve(mut stream: TcpStream, bad: Arc<Mutex<Vec<u8>>>) {
    let mut unread = Vec::new();
    loop {
        while !unread.windows(4).any(|window| window == b"\r\n\r\n") {
            match stream.read_buf(&mut unread).await {
                Ok(count) if count > 0 => {}
                _ => return,
            }
        }
        let is_bad = unread.windows(4).any(|window| window == b"?bad");
        unread.clear();
        if !is_bad {
            let own = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nown";
            if stream.write_all(own).await.is_err() {
                return;
            }
            continue;
        }
        let answer = bad.lock().expect("not poisoned").clone();
        let _ = stream.write_all(&answer).await;
        // Nothing more comes from this service on this connection.
        let _ = stream.shutdown().await;
    }
}

/// The status and the body of an answer; no body if it is not whole. Status 0: the connection closed before the head.
fn read(answer: &str, method: &str) -> (u16, Option<String>) {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return (0, None);
    };
    let head = head.to_ascii_lowercase();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok());
    let status = status.expect("a status");
    if method == "HEAD" || status == 204 || status == 304 {
        return (status, body.is_empty().then(String::new));
    }
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    if let Some(length) = length {
        let length: usize = length.parse().expect("a length");
        return (status, (body.len() == length).then(|| body.to_owned()));
    }
    assert!(head.contains("transfer-encoding: chunked"), "{head}");
    let (mut rest, mut whole) = (body, String::new());
    loop {
        let Some((size, more)) = rest.split_once("\r\n") else {
            return (status, None);
        };
        let size = usize::from_str_radix(size, 16).expect("a size");
        match more.get(..size) {
            Some("") => return (status, Some(whole)),
            Some(piece) => whole += piece,
            None => return (status, None),
        }
        rest = &more[size + 2..];
    }
}

fn ok(lines: &str, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\n{lines}\r\n{body}").into_bytes()
}

async fn check(rows: Vec<(&str, &str, &str, Vec<u8>, Fate)>) {
    let site = Site::new().await;
    for (section, what, method, bytes, fate) in rows {
        *site.answer.lock().expect("not poisoned") = bytes;
        let answer = site.ask(method).await;
        let shown = format!("{section}, {what}: {answer:?}");
        assert!(!answer.contains("stolen"), "{shown}");
        let (status, body) = read(&answer, method);
        match fate {
            Refused => assert_eq!(status, 502, "{shown}"),
            Passed(expected, text) => {
                assert_eq!((status, body.as_deref()), (expected, Some(text)), "{shown}");
            }
            Broken => assert!(status == 502 || body.is_none(), "{shown}"),
        }
        for _ in 0..2 {
            let other = get(&site.gateway.url("/x?good")).await;
            assert_eq!((other.status.as_u16(), other.text()), (200, "own"), "{shown}");
        }
    }
}

#[tokio::test]
async fn the_end_of_an_answer_has_one_meaning() {
    const LENGTH: &str = "RFC 9112 section 6.3";
    const CODING: &str = "RFC 9112 section 6.1";
    const CHUNK: &str = "RFC 9112 section 7.1";
    const STOLEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen";
    let length = |value: &str| ok(&format!("content-length:{value}\r\n"), "hello");
    let coding = |value: &str| {
        ok(
            &format!("transfer-encoding:{value}\r\n"),
            "5\r\nhello\r\n0\r\n\r\n",
        )
    };
    let chunks = |text: &str| ok("transfer-encoding: chunked\r\n", text);
    let with_more = |lines: &str, body: &str| ok(lines, &format!("{body}{STOLEN}"));
    let old = |lines: &str| format!("HTTP/1.0 200 OK\r\n{lines}\r\n5\r\nhello\r\n0\r\n\r\n").into_bytes();
    let bare = |status: &str| format!("HTTP/1.1 {status}\r\ncontent-length: 6\r\n\r\nstolen").into_bytes();
    check(vec![
        (LENGTH, "a length", "GET", length(" 5"), Passed(200, "hello")),
        (
            LENGTH,
            "until it closes",
            "GET",
            ok("", "hello"),
            Passed(200, "hello"),
        ),
        (
            LENGTH,
            "more than the length",
            "GET",
            with_more("content-length: 5\r\n", "hello"),
            Passed(200, "hello"),
        ),
        (LENGTH, "less than the length", "GET", length(" 9"), Broken),
        (
            LENGTH,
            "two lengths",
            "GET",
            length(" 5\r\ncontent-length: 6"),
            Refused,
        ),
        (
            LENGTH,
            "a length twice",
            "GET",
            length(" 5\r\ncontent-length: 5"),
            Passed(200, "hello"),
        ),
        (
            LENGTH,
            "a list of equal lengths",
            "GET",
            length(" 5, 5"),
            Passed(200, "hello"),
        ),
        (LENGTH, "a list of lengths", "GET", length(" 5, 6"), Refused),
        (LENGTH, "a plus", "GET", length(" +5"), Refused),
        (LENGTH, "a minus", "GET", length(" -5"), Refused),
        (LENGTH, "hexadecimal", "GET", length(" 0x5"), Refused),
        (LENGTH, "two numbers", "GET", length(" 5 5"), Refused),
        (
            LENGTH,
            "20 digits",
            "GET",
            length(" 99999999999999999999"),
            Refused,
        ),
        (LENGTH, "nothing", "GET", length(""), Refused),
        (
            LENGTH,
            "a body of 204",
            "GET",
            bare("204 No Content"),
            Passed(204, ""),
        ),
        (
            LENGTH,
            "a body of 304",
            "GET",
            bare("304 Not Modified"),
            Passed(304, ""),
        ),
        (LENGTH, "a body for HEAD", "HEAD", bare("200 OK"), Passed(200, "")),
        (
            LENGTH,
            "chunks for HEAD",
            "HEAD",
            coding(" chunked"),
            Passed(200, ""),
        ),
        (
            CODING,
            "a length and chunks",
            "GET",
            coding(" chunked\r\ncontent-length: 5"),
            Refused,
        ),
        (CODING, "xchunked", "GET", coding(" xchunked"), Refused),
        (
            CODING,
            "identity last",
            "GET",
            coding(" chunked, identity"),
            Refused,
        ),
        (
            CODING,
            "identity first",
            "GET",
            coding(" identity, chunked"),
            Refused,
        ),
        (
            CODING,
            "two lines",
            "GET",
            coding(" chunked\r\ntransfer-encoding: identity"),
            Refused,
        ),
        (
            CODING,
            "chunks twice",
            "GET",
            coding(" chunked\r\ntransfer-encoding: chunked"),
            Refused,
        ),
        (CODING, "nothing", "GET", coding(""), Refused),
        (
            CODING,
            "chunks of HTTP/1.0",
            "GET",
            old("transfer-encoding: chunked\r\n"),
            Refused,
        ),
        (
            CODING,
            "Connection names the coding",
            "GET",
            coding(" chunked\r\nconnection: transfer-encoding"),
            Passed(200, "hello"),
        ),
        (
            CODING,
            "Connection names the length",
            "GET",
            length(" 5\r\nconnection: content-length"),
            Passed(200, "hello"),
        ),
        (
            CHUNK,
            "chunks",
            "GET",
            chunks("5\r\nhello\r\n0\r\n\r\n"),
            Passed(200, "hello"),
        ),
        (
            CHUNK,
            "more than the chunks",
            "GET",
            with_more("transfer-encoding: chunked\r\n", "5\r\nhello\r\n0\r\n\r\n"),
            Passed(200, "hello"),
        ),
        (CHUNK, "a plus", "GET", chunks("+5\r\nhello\r\n0\r\n\r\n"), Broken),
        (CHUNK, "0x", "GET", chunks("0x5\r\nhello\r\n0\r\n\r\n"), Broken),
        (
            CHUNK,
            "more than 64 bits",
            "GET",
            chunks("10000000000000005\r\nhello\r\n0\r\n\r\n"),
            Broken,
        ),
        (
            CHUNK,
            "nothing behind the chunk",
            "GET",
            chunks("5\r\nhello0\r\n\r\n"),
            Broken,
        ),
        (CHUNK, "no last chunk", "GET", chunks("5\r\nhello\r\n"), Broken),
        (CHUNK, "half a chunk", "GET", chunks("9\r\nhello"), Broken),
    ])
    .await;
}

#[tokio::test]
async fn the_head_of_an_answer_has_one_meaning() {
    const LINE: &str = "RFC 9112 section 4";
    const BREAK: &str = "RFC 9112 section 2.2";
    const FOLD: &str = "RFC 9112 section 5.2";
    const VALUE: &str = "RFC 9110 section 5.5";
    const INTERIM: &str = "RFC 9110 section 15.2";
    let first = |line: &str| format!("{line}\r\ncontent-length: 5\r\n\r\nhello").into_bytes();
    let with = |line: &str| ok(&format!("{line}\r\ncontent-length: 5\r\n"), "hello");
    let after =
        |interim: &str| format!("{interim}HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").into_bytes();
    check(vec![
        (
            LINE,
            "no reason",
            "GET",
            first("HTTP/1.1 200"),
            Passed(200, "hello"),
        ),
        (
            LINE,
            "an empty reason",
            "GET",
            first("HTTP/1.1 200 "),
            Passed(200, "hello"),
        ),
        (LINE, "four digits", "GET", first("HTTP/1.1 2000 OK"), Refused),
        (LINE, "two digits", "GET", first("HTTP/1.1 20 OK"), Refused),
        (LINE, "letters", "GET", first("HTTP/1.1 abc OK"), Refused),
        (LINE, "no version", "GET", first("200 OK"), Refused),
        (LINE, "another version", "GET", first("HTTP/3.0 200 OK"), Refused),
        (LINE, "another protocol", "GET", first("ICY 200 OK"), Refused),
        (LINE, "nothing at all", "GET", Vec::new(), Refused),
        (
            LINE,
            "half a head",
            "GET",
            b"HTTP/1.1 200 OK\r\ncontent-le".to_vec(),
            Refused,
        ),
        (
            BREAK,
            "a bare CR in a value",
            "GET",
            with("x: a\rcontent-length: 0"),
            Refused,
        ),
        (
            BREAK,
            "a bare LF",
            "GET",
            with("x: a\ny: b"),
            Passed(200, "hello"),
        ),
        (FOLD, "a folded line", "GET", with("x: a\r\n b"), Refused),
        (
            FOLD,
            "a folded length",
            "GET",
            ok("content-length: 5\r\n 0\r\n", "hello"),
            Refused,
        ),
        (VALUE, "NUL in a value", "GET", with("x: a\0b"), Refused),
        (VALUE, "NUL in a name", "GET", with("x\0: a"), Refused),
        (VALUE, "a space in a name", "GET", with("x y: a"), Refused),
        (VALUE, "no colon", "GET", with("x"), Refused),
        (
            INTERIM,
            "interim answers",
            "GET",
            after(&"HTTP/1.1 102 Processing\r\n\r\n".repeat(20)),
            Passed(200, "hello"),
        ),
        (
            INTERIM,
            "a switch of protocols",
            "GET",
            first("HTTP/1.1 101 Switching Protocols"),
            Refused,
        ),
    ])
    .await;
}
