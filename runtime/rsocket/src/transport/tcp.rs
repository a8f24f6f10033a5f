//! Frames over a byte stream: each has its length before it (section Framing Format).

use std::{
    future::Future,
    io,
    mem::MaybeUninit,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::{
    io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf},
    net::{TcpStream, ToSocketAddrs},
};

use super::{Transport, TransportError};
use crate::{
    frame::Frame,
    limits::{MAX_FRAME_BYTES, READ_AHEAD_BYTES, READ_BYTES, WRITE_BUFFER_BYTES},
};

/// The bytes of the field Frame Length.
const LENGTH_BYTES: usize = 3;
/// A write buffer with more capacity is freed when it is empty.
const KEPT_BUFFER_BYTES: usize = 2 << 10;

/// Frames over TCP, TLS over TCP, or another byte stream. An idle one has no buffers.
#[derive(Debug)]
pub struct Tcp<S> {
    stream: S,
    max_frame_bytes: usize,
    received: BytesMut,
    to_send: BytesMut,
}

/// Connects over TCP without TLS.
///
/// # Errors
/// Those of the operating system.
pub async fn connect(address: impl ToSocketAddrs) -> io::Result<Tcp<TcpStream>> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(Tcp::new(stream))
}

impl<S> Tcp<S> {
    /// Frames over an open stream.
    pub fn new(stream: S) -> Tcp<S> {
        Tcp {
            stream,
            max_frame_bytes: MAX_FRAME_BYTES,
            received: BytesMut::new(),
            to_send: BytesMut::new(),
        }
    }

    /// Accepts no frame that is longer, below what the protocol allows. Its announcement ends the connection.
    #[must_use]
    pub fn with_max_frame_bytes(self, max_frame_bytes: usize) -> Tcp<S> {
        Tcp {
            max_frame_bytes,
            ..self
        }
    }

    /// The length of the frame that has begun to arrive.
    fn announced(&self) -> Option<usize> {
        let mut length = self.received.get(..LENGTH_BYTES)?;
        Some(length.get_uint(LENGTH_BYTES) as usize)
    }

    fn take_frame(&mut self) -> Result<Option<Bytes>, TransportError> {
        let Some(length) = self.announced() else {
            return Ok(None);
        };
        if length > self.max_frame_bytes {
            let message = format!(
                "a frame of {length} bytes is longer than {}",
                self.max_frame_bytes
            );
            return Err(TransportError::Protocol(message));
        }
        if self.received.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.received.advance(LENGTH_BYTES);
        let frame = self.received.split_to(length).freeze();
        if self.received.is_empty() {
            self.received = BytesMut::new();
        }
        Ok(Some(frame))
    }
}

impl<S: AsyncRead + Unpin> Tcp<S> {
    /// Reads once. Returns the number of bytes.
    fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.received.is_empty() {
            let mut bytes = [const { MaybeUninit::uninit() }; READ_BYTES];
            let mut read = ReadBuf::uninit(&mut bytes);
            ready!(Pin::new(&mut self.stream).poll_read(cx, &mut read))?;
            self.received = BytesMut::from(read.filled());
            return Poll::Ready(Ok(read.filled().len()));
        }
        let whole = LENGTH_BYTES + self.announced().unwrap_or(0);
        let missing = whole.saturating_sub(self.received.len());
        self.received.reserve(missing.clamp(READ_BYTES, READ_AHEAD_BYTES));
        pin!(self.stream.read_buf(&mut self.received)).poll(cx)
    }
}

impl<S: AsyncWrite + Unpin> Tcp<S> {
    fn poll_write_all(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.to_send.is_empty() {
            let written = ready!(Pin::new(&mut self.stream).poll_write(cx, &self.to_send))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.to_send.advance(written);
        }
        if self.to_send.capacity() > KEPT_BUFFER_BYTES {
            self.to_send = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Transport for Tcp<S> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, TransportError>>> {
        loop {
            if let Some(frame) = self.take_frame().transpose() {
                return Poll::Ready(Some(frame));
            }
            match ready!(self.poll_fill(cx)) {
                Ok(0) if self.received.is_empty() => return Poll::Ready(None),
                Ok(0) => {
                    let cut: io::Error = io::ErrorKind::UnexpectedEof.into();
                    return Poll::Ready(Some(Err(cut.into())));
                }
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(error.into()))),
            }
        }
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.to_send.len() < WRITE_BUFFER_BYTES {
            return Poll::Ready(Ok(()));
        }
        self.poll_write_all(cx)
    }

    fn send(&mut self, frame: &Frame) -> io::Result<()> {
        let length = frame.encoded_bytes();
        if length > MAX_FRAME_BYTES {
            return Err(io::Error::other("the frame is longer than the protocol allows"));
        }
        self.to_send.reserve(LENGTH_BYTES + length);
        self.to_send.put_uint(length as u64, LENGTH_BYTES);
        frame.encode(&mut self.to_send);
        Ok(())
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_write_all(cx))?;
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.poll_flush(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
