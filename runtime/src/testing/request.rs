//! A request that a test sends: what it gives, and how it is sent.

use std::{
    future::{Future, IntoFuture},
    panic::Location,
};

use axum::body::{Body, to_bytes};
use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, Request, header::COOKIE, response::Parts};
use hydra_contract::FragmentContract;
use hydra_runtime_net::fragment_source::Caller;
use hydra_runtime_wire::{Attributes, ResolvedFragment};
use serde::Serialize;
use serde_json::Value;
use tower::ServiceExt as _;

use super::{
    TestApp,
    asked::Asked,
    document::{Document, DocumentKind},
    error::{Error, Problem},
    exchange::Exchange,
    given::{self, Content, Given},
    response::{TestFragment, TestPage},
    user::TestUser,
};
use crate::{
    app::{misfit, travelling},
    limits::MAX_TEST_RESPONSE_BYTES,
    page::FragmentCall,
};

/// A request of a test. `await` sends it: a [`Visit`] leads to a [`TestPage`], a [`Call`] to a [`TestFragment`], and
/// a [`FormPost`](super::FormPost) to a [`TestForm`](super::TestForm).
#[must_use = "a request is sent when it is awaited"]
pub struct TestRequest<'a, K> {
    pub(super) app: &'a TestApp,
    pub(super) kind: K,
    pub(super) given: Vec<Given>,
    pub(super) user: Option<TestUser>,
    /// The place in the test.
    pub(super) place: &'static Location<'static>,
}

/// The request of a visitor's browser, for a page or another path of the application.
pub struct Visit(pub(super) Result<Request<Body>, Problem>);

/// The call of a fragment that the application offers.
pub struct Call {
    pub(super) reference: &'static str,
    /// The imports, or why they can't be sent.
    pub(super) imports: Result<Attributes, Problem>,
}

impl<'a, K> TestRequest<'a, K> {
    pub(super) fn new(app: &'a TestApp, kind: K, place: &'static Location<'static>) -> Self {
        Self {
            app,
            kind,
            given: Vec::new(),
            user: None,
            place,
        }
    }

    /// Gives a fragment of another service: its HTML, and its exports under the fragment's own names, as an object such as `json!({…})`,
    /// or `()` for none. A fragment that is not given is away.
    ///
    /// Sending the request is an error if no tag takes one of the exports, if the contract gives one another type, or if the fragment is not
    /// asked for.
    #[track_caller]
    pub fn fragment(
        mut self,
        service: impl Into<String>,
        reference: impl Into<String>,
        html: impl Into<String>,
        exports: impl Serialize,
    ) -> Self {
        let content = Content {
            html: html.into(),
            exports: serde_json::to_value(exports).map_err(|error| error.to_string()),
        };
        self.give(
            service.into(),
            reference.into(),
            Some(content),
            Location::caller(),
        );
        self
    }

    /// States that a fragment of another service is away, as while no instance of the service is active. Sending the request is an
    /// error if the fragment is not asked for.
    #[track_caller]
    pub fn away(mut self, service: impl Into<String>, reference: impl Into<String>) -> Self {
        self.give(service.into(), reference.into(), None, Location::caller());
        self
    }

    fn give(
        &mut self,
        service: String,
        reference: String,
        content: Option<Content>,
        place: &'static Location<'static>,
    ) {
        self.given.push(Given {
            service,
            reference,
            content,
            place,
        });
    }

    /// Sends the request for a user who is logged in.
    pub fn user(mut self, user: TestUser) -> Self {
        self.user = Some(user);
        self
    }

    /// Runs `request`, and compares what it asks for with what the test gives. `name` is how errors call it.
    pub(super) async fn run<F: Future>(
        app: &TestApp,
        given: Vec<Given>,
        name: &str,
        request: F,
    ) -> Result<(F::Output, Vec<Asked>), Error> {
        let context = &app.context;
        let checked = given::check(given, &context.service, &context.contract.asks)?;
        let (output, asked, exchange) = Exchange::new(checked).run(request).await;
        exchange.given().all_asked(name, &asked, |service, reference| {
            let is_lazy = context.engine.now().has_lazy(service, reference);
            is_lazy.then(|| "its tag is lazy, so that the browser asks for it later".to_owned())
        })?;
        Ok((output, asked))
    }

