//! Sends one request, and reads the head of its answer.

use std::{
    future::{Future as _, poll_fn},
    io,
    pin::{Pin, pin},
    task::{Context, Poll, ready},
};

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWrite as _};

use super::{
    DirectConnection,
    answer::{AnswerHead, HeadReader},
};
use crate::{
    limits::{FIRST_READ_BYTES, MAX_ANSWER_HEAD_BYTES},
    upstream::stream::Stream,
};

/// A head that arrived, and its connection.
pub(super) struct Answered {
    pub(super) head: AnswerHead,
    pub(super) source: Source,
    /// What arrived beyond the head.
    pub(super) arrived: BytesMut,
}

/// Why no head arrived.
pub(super) enum Failed {
    /// Nothing of the request was sent.
    NotSent(io::Error),
    /// The connection ended before the answer began.
    Lost(io::Error),
    /// The head cannot be used.
    BadAnswer(&'static str),
}

/// A connection from which an answer is read.
pub(super) struct Source {
    stream: Stream,
    /// How much the next read brings at most.
    read_size: usize,
    /// How many bytes of the answer arrived.
    length: usize,
    /// Whether the last read left room in its buffer: the system had no more then.
    pub(super) was_short: bool,
}

impl Source {
    /// Reads what the system has, behind what arrived already. Returns the number of bytes; 0 at the end of the connection.
    pub(super) fn poll_read(
        &mut self,
        arrived: &mut BytesMut,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        arrived.reserve(self.read_size);
        let room = arrived.capacity() - arrived.len();
        let count = ready!(pin!(self.stream.read_buf(arrived)).poll(cx))?;
        self.was_short = count < room;
        self.length = self.length.saturating_add(count);
        // A long answer is read in large pieces.
        self.read_size = read_size(self.length);
        Poll::Ready(Ok(count))
    }

    /// The stream after the answer, for the next one.
    pub(super) fn into_connection(self) -> DirectConnection {
        DirectConnection {
            stream: self.stream,
            read_size: read_size(self.length),
        }
    }

    /// See [`Stream::state_after_short_read`].
    pub(super) fn stream(&self) -> &Stream {
        &self.stream
    }
}

/// The size of a buffer for an answer of this length, in which a little room is left.
fn read_size(length: usize) -> usize {
    let size = length.saturating_add(1).checked_next_power_of_two();
    size.unwrap_or(usize::MAX)
        .clamp(FIRST_READ_BYTES, MAX_ANSWER_HEAD_BYTES)
}

/// Sends `request`, and reads the head of the answer. Dropping the future closes the connection.
pub(super) async fn exchange(
    connection: DirectConnection,
    request: &[u8],
    is_head: bool,
) -> Result<Answered, Failed> {
    let mut source = Source {
        stream: connection.stream,
        read_size: connection.read_size,
        length: 0,
        was_short: false,
    };
    let mut reader = HeadReader::new(is_head);
    let (mut arrived, mut sent) = (BytesMut::new(), 0);
    let head = poll_fn(|cx| {
        let sending = match poll_send(&mut source.stream, request, &mut sent, cx) {
            // What such a connection still has is no answer to this request.
            Poll::Ready(Err(error)) if sent == 0 => return Poll::Ready(Err(Failed::NotSent(error))),
            sending => sending,
        };
        loop {
            match source.poll_read(&mut arrived, cx) {
                Poll::Ready(Ok(0)) => {
                    return Poll::Ready(Err(Failed::Lost(io::ErrorKind::UnexpectedEof.into())));
                }
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => return Poll::Ready(Err(Failed::Lost(error))),
                // A request that can't be sent gets no answer, unless the answer is there already.
                Poll::Pending => match sending {
                    Poll::Ready(Err(error)) => return Poll::Ready(Err(Failed::Lost(error))),
                    _ => return Poll::Pending,
                },
            }
            match reader.take(&mut arrived) {
                Ok(Some(head)) => return Poll::Ready(Ok(head)),
                Ok(None) => {}
                Err(reason) => return Poll::Ready(Err(Failed::BadAnswer(reason))),
            }
        }
    });
    let mut head = head.await?;
    // An answer can arrive before the whole request was sent.
    head.stays &= sent == request.len();
    Ok(Answered {
        head,
        source,
        arrived,
    })
}

fn poll_send(
    stream: &mut Stream,
    request: &[u8],
    sent: &mut usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    while let Some(rest) = request.get(*sent..).filter(|rest| !rest.is_empty()) {
        match ready!(Pin::new(&mut *stream).poll_write(cx, rest))? {
            0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            count => *sent += count,
        }
    }
    Pin::new(stream).poll_flush(cx)
}
