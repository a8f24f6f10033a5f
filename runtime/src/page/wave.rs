//! One batch on its way: what was asked of other services in one call, and the answers as they come.

use std::{
    collections::BTreeSet,
    panic::{AssertUnwindSafe, catch_unwind},
    task::{Context, Poll},
};

use futures_util::{StreamExt, stream::BoxStream};

use super::state::{Answer, AskId};
use crate::wire::{ResolvedFragment, ResolvedFragments};

/// How many parts without an answer that was asked for are borne. A source that sends nothing else is cut off.
const MAX_USELESS_PARTS: u32 = 64;
/// How much of a peer's reason reaches the log, in characters.
const MAX_REASON: usize = 200;

/// A batch that is not answered yet.
pub(crate) struct Wave {
    stream: BoxStream<'static, ResolvedFragments>,
    /// What is still to come.
    pub(crate) open: BTreeSet<AskId>,
    /// Whom the batch went to: only their sessions are taken.
    pub(crate) services: BTreeSet<String>,
    useless: u32,
}

/// What a wave had to say.
pub(crate) enum Event {
    /// Answers to asks of this wave, and the part they came in.
    Part(Vec<(AskId, Answer)>, ResolvedFragments),
    /// No more will come; what is open has failed for this reason.
    End(&'static str),
}

impl Wave {
    pub(crate) fn new(
        stream: BoxStream<'static, ResolvedFragments>,
        open: BTreeSet<AskId>,
        services: BTreeSet<String>,
    ) -> Self {
        Self {
            stream,
            open,
            services,
            useless: 0,
        }
    }

    /// The next thing that happens. After an `End` the wave must not be polled again.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Event> {
        let polled = catch_unwind(AssertUnwindSafe(|| self.stream.poll_next_unpin(cx)));
        let Ok(polled) = polled else {
            return Poll::Ready(Event::End("the source of fragments panicked"));
        };
        let mut part = match polled {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(None) => return Poll::Ready(Event::End("the answer lacks it")),
            Poll::Ready(Some(part)) => part,
        };
        let mut answers = Vec::with_capacity(part.fragments.len().min(self.open.len()));
        for fragment in part.fragments.drain(..) {
            match read_id(&fragment.id).filter(|id| self.open.remove(id)) {
                Some(id) => answers.push((id, answer(fragment))),
                None => metrics::counter!("hydra_answers_ignored_total").increment(1),
            }
        }
        self.useless += u32::from(answers.is_empty());
        if self.useless > MAX_USELESS_PARTS {
            return Poll::Ready(Event::End(
                "the answers are for fragments that were not asked for",
            ));
        }
        Poll::Ready(Event::Part(answers, part))
    }
}

/// The id as we wrote it: digits without leading zeros.
fn read_id(id: &str) -> Option<AskId> {
    let plain = id.len() <= 10 && id.bytes().all(|byte| byte.is_ascii_digit());
    (plain && (id == "0" || !id.starts_with('0')))
        .then(|| id.parse().ok())
        .flatten()
}

fn answer(mut fragment: ResolvedFragment) -> Answer {
    let reason = fragment.reason.take();
    fragment.reason = reason.map(|reason| reason.chars().take(MAX_REASON).collect());
    fragment.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_as_we_wrote_them_are_read() {
        assert_eq!(read_id("0"), Some(0));
        assert_eq!(read_id("120"), Some(120));
        for id in ["", "00", "01", "+1", "-1", "1 ", "a", "٣", "99999999999", "1.0"] {
            assert_eq!(read_id(id), None, "{id:?}");
        }
    }
}
