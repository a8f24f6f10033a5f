//! The inside of the gateway, as its benchmark needs it. Not for any other use.

use std::sync::Arc;

use hydra_runtime_wire::{ActiveService, routes::RouteMatch};

use crate::{
    Millis,
    registry::{
        instance::{self, RegistrationRules},
        state::{Event, Registry},
    },
    routing::snapshot::Snapshot,
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
