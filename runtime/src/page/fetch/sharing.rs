//! Asks whose answers are used again: those that were kept, and those that other requests wait for.

use std::task::{Context, Poll};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use hydra_runtime_net::source::Caller;
use hydra_runtime_wire::{Attributes, Outcome, trail};
use tokio::{sync::watch, time::Instant};

use crate::page::fetch::{Driver, Sessions};
use crate::page::{
    answer::{Answer, AskId},
    cache::{Everybody, Flight, Held, Landing, Look, Wanted},
    fetch::deadline::{Patience, Waited, landed, wait},
    plan::cache_policy::Terms,
    report::event::max_age_beside,
    setup::shared::Core,
    state::Question,
};

/// What an ask waits for.
type Waiting = BoxFuture<'static, (AskId, News)>;

/// What came of a wait.
pub(super) enum News {
    /// It is over.
    Waited(Waited),
    /// What came after a wait that took too long.
    After(Option<Landing>),
}

/// What to do with an ask.
pub(super) enum Turn {
    /// To ask.
    Ask,
    /// Nothing: it waits for another's answer.
    Wait,
    /// Nothing: it is answered.
    Answered(Answer),
}

/// The asks of a page whose answers may be used again.
#[derive(Default)]
pub(super) struct Sharing {
    held: Vec<(AskId, Held)>,
    /// Those that wait. `None` as long as none did.
    waiting: Option<FuturesUnordered<Waiting>>,
    /// What keeps answers that come when their slots show something else already.
    late: Vec<(AskId, Held)>,
    /// Those that waited in vain.
    again: Vec<AskId>,
}

impl Sharing {
    /// Looks for an answer to use again, or for another who asks the same.
    pub(super) fn look(
        &mut self,
        core: &Core,
        ask: AskId,
        (question, imports, terms): (&Question<'_>, &Attributes, Terms),
        (caller, sessions): (&Caller, &Sessions),
        (now, patience): (Instant, Patience),
    ) -> Turn {
        let is_known = is_known(question.request.owner.as_deref(), sessions);
        let is_held = self.held.iter().any(|(other, _)| *other == ask);
        let everybody = Everybody::like(caller).filter(|_| !is_known && !is_held);
        let (Some(reuse), Some(everybody)) = (&core.reuse, everybody) else {
            return Turn::Ask;
        };
        let owner = question.request.owner.as_deref();
        let wanted = Wanted {
            service: owner.unwrap_or_default(),
            reference: &question.request.reference,
            imports,
            exports: question.exports,
            everybody,
            terms,
        };
        // In a circle, the one who is waited for would wait for this one. Of two requests that go round it in opposite
        // directions, neither sees that; they wait for each other for a turn, and then ask.
        let step = trail::fragment(owner.unwrap_or(&core.plan.service), &question.request.reference);
        let until = patience.turn(now).filter(|_| !caller.trail.contains(&step));
        match reuse.look(&wanted, until.map(Instant::into_std), now.into_std()) {
            Look::Fresh(answer) => Turn::Answered(answer),
            Look::Ask(held) => {
                self.held.push((ask, held));
                Turn::Ask
            }
            Look::Wait(held, flight) => {
                self.held.push((ask, held));
                self.wait(ask, flight);
                Turn::Wait
            }
        }
    }

    fn wait(&mut self, ask: AskId, flight: Flight) {
        let waiting = async move { (ask, News::Waited(wait(flight).await)) };
        self.waiting.get_or_insert_default().push(Box::pin(waiting));
    }

    /// Whoever asks by itself still takes the other's answer if that is there first: where the owner is slow, an ask
    /// that begins late may be too late.
    fn listen(&mut self, ask: AskId, mut landing: watch::Receiver<Option<Landing>>) {
        let waiting = async move { (ask, News::After(landed(&mut landing).await)) };
        self.waiting.get_or_insert_default().push(Box::pin(waiting));
    }

    /// The next ask whose wait is over.
    pub(super) fn next_waited(&mut self, cx: &mut Context<'_>) -> Option<(AskId, News)> {
        match self.waiting.as_mut()?.poll_next_unpin(cx) {
            Poll::Ready(news) => news,
            Poll::Pending => None,
        }
    }

    /// The asks that have to be asked after all.
    pub(super) fn take_again(&mut self) -> Vec<AskId> {
        std::mem::take(&mut self.again)
    }

    fn take(&mut self, ask: AskId) -> Option<Held> {
        let index = self.held.iter().position(|(other, _)| *other == ask)?;
        Some(self.held.swap_remove(index).1)
    }
}

impl Driver {
    /// Gives an ask its answer, or one that was kept in its place.
    pub(super) fn conclude(&mut self, ask: AskId, answer: Answer) {
        let answer = match self.sharing.take(ask) {
            Some(held) if answer.outcome == Outcome::Late => {
                let (answer, rest) = held.late(answer, Instant::now().into_std());
                self.sharing.late.push((ask, rest));
                answer
            }
            Some(held) => self.settle(ask, held, answer),
            None => answer,
        };
        let of_outcome = max_age_beside(answer.outcome);
        self.limit(of_outcome.or(answer.max_age));
        self.state.answer(ask, answer);
    }

    /// An answer that comes too late for this page is kept for the next.
    pub(super) fn keep_late(&mut self, ask: AskId, answer: Answer) {
        if let Some(index) = self.sharing.late.iter().position(|(other, _)| *other == ask) {
            let (_, held) = self.sharing.late.swap_remove(index);
            self.settle(ask, held, answer);
        }
    }

    fn settle(&self, ask: AskId, held: Held, answer: Answer) -> Answer {
        let question = self.state.question(ask);
        let is_known = question.is_none_or(|asked| is_known(asked.request.owner.as_deref(), &self.sessions));
        let answer = answer.checked(self.engine.core().options.max_fragment_bytes);
        held.conclude(answer, !is_known, Instant::now().into_std())
    }

    /// What came of the ask that `ask` waited for.
    pub(super) fn take_news(&mut self, ask: AskId, news: News) {
        match news {
            News::Waited(Waited::For(Some(Landing::Kept(kept)))) | News::After(Some(Landing::Kept(kept))) => {
                if let Some(held) = self.sharing.take(ask) {
                    self.decide(ask, held.same(&kept, Instant::now().into_std()));
                }
            }
            News::Waited(Waited::For(Some(Landing::Failed(outcome, reason)))) => {
                let answer = Answer {
                    outcome,
                    reason,
                    ..Answer::default()
                };
                self.decide(ask, answer);
            }
            // It asks by itself, and nobody waits for it.
            News::Waited(Waited::For(Some(Landing::Alone))) => self.sharing.again.push(ask),
            // It may be the next that others wait for.
            News::Waited(Waited::For(None)) => {
                self.sharing.take(ask);
                self.sharing.again.push(ask);
            }
            News::Waited(Waited::TooLong(landing)) => {
                self.sharing.take(ask);
                self.sharing.again.push(ask);
                self.sharing.listen(ask, landing);
            }
            // It has asked by itself.
            News::After(_) => {}
        }
    }
}

/// Whether the owner of a fragment gets a session of the visitor with the question. This service's own fragments hand on
/// sessions of others to the fragments in them.
pub(crate) fn is_known(owner: Option<&str>, sessions: &Sessions) -> bool {
    match owner {
        None => !sessions.current.is_empty(),
        Some(service) => sessions.current.contains_key(service),
    }
}
