//! The bytes of a connection, whose frames are watched on their way to the library.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
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

/// A connection whose frames are watched.
pub(super) struct WatchedStream {
    stream: Stream,
    meter: FrameMeter,
    /// How often bytes arrived.
    reads: Arc<AtomicU64>,
    begun: Option<Begun>,
}

impl WatchedStream {
    pub(super) fn new(stream: Stream, reads: Arc<AtomicU64>, begun: Begun) -> Self {
        Self {
            stream,
            meter: FrameMeter::new(Instant::now()),
            reads,
            begun: Some(begun),
        }
    }

    fn watch(&mut self, bytes: &[u8]) -> io::Result<()> {
        if bytes.is_empty() {
            self.begun = None;
            return Ok(());
        }
        let watched = self.meter.received(bytes, Instant::now());
        self.reads.fetch_add(1, Relaxed);
        if (self.meter.has_begun() || watched.is_err())
            && let Some(begun) = self.begun.take()
        {
            // The opening of the connection may have been given up.
            let _ = begun.send(watched);
        }
        watched.map_err(io::Error::other)
    }

    fn wrote(&mut self, written: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        if let Poll::Ready(Ok(bytes)) = written {
            self.meter.sent(bytes);
        }
        written
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
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.wrote(written)
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
