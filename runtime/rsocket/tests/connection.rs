//! Connections over real sockets.

#[path = "connection/edges.rs"]
mod edges;
#[path = "connection/interactions.rs"]
mod interactions;
#[path = "connection/transports.rs"]
mod transports;

use std::{
    future::{Future, pending},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use bytes::Bytes;
use futures_util::{Stream, StreamExt, stream};
use hydra_runtime_rsocket::{
    Config, Failure, Items, Payload, Requester, Responder, Setup, Transport, connect, receive_setup,
    transport::tcp::Tcp,
};
use tokio::io::{DuplexStream, duplex};

/// A condition that does not come true in this time never will.
const WAIT: Duration = Duration::from_secs(30);

/// Answers as the data of requests say.
#[derive(Clone, Default)]
struct Answers {
    /// Handlers that have begun.
    begun: Arc<AtomicUsize>,
    /// Handlers that ended, in whatever way.
    ended: Arc<AtomicUsize>,
    seen: Arc<Mutex<Vec<Payload>>>,
}

struct Ended(Arc<AtomicUsize>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Answers {
    fn begin(&self) -> Ended {
        self.begun.fetch_add(1, Ordering::SeqCst);
        Ended(self.ended.clone())
    }

    fn number(payload: &Payload) -> usize {
        let text = String::from_utf8_lossy(&payload.data);
        text.rsplit(':')
            .next()
            .and_then(|digits| digits.parse().ok())
            .unwrap_or(0)
    }
}

impl Responder for Answers {
    async fn request_response(&self, request: Payload) -> Result<Payload, Failure> {
        let _ended = self.begin();
        match &request.data[..] {
            b"fail" => Err(Failure::invalid("as asked")),
            b"panic" => panic!("as asked"),
            b"never" => pending().await,
            data if data.starts_with(b"bytes:") => Ok(Payload::new(vec![b'x'; Answers::number(&request)])),
            _ => Ok(request),
        }
    }

    async fn fire_and_forget(&self, request: Payload) {
        let _ended = self.begin();
        assert_ne!(&request.data[..], b"panic");
        self.seen.lock().expect("no panic").push(request);
    }

    fn request_stream(&self, request: Payload) -> impl Stream<Item = Result<Payload, Failure>> + Send {
        let ended = self.begin();
        assert_ne!(&request.data[..], b"panic at once");
        let count = match &request.data[..] {
            b"forever" | b"panic" => usize::MAX,
            _ => Answers::number(&request),
        };
        let panics = &request.data[..] == b"panic";
        let fails = request.data.starts_with(b"fail");
        let items = stream::iter(0..count).map(move |at| {
            let _keeps = &ended;
            assert!(!panics || at < 2, "as asked");
            Ok(Payload::new(at.to_string()))
        });
        let end = if fails {
            vec![Err(Failure::application("as asked"))]
        } else {
            Vec::new()
        };
        items.chain(stream::iter(end))
    }

    fn request_channel(&self, payloads: Items) -> impl Stream<Item = Result<Payload, Failure>> + Send {
        let ended = self.begin();
        payloads.filter_map(move |payload| {
            let _keeps = &ended;
            let answer = payload
                .ok()
                .map(|payload| Ok(Payload::new([b"re:", &payload.data[..]].concat())));
            async { answer }
        })
    }

    async fn metadata_push(&self, metadata: Bytes) {
        let _ended = self.begin();
        self.seen
            .lock()
            .expect("no panic")
            .push(Payload::default().with_metadata(metadata));
    }
}

/// A client and its server over any transports, each with a responder.
async fn pair(
    client: impl Transport,
    server: impl Transport,
    config: &Config,
) -> (Requester, Requester, Answers, Answers) {
    let (of_client, of_server) = (Answers::default(), Answers::default());
    let setup = Setup {
        payload: Payload::from("setup data").with_metadata("setup metadata"),
        ..Setup::default()
    };
    let client = connect(client, setup, of_client.clone(), config.clone()).expect("a small SETUP");
    let incoming = receive_setup(server).await.expect("SETUP");
    assert_eq!(
        incoming.setup.payload,
        Payload::from("setup data").with_metadata("setup metadata")
    );
    let server = incoming.accept(of_server.clone(), config.clone());
    (client, server, of_client, of_server)
}

async fn in_memory(config: &Config) -> (Requester, Requester, Answers, Answers) {
    let (client, server) = pipe();
    pair(client, server, config).await
}

fn pipe() -> (Tcp<DuplexStream>, Tcp<DuplexStream>) {
    let (client, server) = duplex(64 << 10);
    (Tcp::new(client), Tcp::new(server))
}

async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(WAIT, future)
        .await
        .unwrap_or_else(|_| panic!("too late: {what}"))
}

/// Waits until a condition holds.
async fn until(what: &str, condition: impl Fn() -> bool) {
    soon(what, async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

fn text(payload: &Payload) -> String {
    String::from_utf8_lossy(&payload.data).into_owned()
}
