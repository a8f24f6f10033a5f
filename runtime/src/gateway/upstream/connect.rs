//! Opens a connection to a service.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use axum::body::Body;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::net::{self, TcpStream};

use crate::gateway::{names, registration::Address};

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;

/// Connects within `timeout`. The error is a reason in words.
pub(super) async fn open(
    address: &Address,
    timeout: Duration,
    allow_hosts: &[String],
) -> Result<TcpStream, String> {
    if address.is_https {
        return Err("the service wants https, which this gateway cannot speak to services".to_owned());
    }
    let stream = tokio::time::timeout(timeout, find(address, allow_hosts))
        .await
        .map_err(|_| format!("no connection within {} ms", timeout.as_millis()))??;
    // A socket that is dead already says so on first use.
    let _ = stream.set_nodelay(true);
    Ok(stream)
}

/// Makes a connection one of hyper's.
pub(super) async fn handshake(stream: TcpStream) -> Result<SendRequest<Body>, String> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "a connection to a service ended early");
        }
    });
    Ok(sender)
}

async fn find(address: &Address, allow_hosts: &[String]) -> Result<TcpStream, String> {
    if let Ok(ip) = address.host.parse::<IpAddr>() {
        // Checked when it registered.
        return TcpStream::connect((ip, address.port))
            .await
            .map_err(|error| error.to_string());
    }
    let is_allowed = allow_hosts
        .iter()
        .any(|host| host.eq_ignore_ascii_case(&address.host));
    let found = net::lookup_host((address.host.as_str(), address.port))
        .await
        .map_err(|error| error.to_string())?;
    let mut reason = "the host name has no address".to_owned();
    for one in found.take(MAX_ADDRESSES) {
        // A name can lead anywhere, and elsewhere tomorrow: look at what it leads to now.
        match names::forbidden_address(one.ip()) {
            Some(kind) if !is_allowed => reason = format!("the host name leads to {kind}"),
            _ => match TcpStream::connect(SocketAddr::new(one.ip(), address.port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => reason = error.to_string(),
            },
        }
    }
    Err(reason)
}
