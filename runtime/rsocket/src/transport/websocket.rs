//! Frames over WebSocket: each is one binary message.

use std::{
    io,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream, accept_async_with_config, client_async_with_config,
    tungstenite::{
        self, Message,
        error::{CapacityError, Error},
        protocol::{Role, WebSocketConfig},
    },
};

use super::{Transport, TransportError};
use crate::{
    frame::Frame,
    limits::{MAX_FRAME_BYTES, WRITE_BUFFER_BYTES},
};

/// Each connection has a read buffer of this size.
const READ_BUFFER_BYTES: usize = 4 << 10;

/// Frames over WebSocket.
#[derive(Debug)]
pub struct WebSocket<S> {
    socket: WebSocketStream<S>,
}

fn config(max_frame_bytes: usize) -> WebSocketConfig {
    let max_frame_bytes = max_frame_bytes.min(MAX_FRAME_BYTES);
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_BYTES)
        .write_buffer_size(WRITE_BUFFER_BYTES)
        .max_write_buffer_size(MAX_FRAME_BYTES + 2 * WRITE_BUFFER_BYTES)
        .max_message_size(Some(max_frame_bytes))
        .max_frame_size(Some(max_frame_bytes))
}

/// Connects without TLS. The URL begins with `ws://`.
///
/// # Errors
/// Those of the operating system, and of the handshake.
pub async fn connect(url: &str) -> io::Result<WebSocket<TcpStream>> {
    let (host, port) = host_and_port(url, "ws", 80)?;
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    handshake(url, stream).await
}

/// Connects with TLS. The URL begins with `wss://`.
///
/// # Errors
/// Those of the operating system, of TLS, and of the handshake.
#[cfg(feature = "tls")]
pub async fn connect_tls(
    url: &str,
    config: std::sync::Arc<tokio_rustls::rustls::ClientConfig>,
) -> io::Result<WebSocket<tokio_rustls::client::TlsStream<TcpStream>>> {
    let (host, port) = host_and_port(url, "wss", 443)?;
    let stream = super::tls::open(host, port, config).await?;
    handshake(url, stream).await
}

fn host_and_port<'u>(url: &'u str, scheme: &str, port: u16) -> io::Result<(&'u str, u16)> {
    let wrong = || {
        io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("not a URL of {scheme}://: {url}"),
        )
    };
    let rest = url.strip_prefix(scheme).and_then(|rest| rest.strip_prefix("://"));
    let authority = rest
        .ok_or_else(wrong)?
        .split(['/', '?'])
        .next()
        .unwrap_or_default();
    let (host, port) = match authority.rsplit_once(':') {
        // The colons of an address of IPv6 are in brackets.
        Some((host, digits)) if !digits.ends_with(']') => (host, digits.parse().map_err(|_| wrong())?),
        _ => (authority, port),
    };
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    if host.is_empty() {
        return Err(wrong());
    }
    Ok((host, port))
}

/// Asks a server for a WebSocket over an open stream.
///
/// # Errors
/// Those of the stream, and of the handshake.
pub async fn handshake<S: AsyncRead + AsyncWrite + Unpin>(url: &str, stream: S) -> io::Result<WebSocket<S>> {
    let done = client_async_with_config(url, stream, Some(config(MAX_FRAME_BYTES))).await;
    let (socket, _) = done.map_err(io_error)?;
    Ok(WebSocket { socket })
}

/// Accepts a client's handshake over an open stream.
///
/// # Errors
/// Those of the stream, and of the handshake.
pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> io::Result<WebSocket<S>> {
    let done = accept_async_with_config(stream, Some(config(MAX_FRAME_BYTES))).await;
    Ok(WebSocket {
        socket: done.map_err(io_error)?,
    })
}

/// The value of `Sec-WebSocket-Accept` for a value of `Sec-WebSocket-Key` (RFC 6455 section 4.2.2), for servers that do the handshake
/// themselves.
#[must_use]
pub fn accept_key(key: &[u8]) -> String {
    tungstenite::handshake::derive_accept_key(key)
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Frames over a connection whose handshake a server has done. No frame may be longer than `max_frame_bytes`, nor than the
    /// protocol allows.
    pub async fn upgraded(stream: S, max_frame_bytes: usize) -> WebSocket<S> {
        let config = Some(config(max_frame_bytes));
        WebSocket {
            socket: WebSocketStream::from_raw_socket(stream, Role::Server, config).await,
        }
    }
}

fn io_error(error: Error) -> io::Error {
    match error {
        Error::Io(error) => error,
        other => io::Error::other(other),
    }
}

fn transport_error(error: Error) -> TransportError {
    match error {
        Error::Io(error) => TransportError::Io(error),
        Error::Capacity(CapacityError::MessageTooLong { size, max_size }) => {
            TransportError::Protocol(format!("a frame of {size} bytes is longer than {max_size}"))
        }
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            TransportError::Io(io::ErrorKind::ConnectionReset.into())
        }
        other => TransportError::Protocol(other.to_string()),
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for WebSocket<S> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        loop {
            let message = ready!(self.socket.poll_next_unpin(cx));
            return Poll::Ready(match message {
                Some(Ok(Message::Binary(frame))) => Some(Ok(frame)),
                Some(Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_))) => continue,
                Some(Ok(Message::Text(_))) => {
                    let message = "a frame came as text, not as a binary message";
                    Some(Err(TransportError::Protocol(message.to_owned())))
                }
                Some(Ok(Message::Close(_)) | Err(Error::ConnectionClosed | Error::AlreadyClosed)) | None => {
                    None
                }
                Some(Err(error)) => Some(Err(transport_error(error))),
            });
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_ready_unpin(cx).map_err(io_error)
    }

    fn send(&mut self, frame: &Frame) -> io::Result<()> {
        if frame.encoded_bytes() > MAX_FRAME_BYTES {
            return Err(io::Error::other("the frame is longer than the protocol allows"));
        }
        self.socket
            .start_send_unpin(Message::Binary(frame.to_bytes()))
            .map_err(io_error)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_flush_unpin(cx).map_err(io_error)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_close_unpin(cx).map_err(io_error)
    }
}
