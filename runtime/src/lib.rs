//! Serves pages made of fragments from separately deployed services, and holds the gateway between them.

pub mod gateway;
pub mod server;
pub mod signing;
pub mod source;
pub mod wire;
