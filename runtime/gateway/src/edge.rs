//! The HTTP edge of the gateway: the headers and hosts that pass it, the bodies on their way, and its own pages for failures.

pub(crate) mod compress;
pub(crate) mod cross_site;
pub(crate) mod error_pages;
pub(crate) mod failure;
pub(crate) mod headers;
pub(crate) mod host;
pub(crate) mod in_flight;
pub(crate) mod no_length;
pub(crate) mod observed_body;
pub(crate) mod pin_rules;
pub(crate) mod rate_limit;
pub(crate) mod response_headers;
