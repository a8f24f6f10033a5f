//! The headers of the protocol that both sides use.

use http::{HeaderName, HeaderValue};

/// Tells a service under which name it was found (protocol section 4).
pub const HYDRA_PATH: HeaderName = HeaderName::from_static("hydra-path");
/// From a visitor: tokens of previews. To a service of protocol 2, and in the answer: what the visitor previews, as
/// `service@version`, with commas between several and `;gone` after one that does not run.
pub const HYDRA_PREVIEW: HeaderName = HeaderName::from_static("hydra-preview");
/// `ok`, or `away` if this gateway may know less than the others. Operators get the reason instead.
pub const REGISTRY: HeaderName = HeaderName::from_static("hydra-registry");
/// The value while the gateway does not reach the shared registry.
pub const AWAY: HeaderValue = HeaderValue::from_static("away");
