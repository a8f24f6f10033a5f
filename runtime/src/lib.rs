//! Serves pages made of fragments from separately deployed services, and holds the gateway between them.

mod accept;
pub mod app;
mod cache_control;
mod cookies;
mod date;
pub mod files;
mod freshness;
pub mod gateway;
mod lines;
pub mod logs;
pub mod overview;
pub mod page;
mod proxies;
mod redis_link;
pub mod server;
pub mod service;
pub mod session;
pub mod settings;
mod shelf;
pub mod signing;
pub mod source;
mod trail;
pub mod wire;

pub use app::{App, Error, Failure, Fragment, Page, Result, Route};
pub use date::{Date, DateError, DateTime};
pub use hydra_macros::{Page, app, fragment};
pub use overview::{MenuLink, Overview};
pub use page::ScriptNonce;
pub use session::Session;
#[doc(no_inline)]
pub use {axum, serde, serde_json, tera};
