//! Checks the templates of a Hydra site at build time, and turns them into typed bindings.

pub mod problem;
pub mod source;
