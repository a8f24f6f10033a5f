//! Answers a request with a page, a file of the folder, or the gateway.

use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
};

use arc_swap::ArcSwap;
use axum::{
    Router,
    body::Body,
    extract::{Request, State},
    response::{IntoResponse, Response},
};
use futures_util::future::BoxFuture;
use http::{HeaderMap, HeaderValue, Method, StatusCode, header, request::Parts};
use hydra_runtime::{
    files::{Ranges, RegularFiles},
    page::{LazyRequest, PageRequest, PageSessions, PageVisitor, PrefilledSlot, PreviewBar},
    wire::forms::AnsweredFragment,
};
use hydra_runtime_gateway::{
    ErrorPages, Gateway, OwnPages, OwnPath, PageLimits, ResponseHeaders, is_reserved,
};
use hydra_runtime_net::{
    boxed,
    fragment_source::{Caller, FragmentSource},
    observe::{self, Observer, Served},
    server::Routes,
};
use percent_encoding::percent_decode_str;
use tower::ServiceExt;
use tower_http::services::{ServeDir, fs::DefaultServeDirFallback};

use super::{
    data,
    paths::{is_static, is_static_behind_links, normal},
    site::{Bare, Folder, Page, Site, has_template_beside},
};

/// What one thread needs to answer requests.
#[derive(Clone)]
pub(crate) struct Worker {
    site: Arc<ArcSwap<Site>>,
    templates: PathBuf,
    files: Ranges<ServeDir<DefaultServeDirFallback, RegularFiles>>,
    gateway: Option<Router>,
    versions: Option<Gateway>,
    error_pages: Arc<ErrorPages>,
    source: Option<Arc<dyn FragmentSource>>,
    observer: Observer,
    limits: PageLimits,
    headers: ResponseHeaders,
}

impl Worker {
    /// A worker. `gateway` is the gateway of this thread, if the process has one.
    pub(crate) fn new(
        folder: &Folder,
        site: &Arc<ArcSwap<Site>>,
        error_pages: &Arc<ErrorPages>,
        gateway: Option<Gateway>,
        observer: &Observer,
        (limits, headers): (PageLimits, ResponseHeaders),
    ) -> Self {
        if let Some(gateway) = &gateway {
            let (site, templates) = (Arc::clone(site), folder.templates.clone());
            gateway.answers_itself(move |path| own_path(&site.load(), &templates, &decoded(path)));
        }
        Self {
            limits,
            headers,
            error_pages: Arc::clone(error_pages),
            site: Arc::clone(site),
            templates: folder.templates.clone(),
            files: Ranges(
                ServeDir::with_backend(&folder.templates, files(folder, site))
                    .append_index_html_on_directories(false)
                    .precompressed_zstd()
                    .precompressed_br()
                    .precompressed_gzip(),
            ),
            source: gateway.as_ref().map(Gateway::source),
            gateway: gateway.as_ref().map(Gateway::router),
            versions: gateway,
            observer: observer.clone(),
        }
    }

    pub(crate) fn router(self) -> Router {
        router(Arc::new(self))
    }

