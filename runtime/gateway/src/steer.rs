//! What operators change while the gateway runs: the weights of versions, and drains of instances and services; and the
//! links to previews that they make (design section 6, Weights).

mod api;
mod foresee;
mod preview;
mod state;
mod target;

use hydra_runtime_wire::lines;
use serde::Deserialize;

use crate::{
    Gateway,
    registry::{
        instance::Instance,
        steering::{BadSteering, SteeringChange},
    },
    stated_weights::StatedWeights,
    store::SteeringError,
};
pub(crate) use foresee::Foreseen;
pub use preview::{BadPreview, PreviewToken};
pub use state::{InstanceState, ServiceState, VersionState, WeightSource};
use target::Target;

/// A change that an operator wants.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub enum SteeringRequest {
    /// States how visitors are shared among the versions of a service, instead of what was stated before.
    Weights {
        /// The name of the service.
        service: String,
        /// Weights by the name of the version, or a rule.
        weights: StatedWeights,
    },
    /// Takes back the weights of a service that were stated at run time.
    ClearWeights {
        /// The name of the service.
        service: String,
    },
    /// Keeps new visitors away from a service or an instance. Requests under way end.
    Drain {
        /// The name of a service, or an instance: its id, its UUID, or its host and port.
        target: String,
        /// After so many seconds, visitors that stay with an instance leave it; 0: at once. `None`: they stay until the drain
        /// ends.
        after_seconds: Option<u64>,
    },
    /// Ends a drain.
    EndDrain {
        /// As for [`SteeringRequest::Drain`].
        target: String,
    },
}

/// Why a change was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadChange {
    /// No service of this name is registered.
    #[error("no service `{0}` is registered")]
    UnknownService(String),
    /// Neither a service nor an instance is meant.
    #[error("`{0}` is neither a registered service nor the id, UUID or host and port of an active instance")]
    UnknownTarget(String),
    /// Several instances are meant. Holds their ids.
    #[error("`{target}` means several instances: name one of them by its id: {}", ids.join(", "))]
    Ambiguous {
        /// What the operator wrote.
        target: String,
        /// The ids of the instances.
        ids: Vec<String>,
    },
    /// The change is malformed, or too large.
    #[error("{0}")]
    Refused(String),
    /// The change cannot be kept at present.
    #[error("{0}")]
    NotKept(String),
}

impl From<SteeringError> for BadChange {
    fn from(error: SteeringError) -> Self {
        match error {
            SteeringError::Refused(bad) => bad.into(),
            SteeringError::NotKept(_) => Self::NotKept(error.to_string()),
        }
    }
}

impl From<BadSteering> for BadChange {
    fn from(bad: BadSteering) -> Self {
        Self::Refused(bad.to_string())
    }
}

impl Gateway {
    /// Makes a change of an operator. When this returns, this gateway acts by it; the other gateways on the same Redis
    /// do within a second. Returns the state of the service; `None` if the change was about an instance that is gone.
    ///
    /// # Errors
    /// The change was not made, at no gateway.
    pub async fn steer(&self, request: SteeringRequest) -> Result<Option<ServiceState>, BadChange> {
        let (change, service) = self.change(request)?;
        tracing::info!(?change, "an operator changes weights or drains");
        self.publisher().steer(change).await?;
        Ok(service.and_then(|service| self.service_state(&service)))
    }

    /// Ends the drain of the process that was at the address of this instance before, if there is one: the instance is
    /// another process, and not drained.
    pub(crate) async fn end_drain_of_former_process(&self, instance: &Instance) {
        let id = instance.id.as_str();
        let former = self.publisher().snapshot().steering().drained_process(id);
        let Some(process) = former.filter(|former| *former != instance.registration.active_since) else {
            return;
        };
        tracing::info!(
            instance = id,
            "the drain is over: another process registered at the address"
        );
        let id = id.to_owned();
        // Where this cannot be kept, what is left of the drain concerns no process that runs.
        let _ = self
            .publisher()
            .steer(SteeringChange::ForgetProcess { id, process })
            .await;
    }

    /// The versions, weights and drains of all active services, by name.
    #[must_use]
    pub fn steering_state(&self) -> Vec<ServiceState> {
        let snapshot = self.publisher().snapshot();
        let services = snapshot.active_services();
        services
            .map(|service| ServiceState::of(service, snapshot.steering(), self.newest().config()))
            .collect()
    }

    /// The versions, weights and drains of a service. `None`: it is not registered.
    pub(crate) fn service_state(&self, name: &str) -> Option<ServiceState> {
        let snapshot = self.publisher().snapshot();
        let service = snapshot.service(name)?;
        Some(ServiceState::of(
            service,
            snapshot.steering(),
            self.newest().config(),
        ))
    }

    /// The change for a request, and the service that it is about.
    fn change(&self, request: SteeringRequest) -> Result<(SteeringChange, Option<String>), BadChange> {
        let snapshot = self.publisher().snapshot();
        let is_known = |service: &str| match snapshot.service(service) {
            Some(_) => Ok(()),
            None => Err(BadChange::UnknownService(lines::cut(service).to_owned())),
        };
        Ok(match request {
            SteeringRequest::Weights { service, weights } => {
                is_known(&service)?;
                let about = Some(service.clone());
                (SteeringChange::Weights { service, weights }, about)
            }
            SteeringRequest::ClearWeights { service } => {
                let about = Some(service.clone());
                // A service that is gone may still have weights.
                if !snapshot.steering().services().any(|known| *known == service) {
                    is_known(&service)?;
                }
                (SteeringChange::ClearWeights { service }, about)
            }
            SteeringRequest::Drain {
                target,
                after_seconds,
            } => {
                let leave = after_seconds.map(|after| self.publisher().unix_now().after_seconds(after));
                Target::of(&target, &snapshot)?.drained(true, leave)
            }
            SteeringRequest::EndDrain { target } => Target::of(&target, &snapshot)?.drained(false, None),
        })
    }
}
