//! Tells plain services who the visitor is: by headers, or by a token that is made for the service.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use axum::body::Body;
use http::{HeaderMap, HeaderName, HeaderValue, Request, header::AUTHORIZATION};
use http_body::Frame;
use http_body_util::BodyExt as _;
use hydra_runtime_wire::{cookies, login::Login, signing::seconds};
use uuid::Uuid;

use super::Logins;
use crate::{
    Gateway, GatewayConfig,
    config::service_login::{ServiceLogin, roles_at},
    edge::headers::remove_alike,
    limits::SERVICE_TOKEN_SECS,
};

/// How each service of the configuration hears who the visitor is.
#[derive(Default)]
pub(crate) struct Identities(HashMap<String, Identity>);

/// How one service hears it.
pub(crate) struct Identity {
    manner: Manner,
    roles: BTreeMap<String, String>,
}

enum Manner {
    Headers { user: HeaderName, roles: HeaderName },
    Token { audience: String },
}

impl Identities {
    /// Those of the settings, which were checked.
    pub(crate) fn new(config: &GatewayConfig) -> Self {
        let services = config.services.iter().filter_map(|service| {
            let manner = match service.login.as_ref()? {
                ServiceLogin::Headers { user, roles } => Manner::Headers {
                    user: user.to_ascii_lowercase().parse().ok()?,
                    roles: roles.to_ascii_lowercase().parse().ok()?,
                },
                ServiceLogin::Token { audience } => Manner::Token {
                    audience: audience.clone().unwrap_or_else(|| service.name.clone()),
                },
            };
            let roles = roles_at(&config.roles, &service.name);
            Some((service.name.clone(), Identity { manner, roles }))
        });
        Self(services.collect())
    }

    /// How a service hears it. `None`: it does not.
    pub(crate) fn of(&self, service: &str) -> Option<&Identity> {
        if self.0.is_empty() {
            return None;
        }
        self.0.get(service)
    }
}

impl Identity {
    /// Removes what visitors send under these names, in all spellings that servers take for the same.
    pub(crate) fn remove(&self, headers: &mut HeaderMap) {
        match &self.manner {
            Manner::Headers { user, roles } => remove_alike(headers, &[user.as_str(), roles.as_str()]),
            Manner::Token { .. } => remove_alike(headers, &[AUTHORIZATION.as_str()]),
        }
    }

    /// A request of a visitor without the names that the service believes, also in trailers.
    pub(crate) fn clean(&self, mut request: Request<Body>) -> Request<Body> {
        self.remove(request.headers_mut());
        let without_trailers = |frame: Frame<_>| match frame.into_data() {
            Ok(data) => Frame::data(data),
            Err(_) => Frame::trailers(HeaderMap::new()),
        };
        match http_body::Body::is_end_stream(request.body()) {
            true => request,
            false => request.map(|body| Body::new(body.map_frame(without_trailers))),
        }
    }

    /// The headers that tell the service of a login. `now` is in seconds since 1970.
    pub(crate) fn headers(&self, logins: &Logins, login: &Login, now: u64) -> Vec<(HeaderName, HeaderValue)> {
        let roles = login
            .roles
            .iter()
            .map(|role| self.roles.get(role).unwrap_or(role).clone());
        let mut named: Vec<String> = Vec::new();
        for role in roles {
            if !named.contains(&role) {
                named.push(role);
            }
        }
        match &self.manner {
            Manner::Headers { user, roles } => {
                let pairs = [(user, login.username.clone()), (roles, named.join(","))];
                let pairs = pairs.into_iter().filter_map(|(name, text)| {
                    // UTF-8; neither names nor roles contain control characters.
                    let value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
                    Some((name.clone(), value))
                });
                pairs.collect()
            }
            Manner::Token { audience } => {
                let mapped = Login {
                    roles: named,
                    ..login.clone()
                };
                let token = logins.service_token(audience, &mapped, now);
                let value = token.and_then(|token| HeaderValue::try_from(format!("Bearer {token}")).ok());
                let value = value.map(|mut value| {
                    value.set_sensitive(true);
                    (AUTHORIZATION, value)
                });
                value.into_iter().collect()
            }
        }
    }
}

impl Logins {
    /// A token that tells one service of a login. It is made once for a while, since signing takes time.
    fn service_token(&self, audience: &str, login: &Login, now: u64) -> Option<Arc<str>> {
        let ring = self.ring();
        let key = ring.signing(now)?;
        let (sid, roles) = (&login.sid, login.roles.join(","));
        let person = (&login.username, &login.user_id, &login.metadata);
        let name = format!(
            "{} {sid} {} {roles} {audience} {person:?}",
            key.kid(),
            login.revision
        );
        let moment = Instant::now();
        let resigned = || {
            self.resigned
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
        };
        if let Some(known) = resigned().get(&name, moment) {
            return Some(Arc::clone(known));
        }
        let expires = login.expires.min(now + SERVICE_TOKEN_SECS);
        let jti = Uuid::new_v4().simple().to_string();
        let token: Arc<str> = login
            .service_token(key, &self.audience, audience, &jti, now, expires)?
            .into();
        // It must still be valid for a while when the service reads it.
        let life = Duration::from_secs(expires.saturating_sub(now) / 2);
        resigned().put(&name, Arc::clone(&token), token.len(), moment + life);
        Some(token)
    }
}

impl Gateway {
    /// The headers that tell a plain service of the visitor with these cookies, for the call for a fragment. `None`: the
    /// service hears nothing of visitors.
    pub(crate) fn identity_headers(
        &self,
        service: &str,
        visitor: Option<&HeaderValue>,
    ) -> Option<Vec<(HeaderName, HeaderValue)>> {
        let identity = self.identities().of(service)?;
        let (Some(logins), Some(visitor)) = (self.logins(), visitor) else {
            return Some(Vec::new());
        };
        let now = seconds(SystemTime::now());
        let cookies = HeaderMap::from_iter([(http::header::COOKIE, visitor.clone())]);
        let login = cookies::login_tokens(&cookies).find_map(|token| logins.login_of(token, now));
        Some(login.map_or_else(Vec::new, |login| identity.headers(logins, &login, now)))
    }
}
