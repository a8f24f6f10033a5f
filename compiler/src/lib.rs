//! Checks the templates of a Hydra site at build time, and turns them into typed bindings.

pub mod compile;
pub mod diff;
pub mod explain;
pub mod graph;
pub mod input;
pub mod problem;
pub mod read;
pub mod report;
pub mod source;
pub mod suggest;

mod build;

pub use build::{Build, BuildError};
pub use compile::{CheckedSite, compile};
pub use input::{Compiled, Input, KnownContract, Options};
