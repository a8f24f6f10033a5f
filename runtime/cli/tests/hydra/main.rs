//! The program `hydra` as a process: its command line, and several gateways that share a Redis.

#[allow(dead_code, reason = "the tests of the gateway need more of it")]
#[path = "../../../gateway/tests/gateway/authority.rs"]
mod authority;
mod channel_ports;
mod cluster;
mod config;
mod forms;
mod front;
mod lasting;
mod login;
mod otlp;
mod page_limits;
mod ports;
mod program;
mod reload;
mod steering;
mod stopping;
#[allow(dead_code, reason = "the tests of the gateway need more of it")]
#[path = "../../../gateway/tests/gateway/support.rs"]
mod support;