    pub(crate) fn routes(self) -> Routes {
        let worker = Arc::new(self);
        let router = router(Arc::clone(&worker));
        let get = move |request| -> BoxFuture<'static, Response> {
            let worker = State(Arc::clone(&worker));
            boxed::in_place(|| answer(worker, request))
        };
        Routes::new(router).with_shortcut(|request| *request.method() == Method::GET, Arc::new(get))
    }

    /// A page. `prefilled`: a fragment of it whose answer is known.
    async fn page(
        &self,
        site: &Site,
        page: &Page,
        request: Parts,
        prefilled: Option<Box<PrefilledSlot>>,
    ) -> Response {
        let Parts { method, uri, .. } = &request;
        let accept = request.headers.get(header::ACCEPT).cloned();
        if *method != Method::GET && *method != Method::HEAD {
            let bare = (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, HEAD")]);
            return self.error_pages.with_words(bare.into_response(), accept.as_ref());
        }
        let context = match data::with_query(&page.attributes, &page.stated, uri.query()) {
            Ok(context) => context,
            Err(reason) => return (StatusCode::BAD_REQUEST, reason).into_response(),
        };
        let (visitor, versions) = self.visitor(site, &request);
        let preview = self.preview_bar(&request);
        let request = PageRequest {
            prefilled,
            preview,
            template: page.template.clone(),
            context,
            method: request.method,
            visitor,
            ..PageRequest::default()
        };
        let mut response = site.engine.page(request).await;
        if response.extensions().get::<Bare>().is_some() {
            response = self.error_pages.with_words(response, accept.as_ref());
        }
        self.with_cookies(response, versions)
    }

    /// Does `work`, which answers a request for a page or a lazy fragment, within the limits of the settings. The
    /// record of the request names the page in any case.
    async fn within_limits(
        &self,
        site: &Site,
        route: &str,
        request: Parts,
        work: impl AsyncFnOnce(Parts) -> Response,
    ) -> Response {
        observe::with_current(|record| {
            record.answered_by(|| site.service.clone());
            record.served(|| Served {
                route: route.to_owned(),
                ..Served::default()
            });
        });
        match self
            .limits
            .admit(&request, &site.service, &self.error_pages)
            .await
        {
            Ok(permit) => {
                let visit = self.versions.as_ref().map(|gateway| gateway.visit_of(&request));
                let compression = self.limits.compression(&request, &site.service);
                // Boxed: each future around that of a page has room for it, and is moved several times.
                let page = boxed::in_place(|| work(request));
                let mut response = permit.answer(&self.error_pages, page).await;
                if let Some(visit) = visit {
                    visit.end(&mut response).await;
                }
                match may_hold_secrets(&response) {
                    true => response,
                    false => compression.apply(response).await,
                }
            }
            Err(refusal) => *refusal,
        }
    }

    async fn lazy(&self, site: &Site, request: Parts) -> Response {
        if request.method != Method::GET {
            return (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET")]).into_response();
        }
        let (visitor, versions) = self.visitor(site, &request);
        let request = LazyRequest {
            uri: request.uri,
            visitor,
        };
        self.with_cookies(site.engine.lazy(request).await, versions)
    }

    /// The visitor of this request, and the cookie that keeps the visitor on one set of versions.
    fn visitor(&self, site: &Site, request: &Parts) -> (PageVisitor, Option<HeaderValue>) {
        let mut headers = cookies(&request.headers);
        let versions = self.versions.as_ref();
        let host = versions.and_then(|gateway| gateway.visitors_host(&request.uri, &request.headers));
        let cookie = versions.and_then(|gateway| gateway.keep_visitor_on_one_set(request, &mut headers));
        if let Some(gateway) = versions {
            gateway.previews(&request.headers).write_cookie(&mut headers);
            gateway.check_sent_cookie(&mut headers);
        }
        let visitor = PageVisitor {
            caller: Caller {
                headers,
                host,
                record: observe::current(),
                ..Caller::default()
            },
            local: Some(Arc::clone(&site.offers)),
            source: self.source.clone(),
            cookie_owners: versions.map(Gateway::cookie_owners).unwrap_or_default(),
            ..PageVisitor::default()
        };
        (visitor, cookie)
    }

    /// A response with the cookies that plain services and the gateway set.
    fn with_cookies(&self, mut response: Response, versions: Option<HeaderValue>) -> Response {
        let headers = response.headers_mut();
        if let Some(gateway) = &self.versions {
            gateway.set_cookies(headers);
        }
        headers.extend(versions.map(|cookie| (header::SET_COOKIE, cookie)));
        response
    }

    /// The bar that tells the visitor which versions the page previews.
    fn preview_bar(&self, request: &Parts) -> Option<PreviewBar> {
        let gateway = self.versions.as_ref()?;
        let state = gateway.preview_state(&gateway.previews(&request.headers))?;
        PreviewBar::of(&state, &request.uri)
    }

    /// Answers with a file of the folder, or otherwise with the gateway if there is one.
    async fn other(&self, site: &Site, path: &str, request: Request) -> Response {
        let may_send = is_static(path, |stem| site.is_data(stem))
            && matches!(*request.method(), Method::GET | Method::HEAD);
        if !may_send || self.is_absent(path, request.headers()) {
            return self.gateway(request).await;
        }
        let mut file = Request::new(Body::empty());
        *file.method_mut() = request.method().clone();
        *file.uri_mut() = request.uri().clone();
        *file.headers_mut() = request.headers().clone();
        match self.files.clone().oneshot(file).await {
            Ok(response) if response.status() != StatusCode::NOT_FOUND => response.map(Body::new),
            _ => self.gateway(request).await,
        }
    }

    /// Whether the folder certainly has no file for this path. The system knows that at once, while the search for a
    /// file in another thread costs more than all the rest of a request that goes on to a service.
    fn is_absent(&self, path: &str, headers: &HeaderMap) -> bool {
        let path = path.trim_start_matches('/');
        let endings: &[&str] = match headers.contains_key(header::ACCEPT_ENCODING) {
            true => &["", ".gz", ".br", ".zst"],
            false => &[""],
        };
        let lacks = |ending: &&str| {
            let found = self.templates.join(format!("{path}{ending}")).symlink_metadata();
            found.is_err_and(|error| matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory))
        };
        endings.iter().all(lacks)
    }

    async fn gateway(&self, request: Request) -> Response {
        match &self.gateway {
            Some(gateway) => gateway.clone().oneshot(request).await.into_response(),
            None => {
                let accept = request.headers().get(header::ACCEPT);
                self.error_pages
                    .with_words(StatusCode::NOT_FOUND.into_response(), accept)
            }
        }
    }
}

