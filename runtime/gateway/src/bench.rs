//! The inside of the gateway, as its benchmark needs it. Not for any other use.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::body::Body;
use http::{HeaderName, Method, Request, header::CONTENT_TYPE, uri::PathAndQuery};
use http_body_util::BodyExt;
use hydra_runtime_wire::{ActiveService, routes::RouteMatch};

use crate::{
    Millis,
    registry::{
        instance::{self, Address, RegistrationRules},
        state::{Event, Registry},
    },
    routing::snapshot::Snapshot,
    upstream::{CallRequest, ConnectionPool, Dialer, Trust},
};

/// A large installation: ten paths a service, the socket included, half of them with patterns.
#[derive(Debug, Default)]
pub struct Installation {
    registry: Registry,
    snapshot: Snapshot,
    services: usize,
}

impl Installation {
    /// An installation with this many services, whose snapshot is published.
    #[must_use]
    pub fn new(services: usize) -> Self {
        let mut installation = Self {
            services,
            ..Self::default()
        };
        for service in 0..services {
            installation.register(service, 0);
        }
        installation.publish();
        installation
    }

    /// Registers a service with a set of paths that differs from any before.
    pub fn register(&mut self, service: usize, turn: usize) {
        let registration = ActiveService {
            web_protocol: "http".into(),
            host: format!("10.{}.{}.{}", service >> 16, service >> 8 & 255, service & 255),
            port: 8080,
            name: Some(name(service)),
            endpoints: endpoints(service, turn),
            ..ActiveService::default()
        };
        match instance::check(registration, None, &RegistrationRules::default()) {
            Ok(instance) => self
                .registry
                .apply(Event::Register(Arc::new(instance)), Millis(turn as u64)),
            Err(refusal) => unreachable!("{refusal}"),
        };
    }

    /// Publishes the changes. Returns how many entries the registry has.
    pub fn publish(&mut self) -> usize {
        let view = self.registry.view();
        self.snapshot = Snapshot::build(&view, &self.snapshot);
        view.entries.len()
    }

    /// Builds everything anew, as at the start of a gateway.
    pub fn publish_all(&mut self) {
        self.snapshot = Snapshot::build(&self.registry.view(), &Snapshot::default());
    }

    /// A path of some service: a different one for each number.
    #[must_use]
    pub fn path(&self, number: usize) -> String {
        // The factor is prime, so that consecutive numbers lead to places far from each other in memory.
        let number = number.wrapping_mul(7_368_787);
        let service = number % self.services;
        let mut path = endpoints(service, 0).swap_remove(number / self.services % 9);
        for (from, to) in [("{id}", "4711"), ("*.html", "index.html"), ("**", "a/b/c")] {
            path = path.replace(from, to);
        }
        path
    }

    /// The number of active instances of the service that holds a path: everything that routing a request reads.
    #[must_use]
    pub fn look_up(&self, path: &str) -> Option<usize> {
        match self.snapshot.table().find(path) {
            RouteMatch::Route(route) => Some(self.snapshot.holder(route)?.active.len()),
            _ => None,
        }
    }
}

/// The path of a fragment that [`Clients`] ask for.
const FRAGMENT: &str = "/fragment";
/// Longer than any call of the benchmark takes.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest fragment, in bytes.
const MAX_FRAGMENT_BYTES: usize = 1 << 20;
static WANTED_HEADERS: [HeaderName; 1] = [CONTENT_TYPE];

/// The two clients of one gateway, both with kept connections to one service on this machine.
#[allow(missing_debug_implementations)]
pub struct Clients {
    pool: Arc<ConnectionPool>,
    address: Address,
}

impl Clients {
    /// Clients of the service that listens on this port. Use them inside of one runtime.
    #[must_use]
    pub fn new(port: u16) -> Self {
        let dialer = Dialer {
            timeout: TIMEOUT,
            allow_hosts: Arc::new([]),
            trust: Trust::default(),
        };
        Self {
            pool: ConnectionPool::new(dialer, &Arc::default()),
            address: Address::new("127.0.0.1".into(), port, false),
        }
    }

    /// Gets a fragment with the client for whole bodies. Returns its length in bytes.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn whole(&self) -> Result<usize, String> {
        let call = CallRequest {
            method: Method::GET,
            target: PathAndQuery::from_static(FRAGMENT),
            visitors_host: None,
            headers: Vec::new(),
            body: &[],
            wanted: &WANTED_HEADERS,
            limit: MAX_FRAGMENT_BYTES,
            repeated: None,
            pipelines: None,
        };
        let until = (Instant::now() + TIMEOUT).into();
        let answer = self.pool.call(&self.address, &call, until).await;
        answer
            .map(|answer| answer.body.len())
            .map_err(|error| error.to_string())
    }

    /// Gets the same fragment with the client for bodies that stream. Returns its length in bytes.
    ///
    /// # Errors
    ///
    /// If the call fails.
    pub async fn streamed(&self) -> Result<usize, String> {
        let mut request = Request::new(Body::empty());
        *request.uri_mut() = FRAGMENT.parse().map_err(|_| "a path")?;
        let until = (Instant::now() + TIMEOUT).into();
        let answer = self.pool.send(&self.address, request, until).await;
        let body = answer.map_err(|error| error.to_string())?.into_body();
        let whole = body.collect().await.map_err(|error| error.to_string())?;
        Ok(whole.to_bytes().len())
    }
}

fn name(service: usize) -> String {
    format!("service-{service}")
}

fn endpoints(service: usize, turn: usize) -> Vec<String> {
    let name = name(service);
    let mut endpoints: Vec<String> = [
        "",
        "/new",
        "/search",
        "/about/us",
        "/{id}",
        "/{id}/edit",
        "/items/{id}/details",
    ]
    .map(|end| format!("/{name}{end}"))
    .into();
    endpoints.push(format!("/docs/{name}/*.html"));
    endpoints.push(format!("/old/{name}/**"));
    if turn > 0 {
        endpoints[1] = format!("/{name}/turn-{turn}");
    }
    endpoints
}
