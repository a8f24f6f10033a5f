//! The setting `listen`: one address, several, or tables with what is spoken there.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use hydra_runtime_net::{
    proxies::TrustedProxies,
    server::{CertificateFiles, Certificates},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, SeqAccess, Visitor, value::MapAccessDeserializer},
};

use super::ConfigError;
use crate::limits::{MAX_CERTIFICATES, MAX_LISTENERS};

/// The ports of a gateway, at least one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listeners(Vec<Listener>);

/// One port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Where to listen. Port 0: any free one.
    #[cfg_attr(feature = "schema", schemars(with = "String"))]
    pub address: SocketAddr,
    /// The PEM file with the certificate for TLS, followed by those of its issuers. Default: no TLS.
    #[serde(default)]
    pub certificate: Option<PathBuf>,
    /// The PEM file with the private key of the certificate.
    #[serde(default)]
    pub key: Option<PathBuf>,
    /// Further certificates, for other names: each client gets the first one that is valid for the name that it wants.
    #[serde(default)]
    pub certificates: Vec<NamedCertificate>,
    /// Whether each connection begins with a header of the PROXY protocol, version 2.
    #[serde(default)]
    pub proxy_protocol: bool,
}

/// One of several certificates of a port.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct NamedCertificate {
    /// The PEM file with the certificate, followed by those of its issuers.
    pub certificate: PathBuf,
    /// The PEM file with the private key of the certificate.
    pub key: PathBuf,
}

impl From<SocketAddr> for Listener {
    fn from(address: SocketAddr) -> Self {
        Self {
            address,
            certificate: None,
            key: None,
            certificates: Vec::new(),
            proxy_protocol: false,
        }
    }
}

impl From<SocketAddr> for Listeners {
    fn from(address: SocketAddr) -> Self {
        Self(vec![address.into()])
    }
}

impl Listeners {
    /// Ports for plain HTTP at these addresses. `None`: there are none.
    #[must_use]
    pub fn plain(addresses: &[SocketAddr]) -> Option<Self> {
        let listeners: Vec<Listener> = addresses.iter().copied().map(Listener::from).collect();
        (!listeners.is_empty()).then_some(Self(listeners))
    }

    /// The ports in the order of the file.
    pub fn iter(&self) -> impl Iterator<Item = &Listener> {
        self.0.iter()
    }

    /// Whether TLS is spoken at one of them.
    #[must_use]
    pub fn has_tls(&self) -> bool {
        self.0.iter().any(|listener| listener.certificate.is_some())
    }

    /// The address of the first port.
    #[must_use]
    pub fn first(&self) -> SocketAddr {
        self.0[0].address
    }

    /// The address that decides where the default listener for operators is: one with port 0, if there is one.
    #[must_use]
    pub fn for_operators(&self) -> SocketAddr {
        let mut addresses = self.0.iter().map(|listener| listener.address);
        addresses
            .find(|address| address.port() == 0)
            .unwrap_or_else(|| self.first())
    }

    /// The first address that others than this machine may reach.
    pub(crate) fn beyond_this_machine(&self) -> Option<SocketAddr> {
        let addresses = self.0.iter().map(|listener| listener.address);
        addresses
            .into_iter()
            .find(|address| !address.ip().to_canonical().is_loopback())
    }

    pub(super) fn check(&self, proxies: &TrustedProxies) -> Result<(), ConfigError> {
        let wrong = |address: SocketAddr, reason: &str| ConfigError::Listen {
            address,
            reason: reason.to_owned(),
        };
        for (at, listener) in self.0.iter().enumerate() {
            let address = listener.address;
            let is_twice = self.0[..at].iter().any(|other| other.address == address);
            if is_twice && address.port() != 0 {
                return Err(wrong(address, "it is named twice"));
            }
            if listener.certificate.is_some() != listener.key.is_some() {
                return Err(wrong(address, "TLS needs both `certificate` and `key`"));
            }
            if listener.certificate.is_none() && !listener.certificates.is_empty() {
                return Err(wrong(
                    address,
                    "`certificates` are further ones: the first one is named by `certificate` and `key`",
                ));
            }
            if listener.certificates.len() >= MAX_CERTIFICATES {
                return Err(wrong(
                    address,
                    &format!("there are more than {MAX_CERTIFICATES} certificates"),
                ));
            }
            if listener.proxy_protocol && proxies.is_empty() {
                return Err(wrong(
                    address,
                    "`proxy_protocol` needs `trusted_proxies`, which name the proxies that speak it",
                ));
            }
        }
        Ok(())
    }
}

impl Listener {
    /// The certificates for TLS on this port. `None`: it has no TLS.
    ///
    /// # Errors
    /// The files can't be used.
    pub fn load_certificates(&self) -> Result<Option<Arc<Certificates>>, ConfigError> {
        let Some((certificate, key)) = self.certificate.clone().zip(self.key.clone()) else {
            return Ok(None);
        };
        let further = self.certificates.iter().map(|one| CertificateFiles {
            certificate: one.certificate.clone(),
            key: one.key.clone(),
        });
        let first = CertificateFiles { certificate, key };
        let all = std::iter::once(first).chain(further).collect();
        Certificates::load(all)
            .map(Some)
            .map_err(|reason| ConfigError::Listen {
                address: self.address,
                reason,
            })
    }
}

impl<'de> Deserialize<'de> for Listeners {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AllVisitor)
    }
}

struct AllVisitor;

impl<'de> Visitor<'de> for AllVisitor {
    type Value = Listeners;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address such as \"127.0.0.1:8081\", or a list of addresses or tables")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Listeners, E> {
        OneVisitor
            .visit_str(text)
            .map(|Element(listener)| Listeners(vec![listener]))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Listeners, A::Error> {
        let mut listeners = Vec::new();
        while let Some(Element(listener)) = seq.next_element()? {
            if listeners.len() == MAX_LISTENERS {
                return Err(A::Error::custom(format!(
                    "there are more than {MAX_LISTENERS} addresses"
                )));
            }
            listeners.push(listener);
        }
        if listeners.is_empty() {
            return Err(A::Error::custom("the list needs one address at least"));
        }
        Ok(Listeners(listeners))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Listeners, A::Error> {
        OneVisitor
            .visit_map(map)
            .map(|Element(listener)| Listeners(vec![listener]))
    }
}

/// An element of the list.
struct Element(Listener);

struct OneVisitor;

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(OneVisitor)
    }
}

impl<'de> Visitor<'de> for OneVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an address such as \"127.0.0.1:8081\", or a table with `address`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Element, E> {
        let address: SocketAddr = text.parse().map_err(|_| {
            E::custom(format!(
                "`{text}` is not an IP address with a port: write 127.0.0.1:8081 or [::]:80"
            ))
        })?;
        Ok(Element(address.into()))
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Element, A::Error> {
        Listener::deserialize(MapAccessDeserializer::new(map)).map(Element)
    }
}
