//! Starts the fetches of a page, as soon as their imports are known.

use std::{
    cell::OnceCell,
    panic::{AssertUnwindSafe, catch_unwind},
    time::Duration,
};

use hydra_runtime_net::fragment_source::{Caller, KeptFragment, KeptFragments, WantedFragment};
use hydra_runtime_wire::{Attributes, FragmentRequest, Outcome, call_chain};
use tokio::time::{Instant, timeout_at};

use super::{
    batch::Batch,
    call::{FragmentAnswer, FragmentCall},
    deadline::Deadline,
    driver::Driver,
    pending::{PendingFetch, Stage},
    sent_batch::SentBatch,
};
use crate::page::{
    answer::{Answer, FetchId},
    cache::{
        Lookup,
        key::{Audience, CacheQuery},
    },
    plan::cache_policy::CachePolicy,
    report::reason::ReasonKind,
    state::FetchQuery,
};

/// The fetches that start at the same moment. Those to other services leave in one batch.
struct Round {
    now: Instant,
    batch: Batch,
    /// What the source may give this visitor again. It is not set before a fragment of another service is wanted.
    kept: OnceCell<Option<Box<dyn KeptFragments>>>,
}

impl Driver {
    /// Starts the fetches that the page has found, and those whose wait for an identical request was in vain. Returns whether
    /// there were any.
    pub(super) fn send(&mut self) -> bool {
        let (found, queued) = (self.state.take_fetches(), self.pending.take_queued());
        if found.is_empty() && queued.is_empty() {
            return false;
        }
        let mut round = Round {
            now: Instant::now(),
            batch: Batch::new(),
            kept: OnceCell::new(),
        };
        for fetch in queued {
            self.start(fetch, &mut round);
        }
        // Fetches have numbers in the order in which the page finds them.
        self.began.resize(found.end, round.now);
        for id in found {
            let fetch = PendingFetch::new(id, self.deadline(id, round.now));
            self.start(fetch, &mut round);
        }
        if let (Some(source), false) = (&self.sources.remote, round.batch.is_empty()) {
            let caller = Caller {
                has_looked: true,
                ..self.caller.clone()
            };
            let sent = SentBatch::send(round.batch, &**source, &self.sessions.current, caller);
            self.batches.push(sent);
        }
        true
    }

    /// The deadline of a fetch that starts `now`: as its tags say, and within that of the page.
    fn deadline(&self, id: FetchId, now: Instant) -> Deadline {
        let left = self.end.saturating_duration_since(now);
        let timeout = self.state.query(id).map_or(left, |query| query.timeout);
        Deadline::new(now, timeout.min(left))
    }

    fn start(&mut self, mut fetch: PendingFetch, round: &mut Round) {
        match self.try_start(&mut fetch, round) {
            Ok(stage) => {
                fetch.stage = stage;
                if stage != Stage::Local || fetch.reservation.is_some() {
                    self.pending.push(fetch);
                }
            }
            Err(answer) => self.finish_fetch(fetch, *answer),
        }
    }

    /// Starts a fetch and returns its next stage. An answer that needs no request is an error.
    fn try_start(&mut self, fetch: &mut PendingFetch, round: &mut Round) -> Result<Stage, Box<Answer>> {
        let id = fetch.id;
        let Some(query) = self.state.query(id) else {
            return Err(Answer::failed(Outcome::Failed, ReasonKind::NotPlanned).into());
        };
        let imports = query.imports().map_err(|error| {
            let reason = format!("its imports can't be sent: {error}");
            Answer::failed(Outcome::Refused, ReasonKind::Imports.saying(reason))
        })?;
        let policy = query.policy().filter(|_| fetch.reservation.is_none());
        match policy.and_then(|policy| self.look_up(fetch, &query, &imports, policy, round.now)) {
            Some(Lookup::Hit(answer)) => return Err(answer.into()),
            Some(Lookup::Ask(reservation)) => fetch.reservation = Some(Box::new(reservation)),
            Some(Lookup::Wait(reservation, in_flight)) => {
                fetch.reservation = Some(Box::new(reservation));
                self.waits.add(id, in_flight);
                return Ok(Stage::Waiting);
            }
            None => {}
        }
        let budget = fetch.deadline.left(round.now);
        if budget.is_zero() {
            return Err(Answer::failed(Outcome::Late, ReasonKind::NoTime).into());
        }
        match &query.fragment.owner {
            None => {
                let local = self.local(&query, imports, budget)?;
                let within = timeout_at(fetch.deadline.end, local);
                self.locals.push(Box::pin(async move {
                    let late = || FragmentAnswer::failed(Outcome::Late, "it took too long");
                    (id, within.await.unwrap_or_else(|_| late()))
                }));
                Ok(Stage::Local)
            }
            Some(_) if self.sources.remote.is_none() => {
                Err(Answer::failed(Outcome::Inactive, ReasonKind::NoGateway).into())
            }
            Some(service) => {
                if let Some(kept) = self.kept(service, &query, &imports, round) {
                    return Err(Box::new(kept.into()));
                }
                let request = self.remote(service, &query, imports);
                round.batch.add(id, budget, request);
                Ok(Stage::Remote)
            }
        }
    }

