//! The response budget of a batch: an endless fragment must not cost the other fragments their place in the answer.

use std::io;

use hydra_runtime_net::limits::{ANSWER_BYTES_PER_FRAGMENT, ANSWER_SHARED_BYTES};
use hydra_runtime_wire::{Outcome, ResolvedFragment, ResolvedFragments, lines::cut};
use serde::Serialize;

use crate::limits::ANSWER_FRAME_BYTES;

/// The budget of one response: a part for each fragment, and a part that all fragments share, first come, first
/// served.
pub(super) struct ResponseBudget {
    shared: usize,
    answer: ResolvedFragments,
    /// The ids of the fragments that have no room.
    without_room: Vec<String>,
}

impl ResponseBudget {
    pub(super) fn new() -> Self {
        Self {
            shared: ANSWER_SHARED_BYTES - ANSWER_FRAME_BYTES,
            answer: ResolvedFragments::default(),
            without_room: Vec::new(),
        }
    }

    /// Adds a part of the response, as far as the budget allows.
    pub(super) fn add(&mut self, part: ResolvedFragments) {
        let cookies: usize = part.cookies.iter().map(|one| json_length(one) + ",".len()).sum();
        if !self.spend(cookies) {
            // Without their cookies, fragments would be shown to other visitors.
            return self.refuse(part.fragments);
        }
        self.answer.cookies.extend(part.cookies);
        for fragment in part.fragments {
            let fragment = self.fit(fragment);
            self.answer.fragments.push(fragment);
        }
        for (service, session) in part.sessions {
            if self.spend(json_length(&service) + json_length(&session) + ":,".len()) {
                self.answer.sessions.insert(service, session);
            } else {
                tracing::warn!(service = cut(&service), "the answer has no room for a session");
            }
        }
    }

    /// Everything that was added, and the ids of the fragments that have no room.
    pub(super) fn into_response_body(self) -> (ResolvedFragments, Vec<String>) {
        (self.answer, self.without_room)
    }

    fn fit(&mut self, fragment: ResolvedFragment) -> ResolvedFragment {
        let size = json_length(&fragment) + ",".len();
        match self.spend(size.saturating_sub(ANSWER_BYTES_PER_FRAGMENT)) {
            true => fragment,
            false => self.refused(fragment),
        }
    }

    fn refuse(&mut self, fragments: Vec<ResolvedFragment>) {
        for fragment in fragments {
            let fragment = self.refused(fragment);
            self.answer.fragments.push(fragment);
        }
    }

    fn refused(&mut self, fragment: ResolvedFragment) -> ResolvedFragment {
        self.without_room.push(fragment.id.clone());
        ResolvedFragment {
            id: fragment.id,
            outcome: Outcome::Failed,
            reason: Some("the answer has no room for it".to_owned()),
            ..ResolvedFragment::default()
        }
    }

    fn spend(&mut self, size: usize) -> bool {
        let rest = self.shared.checked_sub(size);
        self.shared = rest.unwrap_or(self.shared);
        rest.is_some()
    }
}

/// The length of a value as JSON, in bytes.
pub(super) fn json_length(part: &(impl Serialize + ?Sized)) -> usize {
    let mut count = CountingWriter(0);
    // Nothing fails here: the value was read from JSON, so it can be written as JSON, and counting accepts any
    // length.
    let _ = serde_json::to_writer(&mut count, part);
    count.0
}

struct CountingWriter(usize);

impl io::Write for CountingWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fragment(id: usize, html: usize) -> ResolvedFragment {
        ResolvedFragment {
            id: id.to_string(),
            html: Some("\"".repeat(html)),
            ..ResolvedFragment::default()
        }
    }

    fn answer(parts: impl IntoIterator<Item = ResolvedFragments>) -> ResolvedFragments {
        let mut budget = ResponseBudget::new();
        parts.into_iter().for_each(|part| budget.add(part));
        budget.into_response_body().0
    }

    fn part(fragments: Vec<ResolvedFragment>) -> ResolvedFragments {
        ResolvedFragments {
            fragments,
            ..ResolvedFragments::default()
        }
    }

    #[test]
    fn the_first_long_one_has_room_and_short_ones_always_have() {
        let long = ANSWER_SHARED_BYTES / 2 - ANSWER_FRAME_BYTES;
        let answer = answer([
            part(vec![fragment(0, long), fragment(1, long)]),
            part(
                (2..100)
                    .map(|id| fragment(id, ANSWER_BYTES_PER_FRAGMENT / 2 - 100))
                    .collect(),
            ),
        ]);
        let without: Vec<_> = answer.fragments.iter().filter(|one| one.html.is_none()).collect();
        let [one] = &without[..] else {
            panic!("{} have no room", without.len());
        };
        assert_eq!((&*one.id, one.outcome), ("1", Outcome::Failed));
        let most = ANSWER_SHARED_BYTES + answer.fragments.len() * ANSWER_BYTES_PER_FRAGMENT;
        assert!(json_length(&answer) <= most);
    }

    #[test]
    fn a_session_without_end_is_left_out() {
        let with = |name: &str, length: usize| ResolvedFragments {
            sessions: [(name.to_owned(), json!("x".repeat(length)))].into(),
            ..ResolvedFragments::default()
        };
        let answer = answer([with("long", ANSWER_SHARED_BYTES), with("short", 100)]);
        assert_eq!(answer.sessions.keys().collect::<Vec<_>>(), ["short"]);
    }

    #[test]
    fn written_is_what_serde_writes() {
        for text in ["", "a", "<p class=\"x\">é\n\t\u{8}\u{c}\u{1}\\</p>"] {
            assert_eq!(
                json_length(text),
                serde_json::to_string(text).expect("a text").len()
            );
        }
    }
}
