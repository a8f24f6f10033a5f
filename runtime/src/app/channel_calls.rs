//! What a gateway requests over the channel: fragments, and actions for the forms that it passes on.

use bytes::Bytes;
use futures_util::{
    FutureExt as _,
    future::{BoxFuture, ready},
    stream::{self, BoxStream, StreamExt as _},
};
use http::StatusCode;
use hydra_runtime_net::{
    channel::{ACTION, ChannelRequest, Handler, REQUEST_FRAGMENT, Refusal, RefusalKind},
    limits::MAX_CALL_BYTES,
};
use hydra_runtime_wire::lines::cut;

use super::{
    action_channel,
    endpoint::{self, EndpointState},
};

impl Handler for EndpointState {
    fn answer(&self, request: ChannelRequest) -> BoxFuture<'_, Result<Bytes, Refusal>> {
        async move {
            if request.body.len() > MAX_CALL_BYTES {
                let reason = format!("the call is longer than {MAX_CALL_BYTES} bytes");
                return Err(Refusal::of_status(StatusCode::PAYLOAD_TOO_LARGE, reason));
            }
            match &*request.route {
                REQUEST_FRAGMENT => endpoint::over_channel(self, request).await,
                ACTION => action_channel::answer(self, request).await,
                route => Err(unknown(route)),
            }
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
