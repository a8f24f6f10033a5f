//! The ports of a server, and what is spoken on each before HTTP begins.

use std::{
    io,
    net::{IpAddr, SocketAddr, TcpListener as StdListener},
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    task::Poll,
};

use tokio::net::{TcpListener, TcpStream};

#[cfg(feature = "tls")]
use super::tls::Certificates;

/// Whether an address is that of a trusted proxy.
pub(super) type IsProxy = dyn Fn(IpAddr) -> bool + Send + Sync;

/// An open port.
pub struct Port {
    pub(super) listener: StdListener,
    pub(super) opening: Arc<Opening>,
}

/// What a connection begins with before HTTP.
#[derive(Clone, Default)]
pub(super) struct Opening {
    /// Tells the proxies whose connections begin with a header of the PROXY protocol. `None`: it is not spoken.
    pub(super) proxies: Option<Arc<IsProxy>>,
    #[cfg(feature = "tls")]
    pub(super) tls: Option<Arc<Certificates>>,
    /// Whether something else than HTTP follows.
    pub(super) is_raw: bool,
}

impl From<StdListener> for Port {
    /// A port for plain HTTP.
    fn from(listener: StdListener) -> Self {
        Self {
            listener,
            opening: Arc::default(),
        }
    }
}

impl Port {
    /// The same port, on which connections begin with TLS.
    #[cfg(feature = "tls")]
    #[must_use]
    pub fn with_tls(self, certificates: Arc<Certificates>) -> Self {
        self.opening(|opening| opening.tls = Some(certificates))
    }

    /// The same port, on which each connection begins with a header of the PROXY protocol, version 2. Connections from
    /// addresses that `is_proxy` does not know are closed.
    #[must_use]
    pub fn behind(self, is_proxy: impl Fn(IpAddr) -> bool + Send + Sync + 'static) -> Self {
        self.opening(|opening| opening.proxies = Some(Arc::new(is_proxy)))
    }

    /// The same port, on which no HTTP is spoken: [`Routes::with_raw`](super::Routes::with_raw) says what serves its connections.
    #[must_use]
    pub fn without_http(self) -> Self {
        self.opening(|opening| opening.is_raw = true)
    }

    fn opening(self, change: impl FnOnce(&mut Opening)) -> Self {
        let mut opening = Opening::clone(&self.opening);
        change(&mut opening);
        Self {
            opening: Arc::new(opening),
            ..self
        }
    }

    /// The same port for another thread.
    ///
    /// # Errors
    /// The system has no more files.
    pub(super) fn try_clone(&self) -> io::Result<Self> {
        Ok(Self {
            listener: self.listener.try_clone()?,
            opening: Arc::clone(&self.opening),
        })
    }
}

/// The ports of a server in the runtime of one thread.
pub(super) struct OpenPorts {
    ports: Vec<(TcpListener, Arc<Opening>)>,
    /// The port that is asked first, so that a busy one does not keep others waiting.
    first: AtomicUsize,
}

/// A connection that the system accepted.
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) opening: Arc<Opening>,
}

impl OpenPorts {
    pub(super) fn new(ports: Vec<Port>) -> io::Result<Self> {
        let opened = ports
            .into_iter()
            .map(|port| Ok((TcpListener::from_std(port.listener)?, port.opening)));
        Ok(Self::of(opened.collect::<io::Result<_>>()?))
    }

    pub(super) fn plain(listener: TcpListener) -> Self {
        Self::of(vec![(listener, Arc::default())])
    }

    fn of(ports: Vec<(TcpListener, Arc<Opening>)>) -> Self {
        Self {
            ports,
            first: AtomicUsize::new(0),
        }
    }

    pub(super) fn listeners(&self) -> impl Iterator<Item = &TcpListener> {
        self.ports.iter().map(|(listener, _)| listener)
    }

    /// The next connection of any port.
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        std::future::poll_fn(|cx| {
            let first = self.first.fetch_add(1, Relaxed);
            for turn in 0..self.ports.len() {
                let (listener, opening) = &self.ports[first.wrapping_add(turn) % self.ports.len()];
                if let Poll::Ready(accepted) = listener.poll_accept(cx) {
                    return Poll::Ready(accepted.map(|(stream, peer)| Accepted {
                        stream,
                        peer,
                        opening: Arc::clone(opening),
                    }));
                }
            }
            Poll::Pending
        })
        .await
    }

    /// Closes the ports. Returns the connections that the system accepted and the server did not, which are served as
    /// well. The system refuses clients that connect after the last of them.
    pub(super) fn close(self) -> Vec<Accepted> {
        let mut connected = Vec::new();
        for (listener, opening) in self.ports {
            let Ok(listener) = listener.into_std() else {
                continue;
            };
            while let Ok((stream, peer)) = listener.accept() {
                let stream = stream
                    .set_nonblocking(true)
                    .and_then(|()| TcpStream::from_std(stream));
                connected.extend(stream.ok().map(|stream| Accepted {
                    stream,
                    peer,
                    opening: Arc::clone(&opening),
                }));
            }
        }
        connected
    }
}
