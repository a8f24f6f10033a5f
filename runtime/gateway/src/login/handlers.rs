//! `/login` and `/logout`.

mod at_provider;

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use axum::{
    body::Body,
    response::{IntoResponse as _, Response},
};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode,
    header::{
        CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERER, REFERRER_POLICY,
        RETRY_AFTER, SET_COOKIE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
    },
};
use hydra_runtime_net::{bodies::read, proxies::Origin};
use hydra_runtime_wire::{login::Login, signing::seconds};
use url::form_urlencoded;

pub(crate) use at_provider::openid_return;

use super::{
    Desk, Ending, Logins, OpenId, TooSoon,
    attempts::Attempt,
    cookies::{self, LOGIN, SESSION},
    next::{NextCookies, Site},
    page::Shown,
    users::{Checked, Users},
};
use crate::{
    Gateway,
    edge::{
        cross_site::is_cross_site,
        failure::RequestFailure,
        headers::{self, OPERATORS_COOKIE},
        in_flight::Place,
    },
    limits::{MAX_LOGIN_FORM_BYTES, MAX_USERNAME_BYTES},
};

/// Only the site itself may style the page, show it in a frame, or get the form.
const POLICY: &str = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; \
                      base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
/// The login page for a visitor whose form was not sent, because the login had ended.
pub(crate) const UNSENT: &str = "/login?unsent";
const NOT_SENT: &str =
    "Your login has ended, so that your form was not sent. Please log in, and send it again.";
const WRONG: &str = "The name or the password is wrong.";
const ELSEWHERE: &str = "This form was sent from another site. Please try again here.";
const UNREADABLE: &str = "The form can't be read. Please try again.";
const BUSY: &str = "Too many people log in at the moment. Please try again in a few seconds.";
const AWAY: &str = "The login is not available at the moment. Please try again in a few minutes.";

/// A request for one of the pages.
struct Asked<'a> {
    logins: &'a Logins,
    desk: &'a Desk,
    method: Method,
    query: String,
    headers: HeaderMap,
    origin: Origin,
    /// The host that the visitor requested.
    host: Option<HeaderValue>,
    is_secure: bool,
    /// In seconds since 1970.
    now: u64,
}

impl<'a> Asked<'a> {
    /// `None`: no visitor can log in at this gateway.
    fn new(gateway: &'a Gateway, request: &Request<Body>) -> Option<Self> {
        let logins = gateway.logins()?;
        let mut origin = gateway.origin_of(request.extensions(), request.headers());
        let host = origin
            .host
            .take()
            .or_else(|| headers::visitors_host(request.uri(), request.headers()));
        Some(Self {
            desk: logins.desk.as_ref()?,
            method: request.method().clone(),
            query: request.uri().query().unwrap_or_default().to_owned(),
            headers: request.headers().clone(),
            is_secure: cookies::is_secure(origin.scheme, host.as_ref(), logins.may_be_plain),
            logins,
            origin,
            host,
            now: seconds(SystemTime::now()),
        })
    }

    fn site(&self) -> Option<Site> {
        Site::new(self.origin.scheme, self.host.as_ref()?)
    }

    fn is_cross_site(&self) -> bool {
        is_cross_site(
            &self.method,
            false,
            &self.headers,
            self.origin.scheme,
            self.host.as_ref(),
        )
    }

    /// The visitor's login at present.
    fn login(&self) -> Option<Arc<Login>> {
        let mut tokens =
            headers::cookies(&self.headers, LOGIN).filter_map(|token| std::str::from_utf8(token).ok());
        tokens.find_map(|token| self.logins.login_of(token, self.now))
    }

    /// A parameter of the query. `None`: it is absent.
    fn parameter(&self, name: &str) -> Option<String> {
        let mut parameters = form_urlencoded::parse(self.query.as_bytes());
        parameters
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.into_owned())
    }

    /// Where the visitor goes after the login. `None`: nowhere in particular.
    fn next(&self, form: Option<&str>) -> Option<String> {
        self.logins
            .next
            .choose(form, &self.headers, &self.site()?, self.now)
    }

    /// The page from which the visitor came.
    fn came_from(&self) -> Option<String> {
        self.site()?.local(self.headers.get(REFERER)?.to_str().ok()?)
    }

    /// The cookie for the operators' listener. That of a user who was logged in before ends.
    fn operators_cookie(&self, login: &Login, now: u64) -> Option<HeaderValue> {
        let own = self.logins.operators_cookie(login, self.is_secure, now);
        own.or_else(|| {
            let mut cookies = headers::cookies(&self.headers, OPERATORS_COOKIE);
            let is_of_user = cookies.any(|value| {
                let value = std::str::from_utf8(value).unwrap_or_default();
                self.logins.operator_of(value, now).is_some()
            });
            let ended = is_of_user.then(|| cookies::end(OPERATORS_COOKIE, self.is_secure));
            ended.flatten()
        })
    }

    fn login_page(&self, status: StatusCode, next: &str, error: &str) -> Response {
        let login = self.login();
        let openid = self.desk.openid.as_ref();
        let link = openid.map(|_| at_provider::link(next)).unwrap_or_default();
        let shown = Shown {
            next,
            error,
            username: login.as_ref().map_or("", |login| &login.username),
            passwords: self.desk.users.is_some(),
            provider: openid.map_or("", |openid| openid.name()),
            provider_link: &link,
        };
        page(status, self.desk.pages.login(shown))
    }

    fn logout_page(&self, status: StatusCode, error: &str) -> Response {
        let login = self.login();
        let username = login.as_ref().map_or("", |login| &login.username);
        let shown = Shown {
            error,
            username,
            ..Shown::default()
        };
        page(status, self.desk.pages.logout(shown))
    }
}

