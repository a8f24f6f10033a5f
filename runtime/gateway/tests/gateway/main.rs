//! The gateway over real sockets.

mod answers;
#[allow(dead_code, reason = "the tests of the program need more of it")]
mod authority;
mod backpressure;
mod circle;
mod contracts;
mod edge;
mod expect;
mod fragments;
mod hostile;
mod hosts;
mod https;
mod letter;
mod limits;
mod liveness;
mod one_wrong_fragment;
mod outcomes;
mod own_machine;
mod plain;
mod plain_answers;
mod previews;
mod protocol_1;
mod proxies;
mod refusals;
mod routing;
mod signed;
mod smuggling;
mod sockets;
mod steering;
mod streaming;
mod support;
mod surplus_bytes;
mod unreachable;
mod uploads;
mod versions;
mod wrong_answers;
