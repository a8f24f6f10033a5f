//! Connections on which no HTTP is spoken. They count among the connections of the server, and begin with TLS and the PROXY protocol as
//! those of HTTP do.

use std::{
    io,
    net::IpAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use futures_util::future::BoxFuture;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{connections::ConnectionSlot, handle::Connection, stream::VisitorStream};

/// Serves such a connection to its end.
pub type ServeRaw = dyn Fn(RawConnection) -> BoxFuture<'static, ()> + Send + Sync;

/// A connection on which no HTTP is spoken.
pub struct RawConnection {
    /// The bytes, without TLS.
    pub stream: RawStream,
    /// The address at the other end.
    pub peer: IpAddr,
    /// Says when the connection must end.
    pub connection: Connection,
}

/// The bytes of a connection, without TLS.
pub struct RawStream(VisitorStream);

impl RawConnection {
    /// The connection in this place. The server waits for its end when it stops.
    pub(super) fn new(stream: VisitorStream, peer: IpAddr, slot: &Arc<ConnectionSlot>) -> Self {
        let connection = Connection::of(slot);
        connection.ends_when_told();
        slot.become_socket();
        Self {
            stream: RawStream(stream),
            peer,
            connection,
        }
    }
}

impl AsyncRead for RawStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buffer)
    }
}

impl AsyncWrite for RawStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
