//! The registered services. Each running process of a service is an instance; a state machine follows what the instances send.
//!
//! - [`instance`]: one running instance, made of its registration.
//! - [`state`]: which instances are registered and active, as events and time change that.
//! - [`quota`]: how much of the registry one service or one caller may take.
//! - [`contracts`]: which pages of active services a contract breaks.
//! - [`configured`]: plain HTTP services of the configuration, which cannot register themselves.
//! - [`steering`]: what operators change at run time: weights of versions, and drains.
//! - [`gateway_addresses`]: the gateway's own addresses, which no service may register.

pub(crate) mod configured;
pub(crate) mod contracts;
pub(crate) mod gateway_addresses;
pub(crate) mod instance;
pub(crate) mod quota;
pub(crate) mod state;
pub(crate) mod steering;
