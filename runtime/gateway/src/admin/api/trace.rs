//! What the gateway would do with a request, without doing it.

use http::{HeaderMap, HeaderValue, Uri, header::COOKIE};
use hydra_runtime_wire::routes::{RouteKind, RouteMatch};
use serde::Serialize;

use super::services::{InstanceState, kind};
use crate::{
    Gateway, OwnPath,
    proxy::{self, pinning::Pinning},
    registry::instance::{Instance, breaker::Work},
    routing::{
        previews::Previews,
        snapshot::{Choice, PinOutcome, Service, Snapshot},
        version_cookie::VersionSeed,
    },
};

/// What the gateway would do with a request.
#[derive(Debug, Serialize)]
pub(super) struct Traced {
    path: String,
    /// `None`: nothing has the path.
    route: Option<RouteFound>,
    /// Why no instance would answer.
    failure: Option<&'static str>,
    /// The instance that would answer. `None`: none would, or the process of the gateway answers itself.
    instance: Option<InstanceState>,
    /// Why it is that one, or why it is this process.
    rule: Option<String>,
    /// The fragments that the pages and fragments of the service embed.
    fragments: Vec<FragmentTraced>,
}

#[derive(Debug, Serialize)]
struct RouteFound {
    pattern: String,
    service: String,
    kind: &'static str,
}

impl From<OwnPath> for RouteFound {
    fn from(own: OwnPath) -> Self {
        Self {
            pattern: own.file,
            service: own.service,
            kind: own.kind,
        }
    }
}

/// What would become of a fragment.
#[derive(Debug, Serialize)]
struct FragmentTraced {
    service: String,
    r#ref: String,
    /// The templates that embed it.
    pages: Vec<String>,
    required: bool,
    /// The instance that would be called.
    instance: Option<String>,
    /// What would happen.
    result: String,
}

/// Traces a request for `url` by a visitor with these cookies.
///
/// # Errors
/// The URL or the cookies can't be read.
pub(super) fn trace(gateway: &Gateway, url: &str, cookies: &str) -> Result<Traced, &'static str> {
    let uri: Uri = url
        .parse()
        .map_err(|_| "`url` is neither a URL nor a path that begins with `/`")?;
    let path = uri.path();
    if !path.starts_with('/') {
        return Err("`url` is neither a URL nor a path that begins with `/`");
    }
    let cookies =
        HeaderValue::from_str(cookies).map_err(|_| "`cookie` is not the value of a Cookie header")?;
    let headers = HeaderMap::from_iter([(COOKIE, cookies)]);
    let snapshot = gateway.publisher().snapshot();
    let traced = |route, failure| Traced {
        path: path.to_owned(),
        route,
        failure,
        instance: None,
        rule: None,
        fragments: Vec::new(),
    };
    if let Some(own) = gateway.own_path(path).filter(|_| !crate::is_reserved(path)) {
        return Ok(Traced {
            rule: Some(
                "the process of this gateway answers the path itself, before it looks for a service"
                    .to_owned(),
            ),
            ..traced(Some(own.into()), None)
        });
    }
    let route = match snapshot.table().find(path) {
        RouteMatch::Route(route) => route,
        RouteMatch::NotFound if crate::is_reserved(path) => {
            return Ok(traced(None, Some("the gateway answers this path itself")));
        }
        RouteMatch::NotFound => return Ok(traced(None, Some("no service has this path"))),
        RouteMatch::BadPath => return Ok(traced(None, Some("the path is malformed"))),
    };
    let found = RouteFound {
        pattern: route.key.to_string(),
        service: route.service.to_string(),
        kind: kind(route.kind),
    };
    let Some(service) = snapshot.holder(route) else {
        return Ok(traced(Some(found), Some("no instance of the service is active")));
    };
    let previews = gateway.previews(&headers);
    let preview = previews.version_of(&service.name);
    let pinning = Pinning::read(gateway, service, route, &headers, &previews);
    let is_opened = service.is_opened_by(preview, &route.key);
    let is_held = pinning.as_ref().is_some_and(Pinning::holds);
    if let Some(failure) = closed(service, &route.key).filter(|_| !is_opened && !is_held) {
        return Ok(traced(Some(found), Some(failure)));
    }
    let seed = VersionSeed::of(gateway.version_cookies(), snapshot.is_split(), &headers, || {
        pinning
            .as_ref()
            .and_then(Pinning::bits)
            .unwrap_or_else(proxy::random)
    });
    let work = match route.kind {
        RouteKind::Socket => Work::Socket,
        RouteKind::Static | RouteKind::Endpoint => Work::Request,
    };
    let visitor = (seed.number(), preview.filter(|_| is_opened));
    let found_instance = match &pinning {
        Some(pinning) => pinning.foresee(choice(gateway, Some(&route.key), visitor, work)),
        None => {
            let instance = chosen(gateway, service, Some(&route.key), visitor, work);
            instance.map(|instance| (instance, PinOutcome::Free))
        }
    };
    let Some((instance, outcome)) = found_instance else {
        let failure = "no instance of the service can be reached";
        return Ok(traced(Some(found), Some(failure)));
    };
    let rule = stays(outcome).unwrap_or_else(|| rule(service, &instance, seed, visitor.1));
    Ok(Traced {
        rule: Some(rule),
        fragments: fragments(gateway, &snapshot, &instance, (seed.number(), &previews)),
        instance: Some(InstanceState::of(&instance)),
        ..traced(Some(found), None)
    })
}

