//! Finds the service or instance that an operator means.
#![deny(clippy::disallowed_methods)]

use std::collections::BTreeMap;

use hydra_runtime_wire::lines;

use super::BadChange;
use crate::{
    UnixMillis,
    limits::MAX_NAMED_INSTANCES,
    registry::{instance::InstanceId, steering::SteeringChange},
    routing::snapshot::Snapshot,
};

/// A service or instance.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Target {
    Service(String),
    Instance {
        id: String,
        /// `None`: the instance is gone, and only its drain is left.
        service: Option<String>,
        /// When its process started.
        process: i64,
    },
}

impl Target {
    /// What `text` means: a service, or else an instance by its id, its UUID, or its host and port. Also one that is
    /// gone, if it is drained.
    pub(super) fn of(text: &str, snapshot: &Snapshot) -> Result<Self, BadChange> {
        let steering = snapshot.steering();
        if snapshot.service(text).is_some() || steering.is_service_drained(text) {
            return Ok(Self::Service(text.to_owned()));
        }
        let active = snapshot.active_instances().filter(|instance| {
            instance.id.as_str() == text
                || instance.registration.instance.as_deref() == Some(text)
                || *instance.address.authority == *text
        });
        let active = active.map(|instance| {
            let known = (Some(&*instance.service), instance.registration.active_since);
            (instance.id.as_str(), known)
        });
        let drained = steering.drained_instances();
        let drained = drained.filter(|id| *id == text || InstanceId::address_in(id) == text);
        let drained = drained.map(|id| (id, (None, steering.drained_process(id).unwrap_or_default())));
        // An active instance replaces what is only known of its drain.
        let found: BTreeMap<&str, (Option<&str>, i64)> = drained.chain(active).collect();
        let mut ids = found.iter();
        match (ids.next(), ids.next()) {
            (Some((id, (service, process))), None) => Ok(Self::Instance {
                id: (*id).to_owned(),
                service: service.map(str::to_owned),
                process: *process,
            }),
            (None, _) => Err(BadChange::UnknownTarget(lines::cut(text).to_owned())),
            (Some(_), Some(_)) => Err(BadChange::Ambiguous {
                target: lines::cut(text).to_owned(),
                ids: found
                    .keys()
                    .take(MAX_NAMED_INSTANCES)
                    .map(|id| (*id).to_owned())
                    .collect(),
            }),
        }
    }

    /// The change that begins or ends the drain, and the service that it is about. At `leave`, visitors that stay leave.
    pub(super) fn drained(
        self,
        is_drained: bool,
        leave: Option<UnixMillis>,
    ) -> (SteeringChange, Option<String>) {
        match self {
            Self::Service(service) => {
                let about = Some(service.clone());
                let change = SteeringChange::DrainService {
                    service,
                    is_drained,
                    leave,
                };
                (change, about)
            }
            Self::Instance { id, service, process } => {
                let process = is_drained.then_some(process);
                (SteeringChange::DrainInstance { id, process, leave }, service)
            }
        }
    }
}
