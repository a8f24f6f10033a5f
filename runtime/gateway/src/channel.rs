//! The channels of services: how they open, and what services request over them (protocol section 7).

mod answers;
mod open;
mod overview;
mod relay;
mod service_handler;
mod setup;

pub(crate) use open::{open, over_tcp};
pub(crate) use relay::relay;
