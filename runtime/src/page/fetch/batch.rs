//! Requests for fragments that leave to other services in one call.
#![deny(clippy::disallowed_methods)]

use std::{collections::BTreeMap, time::Duration};

use hydra_runtime_wire::{Attributes, FragmentRequest, FragmentsRequest, OrderedMap, in_milliseconds};
use serde_json::Value;

use super::batch_mark::BatchMark;
use crate::page::answer::FetchId;

/// The fetches that leave in one call, by service.
pub(crate) struct Batch {
    pub(super) mark: BatchMark,
    pub(crate) fetches: Vec<FetchId>,
    /// The time for the slowest of them.
    pub(crate) budget: Duration,
    requests: Vec<(String, Vec<FragmentRequest>)>,
}

impl Batch {
    /// An empty batch with ids of its own.
    pub(crate) fn new() -> Self {
        Self {
            mark: BatchMark::next(),
            fetches: Vec::new(),
            budget: Duration::ZERO,
            requests: Vec::new(),
        }
    }

    /// Adds a fetch that has the time `budget`. Its id and its deadline in `request` are set here.
    pub(crate) fn add(&mut self, id: FetchId, budget: Duration, request: FragmentRequest) {
        let request = FragmentRequest {
            id: self.mark.write(id),
            deadline: Some(in_milliseconds(budget)),
            ..request
        };
        self.fetches.push(id);
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
    pub(crate) fn services(&self) -> Vec<String> {
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
            page: None,
            attributes: Attributes::new(),
            requests: OrderedMap(self.requests),
            sessions,
        }
    }
}
