//! What an engine is made of, once: the application's settings and all that its requests share.

pub(crate) mod options;
pub(crate) mod shared;
