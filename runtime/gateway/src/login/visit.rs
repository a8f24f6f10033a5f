//! The login of a request that is passed on to a service: tokens that do not count are removed, the token is renewed
//! while the visitor is active, and a redirect to the login page is remembered.

use std::{borrow::Cow, sync::Arc, time::SystemTime};

use axum::{body::Body, response::Response};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode,
    header::{LOCATION, SET_COOKIE},
};
use hydra_runtime_net::proxies::Origin;
use hydra_runtime_wire::{
    login::{Login, kid},
    signing::seconds,
};
use tokio::sync::watch;

use super::{
    Ending, Logins, OpenId, OpenLogin,
    cookies::{self, LOGIN},
    next::Site,
    openid::Refreshed,
};
use crate::{
    Gateway,
    edge::{cross_site::is_cross_site, failure::RequestFailure, headers, pin_rules},
    limits::OPENID_PATIENCE,
    registry::instance::{FragmentProtocol, Instance},
};

const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// The login of one request.
#[derive(Default)]
pub(crate) struct Visit {
    login: Option<(Arc<Login>, String)>,
    /// What the provider says about a login whose token is due. `None`: it is not asked.
    refresh: Option<watch::Receiver<Option<Refreshed>>>,
    /// The path and query that the visitor requested, and their site, if a redirect to the login page must be remembered.
    wanted: Option<(String, Site)>,
    is_secure: bool,
    now: u64,
}

impl Visit {
    /// Checks the login of a request, and removes tokens that do not count. The request came for `host`.
    ///
    /// # Errors
    /// The request has a login, may change something, and another site sent it.
    pub(crate) fn begin(
        gateway: &Gateway,
        request: &mut Request<Body>,
        origin: &Origin,
    ) -> Result<Self, RequestFailure> {
        let has_login = headers::cookies(request.headers(), LOGIN).next().is_some();
        let Some(logins) = gateway.logins() else {
            let refused = has_login && is_refused(gateway, request, origin);
            return if refused {
                Err(RequestFailure::CrossSite)
            } else {
                Ok(Self::default())
            };
        };
        let navigates = *request.method() == Method::GET
            && request
                .headers()
                .get(SEC_FETCH_MODE)
                .is_none_or(|mode| mode == "navigate");
        if !has_login && !navigates {
            return Ok(Self::default());
        }
        if has_login && is_refused(gateway, request, origin) {
            return Err(RequestFailure::CrossSite);
        }
        let host = host_of(request, origin);
        let now = seconds(SystemTime::now());
        let wanted = navigates.then(|| {
            let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
            Some((path.to_owned(), Site::new(origin.scheme, host.as_ref()?)?))
        });
        let login = has_login
            .then(|| logins.admit(request.headers_mut(), now))
            .flatten();
        let refresh = login
            .as_ref()
            .filter(|(login, _)| OpenId::is_revision(&login.revision) && logins.is_due(login, now));
        Ok(Self {
            refresh: refresh.and_then(|(login, _)| gateway.refresh(login, now)),
            login,
            wanted: wanted.flatten(),
            is_secure: cookies::is_secure(origin.scheme, host.as_ref(), logins.may_be_plain),
            now,
        })
    }

    /// Gives an instance the token in the form that it can verify: an instance of protocol 1 knows only the key that it got
    /// when it registered. `is_again`: the headers were made for another instance before.
    pub(crate) fn dress(
        &self,
        gateway: &Gateway,
        headers: &mut HeaderMap,
        instance: &Instance,
        is_again: bool,
    ) {
        if let Some(identity) = gateway.identities().of(&instance.service) {
            // What another instance was told stands there already.
            identity.remove(headers);
            if let (Some(logins), Some((login, _))) = (gateway.logins(), &self.login) {
                headers.extend(identity.headers(logins, login, self.now));
            }
            // The login itself would open other services, too.
            headers::replace_cookie(headers, LOGIN, None);
            return;
        }
        let (Some(logins), Some((login, token))) = (gateway.logins(), &self.login) else {
            return;
        };
        let is_old = instance.fragment_protocol == FragmentProtocol::Protocol1;
        let given = instance.login_key.as_deref().filter(|_| is_old);
        let other = given.filter(|given| kid(token).as_deref() != Some(given));
        let signed = other.and_then(|given| {
            let ring = logins.ring();
            logins.signed_with(ring.of_id(given)?, token, login, self.now)
        });
        if signed.is_none() && !is_again {
            return;
        }
        let pair = pair(signed.as_deref().unwrap_or(token));
        headers::replace_cookie(headers, LOGIN, pair.as_ref());
    }

    /// The socket or stream that this request begins, if it has a login. `None`: nothing ends it early.
    pub(crate) fn open(&self, gateway: &Gateway) -> Option<OpenLogin> {
        let (login, _) = self.login.as_ref()?;
        Some(gateway.logins()?.open(login))
    }

