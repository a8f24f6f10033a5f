//! Sends a request to the instances of its service, one after another, until one of them has answered.

use std::{pin::pin, sync::Arc};

use axum::{body::Body, response::Response};
use http::{
    Method, Request,
    header::{HOST, UPGRADE},
};
use http_body::Body as _;
use tokio::time::Instant;

use super::{upload_pace::UploadPace, visitor::Visitor};
use crate::{
    Gateway,
    edge::{failure::RequestFailure, headers},
    limits::MAX_INSTANCES_TRIED,
    registry::instance::{FragmentProtocol, Instance, breaker::Work, load::Load},
    route_rules::RouteSettings,
    routing::snapshot::{Choice, PinOutcome, Service},
    upstream::{Expectation, SendError, UpstreamBody},
};

/// Where a request goes.
pub(super) struct Sending<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) service: &'a Service,
    /// The key of its path. `None`: each instance has the path.
    pub(super) key: Option<&'a str>,
    /// Only instances of this protocol that have a port get it. `None`: all that have the path.
    pub(super) protocol: Option<&'a FragmentProtocol>,
    pub(super) visitor: &'a Visitor<'a>,
    pub(super) settings: RouteSettings,
}

/// A request that an instance answered.
pub(super) struct Sent {
    pub(super) response: Response<UpstreamBody>,
    pub(super) load: Load,
    /// Kept until the answer ends, if the request's body waited.
    pub(super) expectation: Option<Expectation>,
    /// Why it was this instance.
    pub(super) outcome: PinOutcome,
}

/// Why an attempt to send a request to one instance failed.
enum AttemptError {
    /// Nothing of the request was sent.
    NotSent(Box<Request<Body>>, RequestFailure),
    /// The instance ended the connection before its answer began.
    Lost,
    /// Trying another instance would not help.
    Final(RequestFailure),
}

/// What was tried so far.
struct Course {
    tried: Vec<Arc<Instance>>,
    /// Whether the request can be sent once more although an instance may have read it.
    may_repeat: bool,
    /// Whether the next attempt opens a connection: an idle one of the same instance has just broken.
    is_on_new_connection: bool,
    failure: RequestFailure,
}

/// Sends the request to one instance after another until one accepts it. If that instance ends the connection before
/// its answer begins, the request is sent once more, provided that it may be repeated: to the same instance if the
/// visitor is pinned to it, and else to another one.
pub(super) async fn send(
    sending: &Sending<'_>,
    mut request: Request<Body>,
    expects: bool,
) -> Result<Sent, RequestFailure> {
    let visitors_host = request.headers().get(HOST).cloned();
    let work = match headers::wanted_upgrade(request.headers()) {
        Some(_) => Work::Socket,
        None => Work::Request,
    };
    let pace = sending.pace(&mut request);
    let expectation = expects.then(|| Expectation::of(&mut request));
    let mut now = Instant::now();
    let end = now + sending.settings.response_timeout;
    let mut course = sending.course(&request);
    let mut is_again = false;
    while course.tried.len() < MAX_INSTANCES_TRIED && now < end {
        let Some((instance, outcome)) = sending.choose(work, &course.tried) else {
            break;
        };
        sending
            .visitor
            .prepare(sending.gateway, request.headers_mut(), &instance, is_again);
        is_again = true;
        // Instances of one service may have different rules.
        let host = instance.address.host_rule.of(visitors_host.as_ref());
        headers::bear_host(request.headers_mut(), host);
        let again = course.may_repeat.then(|| copy(&request));
        match sending
            .attempt(&instance, request, &pace, course.is_on_new_connection, now)
            .await
        {
            Ok((response, load)) => {
                if let Some(expectation) = &expectation {
                    expectation.answered();
                }
                return Ok(Sent {
                    response,
                    load,
                    expectation,
                    outcome,
                });
            }
            Err(error) => request = course.after(error, again, instance, outcome)?,
        }
        now = Instant::now();
    }
    Err(course.failure)
}