    /// The fragment of another service, if the source may give it again.
    fn kept(
        &self,
        service: &str,
        query: &FetchQuery<'_>,
        imports: &Attributes,
        round: &Round,
    ) -> Option<KeptFragment> {
        let source = self.sources.remote.as_ref()?;
        let wanted = WantedFragment {
            service,
            reference: &query.fragment.reference,
            imports,
            exports: query.exports,
            call_chain: &self.caller.call_chain,
        };
        // A source that panics has nothing.
        let find = || {
            round
                .kept
                .get_or_init(|| source.kept(&self.caller))
                .as_ref()?
                // The length is checked like that of any other answer.
                .get(&[wanted], usize::MAX)?
                .pop()
        };
        catch_unwind(AssertUnwindSafe(find)).ok().flatten()
    }

    fn remote(&self, service: &str, query: &FetchQuery<'_>, imports: Attributes) -> FragmentRequest {
        FragmentRequest {
            service: service.to_owned(),
            reference: query.fragment.reference.to_string(),
            imports: Some(query.imports_as_written()),
            attributes: Some(imports),
            exports: query.exports.iter().map(|name| name.to_string()).collect(),
            call_chain: self.caller.call_chain.clone(),
            ..FragmentRequest::default()
        }
    }

    /// Looks into the cache. `None`: the answer is for this visitor only, or there is no cache.
    fn look_up(
        &self,
        fetch: &PendingFetch,
        query: &FetchQuery<'_>,
        imports: &Attributes,
        policy: CachePolicy,
        now: Instant,
    ) -> Option<Lookup> {
        let owner = query.fragment.owner.as_deref();
        let shared = self.engine.shared();
        let cache = shared.cache.as_ref()?;
        let audience = Audience::of(&self.caller).filter(|_| !self.sessions.reach(owner))?;
        let query = CacheQuery {
            service: owner.unwrap_or_default(),
            reference: &query.fragment.reference,
            imports,
            exports: query.exports,
            audience,
            policy,
        };
        // In a circle of fragments, the request that this one waits for would wait for this one. Two requests that go round
        // a circle in opposite directions do not see that: they wait for each other for a while, and then ask.
        let step = call_chain::fragment_step(owner.unwrap_or(&shared.plan.service), query.reference);
        let leads_until = fetch.deadline.leads_until(now);
        let leads_until = leads_until.filter(|_| !self.caller.call_chain.contains(&step));
        Some(cache.look_up(&query, leads_until, now.into_std()))
    }

    fn local(
        &self,
        query: &FetchQuery<'_>,
        imports: Attributes,
        budget: Duration,
    ) -> Result<impl Future<Output = FragmentAnswer> + Send + use<>, Box<Answer>> {
        let Some(local) = self.sources.local.clone() else {
            return Err(Answer::failed(Outcome::Failed, ReasonKind::NoFragments).into());
        };
        let call = FragmentCall {
            id: String::new(),
            reference: query.fragment.reference.to_string(),
            imports,
            exports: query.exports.iter().map(|name| name.to_string()).collect(),
            sessions: self.sessions.current.clone(),
            form: None,
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
}
