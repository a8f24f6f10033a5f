//! Forms (protocol section 9): what a visitor typed goes to the owner of the form only, and the owner's answer leads the visitor on, or
//! comes back into the page.

mod address;
mod measured;
mod of_page;
mod owner;
mod page;
mod plain;
mod sessions;
mod shell;
mod short_body;
mod without_port;

use std::{
    sync::{Arc, OnceLock},
    time::SystemTime,
};

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderValue, Method, Request, StatusCode, Uri,
    header::{CACHE_CONTROL, LOCATION, SET_COOKIE},
    request::Parts,
    uri::PathAndQuery,
};
use hydra_runtime_net::{observe::RequestRecord, proxies::Origin};
use hydra_runtime_wire::{
    cookies::{PIN_PREFIX, VERSION},
    forms::{
        ActionAnswer, FORM_PARAMETER, InvalidForm, has_seal_parameter, is_form,
        page::{at_anchor, is_like_host, of_form},
        page_action, seal_in, service_of,
    },
    lines::cut,
    names::ServiceName,
    signing::seconds,
};
use memchr::memmem;
use serde_json::Value;

use super::{
    accept, admission, holder, random,
    visitor::{Previewed, Visitor},
};
use crate::{
    Gateway,
    edge::{failure::RequestFailure, headers},
    login::{Site, UNSENT, Visit, host_of as requested_host, is_of_another_site},
    routing::{
        snapshot::{Service, Snapshot},
        version_cookie::VersionSeed,
    },
};
use measured::Measured;
use owner::{NoAnswer, OwnerCall};
pub(super) use page::ForPage;
pub use page::OwnPages;
use plain::PlainForm;
pub(crate) use plain::PlainForms;

/// A request that is about a form of a fragment or of a page.
pub(crate) enum FormRequest<'g> {
    /// A visitor sends a form whose seal is in the address.
    Sent,
    /// A visitor sends the own form of a page.
    SentToPage,
    /// A visitor sends a form of a plain service.
    SentToPlain(&'g PlainForm),
    /// A visitor returns to the address, and gets the page at this one.
    Visited(HeaderValue),
}

impl<'g> FormRequest<'g> {
    /// `None`: it is about none.
    pub(crate) fn of(gateway: &'g Gateway, request: &Request<Body>) -> Option<Self> {
        let plain = || gateway.plain_forms().find(request).map(Self::SentToPlain);
        Self::with_seal(request).or_else(plain)
    }

    /// `None`: the address has no seal, or one that means nothing to this method.
    fn with_seal(request: &Request<Body>) -> Option<Self> {
        let query = request.uri().query()?;
        memmem::find(query.as_bytes(), FORM_PARAMETER.as_bytes())?;
        match *request.method() {
            Method::POST if seal_in(query).is_some_and(|form| page_action(form).is_some()) => {
                Some(Self::SentToPage)
            }
            // Whatever the seal is: the form must not reach the page's service.
            Method::POST => has_seal_parameter(query).then_some(Self::Sent),
            Method::GET | Method::HEAD => {
                seal_in(query).filter(|form| is_form(form))?;
                let page = of_form(request.uri(), || None);
                let page = Some(page.as_str()).filter(|page| !is_like_host(page))?;
                HeaderValue::try_from(page).ok().map(Self::Visited)
            }
            _ => None,
        }
    }
}

/// Answers a request that is about a form.
pub(super) async fn answer(
    gateway: &Gateway,
    form: FormRequest<'_>,
    request: Request<Body>,
    previewed: Previewed<'_>,
    pages: Option<&dyn OwnPages>,
) -> Result<Response, RequestFailure> {
    match form {
        FormRequest::Sent => sent(gateway, request, previewed, pages).await,
        FormRequest::SentToPage => of_page::answer(gateway, request, previewed).await,
        FormRequest::SentToPlain(form) => plain::answer(gateway, form, request, previewed, pages).await,
        FormRequest::Visited(page) => Ok(see_other(page)),
    }
}

/// A form that a visitor sent, as far as what follows depends on it.
struct SentForm<'a> {
    gateway: &'a Gateway,
    /// The pages of this process.
    pages: Option<&'a dyn OwnPages>,
    previewed: Previewed<'a>,
    /// The path and query of the page on which the form stands.
    page: PathAndQuery,
    /// See [`SentForm::site`].
    site: OnceLock<Option<Site>>,
    origin: Origin,
    host: Option<HeaderValue>,
    visit: Visit,
    seed: VersionSeed,
}