/// The response to a request for `/login`, which has a place if their number is limited. `None`: no visitor can log in at this gateway.
///
/// # Errors
/// There is no place any more when the attempt has waited.
pub(crate) async fn login(
    gateway: &Gateway,
    request: Request<Body>,
    place: Option<Place>,
) -> Result<Option<Response>, RequestFailure> {
    let Some(asked) = Asked::new(gateway, &request) else {
        return Ok(None);
    };
    Ok(Some(match asked.method {
        Method::GET | Method::HEAD => {
            let next = asked
                .next(asked.parameter("next").as_deref())
                .or_else(|| asked.came_from());
            let next = next.as_deref().unwrap_or_default();
            if let Some(openid) = at_provider::wanted(&asked) {
                // The provider may take its time.
                drop(place);
                return Ok(Some(at_provider::begin(&asked, openid, next).await));
            }
            let error = match (asked.parameter("error"), asked.parameter("unsent")) {
                (Some(_), _) => WRONG,
                (None, Some(_)) => NOT_SENT,
                (None, None) => "",
            };
            asked.login_page(StatusCode::OK, next, error)
        }
        Method::POST => {
            let Some(users) = &asked.desk.users else {
                return Ok(Some(not_allowed("GET, HEAD")));
            };
            match attempt(&asked, request.into_body()).await {
                Ok((form, next, attempt)) => {
                    // Attempts that wait take no places from other visitors.
                    let place = if attempt.delay > 0 {
                        drop(place);
                        tokio::time::sleep(Duration::from_millis(attempt.delay)).await;
                        gateway.limits().place().await?
                    } else {
                        place
                    };
                    let response = log_in(&asked, &**users, &form, &next, attempt).await;
                    drop(place);
                    response
                }
                Err(response) => *response,
            }
        }
        _ => not_allowed("GET, HEAD, POST"),
    }))
}

/// The response to a request for `/logout`. `None`: no visitor can log in at this gateway.
pub(crate) async fn logout(gateway: &Gateway, request: Request<Body>) -> Option<Response> {
    let asked = Asked::new(gateway, &request)?;
    Some(match asked.method {
        Method::GET | Method::HEAD => asked.logout_page(StatusCode::OK, ""),
        Method::POST => log_out(&asked, request.into_body()).await,
        _ => not_allowed("GET, HEAD, POST"),
    })
}

/// What a visitor filled in.
#[derive(Default)]
struct Form {
    username: String,
    password: String,
    next: Option<String>,
    devices: String,
}

async fn form(headers: &HeaderMap, body: Body) -> Option<Form> {
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    let kind = kind
        .and_then(|kind| kind.split(';').next())
        .unwrap_or_default()
        .trim();
    let body = read(body, MAX_LOGIN_FORM_BYTES).await.ok()?;
    if !body.is_empty() && !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return None;
    }
    let mut form = Form::default();
    for (name, value) in form_urlencoded::parse(&body) {
        match &*name {
            "username" => form.username = value.into_owned(),
            "password" => form.password = value.into_owned(),
            "next" => form.next = Some(value.into_owned()),
            "devices" => form.devices = value.into_owned(),
            _ => {}
        }
    }
    Some(form)
}

/// Begins an attempt to log in: the form, the address to which the visitor goes, and how long it must wait. An error is the
/// response.
async fn attempt(asked: &Asked<'_>, body: Body) -> Result<(Form, String, Attempt), Box<Response>> {
    if asked.is_cross_site() {
        count("cross_site");
        return Err(Box::new(asked.login_page(StatusCode::FORBIDDEN, "", ELSEWHERE)));
    }
    let Some(form) = form(&asked.headers, body).await else {
        return Err(Box::new(asked.login_page(
            StatusCode::BAD_REQUEST,
            "",
            UNREADABLE,
        )));
    };
    let next = asked.next(form.next.as_deref()).unwrap_or_default();
    let begun = asked
        .desk
        .attempts()
        .begin(&form.username, asked.origin.address, asked.desk.now());
    match begun {
        Ok(attempt) => Ok((form, next, attempt)),
        Err(too_soon) => {
            count("delayed");
            Err(Box::new(later(asked, &next, too_soon)))
        }
    }
}

