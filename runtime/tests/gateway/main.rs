//! The gateway over real sockets.

mod answers;
mod authority;
mod cluster;
mod contracts;
mod edge;
mod fragments;
mod hostile;
mod hosts;
mod https;
mod letter;
mod liveness;
mod own_machine;
mod plain;
mod plain_answers;
mod program;
mod protocol_1;
mod proxies;
mod routing;
mod signed;
mod sockets;
mod support;
mod surplus;
mod unreachable;
mod versions;
mod wrong_answers;
