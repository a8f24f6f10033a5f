//! Passes a form on to the owner of its fragment while it arrives, and reads the owner's answer.

use std::time::SystemTime;

use axum::body::Body;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{
        ACCEPT, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, COOKIE, TRANSFER_ENCODING, WWW_AUTHENTICATE,
    },
    uri::PathAndQuery,
};
use http_body::Body as _;
use hydra_runtime_net::{bodies, observe};
use hydra_runtime_wire::{
    cookies,
    forms::{ActionAnswer, ActionFailure, FormFailure, SEAL_PARAMETER, session::OwnerSession},
    headers::HYDRA_SESSION,
    lines::cut,
    signing::{Call, GATEWAY},
};

use super::without_port;
use crate::{
    Gateway,
    edge::failure::RequestFailure,
    limits::MAX_ANSWER_BYTES,
    proxy::{
        is_longer,
        sending::{Sending, send},
        settings,
        visitor::Visitor,
    },
    registry::instance::FragmentProtocol,
    routing::snapshot::Service,
    upstream,
};

/// Why a form has no answer.
pub(super) struct NoAnswer {
    pub(super) failure: RequestFailure,
    /// The form, if the owner named it.
    pub(super) form: Option<FormName>,
}

/// A form, as its owner names it.
pub(super) struct FormName {
    pub(super) reference: String,
    pub(super) action: String,
}

impl From<RequestFailure> for NoAnswer {
    fn from(failure: RequestFailure) -> Self {
        Self { failure, form: None }
    }
}

/// A form on its way to its owner.
pub(super) struct OwnerCall<'a> {
    pub(super) gateway: &'a Gateway,
    pub(super) service: &'a Service,
    pub(super) visitor: &'a Visitor<'a>,
    pub(super) seal: &'a str,
    /// The owner's session.
    pub(super) session: Option<OwnerSession>,
}

impl OwnerCall<'_> {
    /// Sends the form that the visitor sends with `request`. The owner's answer.
    ///
    /// # Errors
    /// A check refuses the form, or the owner gives no usable answer. The failure says whether the owner may have the form, because such
    /// a form is not sent again.
    pub(super) async fn send(self, request: Request<Body>) -> Result<ActionAnswer, NoAnswer> {
        let mut settings = settings(self.gateway, self.service, &request)?;
        let most = *settings
            .max_body
            .get_or_insert(self.gateway.config().max_form.0 as u64);
        if is_longer(&request, most) {
            return Err(self.too_large(most).into());
        }
        if request.headers().contains_key(CONTENT_ENCODING) {
            return Err(RequestFailure::FormKind.into());
        }
        let sending = Sending {
            gateway: self.gateway,
            service: self.service,
            key: None,
            protocol: Some(&FragmentProtocol::Protocol2),
            visitor: self.visitor,
            settings,
        };
        if let Some(instance) = without_port::chosen(&sending) {
            let headers = self.headers(request.headers());
            let headers = headers.ok_or(RequestFailure::FormUnreadable)?;
            let sent = without_port::send(sending, instance, self.seal, headers, request).await;
            let (status, answer) = sent?;
            return self.read(status, &HeaderMap::new(), &answer);
        }
        let expects = upstream::expects_continue(&request);
        let request = self.request(request).ok_or(RequestFailure::FormUnreadable)?;
        let sent = send(&sending, request, expects).await;
        let sent = sent.map_err(|failure| match failure {
            RequestFailure::TooLarge => self.too_large(most),
            other => other.of_form(),
        })?;
        let (head, body) = sent.response.into_parts();
        let body = bodies::read(Body::new(body), MAX_ANSWER_BYTES).await;
        let body = body.map_err(|error| self.unclear(&error.to_string()))?;
        self.read(head.status, &head.headers, &body)
    }

    /// The request for the owner. `None`: the seal makes no address.
    fn request(&self, request: Request<Body>) -> Option<Request<Body>> {
        let path = self.gateway.action_path();
        let target = [path.as_str(), "?", SEAL_PARAMETER, "=", self.seal].concat();
        let target = PathAndQuery::try_from(target).ok()?;
        let (visitors, body) = request.into_parts();
        let mut headers = self.headers(&visitors.headers)?;
        for name in [CONTENT_TYPE, CONTENT_LENGTH] {
            let value = visitors.headers.get(&name).cloned();
            headers.extend(value.map(|value| (name, value)));
        }
        if !body.is_end_stream() && !headers.contains_key(CONTENT_LENGTH) {
            headers.insert(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        }
        let call = Call {
            to: &self.service.name,
            method: &Method::POST,
            path: target.as_str(),
            body: &[],
        };
        if let Some(signer) = self.gateway.signer() {
            headers.extend(signer.sign_streamed(GATEWAY, call, SystemTime::now())?);
        }
        let mut request = Request::new(body);
        *request.method_mut() = Method::POST;
        *request.uri_mut() = target.into();
        *request.headers_mut() = headers;
        Some(request)
    }

    /// What the owner learns of the visitor and of the trace. `None`: the session fits into no header.
    fn headers(&self, visitors: &HeaderMap) -> Option<HeaderMap> {
        // As many as the owner gets, so that the map does not grow.
        let mut headers = HeaderMap::with_capacity(12);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.extend(cookies::travelling(visitors).map(|cookies| (COOKIE, cookies)));
        if let Some(session) = &self.session {
            headers.insert(HYDRA_SESSION, session.to_header()?);
        }
        observe::with_current(|record| headers.extend(record.trace().headers()));
        Some(headers)
    }

    /// Refuses a form with more than `most` bytes.
    fn too_large(&self, most: u64) -> RequestFailure {
        let service = &*self.service.name;
        tracing::warn!(
            service,
            most,
            "a form is too long: `max_form` allows so many bytes, or `max_body` of the `[[route]]` of its page"
        );
        RequestFailure::TooLarge
    }

    fn read(&self, status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Result<ActionAnswer, NoAnswer> {
        if status == StatusCode::OK {
            return bodies::read_json(body).map_err(|reason| self.unclear(&reason).into());
        }
        let said: ActionFailure = serde_json::from_slice(body).unwrap_or_default();
        let (service, reason) = (&*self.service.name, cut(&said.reason));
        tracing::warn!(service, %status, reason, "a form was not handled");
        // A signature that the owner does not accept: no visitor can help that.
        let is_unsigned = status == StatusCode::UNAUTHORIZED && headers.contains_key(WWW_AUTHENTICATE);
        let failure = match is_unsigned {
            true => RequestFailure::FormUnsent,
            false => FormFailure::of_owner(status, said.refused).into(),
        };
        let ActionFailure {
            reference, action, ..
        } = said;
        let form = (!reference.is_empty()).then_some(FormName { reference, action });
        Err(NoAnswer { failure, form })
    }

    /// The failure of an answer that can't be used.
    fn unclear(&self, reason: &str) -> RequestFailure {
        let (service, reason) = (&*self.service.name, cut(reason));
        tracing::warn!(service, reason, "the answer to a form can't be read");
        RequestFailure::FormUnclear
    }
}
