//! Serves pages made of fragments from separately deployed services, and holds the gateway between them.

pub mod page;
pub mod source;
pub mod wire;
