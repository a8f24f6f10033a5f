//! What comes back: answers of local and of other services' fragments, and time that is up.

use std::task::{Context, Poll};

use futures_util::StreamExt;
use hydra_runtime_wire::Outcome;

use crate::page::fetch::Driver;
use crate::page::{
    answer::{Answer, AskId},
    fetch::{deadline::Patience, sent_batch::Event},
    report::reason::Why,
};

impl Driver {
    /// Takes in all answers that are there. Whether there were any.
    pub(super) fn take_answers(&mut self, cx: &mut Context<'_>) -> bool {
        let mut any = false;
        while let Poll::Ready(Some((ask, answer))) = self.locals.poll_next_unpin(cx) {
            for (service, session) in answer.sessions {
                self.sessions.set(service, session);
            }
            self.conclude(ask, answer.fragment.into());
            any = true;
        }
        while let Some((ask, news)) = self.sharing.next_waited(cx) {
            self.take_news(ask, news);
            any = true;
        }
        let mut index = 0;
        while let Some(wave) = self.waves.get_mut(index) {
            match wave.poll(cx) {
                Poll::Pending => index += 1,
                Poll::Ready(Event::Part(answers, part)) => {
                    let wanted = part
                        .sessions
                        .into_iter()
                        .filter(|(service, _)| wave.services.contains(service));
                    for (service, session) in wanted {
                        self.sessions.set(service, session);
                    }
                    answers
                        .into_iter()
                        .for_each(|(ask, answer)| self.decide(ask, answer));
                    any = true;
                }
                Poll::Ready(Event::End(reason)) => {
                    let wave = self.waves.swap_remove(index);
                    for ask in wave.open {
                        self.decide(ask, Answer::failed(Outcome::Failed, reason));
                    }
                    any = true;
                }
            }
        }
        any
    }

    /// Answers an ask that went to another service.
    pub(super) fn decide(&mut self, ask: AskId, answer: Answer) {
        match self.take_deadline(ask) {
            Some(_) => self.conclude(ask, answer),
            None => self.keep_late(ask, answer),
        }
    }

    /// Takes an ask from those that have a deadline.
    pub(super) fn take_deadline(&mut self, ask: AskId) -> Option<Patience> {
        let index = self.deadlines.iter().position(|(other, _)| *other == ask)?;
        Some(self.deadlines.swap_remove(index).1)
    }

    /// Gives up what is late. Whether there was anything.
    pub(super) fn is_time_up(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(first) = self.deadlines.iter().map(|(_, patience)| patience.until).min() else {
            return false;
        };
        let timer = self
            .timer
            .get_or_insert_with(|| Box::pin(tokio::time::sleep_until(first)));
        if timer.deadline() != first {
            timer.as_mut().reset(first);
        }
        if timer.as_mut().poll(cx).is_pending() {
            return false;
        }
        let late: Vec<AskId> = self
            .deadlines
            .iter()
            .filter(|(_, patience)| patience.until <= first)
            .map(|(ask, _)| *ask)
            .collect();
        for ask in late {
            self.decide(ask, Answer::failed(Outcome::Late, Why::Late));
        }
        true
    }
}
