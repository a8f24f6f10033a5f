//! What operators change while gateways run: the weights of versions, and which instances and services are drained.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    UnixMillis,
    config::Secret,
    limits::MAX_STEERING_BYTES,
    stated_weights::{BadWeights, StatedWeights, WeightTable, check},
};

/// Everything that operators changed. It is the same on all gateways of an installation.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Steering {
    /// Grows with each change: of two states, the higher one is the newer.
    revision: u64,
    weights: WeightTable,
    drained_services: BTreeSet<String>,
    /// By the ids of instances, which are those of their addresses: the start of the process that is drained there, as its
    /// registration states it (`activeSince`). A process that starts later at the address is not drained.
    drained_processes: BTreeMap<String, i64>,
    /// When the visitors leave that stay with instances of drained services, by service. Where none is stated, they stay until
    /// the drain ends.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    leaving_services: BTreeMap<String, UnixMillis>,
    /// The same for drained processes, by the ids of their instances.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    leaving_processes: BTreeMap<String, UnixMillis>,
    /// The secret for pins that gateways without a private key agreed on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pin_secret: Option<Secret>,
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SteeringChange {
    /// States the weights of a service, instead of all that were stated before.
    Weights { service: String, weights: StatedWeights },
    /// Takes back the weights of a service: those of the configuration count again, or those of its instances.
    ClearWeights { service: String },
    /// Begins or ends the drain of a service. At `leave`, visitors that stay with its instances leave them.
    DrainService {
        service: String,
        is_drained: bool,
        leave: Option<UnixMillis>,
    },
    /// Begins the drain of the process that started then, or ends the drain of the instance. `leave` is as for a service.
    DrainInstance {
        id: String,
        process: Option<i64>,
        leave: Option<UnixMillis>,
    },
    /// Proposes a secret for pins. The first one counts.
    PinSecret { secret: Secret },
    /// Ends the drain of a process, because another one registered at its address.
    ForgetProcess { id: String, process: i64 },
}

/// Why a change is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BadSteering {
    #[error(transparent)]
    Weights(#[from] BadWeights),
    #[error(
        "all weights and drains together would take more than {MAX_STEERING_BYTES} bytes: end drains and clear weights that are not \
         needed any more"
    )]
    Full,
}

impl Steering {
    /// The state after a change. `None`: the change changes nothing.
    ///
    /// # Errors
    /// Why the change is refused.
    pub(crate) fn after(&self, change: &SteeringChange) -> Result<Option<Self>, BadSteering> {
        let mut next = self.clone();
        match change {
            SteeringChange::Weights { service, weights } => {
                check(service, weights)?;
                next.weights.insert(service.clone(), weights.clone());
            }
            SteeringChange::ClearWeights { service } => drop(next.weights.remove(service)),
            SteeringChange::DrainService {
                service,
                is_drained,
                leave,
            } => next.drain_service(service, *is_drained, *leave),
            SteeringChange::DrainInstance { id, process, leave } => {
                next.drain_process(id, *process, *leave);
            }
            SteeringChange::PinSecret { secret } => {
                next.pin_secret.get_or_insert_with(|| secret.clone());
            }
            SteeringChange::ForgetProcess { id, process } => {
                if next.drained_process(id) == Some(*process) {
                    next.drain_process(id, None, None);
                }
            }
        }
        if next == *self {
            return Ok(None);
        }
        next.revision = next.revision.saturating_add(1);
        // A state that is too long already may get shorter: an operator must be able to take things away.
        let is_longer = next.text().len() > MAX_STEERING_BYTES && next.text().len() > self.text().len();
        if is_longer {
            Err(BadSteering::Full)
        } else {
            Ok(Some(next))
        }
    }

    fn drain_service(&mut self, service: &str, is_drained: bool, leave: Option<UnixMillis>) {
        if is_drained {
            self.drained_services.insert(service.to_owned());
        } else {
            self.drained_services.remove(service);
        }
        put(&mut self.leaving_services, service, leave.filter(|_| is_drained));
    }

    fn drain_process(&mut self, id: &str, process: Option<i64>, leave: Option<UnixMillis>) {
        put(&mut self.drained_processes, id, process);
        put(
            &mut self.leaving_processes,
            id,
            leave.filter(|_| process.is_some()),
        );
    }

    /// The state as JSON.
    pub(crate) fn text(&self) -> String {
        // It consists of texts and numbers, which can always be written.
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Reads a state that [`Steering::text`] wrote.
    ///
    /// # Errors
    /// Why the text cannot be used.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        if text.len() > MAX_STEERING_BYTES {
            return Err(format!("it is longer than {MAX_STEERING_BYTES} bytes"));
        }
        let read: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        for (service, weights) in &read.weights {
            check(service, weights).map_err(|bad| bad.to_string())?;
        }
        Ok(read)
    }

    /// Grows with each change. 0: operators changed nothing yet.
    pub(crate) fn revision(&self) -> u64 {
        self.revision
    }

    /// The same with the weights of a configuration for services without any that were stated at run time.
    pub(crate) fn over(&self, configured: &WeightTable) -> Self {
        let mut all = self.clone();
        for (service, weights) in configured {
            all.weights
                .entry(service.clone())
                .or_insert_with(|| weights.clone());
        }
        all
    }

    /// The weights of a service. `None`: none are stated.
    pub(crate) fn weights(&self, service: &str) -> Option<&StatedWeights> {
        self.weights.get(service)
    }

    /// The secret for pins that gateways without a private key agreed on.
    pub(crate) fn pin_secret(&self) -> Option<&str> {
        self.pin_secret.as_ref().map(Secret::reveal)
    }

    /// Whether new visitors are kept away from the whole service.
    pub(crate) fn is_service_drained(&self, service: &str) -> bool {
        self.drained_services.contains(service)
    }

    /// Whether new visitors are kept away from the instance with this id, whose process started then.
    pub(crate) fn is_instance_drained(&self, id: &str, process: i64) -> bool {
        self.drained_process(id) == Some(process)
    }

    /// When the visitors leave that stay with instances of this drained service. `None`: not before the drain ends.
    pub(crate) fn service_leave(&self, service: &str) -> Option<UnixMillis> {
        self.leaving_services.get(service).copied()
    }

    /// When the visitors leave that stay with the instance with this id, whose process started then. `None`: not before its
    /// drain ends, if it is drained at all.
    pub(crate) fn leave(&self, service: &str, id: &str, process: i64) -> Option<UnixMillis> {
        let of_service = self.leaving_services.get(service);
        let of_process = self.leaving_processes.get(id);
        let of_process = of_process.filter(|_| self.is_instance_drained(id, process));
        of_service.into_iter().chain(of_process).min().copied()
    }

    /// When the process started that is drained at the address of this id.
    pub(crate) fn drained_process(&self, id: &str) -> Option<i64> {
        self.drained_processes.get(id).copied()
    }

    /// The ids of the drained instances.
    pub(crate) fn drained_instances(&self) -> impl Iterator<Item = &str> {
        self.drained_processes.keys().map(String::as_str)
    }

    /// The services that are drained or have stated weights.
    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        self.weights
            .keys()
            .chain(&self.drained_services)
            .map(String::as_str)
    }
}

fn put<T>(map: &mut BTreeMap<String, T>, name: &str, value: Option<T>) {
    match value {
        Some(value) => map.insert(name.to_owned(), value),
        None => map.remove(name),
    };
}

#[cfg(test)]
mod tests;
