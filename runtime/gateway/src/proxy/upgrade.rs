//! Connections that switch to another protocol: bytes pass both ways until one side closes.

use axum::{body::Body, response::Response};
use http::{
    HeaderValue, StatusCode,
    header::{CONNECTION, CONTENT_LENGTH, UPGRADE},
};
use hydra_runtime_net::server::Connection;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use crate::{
    edge::{headers, observed_body::ObservedBody},
    login::OpenLogin,
    registry::instance::load::Load,
    upstream::UpstreamBody,
};

/// The visitor's side of a request that wants to switch to another protocol.
pub(super) struct VisitorUpgrade {
    /// The protocol that the visitor wants.
    pub(super) protocol: HeaderValue,
    pub(super) upgrade: OnUpgrade,
    /// The connection, which the server may tell to end.
    pub(super) connection: Option<Connection>,
}

/// The answer for the visitor. If both sides switch, their connections are joined. `load` counts until the end.
pub(super) fn answer(
    mut response: Response<UpstreamBody>,
    load: Load,
    visitors_side: Option<VisitorUpgrade>,
    open: impl FnOnce() -> Option<OpenLogin>,
) -> Response {
    let has_switched = response.status() == StatusCode::SWITCHING_PROTOCOLS;
    let protocol = has_switched.then(|| headers::chosen_upgrade(response.headers()));
    headers::remove_hop_by_hop(response.headers_mut());
    if !has_switched {
        let is_stream = !response.headers().contains_key(CONTENT_LENGTH);
        let response = response.map(|body| Body::new(ObservedBody::new(body, Some(load))));
        let login = if is_stream { open() } else { None };
        return match login {
            Some(login) => response.map(|body| login.until_end(body)),
            None => response,
        };
    }
    let services_side = hyper::upgrade::on(&mut response);
    let (mut parts, _) = response.into_parts();
    match (visitors_side, protocol.flatten()) {
        (Some(visitor), Some(protocol)) => {
            parts
                .headers
                .insert(CONNECTION, HeaderValue::from_static("upgrade"));
            parts.headers.insert(UPGRADE, protocol);
            let load = load.into_socket();
            let login = open();
            tokio::spawn(async move {
                tokio::select! {
                    () = join(visitor.upgrade, services_side) => {}
                    () = told_to_end(visitor.connection) => {}
                    () = ended(login) => {}
                }
                drop(load);
            });
        }
        // The service switches although the visitor did not request it: such an answer cannot be used.
        _ => parts.status = StatusCode::BAD_GATEWAY,
    }
    Response::from_parts(parts, Body::empty())
}

/// Ready when the login of the visitor has ended.
async fn ended(login: Option<OpenLogin>) {
    match login {
        Some(login) => login.ended().await,
        None => std::future::pending().await,
    }
}

/// Ready when the server wants the visitor's connection to end.
async fn told_to_end(connection: Option<Connection>) {
    match connection {
        Some(connection) => connection.told_to_end().await,
        None => std::future::pending().await,
    }
}

async fn join(visitors_side: OnUpgrade, services_side: OnUpgrade) {
    let (visitor, service) = match tokio::try_join!(visitors_side, services_side) {
        Ok(sides) => sides,
        Err(error) => return tracing::debug!(%error, "a connection was not upgraded"),
    };
    let (mut visitor, mut service) = (TokioIo::new(visitor), TokioIo::new(service));
    // Either side may vanish at any time: that is how sockets end.
    if let Err(error) = tokio::io::copy_bidirectional(&mut visitor, &mut service).await {
        tracing::debug!(%error, "an upgraded connection ended");
    }
}
