//! Early hints of services (RFC 8297). The server library cannot send them on, so their links are added to the answer
//! that follows.

use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request, StatusCode, header::LINK};

use super::expect::ContinueSignal;
use crate::limits::{MAX_HINT_BYTES, MAX_HINT_LINKS};

/// The links of the hints before an answer. The lock is held for one step, never across an await.
#[derive(Debug)]
pub(super) struct Hints(Arc<Mutex<Vec<HeaderValue>>>);

impl Hints {
    /// Collects hints from now on, while the answer to `request` is awaited. `100 Continue` goes to the body of the
    /// request, if it waits for this.
    pub(super) fn before_answer_to(request: &mut Request<Body>) -> Self {
        let (hints, listener) = Self::listening(request);
        hyper::ext::on_informational(request, move |interim| {
            listener.hear(interim.status(), interim.headers());
        });
        hints
    }

    /// The same with a listener, which must be told of interim answers.
    pub(super) fn listening(request: &mut Request<Body>) -> (Self, InterimListener) {
        let links = Arc::<Mutex<Vec<HeaderValue>>>::default();
        let listener = InterimListener {
            links: Arc::clone(&links),
            signal: request.extensions_mut().remove::<ContinueSignal>(),
        };
        (Self(links), listener)
    }

    /// Adds the links to the head of the answer, after its own.
    pub(super) fn join(self, answer: &mut HeaderMap) {
        let links = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        join(links, answer);
    }
}

/// Hears the interim answers before an answer.
pub(super) struct InterimListener {
    links: Arc<Mutex<Vec<HeaderValue>>>,
    signal: Option<ContinueSignal>,
}

impl InterimListener {
    pub(super) fn hear(&self, status: StatusCode, headers: &HeaderMap) {
        if let Some(signal) = &self.signal
            && status == StatusCode::CONTINUE
        {
            signal.send();
        }
        if status == StatusCode::EARLY_HINTS {
            let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            collect(&mut links, headers);
        }
    }
}

/// Adds the links of a hint to those of earlier ones.
pub(super) fn collect(links: &mut Vec<HeaderValue>, hint: &HeaderMap) {
    for link in hint.get_all(LINK) {
        let bytes: usize = links.iter().map(HeaderValue::len).sum();
        let is_within = links.len() < MAX_HINT_LINKS && bytes + link.len() <= MAX_HINT_BYTES;
        if is_within && !links.contains(link) {
            links.push(link.clone());
        }
    }
}

/// Adds links to the head of an answer, after its own.
pub(super) fn join(links: Vec<HeaderValue>, answer: &mut HeaderMap) {
    for link in links {
        if !answer.get_all(LINK).iter().any(|own| *own == link) {
            answer.append(LINK, link);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn links(values: &[&str]) -> HeaderMap {
        let value = |text: &&str| (LINK, HeaderValue::from_str(text).expect("a header"));
        values.iter().map(value).collect()
    }

    #[test]
    fn the_links_of_hints_join_the_answer_once() {
        for (hints, own, expected) in [
            (&[&["</a>"][..]][..], &[][..], &["</a>"][..]),
            (&[&["</a>", "</b>"]], &["</c>"], &["</c>", "</a>", "</b>"]),
            (&[&["</a>"], &["</b>"]], &[], &["</a>", "</b>"]),
            (&[&["</a>"], &["</a>"]], &["</a>"], &["</a>"]),
            (
                &[&["</a>; rel=preload"]],
                &["</a>"],
                &["</a>", "</a>; rel=preload"],
            ),
            (&[&[]], &["</a>"], &["</a>"]),
            (&[], &[], &[]),
        ] {
            let mut collected = Vec::new();
            for hint in hints {
                collect(&mut collected, &links(hint));
            }
            let mut answer = links(own);
            join(collected, &mut answer);
            assert_eq!(answer, links(expected), "{hints:?} {own:?}");
        }
    }

    #[test]
    fn the_links_of_hints_are_bounded() {
        let mut collected = Vec::new();
        for number in 0..1_000 {
            collect(&mut collected, &links(&[&format!("</{number}>")]));
        }
        assert_eq!(collected.len(), MAX_HINT_LINKS);
        let mut collected = Vec::new();
        let long = "x".repeat(MAX_HINT_BYTES / 2);
        collect(
            &mut collected,
            &links(&[&format!("</{long}>"), &format!("</a{long}>"), "</short>"]),
        );
        assert_eq!(collected.len(), 2, "the second does not fit, and the third does");
    }
}
