//! The limits of the gateway that its operator sets.
#![deny(clippy::disallowed_methods)]

/// What the operator allows, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RegistryLimits {
    /// Of one registration, as JSON, without members that are not used.
    pub(crate) instance: usize,
    /// Of all instances of one service, in memory.
    pub(crate) service: usize,
    /// Of all instances, in memory.
    pub(crate) all: usize,
}

impl Default for RegistryLimits {
    fn default() -> Self {
        Self {
            instance: 256 << 10,
            service: 32 << 20,
            all: 256 << 20,
        }
    }
}
