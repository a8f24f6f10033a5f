//! Checks the templates of a Hydra site at build time, and turns them into typed bindings.

pub mod check;
pub mod fragment;
pub mod input;
pub mod model;
pub mod page_type;
pub mod parse;
pub mod prefix;
pub mod problem;
pub mod site;
pub mod source;
pub mod suggest;
pub mod syntax;
pub mod tree;
pub mod waves;
pub mod words;
