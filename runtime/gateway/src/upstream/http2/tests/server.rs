//! Servers that speak HTTP/2 frame by frame, as a test wants.

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::SeqCst},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::registry::instance::Address;

pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RESET: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const PING: u8 = 6;
pub(super) const GO_AWAY: u8 = 7;
pub(super) const END_STREAM: u8 = 1;
pub(super) const END_HEADERS: u8 = 4;
/// The block of headers that is `:status: 200`.
pub(super) const STATUS_200: &[u8] = &[0x88];
pub(super) const REFUSED_STREAM: u32 = 7;

/// One connection of a server.
pub(super) struct Wire {
    stream: TcpStream,
    /// How many connections were accepted before this one.
    pub(super) nth: usize,
}

/// A frame that a client sent.
#[derive(Debug)]
pub(super) struct Frame {
    pub(super) kind: u8,
    pub(super) stream: u32,
}

impl Wire {
    /// Sends a frame. Returns whether the client is still there.
    pub(super) async fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
        let frame = [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat();
        self.stream.write_all(&frame).await.is_ok()
    }

    /// Sends the settings of the server.
    pub(super) async fn begin(&mut self) {
        self.begin_with(&[]).await;
    }

    /// Sends these settings (RFC 9113 section 6.5.1).
    pub(super) async fn begin_with(&mut self, settings: &[u8]) {
        let mut preface = [0; 24];
        self.stream.read_exact(&mut preface).await.expect("a preface");
        self.send(SETTINGS, 0, 0, settings).await;
    }

    /// Answers a request without a body.
    pub(super) async fn answer(&mut self, stream: u32) {
        self.send(HEADERS, END_STREAM | END_HEADERS, stream, STATUS_200)
            .await;
    }

    pub(super) async fn reset(&mut self, stream: u32, reason: u32) {
        self.send(RESET, 0, stream, &reason.to_be_bytes()).await;
    }

    pub(super) async fn go_away(&mut self, last: u32) {
        let payload = [last.to_be_bytes(), [0; 4]].concat();
        self.send(GO_AWAY, 0, 0, &payload).await;
    }

    /// The next frame. `None`: the client has closed the connection.
    pub(super) async fn frame(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.stream.read_exact(&mut head).await.ok()?;
        let [high, middle, low, kind, _, stream @ ..] = head;
        let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
        self.stream.read_exact(&mut payload).await.ok()?;
        Some(Frame {
            kind,
            stream: u32::from_be_bytes(stream),
        })
    }

    /// The stream of the next request. `None`: the client has closed the connection.
    pub(super) async fn request(&mut self) -> Option<u32> {
        self.until(|frame| frame.kind == HEADERS)
            .await
            .map(|frame| frame.stream)
    }

    pub(super) async fn until(&mut self, is_it: impl Fn(&Frame) -> bool) -> Option<Frame> {
        loop {
            let frame = self.frame().await?;
            if is_it(&frame) {
                return Some(frame);
            }
        }
    }

    pub(super) async fn write(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes).await;
    }

    pub(super) fn into_stream(self) -> TcpStream {
        self.stream
    }
}

/// The address of a server, and how many connections it has accepted.
pub(super) async fn server<F: Future<Output = ()> + Send + 'static>(
    serve: impl Fn(Wire) -> F + Send + 'static,
) -> (Address, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let accepted = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&accepted);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            stream.set_nodelay(true).expect("a socket");
            let nth = count.fetch_add(1, SeqCst);
            tokio::spawn(serve(Wire { stream, nth }));
        }
    });
    let address = Address::new("127.0.0.1".to_owned(), port, false).over_http2(true);
    (address, accepted)
}
