//! All services of one snapshot.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;
use hydra_runtime_wire::names::ServiceName;

use super::service::Service;
use crate::registry::{instance::Instance, state::View};

/// The services. Each keeps its number as long as it is registered, so that routes, which outlive a snapshot, lead
/// directly to it.
#[derive(Debug, Default)]
pub(super) struct Services {
    /// By number. A service that is gone leaves a gap until another one is added.
    numbered: Vec<Option<Service>>,
    numbers: HashMap<ServiceName, u32, RandomState>,
    /// The numbers, sorted by name.
    sorted: Vec<u32>,
}

impl Services {
    /// The services of a view. Services of `previous` keep their numbers.
    pub(super) fn of(view: &View, previous: &Self) -> Self {
        let mut services = Self::default();
        let room = previous.numbered.len();
        services.numbered.resize_with(room, || None);
        let mut new = Vec::new();
        for service in made_of(view) {
            let known = previous.number(&service.name);
            match known.and_then(|number| Some((number, previous.at(number)?))) {
                Some((number, before)) => services.put(number, service.after(before)),
                None => new.push(service),
            }
        }
        let mut number = 0;
        for service in new {
            while services.at(number).is_some() {
                number += 1;
            }
            services.put(number, service);
        }
        let mut sorted: Vec<_> = services.numbers.iter().collect();
        sorted.sort_unstable();
        services.sorted = sorted.into_iter().map(|(_, number)| *number).collect();
        services
    }

    fn put(&mut self, number: u32, service: Service) {
        let at = number as usize;
        if at >= self.numbered.len() {
            self.numbered.resize_with(at + 1, || None);
        }
        self.numbers.insert(service.name.clone(), number);
        self.numbered[at] = Some(service);
    }

    /// The number of the service of this name.
    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// The service of this number.
    pub(super) fn at(&self, number: u32) -> Option<&Service> {
        self.numbered.get(number as usize)?.as_ref()
    }

    /// All of them, by name.
    pub(super) fn values(&self) -> impl Iterator<Item = &Service> {
        self.sorted.iter().filter_map(|number| self.at(*number))
    }
}

fn made_of(view: &View) -> impl Iterator<Item = Service> {
    let mut found: HashMap<&ServiceName, Vec<Arc<Instance>>, RandomState> = HashMap::default();
    for entry in &view.entries {
        let active = found.entry(&entry.instance.service).or_default();
        if entry.is_active {
            active.push(Arc::clone(&entry.instance));
        }
    }
    found
        .into_iter()
        .map(|(name, active)| Service::of(name, active, &view.steering, view.epoch))
}
