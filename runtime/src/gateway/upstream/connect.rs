//! Opens a connection to a service.

use std::{
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
    time::{Instant, timeout},
};

use super::{
    idle::{Look, Reusable},
    judge,
    stream::{Stream, Watched},
    tls::{self, Trust},
};
use crate::gateway::{own, registration::Address};

/// The most addresses of one name that are tried.
const MAX_ADDRESSES: usize = 8;
/// What hyper says when bytes came that belong to no answer. It has no other way to tell.
const UNEXPECTED: &str = "received unexpected message from connection";

/// Opens connections.
#[derive(Clone)]
pub(crate) struct Dialer {
    pub(crate) timeout: Duration,
    /// Hosts that may be used although they are link-local, a metadata service and so on.
    pub(crate) allow_hosts: Arc<[String]>,
    pub(crate) trust: Trust,
}

impl Dialer {
    /// Connects, until `until` at most. The error is a reason in words.
    ///
    /// It is a box since most calls need none of it: their own futures stay small.
    pub(super) fn open<'a>(
        &'a self,
        address: &'a Address,
        until: Instant,
    ) -> BoxFuture<'a, Result<Stream, String>> {
        let time = self.timeout.min(until.saturating_duration_since(Instant::now()));
        let opening = async {
            let connector = match address.is_https {
                true => Some(self.trust.connector().await?),
                false => None,
            };
            let stream = find(address, &self.allow_hosts).await?;
            // A socket that is dead already says so on first use.
            let _ = stream.set_nodelay(true);
            Ok(match connector {
                None => Stream::Plain(stream),
                Some(connector) => {
                    let encrypting = Box::pin(tls::encrypt(connector, &address.host, stream));
                    Stream::Encrypted(Box::new(encrypting.await?))
                }
            })
        };
        let late = move |_| format!("no connection within {} ms", time.as_millis());
        Box::pin(async move { timeout(time, opening).await.map_err(late)? })
    }
}

/// One of hyper's connections.
pub(super) struct Sender {
    pub(super) requests: SendRequest<Body>,
    /// The same connection, to look at: gone once the connection has ended.
    stream: Weak<Mutex<Stream>>,
}

impl Sender {
    fn with_stream<T>(&self, work: impl FnOnce(&mut Stream) -> T) -> Option<T> {
        let stream = self.stream.upgrade()?;
        Some(work(&mut stream.lock().unwrap_or_else(PoisonError::into_inner)))
    }
}

impl Reusable for Sender {
    fn look(&mut self) -> Look {
        let look = self.with_stream(Stream::look).unwrap_or(Look::Ended);
        match look {
            // Its last user decides how long one takes that is not ready: no other request waits for that.
            Look::Quiet if !self.requests.is_ready() => Look::Ended,
            look => look,
        }
    }

    fn reset(self) {
        self.with_stream(|stream| stream.reset_on_close());
    }
}

/// Makes a connection one of hyper's. `found_surplus` is called where bytes come over it that belong to no answer.
pub(super) async fn handshake(
    stream: Stream,
    found_surplus: impl FnOnce() + Send + 'static,
) -> Result<Sender, String> {
    let stream = Arc::new(Mutex::new(stream));
    let watched = Arc::downgrade(&stream);
    let (requests, connection) = http1::handshake(TokioIo::new(Watched(stream)))
        .await
        .map_err(|error| error.to_string())?;
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

/// Connects to the first address of a host that is good and answers. A name is resolved once: what was judged is what is
/// connected to.
async fn find(address: &Address, allow_hosts: &[String]) -> Result<TcpStream, String> {
    let is_allowed = allow_hosts
        .iter()
        .any(|host| host.eq_ignore_ascii_case(&address.host));
    let mut reason = "the host name has no address".to_owned();
    let literal = address.host.parse::<IpAddr>().ok();
    let found: Vec<IpAddr> = match literal {
        Some(ip) => vec![ip],
        None => {
            let found = net::lookup_host((address.host.as_str(), address.port)).await;
            let found = found.map_err(|error| error.to_string())?;
            found.map(|one| one.ip()).take(MAX_ADDRESSES).collect()
        }
    };
    for ip in found {
        let refusal = judge::refusal(ip, address.source, own::is_local);
        match refusal.filter(|_| !is_allowed) {
            Some(kind) if literal.is_some() => reason = format!("the host is {kind}"),
            Some(kind) => reason = format!("the host name leads to {kind}"),
            None => match TcpStream::connect(SocketAddr::new(ip, address.port)).await {
                Ok(stream) => return Ok(stream),
                Err(error) => reason = error.to_string(),
            },
        }
    }
    Err(reason)
}
