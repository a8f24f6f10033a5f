//! Opens connections to services.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError, Weak},
    time::Duration,
};

use axum::body::Body;
use futures_util::future::BoxFuture;
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::{
    net::{self, TcpStream},
    time::{Instant, timeout_at},
};

use super::{
    address_policy,
    idle::{IdleState, Reusable},
    stream::{SharedStream, Stream},
    tls::{self, Alpn, Trust},
};
use crate::{
    limits::{MAX_ADDRESSES_PER_NAME, MAX_ANSWER_HEAD_BYTES},
    registry::{gateway_addresses, instance::Address},
};

/// The message of hyper for bytes that belong to no answer. Hyper offers no other way to recognize them.
const UNEXPECTED: &str = "received unexpected message from connection";

/// Why a connection could not be opened.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub(crate) struct DialError {
    /// The reason, in words.
    pub(crate) reason: String,
    /// Whether this machine has too few files, ports or memory: that says nothing about the service.
    pub(crate) is_ours: bool,
}

impl From<String> for DialError {
    fn from(reason: String) -> Self {
        Self {
            reason,
            is_ours: false,
        }
    }
}

impl From<io::Error> for DialError {
    fn from(error: io::Error) -> Self {
        const OURS: [i32; 5] = [
            libc::EMFILE,
            libc::ENFILE,
            libc::EADDRNOTAVAIL,
            libc::ENOBUFS,
            libc::ENOMEM,
        ];
        Self {
            is_ours: error.raw_os_error().is_some_and(|code| OURS.contains(&code)),
            reason: error.to_string(),
        }
    }
}

/// Opens connections.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) timeout: Duration,
    /// Hosts that are allowed although they are link-local, a metadata service and so on.
    pub(crate) allow_hosts: Arc<[String]>,
    pub(crate) trust: Trust,
}

impl Dialer {
    /// Connects, until `until` at most.
    ///
    /// The future is boxed since most calls reuse a connection: their own futures stay small.
    pub(super) fn open<'a>(
        &'a self,
        address: &'a Address,
        alpn: Alpn,
        until: Instant,
    ) -> BoxFuture<'a, Result<Stream, DialError>> {
        let start = Instant::now();
        let end = start
            .checked_add(self.timeout)
            .map_or(until, |end| end.min(until));
        let opening = async move {
            let connector = match address.is_https {
                // If the certificate authorities cannot be read, that is not the service's fault.
                true => Some(self.trust.connector().await.map_err(|reason| DialError {
                    reason,
                    is_ours: true,
                })?),
                false => None,
            };
            let stream = find(address, &self.allow_hosts).await?;
            // A socket that is already dead reports so on first use.
            let _ = stream.set_nodelay(true);
            metrics::counter!("hydra_upstream_connections_total").increment(1);
            Ok(match connector {
                None => Stream::Plain(stream),
                Some(connector) => {
                    let encrypting = Box::pin(tls::encrypt(connector, alpn, &address.host, stream));
                    Stream::Encrypted(Box::new(encrypting.await?))
                }
            })
        };
        let time = end.saturating_duration_since(start).as_millis();
        let late = move |_| DialError::from(format!("no connection within {time} ms"));
        // A caller that waits until the same moment must get this error: both timers fire together, and the inner one
        // counts.
        Box::pin(async move { timeout_at(end, opening).await.map_err(late)? })
    }
}

/// One of hyper's connections.
pub(super) struct Sender {
    pub(super) requests: SendRequest<Body>,
    /// The same connection, to check its state: gone once the connection has ended.
    stream: Weak<Mutex<Stream>>,
}

impl Sender {
    fn with_stream<T>(&self, work: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        let stream = self.stream.upgrade()?;
        Some(work(&mut stream.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Reusable for Sender {
    fn check(&mut self) -> IdleState {
        let state = self.with_stream(Stream::check).unwrap_or(IdleState::Ended);
        match state {
            // Another request does not wait for a connection that is not ready: its last user decides how long that
            // takes.
            IdleState::Quiet if !self.requests.is_ready() => IdleState::Ended,
            state => state,
        }
    }

    fn reset(self) {
        self.with_stream(|stream| stream.reset_on_close());
    }
}

/// Hands a connection to hyper. `found_surplus` is called if bytes arrive that belong to no answer.
pub(super) async fn handshake(
    stream: Stream,
    found_surplus: impl FnOnce() + Send + 'static,
) -> Result<Sender, DialError> {
    let stream = Arc::new(Mutex::new(stream));
    let watched = Arc::downgrade(&stream);
    let (requests, connection) = http1::Builder::new()
        // The client for whole answers does the same (RFC 9112 section 5.1).
        .allow_spaces_after_header_name_in_responses(true)
        .max_header_size(MAX_ANSWER_HEAD_BYTES)
        .max_buf_size(MAX_ANSWER_HEAD_BYTES)
        .handshake(TokioIo::new(SharedStream(stream)))
        .await
        .map_err(|error| DialError::from(error.to_string()))?;
    tokio::spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            if error.to_string() == UNEXPECTED {
                found_surplus();
            }
            tracing::debug!(%error, "a connection to a service ended early");
        }
    });
    Ok(Sender {
        requests,
        stream: watched,
    })
}

/// Connects to the first address of a host that the policy allows and that answers. A name is resolved once, so the
/// checked address is the one that is used.
async fn find(address: &Address, allow_hosts: &[String]) -> Result<TcpStream, DialError> {
    let is_allowed = allow_hosts
        .iter()
        .any(|host| host.eq_ignore_ascii_case(&address.host));
    let mut failed = DialError::from("the host name has no address".to_owned());
    let literal = address.host.parse::<IpAddr>().ok();
    let found: Vec<IpAddr> = match literal {
        Some(ip) => vec![ip],
        None => {
            let found = net::lookup_host((address.host.as_str(), address.port)).await?;
            found.map(|one| one.ip()).take(MAX_ADDRESSES_PER_NAME).collect()
        }
    };
    for ip in found {
        let refusal = address_policy::refusal(ip, address.source, gateway_addresses::is_local);
        match refusal.filter(|_| !is_allowed) {
            Some(kind) if literal.is_some() => failed = format!("the host is {kind}").into(),
            Some(kind) => failed = format!("the host name leads to {kind}").into(),
            None => match TcpStream::connect(SocketAddr::new(ip, address.port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => failed = error.into(),
            },
        }
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_this_machine_lacks_is_no_fault_of_a_service() {
        for (code, expected) in [
            (libc::EMFILE, true),
            (libc::ENFILE, true),
            (libc::EADDRNOTAVAIL, true),
            (libc::ENOBUFS, true),
            (libc::ENOMEM, true),
            (libc::ECONNREFUSED, false),
            (libc::ECONNRESET, false),
            (libc::ETIMEDOUT, false),
            (libc::EHOSTUNREACH, false),
            (libc::ENETUNREACH, false),
        ] {
            let error = DialError::from(io::Error::from_raw_os_error(code));
            assert_eq!(error.is_ours, expected, "{error}");
        }
        assert!(!DialError::from("no connection within 5 ms".to_owned()).is_ours);
    }
}
