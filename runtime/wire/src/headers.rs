//! The headers of the protocol that both sides know.

use http::{HeaderName, HeaderValue};

/// Tells a service under which name it was found (protocol section 4).
pub const HYDRA_PATH: HeaderName = HeaderName::from_static("hydra-path");
/// `ok`, or `away` where this gateway may know less than the others. Operators are told why.
pub const REGISTRY: HeaderName = HeaderName::from_static("hydra-registry");
/// What it says where the gateway does not reach the registry that it shares with others.
pub const AWAY: HeaderValue = HeaderValue::from_static("away");
