//! TLS on a port: the certificate, which is read again when its files change.

use std::{
    fs,
    hash::{DefaultHasher, Hash as _, Hasher as _},
    io::Read as _,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use arc_swap::ArcSwap;
use tokio::task::spawn_blocking;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _},
        server::{ClientHello, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

use crate::limits::{CERTIFICATE_CHECK_PERIOD, MAX_CERTIFICATE_BYTES};

/// The certificate of a port.
pub struct Certificate {
    files: Files,
    current: Arc<Current>,
    config: Arc<ServerConfig>,
    /// What was last read, whether it could be used or not. The lock is held while the files are read.
    seen: Mutex<u64>,
}

#[derive(Clone, Debug)]
struct Files {
    certificate: PathBuf,
    key: PathBuf,
}

/// Gives each new connection the certificate of that moment.
#[derive(Debug)]
struct Current(ArcSwap<CertifiedKey>);

impl ResolvesServerCert for Current {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.0.load_full())
    }
}

impl Certificate {
    /// Reads the PEM files with the certificate, followed by those of its issuers, and with its private key.
    ///
    /// # Errors
    /// A file can't be read, has no certificate or key, or the two don't belong together.
    pub fn load(certificate: &Path, key: &Path) -> Result<Arc<Self>, String> {
        let files = Files {
            certificate: certificate.to_owned(),
            key: key.to_owned(),
        };
        let (chain, key) = files.read()?;
        let current = Arc::new(Current(ArcSwap::from_pointee(files.certified(&chain, &key)?)));
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&current) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(Self {
            files,
            current,
            config: Arc::new(config),
            seen: Mutex::new(fingerprint(&chain, &key)),
        }))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Reads the files again for ever, and uses what they hold for new connections once it has changed. What can't be used is
    /// logged once, and the former certificate stays.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(CERTIFICATE_CHECK_PERIOD).await;
            let this = Arc::clone(&self);
            // A panic in it would be in the log already.
            let _ = spawn_blocking(move || this.look()).await;
        }
    }

    fn look(&self) {
        let file = self.files.certificate.display();
        match self.reload() {
            Ok(false) => {}
            Ok(true) => tracing::info!(%file, "the certificate was read again"),
            Err(reason) => {
                tracing::error!(%file, reason, "the changed certificate cannot be used: the former one stays")
            }
        }
    }

    /// Reads the files, and uses what they hold if it has changed. Returns whether it has.
    ///
    /// # Errors
    /// It has changed, and can't be used. The same content is not reported again.
    fn reload(&self) -> Result<bool, String> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let read = self.files.read();
        let now = match &read {
            Ok((chain, key)) => fingerprint(chain, key),
            Err(reason) => fingerprint(reason.as_bytes(), &[]),
        };
        if std::mem::replace(&mut *seen, now) == now {
            return Ok(false);
        }
        let (chain, key) = read?;
        let certified = self.files.certified(&chain, &key)?;
        self.current.0.store(Arc::new(certified));
        Ok(true)
    }
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Files {
    fn read(&self) -> Result<(Vec<u8>, Vec<u8>), String> {
        Ok((bounded(&self.certificate)?, bounded(&self.key)?))
    }

    /// The certificate with its key, which must belong together.
    fn certified(&self, chain: &[u8], key: &[u8]) -> Result<CertifiedKey, String> {
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

fn fingerprint(one: &[u8], other: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (one, other).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Generated, generate_simple_self_signed};

    use super::*;

    fn write(folder: &Path, certificate: &str, key: &str) -> (PathBuf, PathBuf) {
        let files = (folder.join("cert.pem"), folder.join("key.pem"));
        fs::write(&files.0, certificate).expect("written");
        fs::write(&files.1, key).expect("written");
        files
    }

    fn generated() -> (String, String) {
        let Generated { cert, signing_key } =
            generate_simple_self_signed(["a.test".to_owned()]).expect("a certificate");
        (cert.pem(), signing_key.serialize_pem())
    }

    #[test]
    fn a_changed_certificate_is_used_once_both_of_its_files_fit() {
        let folder = tempfile::tempdir().expect("a folder");
        let (old, new) = (generated(), generated());
        let files = write(folder.path(), &old.0, &old.1);
        let certificate = Certificate::load(&files.0, &files.1).expect("good");
        let shown = || certificate.current.0.load().cert[0].to_vec();
        let first = shown();
        assert_eq!(certificate.reload(), Ok(false), "nothing has changed");
        // The files change one after the other.
        write(folder.path(), &new.0, &old.1);
        assert!(certificate.reload().is_err());
        assert_eq!(certificate.reload(), Ok(false), "this is reported once");
        assert_eq!(shown(), first);
        fs::remove_file(&files.1).expect("removed");
        assert!(certificate.reload().is_err());
        write(folder.path(), &new.0, &new.1);
        assert_eq!(certificate.reload(), Ok(true));
        assert_ne!(shown(), first);
    }

    #[test]
    fn files_that_cannot_be_used_say_why_and_show_no_key() {
        let folder = tempfile::tempdir().expect("a folder");
        let (certificate, key) = generated();
        let other = generated().1;
        for (what, one, two, expected) in [
            ("no certificate", "", &*key, "no certificate"),
            ("the key in both", &key, &key, "no certificate"),
            ("no key", &certificate, "", "no private key"),
            (
                "the certificate in both",
                &certificate,
                &certificate,
                "no private key",
            ),
            ("another's key", &certificate, &other, "cannot be used together"),
        ] {
            let files = write(folder.path(), one, two);
            let error = Certificate::load(&files.0, &files.1).expect_err(what);
            assert!(
                error.contains(expected) && error.contains(".pem"),
                "{what}: {error}"
            );
            assert!(
                !error.contains("BEGIN") && !error.contains(&key[40..60]),
                "{error}"
            );
        }
        let error =
            Certificate::load(Path::new("/nowhere.pem"), Path::new("/nowhere.key")).expect_err("none");
        assert!(error.contains("/nowhere.pem"), "{error}");
    }
}
