//! One Tera render of a template, and the places of fragments in its text.

pub(crate) mod buffer;
pub(crate) mod filter;
pub(crate) mod marker;
pub(crate) mod templates;
pub(crate) mod value;
