//! Plain HTTP services of the configuration. They cannot register, so the gateway registers them and checks their
//! health (protocol section 8).

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use axum::body::Body;
use futures_util::future;
use http::{Request, Uri};
use hydra_runtime_wire::{ActiveService, routes::RouteKind};

use crate::{
    Gateway,
    config::{ConfigError, PlainService},
    edge::{headers, host::HostHeader},
    limits::{HEALTH_CHECK_PERIOD, HEALTH_CHECK_TIMEOUT, MAX_TOLD_REASONS},
    registry::{
        instance::{self, Address, FragmentProtocol, Instance, InstanceId, RegistrationRules},
        state::{Event, HeartbeatSender},
    },
};

/// A configured service, ready to be checked.
pub(crate) struct ConfiguredService {
    pub(crate) instance: Arc<Instance>,
    health: Option<Uri>,
    told: Mutex<Told>,
}

/// Why a service could not be reached over HTTP/2 since its last healthy answer, as far as the log says it.
#[derive(Debug, Default)]
struct Told(BTreeSet<String>);

impl Told {
    /// Whether the log should say the reason. Reasons that change all the time are left out.
    fn is_news(&mut self, reason: &str) -> bool {
        self.0.len() < MAX_TOLD_REASONS && self.0.insert(reason.to_owned())
    }
}

/// Checks the configured services.
pub(crate) fn all(
    services: &[PlainService],
    rules: &RegistrationRules,
) -> Result<Vec<ConfiguredService>, ConfigError> {
    services
        .iter()
        .map(|service| {
            configured(service, rules).map_err(|reason| ConfigError::Service {
                name: service.name.clone(),
                reason,
            })
        })
        .collect()
}

fn configured(service: &PlainService, rules: &RegistrationRules) -> Result<ConfiguredService, String> {
    let url: Uri = service.url.parse().map_err(|_| "`url` is not a URL".to_owned())?;
    let host = url.host().ok_or("`url` has no host")?;
    let scheme = url.scheme_str().unwrap_or_default();
    let default_port = match scheme {
        "http" => 80,
        "https" => 443,
        _ => 0,
    };
    if default_port == 0 || !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err("`url` must be `http://host:port` or `https://host:port`, without a path".to_owned());
    }
    if service.http2 && service.pipeline {
        return Err("`pipeline` is for HTTP/1.1: leave it out with `http2`".to_owned());
    }
    let registration = ActiveService {
        web_protocol: scheme.to_owned(),
        host: host.to_owned(),
        port: url.port_u16().unwrap_or(default_port),
        name: Some(service.name.clone()),
        endpoints: service.endpoints.clone(),
        cookies: (!service.cookies.is_empty()).then_some(true),
        ..ActiveService::default()
    };
    let mut instance = instance::check(registration, None, rules).map_err(|reason| reason.to_string())?;
    if let Some(left_out) = instance.left_out.first() {
        return Err(format!("endpoint `{}`: {}", left_out.path, left_out.reason));
    }
    // A plain service has no socket: only its endpoints are routed.
    let paths = std::mem::take(&mut instance.paths).into_vec();
    instance.paths = paths
        .into_iter()
        .filter(|path| path.kind == RouteKind::Endpoint)
        .collect();
    let Address {
        host, port, is_https, ..
    } = instance.address;
    let default = if is_https {
        HostHeader::Own
    } else {
        HostHeader::Visitor
    };
    let header = service.host.as_ref().unwrap_or(&default);
    instance.address = Address::new(host, port, is_https)
        .bearing(header)
        .pipelining(service.pipeline)
        .over_http2(service.http2);
    instance.id = InstanceId::configured(&instance.service, &instance.address);
    instance.fragment_protocol = FragmentProtocol::Plain(Arc::new(fragments(&service.fragments)?));
    let health = service.health.as_deref().map(path).transpose()?;
    Ok(ConfiguredService {
        instance: Arc::new(instance),
        health,
        told: Mutex::default(),
    })
}

fn fragments(fragments: &BTreeMap<String, String>) -> Result<BTreeMap<String, String>, String> {
    for text in fragments.values() {
        path(text)?;
    }
    Ok(fragments.clone())
}

