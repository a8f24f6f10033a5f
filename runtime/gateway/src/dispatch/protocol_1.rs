//! Calls to a service of protocol 1 (protocol section 2). Such a service fails a whole call if one of its fragments
//! fails, so that fragments are requested one by one where a call for several gave no answer to them.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use futures_util::{StreamExt, stream};
use http::{
    HeaderValue, Method, StatusCode,
    header::{ACCEPT, CONTENT_TYPE},
};
use hydra_runtime_wire::{Attributes, FragmentRequest, Outcome, ResolvedFragment, ResolvedFragments};
use serde::Serialize;

use super::{
    CallContext,
    call::{CallFailure, CallTarget, exchange},
    plan::{ServiceCall, missing},
    reply::{self, RequestedFragment},
};
use crate::{
    Gateway,
    dispatch::single_calls::Sorted,
    limits::{MAX_ANSWER_BYTES, MAX_SINGLE_CALLS_PER_BATCH, SINGLE_CALLS_FOR_NEW_FAILURES},
    registry::instance::{FragmentProtocol, Instance},
    upstream::CallRequest,
};

/// How many fragments of each service one batch may still request alone.
#[derive(Clone, Debug, Default)]
pub(super) struct SingleCallsLeft(
    /// How many were requested. The lock is held for one look-up, never across an await.
    Arc<Mutex<HashMap<String, Arc<AtomicUsize>>>>,
);

impl SingleCallsLeft {
    fn of(&self, service: &str) -> Arc<AtomicUsize> {
        let mut services = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = services.get(service) {
            return Arc::clone(known);
        }
        Arc::clone(services.entry(service.to_owned()).or_default())
    }
}

/// The body of a call.
#[derive(Serialize)]
struct Body<'a> {
    attributes: &'a Attributes,
    requests: Vec<Item<'a>>,
}

/// One item, with the members that services of protocol 1 know. Newer ones take only the attributes that `imports`
/// lists, and fail if it is null.
#[derive(Serialize)]
struct Item<'a> {
    id: &'a str,
    service: &'a str,
    r#ref: &'a str,
    imports: &'a [&'a str],
    exports: &'a [String],
    fallback: &'a str,
}

/// What all calls for one set of attributes have in common.
struct Calls<'a> {
    gateway: &'a Gateway,
    context: &'a CallContext,
    service: &'a str,
    attributes: Attributes,
    /// When the items arrived: their deadlines count from then.
    began: Instant,
    /// How many single calls the batch has made to this service.
    made: Arc<AtomicUsize>,
}

/// The result of one call.
#[derive(Default)]
struct Answered {
    fragments: Vec<ResolvedFragment>,
    /// The items that got no answer, although the service answered the call: any of them may be the cause.
    unanswered: Vec<(FragmentRequest, String)>,
    instance: Option<Arc<Instance>>,
}

/// Calls a service for its part of a batch. Whatever happens, the result has an answer for each id.
pub(super) async fn call(
    gateway: Gateway,
    call: ServiceCall,
    context: Arc<CallContext>,
) -> ResolvedFragments {
    let calls = Calls {
        gateway: &gateway,
        context: &context,
        service: &call.service,
        attributes: call.shared.unwrap_or_default(),
        began: Instant::now(),
        made: context.single_calls.of(&call.service),
    };
    let items = call.items;
    let sorted = gateway.single_calls().sort(
        calls.service,
        items,
        |item| item.reference.as_str(),
        gateway.publisher().now(),
    );
    let fragments = calls.all(sorted).await;
    ResolvedFragments {
        fragments,
        ..ResolvedFragments::default()
    }
}

