//! Renders a template with Tera once, and finds the slots and holes in its text.

pub(crate) mod buffer;
pub(crate) mod filter;
pub(crate) mod marker;
pub(crate) mod templates;
pub(crate) mod value;