fn router(worker: Arc<Worker>) -> Router {
    Router::new().fallback(answer).with_state(worker)
}

async fn answer(State(worker): State<Arc<Worker>>, request: Request) -> Response {
    let (observer, headers) = (worker.observer.clone(), worker.headers.clone());
    let observed = |request| observer.visitor(request, |request| answer_visitor(worker, request));
    headers.around(request, observed).await
}

async fn answer_visitor(worker: Arc<Worker>, request: Request) -> Response {
    let path = decoded(request.uri().path());
    if worker.gateway.is_some() && is_reserved(&path) {
        return worker.gateway(request).await;
    }
    let Some(gateway) = worker.versions.clone() else {
        return answer_from_site(&worker, &path, request).await;
    };
    if let Some(response) = gateway.open_preview(&request) {
        return response;
    }
    if gateway.is_form(&request) {
        return Box::pin(gateway.answer_form(request, &*worker)).await;
    }
    let previews = gateway.previews(request.headers());
    let state = gateway.preview_state(&previews);
    let mut response = answer_from_site(&worker, &path, request).await;
    Gateway::tell_previews(state, response.headers_mut());
    response
}

impl OwnPages for Worker {
    fn has_page(&self, path: &str) -> bool {
        self.site.load().page(normal(&decoded(path))).is_some()
    }

    fn page_with(&self, request: Parts, answered: AnsweredFragment) -> BoxFuture<'_, Response> {
        Box::pin(async move {
            let site = self.site.load_full();
            match site.page(normal(&decoded(request.uri.path()))) {
                Some(page) => {
                    self.page(&site, page, request, Some(Box::new(answered.into())))
                        .await
                }
                // The folder has changed meanwhile.
                None => StatusCode::NOT_FOUND.into_response(),
            }
        })
    }
}

/// A path without percent-encoding.
fn decoded(path: &str) -> String {
    percent_decode_str(path).decode_utf8_lossy().into_owned()
}

/// The answer to a request for a path that is not the gateway's own.
async fn answer_from_site(worker: &Worker, path: &str, request: Request) -> Response {
    let site = worker.site.load_full();
    if let Some(after_page) = site.engine.after_page() {
        let encoded = request.uri().path();
        if encoded == after_page.script_path() {
            return after_page.script(request.uri());
        }
        if encoded == after_page.fragment_path() {
            let lazy = async |request| worker.lazy(&site, request).await;
            let request = request.into_parts().0;
            return Box::pin(worker.within_limits(&site, "", request, lazy)).await;
        }
    }
    match site.page(normal(path)) {
        Some(page) => {
            let work = async |request| worker.page(&site, page, request, None).await;
            let request = request.into_parts().0;
            worker.within_limits(&site, &page.template, request, work).await
        }
        // Boxed: the future of a page must not take the memory that this one needs.
        None => Box::pin(worker.other(&site, path, request)).await,
    }
}

/// The files of the folder that may be sent: neither the parts of the site nor the settings.
fn files(folder: &Folder, site: &Arc<ArcSwap<Site>>) -> RegularFiles {
    let (templates, hidden) = (folder.templates.clone(), folder.hidden.clone());
    let site = Arc::clone(site);
    RegularFiles::inside(&folder.templates, move |relative: &Path| {
        let Some(path) = relative.to_str().map(|path| format!("/{path}")) else {
            return false;
        };
        let site = site.load();
        let is_data = |stem: &str| site.is_data(stem) || has_template_beside(&templates, stem);
        is_static_behind_links(&path, is_data) && !site.is_template(&path) && hidden.as_ref() != Some(&path)
    })
}

/// What the folder has at a path, which is decoded.
fn own_path(site: &Site, templates: &Path, path: &str) -> Option<OwnPath> {
    let own = |kind, file: &str| OwnPath {
        service: site.service.to_string(),
        kind,
        file: file.to_owned(),
    };
    if let Some(page) = site.page(normal(path)) {
        return Some(own("page", &page.template));
    }
    let file = path.trim_start_matches('/');
    let is_sent = is_static(path, |stem| site.is_data(stem)) && templates.join(file).is_file();
    is_sent.then(|| own("file", file))
}

/// Whether a response is a page that may hold secrets of its visitor. From the length of compressed text, a stranger could guess
/// them (BREACH).
fn may_hold_secrets(response: &Response) -> bool {
    let page = response.extensions().get::<PageSessions>();
    page.is_some_and(PageSessions::may_hold_secrets)
}

/// The visitor's cookies. The gateway knows which of them are passed on.
fn cookies(headers: &HeaderMap) -> HeaderMap {
    headers
        .get_all(header::COOKIE)
        .iter()
        .map(|value| (header::COOKIE, value.clone()))
        .collect()
}
