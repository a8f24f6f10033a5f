//! Why there is no encrypted connection to a service, and what its operator can do about it.
#![deny(clippy::disallowed_methods)]

use std::io;

use tokio_rustls::rustls::{self, CertificateError};

/// The error in words, with advice where the certificate of the service is to blame.
pub(super) fn reason(error: &io::Error) -> String {
    let inner = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let advice = match inner {
        Some(rustls::Error::InvalidCertificate(error)) => advice(error),
        _ => "",
    };
    format!("no https with the service: {error}{advice}")
}

fn advice(error: &CertificateError) -> &'static str {
    use CertificateError as E;
    match error {
        // A bad signature means that another authority has the name of a known one.
        E::UnknownIssuer | E::BadSignature => {
            ": its certificate is not signed by a trusted authority. Name the authority's PEM file with `upstream_ca`"
        }
        E::NotValidForName | E::NotValidForNameContext { .. } => {
            ": its certificate is for another name. It must bear the `host` that the service states"
        }
        E::Expired | E::ExpiredContext { .. } => ": its certificate has run out",
        E::NotValidYet | E::NotValidYetContext { .. } => {
            ": its certificate is not valid yet, or the clock of this machine is slow"
        }
        E::InvalidPurpose | E::InvalidPurposeContext { .. } => {
            ": its certificate is not for servers. Its extended key usage must have `serverAuth`"
        }
        // Reasons for which rustls has no names of its own.
        E::Other(other) => match other.to_string().as_str() {
            "CaUsedAsEndEntity" => {
                ": its certificate is that of an authority (`CA:TRUE`), which may sign others but is not taken for a \
                 server's, also where `upstream_ca` holds it. Sign a certificate for the service with it, or make a \
                 self-signed one with `basicConstraints=CA:FALSE` and name that with `upstream_ca`"
            }
            "UnsupportedCertVersion" => {
                ": its certificate is of version 1 of X.509. Make one of version 3, with a `subjectAltName`"
            }
            _ => "",
        },
        _ => "",
    }
}
