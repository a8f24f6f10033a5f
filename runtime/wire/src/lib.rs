//! The protocol between services and gateways, without sockets, tasks, files or clocks.
//!
//! - The bodies of requests and responses are at the root: [`FragmentsRequest`], [`ActiveService`] and so on.
//! - [`registration`] checks what a service registers; [`names`] checks names and hosts, and [`routes`] has path
//!   patterns and the route table.
//! - [`paths`] has the paths of the protocol, and [`headers`] its headers; [`cookies`] picks the cookies that are
//!   passed on.
//! - [`call_chain`] ends circles of fragments that request each other.
//! - [`cross_site`] recognizes requests that another site makes a browser send.
//! - [`freshness`] computes how long a response may be cached.
//! - `forms` has what is said about a form that a visitor sends.
//! - [`lines`] bounds what peers can write into logs, and [`limits`] has every limit with its reason.
//!
//! # Features
//!
//! - `signing`: signed calls (`signing`), login tokens (`login`) and forms (`forms`), which need cryptography.
//!
//! This crate is internal: there is no stability promise. `hydra_runtime` and `hydra_runtime_gateway` are built on
//! it, and pin its exact version: use what they export.

mod body;
pub mod call_chain;
pub mod cookies;
pub mod copy_budget;
pub mod cross_site;
#[cfg(feature = "signing")]
pub mod forms;
pub mod freshness;
pub mod headers;
pub mod limits;
pub mod lines;
#[cfg(feature = "signing")]
pub mod login;
pub mod names;
pub mod paths;
pub mod registration;
pub mod routes;
#[cfg(feature = "signing")]
pub mod signing;

pub use body::*;
