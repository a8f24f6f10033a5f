//! Serves pages made of fragments from separately deployed services.
//!
//! # Features
//!
//! None of them is on by default.
//!
//! - `gateway`: `hydra_runtime::gateway`, the gateway as a library. The program `hydra` is the crate `hydra-runtime-cli`.
//! - `redis`: sessions in the Redis that the setting `session_redis` names.

mod accept;
pub mod app;
mod date;
pub mod files;
mod limits;
pub mod logs;
pub mod overview;
pub mod page;
pub mod service;
pub mod session;
pub mod settings;
pub mod source;

pub use app::{App, Error, Failure, Fragment, Page, Result, Route};
pub use date::{Date, DateError, DateTime};
#[cfg(feature = "gateway")]
pub use hydra_runtime_gateway as gateway;
pub use hydra_runtime_macros::{Page, app, fragment};
pub use hydra_runtime_net::server;
pub use hydra_runtime_wire::{self as wire, signing};
pub use overview::{MenuLink, Overview};
pub use page::ScriptNonce;
pub use session::Session;
#[doc(no_inline)]
pub use {axum, serde, serde_json, tera};
