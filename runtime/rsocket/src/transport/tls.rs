//! TLS below the transports.

use std::{io, sync::Arc};

use tokio::net::TcpStream;
use tokio_rustls::{
    TlsAcceptor, TlsConnector, client,
    rustls::{ClientConfig, ServerConfig, pki_types::ServerName},
    server,
};

use super::tcp::Tcp;

/// Connects over TCP with TLS.
///
/// # Errors
/// Those of the operating system and of TLS; `InvalidInput` if `host` is neither a name nor an address.
pub async fn connect(
    host: &str,
    port: u16,
    config: Arc<ClientConfig>,
) -> io::Result<Tcp<client::TlsStream<TcpStream>>> {
    Ok(Tcp::new(open(host, port, config).await?))
}

/// Opens a connection with TLS, for any transport.
pub(super) async fn open(
    host: &str,
    port: u16,
    config: Arc<ClientConfig>,
) -> io::Result<client::TlsStream<TcpStream>> {
    let name = ServerName::try_from(host.to_owned());
    let name = name.map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    let stream = TcpStream::connect((host, port)).await?;
    stream.set_nodelay(true)?;
    TlsConnector::from(config).connect(name, stream).await
}

/// Accepts TLS on a connection, for any transport.
///
/// # Errors
/// Those of TLS.
pub async fn accept(
    stream: TcpStream,
    config: Arc<ServerConfig>,
) -> io::Result<server::TlsStream<TcpStream>> {
    stream.set_nodelay(true)?;
    TlsAcceptor::from(config).accept(stream).await
}
