//! The gateway's calls for fragments over the channel, and the forms that it passes on: they are answered as those by POST are. The token in the SETUP and the gateway's
//! proof stand for the signature of each call.

use std::sync::Arc;

use axum::{body::Body, extract::Request, response::Response};
use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, ready},
    stream::{self, BoxStream, StreamExt as _},
};
use http::{Method, StatusCode};
use http_body_util::BodyExt as _;
use hydra_runtime_net::{
    bodies,
    channel::{ACTION, ChannelRequest, Handler, REQUEST_FRAGMENT, Refusal, RefusalKind},
    limits::MAX_CALL_BYTES,
    observe,
};
use hydra_runtime_wire::{lines::cut, paths};

use super::{EndpointState, body::CallBody, rendered};
use crate::app::action_channel;

impl Handler for EndpointState {
    fn answer(&self, request: ChannelRequest) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        async move {
            if request.route != REQUEST_FRAGMENT && request.route != ACTION {
                return Err(unknown(&request.route));
            }
            if request.body.len() > MAX_CALL_BYTES {
                let reason = format!("the call is longer than {MAX_CALL_BYTES} bytes");
                return Err(Refusal::of_status(StatusCode::PAYLOAD_TOO_LARGE, reason));
            }
            if request.route == ACTION {
                return action_channel::answer(self, request).await;
            }
            let call: CallBody = bodies::read_json(&request.body).map_err(|reason| {
                tracing::warn!(reason = cut(&reason), "a call for fragments is refused");
                Refusal::of_status(StatusCode::BAD_REQUEST, reason)
            })?;
            let mut head = Request::new(Body::empty());
            *head.method_mut() = Method::POST;
            if let Ok(path) = paths::of(paths::FRAGMENTS, &self.public_key).parse() {
                *head.uri_mut() = path;
            }
            *head.headers_mut() = request.headers;
            let answer = |head: Request| async move {
                observe::with_current(|record| record.answered_by(|| Arc::clone(&self.context.service)));
                rendered(self, head.headers(), call.into()).await
            };
            read(self.context.observer.call(head, answer).await).await
        }
        .boxed()
    }

    fn follow(&self, request: ChannelRequest) -> BoxStream<'static, Result<Bytes, Refusal>> {
        stream::once(ready(Err(unknown(&request.route)))).boxed()
    }

    fn told(&self, _: ChannelRequest) -> BoxFuture<'_, ()> {
        ready(()).boxed()
    }
}

fn unknown(route: &str) -> Refusal {
    let reason = format!("there is no route `{}` of this kind", cut(route));
    Refusal::new(RefusalKind::Invalid, reason)
}

/// The body of a response, or the refusal that it stands for.
async fn read(response: Response) -> Result<Bytes, Refusal> {
    let status = response.status();
    let body = response.into_body().collect().await;
    let body = body.map_err(|error| Refusal::new(RefusalKind::Failed, error.to_string()))?;
    let body = body.to_bytes();
    if status == StatusCode::OK {
        return Ok(body);
    }
    let reason = String::from_utf8_lossy(&body);
    Err(Refusal::of_status(
        status,
        format!("the service answered {status}: {}", cut(&reason)),
    ))
}
