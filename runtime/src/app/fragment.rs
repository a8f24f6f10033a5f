//! The arguments and results of fragment handlers.

use std::sync::Arc;

use axum::response::{IntoResponse, IntoResponseParts, Response};
use http::{StatusCode, request::Parts};
use hydra_runtime_wire::Attributes;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

/// The attributes of a fragment that this service offers. The types in the generated module `fragments` implement it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a fragment of this service",
    note = "a fragment's handler gives one of the types in the generated module `fragments`, or a `Result` of one"
)]
pub trait Fragment: Serialize {
    /// The fragment's name.
    const REF: &'static str;
    /// The type of the imports that its handler may take.
    type Imports;
    /// The attributes that the fragment may export.
    const EXPORTS: &'static [&'static str];
}

/// A result of a fragment handler: a fragment, or a `Result` of one.
///
/// Headers may stand before the fragment. `Cache-Control` limits how long pages may use the fragment again, where their
/// tags allow it (`cache`): `([(CACHE_CONTROL, "no-store")], RecentOrders { … })`.
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

/// The imports of the fragment, as an extension of the request that its handler gets.
#[derive(Clone, Debug)]
pub(crate) struct Imports(pub(crate) Arc<Attributes>);

/// The result of a handler, on its way to the engine.
#[derive(Clone, Debug)]
pub(crate) struct PendingFragment {
    /// The attributes, or why they can't be serialised.
    pub(crate) attributes: Result<Attributes, Arc<str>>,
    pub(crate) exports: &'static [&'static str],
}

/// The page sent imports that do not fit the fragment's types. The text contains no value: the page's visitor may have
/// written it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the imports don't fit: {0}")]
pub struct ImportsRejection(String);

/// Marks the response of a handler whose imports do not fit.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ImportsRefused;

impl IntoResponse for ImportsRejection {
    fn into_response(self) -> Response {
        let mut response = (StatusCode::BAD_REQUEST, self.to_string()).into_response();
        response.extensions_mut().insert(ImportsRefused);
        response
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
        .map_err(|error| ImportsRejection(without_values(&error)))
}

/// What `serde` says about a missing member contains its name alone; most other messages contain the wrong value.
fn without_values(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.starts_with("missing field") {
        true => text,
        false => "one of them is of another type".to_owned(),
    }
}

/// A response that carries `fragment` to the engine, which renders it.
#[doc(hidden)]
pub fn fragment_response<F: Fragment>(fragment: &F) -> Response {
    let attributes = match serde_json::to_value(fragment) {
        Ok(Value::Object(attributes)) => Ok(attributes),
        Ok(_) => Err("it is not a struct with named fields".into()),
        Err(error) => Err(error.to_string().into()),
    };
    let mut response = Response::default();
    response.extensions_mut().insert(PendingFragment {
        attributes,
        exports: F::EXPORTS,
    });
    response
}
