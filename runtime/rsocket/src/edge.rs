//! Connections: a state machine over a transport, in a task of its own.

mod connect;
mod driver;
mod error;
mod handlers;
mod items;
mod requester;
mod responder;
mod send;
mod shared;

pub use connect::{Incoming, SetupFailed, connect, receive_setup};
pub use error::RequestError;
pub use items::{Credit, Items};
pub use requester::{Requester, Statistics};
pub use responder::{NoResponder, Responder};
