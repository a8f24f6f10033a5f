//! The bytes of a connection, which report to its status whether the peer reads.

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use axum::body::Bytes;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
#[cfg(feature = "tls")]
use tokio_rustls::server::TlsStream;

use super::connections::ConnectionSlot;

/// A connection that keeps its place as long as it is open, even after it has switched to another protocol.
pub(super) struct TrackedStream {
    stream: TcpStream,
    slot: Arc<ConnectionSlot>,
}

impl TrackedStream {
    pub(super) fn new(stream: TcpStream, slot: Arc<ConnectionSlot>) -> Self {
        Self { stream, slot }
    }

    fn note<T>(&self, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        let (status, now) = (self.slot.status(), || self.slot.connections().now());
        match written {
            Poll::Ready(_) => status.wrote(now),
            Poll::Pending => status.blocked(now),
        }
        written
    }
}

impl AsyncRead for TrackedStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for TrackedStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.note(written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, parts);
        self.note(written)
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

/// A connection of a visitor, with or without TLS.
pub(super) struct VisitorStream {
    kind: Kind,
    /// What was read from it already, and is to be read once more.
    unread: Bytes,
}

enum Kind {
    Plain(TrackedStream),
    /// Boxed: connections without TLS must not take its memory.
    #[cfg(feature = "tls")]
    Tls(Box<TlsStream<TrackedStream>>),
}

impl VisitorStream {
    pub(super) fn plain(stream: TrackedStream) -> Self {
        Self {
            kind: Kind::Plain(stream),
            unread: Bytes::new(),
        }
    }

    #[cfg(feature = "tls")]
    pub(super) fn tls(stream: Box<TlsStream<TrackedStream>>) -> Self {
        Self {
            kind: Kind::Tls(stream),
            unread: Bytes::new(),
        }
    }

    /// The same connection, from which `unread` is read first.
    pub(super) fn with_unread(self, unread: Bytes) -> Self {
        Self { unread, ..self }
    }

    /// Waits until there is something to read, which may be the end of the connection.
    pub(super) async fn readable(&self) -> io::Result<()> {
        if !self.unread.is_empty() {
            return Ok(());
        }
        match &self.kind {
            Kind::Plain(stream) => stream.stream.readable().await,
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.get_ref().0.stream.readable().await,
        }
    }
}

/// Calls a method of the stream inside.
macro_rules! inside {
    ($self:ident.$method:ident($($argument:expr),*)) => {
        match &mut $self.get_mut().kind {
            Kind::Plain(stream) => Pin::new(stream).$method($($argument),*),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => Pin::new(&mut **stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for VisitorStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.unread.is_empty() {
            let count = self.unread.len().min(buffer.remaining());
            buffer.put_slice(&self.unread.split_to(count));
            return Poll::Ready(Ok(()));
        }
        inside!(self.poll_read(cx, buffer))
    }
}

impl AsyncWrite for VisitorStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        inside!(self.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        inside!(self.poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Plain(stream) => stream.is_write_vectored(),
            #[cfg(feature = "tls")]
            Kind::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside!(self.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        inside!(self.poll_shutdown(cx))
    }
}
