//! What a change of an operator would do, without doing it.

use super::{BadChange, ServiceState, SteeringRequest};
use crate::Gateway;

/// The state of the service that a change is about, before and after it.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Foreseen {
    pub(crate) now: ServiceState,
    pub(crate) then: ServiceState,
}

impl Gateway {
    /// What a change would do now. `None`: it is about an instance or a service that is gone.
    ///
    /// # Errors
    /// The change would be refused.
    pub(crate) fn foresee(&self, request: SteeringRequest) -> Result<Option<Foreseen>, BadChange> {
        let (change, service) = self.change(request)?;
        let snapshot = self.publisher().snapshot();
        let steering = snapshot.steering();
        let next = steering.after(&change)?;
        let next = next
            .as_ref()
            .unwrap_or(steering)
            .over(&self.newest().config().weights);
        let service = service.and_then(|name| snapshot.service(&name));
        Ok(service.map(|service| Foreseen {
            now: ServiceState::of(service, steering, self.newest().config()),
            then: ServiceState::of(&service.under(&next), &next, self.newest().config()),
        }))
    }
}
