//! The settings of a gateway that hold for pages which its own process renders, too: rates, requests in flight, timeouts of routes,
//! and compression.

use std::{future::Future, sync::Arc, time::Duration};

use axum::response::Response;
use http::{HeaderValue, header::ACCEPT, request::Parts};
use hydra_runtime_net::proxies::TrustedProxies;

use crate::{
    ConfigError, Gateway, GatewayConfig,
    edge::{
        compress::Compression,
        error_pages::{self, ErrorPages},
        failure::RequestFailure,
        in_flight::{Full, InFlight, Place},
    },
    measures,
    route_rules::RouteRules,
};

/// The limits on requests that the settings state. Pages and what is passed on to services share them.
pub(crate) struct Limits {
    pub(crate) rules: RouteRules,
    /// `None`: any number of requests may be in flight.
    pub(crate) in_flight: Option<InFlight>,
}

impl Limits {
    /// The limits of a checked configuration.
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        Self {
            rules: RouteRules::new(config),
            in_flight: config.max_requests.map(|max| {
                let max = usize::try_from(max.get()).unwrap_or(usize::MAX);
                InFlight::new(max, config.max_queue, config.queue_timeout)
            }),
        }
    }

    /// Waits for a place, if their number is limited.
    pub(crate) async fn place(&self) -> Result<Option<Place>, RequestFailure> {
        let Some(in_flight) = &self.in_flight else {
            return Ok(None);
        };
        match in_flight.enter().await {
            Ok(place) => Ok(Some(place)),
            Err(Full) => Err(measures::refused(RequestFailure::Full)),
        }
    }
}

/// The limits of a gateway for pages in the same process. Clones count together.
#[derive(Clone)]
pub struct PageLimits {
    limits: Arc<Limits>,
    proxies: TrustedProxies,
}

impl Gateway {
    /// The gateway's limits for pages in the same process.
    #[must_use]
    pub fn page_limits(&self) -> PageLimits {
        PageLimits {
            limits: Arc::clone(&self.shared.settings.limits),
            proxies: self.config().trusted_proxies.clone(),
        }
    }
}

impl PageLimits {
    /// The limits of these settings, for pages in a process without a gateway.
    ///
    /// # Errors
    /// A limit or a route is wrong.
    pub fn new(config: &GatewayConfig) -> Result<Self, ConfigError> {
        config.check_limits()?;
        config.check_response_headers()?;
        measures::describe_limits();
        Ok(Self {
            limits: Arc::new(Limits::new(config)),
            proxies: config.trusted_proxies.clone(),
        })
    }

    /// Admits a request for a page of `service`, and waits for a place if their number is limited.
    ///
    /// # Errors
    /// A page of `pages`: 429 beyond a rate, 503 if too many requests are in flight.
    pub async fn admit(
        &self,
        request: &Parts,
        service: &str,
        pages: &ErrorPages,
    ) -> Result<PagePermit, Box<Response>> {
        let accept = request.headers.get(ACCEPT);
        let failed = |failure| Box::new(error_pages::response(failure, accept, pages));
        self.count(request, service).map_err(failed)?;
        let place = self.limits.place().await.map_err(failed)?;
        let limit = self.limits.rules.own_timeout(request.uri.path(), service);
        Ok(PagePermit {
            place,
            limit: limit.map(|limit| (limit, accept.cloned())),
        })
    }

    /// How the response to a request for a page of `service` is compressed.
    #[must_use]
    pub fn compression(&self, request: &Parts, service: &str) -> PageCompression {
        let compresses = self.limits.rules.compresses(request.uri.path(), service);
        PageCompression(compresses.then(|| Compression::of(&request.headers)))
    }

    fn count(&self, request: &Parts, service: &str) -> Result<(), RequestFailure> {
        let rules = &self.limits.rules;
        if !rules.has_limits() {
            return Ok(());
        }
        let origin = self.proxies.origin_of(&request.extensions, &request.headers);
        // A request without a connection comes from a test.
        let Some(client) = origin.address else {
            return Ok(());
        };
        let path = request.uri.path();
        let admitted = rules.admit(path, client);
        admitted
            .and_then(|()| rules.admit_to(service, path, client))
            .map_err(measures::refused)
    }
}

/// The compression of one page, if the settings say that there is any.
pub struct PageCompression(Option<Compression>);

impl PageCompression {
    /// The response, compressed if the visitor accepts that and nothing speaks against it. The caller has added all headers
    /// to it that say so, such as `Set-Cookie`.
    pub async fn apply(self, response: Response) -> Response {
        match self.0 {
            // Boxed: most responses are not compressed, and need no room for it.
            Some(compression) => Box::pin(compression.apply(response)).await,
            None => response,
        }
    }
}

impl std::fmt::Debug for PageCompression {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PageCompression").finish_non_exhaustive()
    }
}

/// The permit of one request for a page.
#[derive(Debug)]
pub struct PagePermit {
    place: Option<Place>,
    /// How long the answer may take to begin, and which formats the visitor accepts.
    limit: Option<(Duration, Option<HeaderValue>)>,
}

impl PagePermit {
    /// Does `work`, which answers the request. A page of `pages` takes its place, with 504, if the `response_timeout` of
    /// the route is over before the answer begins. Without one, a page has only its own deadline.
    pub async fn answer(self, pages: &ErrorPages, work: impl Future<Output = Response>) -> Response {
        let response = match self.limit {
            None => work.await,
            Some((limit, accept)) => match tokio::time::timeout(limit, work).await {
                Ok(response) => response,
                Err(_) => return error_pages::response(RequestFailure::Late, accept.as_ref(), pages),
            },
        };
        match self.place {
            Some(place) => place.until_end_of(response),
            None => response,
        }
    }
}
