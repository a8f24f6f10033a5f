//! A connection to a service: encrypted or not.

use std::{
    io,
    mem::MaybeUninit,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use socket2::{SockRef, Socket};

use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};
use tokio_rustls::{client::TlsStream, rustls::ClientConnection};

use super::idle::{IdleState, Reusable};

use crate::limits::MAX_TLS_READS_PER_CHECK;

/// The bytes to and from a service.
pub(super) enum Stream {
    Plain(TcpStream),
    Encrypted(Box<TlsStream<TcpStream>>),
}

impl Stream {
    /// The state of the connection, without waiting. Nothing is read from it except records of TLS itself.
    ///
    /// The runtime learns late what the system already knows, above all under load: so the system is asked.
    pub(super) fn check(&mut self) -> IdleState {
        match self {
            Self::Plain(stream) => {
                let came = SockRef::from(&*stream).peek(&mut [MaybeUninit::uninit()]);
                state_after_read(&came).unwrap_or(IdleState::Surplus)
            }
            Self::Encrypted(stream) => {
                let (socket, session) = stream.get_mut();
                check_tls(&SockRef::from(&*socket), session)
            }
        }
    }

    /// The state right after a read that left room in its buffer, if that is known: the system had no more bytes of
    /// an unencrypted connection then. An encrypted read returns at most one record.
    pub(super) fn state_after_short_read(&self) -> Option<IdleState> {
        matches!(self, Self::Plain(_)).then_some(IdleState::Quiet)
    }

    /// Lets the connection end without a record of it in the system once it is dropped.
    pub(super) fn reset_on_close(&self) {
        let socket = match self {
            Self::Plain(stream) => SockRef::from(stream),
            Self::Encrypted(stream) => SockRef::from(stream.get_ref().0),
        };
        // If that fails, the connection closes as others do.
        let _ = socket.set_linger(Some(Duration::ZERO));
    }
}

impl Reusable for Stream {
    fn check(&mut self) -> IdleState {
        Stream::check(self)
    }

    fn reset(self) {
        self.reset_on_close();
    }
}

/// The state after a read; `None` if it returned bytes.
fn state_after_read(came: &io::Result<usize>) -> Option<IdleState> {
    match came {
        Ok(0) => Some(IdleState::Ended),
        Ok(_) => None,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => Some(IdleState::Quiet),
        Err(_) => Some(IdleState::Ended),
    }
}

/// Reads records of TLS: a service may send tickets for later sessions at any time, which are not surplus.
fn check_tls(socket: &Socket, session: &mut ClientConnection) -> IdleState {
    let mut socket = socket;
    for _ in 0..MAX_TLS_READS_PER_CHECK {
        let came = session.read_tls(&mut socket);
        let Ok(state) = session.process_new_packets() else {
            return IdleState::Ended;
        };
        if state.plaintext_bytes_to_read() > 0 {
            return IdleState::Surplus;
        }
        if state.peer_has_closed() {
            return IdleState::Ended;
        }
        if let Some(state) = state_after_read(&came) {
            return state;
        }
    }
    // The service sends records of TLS all the time, without data.
    IdleState::Ended
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(cx, buffer),
            Self::Encrypted(stream) => Pin::new(stream).poll_read(cx, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(cx, bytes),
            Self::Encrypted(stream) => Pin::new(stream).poll_write(cx, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
            Self::Encrypted(stream) => Pin::new(stream).poll_write_vectored(cx, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Encrypted(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(cx),
            Self::Encrypted(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Encrypted(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

/// A connection that one task reads and writes, and whose state others may check.
pub(super) struct SharedStream(pub(super) Arc<Mutex<Stream>>);

impl SharedStream {
    fn with<T>(&self, work: impl FnOnce(Pin<&mut Stream>) -> T) -> T {
        work(Pin::new(
            &mut *self.0.lock().unwrap_or_else(PoisonError::into_inner),
        ))
    }
}

impl AsyncRead for SharedStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_read(cx, buffer))
    }
}

impl AsyncWrite for SharedStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write(cx, bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.with(|stream| stream.poll_write_vectored(cx, parts))
    }

    fn is_write_vectored(&self) -> bool {
        self.with(|stream| stream.is_write_vectored())
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_flush(cx))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.with(|stream| stream.poll_shutdown(cx))
    }
}
