//! Renders an offered fragment completely.

use std::{panic::AssertUnwindSafe, sync::Arc};

use bytes::Bytes;
use futures_util::FutureExt;
use hydra_contract::TemplatePosition;
use hydra_runtime_net::fragment_source::Caller;
use hydra_runtime_wire::{Outcome, ResolvedFragment, call_chain, in_milliseconds, keep_good};
use tokio::time::{Instant, timeout_at};

use crate::{
    fragment_source::{LocalAnswer, LocalCall, LocalFragments},
    page::{
        Engine,
        answer::Answer,
        fetch::{
            call::{FragmentAnswer, FragmentCall},
            driver::{Driver, FragmentSources},
        },
        plan::fragment_name::FragmentName,
        report::error::{PageFailure, RenderError},
        state::PageState,
    },
};

impl From<ResolvedFragment> for Answer {
    fn from(fragment: ResolvedFragment) -> Self {
        let ResolvedFragment {
            html,
            exports,
            outcome,
            reason,
            max_age,
            assets,
            ..
        } = fragment;
        Answer {
            outcome,
            html: html.map(Bytes::from),
            exports,
            reason: reason.map(Into::into),
            max_age,
            assets: assets.into_boxed_slice(),
            copy: None,
        }
    }
}

/// Why there is no fragment.
type Failure = (Outcome, String);

/// Renders the fragment that `call` asks for. This never fails: an error becomes an outcome.
pub(crate) async fn answer(engine: &Engine, call: FragmentCall) -> FragmentAnswer {
    let id = call.id.clone();
    let mut answer = render(engine, call)
        .await
        .unwrap_or_else(|(outcome, reason)| FragmentAnswer::failed(outcome, reason));
    answer.fragment.id = id;
    answer
}

async fn render(engine: &Engine, call: FragmentCall) -> Result<FragmentAnswer, Failure> {
    let options = &engine.shared().options;
    let end = Instant::now() + engine.budget(&call.caller);
    let call_chain = extend_call_chain(
        &call.caller.call_chain,
        &options.service,
        &call.reference,
        options.max_depth,
    )?;
    let template = engine.shared().plan.offers.get(&call.reference);
    let (Some(template), Some(local)) = (template, &call.local) else {
        return Err((Outcome::Failed, "this service does not offer it".to_owned()));
    };
    let mut given = run_handler(local.clone(), &call, &options.service, end).await?;
    let state = PageState::of_fragment(engine.shared_arc(), template, &given.context)
        .map_err(|error| broken(&call.reference, &error))?;
    let sources = FragmentSources {
        local: call.local,
        remote: call.source,
    };
    let caller = Caller {
        call_chain,
        page: None,
        ..call.caller
    };
    let mut driver = Driver::new(engine.clone(), state, sources, caller, call.sessions, end);
    if let Some(session) = given.session.take() {
        driver.sessions.set(options.service.clone(), session);
    }
    driver.finish().await;
    match driver.state.failure() {
        None => finish(engine, driver, given, &call.reference, &call.exports),
        Some(PageFailure::Render(error)) => Err(broken(&call.reference, error)),
        Some(PageFailure::Required(required)) => {
            let reason = "a fragment that it requires could not be had";
            Err((required.outcome, reason.to_owned()))
        }
    }
}

/// The fragment `reference`, whose text is ready, with those of `wanted` that its handler exports.
fn finish(
    engine: &Engine,
    mut driver: Driver,
    given: LocalAnswer,
    reference: &str,
    wanted: &[String],
) -> Result<FragmentAnswer, Failure> {
    let shared = engine.shared();
    let html = join(driver.ready.make_contiguous(), shared.options.max_fragment_bytes)?;
    let is_wanted = |name: &String| {
        wanted
            .iter()
            .any(|export| export.split_whitespace().next() == Some(name))
    };
    let exports = given.exports.into_iter();
    let exports = exports.filter(|(name, _)| is_wanted(name)).collect();
    let own_max_age = given.max_age.map(in_milliseconds);
    let sessions = std::mem::take(&mut driver.sessions.changed);
    // A changed session means that the fragment is for one visitor. The page that embeds it may not notice, since it
    // ignores sessions of services that it did not ask itself: without a `max_age` of 0, its cache would keep the
    // fragment for all.
    let private = (!sessions.is_empty()).then_some(0);
    let mut assets = shared.assets_of(reference);
    assets.extend(driver.state.take_assets());
    let name = FragmentName {
        owner: None,
        reference: reference.into(),
    };
    shared.reporter.unlinked(name, keep_good(&mut assets));
    let fragment = ResolvedFragment {
        html: Some(html),
        exports,
        assets,
        max_age: [own_max_age, driver.max_age, private].into_iter().flatten().min(),
        ..ResolvedFragment::default()
    };
    Ok(FragmentAnswer {
        fragment,
        sessions,
        cookies: std::mem::take(&mut driver.sessions.cookies),
    })
}

/// The failure of a fragment whose template fails. The message may name attributes, and therefore stays in this
/// service's log.
fn broken(reference: &str, error: &RenderError) -> Failure {
    tracing::error!(r#ref = reference, %error, "fragment not shown");
    let TemplatePosition { file, line, column } = &error.place;
    (
        Outcome::Failed,
        format!("its template fails at {file}:{line}:{column}"),
    )
}

/// Runs the handler of the fragment. A panic fails only this fragment.
async fn run_handler(
    local: Arc<dyn LocalFragments>,
    call: &FragmentCall,
    service: &str,
    end: Instant,
) -> Result<LocalAnswer, Failure> {
    let budget = end.saturating_duration_since(Instant::now());
    let local_call = LocalCall {
        reference: call.reference.clone(),
        imports: call.imports.clone(),
        session: call.sessions.get(service).cloned(),
        form: call.form.clone(),
        caller: Caller {
            budget,
            ..call.caller.clone()
        },
    };
    let handler = AssertUnwindSafe(async move { local.call(local_call).await }).catch_unwind();
    match timeout_at(end, handler).await {
        Ok(Ok(Ok(answer))) => Ok(answer),
        Ok(Ok(Err(error))) => Err((error.outcome, error.reason)),
        Ok(Err(_)) => Err((Outcome::Failed, "its handler panicked".to_owned())),
        Err(_) => Err((Outcome::Late, "its handler took too long".to_owned())),
    }
}

/// The call chain with this fragment at its end, or why it would be a circle or too deep.
fn extend_call_chain(
    chain: &[String],
    service: &str,
    reference: &str,
    max: usize,
) -> Result<Vec<String>, Failure> {
    let own = call_chain::fragment_step(service, reference);
    call_chain::check(chain, &own, max).map_err(|refusal| (Outcome::Refused, refusal.to_string()))?;
    Ok(chain.iter().cloned().chain([own]).collect())
}

fn join(pieces: &[Bytes], max: usize) -> Result<String, Failure> {
    let length = pieces.iter().map(Bytes::len).sum();
    if length > max {
        return Err((
            Outcome::Failed,
            format!("{length} bytes of HTML are more than {max}"),
        ));
    }
    let mut html = Vec::with_capacity(length);
    pieces.iter().for_each(|piece| html.extend_from_slice(piece));
    String::from_utf8(html).map_err(|_| (Outcome::Failed, "its HTML is not UTF-8".to_owned()))
}
