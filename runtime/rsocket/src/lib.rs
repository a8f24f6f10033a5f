//! RSocket 1.0: requests in both directions over one connection.
//!
//! The crate has three layers, and each can be used without those above it:
//!
//! - [`frame`] encodes and decodes frames. [`metadata`] does so for the extensions composite metadata, routing and
//!   bearer authentication.
//! - [`machine`] is one end of a connection as a pure state machine: frames and the time go in, frames and events come
//!   out. It has no clocks, sockets or tasks.
//! - [`connect()`] and [`receive_setup()`] run a state machine over a [`Transport`], and give a [`Requester`] for the requests
//!   of this side. A [`Responder`] answers those of the peer. [`transport`] has TCP and, with the feature `websocket`, WebSocket,
//!   each also over TLS.
//!
//! Both sides may send requests: request/response, fire-and-forget, streams with credit, and channels. Payloads are
//! fragmented and reassembled within [`Config`]'s bounds. Leases and resumption are refused, as the specification allows.
//!
//! Section names in the documentation are those of the protocol's
//! [specification](https://github.com/rsocket/rsocket/blob/master/Protocol.md).
//!
//! ```no_run
//! use hydra_runtime_rsocket::{Config, NoResponder, Payload, Setup, connect, transport::tcp};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let transport = tcp::connect("127.0.0.1:7000").await?;
//! let requester = connect(transport, Setup::default(), NoResponder, Config::default())?;
//! let answer = requester.request_response(Payload::from("hello")).await?;
//! println!("{} bytes", answer.data.len());
//! # Ok(())
//! # }
//! ```
//!
//! # Features
//!
//! - `websocket`: one frame per WebSocket message.
//! - `tls`: TLS for the connections that this crate opens.

mod config;
mod edge;
pub mod frame;
pub mod limits;
pub mod machine;
pub mod metadata;
pub mod transport;

pub use config::Config;
pub use edge::{
    Credit, Incoming, Items, NoResponder, RequestError, Requester, Responder, SetupFailed, Statistics,
    connect, receive_setup,
};
pub use frame::{ErrorCode, Failure, Payload, Setup};
pub use machine::CloseReason;
pub use transport::Transport;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
