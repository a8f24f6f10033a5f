//! TLS on a port: its certificates, which are read again when their files change.

mod files;

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use tokio::task::spawn_blocking;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        client::verify_server_name,
        crypto::aws_lc_rs,
        pki_types::ServerName,
        server::{ClientHello, ParsedCertificate, ResolvesServerCert},
        sign::CertifiedKey,
    },
};

use crate::limits::CERTIFICATE_CHECK_PERIOD;
pub use files::CertificateFiles;
use files::fingerprint;

/// The certificates of a port, at least one.
pub struct Certificates {
    all: Arc<All>,
    config: Arc<ServerConfig>,
}

/// Gives each new connection the certificate of that moment for the name that its client wants.
#[derive(Debug)]
struct All(Vec<Certificate>);

#[derive(Debug)]
struct Certificate {
    files: CertificateFiles,
    current: ArcSwap<CertifiedKey>,
    /// What was last read, whether it could be used or not. The lock is held while the files are read.
    seen: Mutex<u64>,
}

impl ResolvesServerCert for All {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let is_usable = |key: &CertifiedKey| key.key.choose_scheme(hello.signature_schemes()).is_some();
        Some(self.find(hello.server_name(), is_usable))
    }
}

impl All {
    /// The first certificate that is valid for the name and `is_usable` by the client, or else the first of all: so a
    /// client that names no host, or one that no certificate has, sees what the port is.
    fn find(&self, name: Option<&str>, is_usable: impl Fn(&CertifiedKey) -> bool) -> Arc<CertifiedKey> {
        if self.0.len() > 1
            && let Some(name) = name.and_then(|name| ServerName::try_from(name).ok())
        {
            let mut current = self.0.iter().map(|one| one.current.load_full());
            if let Some(found) = current.find(|key| is_for(key, &name) && is_usable(key)) {
                return found;
            }
        }
        self.0[0].current.load_full()
    }
}

/// Whether a certificate is valid for a name (RFC 6125, with `*` for one label).
fn is_for(key: &CertifiedKey, name: &ServerName<'_>) -> bool {
    let certificate = key.cert.first();
    let parsed = certificate.and_then(|certificate| ParsedCertificate::try_from(certificate).ok());
    parsed.is_some_and(|parsed| verify_server_name(&parsed, name).is_ok())
}

impl Certificates {
    /// Reads the files of all certificates of a port. Clients get the first one that is valid for the name that they
    /// want, and the very first one if there is none.
    ///
    /// # Errors
    /// There are no files, a file can't be read, has no certificate or key, or the two don't belong together.
    pub fn load(files: Vec<CertificateFiles>) -> Result<Arc<Self>, String> {
        let all: Vec<_> = files
            .into_iter()
            .map(Certificate::load)
            .collect::<Result<_, _>>()?;
        if all.is_empty() {
            return Err("there is no certificate".to_owned());
        }
        let all = Arc::new(All(all));
        let builder = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()));
        let builder = builder
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let mut config = builder
            .with_no_client_auth()
            .with_cert_resolver(Arc::clone(&all) as Arc<dyn ResolvesServerCert>);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(Self {
            all,
            config: Arc::new(config),
        }))
    }

    pub(super) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(Arc::clone(&self.config))
    }

    /// Reads the files again for ever, and uses what they hold for new connections once it has changed. What can't be
    /// used is logged once, and the former certificate stays.
    pub async fn keep(self: Arc<Self>) {
        loop {
            tokio::time::sleep(CERTIFICATE_CHECK_PERIOD).await;
            let all = Arc::clone(&self.all);
            // A panic in it would be in the log already.
            let _ = spawn_blocking(move || all.0.iter().for_each(Certificate::look)).await;
        }
    }
}

impl std::fmt::Debug for Certificates {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let files: Vec<_> = self.all.0.iter().map(|one| &one.files).collect();
        f.debug_struct("Certificates")
            .field("files", &files)
            .finish_non_exhaustive()
    }
}

