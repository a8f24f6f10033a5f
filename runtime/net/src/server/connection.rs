//! Serves one connection, from its first byte to its end.

use std::{
    convert::Infallible,
    error::Error,
    future::ready,
    io,
    net::{IpAddr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    response::{IntoResponse as _, Response as AnyResponse},
};
use futures_util::{FutureExt as _, future::Either};
use http::{HeaderValue, Request, Response, StatusCode, Version, header::CONNECTION};
use hyper::{
    body::{Body as _, Incoming},
    server::conn::http1,
    service::{Service, service_fn},
};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::conn::auto,
};
use tokio::net::TcpStream;

use super::{
    OverTls, Peer,
    body::TrackedBody,
    connection_limits::ConnectionLimits,
    connections::ConnectionSlot,
    handle::Connection,
    port::{Accepted, Opening},
    proxy_protocol,
    raw::RawConnection,
    refusal,
    routes::Routes,
    status::{CloseOrder, ConnectionStatus},
    stream::{TrackedStream, VisitorStream},
};
use crate::limits::{HTTP2_KEEP_ALIVE_PERIOD, MAX_HTTP2_STREAMS, MIN_HALF_BUFFER_BYTES};

/// Serves a connection in a task of its own.
pub(super) fn start(
    accepted: Accepted,
    routes: Routes,
    protocols: &Arc<ConnectionBuilders>,
    slot: ConnectionSlot,
) {
    let Accepted {
        stream,
        peer,
        opening,
    } = accepted;
    // Small writes must not wait for the peer's acknowledgement. A connection that is already dead reports so later.
    let _ = stream.set_nodelay(true);
    // The address at which a connection arrived does not matter once it is closed.
    let here = stream.local_addr().unwrap_or(peer);
    let slot = Arc::new(slot);
    let ends = Ends {
        peer: peer.ip().to_canonical(),
        here,
        is_tls: false,
    };
    let protocols = Arc::clone(protocols);
    tokio::spawn(async move {
        // Created inside the task: a future that is moved into a task takes its memory twice.
        let connection = pin!(serve_connection(stream, ends, opening, routes, &protocols, slot));
        if let Err(error) = connection.await {
            tracing::debug!(%peer, error, "a connection ended early");
        }
    });
}

/// The ends of a connection, as requests see them.
#[derive(Clone, Copy)]
struct Ends {
    peer: IpAddr,
    here: SocketAddr,
    is_tls: bool,
}

/// The service that answers the requests of one connection.
fn service(
    routes: Routes,
    ends: Ends,
    slot: Arc<ConnectionSlot>,
) -> impl Service<Request<Incoming>, Response = Response<TrackedBody>, Error = Infallible, Future: Send> {
    service_fn(move |mut request: Request<Incoming>| {
        let version = request.version();
        let under_way = slot.begin(version == Version::HTTP_2);
        let mut must_close = refusal::must_close(&request);
        let is_empty = request.body().is_end_stream();
        let names_connection = request.headers().contains_key(CONNECTION);
        let is_read = is_empty && !names_connection;
        let answer = match refusal::check(&mut request, ends.here) {
            Err(bad) => {
                must_close = true;
                let refusal = (StatusCode::BAD_REQUEST, format!("{bad}\n")).into_response();
                Either::Left(ready(refusal))
            }
            Ok(()) => {
                let body = |body| if is_empty { Body::empty() } else { Body::new(body) };
                let mut request = request.map(body);
                request.extensions_mut().insert(Peer(ends.peer));
                if ends.is_tls {
                    request.extensions_mut().insert(OverTls);
                }
                // Only a request that may switch to another protocol needs it.
                if names_connection {
                    request.extensions_mut().insert(Connection::of(&slot));
                }
                Either::Right(routes.answer(request))
            }
        };
        answer.map(move |mut answer: AnyResponse| {
            if answer.status() == StatusCode::SWITCHING_PROTOCOLS {
                under_way.slot().become_socket();
            } else if (must_close || under_way.slot().connections().is_stopping())
                && version < Version::HTTP_2
            {
                let headers = answer.headers_mut();
                headers.insert(CONNECTION, HeaderValue::from_static("close"));
            }
            let stays = is_read && version == Version::HTTP_11 && !answer.headers().contains_key(CONNECTION);
            Ok(answer.map(|body| TrackedBody::new(body, under_way, stays)))
        })
    })
}

