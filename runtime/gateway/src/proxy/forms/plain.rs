//! Forms of plain HTTP services (protocol section 9): they are sent to paths of the service itself, and its HTML comes back
//! into the page.

use std::{sync::Arc, time::Instant};

use axum::{body::Body, response::Response};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode,
    header::{ACCEPT_ENCODING, CACHE_CONTROL, SET_COOKIE},
    uri::PathAndQuery,
};
use http_body::Body as _;
use hydra_runtime_net::observe::RequestRecord;
use hydra_runtime_wire::{
    forms::{
        InvalidForm,
        page::{is_secret, kept as cache_control},
        without_seal,
    },
    routes::RouteTable,
};

use super::{address, measured::count_plain, page, short_body, tell_sent};
use crate::{
    Gateway,
    config::PlainService,
    dispatch::plain::content,
    edge::{failure::RequestFailure, headers},
    limits::{FORM_HTML_TIMEOUT, FORM_PAGE_SECS, MAX_ANSWER_BYTES},
    login::{Site, host_of, is_refused},
    plain_cookies::apply_kept,
    proxy::{OwnPages, pass_on, visitor::Previewed},
};

/// The cookie with the page on which a form stands that was shown again: the visitor then sees the address of the form, and the
/// `Referer` names that.
const PAGE: &str = "HYDRA-FORM-PAGE";

/// The paths to which the forms of plain services are sent.
#[derive(Default)]
pub(crate) struct PlainForms {
    paths: RouteTable,
    forms: Vec<PlainForm>,
}

/// A form of a plain service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlainForm {
    service: String,
    /// The fragment that holds the form.
    reference: String,
    /// The path to which it is sent, as the settings have it.
    path: String,
    /// The status with which the service shows the form again.
    invalid: StatusCode,
}

impl PlainForms {
    /// The forms of services that were checked.
    pub(crate) fn new(services: &[PlainService]) -> Self {
        let mut forms = Self::default();
        for service in services {
            for (reference, paths) in &service.forms {
                for path in paths {
                    forms.add(PlainForm {
                        service: service.name.clone(),
                        reference: reference.clone(),
                        path: path.clone(),
                        invalid: service.shows_again_with(),
                    });
                }
            }
        }
        forms
    }

    fn add(&mut self, form: PlainForm) {
        self.paths.insert_pattern(&form.path, self.forms.len());
        self.forms.push(form);
    }

    /// The form that a request sends.
    pub(in crate::proxy) fn find(&self, request: &Request<Body>) -> Option<&PlainForm> {
        if self.forms.is_empty() || *request.method() != Method::POST {
            return None;
        }
        self.forms.get(self.paths.number_of(request.uri().path())?)
    }
}

impl PlainForm {
    /// Whether an answer may be the form, with what is wrong in it.
    fn may_be_shown_again(&self, answered: &Response) -> bool {
        answered.status() == self.invalid
            && content::is_html(answered.headers())
            && answered.body().size_hint().lower() <= MAX_ANSWER_BYTES as u64
    }
}

/// Passes a form on to its service, and counts it. What the service can't use comes back into the page.
pub(in crate::proxy) async fn answer(
    gateway: &Gateway,
    form: &PlainForm,
    request: Request<Body>,
    previewed: Previewed<'_>,
    pages: Option<&dyn OwnPages>,
) -> Result<Response, RequestFailure> {
    let record = request.extensions().get::<Arc<RequestRecord>>().cloned();
    let began = Instant::now();
    let answered = exchange(gateway, form, request, previewed, pages).await;
    let result = answered
        .as_ref()
        .map(Response::status)
        .map_err(|failure| *failure);
    count_plain(
        gateway.action_measures(),
        began,
        record.as_deref(),
        [&form.service, &form.reference, &form.path],
        result,
    );
    answered
}

