//! https to services: which certificate authorities are trusted, and encrypted connections.

mod reason;

use std::{
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::Instant,
};

use rustls_native_certs::load_native_certs;
use tokio::{net::TcpStream, sync::OnceCell, task::spawn_blocking};
use tokio_rustls::{
    TlsConnector,
    client::TlsStream,
    rustls::{
        ClientConfig, RootCertStore,
        crypto::aws_lc_rs,
        pki_types::{CertificateDer, ServerName, pem::PemObject},
    },
};

use reason::reason;

use crate::limits::AUTHORITIES_RETRY_PAUSE;

const HTTP_1: &[u8] = b"http/1.1";
const HTTP_2: &[u8] = b"h2";

/// What the operator must do if a server does not speak HTTP/2.
pub(super) const HTTP2_ADVICE: &str = "set `http2` of its `[[service]]` to false";

/// What is spoken over a connection. Over https, both sides agree on it (RFC 7301).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alpn {
    Http1,
    Http2,
}

/// The certificate authorities that the gateway trusts. Clones share them.
#[derive(Clone, Default)]
pub(crate) struct Trust(Arc<Inner>);

#[derive(Default)]
struct Inner {
    /// The file with the authorities. `None`: those of the system.
    file: Option<PathBuf>,
    /// Read when the first https service is called: most installations have none, and a system has many authorities.
    config: OnceCell<Arc<ClientConfig>>,
    /// The result of the last reading, and its time. Held while the authorities are read, on a thread that may block.
    last: Mutex<Option<(Instant, Loaded)>>,
}

/// The result of reading the authorities.
type Loaded = Result<Arc<ClientConfig>, String>;

impl Trust {
    /// Trusts the authorities in a PEM file, or those of the system.
    ///
    /// # Errors
    /// The file can't be read, or contains no certificate.
    pub(crate) fn new(file: Option<&Path>) -> Result<Self, String> {
        // An error in a file of the configuration is reported at the start.
        file.map(authorities).transpose()?;
        Ok(Self(Arc::new(Inner {
            file: file.map(Path::to_owned),
            ..Inner::default()
        })))
    }

    /// The connector for encrypted connections. The first call takes a while.
    pub(super) async fn connector(&self) -> Result<TlsConnector, String> {
        let config = self.0.config.get_or_try_init(|| self.load()).await?;
        Ok(TlsConnector::from(Arc::clone(config)))
    }

    async fn load(&self) -> Loaded {
        let inner = Arc::clone(&self.0);
        // A caller may give up: the result is kept for later callers.
        let config = spawn_blocking(move || inner.latest(Instant::now(), client_config));
        config.await.map_err(|error| error.to_string())?
    }
}

impl Inner {
    /// The result of the last reading, or of a new one if there was none, or it failed some time ago.
    fn latest(&self, now: Instant, read: impl FnOnce(Option<&Path>) -> Loaded) -> Loaded {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, known)) = &*last
            && (known.is_ok() || now.saturating_duration_since(*at) < AUTHORITIES_RETRY_PAUSE)
        {
            return known.clone();
        }
        let loaded = read(self.file.as_deref());
        *last = Some((now, loaded.clone()));
        loaded
    }
}

/// Encrypts a connection to `host`, whose name its certificate must bear. The error is a reason in words.
pub(super) async fn encrypt(
    connector: TlsConnector,
    alpn: Alpn,
    host: &str,
    stream: TcpStream,
) -> Result<TlsStream<TcpStream>, String> {
    let name = ServerName::try_from(host.to_owned()).map_err(|error| error.to_string())?;
    if alpn == Alpn::Http1 {
        let encrypted = connector.connect(name, stream).await;
        return encrypted.map_err(|error| reason(&error));
    }
    // With both, a server that does not speak HTTP/2 says so.
    let offered = vec![HTTP_2.to_vec(), HTTP_1.to_vec()];
    let encrypted = connector.with_alpn(offered).connect(name, stream).await;
    let encrypted = encrypted.map_err(|error| reason(&error))?;
    match encrypted.get_ref().1.alpn_protocol() {
        Some(HTTP_2) => Ok(encrypted),
        _ => Err(format!("the server does not agree to HTTP/2: {HTTP2_ADVICE}")),
    }
}

fn client_config(file: Option<&Path>) -> Result<Arc<ClientConfig>, String> {
    let roots = match file {
        Some(file) => authorities(file)?,
        None => {
            let mut roots = RootCertStore::empty();
            let found = load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err(
                    "this system has no certificate authorities: install its package `ca-certificates`, \
                     or name a file with `upstream_ca`"
                        .to_owned(),
                );
            }
            roots
        }
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![HTTP_1.to_vec()];
    Ok(Arc::new(config))
}

fn authorities(file: &Path) -> Result<RootCertStore, String> {
    let shown = file.display();
    let text = fs::read(file).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&text) {
        let added = certificate
            .map_err(|error| error.to_string())
            .and_then(|certificate| roots.add(certificate).map_err(|error| error.to_string()));
        added.map_err(|error| format!("{shown}: {error}"))?;
    }
    if roots.is_empty() {
        return Err(format!("{shown} holds no certificate in PEM"));
    }
    Ok(roots)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_that_cannot_be_read_are_not_read_for_each_connection() {
        let (inner, start) = (Inner::default(), Instant::now());
        let failing = |_: Option<&Path>| Err("no".to_owned());
        let unread = |_: Option<&Path>| -> Loaded { panic!("it is read again") };
        assert!(inner.latest(start, failing).is_err());
        assert!(inner.latest(start + AUTHORITIES_RETRY_PAUSE / 2, unread).is_err());
        let good = |_: Option<&Path>| {
            let config = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
                .with_safe_default_protocol_versions()
                .map_err(|error| error.to_string())?
                .with_root_certificates(RootCertStore::empty())
                .with_no_client_auth();
            Ok(Arc::new(config))
        };
        assert!(inner.latest(start + AUTHORITIES_RETRY_PAUSE, good).is_ok());
        assert!(inner.latest(start + AUTHORITIES_RETRY_PAUSE * 9, unread).is_ok());
    }
}
