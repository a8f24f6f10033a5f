//! The tasks that answer requests of the peer.

use std::sync::Arc;

use super::{
    Responder,
    items::{Credit, Items},
    send::{caught, send_answer, send_made},
    shared::{Shared, State},
};
use crate::{
    frame::{Interaction, Payload},
    machine::Event,
};

/// Counts a handler as long as its task lives, cancelled or not: a peer that cancels requests cannot have more of them running than are
/// allowed.
struct Served {
    shared: Arc<Shared>,
    id: u32,
    number: u64,
}

impl Drop for Served {
    fn drop(&mut self) {
        let mut state = self.shared.lock();
        state.machine.handler_ended();
        state.task_ended(self.id, self.number);
        state.wake_driver();
    }
}

/// Begins the handler of a request. Other events begin none.
pub(super) fn begin<R: Responder>(
    shared: &Arc<Shared>,
    state: &mut State,
    responder: &Arc<R>,
    event: Event,
    channel_credit: u32,
) {
    let (shared, responder) = (shared.clone(), responder.clone());
    let number = state.number_task();
    match event {
        Event::MetadataPush(metadata) => {
            tokio::spawn(async move {
                let _served = Served {
                    shared,
                    id: 0,
                    number,
                };
                let _ = caught(async { responder.metadata_push(metadata).await }).await;
            });
        }
        Event::Request {
            id,
            interaction,
            payload,
        } => {
            if let Interaction::Channel { .. } = interaction {
                state.add_inbox(id);
            }
            let task = tokio::spawn(async move {
                let served = Served { shared, id, number };
                answer(
                    &served.shared,
                    &*responder,
                    id,
                    interaction,
                    payload,
                    channel_credit,
                )
                .await;
            });
            // Nothing can cancel a request without answer.
            if interaction != Interaction::FireAndForget {
                state.add_task(id, number, task.abort_handle());
            }
        }
        _ => {}
    }
}

async fn answer<R: Responder>(
    shared: &Arc<Shared>,
    responder: &R,
    id: u32,
    interaction: Interaction,
    payload: Payload,
    channel_credit: u32,
) {
    let ahead = responder.takes_items_ahead();
    match interaction {
        Interaction::Response => {
            let answer = caught(async { responder.request_response(payload).await }).await;
            send_answer(shared, id, answer.and_then(|answer| answer)).await;
        }
        Interaction::Stream { .. } => {
            // The stream is made inside, so that a panic while it is made is caught, too.
            let answers = caught(async { responder.request_stream(payload) }).await;
            send_made(shared, id, answers, ahead).await;
        }
        Interaction::Channel { .. } => {
            let items = Items::new(shared.clone(), id, Credit::Window(channel_credit), Some(payload));
            let answers = caught(async { responder.request_channel(items) }).await;
            send_made(shared, id, answers, ahead).await;
        }
        Interaction::FireAndForget => {
            let _ = caught(async { responder.fire_and_forget(payload).await }).await;
        }
    }
}
