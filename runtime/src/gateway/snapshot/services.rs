//! All services of one moment.
#![deny(clippy::disallowed_methods)]

use std::{collections::HashMap, sync::Arc};

use foldhash::fast::RandomState;

use super::service::{Service, service};
use crate::gateway::{
    names::ServiceName,
    registration::{Instance, InstanceId},
    registry::View,
};

/// The services, sorted by name. One is found with one look, since each request asks for one.
#[derive(Debug, Default)]
pub(super) struct Services {
    sorted: Vec<Service>,
    places: HashMap<ServiceName, usize, RandomState>,
}

impl Services {
    /// The services of a view.
    pub(super) fn of(view: &View) -> Self {
        type Instances = (Vec<Arc<Instance>>, Vec<InstanceId>);
        let mut found: HashMap<&ServiceName, Instances, RandomState> = HashMap::default();
        for entry in &view.entries {
            let (active, inactive) = found.entry(&entry.instance.service).or_default();
            if entry.is_active {
                active.push(Arc::clone(&entry.instance));
            } else {
                inactive.push(entry.instance.id.clone());
            }
        }
        let mut sorted: Vec<Service> = found
            .into_iter()
            .map(|(name, (active, inactive))| service(name, active, inactive))
            .collect();
        sorted.sort_unstable_by(|a, b| a.name.cmp(&b.name));
        let places = sorted
            .iter()
            .enumerate()
            .map(|(at, service)| (service.name.clone(), at));
        Self {
            places: places.collect(),
            sorted,
        }
    }

    /// The service of this name.
    pub(super) fn get(&self, name: &str) -> Option<&Service> {
        self.sorted.get(*self.places.get(name)?)
    }

    /// All of them, by name.
    pub(super) fn values(&self) -> impl Iterator<Item = &Service> {
        self.sorted.iter()
    }
}
