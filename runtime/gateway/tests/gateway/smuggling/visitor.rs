//! Sends requests of HTTP/1 byte by byte, and sees what becomes of them.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use super::recorder::Site;

/// What becomes of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    /// Nothing of it reaches the service, its answer has one of these statuses, and the connection closes.
    Refused(&'static [u16]),
    /// It reaches the service with this body, and the next request on the connection is answered by itself.
    Passed(&'static str),
    /// It reaches the service with this body, and the connection closes.
    PassedAndClosed(&'static str),
    /// It is answered by the gateway itself with this status, and the next request is answered by itself.
    Answered(u16),
}
use self::Fate::{Answered, Passed, PassedAndClosed, Refused};

pub(super) const BAD: Fate = Refused(&[400]);
/// Follows each request on its connection.
const NEXT: &str = "GET /x?next HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";

/// A `POST` with these lines and this text behind the head.
pub(super) fn post(lines: &str, text: &str) -> Vec<u8> {
    format!("POST /x?first HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n{text}").into_bytes()
}

/// A `GET` with these lines.
pub(super) fn get(lines: &str) -> Vec<u8> {
    format!("GET /x?first HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n").into_bytes()
}

pub(super) fn raw(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

/// Sends the bytes and another request behind them, and returns all that comes until the connection closes.
async fn converse(site: &Site, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(site.gateway.address).await.expect("a gateway");
    let all = [bytes, NEXT.as_bytes()].concat();
    // A connection that is refused early may be closed before everything is written.
    let _ = stream.write_all(&all).await;
    let mut answers = Vec::new();
    let read = async {
        let mut buffer = [0; 4096];
        while let Ok(count) = stream.read(&mut buffer).await {
            if count == 0 {
                break;
            }
            answers.extend(&buffer[..count]);
        }
    };
    let closed = tokio::time::timeout(Duration::from_secs(20), read).await;
    let answers = String::from_utf8_lossy(&answers).into_owned();
    assert!(closed.is_ok(), "the connection stays open: {answers:?}");
    answers
}

/// The statuses of the answers.
fn statuses(answers: &str) -> Vec<u16> {
    let starts = answers.split("HTTP/1.1 ").skip(1);
    starts.map(|rest| rest[..3].parse().expect("a status")).collect()
}

pub(super) async fn check(rows: Vec<(&str, &str, Vec<u8>, Fate)>) {
    let site = Site::new().await;
    for (section, what, bytes, fate) in rows {
        let answers = converse(&site, &bytes).await;
        let (statuses, seen) = (statuses(&answers), site.seen());
        let shown = format!("{section}, {what}: {answers:?} {seen:?}");
        let lines: Vec<_> = seen.iter().map(|request| request.line.as_str()).collect();
        let is = |end: &str| lines.last().is_some_and(|line| line.contains(end));
        match fate {
            Refused(expected) => {
                assert!(seen.is_empty() && statuses.len() == 1, "{shown}");
                assert!(expected.contains(&statuses[0]), "{shown}");
            }
            Passed(body) => {
                assert_eq!(statuses, [200, 200], "{shown}");
                assert!(
                    seen.len() == 2 && seen[0].body == body && is("/x?next"),
                    "{shown}"
                );
            }
            PassedAndClosed(body) => {
                assert_eq!(statuses, [200], "{shown}");
                assert!(
                    seen.len() == 1 && seen[0].body == body && is("/x?first"),
                    "{shown}"
                );
            }
            Answered(status) => {
                assert_eq!(statuses, [status, 200], "{shown}");
                assert!(seen.len() == 1 && is("/x?next"), "{shown}");
            }
        }
    }
}
