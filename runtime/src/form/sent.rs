//! A form on its way to its handler: how long that may take, and what is kept of it.

use std::{
    collections::BTreeMap,
    mem,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::time::{Instant, timeout_at};

use crate::limits::LEAST_UPLOAD_BYTES_PER_SECOND;

/// What bounds the forms of an application.
#[derive(Clone, Debug)]
pub(crate) struct FormLimits {
    /// The most bytes of a form beside its long files.
    pub(crate) body: usize,
    /// How long an action may take. The arrival of the form is included, but not that of long files.
    pub(crate) timeout: Duration,
    /// Where long files are kept.
    #[cfg(feature = "upload")]
    pub(crate) folder: Arc<std::path::Path>,
}

/// What was sent, for the case that it can't be used: an extension of the request that the handler of an action gets.
#[derive(Clone, Debug)]
pub(crate) struct SentForm {
    pub(super) limits: FormLimits,
    began: Instant,
    /// The lock is held for a moment.
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    arrival: Arrival,
    /// How many bytes of long files have come.
    put_away: u64,
    /// When all of a form with long files had come.
    read_at: Option<Instant>,
}

/// How far a form has come.
#[derive(Debug, Default)]
enum Arrival {
    #[default]
    UnderWay,
    /// It was read. The texts, by the names of their fields.
    Read(BTreeMap<String, Vec<String>>),
    /// It took too long, and is not handled any more.
    Refused,
}

impl SentForm {
    /// A form that begins to arrive.
    pub(crate) fn new(limits: FormLimits) -> Self {
        Self {
            limits,
            began: Instant::now(),
            state: Arc::default(),
        }
    }

    /// The result of `work`, which reads the form and handles it. `None`: it takes too long.
    pub(crate) async fn within<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        loop {
            let now = Instant::now();
            let until = self.deadline();
            if until <= now {
                return None;
            }
            // The deadline is nearer again once all has come.
            let until = until.min(later(now, self.limits.timeout));
            if let Ok(done) = timeout_at(until, work.as_mut()).await {
                return Some(done);
            }
        }
    }

    /// Until when the form may arrive, or once it has arrived, its handler may run.
    fn deadline(&self) -> Instant {
        let state = self.lock();
        match state.read_at {
            Some(at) => later(at, self.limits.timeout),
            None => {
                let more = Duration::from_secs(state.put_away / LEAST_UPLOAD_BYTES_PER_SECOND);
                later(self.began, self.limits.timeout.saturating_add(more))
            }
        }
    }

    /// So many bytes of long files were put away.
    #[cfg(feature = "upload")]
    pub(super) fn put_away(&self, bytes: u64) {
        let mut state = self.lock();
        state.put_away = state.put_away.saturating_add(bytes);
    }

    /// The texts that were sent, by the names of their fields.
    pub(crate) fn take(&self) -> BTreeMap<String, Vec<String>> {
        match &mut self.lock().arrival {
            Arrival::Read(texts) => mem::take(texts),
            Arrival::UnderWay | Arrival::Refused => BTreeMap::new(),
        }
    }

    /// Refuses a form that is still under way, so that its handler is never called. Returns whether it was.
    pub(crate) fn refuse(&self) -> bool {
        let mut state = self.lock();
        let is_under_way = matches!(state.arrival, Arrival::UnderWay);
        if is_under_way {
            state.arrival = Arrival::Refused;
        }
        is_under_way
    }

    /// Keeps the texts. Returns whether the form is still to be handled.
    pub(super) fn keep(&self, texts: BTreeMap<String, Vec<String>>) -> bool {
        let mut state = self.lock();
        let is_wanted = !matches!(state.arrival, Arrival::Refused);
        if is_wanted {
            state.arrival = Arrival::Read(texts);
            state.read_at = (state.put_away > 0).then(Instant::now);
        }
        is_wanted
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// So long after a moment, or a year later if that is further away.
fn later(moment: Instant, time: Duration) -> Instant {
    const YEAR: Duration = Duration::from_secs(366 * 24 * 3600);
    moment + time.min(YEAR)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent() -> SentForm {
        SentForm::new(FormLimits {
            body: 1,
            timeout: Duration::from_secs(30),
            folder: std::path::Path::new("/").into(),
        })
    }

    #[tokio::test(start_paused = true)]
    async fn long_files_have_the_time_that_they_need_and_the_handler_its_own() {
        let pause = async |seconds| tokio::time::sleep(Duration::from_secs(seconds)).await;
        let form = sent();
        // A minute for a file of 1 MB, and half a minute for the handler.
        let slow = async |last| {
            for _ in 0..6 {
                pause(10).await;
                form.put_away(100_000 * 10 / 6);
            }
            assert!(form.keep(BTreeMap::new()));
            pause(last).await;
        };
        assert_eq!(form.within(slow(29)).await, Some(()));
        let form = sent();
        let trickle = async {
            loop {
                pause(1).await;
                form.put_away(100);
            }
        };
        let began = Instant::now();
        assert_eq!(form.within(trickle).await, None::<()>);
        assert_eq!(began.elapsed().as_secs(), 30);
        let form = sent();
        let fast = async {
            pause(40).await;
        };
        form.put_away(1_000_000_000);
        assert!(form.keep(BTreeMap::new()));
        assert_eq!(form.within(fast).await, None);
    }

    #[test]
    fn a_form_is_handled_or_refused_but_never_both() {
        let texts = || BTreeMap::from([("zip".to_owned(), vec!["9000".to_owned()])]);
        let read = sent();
        assert!(read.keep(texts()) && !read.refuse());
        assert_eq!((read.take(), read.take()), (texts(), BTreeMap::new()));
        let late = sent();
        assert!(late.refuse() && !late.keep(texts()));
        assert_eq!(late.take(), BTreeMap::new());
    }
}
