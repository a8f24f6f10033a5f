//! Calls to servers that are not services, such as an OpenID provider: one connection for each call, with bounds of length
//! and time.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header::HOST, uri::PathAndQuery};
use http_body_util::{BodyExt as _, Full, LengthLimitError, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{self, TcpStream},
    time::{Instant, timeout_at},
};

use super::tls::{self, Alpn, Trust};
use crate::limits::{MAX_ADDRESSES_PER_NAME, MAX_ANSWER_HEAD_BYTES};

/// Why a call failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutsideError {
    /// There was no whole answer: the server may be away for a while.
    #[error("{0}")]
    NoAnswer(String),
    /// The answer is longer than is allowed.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
}

/// Sends a request to the `http` or `https` address in its URI, and reads the whole answer, of `limit` bytes at most, until
/// `until`. Redirects are not followed.
///
/// # Errors
/// There is no whole answer in time, or it is too long.
pub(crate) async fn call(
    trust: &Trust,
    request: Request<Bytes>,
    limit: usize,
    until: Instant,
) -> Result<Response<Bytes>, OutsideError> {
    let late = |_| OutsideError::NoAnswer("there was no answer in time".to_owned());
    timeout_at(until, Box::pin(exchange(trust, request, limit)))
        .await
        .map_err(late)?
}

async fn exchange(
    trust: &Trust,
    mut request: Request<Bytes>,
    limit: usize,
) -> Result<Response<Bytes>, OutsideError> {
    let failed = OutsideError::NoAnswer;
    let uri = request.uri().clone();
    let (host, authority) = place(&uri).ok_or_else(|| failed("the address has no host".to_owned()))?;
    let is_https = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_https { 443 } else { 80 });
    request.headers_mut().insert(HOST, authority);
    *request.uri_mut() = Uri::from(
        uri.path_and_query()
            .cloned()
            .unwrap_or(PathAndQuery::from_static("/")),
    );
    let connector = match is_https {
        true => Some(trust.connector().await.map_err(failed)?),
        false => None,
    };
    let stream = connect(&host, port).await.map_err(failed)?;
    match connector {
        Some(connector) => {
            let stream = tls::encrypt(connector, Alpn::Http1, &host, stream).await;
            let stream = stream.map_err(|reason| failed(about_outside(&reason)))?;
            speak(stream, request, limit).await
        }
        None => speak(stream, request, limit).await,
    }
}

/// A reason that was written for services, with the words for other servers.
fn about_outside(reason: &str) -> String {
    reason
        .replace("the service", "the server")
        .replace("`upstream_ca`", "its setting `ca`")
}

/// The host of an address, without brackets, and its `Host` header.
fn place(uri: &Uri) -> Option<(String, HeaderValue)> {
    let host = uri.host()?.trim_matches(['[', ']']).to_owned();
    let authority = uri.authority()?.as_str();
    let bare = authority.rsplit_once('@').map_or(authority, |(_, bare)| bare);
    Some((host, HeaderValue::from_str(bare).ok()?))
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, String> {
    let found = net::lookup_host((host, port))
        .await
        .map_err(|error| error.to_string())?;
    let addresses: Vec<SocketAddr> = found.take(MAX_ADDRESSES_PER_NAME).collect();
    TcpStream::connect(&*addresses)
        .await
        .map_err(|error| error.to_string())
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Bytes>,
    limit: usize,
) -> Result<Response<Bytes>, OutsideError> {
    let failed = |error: hyper::Error| OutsideError::NoAnswer(error.to_string());
    let (mut sender, connection) = http1::Builder::new()
        .max_buf_size(MAX_ANSWER_HEAD_BYTES)
        .handshake(TokioIo::new(stream))
        .await
        .map_err(failed)?;
    // Dropped with this call: the connection ends with it.
    let talking = async {
        let response = sender
            .send_request(request.map(Full::new))
            .await
            .map_err(failed)?;
        let (parts, body) = response.into_parts();
        let body = Limited::new(body, limit).collect().await.map_err(|error| {
            if error.is::<LengthLimitError>() {
                OutsideError::TooLong(limit)
            } else {
                OutsideError::NoAnswer(error.to_string())
            }
        })?;
        Ok(Response::from_parts(parts, body.to_bytes()))
    };
    let driving = async {
        // Why it ended is what the call says.
        let _ = connection.await;
        std::future::pending::<()>().await;
    };
    tokio::select! {
        answer = talking => answer,
        () = driving => Err(OutsideError::NoAnswer("the connection ended".to_owned())),
    }
}