/// Checks the password of an attempt that has waited.
async fn log_in(asked: &Asked<'_>, users: &dyn Users, form: &Form, next: &str, attempt: Attempt) -> Response {
    let name = Some(form.username.as_str()).filter(|name| name.len() <= MAX_USERNAME_BYTES);
    let found = match users.are_known() {
        true => users.find(name.unwrap_or_default()).await,
        // A user may have been removed meanwhile.
        false => Err("they were not read for too long".to_owned()),
    };
    let user = match found {
        Ok(user) => user,
        Err(reason) => {
            count("away");
            tracing::warn!(reason, "users can't be read");
            return asked.login_page(StatusCode::SERVICE_UNAVAILABLE, next, AWAY);
        }
    };
    match (
        asked.desk.passwords.check(user.as_ref(), &form.password).await,
        user,
    ) {
        (Checked::Right, Some(user)) => {
            asked.desk.attempts().succeeded(attempt);
            // Waiting and checking take time.
            let now = seconds(SystemTime::now());
            let Some((login, token)) = asked
                .logins
                .begin(&user.name, now, |sid, since, end| user.login(sid, since, end))
            else {
                count("away");
                return asked.login_page(StatusCode::SERVICE_UNAVAILABLE, next, AWAY);
            };
            count("right");
            tracing::info!(user = %hydra_runtime_wire::lines::cut(&user.name), "a user logged in");
            logged_in(asked, &login, &token, next)
        }
        (Checked::Busy, _) => {
            count("busy");
            asked.login_page(StatusCode::SERVICE_UNAVAILABLE, next, BUSY)
        }
        _ => {
            count("wrong");
            let to = "/login?error".to_owned();
            let to = match next {
                "" => to,
                next => form_urlencoded::Serializer::for_suffix(to, "/login?".len())
                    .append_pair("next", next)
                    .finish(),
            };
            redirect(&to)
        }
    }
}

fn logged_in(asked: &Asked<'_>, login: &Login, token: &str, next: &str) -> Response {
    let mut response = redirect(if next.is_empty() { "/" } else { next });
    let now = seconds(SystemTime::now());
    let cookies = [
        cookies::set(token, login.expires.saturating_sub(now), asked.is_secure),
        cookies::end(SESSION, asked.is_secure),
        Some(NextCookies::clear()),
        asked.operators_cookie(login, now),
    ];
    for cookie in cookies.into_iter().flatten() {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    response
}

async fn log_out(asked: &Asked<'_>, body: Body) -> Response {
    if asked.is_cross_site() {
        return asked.logout_page(StatusCode::FORBIDDEN, ELSEWHERE);
    }
    let Some(form) = form(&asked.headers, body).await else {
        return asked.logout_page(StatusCode::BAD_REQUEST, UNREADABLE);
    };
    let mut provider = None;
    if let Some(login) = asked.login() {
        let ending = if form.devices == "all" {
            let (username, before) = (login.username.clone(), asked.now.max(login.since));
            Ending::All {
                username,
                before,
                until: before.saturating_add(asked.logins.max),
            }
        } else {
            Ending::One {
                sid: login.sid.clone(),
                until: asked.logins.last_token_ends(&login, asked.now),
            }
        };
        asked.logins.finish(ending, asked.now).await;
        provider = at_provider::log_out(asked, &login).await;
    }
    let mut response = provider.unwrap_or_else(|| redirect("/"));
    for name in [LOGIN, SESSION] {
        if let Some(cookie) = cookies::end(name, asked.is_secure) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
    }
    response
}

fn later(asked: &Asked<'_>, next: &str, TooSoon { after }: TooSoon) -> Response {
    let seconds = after.div_ceil(1_000);
    let error = format!("There were too many attempts. Please try again in {seconds} seconds.");
    let mut response = asked.login_page(StatusCode::TOO_MANY_REQUESTS, next, &error);
    response
        .headers_mut()
        .insert(RETRY_AFTER, HeaderValue::from(seconds));
    response
}

fn redirect(to: &str) -> Response {
    let mut response = protected(StatusCode::SEE_OTHER.into_response());
    let to = HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/"));
    response.headers_mut().insert(LOCATION, to);
    response
}

fn page(status: StatusCode, text: Result<String, String>) -> Response {
    match text {
        Ok(text) => {
            let kind = HeaderValue::from_static("text/html; charset=utf-8");
            let mut response = protected((status, text).into_response());
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
        Err(reason) => {
            tracing::error!(reason, "the login page fails");
            protected(StatusCode::INTERNAL_SERVER_ERROR.into_response())
        }
    }
}

/// With the headers that all of these responses have.
fn protected(mut response: Response) -> Response {
    let all: [(HeaderName, &'static str); 5] = [
        (CACHE_CONTROL, "no-store"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
        // Not `no-referrer`: browsers would send the form with `Origin: null`.
        (REFERRER_POLICY, "same-origin"),
    ];
    for (name, value) in all {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    response
}

fn not_allowed(methods: &'static str) -> Response {
    let mut response = protected(StatusCode::METHOD_NOT_ALLOWED.into_response());
    response
        .headers_mut()
        .insert(http::header::ALLOW, HeaderValue::from_static(methods));
    response
}

fn count(outcome: &'static str) {
    metrics::counter!("hydra_logins_total", "outcome" => outcome).increment(1);
}
