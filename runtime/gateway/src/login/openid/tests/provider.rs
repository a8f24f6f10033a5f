//! A provider of OpenID Connect that can do one thing wrong.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::SystemTime,
};

use aws_lc_rs::digest::{SHA256, digest};
use axum::{
    Form, Json, Router,
    body::Body,
    extract::State,
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use http::{HeaderMap, StatusCode, header::AUTHORIZATION};
use hydra_runtime_wire::{login::LoginKeyPair, signing::seconds};
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinHandle};
use url::Url;

use super::parameter;

/// What the double does wrong, or in another way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// It takes its time for ever.
    Slow,
    /// It answers 503.
    Busy,
    /// Another `state` comes back.
    OtherState,
    OtherNonce,
    Unsigned,
    /// Signed with a key that is not announced.
    OtherKey,
    /// All keys were replaced since the gateway read them.
    NewKeys,
    /// 10 MB that never end.
    Huge,
    NoToken,
    OtherAudience,
    OtherIssuer,
    Expired,
    /// The answer is not JSON.
    Html,
    /// It says who the user is at its userinfo endpoint only.
    SaysElsewhere,
    /// The client's password is wrong.
    WrongClient,
    PublicClient,
    SecretInForm,
    /// It says that the user is gone.
    Gone,
    /// The user has other groups now.
    OtherGroups,
    /// It gives no id_token with a refresh.
    SilentRefresh,
}

/// The double, which listens until it is dropped.
pub(super) struct Double {
    pub(super) issuer: String,
    inner: Arc<Inner>,
    task: JoinHandle<()>,
}

struct Inner {
    issuer: String,
    fault: Mutex<Fault>,
    pair: Mutex<LoginKeyPair>,
    stranger: LoginKeyPair,
    /// Codes, with the nonce and the challenge of each.
    codes: Mutex<HashMap<String, (String, String)>>,
    /// The refresh token that was given last.
    refresh_token: Mutex<String>,
    /// How often the token endpoint was called.
    calls: Mutex<usize>,
    /// The user of whom the userinfo endpoint tells.
    user: Mutex<String>,
}

impl Drop for Double {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Double {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let issuer = format!("http://{}/shop", listener.local_addr().expect("an address"));
        let pair = || LoginKeyPair::generate().expect("a key");
        let inner = Arc::new(Inner {
            issuer: issuer.clone(),
            fault: Mutex::new(Fault::None),
            pair: Mutex::new(pair()),
            stranger: pair(),
            codes: Mutex::default(),
            refresh_token: Mutex::default(),
            calls: Mutex::default(),
            user: Mutex::new("7".to_owned()),
        });
        let router = Router::new()
            .route("/shop/.well-known/openid-configuration", get(discovery))
            .route("/shop/jwks", get(keys))
            .route("/shop/token", post(token))
            .route("/shop/userinfo", get(userinfo))
            .with_state(Arc::clone(&inner));
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("it serves");
        });
        Self { issuer, inner, task }
    }

    pub(super) fn set(&self, fault: Fault) {
        *self.inner.fault.lock().expect("not poisoned") = fault;
        if fault == Fault::NewKeys {
            *self.inner.pair.lock().expect("not poisoned") = LoginKeyPair::generate().expect("a key");
        }
    }

    /// Tells of another user at its userinfo endpoint.
    pub(super) fn tell_of(&self, user: &str) {
        user.clone_into(&mut self.inner.user.lock().expect("not poisoned"));
    }

    pub(super) fn calls(&self) -> usize {
        *self.inner.calls.lock().expect("not poisoned")
    }

    /// Lets the user in who came by this address. Returns the path to which the provider sends the browser.
    pub(super) fn agree(&self, to: &Url) -> String {
        let code = uuid::Uuid::new_v4().to_string();
        let asked = (parameter(to, "nonce"), parameter(to, "code_challenge"));
        self.inner
            .codes
            .lock()
            .expect("not poisoned")
            .insert(code.clone(), asked);
        let mut state = parameter(to, "state");
        if self.inner.fault() == Fault::OtherState {
            let first = if state.starts_with('A') { "B" } else { "A" };
            state.replace_range(..1, first);
        }
        let iss = url::form_urlencoded::byte_serialize(self.issuer.as_bytes()).collect::<String>();
        format!("/_h/login?code={code}&state={state}&iss={iss}")
    }
}

impl Inner {
    fn fault(&self) -> Fault {
        *self.fault.lock().expect("not poisoned")
    }

    fn claims(&self, nonce: Option<&str>) -> Value {
        let fault = self.fault();
        let now = seconds(SystemTime::now());
        let mut claims = json!({
            "iss": if fault == Fault::OtherIssuer { "https://evil.example" } else { &self.issuer },
            "aud": if fault == Fault::OtherAudience { "other" } else { "hydra" },
            "sub": "7",
            "iat": now,
            "exp": if fault == Fault::Expired { now - 100 } else { now + 300 },
            "nonce": if fault == Fault::OtherNonce { Some("another nonce") } else { nonce },
        });
        if fault != Fault::SaysElsewhere {
            claims["preferred_username"] = json!("ann");
            claims["email"] = json!("ann@shop.example");
            claims["groups"] = json!([if fault == Fault::OtherGroups {
                "ADMIN"
            } else {
                "CLERK"
            }]);
        }
        claims
    }

