//! Answers what a service requests over its channel, as the same calls over HTTP are answered.

use std::{sync::Arc, time::SystemTime};

use axum::{body::Body, response::Response};
use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::BoxFuture,
    stream::{self, BoxStream, StreamExt as _},
};
use http::{Request, StatusCode};
use http_body_util::BodyExt as _;
use hydra_runtime_net::{
    channel::{
        CONTRACTS, ChannelRequest, Handler, LEAVING, OVERVIEW, REGISTRATION, REQUEST_FRAGMENT, Refusal,
        RefusalKind,
    },
    limits::{MAX_BATCH_BYTES, MAX_SERVICE_PAYLOAD_BYTES},
    server::Peer,
};
use hydra_runtime_wire::{
    ChannelSetup, RegistrationResponse, paths,
    signing::{GATEWAY, Signatures},
};
use tokio::sync::watch;

use super::{
    answers::json,
    overview,
    setup::{ChannelOwner, signed_part},
};
use crate::{
    Gateway,
    api::{self, AdmittedCall, discovery},
    channels::{OpenChannel, lease},
    registry::instance::channel_place::ChannelPlace,
};

/// Answers the requests of one service.
#[derive(Clone)]
pub(super) struct ServiceHandler {
    gateway: Gateway,
    owner: Arc<ChannelOwner>,
    /// The channel, once it is open.
    channel: watch::Receiver<Option<Arc<OpenChannel>>>,
}

impl ServiceHandler {
    /// A handler, and where its channel must be told.
    pub(super) fn new(
        gateway: Gateway,
        owner: ChannelOwner,
    ) -> (Self, watch::Sender<Option<Arc<OpenChannel>>>) {
        let (opened, channel) = watch::channel(None);
        let handler = Self {
            gateway,
            owner: Arc::new(owner),
            channel,
        };
        (handler, opened)
    }

    async fn channel(&self) -> Result<Arc<OpenChannel>, Refusal> {
        let mut channel = self.channel.clone();
        let opened = channel.wait_for(Option::is_some).await;
        let channel = opened.ok().and_then(|channel| channel.clone());
        channel.ok_or_else(|| Refusal::new(RefusalKind::Rejected, "the channel has ended"))
    }

    /// Registers the instance, as `POST …/registration` does.
    async fn register(self, body: Bytes) -> Result<Bytes, Refusal> {
        let channel = self.channel().await?;
        let gateway = self.gateway.newest();
        let ChannelSetup {
            service, instance, ..
        } = &self.owner.setup;
        let over_channel = discovery::OverChannel {
            place: ChannelPlace {
                id: channel.id.clone(),
                gateway: gateway.inner_address().map(str::to_owned),
            },
            service,
            instance,
        };
        let call = AdmittedCall::over_channel(body, self.owner.signed.clone());
        let registered = discovery::registered(&gateway, self.owner.caller, call, Some(over_channel)).await;
        let discovery::Registered { answer, instance } = match registered {
            Ok(registered) => registered,
            Err(response) => return Err(refusal_of(response).await),
        };
        channel.attach(&instance.id);
        // The channel may have ended meanwhile, and the service may have said that it stops: then nothing else ends the lease.
        if !channel.holds_instance() {
            lease::end(&gateway, &channel).await;
        }
        let [proof, second_proof] = self.proofs();
        let answer = RegistrationResponse {
            proof,
            second_proof,
            registry: overview::registry(&gateway),
            ..answer
        };
        let written = json(&answer)?;
        if written.len() <= MAX_SERVICE_PAYLOAD_BYTES {
            return Ok(written);
        }
        // The service asks for the overview by itself.
        json(&RegistrationResponse {
            services: Vec::new(),
            hash: None,
            ..answer
        })
    }

    /// Prove to the service that this is a gateway of its installation: one with each key that is valid for the service.
    fn proofs(&self) -> [Option<String>; 2] {
        let (Some(signer), Some(signed)) = (self.gateway.signer(), &self.owner.signed) else {
            return [None, None];
        };
        let (service, id) = (&self.owner.setup.service, signed.token_id.as_bytes());
        let proof = signed_part(&self.gateway, service, id);
        let proofs = signer.sign(GATEWAY, proof, SystemTime::now());
        let mut tokens = proofs.iter().flat_map(Signatures::tokens).map(str::to_owned);
        [tokens.next(), tokens.next()]
    }

