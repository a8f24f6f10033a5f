//! A lazy fragment whose tag lets answers be used again: one that is kept, another's who asks the same, or the owner's.

use std::{future::pending, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use hydra_runtime_wire::Outcome;
use tokio::{
    sync::watch::Receiver,
    time::{Instant, timeout_at},
};

use crate::page::respond::lazy::ask::Ask;
use crate::page::{
    answer::Answer,
    cache::{Everybody, Held, KeptAnswer, Landing, Look, Reuse, Wanted},
    fetch::{
        Sessions,
        deadline::{Patience, Waited, landed, wait},
        is_known,
    },
    report::reason::Why,
};

impl Ask<'_> {
    /// The answer, within `budget`. Sessions that change are in `sessions`, also where it does not come in time.
    pub(super) async fn answer(&self, budget: Duration, sessions: &mut Sessions) -> Answer {
        let patience = Patience::new(Instant::now(), budget);
        let owner = self.asked.service.as_deref();
        let everybody = Everybody::like(&self.caller).filter(|_| !is_known(owner, sessions));
        if let (Some(reuse), Some(everybody), Some(terms)) =
            (&self.engine.core().reuse, everybody, self.asked.terms())
        {
            let wanted = Wanted {
                service: owner.unwrap_or_default(),
                reference: &self.asked.reference,
                imports: &self.asked.imports,
                exports: &[],
                everybody,
                terms,
            };
            return self.shared(reuse, &wanted, patience, sessions).await;
        }
        let answer = timeout_at(patience.until, self.owner(sessions)).await;
        answer.unwrap_or_else(|_| late())
    }

    async fn shared(
        &self,
        reuse: &Arc<Reuse>,
        wanted: &Wanted<'_>,
        patience: Patience,
        sessions: &mut Sessions,
    ) -> Answer {
        let mut overtaken = None;
        // Each wait takes a part of its time: after a few it asks.
        loop {
            let now = Instant::now();
            let turn = patience.turn(now).map(Instant::into_std);
            let (held, flight) = match reuse.look(wanted, turn, now.into_std()) {
                Look::Fresh(answer) => return answer,
                Look::Ask(held) => return self.by_itself(held, overtaken, patience, sessions).await,
                Look::Wait(held, flight) => (held, flight),
            };
            let Ok(waited) = timeout_at(patience.until, wait(flight)).await else {
                return self.conclude(held, late(), sessions);
            };
            match waited {
                Waited::For(Some(Landing::Kept(kept))) => return held.same(&kept, Instant::now().into_std()),
                Waited::For(Some(Landing::Failed(outcome, reason))) => {
                    let answer = Answer {
                        outcome,
                        reason,
                        ..Answer::default()
                    };
                    return self.conclude(held, answer, sessions);
                }
                // Nobody waits for it.
                Waited::For(Some(Landing::Alone)) => {
                    return self.by_itself(held, None, patience, sessions).await;
                }
                // It may be the next that others wait for.
                Waited::For(None) => {}
                Waited::TooLong(landing) => overtaken = Some(landing),
            }
        }
    }

    /// Asks the owner. The answer of another that has been asking for too long counts too if it comes first.
    async fn by_itself(
        &self,
        held: Held,
        other: Option<Receiver<Option<Landing>>>,
        patience: Patience,
        sessions: &mut Sessions,
    ) -> Answer {
        let first = async {
            let owner = pin!(self.owner(sessions));
            match select(owner, pin!(kept_by(other))).await {
                Either::Left((answer, _)) => Ok(answer),
                Either::Right((kept, _)) => Err(kept),
            }
        };
        match timeout_at(patience.until, first).await {
            Ok(Ok(answer)) => self.conclude(held, answer, sessions),
            Ok(Err(kept)) => held.same(&kept, Instant::now().into_std()),
            Err(_) => self.conclude(held, late(), sessions),
        }
    }

    fn conclude(&self, held: Held, answer: Answer, sessions: &Sessions) -> Answer {
        let answer = answer.checked(self.engine.core().options.max_fragment_bytes);
        let is_known = is_known(self.asked.service.as_deref(), sessions);
        held.conclude(answer, !is_known, Instant::now().into_std())
    }
}

/// What another kept. Never, where it has nothing for others.
async fn kept_by(other: Option<Receiver<Option<Landing>>>) -> Arc<KeptAnswer> {
    if let Some(mut landing) = other
        && let Some(Landing::Kept(kept)) = landed(&mut landing).await
    {
        return kept;
    }
    pending().await
}

fn late() -> Answer {
    Answer::failed(Outcome::Late, Why::Late)
}
