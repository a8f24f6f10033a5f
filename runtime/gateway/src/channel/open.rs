//! The life of a channel: the handshake, the SETUP, and the end.

use std::{sync::Arc, time::SystemTime};

use axum::{
    body::Body,
    extract::{Path, State},
    response::Response,
};
use futures_util::FutureExt as _;
use http::{
    HeaderValue, Method, Request, StatusCode,
    header::{CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_VERSION, UPGRADE},
};
use hydra_runtime_net::{
    channel::{self, ChannelConfig, ChannelEnd, Handshake, Opening},
    limits::MAX_CHANNEL_PAYLOAD_BYTES,
    server::{Connection, RawConnection, ServeRaw},
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use uuid::Uuid;

use super::{service_handler::ServiceHandler, setup};
use crate::{
    Gateway,
    api::{PathKey, caller::CallOrigin, responses},
    channels::{OpenChannel, lease},
    edge::cross_site::is_cross_site,
    limits::{CHANNEL_CLOSE_TIMEOUT, CHANNEL_MOVE_TIMEOUT},
    registry::instance::channel_place::ChannelId,
};

/// `GET /h/channel/{K}`: a service opens a channel. A wrong key and a gateway without channels are answered alike, with 404.
pub(crate) async fn open(
    State(gateway): State<Gateway>,
    key: PathKey,
    caller: CallOrigin,
    mut request: Request<Body>,
) -> Response {
    let config = gateway.config();
    if !key.as_ref().is_ok_and(|Path(key)| *key == config.public_key) {
        gateway.log_wrong_key(key.as_ref().map_or("", |Path(key)| key));
        return responses::empty(StatusCode::NOT_FOUND);
    }
    if !config.channel {
        return responses::empty(StatusCode::NOT_FOUND);
    }
    let accept = match channel::handshake(request.headers()) {
        Handshake::Accept(accept) => accept,
        Handshake::None => return upgrade_required(StatusCode::UPGRADE_REQUIRED),
        Handshake::Invalid => return upgrade_required(StatusCode::BAD_REQUEST),
    };
    let origin = gateway.origin_of(request.extensions(), request.headers());
    let host = origin
        .host
        .clone()
        .or_else(|| request.headers().get(HOST).cloned());
    if is_cross_site(
        &Method::GET,
        true,
        request.headers(),
        origin.scheme,
        host.as_ref(),
    ) {
        return responses::refused(
            StatusCode::FORBIDDEN,
            "a page of another site asks for the channel",
        );
    }
    let connection = request.extensions().get::<Connection>().cloned();
    if let Some(connection) = &connection {
        connection.ends_when_told();
    }
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(upgraded(gateway, caller, upgrade, connection));
    let mut response = responses::empty(StatusCode::SWITCHING_PROTOCOLS);
    let headers = response.headers_mut();
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_ACCEPT, accept);
    response
}

fn upgrade_required(status: StatusCode) -> Response {
    let mut response = responses::refused(status, "a channel is a WebSocket of version 13");
    let headers = response.headers_mut();
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
    response
}

/// Serves a connection that has switched, to its end.
async fn upgraded(gateway: Gateway, caller: CallOrigin, upgrade: OnUpgrade, connection: Option<Connection>) {
    let stream = match upgrade.await {
        Ok(upgraded) => TokioIo::new(upgraded),
        Err(error) => return tracing::debug!(%error, "a channel was not upgraded"),
    };
    let config = ChannelConfig::new(MAX_CHANNEL_PAYLOAD_BYTES);
    match channel::receive_websocket(stream, config).await {
        Ok(opening) => live(gateway, caller, opening, connection).await,
        Err(reason) => tracing::debug!(reason, "a channel was not opened"),
    }
}

/// Serves the connections of the ports of `channel_listen`: RSocket over TCP.
pub(crate) fn over_tcp(gateway: Gateway) -> Arc<ServeRaw> {
    let serve = move |raw: RawConnection| {
        let gateway = gateway.clone();
        let caller = CallOrigin::connected(raw.peer);
        let connection = Some(raw.connection);
        let config = ChannelConfig::new(MAX_CHANNEL_PAYLOAD_BYTES);
        let serving = async move {
            match channel::receive_tcp(raw.stream, config).await {
                Ok(opening) => live(gateway, caller, opening, connection).await,
                Err(reason) => tracing::debug!(reason, "a channel was not opened"),
            }
        };
        serving.boxed()
    };
    Arc::new(serve)
}

/// Decides about a channel, and keeps it to its end.
async fn live(gateway: Gateway, caller: CallOrigin, opening: Opening, connection: Option<Connection>) {
    // The settings may have changed since the port was opened.
    let gateway = gateway.newest();
    let owner = match setup::check(&gateway, caller, &opening.data, &opening.tokens).await {
        Ok(owner) => owner,
        Err(reason) => return opening.refuse(&reason).await,
    };
    let config = ChannelConfig::new(MAX_CHANNEL_PAYLOAD_BYTES);
    let service = owner.setup.service.clone();
    let (handler, opened) = ServiceHandler::new(gateway.clone(), owner);
    let link = opening.accept(Arc::new(handler), config);
    let id = ChannelId::from(Uuid::new_v4().simple().to_string());
    let channel = Arc::new(OpenChannel::new(id, link, service, SystemTime::now()));
    gateway.channels().add(Arc::clone(&channel));
    metrics::counter!("hydra_channels_opened_total").increment(1);
    tracing::info!(service = channel.service, "a channel is open");
    opened.send_replace(Some(Arc::clone(&channel)));
    let end = tokio::select! {
        end = channel.link.closed() => end,
        () = told_to_end(connection) => move_away(&channel).await,
    };
    gateway.channels().remove(&channel);
    // A gateway that stops says nothing about its services: they have moved, or are about to.
    if !channel.is_leaving() {
        lease::end(&gateway, &channel).await;
    }
    let (service, reason) = (&*channel.service, &*end.reason);
    tracing::info!(service, reason, "a channel has ended");
    metrics::counter!("hydra_channels_ended_total", "reason" => end.kind).increment(1);
}

async fn told_to_end(connection: Option<Connection>) {
    match connection {
        Some(connection) => connection.told_to_end().await,
        None => std::future::pending().await,
    }
}

/// Asks the service to move to another gateway, and waits until it has done so, or its time is over.
async fn move_away(channel: &OpenChannel) -> ChannelEnd {
    channel.leave();
    if let Ok(end) = tokio::time::timeout(CHANNEL_MOVE_TIMEOUT, channel.link.closed()).await {
        return end;
    }
    channel.link.close();
    if let Ok(end) = tokio::time::timeout(CHANNEL_CLOSE_TIMEOUT, channel.link.closed()).await {
        return end;
    }
    channel.link.abort("the gateway stops");
    channel.link.closed().await
}