impl Calls<'_> {
    async fn all(&self, sorted: Sorted<FragmentRequest>) -> Vec<ResolvedFragment> {
        let Sorted {
            together,
            failed_before,
        } = sorted;
        if failed_before.is_empty() {
            return self.together(together).await;
        }
        // A call for one fragment is not repeated, so that nothing need be left for it.
        let reserved = match together.len() {
            0 | 1 => 0,
            count => count.min(SINGLE_CALLS_FOR_NEW_FAILURES),
        };
        let (mut rest, mut alone) = (failed_before, Vec::new());
        if rest.len() > 1 {
            let (count, begin) = self.take(rest.len(), reserved);
            let length = rest.len();
            rest.rotate_left(begin % length);
            alone = rest.drain(..count).collect();
        }
        let (mut fragments, alone, rest) = tokio::join!(
            self.together(together),
            self.one_by_one(alone, None),
            self.not_repeated(rest)
        );
        fragments.extend(alone.into_iter().chain(rest));
        fragments
    }

    /// One call for all items. Those that get no answer are then requested one by one, as far as the limits allow, of
    /// the same instance.
    async fn together(&self, items: Vec<FragmentRequest>) -> Vec<ResolvedFragment> {
        if items.len() < 2 {
            return self.not_repeated(items).await;
        }
        let Answered {
            mut fragments,
            unanswered,
            instance,
        } = self.ask(items, None).await;
        if unanswered.is_empty() {
            return fragments;
        }
        let (count, begin) = self.take(unanswered.len(), 0);
        let mut rest = unanswered;
        let length = rest.len();
        rest.rotate_left(begin % length);
        let alone = rest.drain(..count).map(|(item, _)| item).collect();
        fragments.extend(self.failed(rest));
        fragments.extend(self.one_by_one(alone, instance.as_ref()).await);
        fragments
    }

    /// One call for all items, which are not requested again. If there is one only, it is remembered whether it fails.
    async fn not_repeated(&self, items: Vec<FragmentRequest>) -> Vec<ResolvedFragment> {
        match items.len() {
            0 => Vec::new(),
            1 => self.one_by_one(items, None).await,
            _ => {
                let Answered {
                    mut fragments,
                    unanswered,
                    ..
                } = self.ask(items, None).await;
                fragments.extend(self.failed(unanswered));
                fragments
            }
        }
    }

    /// A call for each item, at this instance if one is given.
    async fn one_by_one(
        &self,
        items: Vec<FragmentRequest>,
        instance: Option<&Arc<Instance>>,
    ) -> Vec<ResolvedFragment> {
        let single = async |item: FragmentRequest| {
            let Answered {
                mut fragments,
                unanswered,
                ..
            } = self.ask(vec![item], instance).await;
            // A version that is previewed says nothing about those of ordinary visitors.
            let is_previewed = self.context.visitor.previews.version_of(self.service).is_some();
            for (item, _) in unanswered.iter().filter(|_| !is_previewed) {
                let now = self.gateway.publisher().now();
                let known = self.gateway.single_calls();
                known.failed(self.service, &item.reference, now);
            }
            fragments.extend(self.failed(unanswered));
            fragments
        };
        let count = items.len().max(1);
        stream::iter(items)
            .map(single)
            .buffer_unordered(count)
            .concat()
            .await
    }

    /// Takes single calls for up to `wanted` items, and leaves `reserved` of those of the batch. Returns their number and
    /// where in the list to begin.
    fn take(&self, wanted: usize, reserved: usize) -> (usize, usize) {
        let most = MAX_SINGLE_CALLS_PER_BATCH - reserved;
        let wanted = wanted.min(most.saturating_sub(self.made.load(Ordering::Relaxed)));
        let now = self.gateway.publisher().now();
        let (count, begin) = self.gateway.single_calls().take(self.service, wanted, now);
        // The calls of one batch are polled by one task, so nothing comes between.
        self.made.fetch_add(count, Ordering::Relaxed);
        (count, begin)
    }

    fn failed(&self, items: Vec<(FragmentRequest, String)>) -> Vec<ResolvedFragment> {
        let failed = items.into_iter().map(|(item, reason)| {
            let requested = RequestedFragment::of(&item);
            (requested, missing(item.id, Outcome::Failed, reason))
        });
        let (requested, fragments): (Vec<_>, Vec<_>) = failed.unzip();
        reply::log_failed(self.service, &requested, &fragments);
        fragments
    }

    async fn ask(&self, items: Vec<FragmentRequest>, instance: Option<&Arc<Instance>>) -> Answered {
        let requested: Vec<RequestedFragment> = items.iter().map(RequestedFragment::of).collect();
        let (instance, reason) = match self.exchange(&items, instance).await {
            Ok((body, instance)) => match reply::parse(&body, self.service) {
                Ok(answer) => return self.matched(answer, &requested, items, instance),
                Err(reason) => (Some(instance), reason.to_owned()),
            },
            Err(NoAnswer::OfAny(instance, reason)) => (Some(instance), reason),
            Err(NoAnswer::AtAll(CallFailure { outcome, reason, .. })) => {
                let answer = reply::all(&requested, outcome, &reason);
                reply::log_failed(self.service, &requested, &answer.fragments);
                return Answered {
                    fragments: answer.fragments,
                    ..Answered::default()
                };
            }
        };
        Answered {
            unanswered: items.into_iter().map(|item| (item, reason.clone())).collect(),
            instance,
            ..Answered::default()
        }
    }

    /// Sorts an answer into fragments, of which some may be null, and items without any.
    fn matched(
        &self,
        answer: ResolvedFragments,
        requested: &[RequestedFragment],
        items: Vec<FragmentRequest>,
        instance: Arc<Instance>,
    ) -> Answered {
        let (answer, absent) = reply::matched(answer, self.service, requested);
        let mut items: HashMap<String, FragmentRequest> =
            items.into_iter().map(|item| (item.id.clone(), item)).collect();
        let unanswered = absent
            .into_iter()
            .filter_map(|id| Some((items.remove(&id)?, reply::ABSENT.to_owned())))
            .collect();
        // Null is an answer too.
        for id in answer.fragments.iter().map(|fragment| &fragment.id) {
            if let Some(item) = items.get(id) {
                self.gateway
                    .single_calls()
                    .succeeded(self.service, &item.reference);
            }
        }
        Answered {
            fragments: answer.fragments,
            unanswered,
            instance: Some(instance),
        }
    }

    async fn exchange(
        &self,
        items: &[FragmentRequest],
        instance: Option<&Arc<Instance>>,
    ) -> Result<(Vec<u8>, Arc<Instance>), NoAnswer> {
        let body = self.body(items).map_err(NoAnswer::AtAll)?;
        // Services of protocol 1 do not know logins and signatures, and could use them against other services.
        let mut headers = vec![
            (CONTENT_TYPE, HeaderValue::from_static("application/json")),
            (ACCEPT, HeaderValue::from_static("application/json, */*")),
        ];
        headers.extend(self.context.trace_headers());
        let call_request = CallRequest {
            method: Method::POST,
            target: self.gateway.fragments_path().clone(),
            visitors_host: None,
            headers,
            body: &body,
            wanted: &[],
            limit: MAX_ANSWER_BYTES,
            repeated: items.first().map(|item| item.id.as_str()),
            pipelines: None,
        };
        let target = CallTarget {
            service: self.service,
            protocol: &FragmentProtocol::Protocol1,
            only: instance,
            context: self.context,
        };
        let timeout = self.timeout(items);
        match exchange(self.gateway, target, timeout, &call_request).await {
            Ok((answer, instance)) => match answer.status {
                StatusCode::OK => Ok((answer.body, instance)),
                StatusCode::INTERNAL_SERVER_ERROR => {
                    Err(NoAnswer::OfAny(instance, reply::status(answer.status)))
                }
                status => Err(NoAnswer::AtAll(CallFailure::failed(reply::status(status)))),
            },
            Err(CallFailure {
                unreadable: Some(instance),
                reason,
                ..
            }) => Err(NoAnswer::OfAny(instance, reason)),
            Err(failure) => Err(NoAnswer::AtAll(failure)),
        }
    }

    fn body(&self, items: &[FragmentRequest]) -> Result<Vec<u8>, CallFailure> {
        let imports: Vec<&str> = self.attributes.keys().map(String::as_str).collect();
        let requests = items.iter().map(|item| Item {
            id: &item.id,
            service: self.service,
            r#ref: &item.reference,
            imports: &imports,
            exports: &item.exports,
            fallback: item.fallback.as_deref().unwrap_or_default(),
        });
        serde_json::to_vec(&Body {
            attributes: &self.attributes,
            requests: requests.collect(),
        })
        .map_err(|error| CallFailure::failed(error.to_string()))
    }

    /// The time that is left for the item that may wait longest.
    fn timeout(&self, items: &[FragmentRequest]) -> Duration {
        let now = Instant::now();
        let left = self.context.until.saturating_duration_since(now);
        let own = super::plan::longest_deadline(items);
        own.map_or(left, |own| {
            left.min(own.saturating_sub(now.saturating_duration_since(self.began)))
        })
    }
}

/// Why a call gave no fragments.
enum NoAnswer {
    /// The service answered, and any of the items may be the cause: the call may succeed without it.
    OfAny(Arc<Instance>, String),
    /// The items are not the cause.
    AtAll(CallFailure),
}
