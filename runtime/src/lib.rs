//! Serves pages made of fragments from separately deployed services, and holds the gateway between them.

pub mod gateway;
pub mod page;
pub mod server;
pub mod source;
pub mod wire;
