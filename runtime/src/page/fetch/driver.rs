//! Drives a page until all of its text is ready.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    task::{Context, Poll},
};

use bytes::Bytes;
use futures_util::{future::BoxFuture, stream::FuturesUnordered};
use hydra_runtime_net::{
    fragment_source::{Caller, FragmentSource},
    observe,
};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    call::FragmentAnswer, deadline::Timer, pending::PendingFetches, sent_batch::SentBatch,
    sessions::VisitorSessions, waits::Waits,
};
use crate::{
    fragment_source::LocalFragments,
    page::{
        Engine,
        answer::FetchId,
        report::{LogLines, event::PageEvent},
        state::PageState,
    },
};

/// Where the fragments of a page come from.
#[derive(Clone, Default)]
pub(crate) struct FragmentSources {
    /// This service. `None`: its fragments show their fallbacks.
    pub(crate) local: Option<Arc<dyn LocalFragments>>,
    /// Other services. `None`: their fragments show their fallbacks.
    pub(crate) remote: Option<Arc<dyn FragmentSource>>,
}

/// A page, and all that is under way for it.
pub(crate) struct Driver {
    pub(crate) state: PageState,
    pub(crate) sessions: VisitorSessions,
    /// Text that may leave.
    pub(crate) ready: VecDeque<Bytes>,
    pub(super) engine: Engine,
    pub(super) sources: FragmentSources,
    pub(crate) caller: Caller,
    /// When all fetches of the page are over.
    pub(crate) end: Instant,
    pub(super) pending: PendingFetches,
    pub(super) locals: FuturesUnordered<BoxFuture<'static, (FetchId, FragmentAnswer)>>,
    pub(super) batches: Vec<SentBatch>,
    pub(super) waits: Waits,
    pub(super) timer: Timer,
    /// When text stops to wait for deferred fragments.
    pub(crate) grace: Option<Instant>,
    grace_timer: Timer,
    /// When the fetches began, by their ids.
    pub(super) began: Vec<Instant>,
    lines: LogLines,
    /// The shortest time for which a part of this page may be used again, in milliseconds. `None`: no part says so.
    pub(crate) max_age: Option<u64>,
}

impl Driver {
    /// Drives `state` until `end`. `caller.call_chain` ends with this page or fragment.
    pub(crate) fn new(
        engine: Engine,
        state: PageState,
        sources: FragmentSources,
        caller: Caller,
        sessions: BTreeMap<String, Value>,
        end: Instant,
    ) -> Self {
        Self {
            state,
            sessions: VisitorSessions {
                current: sessions,
                ..VisitorSessions::default()
            },
            ready: VecDeque::new(),
            engine,
            sources,
            caller,
            end,
            pending: PendingFetches::default(),
            locals: FuturesUnordered::new(),
            batches: Vec::new(),
            waits: Waits::default(),
            timer: Timer::default(),
            grace: None,
            grace_timer: Timer::default(),
            began: Vec::new(),
            lines: LogLines::default(),
            max_age: None,
        }
    }

    /// Goes as far as possible now, and moves what may leave to `ready`. The task is woken when there is more to do.
    pub(crate) fn advance(&mut self, cx: &mut Context<'_>) {
        self.work(cx);
        self.collect();
        if self.state.is_held() && self.is_grace_over(cx) {
            self.state.end_grace();
            self.collect();
        }
    }

    fn is_grace_over(&mut self, cx: &mut Context<'_>) -> bool {
        let timer = &mut self.grace_timer;
        self.grace.is_none_or(|grace| timer.has_come(grace, cx))
    }

    /// Moves what may leave to `ready`. It is then too late to link anything in the part of the page that it holds.
    pub(crate) fn collect(&mut self) {
        self.state.take_ready(&mut self.ready);
    }

    /// Goes as far as possible now. The task is woken when there is more to do.
    pub(crate) fn work(&mut self, cx: &mut Context<'_>) {
        while !self.is_done() {
            let has_sent = self.send();
            // All answers that have come are taken in before the next requests leave, so that those share one batch.
            let has_received = self.receive(cx);
            let has_moved = has_sent || has_received || self.give_up_late(cx);
            if !has_moved {
                break;
            }
        }
        let events = self.state.take_events();
        // A slot may end without a fetch.
        self.limit_reuse(events.iter().filter_map(PageEvent::max_age).min());
        self.report(events);
    }

    /// What this page is part of is used again for `max_age` milliseconds at most.
    pub(super) fn limit_reuse(&mut self, max_age: Option<u64>) {
        self.max_age = match (self.max_age, max_age) {
            (Some(known), Some(new)) => Some(known.min(new)),
            (known, new) => known.or(new),
        };
    }

    /// Whether nothing is left to do: all text is ready, or the page can't be shown.
    pub(crate) fn is_done(&self) -> bool {
        self.state.is_complete() || self.state.failure().is_some()
    }

    /// Waits until there is nothing left to do.
    pub(crate) async fn finish(&mut self) {
        std::future::poll_fn(|cx| {
            self.advance(cx);
            if self.is_done() {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }

    fn report(&mut self, events: Vec<PageEvent>) {
        self.engine.shared().reporter.report(events, &mut self.lines);
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let events = self.state.take_events();
        let record = self.caller.record.take();
        observe::scoped(record.as_ref(), || {
            self.report(events);
            self.lines.end();
        });
    }
}
