//! Calls to the gateway, with JSON in both directions, over a few connections that stay open.

use std::{
    error::Error,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri,
    header::CONTENT_TYPE,
    uri::{PathAndQuery, Scheme},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hydra_runtime_net::channel::Link;
use hydra_runtime_wire::{
    headers::{AWAY, REGISTRY},
    signing::{Call, GATEWAY, Signatures, Signer},
};
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::{Instant, timeout};

use crate::limits::{GATEWAY_CONNECT_TIMEOUT, GATEWAY_IDLE_TIMEOUT, MAX_GATEWAY_REASON_CHARS};

/// Calls one of the gateways, and the next one where that can't be reached.
pub(crate) struct Client {
    /// Never empty.
    gateways: Vec<Uri>,
    /// The index of the gateway in use. It grows without limit, and counts modulo the number of gateways.
    current: AtomicUsize,
    /// Which of the gateways speak protocol 1, as far as their answers to registrations told.
    speaks_1: Box<[AtomicBool]>,
    pool: Pool<HttpConnector, Full<Bytes>>,
    /// The open channel. The lock is held for a moment, never across an await.
    link: RwLock<Option<Arc<dyn Link>>>,
    /// Signs the calls in the name of this service. `None`: they are not signed.
    signer: Option<(Arc<Signer>, String)>,
}

/// The limits of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CallLimits {
    /// How long the answer may take.
    pub(crate) time: Duration,
    /// How large the answer may be, in bytes.
    pub(crate) size: usize,
}

/// The answer to a call.
#[derive(Debug)]
pub(crate) struct GatewayAnswer<A> {
    pub(crate) body: A,
    /// Whether the gateway tells that it is cut off from the registry that it shares with others.
    pub(crate) is_cut_off: bool,
}

/// A call failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// There is no connection, so that the gateway has not seen the call.
    #[error("the gateway can't be reached: {0}")]
    Unreached(String),
    /// The connection broke. The gateway may have seen the call, and may be acting on it.
    #[error("the gateway broke off: {0}")]
    Broken(String),
    /// The answer did not come in time.
    #[error("the gateway did not answer within {0:?}")]
    Late(Duration),
    /// The gateway answered with another status than 200, and this body.
    #[error("the gateway answered {0}: {1}")]
    Status(StatusCode, String),
    /// The call can't be made, or the answer is too large, broken off or not what it should be.
    #[error("the call or its answer can't be used: {0}")]
    Nonsense(String),
}

impl ClientError {
    /// Whether the next call should go to another gateway.
    pub(crate) fn is_away(&self) -> bool {
        match self {
            Self::Unreached(_) | Self::Broken(_) => true,
            Self::Status(status, _) => status.is_server_error(),
            Self::Late(_) | Self::Nonsense(_) => false,
        }
    }

    /// Whether the gateway certainly did nothing, so that the call may be repeated at another gateway. Of all statuses,
    /// only 503 guarantees that: others may come from a proxy that has passed the call on.
    fn is_undone(&self) -> bool {
        matches!(
            self,
            Self::Unreached(_) | Self::Status(StatusCode::SERVICE_UNAVAILABLE, _)
        )
    }
}

