//! Requests the fragments of a page: splits them by service, calls all services at the same time, and yields each
//! answer as soon as it arrives.

mod alarm;
mod at_once;
pub(crate) mod cache;
mod call;
mod kept;
mod log;
mod measured;
pub(crate) mod plain;
mod plan;
mod protocol_1;
mod reply;
pub(crate) mod single_calls;

use std::{
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{
    StreamExt,
    future::BoxFuture,
    stream::{self, BoxStream},
};
use http::{HeaderMap, HeaderName, HeaderValue};
use hydra_runtime_net::{
    fragment_source::{Caller, FragmentSource, KeptFragments},
    observe::RequestRecord,
    server::authority::is_host,
};
use hydra_runtime_wire::{FragmentsRequest, ResolvedFragment, ResolvedFragments, cookies, lines, login};

use crate::{
    Gateway,
    limits::{MAX_BATCH_DURATION, MAX_CALLS_AT_ONCE, MAX_CONCURRENT_CALLS_PER_SERVICE},
    plain_cookies::Jar,
    routing::{previews::Previews, snapshot::Snapshot, version_cookie::VersionSeed},
    upstream::Pipelines,
};
use alarm::Alarm;
use at_once::AtOnce;
use measured::Measured;
use plan::{Job, VersionContext};

/// What decides which instances and kept answers are for the visitor of a page.
#[derive(Clone, Debug)]
struct PageVisitor {
    /// Picks the version of each service: the visitor stays on one set.
    seed: u64,
    /// The versions that the visitor previews.
    previews: Previews,
    /// The host that the visitor requested, if the page is rendered in this process.
    host: Option<HeaderValue>,
    /// Whether the visitor has just sent a form.
    has_sent_form: bool,
}

impl PageVisitor {
    /// The visitor whose headers, as far as they travel and with a login that counts, are `headers`.
    fn of(gateway: &Gateway, snapshot: &Snapshot, headers: &HeaderMap, caller: &Caller) -> Self {
        // A visitor with a login stays on one set of versions even if the page does not pass the version cookie on. Other
        // visitors cannot be told apart.
        let chance = || match login::binding(headers) {
            Some(login) => gateway.version_cookies().of_login(&login),
            None => gateway.publisher().next_rotation(),
        };
        let seed = VersionSeed::of(gateway.version_cookies(), snapshot.is_split(), headers, chance);
        Self {
            seed: seed.number(),
            previews: gateway.previews(&caller.headers),
            host: caller.host.clone().filter(|host| is_host(host.as_bytes())),
            has_sent_form: gateway.has_sent_form(&caller.headers),
        }
    }
}

/// What all calls of one batch have in common.
#[derive(Clone, Debug)]
struct CallContext {
    until: Instant,
    visitor: PageVisitor,
    cookies: Option<HeaderValue>,
    /// The visitor's cookies at plain services.
    jar: Jar,
    /// The page that embeds the fragments, as the caller says. `None`: it is unknown, or a fragment embeds them.
    page: Option<Arc<str>>,
    /// The address of the caller; `None` for pages of this process.
    from: Option<IpAddr>,
    /// How many fragments of protocol 1 services may still be requested alone.
    single_calls: protocol_1::SingleCallsLeft,
    /// The request of the page's visitor.
    record: Option<Arc<RequestRecord>>,
    /// Ends each call in time.
    alarm: Alarm,
    /// The connections that calls share. `None`: the calls are not polled together.
    pipelines: Option<Pipelines>,
}

impl CallContext {
    /// The headers that continue the id and the trace of the request.
    fn trace_headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> + use<> {
        let record = self.record.as_ref();
        record
            .map(|record| record.trace().headers())
            .into_iter()
            .flatten()
    }
}

/// Starts a batch. The stream ends in time whatever services do; dropping it ends all calls.
pub(crate) fn dispatch(
    gateway: &Gateway,
    batch: FragmentsRequest,
    caller: &Caller,
) -> BoxStream<'static, ResolvedFragments> {
    let budget = if caller.budget.is_zero() {
        MAX_BATCH_DURATION
    } else {
        caller.budget.min(MAX_BATCH_DURATION)
    };
    let snapshot = gateway.publisher().snapshot();
    let headers = gateway.with_valid_login(&caller.headers);
    let context = CallContext {
        visitor: PageVisitor::of(gateway, &snapshot, &headers, caller),
        until: Instant::now() + budget,
        cookies: cookies::travelling(&headers),
        jar: gateway.jar(&caller.headers),
        page: caller.page.clone(),
        from: caller.from,
        single_calls: protocol_1::SingleCallsLeft::default(),
        record: caller.record.clone(),
        alarm: Alarm::default(),
        pipelines: None,
    };
    let mut plan = plan::plan(
        batch,
        &caller.call_chain,
        &snapshot,
        gateway.config().protocol_1_attributes,
        VersionContext {
            seed: context.visitor.seed,
            previews: &context.visitor.previews,
            now: gateway.publisher().now(),
        },
    );
    measured::count_refused(gateway, &plan.refused, &context);
    log::refused(&plan.refused);
    log::unanswered(plan.unanswered);
    log::unread(&plan.unread);
    count_dropped(&plan.dropped);
    let mut at_once: Vec<_> = plan.refused.into_iter().map(|one| one.answer).collect();
    match caller.has_looked {
        true => plan
            .jobs
            .iter()
            .for_each(|job| count_missed(gateway, job, &context)),
        false => take_cached(gateway, &mut plan.jobs, &context, &mut at_once),
    }
    let at_once = ResolvedFragments {
        fragments: at_once,
        ..ResolvedFragments::default()
    };
    let at_once = stream::iter((!at_once.fragments.is_empty()).then_some(at_once));
    if plan.jobs.is_empty() {
        return at_once.boxed();
    }
    at_once.chain(calls(gateway, plan.jobs, context)).boxed()
}

