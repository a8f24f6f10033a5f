//! What a gateway says of a fragment that has its answer already, because a visitor sent its form (protocol section 9).

use std::time::SystemTime;

use axum::extract::{OriginalUri, Request};
use http::{HeaderMap, HeaderValue, Method, Uri, uri::PathAndQuery};
use hydra_runtime_wire::{
    forms::AnsweredFragment,
    headers::{HYDRA_FORM, HYDRA_FORM_SIGNATURE},
    signing::{BadSignature, Call, GATEWAY, Signer, bearer_tokens, headers_of},
};

use crate::page::PrefilledSlot;

/// What a request says about a page. It is not checked yet.
pub(super) struct FormHeaders {
    value: HeaderValue,
    signatures: HeaderMap,
    uri: Uri,
}

impl FormHeaders {
    pub(super) fn of(request: &Request) -> Option<Self> {
        let headers = request.headers();
        let value = headers
            .get(HYDRA_FORM)
            .filter(|_| *request.method() == Method::GET)?;
        let signatures = headers.get_all(HYDRA_FORM_SIGNATURE);
        // Routers inside others cut the path.
        let original = request.extensions().get::<OriginalUri>();
        Some(Self {
            value: value.clone(),
            signatures: headers_of(bearer_tokens(signatures.iter())),
            uri: original.map_or_else(|| request.uri().clone(), |original| original.0.clone()),
        })
    }

    /// The fragment, if a gateway of this installation says so. `signer`: `None` where calls are not signed. A signature
    /// counts once.
    pub(super) fn read(
        &self,
        signer: Option<&Signer>,
        service: &str,
        now: SystemTime,
    ) -> Option<Box<PrefilledSlot>> {
        if let Some(signer) = signer
            && let Err(error) = self.check(signer, service, now)
        {
            tracing::warn!(%error, "the answer to a form is not shown in its page");
            return None;
        }
        let answered = AnsweredFragment::from_header(&self.value);
        if answered.is_none() {
            tracing::warn!("the answer to a form is not shown in its page: its header can't be read");
        }
        answered.map(|answered| Box::new(answered.into()))
    }

    fn check(&self, signer: &Signer, service: &str, now: SystemTime) -> Result<(), BadSignature> {
        let call = Call {
            to: service,
            method: &Method::GET,
            path: self.uri.path_and_query().map_or("/", PathAndQuery::as_str),
            body: self.value.as_bytes(),
        };
        let signed = signer.check(&self.signatures, call, now)?;
        match signed.issuer == GATEWAY {
            true => Ok(()),
            false => Err(BadSignature::Issuer),
        }
    }
}
