//! Passes a form on to an owner that has no port, over its channel (protocol section 9).

use std::sync::Arc;

use axum::body::Body;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header::CONTENT_TYPE, uri::PathAndQuery};
use hydra_runtime_net::bodies::{self, BadBody};
use hydra_runtime_wire::{
    forms::{
        ActionAnswer,
        channel::{ChannelForm, ChannelFormAnswer},
    },
    limits::MAX_CHANNEL_FORM_BYTES,
    lines::cut,
};
use tokio::time::Instant;

use super::owner::{NoAnswer, OwnerCall};
use crate::{
    channels::call::send_form,
    edge::failure::RequestFailure,
    limits::{MAX_ANSWER_BYTES, MAX_INSTANCES_TRIED},
    proxy::{sending::Sending, upload_pace::UploadPace},
    registry::instance::{Instance, breaker::Work, load::Load},
    upstream::{Answer, CallError, CallRequest},
};

/// The instance for a form, if that one has no port.
pub(super) fn chosen(sending: &Sending<'_>) -> Option<Arc<Instance>> {
    let mut active = sending.service.active.iter();
    // Otherwise nothing is chosen here: a choice may be the probe of an instance.
    if active.all(|instance| instance.has_port()) {
        return None;
    }
    let (instance, _) = sending.choose(Work::Request, &[])?;
    (!instance.has_port()).then_some(instance)
}

impl OwnerCall<'_> {
    /// Sends the form to `first`, or if that can't be reached, to another instance without a port. The owner's answer.
    pub(super) async fn send_over_channel(
        &self,
        mut sending: Sending<'_>,
        first: Arc<Instance>,
        mut request: Request<Body>,
    ) -> Result<ActionAnswer, NoAnswer> {
        let most = MAX_CHANNEL_FORM_BYTES as u64;
        let most = sending
            .settings
            .max_body
            .map_or(most, |max_body| max_body.min(most));
        sending.settings.max_body = Some(most);
        let pace = sending.pace(&mut request);
        let (visitors, body) = request.into_parts();
        let body = self.read_form(body, &pace, most).await?;
        let kind = visitors.headers.get(CONTENT_TYPE);
        let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default();
        let form = ChannelForm::new(self.seal, kind, &body);
        drop(body);
        let form = serde_json::to_vec(&form).map_err(|error| self.unclear(&error.to_string()))?;
        let headers = self.headers(&visitors.headers);
        let mut headers = headers.ok_or(RequestFailure::FormUnreadable)?;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let answer = self.send_to_one(&sending, first, headers, &form).await?;
        let answer: ChannelFormAnswer =
            bodies::read_json(&answer.body).map_err(|reason| self.unclear(&reason))?;
        let status = StatusCode::from_u16(answer.status);
        let status = status.map_err(|error| self.unclear(&error.to_string()))?;
        self.read(status, &HeaderMap::new(), answer.answer.to_string().as_bytes())
    }

    /// What the visitor sends.
    async fn read_form(
        &self,
        mut body: Body,
        pace: &UploadPace,
        most: u64,
    ) -> Result<bytes::Bytes, RequestFailure> {
        let limit = usize::try_from(most).unwrap_or(usize::MAX);
        // It takes as long as the visitor's pace allows.
        let read = bodies::read_paced(&mut body, limit).await;
        read.map_err(|problem| match problem {
            _ if pace.is_slow() => RequestFailure::SlowBody,
            BadBody::TooLong(_) => self.too_long_for_channel(most),
            _ if pace.is_large() => self.too_long_for_channel(most),
            _ => RequestFailure::BadBody,
        })
    }

    fn too_long_for_channel(&self, most: u64) -> RequestFailure {
        if most < MAX_CHANNEL_FORM_BYTES as u64 {
            return self.too_large(most);
        }
        let service = &*self.service.name;
        tracing::warn!(
            service,
            most,
            "a form is too long for a channel, which takes so many bytes: longer ones need a service with a port"
        );
        RequestFailure::TooLarge
    }

    /// Sends the form to one instance after another until one takes it.
    async fn send_to_one(
        &self,
        sending: &Sending<'_>,
        first: Arc<Instance>,
        mut headers: HeaderMap,
        form: &[u8],
    ) -> Result<Answer, RequestFailure> {
        let until = Instant::now() + sending.settings.response_timeout;
        let with_port = self.service.active.iter().filter(|instance| instance.has_port());
        let mut tried: Vec<_> = with_port.cloned().collect();
        let mut next = Some(first);
        for attempt in 0..MAX_INSTANCES_TRIED {
            let Some(instance) = next else { break };
            sending
                .visitor
                .prepare(self.gateway, &mut headers, &instance, attempt > 0);
            let named = headers.iter().map(|(name, value)| (name.clone(), value.clone()));
            let call = CallRequest {
                method: Method::POST,
                target: PathAndQuery::from_static("/"),
                visitors_host: None,
                headers: named.collect(),
                body: form,
                wanted: &[],
                limit: MAX_ANSWER_BYTES,
                repeated: None,
            };
            let _load = Load::on(&instance);
            match send_form(self.gateway, &instance, &call, until).await {
                Ok(answer) => return Ok(answer),
                Err(CallError::NotSent(reason)) => {
                    let (service, reason) = (&*self.service.name, cut(&reason.reason));
                    tracing::warn!(service, instance = %instance.id, reason, "an instance cannot be reached");
                }
                Err(error) => return Err(self.unclear(&error.to_string())),
            }
            tried.push(instance);
            next = sending
                .choose(Work::Request, &tried)
                .map(|(instance, _)| instance);
        }
        Err(RequestFailure::FormUnsent)
    }
}
