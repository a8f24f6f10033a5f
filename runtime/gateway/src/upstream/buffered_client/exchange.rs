//! One request and its answer over one connection.

use std::{
    future::poll_fn,
    io,
    mem::MaybeUninit,
    pin::Pin,
    task::{Context, Poll, ready},
};

use http::StatusCode;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{
    BadAnswer, CallError, Risk,
    reader::{AfterAnswer, Answer, Reader},
    request::CallRequest,
};

use crate::limits::READ_BUFFER_BYTES;

/// Why an exchange ended without an answer.
#[derive(Debug)]
pub(super) struct ExchangeError {
    reason: FailureReason,
    /// Whether the connection accepted any byte of the request.
    was_sent: bool,
    /// Whether no byte of an answer arrived.
    is_untouched: bool,
    /// The status of the answer, if its head arrived.
    status: Option<StatusCode>,
}

#[derive(Debug)]
enum FailureReason {
    Connection(io::Error),
    Answer(BadAnswer),
}

impl ExchangeError {
    /// Whether the same call may be repeated over another connection: nothing of it was sent, or it may be made twice
    /// and no byte of an answer arrived.
    pub(super) fn may_repeat(&self, call_request: &CallRequest<'_>) -> bool {
        !self.was_sent || (self.is_untouched && call_request.risk() == Risk::Delay)
    }

    /// Whether no byte of an answer arrived: the connection had ended.
    pub(super) fn is_untouched(&self) -> bool {
        self.is_untouched
    }

    pub(super) fn into_error(self) -> CallError {
        let status = self.status;
        let broken = |reason| CallError::Broken { reason, status };
        match self.reason {
            FailureReason::Connection(error) if !self.was_sent => {
                CallError::NotSent(error.to_string().into())
            }
            FailureReason::Connection(error) if self.is_untouched => CallError::Lost(error.to_string()),
            FailureReason::Answer(bad) if self.is_untouched => CallError::Lost(bad.to_string()),
            FailureReason::Connection(error) => broken(format!("the connection broke: {error}")),
            FailureReason::Answer(bad) => broken(bad.to_string()),
        }
    }
}

/// An answer that was read to its end.
pub(super) struct Exchanged {
    pub(super) answer: Answer,
    /// What happens to the connection.
    pub(super) after: AfterAnswer,
    /// Whether the last read left room in its buffer.
    pub(super) was_short: bool,
}

/// Sends `request` and reads the answer.
pub(super) async fn exchange<S>(
    connection: &mut S,
    request: &[u8],
    reader: Reader,
) -> Result<Exchanged, ExchangeError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut exchange = Exchange {
        connection,
        request,
        sent: 0,
        reader,
        was_short: false,
    };
    let done = poll_fn(|cx| exchange.poll(cx)).await;
    let (was_sent, is_whole) = (exchange.sent > 0, exchange.sent == request.len());
    let is_untouched = exchange.reader.is_untouched();
    let (was_short, status) = (exchange.was_short, exchange.reader.status());
    done.and_then(|()| exchange.reader.finish().map_err(FailureReason::Answer))
        // An answer can arrive before the whole request was sent.
        .map(|(answer, after)| Exchanged {
            answer,
            after: match after {
                AfterAnswer::Stays if !is_whole => AfterAnswer::Closes,
                after => after,
            },
            was_short,
        })
        .map_err(|reason| ExchangeError {
            reason,
            was_sent,
            is_untouched,
            status,
        })
}

struct Exchange<'a, S> {
    connection: &'a mut S,
    request: &'a [u8],
    sent: usize,
    reader: Reader,
    /// Whether the last read left room in its buffer.
    was_short: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Exchange<'_, S> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), FailureReason>> {
        let is_sent = self.poll_send(cx);
        match self.poll_answer(cx) {
            // A request that can't be sent gets no answer, unless the answer is there already.
            Poll::Pending => match is_sent {
                Poll::Ready(Err(error)) => Poll::Ready(Err(FailureReason::Connection(error))),
                _ => Poll::Pending,
            },
            answered => answered,
        }
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.sent < self.request.len() {
            let rest = &self.request[self.sent..];
            match ready!(Pin::new(&mut *self.connection).poll_write(cx, rest))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                count => self.sent += count,
            }
        }
        Pin::new(&mut *self.connection).poll_flush(cx)
    }

    /// Ready once the answer is complete or nothing more can come.
    fn poll_answer(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), FailureReason>> {
        loop {
            let mut space = [const { MaybeUninit::uninit() }; READ_BUFFER_BYTES];
            let mut buffer = ReadBuf::uninit(&mut space);
            match ready!(Pin::new(&mut *self.connection).poll_read(cx, &mut buffer)) {
                Err(error) => return Poll::Ready(Err(FailureReason::Connection(error))),
                Ok(()) if buffer.filled().is_empty() => return Poll::Ready(Ok(())),
                Ok(()) => self.was_short = buffer.remaining() > 0,
            }
            match self.reader.take(buffer.filled()) {
                Ok(false) => {}
                Ok(true) => return Poll::Ready(Ok(())),
                Err(bad) => return Poll::Ready(Err(FailureReason::Answer(bad))),
            }
        }
    }
}
