//! Asks whose answers are used again: those that were kept, and those that other requests wait for.

use std::task::{Context, Poll};

use futures_util::{StreamExt, future::BoxFuture, stream::FuturesUnordered};
use tokio::time::Instant;

use super::{Driver, Sessions};
use crate::{
    page::{
        core::Core,
        prepare::Owner,
        reuse::{Everybody, Held, Landing, Look, Terms, Wanted},
        state::{Answer, AskId, Question},
    },
    source::Caller,
    trail,
    wire::{Attributes, Outcome},
};

/// What an ask waits for: the answer of another request, or that there is none.
type Waiting = BoxFuture<'static, (AskId, Option<Landing>)>;

/// The asks of a page whose answers may be used again.
#[derive(Default)]
pub(super) struct Sharing {
    held: Vec<(AskId, Held)>,
    /// Those that wait. `None` as long as none did.
    waiting: Option<FuturesUnordered<Waiting>>,
    /// Those that waited in vain.
    again: Vec<AskId>,
}

impl Sharing {
    /// Looks for an answer to use again: gives it as an error, and whether the ask waits for another's.
    pub(super) fn look(
        &mut self,
        core: &Core,
        ask: AskId,
        (question, imports, terms): (&Question<'_>, &Attributes, Terms),
        (caller, sessions): (&Caller, &Sessions),
        now: Instant,
    ) -> Result<bool, Answer> {
        let is_known = is_known(&question.request.owner, sessions);
        let is_held = self.held.iter().any(|(other, _)| *other == ask);
        let everybody = Everybody::with(&caller.headers).filter(|_| !is_known && !is_held);
        let (Some(reuse), Some(everybody)) = (&core.reuse, everybody) else {
            return Ok(false);
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
        // In a circle, the one who is waited for would wait for this one.
        let step = trail::fragment(owner.unwrap_or(&core.plan.service), &question.request.reference);
        let may_wait = !caller.trail.contains(&step);
        match reuse.look(&wanted, may_wait, now.into_std()) {
            Look::Fresh(answer) => Err(answer),
            Look::Ask(held) => {
                self.held.push((ask, held));
                Ok(false)
            }
            Look::Wait(held, mut flight) => {
                self.held.push((ask, held));
                let waiting = async move {
                    let landing = flight.wait_for(Option::is_some).await;
                    (ask, landing.ok().and_then(|landing| landing.clone()))
                };
                self.waiting.get_or_insert_default().push(Box::pin(waiting));
                Ok(true)
            }
        }
    }

    /// The next ask whose wait is over.
    pub(super) fn landed(&mut self, cx: &mut Context<'_>) -> Option<(AskId, Option<Landing>)> {
        match self.waiting.as_mut()?.poll_next_unpin(cx) {
            Poll::Ready(landed) => landed,
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
            Some(held) => {
                let question = self.state.question(ask);
                let is_known = question.is_none_or(|asked| is_known(&asked.request.owner, &self.sessions));
                let answer = answer.checked(self.engine.core().options.max_fragment_bytes);
                held.conclude(answer, !is_known, Instant::now().into_std())
            }
            None => answer,
        };
        // What holds a fallback or an old copy is not to be used again: it may be whole the next time.
        let max_age = match answer.outcome {
            Outcome::Rendered | Outcome::Cached => answer.max_age,
            _ => Some(0),
        };
        self.max_age = [self.max_age, max_age].into_iter().flatten().min();
        self.state.answer(ask, answer);
    }

    /// What came of the ask that `ask` waited for.
    pub(super) fn take_landing(&mut self, ask: AskId, landing: Option<Landing>) {
        match landing {
            Some(Landing::Kept(kept)) => {
                if let Some(held) = self.sharing.take(ask) {
                    self.decide(ask, held.same(&kept, Instant::now().into_std()));
                }
            }
            Some(Landing::Failed(outcome, reason)) => {
                let answer = Answer {
                    outcome,
                    reason,
                    ..Answer::default()
                };
                self.decide(ask, answer);
            }
            // It asks by itself, and nobody waits for it.
            Some(Landing::Alone) => self.sharing.again.push(ask),
            // It may be the next that others wait for.
            None => {
                self.sharing.take(ask);
                self.sharing.again.push(ask);
            }
        }
    }
}

/// Whether the owner of a fragment gets a session of the visitor with the question. This service's own fragments hand on
/// sessions of others to the fragments in them.
fn is_known(owner: &Owner, sessions: &Sessions) -> bool {
    match owner {
        None => !sessions.current.is_empty(),
        Some(service) => sessions.current.contains_key(&**service),
    }
}
