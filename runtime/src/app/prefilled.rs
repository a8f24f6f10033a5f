//! What a gateway says of a fragment that has its answer already, because a visitor sent its form (protocol section 9).

use std::time::SystemTime;

use axum::extract::Request;
use hydra_runtime_wire::{forms::AnsweredFragment, headers::HYDRA_FORM, signing::Signer};

use super::signed_header::SignedHeader;
use crate::page::PrefilledSlot;

/// What a request says about a page. It is not checked yet.
pub(super) struct FormHeaders(SignedHeader);

impl FormHeaders {
    pub(super) fn of(request: &Request) -> Option<Self> {
        SignedHeader::of(request, &HYDRA_FORM).map(Self)
    }

    /// The fragment, if a gateway of this installation says so. `signer`: `None` where calls are not signed. A signature
    /// counts once.
    pub(super) fn read(
        &self,
        signer: Option<&Signer>,
        service: &str,
        now: SystemTime,
    ) -> Option<Box<PrefilledSlot>> {
        let value = self.0.checked(signer, service, now).inspect_err(|error| {
            tracing::warn!(%error, "the answer to a form is not shown in its page");
        });
        let answered = AnsweredFragment::from_header(value.ok()?);
        if answered.is_none() {
            tracing::warn!("the answer to a form is not shown in its page: its header can't be read");
        }
        answered.map(|answered| Box::new(answered.into()))
    }
}