    fn id_token(&self, nonce: Option<&str>) -> String {
        let claims = self.claims(nonce);
        let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let pair = self.pair.lock().expect("not poisoned");
        match self.fault() {
            Fault::Unsigned => format!("{}.{}.", part(&json!({"alg": "none"})), part(&claims)),
            Fault::OtherKey => self.stranger.sign(&claims).expect("signed"),
            _ => pair.sign(&claims).expect("signed"),
        }
    }
}

/// What is wrong with every answer of the double.
async fn wrong(inner: &Inner) -> Option<Response> {
    match inner.fault() {
        Fault::Slow => std::future::pending().await,
        Fault::Busy => Some(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        Fault::Huge => {
            let piece = || Some((Ok::<_, std::io::Error>(vec![b' '; 64 << 10]), ()));
            let pieces = futures_util::stream::unfold((), move |()| std::future::ready(piece()));
            Some(Body::from_stream(pieces).into_response())
        }
        Fault::Html => Some("<!doctype html>".into_response()),
        _ => None,
    }
}

async fn discovery(State(inner): State<Arc<Inner>>) -> Response {
    let at = |path: &str| format!("{}{path}", inner.issuer);
    let methods = match inner.fault() {
        Fault::SecretInForm => "client_secret_post",
        _ => "client_secret_basic",
    };
    Json(json!({
        "issuer": inner.issuer,
        "authorization_endpoint": at("/auth"),
        "token_endpoint": at("/token"),
        "jwks_uri": at("/jwks"),
        "userinfo_endpoint": at("/userinfo"),
        "end_session_endpoint": at("/end"),
        "token_endpoint_auth_methods_supported": [methods],
        "authorization_response_iss_parameter_supported": true,
    }))
    .into_response()
}

async fn keys(State(inner): State<Arc<Inner>>) -> Response {
    let keys = [inner.pair.lock().expect("not poisoned").jwk().clone()];
    Json(json!({ "keys": keys })).into_response()
}

async fn token(
    State(inner): State<Arc<Inner>>,
    headers: HeaderMap,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    *inner.calls.lock().expect("not poisoned") += 1;
    if let Some(wrong) = wrong(&inner).await {
        return wrong;
    }
    let refused = |status: StatusCode, error: &str| (status, Json(json!({ "error": error }))).into_response();
    let basic = headers
        .get(AUTHORIZATION)
        .map(|value| value.to_str().expect("ASCII"));
    let pair = BASE64_STANDARD.encode("hydra:the+client%27s+password");
    let in_form = form.get("client_secret").map(String::as_str);
    let is_client = match inner.fault() {
        Fault::WrongClient => false,
        Fault::PublicClient => basic.is_none() && form["client_id"] == "hydra",
        Fault::SecretInForm => basic.is_none() && in_form == Some("the client's password"),
        _ => basic == Some(&*format!("Basic {pair}")) && in_form.is_none(),
    };
    if !is_client {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    let nonce = match &*form["grant_type"] {
        "refresh_token" => {
            let known = inner.refresh_token.lock().expect("not poisoned").clone();
            if form["refresh_token"] != known || inner.fault() == Fault::Gone {
                return refused(StatusCode::BAD_REQUEST, "invalid_grant");
            }
            None
        }
        _ => {
            let known = inner.codes.lock().expect("not poisoned").remove(&form["code"]);
            let challenge = digest(&SHA256, form["code_verifier"].as_bytes());
            let challenge = BASE64_URL_SAFE_NO_PAD.encode(challenge);
            match known {
                Some((nonce, expected)) if expected == challenge => Some(nonce),
                _ => return refused(StatusCode::BAD_REQUEST, "invalid_grant"),
            }
        }
    };
    // Each may be used once.
    let refresh_token = uuid::Uuid::new_v4().to_string();
    inner
        .refresh_token
        .lock()
        .expect("not poisoned")
        .clone_from(&refresh_token);
    let mut tokens =
        json!({"access_token": "access", "token_type": "Bearer", "refresh_token": refresh_token});
    let is_silent = inner.fault() == Fault::SilentRefresh && nonce.is_none();
    if inner.fault() != Fault::NoToken && !is_silent {
        tokens["id_token"] = json!(inner.id_token(nonce.as_deref()));
    }
    Json(tokens).into_response()
}

async fn userinfo(State(inner): State<Arc<Inner>>, headers: HeaderMap) -> Response {
    assert_eq!(headers[AUTHORIZATION], "Bearer access");
    let subject = inner.user.lock().expect("not poisoned").clone();
    Json(json!({"sub": subject, "preferred_username": "ann", "groups": ["FROM-USERINFO"]})).into_response()
}
