//! The load of an instance: each request counts until the last byte of its answer.

use std::{
    num::NonZeroU32,
    sync::{Arc, atomic::Ordering::Relaxed},
};

use crate::{
    edge::observed_body::{BodyEvent, BodyObserver},
    registry::instance::{Instance, breaker::Work},
};

/// Counts one request or socket, until it is dropped.
pub(crate) struct Load {
    instance: Arc<Instance>,
    work: Work,
}

impl Load {
    /// Counts a request until the end of its answer, unless the instance has `most` requests and sockets already.
    pub(crate) fn within(instance: &Arc<Instance>, most: Option<NonZeroU32>) -> Option<Self> {
        let Some(most) = most else {
            return Some(Self::on(instance));
        };
        if instance.breaker.counts_request_within(most.get()) {
            return Some(Self::counted(instance, Work::Request));
        }
        metrics::counter!("hydra_upstream_full_total").increment(1);
        None
    }

    /// Counts a request until the end of its answer, however many there are.
    pub(crate) fn on(instance: &Arc<Instance>) -> Self {
        Self::of(instance, Work::Request)
    }

    /// The instance.
    pub(crate) fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// Counts as a socket from now on.
    pub(crate) fn into_socket(self) -> Self {
        Self::of(&self.instance, Work::Socket)
    }

    fn of(instance: &Arc<Instance>, work: Work) -> Self {
        instance.breaker.count(work).fetch_add(1, Relaxed);
        Self::counted(instance, work)
    }

    fn counted(instance: &Arc<Instance>, work: Work) -> Self {
        Self {
            instance: Arc::clone(instance),
            work,
        }
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.instance.breaker.count(self.work).fetch_sub(1, Relaxed);
    }
}

/// The load counts until the body ends.
impl BodyObserver for Option<Load> {
    fn observe(&mut self, event: BodyEvent) {
        self.take_if(|_| event != BodyEvent::Frame);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::state::tests::instance;

    #[test]
    fn a_socket_is_no_request_any_more_and_counts_to_its_end() {
        let instance = instance("a", 1, &[]);
        let counts = || [Work::Request, Work::Socket].map(|work| instance.breaker.count(work).load(Relaxed));
        let load = Load::on(&instance);
        assert_eq!(counts(), [1, 0]);
        let load = load.into_socket();
        assert_eq!(counts(), [0, 1]);
        drop(load);
        assert_eq!(counts(), [0, 0]);
    }

    #[test]
    fn requests_and_sockets_are_bounded_together() {
        let instance = instance("a", 1, &[]);
        let most = NonZeroU32::new(2);
        let socket = Load::within(&instance, most).expect("room").into_socket();
        let request = Load::within(&instance, most).expect("room");
        for _ in 0..3 {
            assert!(Load::within(&instance, most).is_none());
        }
        let third = Load::within(&instance, None).expect("no bound");
        drop((socket, third));
        let again = Load::within(&instance, most).expect("room");
        drop((request, again));
        let counts = [Work::Request, Work::Socket].map(|work| instance.breaker.count(work).load(Relaxed));
        assert_eq!(counts, [0, 0]);
    }

    #[test]
    fn a_body_counts_until_its_end_or_until_it_breaks_off() {
        let instance = instance("a", 1, &[]);
        let count = || instance.breaker.count(Work::Request).load(Relaxed);
        for last in [BodyEvent::End, BodyEvent::Failed] {
            let mut load = Some(Load::on(&instance));
            load.observe(BodyEvent::Frame);
            assert_eq!(count(), 1);
            load.observe(last);
            assert_eq!(count(), 0, "{last:?}");
        }
    }
}
