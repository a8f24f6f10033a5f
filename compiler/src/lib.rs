//! Checks the templates of a Hydra site at build time, and turns them into typed bindings.

// The code that pest derives names this crate where pest is built without `std`.
extern crate alloc;

mod bytes;
pub mod check;
pub mod codegen;
pub mod compile;
mod delimiters;
pub mod diff;
pub mod explain;
pub mod fields;
pub mod fragment;
pub mod graph;
pub mod input;
mod limits;
pub mod lower;
pub mod model;
pub mod page_type;
pub mod parse;
pub mod prefix;
pub mod problem;
pub mod read;
pub mod report;
mod rust_types;
pub mod shape;
pub mod site;
pub mod source;
pub mod suggest;
pub mod syntax;
pub mod tree;
pub mod waves;
pub mod words;

mod build;
mod parallel;

pub use build::{Build, BuildError};
pub use compile::{CheckedSite, compile};
pub use input::{Compiled, Input, KnownContract, Options};
