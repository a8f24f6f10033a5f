//! The requests that an engine answers: for a page, for an offered fragment, and for a lazy fragment.

pub(crate) mod body;
mod first_flush;
pub(crate) mod fragment;
mod kept_page;
pub(crate) mod lazy;
pub(crate) mod page;
pub(crate) mod status;
pub(crate) mod visitor;
