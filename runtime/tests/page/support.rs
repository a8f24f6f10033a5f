//! Sources and handlers whose answers the test gives by hand.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, OnceLock},
};

use axum::{body::Body, response::Response};
use futures_util::{StreamExt, future::BoxFuture, stream, stream::BoxStream};
use http_body_util::BodyExt;
use hydra_contract::{Insertion, Plan};
use hydra_runtime::{
    fragment_source::{Caller, FragmentSource, LocalAnswer, LocalCall, LocalError, LocalFragments},
    page::{Engine, Options, PageRequest, PageVisitor},
    wire::{FragmentRequest, FragmentsRequest, ResolvedFragment, ResolvedFragments},
};
use serde_json::Value;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use crate::plans;

/// An engine of the service `storefront`.
pub(crate) fn engine(templates: &[(&str, &str)], sites: impl IntoIterator<Item = Insertion>) -> Engine {
    engine_with(plans::plan(templates, sites), |_| ())
}

/// The same with other options.
pub(crate) fn engine_with(plan: Plan, change: impl FnOnce(&mut Options)) -> Engine {
    let mut options = Options::new("storefront");
    change(&mut options);
    Engine::new(plan, options, |_| ()).unwrap()
}

/// A request for `page.html`.
pub(crate) fn request(context: tera::Context, source: Option<Source>) -> PageRequest {
    PageRequest {
        template: "page.html".to_owned(),
        context,
        visitor: PageVisitor {
            source: source.map(|source| Arc::new(source) as Arc<dyn FragmentSource>),
            ..PageVisitor::default()
        },
        ..PageRequest::default()
    }
}

/// The text of a whole response.
pub(crate) async fn text(response: Response) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The next piece of a body.
pub(crate) async fn piece(body: &mut Body) -> Option<String> {
    let frame = body.frame().await?.unwrap();
    Some(String::from_utf8(frame.into_data().unwrap().to_vec()).unwrap())
}

/// A batch that waits for the test.
pub(crate) struct Batch {
    pub(crate) request: FragmentsRequest,
    pub(crate) caller: Caller,
    answers: UnboundedSender<ResolvedFragments>,
}

/// Hands each batch to the test.
#[derive(Clone)]
pub(crate) struct Source(UnboundedSender<Batch>);

/// A source, and the batches that reach it.
pub(crate) fn source() -> (Source, UnboundedReceiver<Batch>) {
    let (sender, receiver) = unbounded_channel();
    (Source(sender), receiver)
}

impl FragmentSource for Source {
    fn resolve(&self, request: FragmentsRequest, caller: Caller) -> BoxStream<'static, ResolvedFragments> {
        let (answers, mut received) = unbounded_channel();
        self.0
            .send(Batch {
                request,
                caller,
                answers,
            })
            .ok();
        stream::poll_fn(move |cx| received.poll_recv(cx)).boxed()
    }
}

impl Batch {
    pub(crate) fn items(&self) -> Vec<&FragmentRequest> {
        self.request
            .requests
            .0
            .iter()
            .flat_map(|(_, items)| items)
            .collect()
    }

    /// The refs that are asked for, sorted.
    pub(crate) fn refs(&self) -> Vec<String> {
        let mut refs: Vec<_> = self.items().iter().map(|item| item.reference.clone()).collect();
        refs.sort();
        refs
    }

    pub(crate) fn id(&self, reference: &str) -> String {
        let item = self.items().into_iter().find(|item| item.reference == reference);
        item.unwrap_or_else(|| panic!("`{reference}` is not asked for"))
            .id
            .clone()
    }

    pub(crate) fn give(&self, reference: &str, html: &str, exports: Value) {
        self.send(ResolvedFragment {
            id: self.id(reference),
            html: Some(html.to_owned()),
            exports: exports.as_object().cloned().unwrap_or_default(),
            ..ResolvedFragment::default()
        });
    }

    pub(crate) fn send(&self, fragment: ResolvedFragment) {
        self.part(ResolvedFragments {
            fragments: vec![fragment],
            ..ResolvedFragments::default()
        });
    }

    pub(crate) fn part(&self, part: ResolvedFragments) {
        self.answers.send(part).ok();
    }

    /// Waits until no page wants the answers any more.
    pub(crate) async fn dropped(self) {
        self.answers.closed().await;
    }
}

type Handler = dyn Fn(LocalCall) -> BoxFuture<'static, Result<LocalAnswer, LocalError>> + Send + Sync;

/// Fragment handlers by ref, and the calls that they got.
#[derive(Clone, Default)]
pub(crate) struct Locals {
    handlers: HashMap<String, Arc<Handler>>,
    pub(crate) calls: Arc<Mutex<Vec<LocalCall>>>,
}

impl Locals {
    pub(crate) fn with<F>(
        mut self,
        reference: &str,
        handler: impl Fn(LocalCall) -> F + Send + Sync + 'static,
    ) -> Self
    where
        F: Future<Output = Result<LocalAnswer, LocalError>> + Send + 'static,
    {
        self.handlers.insert(
            reference.to_owned(),
            Arc::new(move |call| Box::pin(handler(call))),
        );
        self
    }

    pub(crate) fn arc(&self) -> Option<Arc<dyn LocalFragments>> {
        Some(Arc::new(self.clone()))
    }
}

impl LocalFragments for Locals {
    fn call(&self, call: LocalCall) -> BoxFuture<'static, Result<LocalAnswer, LocalError>> {
        let handler = self.handlers[&call.reference].clone();
        self.calls.lock().unwrap().push(call.clone());
        handler(call)
    }
}

/// A handler's answer: its imports are what the template gets.
pub(crate) async fn echo(call: LocalCall) -> Result<LocalAnswer, LocalError> {
    Ok(LocalAnswer {
        context: tera::Context::from_serialize(&call.imports).unwrap(),
        exports: call.imports,
        ..LocalAnswer::default()
    })
}

/// What this thread logs.
#[derive(Clone, Default)]
pub(crate) struct Log {
    lines: Arc<Mutex<Vec<u8>>>,
    guard: Option<Arc<tracing::subscriber::DefaultGuard>>,
}

impl Log {
    /// Keeps the log from here on.
    pub(crate) fn start() -> Self {
        Self::of(tracing::Level::INFO)
    }

    /// Keeps what is as important as `level`.
    pub(crate) fn of(level: tracing::Level) -> Self {
        // While there is only one subscriber, tracing takes a thread without any for all threads where a line is met for the
        // first time there, and never logs it.
        static OTHERS: OnceLock<[tracing::Dispatch; 2]> = OnceLock::new();
        OTHERS.get_or_init(|| [(); 2].map(|()| tracing::Dispatch::new(tracing_subscriber::registry())));
        let mut log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_max_level(level)
            .with_ansi(false)
            .with_writer(move || writer.clone())
            .finish();
        log.guard = Some(Arc::new(tracing::subscriber::set_default(subscriber)));
        log
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.lines.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.lines.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
