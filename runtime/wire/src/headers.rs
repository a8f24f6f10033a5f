//! The headers of the protocol that both sides use.

use http::{HeaderName, HeaderValue};

/// Tells a service under which name it was found (protocol section 4).
pub const HYDRA_PATH: HeaderName = HeaderName::from_static("hydra-path");
/// From a visitor: tokens of previews. To a service of protocol 2, and in the answer: what the visitor previews, as
/// `service@version`, with commas between several and `;gone` after one that does not run.
pub const HYDRA_PREVIEW: HeaderName = HeaderName::from_static("hydra-preview");
/// To a page's service: which fragment of the page has its answer already, because a visitor sent its form (protocol section 9).
pub const HYDRA_FORM: HeaderName = HeaderName::from_static("hydra-form");
/// To a page's service, and in its answer: the session of the owner of a form. To the owner: its session.
pub const HYDRA_SESSION: HeaderName = HeaderName::from_static("hydra-session");
/// The signature over the value of [`HYDRA_FORM`], or of [`HYDRA_SESSION`].
pub const HYDRA_FORM_SIGNATURE: HeaderName = HeaderName::from_static("hydra-form-signature");
/// From a page's service: the cookies that plain services set with the fragments of the page, as a gateway encrypted them. One value
/// for each fragment.
pub const HYDRA_COOKIES: HeaderName = HeaderName::from_static("hydra-cookies");
/// From a page's service: the page holds what belongs to one visitor, whose text must not be compressed. The gateway removes the header.
pub const HYDRA_PERSONAL: HeaderName = HeaderName::from_static("hydra-personal");
/// The value of [`HYDRA_PERSONAL`].
pub const PERSONAL: HeaderValue = HeaderValue::from_static("yes");
/// `ok`, or `away` if this gateway may know less than the others. Operators get the reason instead.
pub const REGISTRY: HeaderName = HeaderName::from_static("hydra-registry");
/// The value while the gateway does not reach the shared registry.
pub const AWAY: HeaderValue = HeaderValue::from_static("away");
/// The value of [`HYDRA_FORM`] in the answer of a page that has a place for the answered fragment.
pub const FORM_PLACED: HeaderValue = HeaderValue::from_static("placed");
