//! `/login` and `/logout` where an OpenID provider logs users in, and the path to which it sends them back.

use axum::{body::Body, response::Response};
use http::{
    HeaderValue, Method, Request, StatusCode,
    header::{REFRESH, SET_COOKIE},
};
use hydra_runtime_wire::login::Login;
use url::form_urlencoded;

use super::{AWAY, Asked, BUSY, OpenId, Shown, logged_in, not_allowed, page, redirect};
use crate::{
    Gateway,
    login::openid::{self, NoLogin, Visitor},
};

const UNKNOWN: &str = "The login took too long, or was begun in another browser. Please try again.";

/// The link that leads to the provider.
pub(super) fn link(next: &str) -> String {
    let mut query = form_urlencoded::Serializer::for_suffix("/login?".to_owned(), "/login?".len());
    query.append_pair("with", "provider");
    if !next.is_empty() {
        query.append_pair("next", next);
    }
    query.finish()
}

/// The provider to which a visitor goes at once: by the link, or because there is no other way to log in. A visitor who is
/// logged in sees the page instead, so that a service that refuses a login makes no circle.
pub(super) fn wanted<'a>(asked: &Asked<'a>) -> Option<&'a OpenId> {
    let openid = asked.desk.openid.as_deref()?;
    let has_chosen = asked.parameter("with").is_some_and(|with| with == "provider");
    let is_only_way = asked.desk.users.is_none() && asked.login().is_none();
    (has_chosen || is_only_way).then_some(openid)
}

/// Sends a visitor to the provider.
pub(super) async fn begin(asked: &Asked<'_>, openid: &OpenId, next: &str) -> Response {
    let Some(site) = asked.site().map(|site| site.origin()) else {
        return asked.login_page(StatusCode::BAD_REQUEST, "", UNKNOWN);
    };
    match openid::begin(openid, visitor(asked, &site), next).await {
        Ok(way) => {
            let mut response = redirect(&way.to);
            response.headers_mut().append(SET_COOKIE, way.cookie);
            response
        }
        Err(why) => failed(asked, openid, why, next),
    }
}

fn visitor<'a>(asked: &'a Asked<'_>, site: &'a str) -> Visitor<'a> {
    Visitor {
        site,
        headers: &asked.headers,
        is_secure: asked.is_secure,
        now: asked.now,
    }
}

/// The response to a visitor whom the provider sent back. `None`: this gateway has no provider.
pub(crate) async fn openid_return(gateway: &Gateway, request: Request<Body>) -> Option<Response> {
    let asked = Asked::new(gateway, &request)?;
    let openid = asked.desk.openid.as_deref()?;
    if asked.method != Method::GET {
        return Some(not_allowed("GET"));
    }
    let site = asked.site()?;
    let origin = site.origin();
    let returned = openid::returned(openid, visitor(&asked, &origin), &asked.query).await;
    let returned = match returned {
        Ok(returned) => returned,
        Err((why, next)) => return Some(failed(&asked, openid, why, &next)),
    };
    let next = site.local(&returned.next).unwrap_or_default();
    let begun = asked
        .logins
        .begin(openid.username(&returned), asked.now, |sid, since, end| {
            openid.login(&returned, sid, since, end)
        });
    let Some((login, token)) = begun else {
        count("away");
        return Some(asked.login_page(StatusCode::SERVICE_UNAVAILABLE, &next, AWAY));
    };
    openid.keep(&login, returned, asked.now, asked.logins.max).await;
    count("right");
    tracing::info!(user = %hydra_runtime_wire::lines::cut(&login.username), "a user logged in at the OpenID provider");
    Some(logged_in(&asked, &login, &token, &next))
}

fn failed(asked: &Asked<'_>, openid: &OpenId, why: NoLogin, next: &str) -> Response {
    count(why.outcome());
    let name = openid.name();
    let (status, text) = match why {
        NoLogin::Unknown => (StatusCode::BAD_REQUEST, UNKNOWN.to_owned()),
        NoLogin::Refused => (StatusCode::FORBIDDEN, format!("{name} did not let you in.")),
        NoLogin::Wrong => (
            StatusCode::BAD_GATEWAY,
            format!(
                "{name} gave an answer that can't be used. The operator of this site finds the reason in the log."
            ),
        ),
        NoLogin::Away => (
            StatusCode::SERVICE_UNAVAILABLE,
            format!("{name} does not answer at the moment. Please try again in a few minutes."),
        ),
        NoLogin::Busy => (StatusCode::SERVICE_UNAVAILABLE, BUSY.to_owned()),
    };
    asked.login_page(status, next, &text)
}

/// Logs the user of a login out at the provider too. `None`: the login was not made there, or ends here only.
pub(super) async fn log_out(asked: &Asked<'_>, login: &Login) -> Option<Response> {
    let openid = asked
        .desk
        .openid
        .as_deref()
        .filter(|openid| openid.is_current(login))?;
    openid.forget(&login.sid).await;
    let address = openid
        .logout_address(&format!("{}/", asked.site()?.origin()))
        .await?;
    let shown = Shown {
        provider: openid.name(),
        provider_link: &address,
        ..Shown::default()
    };
    // Not a redirect: `form-action` of the page with the form would forbid it.
    let mut response = page(StatusCode::OK, asked.desk.pages.logged_out(shown));
    let refresh = HeaderValue::try_from(format!("0; url={address}")).ok()?;
    response.headers_mut().insert(REFRESH, refresh);
    Some(response)
}

fn count(outcome: &'static str) {
    metrics::counter!("hydra_openid_logins_total", "outcome" => outcome).increment(1);
}