impl Course {
    /// The request for the next attempt.
    ///
    /// # Errors
    /// There is no further attempt.
    fn after(
        &mut self,
        error: AttemptError,
        again: Option<Request<Body>>,
        instance: Arc<Instance>,
        outcome: PinOutcome,
    ) -> Result<Request<Body>, RequestFailure> {
        let is_pinned = outcome == PinOutcome::Kept;
        self.is_on_new_connection = false;
        match (error, again) {
            // A lack of files or ports here moves no visitor, nor does an instance that has much to do.
            (AttemptError::NotSent(_, why @ (RequestFailure::Overloaded | RequestFailure::Busy)), _)
                if is_pinned =>
            {
                Err(why)
            }
            (AttemptError::NotSent(unsent, why), _) => {
                self.failure = why;
                self.tried.push(instance);
                Ok(*unsent)
            }
            (AttemptError::Lost, Some(again)) => {
                (self.failure, self.may_repeat) = (RequestFailure::Lost, false);
                if is_pinned {
                    self.is_on_new_connection = true;
                } else {
                    self.tried.push(instance);
                }
                Ok(again)
            }
            (AttemptError::Lost, None) => Err(RequestFailure::Lost),
            (AttemptError::Final(why), _) => Err(why),
        }
    }
}

impl Sending<'_> {
    pub(super) fn pace(&self, request: &mut Request<Body>) -> UploadPace {
        let least = self.gateway.config().least_upload(&self.service.name);
        UploadPace::of(request, least, self.settings.max_body)
    }

    fn course(&self, request: &Request<Body>) -> Course {
        let has_other_way = self.service.active.len() > 1 || self.visitor.pinning.is_some();
        let without_port = self.service.active.iter();
        let without_port = without_port.filter(|instance| self.protocol.is_some() && !instance.has_port());
        Course {
            tried: without_port.cloned().collect(),
            may_repeat: has_other_way && is_harmless(request),
            is_on_new_connection: false,
            // All instances that serve the path are inactive, or their breakers are open.
            failure: RequestFailure::Inactive,
        }
    }

    /// The next instance, and why it is that one.
    pub(super) fn choose(&self, work: Work, tried: &[Arc<Instance>]) -> Option<(Arc<Instance>, PinOutcome)> {
        let publisher = self.gateway.publisher();
        let choice = Choice {
            seed: self.visitor.seed.number(),
            rotation: publisher.next_rotation(),
            key: self.key,
            work,
            preview: self.visitor.previewed.previews.version_of(&self.service.name),
            fragment_protocol: self.protocol,
            now: publisher.now(),
        };
        match self.visitor.pinning {
            Some(pinning) => pinning.choose(choice, tried),
            None => Some((self.service.choose(choice, tried)?, PinOutcome::Free)),
        }
    }

    /// Sends the request to this instance `now`. Its answer must begin in time.
    async fn attempt(
        &self,
        instance: &Arc<Instance>,
        request: Request<Body>,
        pace: &UploadPace,
        is_on_new_connection: bool,
        now: Instant,
    ) -> Result<(Response<UpstreamBody>, Load), AttemptError> {
        let Some(load) = Load::within(instance, self.settings.instance_connections) else {
            return Err(AttemptError::NotSent(Box::new(request), RequestFailure::Busy));
        };
        let limit = self.settings.response_timeout;
        let until = now + limit;
        let (pool, address) = (self.gateway.pool(), &instance.address);
        let answered = if is_on_new_connection {
            let sending = pin!(pool.send_on_new(address, request, until));
            pace.within(now, limit, sending).await
        } else {
            let sending = pin!(pool.send(address, request, until));
            pace.within(now, limit, sending).await
        };
        match answered {
            Some(Ok(response)) => {
                instance.breaker.succeeded();
                Ok((response, load))
            }
            Some(Err(error)) => Err(self.failed(instance, error, pace)),
            None if pace.is_visitors_fault() => Err(AttemptError::Final(RequestFailure::SlowBody)),
            None => {
                let service = &*instance.service;
                tracing::warn!(service, instance = %instance.id, "no answer in time");
                instance.breaker.ran_out_of_time(self.gateway.publisher().now());
                Err(AttemptError::Final(RequestFailure::Late))
            }
        }
    }

    fn failed(&self, instance: &Instance, error: SendError, pace: &UploadPace) -> AttemptError {
        let (service, id) = (&*instance.service, &instance.id);
        match error {
            SendError::NotSent { reason, request } => {
                tracing::warn!(service, instance = %id, reason = reason.reason, "an instance cannot be reached");
                if reason.is_ours {
                    return AttemptError::NotSent(request, RequestFailure::Overloaded);
                }
                instance.breaker.failed(self.gateway.publisher().now());
                AttemptError::NotSent(request, RequestFailure::Unreachable)
            }
            // One bad page must not open the breaker of the whole instance: only failed connects count.
            error @ SendError::Lost(_) => {
                tracing::warn!(service, instance = %id, %error, "no answer");
                AttemptError::Lost
            }
            SendError::BadAnswer(reason) => {
                tracing::warn!(service, instance = %id, reason, "an answer cannot be used");
                AttemptError::Final(RequestFailure::BadAnswer(reason))
            }
            error @ SendError::Visitor(_) => {
                tracing::debug!(service, %error, "a visitor's request broke off");
                AttemptError::Final(match (pace.is_slow(), pace.is_large()) {
                    (true, _) => RequestFailure::SlowBody,
                    (_, true) => RequestFailure::TooLarge,
                    _ => RequestFailure::BadBody,
                })
            }
        }
    }
}

