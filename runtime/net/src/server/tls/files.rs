//! The files of a certificate.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Read as _,
    path::{Path, PathBuf},
};

use tokio_rustls::rustls::{
    crypto::aws_lc_rs,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
    sign::CertifiedKey,
};

use crate::limits::MAX_CERTIFICATE_BYTES;

/// The PEM files of a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate, followed by those of its issuers.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

impl CertificateFiles {
    pub(super) fn read(&self) -> Result<(Vec<u8>, Vec<u8>), String> {
        Ok((bounded(&self.certificate)?, bounded(&self.key)?))
    }

    /// The certificate with its key, which must belong together.
    pub(super) fn certified(&self, chain: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
        let (certificate, key_file) = (self.certificate.display(), self.key.display());
        let chain: Vec<_> = CertificateDer::pem_slice_iter(chain)
            .collect::<Result<_, _>>()
            .map_err(|error| format!("{certificate}: {error}"))?;
        if chain.is_empty() {
            return Err(format!("{certificate} has no certificate in PEM"));
        }
        // The error names no part of the key.
        let key = PrivateKeyDer::from_pem_slice(key)
            .map_err(|_| format!("{key_file} has no private key in PEM"))?;
        CertifiedKey::from_der(chain, key, &aws_lc_rs::default_provider())
            .map_err(|error| format!("{certificate} and {key_file} cannot be used together: {error}"))
    }
}

/// Reads a file of bounded length.
fn bounded(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    file.take(MAX_CERTIFICATE_BYTES)
        .read_to_end(&mut bytes)
        .map_err(|error| format!("{}: {error}", path.display()))?;
    Ok(bytes)
}

pub(super) fn fingerprint(one: &[u8], other: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (one, other).hash(&mut hasher);
    hasher.finish()
}
