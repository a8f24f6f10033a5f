//! How operators sign in and out: with the token, or with the name and the password of a user with the role.

use std::{collections::HashMap, sync::Arc};

use axum::{
    body::Body,
    extract::{Query, State},
    response::Response,
};
use http::{HeaderMap, Request, StatusCode, header::ORIGIN, header::RETRY_AFTER};
use tera::Context;

use super::{
    Site, answers,
    changes::{framed, operators_form, own_form, refused},
    form::field,
};
use crate::{
    limits::MAX_PLACE_BYTES,
    operators::{Access, NotSignedIn},
};

const WRONG_TOKEN: &str = "This is not the `admin_token` of this gateway.";
const WRONG_PASSWORD: &str = "The name or the password is wrong.";
const NO_ROLE: &str = "This user does not have the role HYDRA-OPERATOR.";
const AWAY: &str = "You can't sign in at the moment. Please try again in a minute.";

pub(super) async fn sign_in_page(
    State(site): State<Arc<Site>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let place = own_place(query.get("place").map_or("", String::as_str));
    sign_in_form(&site, &headers, StatusCode::OK, place, None).await
}

pub(super) async fn sign_in(State(site): State<Arc<Site>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    let fields = match own_form(&parts, body).await {
        Ok(fields) => fields,
        Err((status, reason)) => return refused(&site, &parts.headers, status, &reason).await,
    };
    let place = own_place(field(&fields, "place"));
    let address = site.gateway.origin_of(&parts.extensions, &parts.headers).address;
    let is_secure = is_secure(&parts.headers);
    let name = field(&fields, "username");
    let signed_in = match name {
        "" => site
            .guard()
            .sign_in_with_token(field(&fields, "token"), address, is_secure),
        name => {
            let who = (name, field(&fields, "password"));
            site.guard()
                .sign_in_as_user(&site.gateway, who, address, is_secure)
                .await
        }
    };
    let why = match signed_in {
        Ok(cookie) => return answers::see(place, Some(cookie)),
        Err(why) => why,
    };
    let (status, error) = match why {
        NotSignedIn::Wrong if name.is_empty() => (StatusCode::FORBIDDEN, WRONG_TOKEN.to_owned()),
        NotSignedIn::Wrong => (StatusCode::FORBIDDEN, WRONG_PASSWORD.to_owned()),
        NotSignedIn::NoRole => (StatusCode::FORBIDDEN, NO_ROLE.to_owned()),
        NotSignedIn::Away => (StatusCode::SERVICE_UNAVAILABLE, AWAY.to_owned()),
        NotSignedIn::TooSoon(after) => {
            let seconds = after.div_ceil(1_000).max(1);
            let text = format!("There were too many attempts. Please try again in {seconds} seconds.");
            (StatusCode::TOO_MANY_REQUESTS, text)
        }
    };
    let mut response = sign_in_form(&site, &parts.headers, status, place, Some(&error)).await;
    if let NotSignedIn::TooSoon(after) = why {
        let seconds = after.div_ceil(1_000).max(1);
        response.headers_mut().insert(RETRY_AFTER, seconds.into());
    }
    response
}

pub(super) async fn sign_out(State(site): State<Arc<Site>>, request: Request<Body>) -> Response {
    let (parts, body) = request.into_parts();
    match operators_form(&site, &parts, body).await {
        Ok((_, Access::SignedIn(session))) => {
            let cookie = site.guard().sign_out(&site.gateway, &session).await;
            answers::see("/sign-in", Some(cookie))
        }
        Ok(_) => answers::see("/", None),
        Err((status, reason)) => refused(&site, &parts.headers, status, &reason).await,
    }
}

/// Whether the browser came over https, by the origin of the form. A proxy has ended the TLS.
fn is_secure(headers: &HeaderMap) -> bool {
    let origin = headers.get(ORIGIN);
    origin.is_some_and(|origin| origin.as_bytes().starts_with(b"https://"))
}

/// A path of this listener: a browser takes `//host` and `/\host` for another one.
fn own_place(place: &str) -> &str {
    let is_own = place.starts_with('/')
        && !place.starts_with("//")
        && !place.contains('\\')
        && place.len() <= MAX_PLACE_BYTES
        && place.bytes().all(|byte| byte.is_ascii_graphic());
    if is_own { place } else { "/" }
}

async fn sign_in_form(
    site: &Site,
    headers: &HeaderMap,
    status: StatusCode,
    place: &str,
    error: Option<&str>,
) -> Response {
    let access = site.access(headers).await;
    let logins = site.gateway.logins();
    let mut context = Context::new();
    framed(site, &mut context, "Sign in", &access);
    context.insert("place", place);
    context.insert("error", &error);
    context.insert("token", &site.guard().has_token());
    context.insert("passwords", &logins.is_some_and(|logins| logins.has_passwords()));
    context.insert("logins", &logins.is_some_and(|logins| logins.lets_users_in()));
    let (status, text) = site.render(status, "sign-in.html", &context);
    answers::html(status, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_goes_on_at_a_path_of_this_listener() {
        for place in ["/", "/service?name=x%20y&page=2", "/weights?name=a"] {
            assert_eq!(own_place(place), place);
        }
        let long = format!("/{}", "x".repeat(MAX_PLACE_BYTES));
        for place in [
            "",
            "x",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a\r\nset-cookie: x",
            "/ä",
            "/\t/evil.example",
            &long,
        ] {
            assert_eq!(own_place(place), "/", "{place}");
        }
    }
}