/// Whether a request may be repeated and can be copied: safe methods without a body (RFC 9110 section 9.2.1).
fn is_harmless(request: &Request<Body>) -> bool {
    matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS)
        && request.body().is_end_stream()
        && !request.headers().contains_key(UPGRADE)
}

/// A copy of a request without a body.
fn copy(request: &Request<Body>) -> Request<Body> {
    let mut copy = Request::new(Body::empty());
    *copy.method_mut() = request.method().clone();
    *copy.uri_mut() = request.uri().clone();
    *copy.version_mut() = request.version();
    *copy.headers_mut() = request.headers().clone();
    copy
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::state::tests::instance;

    /// Whether there is another attempt, and whether the instance counts as tried then.
    fn after(
        error: AttemptError,
        may_repeat: bool,
        outcome: PinOutcome,
    ) -> (Result<(), RequestFailure>, usize, bool) {
        let mut course = Course {
            tried: Vec::new(),
            may_repeat,
            is_on_new_connection: false,
            failure: RequestFailure::Inactive,
        };
        let again = may_repeat.then(|| Request::new(Body::empty()));
        let next = course.after(error, again, instance("a", 1, &["/"]), outcome);
        (next.map(drop), course.tried.len(), course.is_on_new_connection)
    }

    #[test]
    fn what_follows_an_attempt_that_failed() {
        let not_sent = |why| AttemptError::NotSent(Box::new(Request::new(Body::empty())), why);
        let busy = || AttemptError::NotSent(Box::new(Request::new(Body::empty())), RequestFailure::Busy);
        let (ours, theirs) = (RequestFailure::Overloaded, RequestFailure::Unreachable);
        let (kept, new, moved) = (PinOutcome::Kept, PinOutcome::New, PinOutcome::MovedRefused);
        for (what, error, may_repeat, outcome, expected) in [
            (
                "a refused connect moves a pinned visitor",
                not_sent(theirs),
                false,
                kept,
                (Ok(()), 1, false),
            ),
            ("and a new one", not_sent(theirs), true, new, (Ok(()), 1, false)),
            (
                "a lack of files here moves no pinned visitor",
                not_sent(ours),
                true,
                kept,
                (Err(ours), 0, false),
            ),
            (
                "but others try the next instance",
                not_sent(ours),
                true,
                new,
                (Ok(()), 1, false),
            ),
            (
                "an instance with much to do moves no pinned visitor either",
                busy(),
                true,
                kept,
                (Err(RequestFailure::Busy), 0, false),
            ),
            ("others try the next one", busy(), false, new, (Ok(()), 1, false)),
            (
                "a pinned visitor's second try stays",
                AttemptError::Lost,
                true,
                kept,
                (Ok(()), 0, true),
            ),
            (
                "another one's goes elsewhere",
                AttemptError::Lost,
                true,
                moved,
                (Ok(()), 1, false),
            ),
            (
                "what may not be repeated fails",
                AttemptError::Lost,
                false,
                kept,
                (Err(RequestFailure::Lost), 0, false),
            ),
            (
                "after a late answer, the visitor stays",
                AttemptError::Final(RequestFailure::Late),
                true,
                kept,
                (Err(RequestFailure::Late), 0, false),
            ),
        ] {
            assert_eq!(after(error, may_repeat, outcome), expected, "{what}");
        }
    }
}