/// Why no visitor gets a path of this service.
fn closed(service: &Service, key: &str) -> Option<&'static str> {
    if service.active.is_empty() {
        return Some("no instance of the service is active");
    }
    if !service.is_open() {
        return Some("all active instances of the service are drained, or of versions with weight 0");
    }
    let is_closed = service.is_closed(key);
    is_closed.then_some("only versions with weight 0 have this path: visitors get 404")
}

/// The instance that a request would go to now. The choice has no effect: no instance is probed.
fn chosen(
    gateway: &Gateway,
    service: &Service,
    key: Option<&str>,
    (seed, preview): (u64, Option<&str>),
    work: Work,
) -> Option<std::sync::Arc<Instance>> {
    if !service
        .instances_for(preview)
        .any(|instance| instance.breaker.is_closed())
    {
        return None;
    }
    service.choose(choice(gateway, key, (seed, preview), work), &[])
}

fn choice<'c>(
    gateway: &Gateway,
    key: Option<&'c str>,
    (seed, preview): (u64, Option<&'c str>),
    work: Work,
) -> Choice<'c> {
    Choice {
        seed,
        rotation: 0,
        key,
        work,
        preview,
        fragment_protocol: None,
        now: gateway.publisher().now(),
    }
}

/// Why a visitor of a service whose visitors stay gets an instance. `None`: for the same reasons as other visitors.
fn stays(outcome: PinOutcome) -> Option<String> {
    let rule = match outcome {
        PinOutcome::Free => return None,
        PinOutcome::Previewed => "the visitor previews the service, and always gets this instance meanwhile",
        PinOutcome::New => {
            "the visitor has no pin, and gets the instance of the version with the fewest pins that came back; then \
             the visitor stays there"
        }
        PinOutcome::Kept => "the visitor is pinned to it",
        PinOutcome::Elsewhere => "the instance of the visitor's pin does not have this path; the pin stays",
        PinOutcome::MovedInactive => "the visitor moves here: the instance of the pin is not active",
        PinOutcome::MovedRefused => "the visitor moves here: the instance of the pin cannot be connected to",
        PinOutcome::MovedTimeout => {
            "the visitor moves here: requests to the instance of the pin ran out of time, and then a probe failed"
        }
        PinOutcome::MovedWeight => {
            "the visitor moves here: operators stated the weight 0 for the version of the pin's instance"
        }
        PinOutcome::MovedDrain => {
            "the visitor moves here: the instance of the pin is drained, and its time is over"
        }
    };
    Some(rule.to_owned())
}

/// Why a request goes to this instance.
fn rule(service: &Service, instance: &Instance, seed: VersionSeed, preview: Option<&str>) -> String {
    let version = &instance.version;
    let of_version = service.instances_for(preview);
    let count = of_version.filter(|one| one.version == *version).count();
    let by_version = match (service.is_split(), seed) {
        _ if preview.is_some() => format!("the visitor previews version {version}"),
        (false, _) => format!("all visitors get version {version}"),
        (true, VersionSeed::Known { .. }) => format!("the visitor's cookie selects version {version}"),
        (true, _) => format!("a new visitor got version {version} by its share; another one may get another"),
    };
    match count {
        1 => format!("{by_version}, which has one instance"),
        count => format!("{by_version}; of its {count} instances, one with the least load"),
    }
}

fn fragments(
    gateway: &Gateway,
    snapshot: &Snapshot,
    instance: &Instance,
    (seed, previews): (u64, &Previews),
) -> Vec<FragmentTraced> {
    let asks = instance.contract.iter().flat_map(|contract| &contract.asks);
    let traced = asks.map(|ask| {
        let owner = snapshot.service(&ask.service);
        let visitor = (seed, previews.version_of(&ask.service));
        let called = owner.and_then(|owner| chosen(gateway, owner, None, visitor, Work::Request));
        let offers = |called: &Instance| {
            let contract = called.contract.as_ref();
            contract.is_none_or(|contract| contract.fragments.contains_key(&ask.reference))
        };
        let result = match (owner, &called) {
            (None, _) => "inactive: the service is not registered",
            (Some(owner), None) if owner.active.is_empty() => "inactive: no instance is active",
            (Some(owner), None) if !owner.is_open() => {
                "inactive: all active instances are drained, or of versions with weight 0"
            }
            (Some(_), None) => "failed: no instance can be reached",
            (Some(_), Some(called)) if !offers(called) => "failed: its contract does not have this fragment",
            (Some(_), Some(_)) => "rendered by this instance, unless the page has a copy",
        };
        FragmentTraced {
            service: ask.service.clone(),
            r#ref: ask.reference.clone(),
            pages: ask.pages.clone(),
            required: ask.required,
            instance: called.map(|called| called.id.to_string()),
            result: result.to_owned(),
        }
    });
    traced.collect()
}
