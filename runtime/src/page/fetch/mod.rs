//! Drives a page: its asks go out in waves, as soon as their imports are there, and the answers come in.
//!
//! All of it happens in the task of the request: nothing is spawned, so that dropping the driver ends all work.

mod answers;
pub(crate) mod batch;
pub(crate) mod call;
pub(crate) mod deadline;
pub(crate) mod sent_batch;
mod sharing;

use std::{
    collections::{BTreeMap, VecDeque},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use bytes::Bytes;
use futures_util::{future::BoxFuture, stream::FuturesUnordered};
use hydra_runtime_net::source::{Caller, FragmentSource};
use hydra_runtime_wire::{Attributes, FragmentRequest, Outcome};
use serde_json::Value;
use tokio::time::{Instant, Sleep, timeout_at};

pub(crate) use self::sharing::is_known;
use self::sharing::{Sharing, Turn};
use self::{
    batch::Batch,
    call::{FragmentAnswer, FragmentCall},
    deadline::Patience,
    sent_batch::Wave,
};
use crate::page::{
    Engine,
    answer::{Answer, AskId},
    report::{self, Lines, event::Note, reason::Why},
    state::{PageState, Question},
};
use crate::source::LocalFragments;

/// Where fragments come from.
#[derive(Clone, Default)]
pub(crate) struct Sources {
    pub(crate) local: Option<Arc<dyn LocalFragments>>,
    pub(crate) remote: Option<Arc<dyn FragmentSource>>,
}

/// Sessions by service: those that came with the request, with the changes of this page.
#[derive(Default)]
pub(crate) struct Sessions {
    pub(crate) current: BTreeMap<String, Value>,
    pub(crate) changed: BTreeMap<String, Value>,
}

impl Sessions {
    pub(crate) fn set(&mut self, service: String, session: Value) {
        self.current.insert(service.clone(), session.clone());
        self.changed.insert(service, session);
    }
}

/// A page and all that is under way for it.
pub(crate) struct Driver {
    pub(crate) state: PageState,
    pub(crate) sessions: Sessions,
    /// Text that may leave.
    pub(crate) ready: VecDeque<Bytes>,
    engine: Engine,
    sources: Sources,
    caller: Caller,
    end: Instant,
    locals: FuturesUnordered<BoxFuture<'static, (AskId, FragmentAnswer)>>,
    waves: Vec<Wave>,
    deadlines: Vec<(AskId, Patience)>,
    timer: Option<Pin<Box<Sleep>>>,
    /// When text stops to wait for deferred fragments.
    pub(crate) grace: Option<Pin<Box<Sleep>>>,
    sharing: Sharing,
    lines: Lines,
    /// The shortest time for which something on this page may be used again, in milliseconds, of what says so.
    pub(crate) max_age: Option<u64>,
}

impl Driver {
    /// Drives `state` until `end`. `caller.trail` names whoever is at work, this page included.
    pub(crate) fn new(
        engine: Engine,
        state: PageState,
        sources: Sources,
        caller: Caller,
        sessions: BTreeMap<String, Value>,
        end: Instant,
    ) -> Self {
        Self {
            state,
            sessions: Sessions {
                current: sessions,
                changed: BTreeMap::new(),
            },
            ready: VecDeque::new(),
            engine,
            sources,
            caller,
            end,
            locals: FuturesUnordered::new(),
            waves: Vec::new(),
            deadlines: Vec::new(),
            timer: None,
            grace: None,
            sharing: Sharing::default(),
            lines: Lines::default(),
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
        self.grace
            .as_mut()
            .is_none_or(|grace| grace.as_mut().poll(cx).is_ready())
    }

    /// Moves what may leave to `ready`. It is then too late to link anything in the part of the page that it holds.
    pub(crate) fn collect(&mut self) {
        self.state.take_ready(&mut self.ready);
    }

    /// Goes as far as possible now. The task is woken when there is more to do.
    pub(crate) fn work(&mut self, cx: &mut Context<'_>) {
        while !self.is_done() {
            let asked = self.ask();
            // All answers that are there are taken in before the next asks go out, so that those share one batch.
            let answered = self.take_answers(cx);
            let moved = asked || answered || self.is_time_up(cx);
            if !moved {
                break;
            }
        }
        let notes = self.state.take_notes();
        // Not all of it was asked for.
        self.limit(notes.iter().filter_map(Note::max_age).min());
        report::report(self.engine.core(), notes, &mut self.lines);
    }

    /// Nothing that this page is in is used again for longer than that.
    fn limit(&mut self, max_age: Option<u64>) {
        self.max_age = [self.max_age, max_age].into_iter().flatten().min();
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

    /// Sends out what was found. Whether there was anything.
    fn ask(&mut self) -> bool {
        let (found, again) = (self.state.take_asks(), self.sharing.take_again());
        if found.is_empty() && again.is_empty() {
            return false;
        }
        let now = Instant::now();
        let mut batch = Batch::default();
        // Those that waited go on with the time that they have left. One that has none was late meanwhile.
        let again = again
            .into_iter()
            .filter_map(|ask| Some((ask, Some(self.take_deadline(ask)?))))
            .collect::<Vec<_>>();
        for (ask, patience) in again.into_iter().chain(found.map(|ask| (ask, None))) {
            if let Err(answer) = self.ask_one(ask, patience, now, &mut batch) {
                self.conclude(ask, *answer);
            }
        }
        if !batch.asks.is_empty() {
            self.send(batch);
        }
        true
    }

    /// Asks, unless there is an answer to use again. It has so much time, or as its tag says. What is decided without
    /// an ask is an error.
    fn ask_one(
        &mut self,
        ask: AskId,
        patience: Option<Patience>,
        now: Instant,
        batch: &mut Batch,
    ) -> Result<(), Box<Answer>> {
        let Some(question) = self.state.question(ask) else {
            return Err(Answer::failed(Outcome::Failed, Why::NotPlanned).into());
        };
        let left = self.end.saturating_duration_since(now);
        let patience = patience.unwrap_or_else(|| Patience::new(now, question.timeout.min(left)));
        let until = patience.until;
        let budget = until.saturating_duration_since(now);
        let imports = question.imports().map_err(|error| {
            Answer::failed(
                Outcome::Refused,
                Why::Imports.saying(format!("its imports can't be sent: {error}")),
            )
        })?;
        if let Some(terms) = question.terms() {
            let visitor = (&self.caller, &self.sessions);
            let core = self.engine.core();
            let wanted = (&question, &imports, terms);
            match self.sharing.look(core, ask, wanted, visitor, (now, patience)) {
                Turn::Ask => {}
                Turn::Wait => {
                    self.deadlines.push((ask, patience));
                    return Ok(());
                }
                Turn::Answered(answer) => return Err(answer.into()),
            }
        }
        if budget.is_zero() {
            return Err(Answer::failed(Outcome::Late, Why::NoTime).into());
        }
        match &question.request.owner {
            None => {
                let local = self.local(&question, imports, budget)?;
                let late = || FragmentAnswer::failed(Outcome::Late, "it took too long");
                self.locals.push(Box::pin(async move {
                    let answer = timeout_at(until, local).await.unwrap_or_else(|_| late());
                    (ask, answer)
                }));
            }
            Some(_) if self.sources.remote.is_none() => {
                return Err(Answer::failed(Outcome::Inactive, Why::NoGateway).into());
            }
            Some(service) => {
                let request = FragmentRequest {
                    service: service.to_string(),
                    reference: question.request.reference.to_string(),
                    imports: Some(question.imports_as_written()),
                    attributes: Some(imports),
                    exports: question.exports.iter().map(|name| name.to_string()).collect(),
                    trail: self.caller.trail.clone(),
                    ..FragmentRequest::default()
                };
                batch.add(ask, budget, request);
                self.deadlines.push((ask, patience));
            }
        }
        Ok(())
    }

    fn local(
        &self,
        question: &Question<'_>,
        imports: Attributes,
        budget: Duration,
    ) -> Result<impl Future<Output = FragmentAnswer> + Send + use<>, Box<Answer>> {
        let Some(local) = self.sources.local.clone() else {
            return Err(Answer::failed(Outcome::Failed, Why::NoFragments).into());
        };
        let call = FragmentCall {
            id: String::new(),
            reference: question.request.reference.to_string(),
            imports,
            exports: question.exports.iter().map(|name| name.to_string()).collect(),
            sessions: self.sessions.current.clone(),
            caller: Caller {
                budget,
                ..self.caller.clone()
            },
            local: Some(local),
            source: self.sources.remote.clone(),
        };
        let engine = self.engine.clone();
        Ok(async move { engine.fragment(call).await })
    }

    fn send(&mut self, batch: Batch) {
        if let Some(source) = &self.sources.remote {
            let wave = Wave::send(batch, &**source, &self.sessions.current, &self.caller);
            self.waves.push(wave);
        }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        let notes: Vec<Note> = self.state.take_notes();
        report::report(self.engine.core(), notes, &mut self.lines);
        self.lines.end();
    }
}
