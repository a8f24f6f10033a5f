//! The contracts of all active services, over HTTP and over channels (protocol section 7).

use std::collections::BTreeMap;

use axum::{
    Json,
    body::Body,
    extract::State,
    response::{IntoResponse, Response},
};
use http::request::Parts;
use hydra_contract::Contract;

use super::{PathKey, admit, caller::CallOrigin};
use crate::{Gateway, routing::snapshot::Service};

/// The contract of each active service that has one, by name: that of the first instance which states one.
pub(crate) fn all(gateway: &Gateway) -> BTreeMap<String, Contract> {
    let snapshot = gateway.publisher().snapshot();
    let contract_of = |service: &Service| {
        let mut stated = service
            .active
            .iter()
            .filter_map(|instance| instance.contract.clone());
        Some((service.name.to_string(), stated.next()?))
    };
    snapshot.active_services().filter_map(contract_of).collect()
}

/// `GET /h/discovery/{K}/contracts`, signed like every call.
pub(crate) async fn contracts(
    State(gateway): State<Gateway>,
    key: PathKey,
    caller: CallOrigin,
    parts: Parts,
) -> Response {
    match admit(&gateway, &key, caller, &parts, Body::empty(), 0).await {
        Ok(_) => Json(all(&gateway)).into_response(),
        Err(response) => response,
    }
}