/// The calls for `jobs`. One task polls all of them: starting a task for each would cost more than most calls.
fn calls(gateway: &Gateway, jobs: Vec<Job>, context: CallContext) -> BoxStream<'static, ResolvedFragments> {
    if jobs.len() <= MAX_CALLS_AT_ONCE {
        let pipelines = Pipelines::default();
        let context = Arc::new(CallContext {
            alarm: Alarm::shared(),
            pipelines: Some(pipelines.clone()),
            ..context
        });
        let calls = jobs
            .into_iter()
            .map(|job| run(gateway.clone(), job, Arc::clone(&context)));
        return AtOnce::new(calls.collect(), pipelines).boxed();
    }
    let context = Arc::new(context);
    let lane = |jobs: Vec<Job>| {
        let (gateway, context) = (gateway.clone(), Arc::clone(&context));
        stream::iter(jobs)
            .map(move |job| run(gateway.clone(), job, Arc::clone(&context)))
            .buffer_unordered(MAX_CONCURRENT_CALLS_PER_SERVICE)
    };
    let mut lanes = lanes(jobs);
    match (lanes.pop(), lanes.is_empty()) {
        (Some(only), true) => lane(only).boxed(),
        (last, _) => stream::select_all(lanes.into_iter().chain(last).map(lane)).boxed(),
    }
}

/// Moves the answers of jobs that the cache holds to `answers`.
fn take_cached(
    gateway: &Gateway,
    jobs: &mut Vec<Job>,
    context: &CallContext,
    answers: &mut Vec<ResolvedFragment>,
) {
    let now = Instant::now();
    jobs.retain(|job| {
        let Job::Plain(plain) = job else { return true };
        let Some(fragment) = plain::cached(gateway, plain, context, now) else {
            return true;
        };
        Measured::of(gateway, job, context).count(std::slice::from_ref(&fragment), Duration::ZERO);
        answers.push(fragment);
        false
    });
}

/// Counts a job whose answer the cache could have had, and has not.
fn count_missed(gateway: &Gateway, job: &Job, context: &CallContext) {
    if let Job::Plain(plain) = job
        && plain::may_be_cached(gateway, &plain.service, &context.visitor)
    {
        gateway.cache().missed();
    }
}

/// Groups jobs that share a concurrency limit: those of one service, or all jobs if they are within the limit anyway.
fn lanes(jobs: Vec<Job>) -> Vec<Vec<Job>> {
    if jobs.len() <= MAX_CONCURRENT_CALLS_PER_SERVICE {
        return vec![jobs];
    }
    let mut lanes: Vec<Vec<Job>> = Vec::new();
    for job in jobs {
        // A plan lists the jobs of one service one after the other.
        match lanes.last_mut() {
            Some(lane) if lane.first().is_some_and(|one| one.service() == job.service()) => lane.push(job),
            _ => lanes.push(vec![job]),
        }
    }
    lanes
}

/// Counts and logs the attributes that no tag names.
fn count_dropped(dropped: &[(String, usize)]) {
    if dropped.is_empty() {
        return;
    }
    let count: usize = dropped.iter().map(|(_, count)| count).sum();
    metrics::counter!("hydra_attributes_dropped_total").increment(count as u64);
    let more = lines::first(dropped, |(service, count)| {
        let service = lines::cut(service);
        tracing::warn!(service, count, "attributes dropped that no tag names");
    });
    if more > 0 {
        tracing::warn!(
            more,
            "attributes for more services of the same batch were dropped"
        );
    }
}

fn run(gateway: Gateway, job: Job, context: Arc<CallContext>) -> BoxFuture<'static, ResolvedFragments> {
    let measured = Measured::of(&gateway, &job, &context);
    // Not passed to a function: a future that another one gets as an argument takes its memory twice.
    match job {
        Job::Call(job) if job.shared.is_some() => Box::pin(async move {
            // It makes several calls, which are polled one by one.
            let context = Arc::new(CallContext {
                alarm: Alarm::default(),
                ..CallContext::clone(&context)
            });
            let measuring = measured.begin();
            measuring.end(protocol_1::call(gateway, job, context).await)
        }),
        Job::Call(job) => Box::pin(async move {
            let measuring = measured.begin();
            measuring.end(call::call(gateway, job, context).await)
        }),
        Job::Plain(job) => Box::pin(async move {
            let measuring = measured.begin();
            measuring.end(plain::get(gateway, job, context).await)
        }),
    }
}

/// The gateway as the source of fragments for pages in the same process.
#[derive(Clone)]
pub(crate) struct InProcess(pub(crate) Gateway);

impl FragmentSource for InProcess {
    fn resolve(&self, batch: FragmentsRequest, caller: Caller) -> BoxStream<'static, ResolvedFragments> {
        dispatch(&self.0, batch, &caller)
    }

    fn kept(&self, caller: &Caller) -> Option<Box<dyn KeptFragments>> {
        kept::for_visitor(&self.0, caller)
    }
}

#[cfg(test)]
mod tests {
    use metrics_exporter_prometheus::PrometheusBuilder;

    use super::*;

    #[test]
    fn attributes_that_no_tag_names_are_counted() {
        let recorder = PrometheusBuilder::new().build_recorder();
        let dropped = [("orders".to_owned(), 2), ("news".to_owned(), 1)];
        metrics::with_local_recorder(&recorder, || {
            count_dropped(&[]);
            count_dropped(&dropped);
        });
        let text = recorder.handle().render();
        assert!(text.contains("hydra_attributes_dropped_total 3"), "{text}");
    }
}