    /// Requests fragments of other services, as `POST …/requestFragment` does.
    async fn fragments(&self, request: ChannelRequest) -> Result<Bytes, Refusal> {
        if request.body.len() > MAX_BATCH_BYTES {
            let reason = format!("the body is longer than {MAX_BATCH_BYTES} bytes");
            return Err(Refusal::of_status(StatusCode::PAYLOAD_TOO_LARGE, reason));
        }
        let gateway = self.gateway.newest();
        let mut call = Request::new(Body::empty());
        *call.method_mut() = http::Method::POST;
        if let Ok(path) = paths::of(paths::RESOLVE, &gateway.config().public_key).parse() {
            *call.uri_mut() = path;
        }
        *call.headers_mut() = request.headers;
        let address = self.owner.caller.address();
        if let Some(address) = address {
            call.extensions_mut().insert(Peer(address));
        }
        let observer = gateway.observer().clone();
        let body = request.body;
        let answer = |call: Request<Body>| async move {
            api::fragments::resolve(&gateway, address, call.into_parts().0.headers, &body).await
        };
        let response = observer.call(call, answer).await;
        if response.status() != StatusCode::OK {
            return Err(refusal_of(response).await);
        }
        body_of(response).await
    }
}

impl Handler for ServiceHandler {
    fn answer(&self, request: ChannelRequest) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        async move {
            match &*request.route {
                REQUEST_FRAGMENT => self.fragments(request).await,
                REGISTRATION => {
                    // A registration that has begun must come to its end, also if the channel ends meanwhile.
                    let registering = tokio::spawn(self.clone().register(request.body));
                    let failed = || Refusal::new(RefusalKind::Failed, "the registration failed");
                    registering.await.unwrap_or_else(|_| Err(failed()))
                }
                CONTRACTS => json(&api::contracts::all(&self.gateway)),
                other => Err(unknown(other)),
            }
        }
        .boxed()
    }

    fn follow(&self, request: ChannelRequest) -> BoxStream<'static, Result<Bytes, Refusal>> {
        if request.route != OVERVIEW {
            return stream::once(std::future::ready(Err(unknown(&request.route)))).boxed();
        }
        let handler = self.clone();
        let begin = async move {
            match handler.channel().await {
                Ok(channel) => overview::follow(handler.gateway, channel).boxed(),
                Err(refusal) => stream::once(std::future::ready(Err(refusal))).boxed(),
            }
        };
        stream::once(begin).flatten().boxed()
    }

    fn told(&self, request: ChannelRequest) -> BoxFuture<'_, ()> {
        async move {
            if request.route == LEAVING
                && let Ok(channel) = self.channel().await
            {
                // First, so that the lease is not renewed again.
                channel.service_leaves();
                lease::end(&self.gateway, &channel).await;
            }
        }
        .boxed()
    }
}

fn unknown(route: &str) -> Refusal {
    let route = hydra_runtime_wire::lines::cut(route);
    Refusal::new(
        RefusalKind::Invalid,
        format!("there is no route `{route}` of this kind"),
    )
}

async fn body_of(response: Response) -> Result<Bytes, Refusal> {
    let body = response.into_body().collect().await;
    let failed = |error: axum::Error| Refusal::new(RefusalKind::Failed, error.to_string());
    body.map(|body| body.to_bytes()).map_err(failed)
}

/// The refusal that stands for a response with an error.
async fn refusal_of(response: Response) -> Refusal {
    #[derive(serde::Deserialize)]
    struct Told {
        error: String,
    }
    let status = response.status();
    let reason = match body_of(response).await {
        Ok(body) => {
            serde_json::from_slice(&body).map_or_else(|_| status.to_string(), |told: Told| told.error)
        }
        Err(refusal) => refusal.reason,
    };
    Refusal::of_status(status, reason)
}
