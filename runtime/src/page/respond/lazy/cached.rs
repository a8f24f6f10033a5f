//! The answer to a lazy fragment: from the cache, from an identical request in flight, or from its owner.

use std::{future::pending, pin::pin, sync::Arc, time::Duration};

use futures_util::future::{Either, select};
use hydra_runtime_wire::Outcome;
use tokio::time::{Instant, timeout_at};

use super::fetch::LazyFetch;
use crate::page::{
    answer::Answer,
    cache::{
        FragmentCache, Lookup,
        entry::CachedFragment,
        in_flight::{InFlight, SharedResult},
        key::{Audience, CacheQuery},
        reservation::Reservation,
    },
    fetch::{deadline::Deadline, sessions::VisitorSessions},
    report::reason::ReasonKind,
};

impl LazyFetch<'_> {
    /// The answer, within `budget`. Changed sessions are in `sessions`, also where the answer does not come in time.
    pub(super) async fn answer(&self, budget: Duration, sessions: &mut VisitorSessions) -> Answer {
        let deadline = Deadline::new(Instant::now(), budget);
        let owner = self.fragment.service.as_deref();
        let audience = Audience::of(&self.caller).filter(|_| !sessions.reach(owner));
        if let (Some(cache), Some(audience), Some(policy)) = (
            &self.engine.shared().cache,
            audience,
            self.fragment.cache_policy(),
        ) {
            let query = CacheQuery {
                service: owner.unwrap_or_default(),
                reference: &self.fragment.reference,
                imports: &self.fragment.imports,
                exports: &[],
                audience,
                policy,
            };
            return self.through_cache(cache, &query, deadline, sessions).await;
        }
        let answer = timeout_at(deadline.end, self.ask_owner(sessions)).await;
        answer.unwrap_or_else(|_| late())
    }

    async fn through_cache(
        &self,
        cache: &Arc<FragmentCache>,
        query: &CacheQuery<'_>,
        deadline: Deadline,
        sessions: &mut VisitorSessions,
    ) -> Answer {
        let mut overtaken = None;
        // Each wait takes a part of the time, so that after a few of them this request asks the owner.
        loop {
            let now = Instant::now();
            let (reservation, mut in_flight) =
                match cache.look_up(query, deadline.leads_until(now), now.into_std()) {
                    Lookup::Hit(answer) => return answer,
                    Lookup::Ask(reservation) => {
                        return self.ask_or_take(reservation, overtaken, deadline, sessions).await;
                    }
                    Lookup::Wait(reservation, in_flight) => (reservation, in_flight),
                };
            let Ok(result) = timeout_at(deadline.end, in_flight.wait()).await else {
                return self.conclude(reservation, late(), sessions);
            };
            if matches!(result, SharedResult::TooLong) {
                overtaken = Some(in_flight);
            }
            match reservation.after_wait(result, Instant::now().into_std()) {
                Ok(answer) => return answer,
                Err(Some(reservation)) => {
                    return self.ask_or_take(reservation, None, deadline, sessions).await;
                }
                Err(None) => {}
            }
        }
    }

    /// Asks the owner. The answer of the identical request `other`, which took too long, counts too if it comes first.
    async fn ask_or_take(
        &self,
        reservation: Reservation,
        other: Option<InFlight>,
        deadline: Deadline,
        sessions: &mut VisitorSessions,
    ) -> Answer {
        let first = async {
            let owner = pin!(self.ask_owner(sessions));
            match select(owner, pin!(answer_of(other))).await {
                Either::Left((answer, _)) => Ok(answer),
                Either::Right((fragment, _)) => Err(SharedResult::Answer(fragment)),
            }
        };
        let answer = match timeout_at(deadline.end, first).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(result)) => {
                let answer = reservation.after_wait(result, Instant::now().into_std());
                return answer.unwrap_or_else(|_| late());
            }
            Err(_) => late(),
        };
        self.conclude(reservation, answer, sessions)
    }

    fn conclude(&self, reservation: Reservation, answer: Answer, sessions: &VisitorSessions) -> Answer {
        let answer = answer.checked(self.engine.shared().options.max_fragment_bytes);
        let is_known = sessions.reach(self.fragment.service.as_deref());
        reservation.conclude(answer, !is_known, Instant::now().into_std())
    }
}

/// The answer of `other` that all may show. Without one, this never returns.
async fn answer_of(other: Option<InFlight>) -> Arc<CachedFragment> {
    match other {
        Some(other) => other.answer().await,
        None => pending().await,
    }
}

fn late() -> Answer {
    Answer::failed(Outcome::Late, ReasonKind::Late)
}