async fn sent(
    gateway: &Gateway,
    mut request: Request<Body>,
    previewed: Previewed<'_>,
    pages: Option<&dyn OwnPages>,
) -> Result<Response, RequestFailure> {
    let record = request.extensions().get::<Arc<RequestRecord>>().cloned();
    let is_complete = gateway.publisher().is_complete();
    let snapshot = gateway.publisher().snapshot();
    let addressee = addressee(request.uri());
    let named = addressee.as_ref().ok();
    let service = named.and_then(|(_, owner)| snapshot.service(owner));
    let refused = |failure| Measured::refused(service, record.clone(), gateway.action_measures(), failure);
    let (seal, owner) = addressee.map_err(refused)?;
    // For the page, before anything is changed for the owner.
    let for_page = page::request(&request).into_parts().0;
    let mut begin = || {
        accept(gateway, &mut request)?;
        // A form is sent to a page: what no service holds runs no action.
        let is_own = pages.is_some_and(|pages| pages.has_page(request.uri().path()));
        let keeper = match is_own {
            true => None,
            false => Some(holder(&snapshot, is_complete, request.uri().path())?.1),
        };
        let form = SentForm::of(gateway, &mut request, &snapshot, previewed, pages)?;
        Ok::<_, RequestFailure>((form, keeper))
    };
    let (form, keeper) = begin().map_err(refused)?;
    let measured = Measured::begin(service, record.clone());
    let has_sessions = service.is_some_and(|owner| sessions::are_used(owner, keeper));
    let asked = (service, has_sessions.then_some(&for_page));
    let answered = form.ask_owner(asked, &seal, request).await;
    measured.end(gateway.action_measures(), &answered);
    match answered.map_err(|none| none.failure) {
        Ok(mut answer) => {
            // Other pages keep no sessions.
            let session = answer.take_session().filter(|_| has_sessions);
            form.follow((answer, session), &owner, for_page).await
        }
        Err(RequestFailure::LoginEnded) => form.log_in_again(),
        Err(failure) => Err(failure),
    }
}

/// The seal in the address of a form, and the service that it names.
fn addressee(uri: &Uri) -> Result<(String, ServiceName), RequestFailure> {
    if is_like_host(uri.path()) {
        return Err(RequestFailure::BadPath);
    }
    let seal = uri.query().and_then(seal_in).map(str::to_owned);
    let seal = seal.ok_or(RequestFailure::FormUnreadable)?;
    let owner = service_of(&seal).ok_or(RequestFailure::FormUnreadable)?;
    Ok((seal, owner))
}

impl<'a> SentForm<'a> {
    /// The form that a visitor sends with `request`, from which cookies of the gateway and logins that don't count are removed.
    ///
    /// # Errors
    /// Another site made the visitor's browser send it.
    fn of(
        gateway: &'a Gateway,
        request: &mut Request<Body>,
        snapshot: &Snapshot,
        previewed: Previewed<'a>,
        pages: Option<&'a dyn OwnPages>,
    ) -> Result<Self, RequestFailure> {
        headers::remove_cookies(request.headers_mut(), PIN_PREFIX);
        let origin = gateway.origin_of(request.extensions(), request.headers());
        // Also at the paths of `cross_site`: a seal counts at every path, so that one open path would open all actions.
        if is_of_another_site(request, &origin) {
            return Err(RequestFailure::CrossSite);
        }
        let host = requested_host(request, &origin);
        let site = OnceLock::new();
        let page = address::page(request.uri(), request.headers(), || {
            site_of(&site, &origin, host.as_ref())
        });
        let versions = gateway.version_cookies();
        Ok(Self {
            gateway,
            pages,
            previewed,
            page,
            site,
            visit: Visit::begin(gateway, request, &origin)?,
            seed: VersionSeed::of(versions, snapshot.is_split(), request.headers(), random),
            origin,
            host,
        })
    }

    /// The site that the visitor uses, made when it is first needed. `None`: the request names no host.
    fn site(&self) -> Option<&Site> {
        site_of(&self.site, &self.origin, self.host.as_ref())
    }

    /// Sends the form to its owner, with the owner's session if the service of the page has to be asked for it. The owner's answer.
    async fn ask_owner(
        &self,
        (service, keeper): (Option<&Service>, Option<&Parts>),
        seal: &str,
        request: Request<Body>,
    ) -> Result<ActionAnswer, NoAnswer> {
        let service = service.ok_or(RequestFailure::FormUnsent)?;
        admission::admit_to(self.gateway, &service.name, &request)?;
        let session = match keeper {
            Some(for_page) => sessions::load(self, &service.name, for_page).await?,
            None => None,
        };
        let visitor = Visitor {
            seed: self.seed,
            previewed: self.previewed,
            visit: &self.visit,
            pinning: None,
        };
        let call = OwnerCall {
            gateway: self.gateway,
            service,
            visitor: &visitor,
            seal,
            session,
        };
        call.send(request).await
    }

    /// Where the owner's answer leads the visitor.
    async fn follow(
        &self,
        (answer, session): (ActionAnswer, Option<Value>),
        owner: &str,
        mut for_page: Parts,
    ) -> Result<Response, RequestFailure> {
        let cookie = match session {
            Some(session) => sessions::keep(self, owner, session, &for_page).await,
            None => None,
        };
        if let Some(cookie) = &cookie {
            sessions::take_cookie(cookie, &mut for_page.headers);
        }
        let for_page = Request::from_parts(for_page, Body::empty());
        let mut response = self.answer(answer, owner, for_page).await?;
        response
            .headers_mut()
            .extend(cookie.map(|cookie| (SET_COOKIE, cookie)));
        Ok(response)
    }

