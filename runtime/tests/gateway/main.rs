//! The gateway over real sockets.

mod fragments;
mod hostile;
mod liveness;
mod plain;
mod program;
mod protocol_1;
mod routing;
mod support;