impl Client {
    /// A client of `gateways`, each a scheme and an authority. `None`: the list is empty.
    pub(crate) fn new(gateways: Vec<Uri>) -> Option<Self> {
        if gateways.is_empty() {
            return None;
        }
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(GATEWAY_CONNECT_TIMEOUT));
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(GATEWAY_IDLE_TIMEOUT)
            .build(connector);
        Some(Self {
            speaks_1: gateways.iter().map(|_| AtomicBool::new(false)).collect(),
            gateways,
            current: AtomicUsize::new(0),
            pool,
            link: RwLock::default(),
            signer: None,
        })
    }

    /// Signs the calls in the name of `service`.
    pub(crate) fn signed(mut self, signer: Arc<Signer>, service: &str) -> Self {
        self.signer = Some((signer, service.to_owned()));
        self
    }

    /// The open channel to the gateway in use, if there is one.
    pub(crate) fn link(&self) -> Option<Arc<dyn Link>> {
        let link = self.link.read().unwrap_or_else(PoisonError::into_inner);
        link.clone()
    }

    /// Uses this channel for calls, or none.
    pub(super) fn use_link(&self, link: Option<Arc<dyn Link>>) {
        *self.link.write().unwrap_or_else(PoisonError::into_inner) = link;
    }

    /// What signs the calls. `None`: they are not signed.
    pub(super) fn signer(&self) -> Option<Arc<Signer>> {
        self.signer.as_ref().map(|(signer, _)| signer.clone())
    }

    /// The signatures of a call to the gateway. `None`: calls are not signed.
    pub(super) fn signatures(&self, call: Call<'_>) -> Option<Signatures> {
        let (signer, service) = self.signer.as_ref()?;
        signer.sign(service, call, SystemTime::now())
    }

    /// The gateway in use.
    pub(crate) fn gateway(&self) -> &Uri {
        &self.gateways[self.index() % self.gateways.len()]
    }

    /// Whether the gateway in use speaks protocol 1.
    pub(crate) fn is_at_protocol_1(&self) -> bool {
        self.speaks_1[self.index() % self.gateways.len()].load(Relaxed)
    }

    /// Remembers whether the gateway with this index speaks protocol 1. Returns whether that is new.
    pub(crate) fn found_protocol_1(&self, index: usize, speaks_1: bool) -> bool {
        self.speaks_1[index % self.gateways.len()].swap(speaks_1, Relaxed) != speaks_1
    }

    /// How many gateways there are.
    pub(crate) fn count(&self) -> usize {
        self.gateways.len()
    }

    /// The index of the gateway in use, for [`Client::leave`].
    pub(crate) fn index(&self) -> usize {
        self.current.load(Relaxed)
    }

    /// Switches to the next gateway. Of several callers that fail at the same gateway, only the first has an effect.
    pub(crate) fn leave(&self, index: usize) {
        // Another caller may have switched already.
        let _ = self
            .current
            .compare_exchange(index, index.wrapping_add(1), Relaxed, Relaxed);
    }

    /// Like [`Client::post`], but repeats the call at the next gateway, once at each, where a gateway certainly did
    /// nothing, all within the time in `limits`. A call that a gateway may have seen is not repeated, but the next call
    /// goes to another gateway.
    pub(crate) async fn post_anywhere<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        headers: &HeaderMap,
        limits: CallLimits,
    ) -> Result<A, ClientError> {
        let until = Instant::now() + limits.time;
        let mut tries = 1;
        loop {
            let index = self.index();
            let time = until.saturating_duration_since(Instant::now());
            let answer = self
                .post(path, body, headers.clone(), CallLimits { time, ..limits })
                .await;
            let error = match answer {
                Ok(answer) => return Ok(answer),
                Err(ClientError::Late(_)) => return Err(ClientError::Late(limits.time)),
                Err(error) => error,
            };
            if error.is_away() {
                self.leave(index);
            }
            if tries == self.count() || !error.is_undone() {
                return Err(error);
            }
            tries += 1;
        }
    }

    /// Like [`Client::ask`], for callers that do not need the state of the gateway.
    pub(crate) async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        headers: HeaderMap,
        limits: CallLimits,
    ) -> Result<A, ClientError> {
        self.ask(path, body, headers, limits)
            .await
            .map(|answer| answer.body)
    }

    /// Posts a text to `path`, as clients of protocol 1 do: without a signature. Only the status of the answer counts.
    pub(crate) async fn post_text(
        &self,
        path: &str,
        text: &str,
        limits: CallLimits,
    ) -> Result<(), ClientError> {
        let mut request = self.unsigned(path, text.as_bytes().to_vec(), HeaderMap::new())?;
        let kind = HeaderValue::from_static("text/plain;charset=UTF-8");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        *request.method_mut() = Method::POST;
        let answer = timeout(limits.time, self.exchange(request, limits.size)).await;
        answer.map_err(|_| ClientError::Late(limits.time))?.map(drop)
    }

    /// Posts `body` to `path` without a signature.
    pub(crate) async fn post_unsigned<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        limits: CallLimits,
    ) -> Result<A, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Nonsense(error.to_string()))?;
        let mut request = self.unsigned(path, body, HeaderMap::new())?;
        let kind = HeaderValue::from_static("application/json");
        request.headers_mut().insert(CONTENT_TYPE, kind);
        *request.method_mut() = Method::POST;
        self.answer(request, limits).await.map(|answer| answer.body)
    }

    /// Posts `body` to `path`, with `headers`.
    pub(crate) async fn ask<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        headers: HeaderMap,
        limits: CallLimits,
    ) -> Result<GatewayAnswer<A>, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Nonsense(error.to_string()))?;
        let mut request = self.request(Method::POST, path, body, headers)?;
        request
            .headers_mut()
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.answer(request, limits).await
    }

    /// Gets `path`. The call is signed like one without a body.
    pub(crate) async fn get<A: DeserializeOwned>(
        &self,
        path: &str,
        limits: CallLimits,
    ) -> Result<A, ClientError> {
        let request = self.request(Method::GET, path, Vec::new(), HeaderMap::new())?;
        self.answer(request, limits).await.map(|answer| answer.body)
    }

    async fn answer<A: DeserializeOwned>(
        &self,
        request: Request<Full<Bytes>>,
        limits: CallLimits,
    ) -> Result<GatewayAnswer<A>, ClientError> {
        let answer = timeout(limits.time, self.exchange(request, limits.size)).await;
        let GatewayAnswer { body, is_cut_off } = answer.map_err(|_| ClientError::Late(limits.time))??;
        let body = serde_json::from_slice(&body).map_err(|error| ClientError::Nonsense(error.to_string()))?;
        Ok(GatewayAnswer { body, is_cut_off })
    }

    fn request(
        &self,
        method: Method,
        path: &str,
        body: Vec<u8>,
        headers: HeaderMap,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let signatures = match &self.signer {
            Some((signer, service)) => {
                let call = Call {
                    to: GATEWAY,
                    method: &method,
                    path,
                    body: &body,
                };
                let signatures = signer.sign(service, call, SystemTime::now());
                Some(signatures.ok_or_else(|| ClientError::Nonsense("it can't be signed".to_owned()))?)
            }
            None => None,
        };
        let mut request = self.unsigned(path, body, headers)?;
        *request.method_mut() = method;
        request.headers_mut().extend(signatures.into_iter().flatten());
        Ok(request)
    }

    fn unsigned(
        &self,
        path: &str,
        body: Vec<u8>,
        headers: HeaderMap,
    ) -> Result<Request<Full<Bytes>>, ClientError> {
        let nonsense = |error: http::Error| ClientError::Nonsense(error.to_string());
        let path = PathAndQuery::try_from(path).map_err(|error| nonsense(error.into()))?;
        let mut parts = self.gateway().clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.path_and_query = Some(path);
        let uri = Uri::from_parts(parts).map_err(|error| nonsense(error.into()))?;
        let mut request = Request::new(Full::from(body));
        *request.uri_mut() = uri;
        *request.headers_mut() = headers;
        Ok(request)
    }

    async fn exchange(
        &self,
        request: Request<Full<Bytes>>,
        most: usize,
    ) -> Result<GatewayAnswer<Bytes>, ClientError> {
        let response = self.pool.request(request).await.map_err(|error| {
            let reason = deepest(&error);
            match error.is_connect() {
                true => ClientError::Unreached(reason),
                false => ClientError::Broken(reason),
            }
        })?;
        let status = response.status();
        let is_cut_off = response.headers().get(REGISTRY) == Some(&AWAY);
        let body = Limited::new(response.into_body(), most).collect().await;
        let body = body
            .map_err(|error| ClientError::Nonsense(error.to_string()))?
            .to_bytes();
        if status != StatusCode::OK {
            let reason = String::from_utf8_lossy(&body)
                .chars()
                .take(MAX_GATEWAY_REASON_CHARS)
                .collect();
            return Err(ClientError::Status(status, reason));
        }
        Ok(GatewayAnswer { body, is_cut_off })
    }
}

/// The innermost cause, because the outer error only reads "client error".
fn deepest(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}
