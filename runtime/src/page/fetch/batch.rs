//! What goes out to other services in one call.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use hydra_runtime_wire::{Attributes, FragmentRequest, FragmentsRequest, OrderedMap, in_milliseconds};
use serde_json::Value;

use crate::page::answer::AskId;

/// The asks of one wave, by service.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) asks: BTreeSet<AskId>,
    /// The time for the slowest of them.
    pub(crate) budget: Duration,
    requests: Vec<(String, Vec<FragmentRequest>)>,
}

impl Batch {
    /// Adds an ask, which has so much time. Its id and its deadline in `request` are set here.
    pub(crate) fn add(&mut self, ask: AskId, budget: Duration, request: FragmentRequest) {
        let request = FragmentRequest {
            id: ask.to_string(),
            deadline: Some(in_milliseconds(budget)),
            ..request
        };
        self.asks.insert(ask);
        self.budget = self.budget.max(budget);
        let service = &request.service;
        match self.requests.iter_mut().find(|(other, _)| other == service) {
            Some((_, requests)) => requests.push(request),
            None => self.requests.push((service.clone(), vec![request])),
        }
    }

    /// Whom it goes to.
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
