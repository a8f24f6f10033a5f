//! A header of a request for a page that only gateways of the installation may send (protocol section 9).

use std::time::SystemTime;

use axum::extract::{OriginalUri, Request};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri, uri::PathAndQuery};
use hydra_runtime_wire::{
    headers::HYDRA_FORM_SIGNATURE,
    signing::{BadSignature, Call, GATEWAY, Signer, bearer_tokens, headers_of},
};

/// The header, with its signatures. It is not checked yet.
pub(super) struct SignedHeader {
    value: HeaderValue,
    signatures: HeaderMap,
    uri: Uri,
}

impl SignedHeader {
    /// The header `name` of a request. `None`: there is none, or another method than GET.
    pub(super) fn of(request: &Request, name: &HeaderName) -> Option<Self> {
        let headers = request.headers();
        let value = headers.get(name).filter(|_| *request.method() == Method::GET)?;
        let signatures = headers.get_all(HYDRA_FORM_SIGNATURE);
        // Routers inside others cut the path.
        let original = request.extensions().get::<OriginalUri>();
        Some(Self {
            value: value.clone(),
            signatures: headers_of(bearer_tokens(signatures.iter())),
            uri: original.map_or_else(|| request.uri().clone(), |original| original.0.clone()),
        })
    }

    /// The value, if a gateway has signed it for this `service`. `signer`: `None` where calls are not signed. A signature counts once.
    ///
    /// # Errors
    /// The signature is missing or wrong, or it is not a gateway's.
    pub(super) fn checked(
        &self,
        signer: Option<&Signer>,
        service: &str,
        now: SystemTime,
    ) -> Result<&HeaderValue, BadSignature> {
        let Some(signer) = signer else {
            return Ok(&self.value);
        };
        let call = Call {
            to: service,
            method: &Method::GET,
            path: self.uri.path_and_query().map_or("/", PathAndQuery::as_str),
            body: self.value.as_bytes(),
        };
        let signed = signer.check(&self.signatures, call, now)?;
        match signed.issuer == GATEWAY {
            true => Ok(&self.value),
            false => Err(BadSignature::Issuer),
        }
    }
}