fn path(text: &str) -> Result<Uri, String> {
    match text.parse::<Uri>() {
        Ok(uri) if text.starts_with('/') && uri.authority().is_none() => Ok(uri),
        _ => Err(format!("`{text}` is not a path: it must start with `/`")),
    }
}

/// Checks the health of all configured services, for ever.
pub(crate) async fn run_health_checks(gateway: &Gateway, services: &[ConfiguredService]) {
    let trying = future::join_all(services.iter().map(|service| try_http2(gateway, service)));
    let checking = async {
        loop {
            future::join_all(services.iter().map(|service| check_health(gateway, service))).await;
            tokio::time::sleep(HEALTH_CHECK_PERIOD).await;
        }
    };
    future::join(trying, checking).await;
}

/// Looks whether a service speaks HTTP/2, if it is to be called over it, so that the log says so before visitors come.
async fn try_http2(gateway: &Gateway, service: &ConfiguredService) {
    let address = &service.instance.address;
    let until = tokio::time::Instant::now() + gateway.config().connect_timeout;
    if address.is_http2
        && let Err(error) = gateway.pool().probe(address, until).await
    {
        service.tell(&error.reason);
    }
}

impl ConfiguredService {
    /// Logs why the service can't be reached over HTTP/2: each reason once, until it is healthy again.
    fn tell(&self, reason: &str) {
        if self.instance.address.is_http2 && self.told().is_news(reason) {
            let service = &*self.instance.service;
            tracing::warn!(service, instance = %self.instance.id, reason, "an instance cannot be reached");
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn check_health(gateway: &Gateway, service: &ConfiguredService) {
    let is_healthy = match &service.health {
        None => true,
        Some(health) => is_healthy(gateway, service, health).await,
    };
    let event = if is_healthy {
        heartbeat(&service.instance)
    } else {
        lost(service.instance.id.clone())
    };
    gateway.publisher().apply_local(event).await;
}

async fn is_healthy(gateway: &Gateway, service: &ConfiguredService, health: &Uri) -> bool {
    let address = &service.instance.address;
    let mut request = Request::new(Body::empty());
    *request.uri_mut() = health.clone();
    headers::bear_host(request.headers_mut(), address.host_rule.of(None));
    let until = tokio::time::Instant::now() + HEALTH_CHECK_TIMEOUT;
    let sending = gateway.pool().send(address, request, until);
    match tokio::time::timeout_at(until, sending).await {
        Ok(Ok(response)) if response.status().is_success() => {
            *service.told() = Told::default();
            true
        }
        Ok(Ok(_)) => false,
        Ok(Err(error)) => {
            if let Some(reason) = error.not_sent() {
                service.tell(reason);
            }
            false
        }
        Err(_) => false,
    }
}

fn heartbeat(instance: &Instance) -> Event {
    Event::Heartbeat(HeartbeatSender::Configured(instance.id.clone()))
}

fn lost(id: InstanceId) -> Event {
    Event::Lost(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Millis, registry::state::Registry};

    fn check(text: &str) -> Result<Vec<ConfiguredService>, String> {
        let service: PlainService = toml::from_str(text).expect("TOML");
        all(&[service], &RegistrationRules::default()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_good_entry() {
        let configured_services = check("name='a'\nurl='http://127.0.0.1:9000'\nhealth='/ping'\nendpoints=['/old/**']\nfragments={b='/b'}")
            .expect("good");
        let instance = &configured_services[0].instance;
        assert_eq!(&*instance.address.authority, "127.0.0.1:9000");
        assert_eq!(instance.paths.len(), 1);
        assert!(
            matches!(&instance.fragment_protocol, FragmentProtocol::Plain(fragments) if fragments["b"] == "/b")
        );
    }

    #[test]
    fn reasons_are_told_once_and_in_bounds() {
        let mut told = Told::default();
        for (reason, expected) in [("a", true), ("b", true), ("a", false), ("b", false)] {
            assert_eq!(told.is_news(reason), expected, "{reason}");
        }
        let count = (0..1_000).filter(|nth| told.is_news(&nth.to_string())).count();
        assert_eq!(count, MAX_TOLD_REASONS - 2);
    }

    #[test]
    fn the_health_of_one_entry_says_nothing_about_another_of_its_name() {
        let service =
            |port: u16| toml::from_str(&format!("name='a'\nurl='http://127.0.0.1:{port}'")).expect("TOML");
        let configured_services =
            all(&[service(1), service(2)], &RegistrationRules::default()).expect("good");
        let mut registry = Registry::default();
        for service in &configured_services {
            registry.apply(Event::Register(Arc::clone(&service.instance)), Millis(0));
        }
        registry.apply(lost(configured_services[1].instance.id.clone()), Millis(0));
        assert!(
            registry
                .apply(heartbeat(&configured_services[0].instance), Millis(1))
                .known
        );
        let active =
            |service: &ConfiguredService| registry.get(&service.instance.id).map(|entry| entry.is_active);
        assert_eq!(
            [active(&configured_services[0]), active(&configured_services[1])],
            [Some(true), Some(false)]
        );
        let mut registry = registry.clone();
        registry.apply(heartbeat(&configured_services[1].instance), Millis(2));
        assert!(
            registry.view().entries.iter().all(|entry| entry.is_active),
            "its own word counts"
        );
    }

    #[test]
    fn an_entry_has_a_host_of_its_own_or_the_visitors() {
        let visitors = http::HeaderValue::from_static("site.test");
        for (url, host, expected) in [
            ("http://x.test:9000", None, ["x.test:9000", "site.test"]),
            ("http://x.test", None, ["x.test", "site.test"]),
            ("https://x.test", None, ["x.test", "x.test"]),
            ("https://X.test:443/", None, ["x.test", "x.test"]),
            ("https://x.test:80", None, ["x.test:80", "x.test:80"]),
            (
                "https://x.test:8443",
                Some("visitor"),
                ["x.test:8443", "site.test"],
            ),
            ("http://x.test:443", Some("own"), ["x.test:443", "x.test:443"]),
            ("http://x.test:80", Some("own"), ["x.test", "x.test"]),
            ("http://192.0.2.1:80", Some("own"), ["192.0.2.1", "192.0.2.1"]),
            ("https://[2001:db8::1]", None, ["[2001:db8::1]", "[2001:db8::1]"]),
            (
                "http://[2001:db8::1]:9000",
                None,
                ["[2001:db8::1]:9000", "site.test"],
            ),
            ("https://x.test", Some("some.name"), ["some.name", "some.name"]),
            (
                "http://x.test",
                Some("some.name:8443"),
                ["some.name:8443", "some.name:8443"],
            ),
        ] {
            let host = host.map_or_else(String::new, |host| format!("host='{host}'"));
            let configured_services = check(&format!("name='a'\nurl='{url}'\n{host}")).expect(url);
            let rule = &configured_services[0].instance.address.host_rule;
            let came = [rule.of(None), rule.of(Some(&visitors))];
            assert_eq!(came, expected, "{url} {host}");
        }
    }

    #[test]
    fn bad_entries_say_what_is_wrong() {
        for (text, expected) in [
            ("name=''\nurl='http://x'", "name"),
            ("name='a'\nurl='ftp://x'", "`url` must be"),
            ("name='a'\nurl='http://x/base'", "without a path"),
            ("name='a'\nurl='/x'", "no host"),
            ("name='a'\nurl='http://x'\nhealth='ping'", "`ping` is not a path"),
            ("name='a'\nurl='http://x'\nfragments={b='b'}", "`b` is not a path"),
            (
                "name='a'\nurl='http://x'\nendpoints=['/h/x']",
                "belongs to the gateway",
            ),
            ("name='a'\nurl='http://169.254.169.254'", "metadata"),
            (
                "name='a'\nurl='http://x'\nhttp2=true\npipeline=true",
                "leave it out with `http2`",
            ),
        ] {
            let error = check(text).err().expect(text);
            assert!(error.contains(expected), "{text}: {error}");
        }
    }
}
