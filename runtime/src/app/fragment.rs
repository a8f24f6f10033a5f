//! What a fragment's handler takes and gives.

use std::sync::Arc;

use axum::response::{IntoResponse, IntoResponseParts, Response};
use http::{StatusCode, request::Parts};
use hydra_runtime_wire::Attributes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The attributes of a fragment that this service offers. The types in the generated module `fragments` are such.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a fragment of this service",
    note = "a fragment's handler gives one of the types in the generated module `fragments`, or a `Result` of one"
)]
pub trait Fragment: Serialize {
    /// The fragment's name.
    const REF: &'static str;
    /// The type of the imports that its handler may take.
    type Imports;
    /// The attributes that it may export.
    const EXPORTS: &'static [&'static str];
}

/// What a fragment's handler may give: a fragment, or a `Result` of one.
///
/// Headers may stand before the fragment. `Cache-Control` says how long pages may use it again where their tags want that
/// (`cache`): `([(CACHE_CONTROL, "no-store")], RecentOrders { … })`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is neither a fragment of this service nor a `Result` of one",
    note = "a fragment's handler gives one of the types in the generated module `fragments`, or a `Result` of one"
)]
pub trait FragmentOutput: IntoResponse {
    /// The fragment.
    type Fragment: Fragment;
}

impl<F: Fragment + IntoResponse> FragmentOutput for F {
    type Fragment = F;
}

impl<H: IntoResponseParts, O: FragmentOutput> FragmentOutput for (H, O) {
    type Fragment = O::Fragment;
}

impl<G: IntoResponseParts, H: IntoResponseParts, O: FragmentOutput> FragmentOutput for (G, H, O) {
    type Fragment = O::Fragment;
}

impl<O: FragmentOutput, E: IntoResponse> FragmentOutput for Result<O, E> {
    type Fragment = O::Fragment;
}

/// The imports of the fragment that is asked for, as an extension of the request that its handler sees.
#[derive(Clone, Debug)]
pub(crate) struct Imports(pub(crate) Arc<Attributes>);

/// What a handler gave, on its way to the engine.
#[derive(Clone, Debug)]
pub(crate) struct PendingFragment {
    /// The attributes, or why they can't be had.
    pub(crate) attributes: Result<Attributes, Arc<str>>,
    pub(crate) exports: &'static [&'static str],
}

/// The page handed over imports that the fragment's types can't hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the imports don't fit: {0}")]
pub struct ImportsRejection(String);

impl IntoResponse for ImportsRejection {
    fn into_response(self) -> Response {
        (StatusCode::BAD_REQUEST, self.to_string()).into_response()
    }
}

/// The imports of the fragment, as the type that was generated for them.
#[doc(hidden)]
pub fn imports<T: DeserializeOwned>(parts: &Parts) -> Result<T, ImportsRejection> {
    let Some(Imports(imports)) = parts.extensions.get::<Imports>() else {
        let message = "only the handler of a fragment has imports".to_owned();
        return Err(ImportsRejection(message));
    };
    serde_json::from_value(Value::Object(imports.as_ref().clone()))
        .map_err(|error| ImportsRejection(error.to_string()))
}

/// A response that stands for `fragment` until the engine renders it.
#[doc(hidden)]
pub fn fragment_response<F: Fragment>(fragment: &F) -> Response {
    let attributes = match serde_json::to_value(fragment) {
        Ok(Value::Object(attributes)) => Ok(attributes),
        Ok(_) => Err("it is no struct with named fields".into()),
        Err(error) => Err(error.to_string().into()),
    };
    let mut response = Response::default();
    response.extensions_mut().insert(PendingFragment {
        attributes,
        exports: F::EXPORTS,
    });
    response
}