async fn exchange(
    gateway: &Gateway,
    form: &PlainForm,
    mut request: Request<Body>,
    previewed: Previewed<'_>,
    pages: Option<&dyn OwnPages>,
) -> Result<Response, RequestFailure> {
    let origin = gateway.origin_of(request.extensions(), request.headers());
    if is_refused(gateway, &request, &origin) {
        return Err(RequestFailure::CrossSite);
    }
    let site = host_of(&request, &origin).and_then(|host| Site::new(origin.scheme, &host));
    let path = request.uri().path().to_owned();
    let before = site.and_then(|site| page_before(&path, request.headers(), &site));
    headers::remove_cookies(request.headers_mut(), PAGE);
    let mut for_page = page::request(&request);
    // The HTML is read here.
    let identity = HeaderValue::from_static("identity");
    request.headers_mut().insert(ACCEPT_ENCODING, identity);
    let answered = pass_on(gateway, request, previewed).await;
    let mut answered = answered.map_err(RequestFailure::of_form)?;
    if answered.status().is_redirection() {
        tell_sent(gateway, &mut answered, &origin);
    }
    let Some(before) = before.filter(|_| form.may_be_shown_again(&answered)) else {
        return Ok(answered);
    };
    let (head, body) = answered.into_parts();
    let body = match short_body::read(body, MAX_ANSWER_BYTES, FORM_HTML_TIMEOUT).await {
        Ok(body) => body,
        Err(long) => return Ok(Response::from_parts(head, long)),
    };
    let shown = match content::html(StatusCode::OK, &head.headers, body.to_vec(), MAX_ANSWER_BYTES) {
        Ok(html) => {
            page::lead_to(&mut for_page, &before);
            // Other fragments of the service get what it has just set.
            apply_kept(&head.headers, for_page.headers_mut());
            let invalid = InvalidForm {
                reference: form.reference.clone(),
                html,
                ..InvalidForm::default()
            };
            page::with(gateway, pages, previewed, for_page, &invalid, &form.service).await
        }
        Err(reason) => {
            tracing::warn!(
                service = form.service,
                reason,
                "the answer to a form can't be read"
            );
            None
        }
    };
    let Some(mut shown) = shown else {
        return Ok(Response::from_parts(head, Body::from(body)));
    };
    let is_secret = is_secret(&head.headers) || is_secret(shown.headers());
    shown
        .headers_mut()
        .insert(CACHE_CONTROL, cache_control(is_secret));
    for cookie in head.headers.get_all(SET_COOKIE) {
        shown.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    let kept = kept(&before, &path, origin.is_secure());
    shown
        .headers_mut()
        .extend(kept.map(|cookie| (SET_COOKIE, cookie)));
    Ok(shown)
}

/// The page on which the form at this path stands: the one before it, or the one before its first answer.
fn page_before(path: &str, headers: &HeaderMap, site: &Site) -> Option<PathAndQuery> {
    let before = address::referer(headers, site)?;
    let local = if before.path() == path {
        kept_page(headers, site)?
    } else {
        site.local(before.as_str())?
    };
    let (path, query) = local.split_once('?').unwrap_or((&local, ""));
    let whole = match without_seal(query) {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    whole.parse().ok()
}

/// The page that the cookie names.
fn kept_page(cookies: &HeaderMap, site: &Site) -> Option<String> {
    let mut values = headers::cookies(cookies, PAGE);
    let page = BASE64_URL_SAFE_NO_PAD.decode(values.next()?).ok()?;
    site.local(&String::from_utf8(page).ok()?)
}

/// The cookie that names the page of the form at this path.
fn kept(page: &PathAndQuery, path: &str, is_secure: bool) -> Option<HeaderValue> {
    let is_plain = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b';');
    let page = BASE64_URL_SAFE_NO_PAD.encode(page.as_str());
    let secure = if is_secure { "; Secure" } else { "" };
    let cookie =
        format!("{PAGE}={page}; Path={path}; Max-Age={FORM_PAGE_SECS}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::try_from(cookie).ok().filter(|_| is_plain)
}
