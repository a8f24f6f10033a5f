//! What operators change while gateways run: the weights of versions, and which instances and services are drained.
#![deny(clippy::disallowed_methods)]

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    limits::MAX_STEERING_BYTES,
    stated_weights::{BadWeights, WeightTable, check},
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
}

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum SteeringChange {
    /// States the weights of a service, instead of all that were stated before.
    Weights {
        service: String,
        weights: BTreeMap<String, u32>,
    },
    /// Takes back the weights of a service: those of the configuration count again, or those of its instances.
    ClearWeights { service: String },
    /// Begins or ends the drain of a service.
    DrainService { service: String, is_drained: bool },
    /// Begins the drain of the process that started then, or ends the drain of the instance.
    DrainInstance { id: String, process: Option<i64> },
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
            SteeringChange::DrainService { service, is_drained } => {
                put(&mut next.drained_services, service, *is_drained);
            }
            SteeringChange::DrainInstance { id, process } => {
                match process {
                    Some(process) => next.drained_processes.insert(id.clone(), *process),
                    None => next.drained_processes.remove(id),
                };
            }
            SteeringChange::ForgetProcess { id, process } => {
                if next.drained_process(id) == Some(*process) {
                    next.drained_processes.remove(id);
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
    pub(crate) fn weights(&self, service: &str) -> Option<&BTreeMap<String, u32>> {
        self.weights.get(service)
    }

    /// Whether new visitors are kept away from the whole service.
    pub(crate) fn is_service_drained(&self, service: &str) -> bool {
        self.drained_services.contains(service)
    }

    /// Whether new visitors are kept away from the instance with this id, whose process started then.
    pub(crate) fn is_instance_drained(&self, id: &str, process: i64) -> bool {
        self.drained_process(id) == Some(process)
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

fn put(set: &mut BTreeSet<String>, name: &str, is_there: bool) {
    if is_there {
        set.insert(name.to_owned());
    } else {
        set.remove(name);
    }
}

#[cfg(test)]
mod tests;
