//! Renders a template with Tera once, and finds the slots and holes in its text.

pub(crate) mod buffer;
mod constant;
pub(crate) mod filter;
pub(crate) mod marker;
mod pieces;
pub(crate) mod templates;
pub(crate) mod value;