    async fn answer(
        &self,
        answer: ActionAnswer,
        owner: &str,
        for_page: Request<Body>,
    ) -> Result<Response, RequestFailure> {
        let done = match answer {
            ActionAnswer::Done(done) => done,
            ActionAnswer::Invalid(form) => return Ok(self.show(&form, owner, for_page).await),
        };
        let Some(to) = done.to else {
            return self.lead(&at_anchor(&self.page, done.anchor.as_deref())).await;
        };
        let hosts = &self.gateway.config().redirect_hosts;
        if let Some(location) = address::location(&to, || self.site(), hosts) {
            return self.lead(&location).await;
        }
        tracing::error!(
            service = owner,
            to = cut(&to),
            "a form leads to an address that is neither a path of this site nor at one of `redirect_hosts`"
        );
        Err(RequestFailure::FormUnclear)
    }

    /// Leads the visitor to an address, with the cookies that are due.
    async fn lead(&self, to: &str) -> Result<Response, RequestFailure> {
        let location = HeaderValue::try_from(to).map_err(|_| RequestFailure::FormUnclear)?;
        let mut response = see_other(location);
        self.keep_versions(response.headers_mut());
        tell_sent(self.gateway, &mut response, &self.origin);
        self.visit.end(self.gateway, &mut response).await;
        Ok(response)
    }

    /// The page with the fragment as the visitor filled it in.
    async fn show(&self, form: &InvalidForm, owner: &str, mut for_page: Request<Body>) -> Response {
        self.lead_to_page(&mut for_page);
        // A page that came through the proxy has its own end of the visit.
        let is_own = self.pages.is_some_and(|pages| pages.has_page(self.page.path()));
        let page = page::with(self.gateway, self.pages, self.previewed, for_page, form, owner).await;
        let mut response = match page {
            Some(page) if !is_own => page,
            other => {
                let mut own = other.unwrap_or_else(|| shell::page(&form.html, self.page.query()));
                self.visit.end(self.gateway, &mut own).await;
                own
            }
        };
        self.keep_versions(response.headers_mut());
        response
    }

    /// Leads a request to the page of the form, of the set of versions to which the form goes.
    fn lead_to_page(&self, request: &mut Request<Body>) {
        page::lead_to(request, &self.page);
        if let VersionSeed::New { seed } = self.seed {
            let pair = self.gateway.version_cookies().pair(seed);
            headers::replace_cookie(request.headers_mut(), VERSION, pair.as_ref());
        }
    }

    /// Leads a visitor whose login has ended to the login page, and from there back to the page of the form.
    fn log_in_again(&self) -> Result<Response, RequestFailure> {
        let login = login_page(
            self.gateway,
            &self.page,
            self.site(),
            &self.origin,
            self.host.as_ref(),
        );
        login.ok_or(RequestFailure::LoginEnded)
    }

    /// Keeps the visitor on the set of versions that was chosen for this request.
    fn keep_versions(&self, answer: &mut HeaderMap) {
        if let VersionSeed::New { seed } = self.seed {
            let cookie = self.gateway.version_cookies().set(seed, self.origin.is_secure());
            if let Some(cookie) = cookie {
                answer.append(SET_COOKIE, cookie);
            }
        }
    }
}

/// The site of a request, which is made when it is first needed.
fn site_of<'s>(
    site: &'s OnceLock<Option<Site>>,
    origin: &Origin,
    host: Option<&HeaderValue>,
) -> Option<&'s Site> {
    let make = || Site::new(origin.scheme, host?);
    site.get_or_init(make).as_ref()
}

/// Returns a redirect to the login page. That page tells the visitor that the form was not sent, and leads back to `page` after the login.
/// `None`: this gateway has no login page.
fn login_page(
    gateway: &Gateway,
    page: &PathAndQuery,
    site: Option<&Site>,
    origin: &Origin,
    host: Option<&HeaderValue>,
) -> Option<Response> {
    let logins = gateway.logins().filter(|logins| logins.has_page())?;
    let mut response = see_other(HeaderValue::from_static(UNSENT));
    let back = site.and_then(|site| site.local(page.as_str()));
    let back = back.and_then(|path| logins.lead_back(&path, origin.scheme, host));
    response
        .headers_mut()
        .extend(back.map(|cookie| (SET_COOKIE, cookie)));
    Some(response)
}

/// Remembers that the visitor has sent a form.
fn tell_sent(gateway: &Gateway, response: &mut Response, origin: &Origin) {
    let now = seconds(SystemTime::now());
    let cookies = gateway.sent_cookies();
    cookies.add_to(response.headers_mut(), origin.is_secure(), now);
}

/// Leads a visitor to an address by GET (RFC 9110 section 15.4.4).
fn see_other(location: HeaderValue) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SEE_OTHER;
    let headers = response.headers_mut();
    headers.insert(LOCATION, location);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