    /// Sends the request of a visitor. Returns the head and the HTML of its response, and what it asked for.
    pub(super) async fn visit(
        app: &TestApp,
        given: Vec<Given>,
        name: &str,
        request: Request<Body>,
        place: &'static Location<'static>,
    ) -> Result<((Parts, String), Vec<Asked>), Error> {
        let exchange = async {
            let Ok(response) = app.router.clone().oneshot(request).await;
            let (head, body) = response.into_parts();
            // The rest of a page asks for fragments too.
            (head, to_bytes(body, MAX_TEST_RESPONSE_BYTES).await)
        };
        let ((head, body), asked) = Self::run(app, given, name, exchange).await?;
        let body = body.map_err(|error| error.to_string());
        let html = body.and_then(|body| String::from_utf8(body.into()).map_err(|error| error.to_string()));
        let html = html.map_err(|reason| {
            let request = name.to_owned();
            Problem::Response { request, reason }.at(place)
        })?;
        Ok(((head, html), asked))
    }
}

impl TestRequest<'_, Visit> {
    /// Sets a header of the request, in place of one with the same name.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        if let Ok(request) = &mut self.kind.0 {
            let header = HeaderName::try_from(name).map_err(|error| error.to_string());
            let value = HeaderValue::try_from(value).map_err(|error| error.to_string());
            match header.and_then(|header| Ok((header, value?))) {
                Ok((header, value)) => _ = request.headers_mut().insert(header, value),
                Err(reason) => {
                    let name = name.to_owned();
                    self.kind.0 = Err(Problem::Header { name, reason });
                }
            }
        }
        self
    }

    async fn send(self) -> Result<TestPage, Error> {
        let (app, place) = (self.app, self.place);
        let mut request = self.kind.0.map_err(|problem| problem.at(place))?;
        if let Some(user) = self.user {
            request.headers_mut().append(COOKIE, app.log_in(user));
        }
        let name = format!("`{} {}`", request.method(), request.uri());
        let ((head, html), asked) = Self::visit(app, self.given, &name, request, place).await?;
        let document = Document {
            name: format!("the response to {name}, {}", head.status),
            html,
            kind: DocumentKind::Page,
        };
        Ok(TestPage::new(name, head.status, head.headers, document, asked))
    }
}

impl TestRequest<'_, Call> {
    async fn send(self) -> Result<TestFragment, Error> {
        let (app, place, reference) = (self.app, self.place, self.kind.reference);
        let imports = self.kind.imports.map_err(|problem| problem.at(place))?;
        let mut caller = Caller::default();
        if let Some(user) = self.user {
            let cookies = http::HeaderMap::from_iter([(COOKIE, app.log_in(user))]);
            caller.headers = travelling(&cookies);
        }
        let context = &app.context;
        let contract = context.contract.fragments.get(reference);
        let exports = contract.into_iter().flat_map(|contract| contract.exports.keys());
        let call = FragmentCall {
            reference: reference.to_owned(),
            imports,
            exports: exports.cloned().collect(),
            caller,
            local: Some(context.local.clone()),
            source: context.source.clone(),
            ..FragmentCall::default()
        };
        let name = format!("the fragment `{reference}`");
        let engine = context.engine.now();
        let (answer, asked) = Self::run(app, self.given, &name, engine.fragment(call)).await?;
        let fragment = answer.fragment;
        check_exports(reference, contract, &fragment).map_err(|problem| problem.at(place))?;
        Ok(TestFragment::new(reference, fragment, asked))
    }
}

/// Compares the exports of a fragment with its contract.
fn check_exports(
    reference: &str,
    contract: Option<&FragmentContract>,
    fragment: &ResolvedFragment,
) -> Result<(), Problem> {
    let exports = contract.into_iter().flat_map(|contract| &contract.exports);
    for (export, wanted) in exports {
        let value = fragment.exports.get(export).unwrap_or(&Value::Null);
        let misfit = (!value.is_null()).then(|| misfit(wanted, value)).flatten();
        if let Some(misfit) = misfit {
            return Err(Problem::ExportType {
                name: reference.to_owned(),
                export: export.clone(),
                misfit,
            });
        }
    }
    Ok(())
}

impl<'a> IntoFuture for TestRequest<'a, Visit> {
    type Output = Result<TestPage, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl<'a> IntoFuture for TestRequest<'a, Call> {
    type Output = Result<TestFragment, Error>;
    type IntoFuture = BoxFuture<'a, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
