//! What this side sends for a request: an answer, or payloads as there is credit.

use std::{any::Any, future::Future, panic::AssertUnwindSafe, pin::pin};

use futures_util::{FutureExt, Stream, StreamExt};

use super::{error::RequestError, shared::Shared};
use crate::frame::{Failure, Payload};

/// Turns a panic into an error. Its message is not for the peer: the panic hook has reported it.
pub(super) async fn caught<T>(handler: impl Future<Output = T>) -> Result<T, Failure> {
    let result = AssertUnwindSafe(handler).catch_unwind().await;
    result.map_err(|_: Box<dyn Any + Send>| Failure::application("the handler of the request panicked"))
}

pub(super) async fn send_answer(shared: &Shared, id: u32, answer: Result<Payload, Failure>) {
    shared.room().await;
    let mut state = shared.lock();
    match answer {
        // The request may have ended meanwhile: then the answer has no receiver.
        Ok(payload) => drop(state.machine.send(id, payload, true)),
        Err(failure) => state.machine.fail(id, &failure),
    }
    state.wake_driver();
}

pub(super) async fn send_made(
    shared: &Shared,
    id: u32,
    items: Result<impl Stream<Item = Result<Payload, Failure>> + Send, Failure>,
    ahead: bool,
) {
    match items {
        Ok(items) => send_items(shared, id, items, ahead).await,
        Err(failure) => send_answer(shared, id, Err(failure)).await,
    }
}

/// Sends the payloads of a stream as there is credit, and its end.
pub(super) async fn send_items(
    shared: &Shared,
    id: u32,
    items: impl Stream<Item = Result<Payload, Failure>> + Send,
    ahead: bool,
) {
    let mut items = pin!(items);
    loop {
        if !ahead && items.size_hint() != (0, Some(0)) && !shared.credit(id).await {
            return;
        }
        let item = caught(items.next()).await;
        match item {
            Ok(Some(Ok(payload))) => {
                if ahead && !shared.credit(id).await {
                    return;
                }
                shared.room().await;
                let mut state = shared.lock();
                if state.machine.send(id, payload, false).is_err() {
                    return;
                }
                state.wake_driver();
            }
            Ok(None) => {
                let mut state = shared.lock();
                state.machine.complete(id);
                return state.wake_driver();
            }
            Ok(Some(Err(failure))) | Err(failure) => {
                send_answer(shared, id, Err(failure.clone())).await;
                // The answers of a channel of this side end with it.
                return shared.lock().fail_inbox(id, RequestError::Own(failure));
            }
        }
    }
}
