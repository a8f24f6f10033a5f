//! What carries frames (section Transport Protocol): TCP, and with the feature `websocket` WebSocket.

pub mod tcp;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(feature = "websocket")]
pub mod websocket;

use std::{
    io,
    task::{Context, Poll},
};

use bytes::Bytes;

use crate::frame::Frame;

/// A connection that carries whole frames in order.
pub trait Transport: Send + Unpin + 'static {
    /// The next frame of the peer, or `None` when it sends nothing more.
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>>;

    /// Whether a frame can be given to [`Transport::send`].
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Takes a frame. It may stay in a buffer until [`Transport::poll_flush`].
    ///
    /// # Errors
    /// The transport has failed.
    fn send(&mut self, frame: &Frame) -> io::Result<()>;

    /// Sends what is in buffers.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// Sends what is in buffers, and closes the connection.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Why no further frame can be received.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// The connection failed.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The peer sent something that is not a frame, or is too long. It is told.
    #[error("{0}")]
    Protocol(String),
}
