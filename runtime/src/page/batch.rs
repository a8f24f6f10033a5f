//! What goes out to other services in one call.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde_json::Value;

use super::state::{AskId, Question};
use crate::wire::{Attributes, FragmentRequest, FragmentsRequest, OrderedMap, in_milliseconds};

/// The asks of one wave, by service.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) asks: BTreeSet<AskId>,
    /// The time for the slowest of them.
    pub(crate) budget: Duration,
    requests: Vec<(String, Vec<FragmentRequest>)>,
}

impl Batch {
    /// Adds an ask that goes to `service`.
    pub(crate) fn add(
        &mut self,
        ask: AskId,
        service: &str,
        question: &Question<'_>,
        imports: Attributes,
        budget: Duration,
        trail: &[String],
    ) {
        let request = FragmentRequest {
            id: ask.to_string(),
            service: service.to_owned(),
            reference: question.request.reference.to_string(),
            attributes: Some(imports),
            imports: question.imports_as_written(),
            exports: question.exports.iter().map(|name| name.to_string()).collect(),
            fallback: None,
            deadline: Some(in_milliseconds(budget)),
            trail: trail.to_vec(),
        };
        self.asks.insert(ask);
        self.budget = self.budget.max(budget);
        match self.requests.iter_mut().find(|(other, _)| other == service) {
            Some((_, requests)) => requests.push(request),
            None => self.requests.push((service.to_owned(), vec![request])),
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