/// Serves one connection to its end, or until its status tells it to close.
async fn serve_connection(
    stream: TcpStream,
    ends: Ends,
    opening: Arc<Opening>,
    routes: Routes,
    protocols: &ConnectionBuilders,
    slot: Arc<ConnectionSlot>,
) -> Result<(), Box<dyn Error + Send + Sync>> {
    let status = Arc::clone(slot.status());
    let opened = tokio::select! {
        opened = open(stream, ends, &opening, &slot) => opened?,
        () = status.ordered() => return Ok(()),
    };
    if opening.is_raw {
        let serve = routes.raw().ok_or("nothing serves this port")?;
        let _under_way = slot.begin(false);
        serve(RawConnection::new(opened.stream, opened.ends.peer, &slot)).await;
        return Ok(());
    }
    let service = service(routes, opened.ends, slot);
    if opened.is_http1 {
        return serve_http1(opened.stream, service, &protocols.http1, &status).await;
    }
    // Boxed, as in `serve_http1`.
    let mut connection = Box::pin(
        protocols
            .any
            .serve_connection_with_upgrades(TokioIo::new(opened.stream), service),
    );
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = status.ordered() => match status.order() {
                CloseOrder::Stay => {}
                CloseOrder::Finish => connection.as_mut().graceful_shutdown(),
                CloseOrder::Drop => return Err(CLOSED.into()),
            },
        }
    }
}

const CLOSED: &str = "it takes or sends nothing";

/// Serves a connection of HTTP/1. Between two requests it sleeps if it is told so: then it has no buffers, which take
/// ten times the memory of all else.
async fn serve_http1<S>(
    mut stream: VisitorStream,
    mut service: S,
    protocol: &http1::Builder,
    status: &ConnectionStatus,
) -> Result<(), Box<dyn Error + Send + Sync>>
where
    S: Service<Request<Incoming>, Response = Response<TrackedBody>, Error = Infallible, Future: Send> + Send,
{
    loop {
        let connection = protocol.serve_connection(TokioIo::new(stream), service);
        // Boxed: the task of a connection that sleeps, or has not said anything yet, must not take its memory.
        let mut connection = Box::new(connection.with_upgrades());
        loop {
            tokio::select! {
                ended = &mut *connection => return Ok(ended?),
                () = status.ordered() => match status.order() {
                    CloseOrder::Stay if status.sleeps() => break,
                    CloseOrder::Stay => {}
                    CloseOrder::Finish => Pin::new(&mut *connection).graceful_shutdown(),
                    CloseOrder::Drop => return Err(CLOSED.into()),
                },
            }
        }
        let Some(parts) = connection.into_parts() else {
            return Ok(());
        };
        status.fell_asleep();
        // Copied, because an empty buffer keeps its memory too.
        let unread = Bytes::copy_from_slice(&parts.read_buf);
        drop(parts.read_buf);
        stream = parts.io.into_inner().with_unread(unread);
        service = parts.service;
        while status.order() == CloseOrder::Stay {
            tokio::select! {
                ready = stream.readable() => {
                    ready?;
                    break;
                }
                () = status.ordered() => {}
            }
        }
        if status.order() > CloseOrder::Stay {
            // It was told before the next connection listens.
            status.tell(status.order());
        }
    }
}

/// A connection on which HTTP may begin.
struct Opened {
    stream: VisitorStream,
    ends: Ends,
    is_http1: bool,
}

/// Goes through what comes before HTTP: a header of the PROXY protocol, TLS, or the first bytes, which tell the version.
async fn open(
    mut stream: TcpStream,
    mut ends: Ends,
    opening: &Opening,
    slot: &Arc<ConnectionSlot>,
) -> Result<Opened, Box<dyn Error + Send + Sync>> {
    if let Some(is_proxy) = &opening.proxies {
        ends.peer = Box::pin(proxy_protocol::visitor(&mut stream, ends.peer, &**is_proxy)).await?;
    }
    #[cfg(feature = "tls")]
    if let Some(certificates) = &opening.tls {
        let tracked = TrackedStream::new(stream, Arc::clone(slot));
        // Boxed: connections without TLS must not take its memory.
        let stream = Box::new(Box::pin(certificates.acceptor().accept(tracked)).await?);
        ends.is_tls = true;
        return Ok(Opened {
            is_http1: stream.get_ref().1.alpn_protocol() != Some(b"h2"),
            stream: VisitorStream::tls(stream),
            ends,
        });
    }
    Ok(Opened {
        is_http1: opening.is_raw || is_http1(&stream).await?,
        stream: VisitorStream::plain(TrackedStream::new(stream, Arc::clone(slot))),
        ends,
    })
}

