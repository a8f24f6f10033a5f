//! Takes in the answers to a page's fetches, and gives up those that are late.

use std::task::{Context, Poll};

use futures_util::StreamExt;
use hydra_runtime_wire::{Outcome, ResolvedFragments};
use tokio::time::Instant;

use super::{
    driver::Driver,
    pending::{PendingFetch, Stage},
    sent_batch::BatchEvent,
};
use crate::page::{
    answer::{Answer, FetchId},
    cache::{in_flight::SharedResult, reservation::Reservation},
    report::{event::max_age_beside, reason::ReasonKind},
};

impl Driver {
    /// Takes in all answers that have come. Returns whether there were any.
    pub(super) fn receive(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while let Poll::Ready(Some((id, answer))) = self.locals.poll_next_unpin(cx) {
            for (service, session) in answer.sessions {
                self.sessions.set(service, session);
            }
            self.sessions.add_cookies(answer.cookies);
            let answer = answer.fragment.into();
            match self.pending.take(id) {
                Some(fetch) => self.finish_fetch(fetch, answer),
                None => self.deliver(id, answer),
            }
            any = true;
        }
        while let Some((id, result)) = self.waits.next(cx) {
            self.end_wait(id, result);
            any = true;
        }
        let mut index = 0;
        while let Some(batch) = self.batches.get_mut(index) {
            match batch.poll(cx) {
                Poll::Pending => {
                    index += 1;
                    continue;
                }
                Poll::Ready(BatchEvent::Part(answers, part)) => self.receive_part(index, answers, part),
                Poll::Ready(BatchEvent::End(reason)) => {
                    let batch = self.batches.swap_remove(index);
                    for id in batch.open {
                        self.receive_remote(id, Answer::failed(Outcome::Failed, reason));
                    }
                }
            }
            any = true;
        }
        any
    }

    fn receive_part(&mut self, batch: usize, answers: Vec<(FetchId, Answer)>, part: ResolvedFragments) {
        let asked = &self.batches[batch].services;
        let sessions = part.sessions.into_iter();
        for (service, session) in sessions.filter(|(service, _)| asked.contains(service)) {
            self.sessions.set(service, session);
        }
        self.sessions.add_cookies(part.cookies);
        for (id, answer) in answers {
            self.receive_remote(id, answer);
        }
    }

    fn receive_remote(&mut self, id: FetchId, answer: Answer) {
        match self.pending.take(id) {
            Some(fetch) if fetch.stage != Stage::Late => self.finish_fetch(fetch, answer),
            Some(PendingFetch {
                reservation: Some(reservation),
                ..
            }) => _ = self.settle(id, *reservation, answer),
            _ => {}
        }
    }

    /// Gives up the fetches whose time is up. Returns whether there were any.
    pub(super) fn give_up_late(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(first) = self.pending.first_end() else {
            return false;
        };
        if !self.timer.has_come(first, cx) {
            return false;
        }
        for fetch in self.pending.take_late(first) {
            self.finish_fetch(fetch, Answer::failed(Outcome::Late, ReasonKind::Late));
        }
        true
    }

    /// Ends a fetch with `answer`, or with one that the cache has in its place. What another service still sends after the
    /// deadline is kept for the next page.
    pub(super) fn finish_fetch(&mut self, mut fetch: PendingFetch, answer: Answer) {
        let id = fetch.id;
        let answer = match fetch.reservation.take() {
            None => answer,
            Some(reservation) if answer.outcome == Outcome::Late => {
                let (answer, reservation) = reservation.late(answer, Instant::now().into_std());
                if fetch.stage == Stage::Remote {
                    fetch.reservation = Some(Box::new(reservation));
                    fetch.stage = Stage::Late;
                    self.pending.push(fetch);
                }
                answer
            }
            Some(reservation) => self.settle(id, *reservation, answer),
        };
        self.deliver(id, answer);
    }

    /// A wait of the fetch `id` for an identical request is over.
    fn end_wait(&mut self, id: FetchId, result: SharedResult) {
        let Some(mut fetch) = self.pending.take(id) else {
            return;
        };
        let reservation = fetch.reservation.take_if(|_| fetch.stage != Stage::Late);
        match reservation.map(|reservation| reservation.after_wait(result, Instant::now().into_std())) {
            Some(Ok(answer)) => return self.deliver(id, answer),
            Some(Err(reservation)) => {
                fetch.reservation = reservation.map(Box::new);
                fetch.stage = Stage::Queued;
            }
            // The wait does not matter any more: the fetch has sent a request of its own, whose answer is for this
            // visitor only, or its time is up.
            None => {}
        }
        self.pending.push(fetch);
    }

    fn settle(&self, id: FetchId, reservation: Reservation, answer: Answer) -> Answer {
        let query = self.state.query(id);
        let is_known = query.is_none_or(|query| self.sessions.reach(query.fragment.owner.as_deref()));
        let answer = answer.checked(self.engine.shared().options.max_fragment_bytes);
        reservation.conclude(answer, !is_known, Instant::now().into_std())
    }

    /// Records how long a fetch took. One from a cache took no time, which only the record of the request wants to know.
    fn took(&self, id: FetchId, outcome: Outcome) {
        let record = self.caller.record.as_ref();
        if outcome == Outcome::Cached && !record.is_some_and(|record| record.has_details()) {
            return;
        }
        if let (Some(query), Some(began)) = (self.state.query(id), self.began.get(id)) {
            let reporter = &self.engine.shared().reporter;
            reporter.took(query.fragment, outcome, began.elapsed(), record);
        }
    }

    /// Gives the page the answer of a fetch that has none.
    fn deliver(&mut self, id: FetchId, answer: Answer) {
        if self.state.is_answered(id) {
            return;
        }
        self.took(id, answer.outcome);
        self.limit_reuse(max_age_beside(answer.outcome).or(answer.max_age));
        self.state.answer(id, answer);
    }
}
