//! A small HTTP/1.1 client for calls whose bodies are held in memory: a fragment costs one write, one read and little
//! memory. Requests that stream go over hyper, in the [`ConnectionPool`](super::ConnectionPool).
//!
//! It is kept beside hyper's client because it is cheaper. For a fragment of 1 KB it makes 7 allocations, 2.9 KB together, where
//! hyper's client makes 14, 11 KB together; and it takes about four fifths of the time, the time of the service included. To measure
//! it, run `cargo bench -p hydra-runtime-gateway -- fragment_by`: its figures are for 100 fragments, which are requested at once.
//!
//! `reader` is the pure inside; `exchange` moves the bytes.

pub(super) mod chunks;
mod exchange;
pub(super) mod head;
mod pipeline;
mod reader;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use http::StatusCode;
use tokio::time::Instant;

use super::{
    connect::{DialError, Dialer},
    distrusted_addresses::Distrusted,
    idle::{IdlePool, Risk},
    stream::Stream,
    tls::Alpn,
};
use crate::registry::instance::Address;
use exchange::{ExchangeError, exchange};
use pipeline::ClosedEarly;
pub(crate) use pipeline::Pipelines;
pub(crate) use reader::Answer;
use reader::{AfterAnswer, Reader};
pub(crate) use request::CallRequest;

/// Why an answer cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadAnswer {
    #[error("the head of the answer cannot be used: {0}")]
    Head(&'static str),
    #[error("the chunks of the answer cannot be read")]
    Chunks,
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    #[error("the answer broke off")]
    BrokenOff,
}

/// Why a call got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// Nothing of the request was sent, so it can be sent elsewhere.
    #[error("cannot connect: {0}")]
    NotSent(DialError),
    /// The connection ended before anything of an answer arrived.
    #[error("the connection broke before an answer came: {0}")]
    Lost(String),
    /// The answer broke off, or is malformed.
    #[error("{reason}")]
    Broken {
        reason: String,
        /// The status of the answer, if its head could be read.
        status: Option<StatusCode>,
    },
}

/// Makes calls. It belongs to the runtime of one thread, in which its connections live.
pub(crate) struct CallClient {
    dialer: Dialer,
    pub(super) idle: Arc<IdlePool<Stream>>,
    /// The addresses that get one request after the other, since they closed a connection with requests under way.
    closed_early: ClosedEarly,
}

impl CallClient {
    /// A client without connections. It keeps none to `distrusted` addresses.
    pub(crate) fn new(dialer: Dialer, distrusted: &Arc<Distrusted>) -> Self {
        Self {
            dialer,
            idle: IdlePool::new(Arc::clone(distrusted)),
            closed_early: ClosedEarly::default(),
        }
    }

    /// Sends `ask` to `address`, and reads the answer to its end. Dropping the future ends the call and closes its
    /// connection. Connecting ends at `until` in any case, with an error.
    pub(crate) async fn call(
        &self,
        address: &Address,
        call_request: &CallRequest<'_>,
        until: Instant,
    ) -> Result<Answer, CallError> {
        let request = call_request.bytes(address.host_rule.of(call_request.visitors_host));
        let key = address.pool_key();
        if let Some(pipelines) = call_request.pipelines.filter(|_| address.pipelines) {
            let reader = Reader::new(call_request.wanted, call_request.limit);
            // Boxed: calls that are made alone, as nearly all are, must not take its memory.
            let shared = Box::pin(pipelines.call(self, &key, request.clone(), reader));
            if let Some(done) = shared.await {
                return done;
            }
        }
        if let Some(connection) = self.idle.take(&key, call_request.risk()) {
            let done = self.once(address, connection, &request, call_request).await;
            if done.as_ref().is_err_and(ExchangeError::is_untouched) {
                // The service closed the connection while it was idle, and probably also the others, which have been
                // idle for longer.
                self.idle.forget(&key);
            }
            match done {
                Err(broke) if broke.may_repeat(call_request) => {}
                done => return done.map_err(ExchangeError::into_error),
            }
        }
        let opened = self.dialer.open(address, Alpn::Http1, until).await;
        let connection = opened.map_err(CallError::NotSent)?;
        let done = self.once(address, connection, &request, call_request).await;
        done.map_err(ExchangeError::into_error)
    }

    /// Makes one call over one connection, which is kept if it can take another call.
    async fn once(
        &self,
        address: &Address,
        mut connection: Stream,
        request: &[u8],
        call_request: &CallRequest<'_>,
    ) -> Result<Answer, ExchangeError> {
        let reader = Reader::new(call_request.wanted, call_request.limit);
        let done = exchange(&mut connection, request, reader).await?;
        let key = address.pool_key();
        match done.after {
            AfterAnswer::Stays if call_request.is_answered_by(&done.answer) => {
                let state = done
                    .was_short
                    .then(|| connection.state_after_short_read())
                    .flatten();
                let state = state.unwrap_or_else(|| connection.check());
                self.idle.keep_checked(&key, connection, state);
            }
            AfterAnswer::Surplus => self.idle.found_surplus(&key),
            AfterAnswer::Stays | AfterAnswer::Closes => {}
        }
        Ok(done.answer)
    }
}