impl Certificate {
    fn load(files: CertificateFiles) -> Result<Self, String> {
        let (chain, key) = files.read()?;
        Ok(Self {
            current: ArcSwap::from_pointee(files.certified(&chain, &key)?),
            seen: Mutex::new(fingerprint(&chain, &key)),
            files,
        })
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
        self.current.store(Arc::new(certified));
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use std::{
        fs,
        path::{Path, PathBuf},
    };

    use rcgen::{CertifiedKey as Generated, generate_simple_self_signed};

    use super::*;

    fn write(folder: &Path, certificate: &str, key: &str) -> CertificateFiles {
        let files = CertificateFiles {
            certificate: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        };
        fs::write(&files.certificate, certificate).expect("written");
        fs::write(&files.key, key).expect("written");
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
        let certificate = Certificate::load(files.clone()).expect("good");
        let shown = || certificate.current.load().cert[0].to_vec();
        let first = shown();
        assert_eq!(certificate.reload(), Ok(false), "nothing has changed");
        // The files change one after the other.
        write(folder.path(), &new.0, &old.1);
        assert!(certificate.reload().is_err());
        assert_eq!(certificate.reload(), Ok(false), "this is reported once");
        assert_eq!(shown(), first);
        fs::remove_file(&files.key).expect("removed");
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
            let error = Certificate::load(files.clone()).expect_err(what);
            assert!(
                error.contains(expected) && error.contains(".pem"),
                "{what}: {error}"
            );
            assert!(
                !error.contains("BEGIN") && !error.contains(&key[40..60]),
                "{error}"
            );
        }
        let error = Certificate::load(CertificateFiles {
            certificate: PathBuf::from("/nowhere.pem"),
            key: PathBuf::from("/nowhere.key"),
        })
        .expect_err("none");
        assert!(error.contains("/nowhere.pem"), "{error}");
    }

    /// A port with a certificate for each list of names.
    fn port(folder: &Path, names: &[&[&str]]) -> All {
        let certificates = names.iter().enumerate().map(|(number, names)| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            let Generated { cert, signing_key } = generate_simple_self_signed(names).expect("a certificate");
            let folder = folder.join(number.to_string());
            fs::create_dir_all(&folder).expect("a folder");
            let files = write(&folder, &cert.pem(), &signing_key.serialize_pem());
            Certificate::load(files).expect("good")
        });
        All(certificates.collect())
    }

    #[test]
    fn a_client_gets_the_first_certificate_for_the_name_that_it_wants() {
        let folder = tempfile::tempdir().expect("a folder");
        let names: [&[&str]; 4] = [
            &["a.test", "www.a.test"],
            &["*.b.test"],
            &["b.test", "x.b.test"],
            &["c.test", "a.test"],
        ];
        let all = port(folder.path(), &names);
        let number = |name, is_usable: &dyn Fn(&CertifiedKey) -> bool| {
            let found = all.find(name, is_usable);
            all.0
                .iter()
                .position(|one| Arc::ptr_eq(&one.current.load_full(), &found))
        };
        for (name, expected) in [
            (Some("a.test"), 0),
            (Some("A.TEST"), 0),
            (Some("www.a.test"), 0),
            (Some("x.b.test"), 1),
            (Some("y.b.test"), 1),
            (Some("x.y.b.test"), 0),
            (Some("b.test"), 2),
            (Some("c.test"), 3),
            (Some("unknown.test"), 0),
            (Some("not a name"), 0),
            (Some(""), 0),
            (None, 0),
        ] {
            assert_eq!(number(name, &|_| true), Some(expected), "{name:?}");
        }
        // A client that can't use the first one gets another for the same name, if there is one.
        let first = all.0[0].current.load_full();
        let others = |key: &CertifiedKey| key.cert != first.cert;
        assert_eq!(number(Some("a.test"), &others), Some(3));
        assert_eq!(number(Some("www.a.test"), &others), Some(0));
    }
}
