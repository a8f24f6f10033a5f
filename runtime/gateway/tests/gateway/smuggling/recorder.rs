//! A service that records the requests that reach it, and reads them as strictly as RFC 9112 allows.

use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::{Running, gateway, register, said, send_heartbeats};

/// One complete request, as the service sees it.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// The first line.
    pub(super) line: String,
    /// Names in lower case, and values.
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Seen {
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(other, _)| other == name);
        named.map(|(_, value)| value.as_str()).collect()
    }
}

#[derive(Debug, Default)]
struct Record {
    requests: Vec<Seen>,
    /// What was wrong with a request.
    faults: Vec<String>,
}

/// A gateway before a service that records.
pub(super) struct Site {
    pub(super) gateway: Running,
    record: Arc<Mutex<Record>>,
    _service: Running,
}

impl Site {
    /// The service has the path `/x`, and answers every request with `ok`.
    pub(super) async fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let record = Arc::<Mutex<Record>>::default();
        let shared = Arc::clone(&record);
        let service = Running::new(
            address,
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream, Arc::clone(&shared)));
                }
            }),
        );
        let gateway = gateway().await;
        register(&gateway, &said("a", &service, json!({"endpoints":["/x"]}))).await;
        send_heartbeats(gateway.address, &["a"]);
        Self {
            gateway,
            record,
            _service: service,
        }
    }

    /// The complete requests since the last call. None of them was malformed.
    pub(super) fn seen(&self) -> Vec<Seen> {
        let record = std::mem::take(&mut *self.record.lock().expect("not poisoned"));
        assert_eq!(record.faults, [""; 0], "{:?}", record.requests);
        record.requests
    }
}

async fn serve(mut stream: TcpStream, record: Arc<Mutex<Record>>) {
    let mut unread = Vec::new();
    while let Some(read) = read_request(&mut stream, &mut unread).await {
        let is_good = read.is_ok();
        {
            let mut record = record.lock().expect("not poisoned");
            match read {
                Ok(request) => record.requests.push(request),
                Err(fault) => record.faults.push(fault),
            }
        }
        let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
        if !is_good || stream.write_all(answer).await.is_err() {
            return;
        }
    }
}

/// `None` if the connection ends before a request is complete.
async fn read_request(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<Result<Seen, String>> {
    let end = position(stream, unread, b"\r\n\r\n").await?;
    let head: Vec<u8> = unread.drain(..end + 4).collect();
    let seen = match head_of(&head[..end]) {
        Ok(seen) => seen,
        Err(fault) => return Some(Err(fault)),
    };
    let body = match (
        seen.values("content-length").first(),
        seen.values("transfer-encoding").first(),
    ) {
        (Some(length), None) => {
            let Ok(length) = length.parse() else {
                return Some(Err(format!("a length of {length}")));
            };
            take(stream, unread, length).await?
        }
        (None, Some(_)) => {
            let mut body = Vec::new();
            loop {
                let end = position(stream, unread, b"\r\n").await?;
                let line: Vec<u8> = unread.drain(..end + 2).collect();
                let line = String::from_utf8_lossy(&line[..end]).into_owned();
                let Ok(size) = usize::from_str_radix(&line, 16) else {
                    return Some(Err(format!("a chunk of {line:?}")));
                };
                if size == 0 {
                    // Trailers, and the empty line.
                    loop {
                        let end = position(stream, unread, b"\r\n").await?;
                        unread.drain(..end + 2);
                        if end == 0 {
                            break;
                        }
                    }
                    break;
                }
                body.extend(take(stream, unread, size).await?);
                take(stream, unread, 2).await?;
            }
            body
        }
        _ => Vec::new(),
    };
    let body = String::from_utf8_lossy(&body).into_owned();
    Some(Ok(Seen { body, ..seen }))
}

/// Where `end` stands in what arrives.
async fn position(stream: &mut TcpStream, unread: &mut Vec<u8>, end: &[u8]) -> Option<usize> {
    loop {
        if let Some(at) = unread.windows(end.len()).position(|window| window == end) {
            return Some(at);
        }
        more(stream, unread).await?;
    }
}

async fn take(stream: &mut TcpStream, unread: &mut Vec<u8>, count: usize) -> Option<Vec<u8>> {
    while unread.len() < count {
        more(stream, unread).await?;
    }
    Some(unread.drain(..count).collect())
}

async fn more(stream: &mut TcpStream, unread: &mut Vec<u8>) -> Option<()> {
    let read = stream.read_buf(unread).await.ok()?;
    (read > 0).then_some(())
}

/// The head of a request, which must have one meaning.
fn head_of(head: &[u8]) -> Result<Seen, String> {
    let text = std::str::from_utf8(head).map_err(|error| error.to_string())?;
    let fault = |what: &str| Err(format!("{what}: {text:?}"));
    let mut lines = text.split("\r\n");
    let line = lines.next().unwrap_or_default().to_owned();
    let parts: Vec<&str> = line.split(' ').collect();
    if parts.len() != 3 || parts[2] != "HTTP/1.1" || !parts[1].starts_with('/') {
        return fault("a first line");
    }
    let mut headers = Vec::new();
    for line in lines {
        let Some((name, value)) = line.split_once(':') else {
            return fault("a line without a colon");
        };
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty()
            || !name.bytes().all(is_token)
            || value.bytes().any(|byte| byte < b' ' && byte != b'\t')
        {
            return fault("a header");
        }
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let seen = Seen {
        line,
        headers,
        body: String::new(),
    };
    let (lengths, codings) = (seen.values("content-length"), seen.values("transfer-encoding"));
    if lengths.len() + codings.len() > 1 {
        return fault("two framings");
    }
    if lengths
        .iter()
        .any(|length| length.is_empty() || !length.bytes().all(|byte| byte.is_ascii_digit()))
    {
        return fault("a length");
    }
    if codings.iter().any(|coding| *coding != "chunked") {
        return fault("a coding");
    }
    if seen.values("host").len() != 1 {
        return fault("not one host");
    }
    Ok(seen)
}
