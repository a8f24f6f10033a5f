//! Where the registry lives: in this process, or shared by many gateways.

pub(crate) mod memory;
pub(crate) mod redis;

use futures_util::future::BoxFuture;

use crate::{
    Millis,
    registry::state::{Event, RegistrationDenied, View},
};

/// The registry behind one gateway. None of its methods fails because of the network: a shared store that is away is bridged with what is
/// known here, and says so in [`Store::outage`].
pub(crate) trait Store: Send + Sync + 'static {
    /// Brings an event to all gateways. Gives whether it was about an instance that is registered.
    ///
    /// # Errors
    /// A registration that is refused, and changes nothing.
    fn apply(&self, event: Event, now: Millis) -> BoxFuture<'_, Result<bool, RegistrationDenied>>;

    /// Takes in what time and other gateways changed. Called every quarter of a second.
    fn refresh(&self, now: Millis) -> BoxFuture<'_, ()>;

    /// Waits until another gateway changed something.
    fn changed(&self) -> BoxFuture<'_, ()>;

    /// What is known here.
    fn view(&self) -> View;

    /// The version of that.
    fn version(&self) -> u64;

    /// Whether all that other gateways know was taken in once. Until then, what is not known here may be there all the same.
    fn is_complete(&self) -> bool;

    /// Why this is not what the other gateways know.
    fn outage(&self) -> Option<String>;
}

#[cfg(test)]
mod tests;
