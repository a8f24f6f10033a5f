//! Logs calls of services that the gateway refuses, each kind rarely.

use std::net::IpAddr;

use hydra_runtime_wire::lines;

use super::refusal_log::{LogDecision, Refusal};
use crate::Gateway;

impl Gateway {
    /// Logs that a call had a wrong public key, since its caller gets no explanation. The log reports it rarely,
    /// since strangers guess.
    pub(crate) fn log_wrong_key(&self, key: &str) {
        if self.shared.core.wrong_keys.is_due(self.publisher().now()) {
            tracing::warn!(
                key = lines::cut(key),
                "a call came with a public key that is not this installation's: its sender gets 404. Its `public_key` must be \
                 the gateway's"
            );
        }
    }

    /// Logs that a call of a service is refused, with the service's name and address. The log reports it rarely, since
    /// refused services try again every second.
    pub(crate) fn log_refusal(
        &self,
        name: Option<&str>,
        address: Option<IpAddr>,
        refusal: Refusal,
        reason: &str,
    ) {
        let name = lines::cut(name.unwrap_or("?"));
        let now = self.publisher().now();
        let address_text = address.map_or_else(|| "this process".to_owned(), |address| address.to_string());
        match (
            self.shared.core.refusals.decide(name, address, refusal, now),
            refusal,
        ) {
            (LogDecision::Silent, _) => {}
            (LogDecision::ReportMany, _) => tracing::warn!(
                "calls of many services are refused; for a minute, the log names no more of them"
            ),
            (LogDecision::Report, Refusal::Signature) => tracing::warn!(
                ?name,
                address = address_text,
                reason,
                "a call is refused: give the service the gateway's `private_key`, or set `allow_unsigned = true` at the \
                 gateway if the service can't sign, as those of protocol 1"
            ),
            (LogDecision::Report, _) => {
                tracing::warn!(?name, address = address_text, reason, "a registration is refused");
            }
        }
    }
}
