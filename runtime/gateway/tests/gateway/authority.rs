//! Certificates of a test's own.

use std::{path::PathBuf, sync::Arc};

use rcgen::{BasicConstraints, Certificate, CertificateParams, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{ServerConfig, crypto::aws_lc_rs, pki_types::PrivateKeyDer},
};

/// An authority of the test's own, with its file.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    /// Its certificate, in PEM.
    pub(crate) file: PathBuf,
    folder: TempDir,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("parameters");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("authority.pem");
        std::fs::write(&file, certificate.pem()).expect("a file");
        Self {
            issuer: Issuer::new(params, key),
            file,
            folder,
        }
    }

    /// What a server needs to be `name`.
    pub(crate) fn server(&self, name: &str) -> TlsAcceptor {
        let (certificate, key) = self.signed(name);
        acceptor(&certificate, &key)
    }

    /// The same, for a server that prefers HTTP/2.
    pub(crate) fn http2_server(&self, name: &str) -> TlsAcceptor {
        let (certificate, key) = self.signed(name);
        acceptor_of(&certificate, &key, &["h2", "http/1.1"])
    }

    /// The same, with a certificate that was changed before it was signed.
    pub(crate) fn odd_server(&self, change: impl FnOnce(&mut CertificateParams)) -> TlsAcceptor {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
        change(&mut params);
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        acceptor(&certificate, &key)
    }

    /// The same as files for another program: a certificate and its key.
    pub(crate) fn files(&self, name: &str) -> [PathBuf; 2] {
        let (certificate, key) = self.signed(name);
        [
            ("certificate.pem", certificate.pem()),
            ("key.pem", key.serialize_pem()),
        ]
        .map(|(name, text)| {
            let file = self.folder.path().join(name);
            std::fs::write(&file, text).expect("written");
            file
        })
    }

    fn signed(&self, name: &str) -> (Certificate, KeyPair) {
        let key = KeyPair::generate().expect("a key");
        let params = CertificateParams::new(vec![name.to_owned()]).expect("parameters");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        (certificate, key)
    }
}

/// A self-signed certificate for `127.0.0.1`, which is that of an authority or not, and a server that bears it.
pub(crate) fn self_signed(is_authority: bool) -> (String, TlsAcceptor) {
    let key = KeyPair::generate().expect("a key");
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).expect("parameters");
    params.is_ca = match is_authority {
        true => IsCa::Ca(BasicConstraints::Unconstrained),
        false => IsCa::ExplicitNoCa,
    };
    let certificate = params.self_signed(&key).expect("a certificate");
    (certificate.pem(), acceptor(&certificate, &key))
}

fn acceptor(certificate: &Certificate, key: &KeyPair) -> TlsAcceptor {
    acceptor_of(certificate, key, &["http/1.1"])
}

fn acceptor_of(certificate: &Certificate, key: &KeyPair, protocols: &[&str]) -> TlsAcceptor {
    let secret = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], secret)
        .expect("a certificate with its key");
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}
