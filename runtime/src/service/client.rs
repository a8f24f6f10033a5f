//! Calls to the gateway: JSON there, JSON back, over a few connections that stay open.

use std::{
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::{Duration, SystemTime},
};

use bytes::Bytes;
use http::{
    HeaderMap, HeaderValue, Method, Request, Response, StatusCode, Uri,
    header::{AUTHORIZATION, CONTENT_TYPE},
    uri::{PathAndQuery, Scheme},
};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_util::{
    client::legacy::{Client as Pool, connect::HttpConnector},
    rt::{TokioExecutor, TokioTimer},
};
use serde::{Serialize, de::DeserializeOwned};
use tokio::time::timeout;

use crate::signing::Signer;

/// How long a connection may stay idle: shorter than servers keep theirs.
const IDLE: Duration = Duration::from_secs(20);
/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(1);
/// A gateway always answers within this time. One that did not is away.
const ANSWERS_WITHIN: Duration = Duration::from_secs(2);
/// How much of an answer that is an error is kept, in characters.
const MAX_REASON: usize = 300;

/// Calls the gateway, or one of several that share a registry: the next one where the present one is away.
pub(crate) struct Client {
    /// At least one.
    gateways: Vec<Uri>,
    /// The number of the one that is called.
    present: AtomicUsize,
    pool: Pool<HttpConnector, Full<Bytes>>,
    /// Signs the calls, in the name of this service. `None`: they are not signed.
    signer: Option<(Arc<Signer>, String)>,
}

/// The bounds of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// How long the answer may take.
    pub(crate) time: Duration,
    /// How large it may be, in bytes.
    pub(crate) size: usize,
}

/// A call, for whichever gateway takes it.
struct Call {
    method: Method,
    path: PathAndQuery,
    body: Bytes,
    headers: HeaderMap,
}

/// A call came to nothing.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ClientError {
    /// No connection, or it broke.
    #[error("the gateway can't be reached: {0}")]
    Connection(String),
    /// No answer in time.
    #[error("the gateway did not answer within {0:?}")]
    Late(Duration),
    /// Another status than 200, and what it said.
    #[error("the gateway answered {0}: {1}")]
    Status(StatusCode, String),
    /// A call that can't be made, or an answer that is too large, broken off or not what it should be.
    #[error("the call or its answer can't be used: {0}")]
    Nonsense(String),
}

impl Client {
    /// A client of these gateways, each a scheme and an authority. `None` where there are none.
    pub(crate) fn new(gateways: Vec<Uri>) -> Option<Self> {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let pool = Pool::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .build(connector);
        (!gateways.is_empty()).then(|| Self {
            gateways,
            present: AtomicUsize::default(),
            pool,
            signer: None,
        })
    }

    /// The same, which signs its calls in the name of `service`.
    pub(crate) fn signed(mut self, signer: Arc<Signer>, service: &str) -> Self {
        self.signer = Some((signer, service.to_owned()));
        self
    }

    /// Where the gateway is that is called at present.
    pub(crate) fn gateway(&self) -> &Uri {
        &self.gateways[self.present.load(Relaxed)]
    }

    /// Goes on to the next gateway, unless another call did so already.
    fn leave(&self, away: usize) {
        let next = (away + 1) % self.gateways.len();
        // Where it fails, another call was faster.
        let _ = self.present.compare_exchange(away, next, Relaxed, Relaxed);
    }

    /// Posts `body` to `path`, with `headers`.
    pub(crate) async fn post<A: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
        headers: HeaderMap,
        bounds: Bounds,
    ) -> Result<A, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Nonsense(error.to_string()))?;
        let mut headers = headers;
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let call = Call {
            method: Method::POST,
            path: self.path(path)?,
            body: body.into(),
            headers,
        };
        self.answer(call, bounds).await
    }

    /// Gets `path`. It is signed as a call without a body.
    pub(crate) async fn get<A: DeserializeOwned>(
        &self,
        path: &str,
        bounds: Bounds,
    ) -> Result<A, ClientError> {
        let call = Call {
            method: Method::GET,
            path: self.path(path)?,
            body: Bytes::new(),
            headers: HeaderMap::new(),
        };
        self.answer(call, bounds).await
    }

    async fn answer<A: DeserializeOwned>(&self, call: Call, bounds: Bounds) -> Result<A, ClientError> {
        let asked = self.present.load(Relaxed);
        let answer = timeout(bounds.time, self.exchange(&call, bounds.size)).await;
        let answer = answer.map_err(|_| {
            if bounds.time >= ANSWERS_WITHIN {
                self.leave(asked);
            }
            ClientError::Late(bounds.time)
        })??;
        serde_json::from_slice(&answer).map_err(|error| ClientError::Nonsense(error.to_string()))
    }

    fn path(&self, path: &str) -> Result<PathAndQuery, ClientError> {
        PathAndQuery::try_from(path).map_err(|error| ClientError::Nonsense(error.to_string()))
    }

    fn request(&self, gateway: &Uri, call: &Call) -> Result<Request<Full<Bytes>>, ClientError> {
        let mut parts = gateway.clone().into_parts();
        parts.scheme = Some(Scheme::HTTP);
        parts.path_and_query = Some(call.path.clone());
        let uri = Uri::from_parts(parts).map_err(|error| ClientError::Nonsense(error.to_string()))?;
        let signature = match &self.signer {
            Some((signer, service)) => {
                let signature = signer.sign(service, &call.body, SystemTime::now());
                Some(signature.ok_or_else(|| ClientError::Nonsense("it can't be signed".to_owned()))?)
            }
            None => None,
        };
        let mut request = Request::new(Full::from(call.body.clone()));
        *request.method_mut() = call.method.clone();
        *request.uri_mut() = uri;
        request.headers_mut().clone_from(&call.headers);
        if let Some(signature) = signature {
            request.headers_mut().insert(AUTHORIZATION, signature);
        }
        Ok(request)
    }

    /// Sends a call to the first gateway, from the present one on, to which a connection can be made.
    async fn send(&self, call: &Call) -> Result<Response<Incoming>, ClientError> {
        let mut turn = 1;
        loop {
            let asked = self.present.load(Relaxed);
            // Each time anew: no gateway takes a signature twice.
            let request = self.request(&self.gateways[asked], call)?;
            let error = match self.pool.request(request).await {
                Ok(response) => return Ok(response),
                Err(error) => error,
            };
            self.leave(asked);
            // What may have arrived is not sent twice.
            if !error.is_connect() || turn >= self.gateways.len() {
                return Err(ClientError::Connection(deepest(&error)));
            }
            turn += 1;
        }
    }

    async fn exchange(&self, call: &Call, most: usize) -> Result<Bytes, ClientError> {
        let response = self.send(call).await?;
        let status = response.status();
        let body = Limited::new(response.into_body(), most).collect().await;
        let body = body
            .map_err(|error| ClientError::Nonsense(error.to_string()))?
            .to_bytes();
        if status != StatusCode::OK {
            let reason = String::from_utf8_lossy(&body).chars().take(MAX_REASON).collect();
            return Err(ClientError::Status(status, reason));
        }
        Ok(body)
    }
}

/// The cause of a cause: the pool's own text says no more than "client error".
fn deepest(error: &(dyn Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |&error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}