/// Whether the first bytes cannot be those of HTTP/2 (RFC 9113 section 3.4). They remain to be read.
async fn is_http1(stream: &TcpStream) -> io::Result<bool> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0";
    let mut first = [0; PREFACE.len()];
    let count = stream.peek(&mut first).await?;
    Ok(!PREFACE.starts_with(&first[..count]))
}

/// The protocols of the server.
pub(super) struct ConnectionBuilders {
    /// Detects the version by itself, and needs twice as much memory for what it reads.
    any: auto::Builder<TokioExecutor>,
    http1: http1::Builder,
}

impl ConnectionBuilders {
    pub(super) fn new(limits: &ConnectionLimits) -> Self {
        // Half of the buffer is for data that waits to be written; the other half is for one more piece of an answer,
        // and for data that is read ahead.
        let half = (limits.buffer / 2).max(MIN_HALF_BUFFER_BYTES);
        let window = |bytes: usize| u32::try_from(bytes).unwrap_or(u32::MAX).clamp(1 << 15, 1 << 30);
        let mut any = auto::Builder::new(TokioExecutor::new());
        // `Connections` enforces the timeout for heads.
        any.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(None::<Duration>)
            .max_buf_size(half)
            .half_close(false);
        any.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(HTTP2_KEEP_ALIVE_PERIOD)
            .max_send_buf_size(half / 2)
            .initial_stream_window_size(window(half))
            .initial_connection_window_size(window(limits.buffer))
            .max_concurrent_streams(MAX_HTTP2_STREAMS);
        let mut http1 = http1::Builder::new();
        http1
            .timer(TokioTimer::new())
            .header_read_timeout(None::<Duration>)
            .max_buf_size(half)
            .half_close(false);
        Self { any, http1 }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, http::Uri};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::{super::connections::Connections, *};

    #[tokio::test]
    async fn a_connection_that_sleeps_loses_nothing() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let mut client = TcpStream::connect(address).await.expect("a connection");
        let (stream, peer) = listener.accept().await.expect("a connection");
        let slot = Arc::new(Arc::new(Connections::new(ConnectionLimits::default(), 10)).take());
        let status = Arc::clone(slot.status());
        let routes = Routes::from(Router::new().fallback(async |uri: Uri| uri.to_string()));
        let ends = Ends {
            peer: peer.ip(),
            here: address,
            is_tls: false,
        };
        let served = tokio::spawn(async move {
            let protocols = ConnectionBuilders::new(&ConnectionLimits::default());
            serve_connection(stream, ends, Arc::default(), routes, &protocols, slot).await
        });

        for number in 0..40 {
            let request = format!("GET /{number} HTTP/1.1\r\nhost: a\r\n\r\n");
            let (first, rest) = request.split_at(number % request.len());
            client.write_all(first.as_bytes()).await.expect("it is open");
            // Whether it has read the first part, in which case it must not lose it, cannot be seen from here.
            for _ in 0..20 {
                tokio::task::yield_now().await;
            }
            status.tell_to_sleep(u64::MAX);
            assert_eq!(status.sleeps(), number > 0, "before request {number}");
            while status.sleeps() {
                assert!(!served.is_finished(), "the connection closed");
                tokio::task::yield_now().await;
            }
            client.write_all(rest.as_bytes()).await.expect("it is open");
            let mut answer = String::new();
            while !answer.ends_with(&format!("/{number}")) {
                let mut part = [0; 1_000];
                let count = client.read(&mut part).await.expect("it is open");
                assert_ne!(count, 0, "closed after {answer}");
                answer.push_str(std::str::from_utf8(&part[..count]).expect("text"));
            }
            assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
        }
        drop(client);
        assert!(served.await.expect("no panic").is_ok());
    }

    #[tokio::test]
    async fn what_begins_as_no_http2_does_is_http1() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        for (first, expected) in [
            ("GET / HTTP/1.1", true),
            ("POST", true),
            ("PRO", true),
            ("\r\n", true),
            ("PRI * HTTP/2.0\r\n", false),
            // It may become either.
            ("P", false),
            ("", false),
        ] {
            let mut theirs = TcpStream::connect(address).await.expect("a connection");
            let (ours, _) = listener.accept().await.expect("a caller");
            theirs.write_all(first.as_bytes()).await.expect("a socket");
            drop(theirs);
            assert_eq!(is_http1(&ours).await.expect("a socket"), expected, "{first:?}");
        }
    }
}
