//! The keys that sign calls between services and gateways, and those that services get from the gateway.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use hydra_runtime_wire::signing::{Signer, derived, visitor_key};

use crate::{
    Gateway, GatewayConfig,
    config::{Secret, ServiceKey},
};

/// Makes the signer of calls between services and this gateway from the keys of the configuration. Returns `None` if the
/// configuration has no private key: then calls are neither signed nor checked.
pub(crate) fn signer(config: &GatewayConfig) -> Option<Signer> {
    let [private_key, second] = private_keys(config);
    let signer = Signer::new(private_key?, &config.public_key).with_second_key(second);
    let with_service = |signer: Signer, (service, key): (&String, &ServiceKey)| {
        signer.with_service(
            service,
            key.first.reveal(),
            key.second.as_ref().map(Secret::reveal),
        )
    };
    Some(config.keys.iter().fold(signer, with_service))
}

/// The private key, and the one that is valid too while it is changed.
pub(crate) fn private_keys(config: &GatewayConfig) -> [Option<&str>; 2] {
    [&config.private_key, &config.second_private_key].map(|key| key.as_ref().map(Secret::reveal))
}

/// Identifies the keys of visitors, and reveals nothing of them.
pub(crate) fn visitor_keys_id(config: &GatewayConfig) -> Option<String> {
    config.private_key.as_ref()?;
    let keys = visitor_keys(config).concat();
    let tag = derived(keys.as_bytes(), "hydra visitor keys");
    let bytes = tag.as_ref().iter().take(8);
    Some(bytes.fold(".".to_owned(), |id, byte| format!("{id}{byte:02x}")))
}

fn visitor_keys(config: &GatewayConfig) -> Vec<String> {
    let keys = private_keys(config).into_iter().flatten().map(visitor_key);
    keys.map(|key| BASE64_STANDARD.encode(key)).collect()
}

impl Gateway {
    pub(crate) fn signer(&self) -> Option<&Signer> {
        self.shared.core.signer.as_ref()
    }

    /// The keys that sign the identities of visitors, for services. `None`: there is no private key.
    pub(crate) fn visitor_keys(&self) -> Option<Vec<String>> {
        let config = self.config();
        config.private_key.as_ref().map(|_| visitor_keys(config))
    }

    /// Identifies these keys.
    pub(crate) fn visitor_keys_id(&self) -> Option<&str> {
        self.shared.core.visitor_keys_id.as_deref()
    }
}
