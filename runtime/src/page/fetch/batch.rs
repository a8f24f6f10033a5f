//! Requests for fragments that leave to other services in one call.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use hydra_runtime_wire::{Attributes, FragmentRequest, FragmentsRequest, OrderedMap, in_milliseconds};
use serde_json::Value;

use crate::page::answer::FetchId;

/// The fetches that leave in one call, by service.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) fetches: BTreeSet<FetchId>,
    /// The time for the slowest of them.
    pub(crate) budget: Duration,
    requests: Vec<(String, Vec<FragmentRequest>)>,
}

impl Batch {
    /// Adds a fetch that has the time `budget`. Its id and its deadline in `request` are set here.
    pub(crate) fn add(&mut self, id: FetchId, budget: Duration, request: FragmentRequest) {
        let request = FragmentRequest {
            id: id.to_string(),
            deadline: Some(in_milliseconds(budget)),
            ..request
        };
        self.fetches.insert(id);
        self.budget = self.budget.max(budget);
        let service = &request.service;
        match self.requests.iter_mut().find(|(other, _)| other == service) {
            Some((_, requests)) => requests.push(request),
            None => self.requests.push((service.clone(), vec![request])),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.fetches.is_empty()
    }

    /// The services that it goes to.
    pub(crate) fn services(&self) -> BTreeSet<String> {
        self.requests.iter().map(|(service, _)| service.clone()).collect()
    }

    /// The body of the call, with those of `sessions` that belong to the services asked.
    pub(crate) fn into_request(self, sessions: &BTreeMap<String, Value>) -> FragmentsRequest {
        let sessions = self
            .requests
            .iter()
            .filter_map(|(service, _)| Some((service.clone(), sessions.get(service)?.clone())))
            .collect();
        FragmentsRequest {
            protocol: Some(2),
            attributes: Attributes::new(),
            requests: OrderedMap(self.requests),
            sessions,
        }
    }
}
