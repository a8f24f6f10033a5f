//! The bytes of a connection, whose frames are watched on their way to the library.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, ready},
    time::Instant,
};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::oneshot,
};

use super::meter::{FrameMeter, Misbehaviour};
use crate::upstream::stream::Stream;

/// Told once: the server speaks HTTP/2, or why it does not. Dropped if the connection ends before that.
pub(super) type Begun = oneshot::Sender<Result<(), Misbehaviour>>;

/// What a server has sent so far.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    reads: AtomicU64,
    empty_frames: AtomicUsize,
}

impl Traffic {
    /// How often bytes arrived.
    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Relaxed)
    }

    /// How many frames of data without data have come.
    pub(super) fn empty_frames(&self) -> usize {
        self.empty_frames.load(Relaxed)
    }
}

/// A connection whose frames are watched.
pub(super) struct WatchedStream {
    stream: Stream,
    meter: FrameMeter,
    traffic: Arc<Traffic>,
    begun: Option<Begun>,
}

impl WatchedStream {
    pub(super) fn new(stream: Stream, traffic: Arc<Traffic>, begun: Begun) -> Self {
        Self {
            stream,
            meter: FrameMeter::new(Instant::now()),
            traffic,
            begun: Some(begun),
        }
    }

    fn watch(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            self.begun = None;
            return Ok(());
        }
        let watched = self.meter.received(bytes, Instant::now());
        self.traffic.reads.fetch_add(1, Relaxed);
        let empty_frames = self.meter.empty_frames();
        self.traffic.empty_frames.store(empty_frames, Relaxed);
        if (self.meter.has_begun() || watched.is_err())
            && let Some(begun) = self.begun.take()
        {
            // The opening of the connection may have been given up.
            let _ = begun.send(watched);
        }
        watched.map_err(io::Error::other)
    }

    /// Watches as many of these bytes as were written.
    fn wrote<'a>(&mut self, parts: impl IntoIterator<Item = &'a [u8]>, written: usize) {
        let mut left = written;
        for part in parts {
            let (sent, _) = part.split_at(left.min(part.len()));
            left -= sent.len();
            self.meter.sent(sent);
        }
    }
}

impl AsyncRead for WatchedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        Poll::Ready(self.watch(buffer.filled().get(before..).unwrap_or_default()))
    }
}

impl AsyncWrite for WatchedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.wrote([bytes], written);
        Poll::Ready(Ok(written))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, parts))?;
        self.wrote(parts.iter().map(|part| &**part), written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
