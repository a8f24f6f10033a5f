//! The record of one instance in Redis.
#![deny(clippy::disallowed_methods)]

use std::{net::IpAddr, sync::Arc};

use hydra_runtime_wire::{ActiveService, registration::RegistrationError};
use serde::{Deserialize, Serialize};

use super::seal::{BadSeal, Seal};
use crate::registry::{
    gateway_addresses,
    instance::{self, Instance, RegistrationRules, channel_place::ChannelPlace},
};

/// What a gateway writes about an instance.
#[derive(Serialize, Deserialize)]
struct Record {
    #[serde(rename = "said")]
    registration: ActiveService,
    from: Option<IpAddr>,
    /// The machine of the gateway that received the registration. A loopback address has a meaning only there.
    #[serde(default)]
    machine: String,
    /// Which login keys the instance got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    login_key: Option<String>,
    claims: Vec<u64>,
    /// Where the instance's channel ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    channel: Option<ChannelPlace>,
}

/// A valid record.
#[derive(Debug)]
pub(super) struct DecodedRecord {
    /// The text as it is stored in Redis.
    pub(super) text: String,
    pub(super) instance: Arc<Instance>,
    /// For each path of the instance, when its service first claimed it.
    pub(super) claims: Arc<[u64]>,
}

/// Why a record is ignored.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum BadRecord {
    #[error(transparent)]
    Seal(#[from] BadSeal),
    #[error("it cannot be read: {0}")]
    Unreadable(String),
    #[error("it is refused here: {0}")]
    Refused(#[from] RegistrationError),
    #[error("it is the record of another instance")]
    OtherInstance,
    #[error("it is longer than the limit of {0} bytes")]
    TooLong(usize),
    #[error("the registry is full: see `registry_limit`")]
    RegistryFull,
}

impl BadRecord {
    /// The reason, as the counter names it.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Seal(_) => "seal",
            Self::Unreadable(_) => "unreadable",
            Self::Refused(_) => "refused",
            Self::OtherInstance => "other_instance",
            Self::TooLong(_) => "too_long",
            Self::RegistryFull => "no_room",
        }
    }
}

/// The text of the record for an instance with these claims.
pub(super) fn write(instance: &Instance, claims: &[u64], seal: &Seal) -> String {
    let mut registration = instance.registration.clone();
    registration.contract.clone_from(&instance.contract);
    let record = Record {
        registration,
        from: instance.from,
        machine: gateway_addresses::machine().to_owned(),
        login_key: instance.login_key.as_deref().map(str::to_owned),
        claims: claims.to_vec(),
        channel: instance.channel.clone(),
    };
    // The registration was read from JSON, so it can be written as JSON.
    let record = serde_json::to_string(&record).unwrap_or_default();
    seal.close(instance.id.as_str(), &record)
}

/// Reads the record stored under `id`.
pub(super) fn read(
    id: &str,
    text: Vec<u8>,
    seal: &Seal,
    rules: &RegistrationRules,
) -> Result<DecodedRecord, BadRecord> {
    let text = String::from_utf8(text).map_err(|error| BadRecord::Unreadable(error.to_string()))?;
    let Record {
        registration,
        from,
        machine,
        login_key,
        claims,
        channel,
    } = serde_json::from_str(seal.open(id, &text)?)
        .map_err(|error| BadRecord::Unreadable(error.to_string()))?;
    let from =
        from.filter(|from| !from.to_canonical().is_loopback() || machine == gateway_addresses::machine());
    let mut instance = instance::check_with_channel(registration, channel, from, rules)?;
    instance.login_key = login_key.map(Arc::from);
    if instance.id.as_str() != id {
        return Err(BadRecord::OtherInstance);
    }
    // Another release may read patterns differently. Then the claims come last.
    let claims = if claims.len() == instance.paths.len() {
        claims
    } else {
        vec![u64::MAX; instance.paths.len()]
    };
    Ok(DecodedRecord {
        text,
        instance: Arc::new(instance),
        claims: claims.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The address from which an instance registered, as it is read from the record of a gateway on `machine`.
    fn read_from(machine: Option<&str>, from: &str) -> Option<IpAddr> {
        let registration = ActiveService {
            web_protocol: "http".into(),
            host: from.into(),
            port: 1,
            name: Some("a".into()),
            ..ActiveService::default()
        };
        let rules = RegistrationRules::default();
        let seal = Seal::new(Some("a private key"), "test:");
        let instance = instance::check(registration, from.parse().ok(), &rules).expect("a good registration");
        let id = instance.id.as_str();
        let sealed = write(&instance, &[], &seal);
        let mut record: serde_json::Value =
            serde_json::from_str(seal.open(id, &sealed).expect("sealed")).expect("JSON");
        match machine {
            Some(machine) => record["machine"] = machine.into(),
            None => drop(record.as_object_mut().expect("an object").remove("machine")),
        }
        let text = seal.close(id, &record.to_string());
        read(id, text.into_bytes(), &seal, &rules)
            .expect("a good record")
            .instance
            .from
    }

    #[test]
    fn a_loopback_address_is_believed_only_from_the_same_machine() {
        let here = gateway_addresses::machine();
        for (machine, from, is_believed) in [
            (Some(here), "127.0.0.1", true),
            (Some(here), "127.8.8.8", true),
            (Some(here), "::1", true),
            (Some("another"), "127.0.0.1", false),
            (Some("another"), "127.8.8.8", false),
            (Some("another"), "::1", false),
            (Some(""), "127.0.0.1", false),
            (None, "127.0.0.1", false),
            (None, "10.0.0.1", true),
            (Some("another"), "10.0.0.1", true),
            (Some("another"), "2001:db8::1", true),
        ] {
            let expected = is_believed.then(|| from.parse().expect("an address"));
            assert_eq!(read_from(machine, from), expected, "{machine:?}, {from}");
        }
    }
}
