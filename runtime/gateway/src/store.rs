//! Where the registry is kept: in this process, or in a Redis that many gateways share.

pub(crate) mod memory;
pub(crate) mod redis;

use std::time::Duration;

use futures_util::future::BoxFuture;

use crate::{
    Millis,
    registry::{
        state::{Event, RegistrationDenied, View},
        steering::{BadSteering, SteeringChange},
    },
};

/// The registry behind one gateway. None of its methods fails because of the network: while a shared store is away,
/// the last known state is used, and [`Store::outage`] says so.
pub(crate) trait Store: Send + Sync + 'static {
    /// Applies an event at all gateways. Returns whether the event was about a registered instance.
    ///
    /// # Errors
    /// The registration is refused, and nothing changed.
    fn apply(&self, event: Event, now: Millis) -> BoxFuture<'_, Result<bool, RegistrationDenied>>;

    /// Makes a change of an operator at all gateways, so that it outlives this process where the store can.
    ///
    /// # Errors
    /// The change is refused or cannot be kept, and nothing changed.
    fn steer(&self, change: SteeringChange, now: Millis) -> BoxFuture<'_, Result<(), SteeringError>>;

    /// Applies what time and other gateways changed. Called every quarter of a second.
    fn refresh(&self, now: Millis) -> BoxFuture<'_, ()>;

    /// Waits until another gateway changes something.
    fn changed(&self) -> BoxFuture<'_, ()>;

    /// How long ago another gateway made the first change that this one was told of since the last call. `None`: there was
    /// none.
    fn age_of_change(&self) -> BoxFuture<'_, Option<Duration>>;

    /// The state as this gateway knows it.
    fn view(&self) -> View;

    /// The version of that state.
    fn version(&self) -> u64;

    /// Whether everything that other gateways know was read once. Until then, an instance that is unknown here may be
    /// registered.
    fn is_complete(&self) -> bool;

    /// Claims the id of a signed call for this gateway, for as long as its signature is valid. Returns `false` if another
    /// gateway has accepted the call before. While the store can't be reached, every claim succeeds.
    fn claim_call<'a>(&'a self, id: &'a str) -> BoxFuture<'a, bool>;

    /// Why this gateway may know less than the others; `None` if the store is reached.
    fn outage(&self) -> Option<String>;
}

/// Why a change of an operator was not made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SteeringError {
    #[error(transparent)]
    Refused(#[from] BadSteering),
    /// The store cannot keep it at present, for this reason.
    #[error("the change was not made: {0}")]
    NotKept(String),
}

#[cfg(test)]
mod tests;