    /// Adds cookies to the response: a renewed token, or the path that the visitor requested before the login. A response
    /// that shared caches may keep gets none.
    pub(crate) async fn end(&self, gateway: &Gateway, response: &mut Response) {
        let Some(logins) = gateway.logins() else { return };
        // A cache that is told "not modified" adds the headers to its copy (RFC 9111 section 3.2).
        if !pin_rules::may_pin(response.status(), response.headers()) {
            return;
        }
        let mut cookies = self.renewal(logins).await;
        cookies.extend(self.remembered(logins, response));
        if cookies.is_empty() {
            return;
        }
        // A shared cache may keep a response that says nothing of caching, with its cookies (RFC 9111 sections 4.2.2 and 7.3).
        pin_rules::keep_private(response.headers_mut());
        for cookie in cookies {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }

    /// The cookies with a renewed token, if it is due, or the end of a cookie whose login has ended at the provider.
    async fn renewal(&self, logins: &Logins) -> Vec<HeaderValue> {
        let Some((login, _)) = &self.login else {
            return Vec::new();
        };
        match (OpenId::is_revision(&login.revision), &self.refresh) {
            (false, _) => self.renewed(logins, login),
            (true, None) => Vec::new(),
            (true, Some(refresh)) => match refreshed(logins, refresh.clone()).await {
                Refreshed::Counts(login) => self.renewed(logins, &login),
                Refreshed::Ended => cookies::end(LOGIN, self.is_secure).into_iter().collect(),
                Refreshed::Unknown => Vec::new(),
            },
        }
    }

    /// The cookies with a renewed token, if it is due.
    fn renewed(&self, logins: &Logins, login: &Login) -> Vec<HeaderValue> {
        let Some((token, life)) = logins.renewed(login, self.now) else {
            return Vec::new();
        };
        let renewed = Login {
            expires: self.now + life,
            ..login.clone()
        };
        let cookies = [
            cookies::set(&token, life, self.is_secure),
            logins.operators_cookie(&renewed, self.is_secure, self.now),
        ];
        cookies.into_iter().flatten().collect()
    }

    fn remembered(&self, logins: &Logins, response: &Response) -> Option<HeaderValue> {
        let is_redirect = matches!(
            response.status(),
            StatusCode::FOUND | StatusCode::SEE_OTHER | StatusCode::TEMPORARY_REDIRECT
        );
        let location = response.headers().get(LOCATION).filter(|_| is_redirect)?;
        let (path, site) = self.wanted.as_ref().filter(|(_, site)| site.is_login(location))?;
        logins.next.set(&site.local(path)?, self.is_secure, self.now)
    }
}

/// What a provider says, if it says so soon.
async fn refreshed(logins: &Logins, mut refresh: watch::Receiver<Option<Refreshed>>) -> Refreshed {
    let said = tokio::time::timeout(OPENID_PATIENCE, refresh.wait_for(Option::is_some)).await;
    match said {
        Ok(Ok(said)) => said.clone().unwrap_or(Refreshed::Unknown),
        Ok(Err(_)) => Refreshed::Unknown,
        Err(_) => {
            let desk = logins.desk.as_ref();
            if let Some(openid) = desk.and_then(|desk| desk.openid.as_ref()) {
                openid.is_slow();
            }
            Refreshed::Unknown
        }
    }
}

/// The host that a visitor requested.
pub(crate) fn host_of(request: &Request<Body>, origin: &Origin) -> Option<HeaderValue> {
    origin
        .host
        .clone()
        .or_else(|| headers::visitors_host(request.uri(), request.headers()))
}

/// Whether another site made the visitor's browser send a request that may change something, to a path that is not open to that.
pub(crate) fn is_refused(gateway: &Gateway, request: &Request<Body>, origin: &Origin) -> bool {
    is_of_another_site(request, origin) && !gateway.cross_site_paths().contains(request.uri().path())
}

/// Whether another site made the visitor's browser send a request that may change something.
pub(crate) fn is_of_another_site(request: &Request<Body>, origin: &Origin) -> bool {
    let is_upgrade = headers::wanted_upgrade(request.headers()).is_some();
    let host = host_of(request, origin);
    is_cross_site(
        request.method(),
        is_upgrade,
        request.headers(),
        origin.scheme,
        host.as_ref(),
    )
}

fn pair(token: &str) -> Option<HeaderValue> {
    HeaderValue::try_from(format!("{LOGIN}={token}")).ok()
}

impl Logins {
    /// The login in a visitor's cookies. Tokens that do not count are removed, so that no service believes them.
    fn admit(&self, cookies: &mut HeaderMap, now: u64) -> Option<(Arc<Login>, String)> {
        let mut tokens = headers::cookies(cookies, LOGIN);
        let (mut found, mut count) = (None, 0);
        for token in &mut tokens {
            count += 1;
            let token = std::str::from_utf8(token).ok();
            found = found
                .or_else(|| token.and_then(|token| Some((self.login_of(token, now)?, token.to_owned()))));
        }
        drop(tokens);
        if found.is_none() || count > 1 {
            metrics::counter!("hydra_login_tokens_removed_total").increment(1);
            let kept = found.as_ref().and_then(|(_, token)| pair(token));
            headers::replace_cookie(cookies, LOGIN, kept.as_ref());
        }
        found
    }
}

impl Gateway {
    /// Asks the provider whether a login still counts. `None`: no provider can be asked now.
    fn refresh(&self, login: &Arc<Login>, now: u64) -> Option<watch::Receiver<Option<Refreshed>>> {
        let logins = self.logins()?;
        let openid = logins.desk.as_ref()?.openid.as_ref()?;
        let (gateway, ended) = (self.clone(), Arc::clone(login));
        let until = login.since.saturating_add(logins.max);
        let ended = move || async move {
            let sid = ended.sid.clone();
            if let Some(logins) = gateway.logins() {
                logins.finish(Ending::One { sid, until }, now).await;
            }
        };
        let times = (logins.idle / 2, until.saturating_sub(now));
        openid.refresh(login, now, times, ended)
    }

    /// The headers of a page's visitor, without logins that do not count.
    pub(crate) fn with_valid_login<'h>(&self, visitor: &'h HeaderMap) -> Cow<'h, HeaderMap> {
        match self.logins() {
            Some(logins) if headers::cookies(visitor, LOGIN).next().is_some() => {
                let mut checked = visitor.clone();
                logins.admit(&mut checked, seconds(SystemTime::now()));
                Cow::Owned(checked)
            }
            _ => Cow::Borrowed(visitor),
        }
    }
}
