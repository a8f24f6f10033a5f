//! The client for calls with whole bodies both ways: a fragment costs one write, one read and next to no memory.
//!
//! What streams goes over hyper, in the [`ConnectionPool`](super::ConnectionPool). A client of its own for calls is kept since
//! it takes FIGURES; `cargo bench -p hydra-runtime-gateway` shows both.
//!
//! `reader` is the pure inside, `exchange` moves the bytes.

mod chunks;
mod exchange;
mod head;
mod reader;
mod request;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use tokio::time::Instant;

use super::{
    connect::{DialError, Dialer},
    idle::{IdlePool, Risk},
    stream::Stream,
    surplus::Distrusted,
};
use crate::registry::instance::Address;
use exchange::{ExchangeError, exchange};
pub(crate) use reader::Answer;
use reader::{AfterAnswer, Reader};
pub(crate) use request::CallRequest;

/// An answer that cannot be used.
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

/// A call that got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum CallError {
    /// Nothing of it was sent, so it can be sent elsewhere.
    #[error("cannot connect: {0}")]
    NotSent(DialError),
    /// The connection ended before anything of an answer came.
    #[error("the connection broke before an answer came: {0}")]
    Lost(String),
    /// The answer broke off, or what came is no answer.
    #[error("{0}")]
    Broken(String),
}

/// Makes calls. It belongs to one thread's runtime: its connections live there.
pub(crate) struct CallClient {
    dialer: Dialer,
    pub(super) idle: Arc<IdlePool<Stream>>,
}

impl CallClient {
    /// It keeps no connection to what is `distrusted`.
    pub(crate) fn new(dialer: Dialer, distrusted: &Arc<Distrusted>) -> Self {
        Self {
            dialer,
            idle: IdlePool::new(Arc::clone(distrusted)),
        }
    }

    /// Asks `address`, and reads the answer to its end. Dropping this ends the call and its connection. Connecting ends
    /// at `until` in any case, and then says so.
    pub(crate) async fn call(
        &self,
        address: &Address,
        call_request: &CallRequest<'_>,
        until: Instant,
    ) -> Result<Answer, CallError> {
        let request = call_request.bytes(address.host_rule.of(call_request.visitors_host));
        let key = address.pool_key();
        if let Some(connection) = self.idle.take(&key, call_request.risk()) {
            let done = self.once(address, connection, &request, call_request).await;
            if done.as_ref().is_err_and(ExchangeError::is_untouched) {
                // The service has closed it meanwhile, and its neighbours too: they have waited for longer.
                self.idle.forget(&key);
            }
            match done {
                Err(broke) if broke.may_repeat(call_request) => {}
                done => return done.map_err(ExchangeError::into_error),
            }
        }
        let opened = self.dialer.open(address, until).await;
        let connection = opened.map_err(CallError::NotSent)?;
        let done = self.once(address, connection, &request, call_request).await;
        done.map_err(ExchangeError::into_error)
    }

    /// One call over one connection, which is kept if it can take another one.
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
