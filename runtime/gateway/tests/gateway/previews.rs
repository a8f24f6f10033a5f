//! A visitor with a signed token sees a version that ordinary visitors do not get, and everything else as they do.

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    response::IntoResponse,
    routing::{get as on_get, post as on_post},
};
use http::{
    HeaderMap, Request, StatusCode,
    header::{AUTHORIZATION, CACHE_CONTROL, COOKIE, IF_NONE_MATCH, LOCATION, SET_COOKIE},
};
use hydra_runtime_gateway::{Gateway, GatewayConfig, Secret};
use hydra_runtime_net::redis_link::servers::Server;
use serde_json::{Value, json};

use crate::{
    sockets,
    support::{self, Answer, Running, get, register, said, send, send_heartbeats, service, until},
};

const TOKEN: &str = "the-token-of-the-operators";
const KEY: &str = "the private key of the tests";

fn config(private_key: Option<&str>) -> GatewayConfig {
    GatewayConfig {
        public_key: "K".into(),
        private_key: private_key.map(|key| Secret::new(key.into())),
        allow_unsigned: true,
        admin_token: Some(Secret::new(TOKEN.to_owned())),
        ..GatewayConfig::default()
    }
}

/// A gateway, its port, and that of its operators.
struct Started {
    gateway: Gateway,
    public: Running,
    admin: Running,
}

async fn start(config: GatewayConfig) -> Started {
    let (gateway, public) = support::start(config).await;
    Started {
        admin: service(gateway.steering_routes()).await,
        public,
        gateway,
    }
}

impl Started {
    /// What an operator is answered.
    async fn operator(&self, body: &Value, token: Option<&str>) -> Answer {
        let mut request =
            Request::post(self.admin.url("/api/preview")).header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        send(request.body(Body::from(body.to_string())).expect("a request")).await
    }

    async fn token(&self, target: &str) -> String {
        let answer = self
            .operator(&json!({"target":target,"seconds":60}), Some(TOKEN))
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{}", answer.text());
        answer.json()["token"].as_str().expect("a token").to_owned()
    }

    /// The cookie of a visitor who opens the link to `target`, and has this one so far.
    async fn opened(&self, target: &str, cookie: &str) -> String {
        let path = format!("/?hydra-preview={}", self.token(target).await);
        let answer = self.visit(&path, &[("cookie", cookie)]).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER);
        assert_eq!(answer.headers[LOCATION], "/");
        let set = answer.headers[SET_COOKIE].to_str().expect("text");
        set.split(';').next().expect("a pair").to_owned()
    }

    async fn visit(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::get(self.public.url(path));
        for (name, value) in headers.iter().filter(|(_, value)| !value.is_empty()) {
            request = request.header(*name, *value);
        }
        send(request.body(Body::empty()).expect("a request")).await
    }
}

/// A service that answers its version everywhere, and at `/seen` what it learned of the visitor.
#[derive(Clone)]
struct Site {
    name: &'static str,
    version: &'static str,
    gateway: String,
}

/// A page that asks the gateway for a fragment, as an application does: with the cookies that travel.
async fn page(State(site): State<Site>, headers: HeaderMap) -> impl IntoResponse {
    let body = json!({"protocol":2,"requests":{"orders":[{"id":"1","ref":"x"}]}});
    let mut request = Request::post(format!("{}/h/discovery/K/requestFragment", site.gateway))
        .header("content-type", "application/json");
    for cookie in headers.get_all(COOKIE) {
        request = request.header(COOKIE, cookie);
    }
    let answer = send(request.body(Body::from(body.to_string())).expect("a request")).await;
    let fragment = answer.json()["fragments"][0]["renderedHTML"].clone();
    let text = format!("{} {}", site.version, fragment.as_str().unwrap_or("none"));
    (
        [
            ("cache-control", "public, max-age=60"),
            ("cdn-cache-control", "max-age=60"),
        ],
        text,
    )
}

async fn seen(headers: HeaderMap) -> String {
    let text = |name: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.unwrap_or("none").to_owned()
    };
    format!(
        "{} | {} | {}",
        text("hydra-preview"),
        text("cookie"),
        text("if-none-match")
    )
}

async fn fragment(State(site): State<Site>, Json(body): Json<Value>) -> Json<Value> {
    let id = body["requests"][site.name][0]["id"].clone();
    Json(json!({"fragments":[{"id":id,"renderedHTML":site.version,"outcome":"rendered"}]}))
}

async fn socket(State(site): State<Site>, request: Request<Body>) -> impl IntoResponse {
    sockets::saying(site.version, request)
}

/// Starts a version of a service, and registers it.
async fn version(
    started: &Started,
    name: &'static str,
    version: &'static str,
    weight: Option<u32>,
    more: Value,
) -> Running {
    let site = Site {
        name,
        version,
        gateway: started.public.url(""),
    };
    let says = async |State(site): State<Site>| site.version;
    let router = Router::new()
        .route("/", on_get(page))
        .route("/seen", on_get(seen))
        .route("/new", on_get(says))
        .route("/static/app.css", on_get(says))
        .route("/socket", on_get(socket))
        .route("/h/fragment/K/requestFragment", on_post(fragment))
        .with_state(site);
    let service = service(router).await;
    let mut body = said(
        name,
        &service,
        json!({"protocol":2,"versionName":version,"weight":weight}),
    );
    for (member, value) in more.as_object().expect("an object") {
        body[member] = value.clone();
    }
    register(&started.public, &body).await;
    service
}

fn shop() -> Value {
    json!({"endpoints":["/","/seen"],"staticResources":["app.css"],"sockets":["/socket"]})
}

/// Two versions of each of two services; `2` of each is closed.
async fn two_versions(started: &Started) -> Vec<Running> {
    send_heartbeats(started.public.address, &["shop", "orders"]);
    let mut new = shop();
    new["endpoints"] = json!(["/", "/seen", "/new"]);
    vec![
        version(started, "shop", "1", None, shop()).await,
        version(started, "shop", "2", Some(0), new).await,
        version(started, "orders", "1", None, json!({})).await,
        version(started, "orders", "2", Some(0), json!({})).await,
    ]
}

#[tokio::test]
async fn the_visitor_of_a_link_gets_pages_fragments_files_and_sockets_of_its_version_and_others_do_not() {
    let started = start(config(Some(KEY))).await;
    let _services = two_versions(&started).await;
    let shop = started.opened("shop@2", "").await;
    let orders = started.opened("orders@v2", "").await;
    let both = started.opened("orders@2", &shop).await;
    for (cookie, page, file) in [
        ("a=b", "1 1", "1"),
        (&*shop, "2 1", "2"),
        (&*orders, "1 2", "1"),
        (&*both, "2 2", "2"),
    ] {
        let cookies = format!("theme=dark; {cookie}");
        let visit = async |path| started.visit(path, &[("cookie", &cookies)]).await;
        assert_eq!(visit("/").await.text(), page, "{cookie}");
        assert_eq!(visit("/shop/app.css").await.text(), file, "{cookie}");
        assert_eq!(
            sockets::first_message(&started.public, "/shop/socket", &cookies).await,
            file,
            "{cookie}"
        );
        let of_new = visit("/new").await.status;
        assert_eq!(of_new == StatusCode::OK, file == "2", "{cookie}: {of_new}");
    }
    let left = started
        .visit("/?a=1&hydra-preview=off", &[("cookie", &both)])
        .await;
    assert_eq!(left.headers[LOCATION], "/?a=1");
    let set: Vec<_> = left.headers.get_all(SET_COOKIE).iter().collect();
    assert_eq!(set.len(), 1);
    assert!(
        set[0]
            .to_str()
            .is_ok_and(|set| set.starts_with("HYDRA-PREVIEW=; Path=/; Max-Age=0")),
        "{set:?}"
    );
}

#[tokio::test]
async fn answers_say_what_is_previewed_and_no_cache_keeps_them() {
    let started = start(config(Some(KEY))).await;
    let _services = two_versions(&started).await;
    let both = started
        .opened("orders@2", &started.opened("shop@2", "").await)
        .await;
    for path in ["/", "/shop/app.css", "/nothing"] {
        let seen = started.visit(path, &[("cookie", &both)]).await;
        assert_eq!(seen.headers["hydra-preview"], "orders@2, shop@2", "{path}");
        assert_eq!(seen.headers[CACHE_CONTROL], "private, no-store", "{path}");
        assert_eq!(seen.headers.get("cdn-cache-control"), None, "{path}");
        let ordinary = get(&started.public.url(path)).await;
        assert_eq!(ordinary.headers.get("hydra-preview"), None, "{path}");
        assert_ne!(
            ordinary.headers.get(CACHE_CONTROL).map(|value| value.as_bytes()),
            Some(&b"private, no-store"[..]),
            "{path}"
        );
    }
    // The service learns what to show, and its answer is never "not modified" since another version.
    let told = started
        .visit("/seen", &[("cookie", &both), (IF_NONE_MATCH.as_str(), "\"1\"")])
        .await;
    assert_eq!(told.text(), format!("orders@2, shop@2 | {both} | none"));
    let told = started
        .visit(
            "/seen",
            &[("hydra-preview", "shop@2"), (IF_NONE_MATCH.as_str(), "\"1\"")],
        )
        .await;
    assert_eq!(
        told.text(),
        "none | none | \"1\"",
        "no visitor says what is previewed"
    );
}

#[tokio::test]
async fn a_program_sends_the_token_in_a_header_instead() {
    let started = start(config(Some(KEY))).await;
    let _services = two_versions(&started).await;
    let (shop, orders) = (started.token("shop@2").await, started.token("orders@2").await);
    for (value, expected) in [
        (shop.clone(), "2 1"),
        (format!("{shop}, {orders}"), "2 2"),
        (format!("{shop}~{orders}"), "2 2"),
        (shop.to_uppercase(), "1 1"),
    ] {
        let answer = started.visit("/", &[("hydra-preview", &value)]).await;
        assert_eq!(answer.text(), expected, "{value}");
        assert_eq!(answer.headers.get(SET_COOKIE), None);
        assert_eq!(answer.headers.contains_key("hydra-preview"), expected != "1 1");
    }
}

#[tokio::test]
async fn a_cookie_that_was_cut_changed_or_made_elsewhere_is_as_none_and_goes_nowhere() {
    let started = start(config(Some(KEY))).await;
    let elsewhere = start(config(Some("the private key of another site"))).await;
    let _services = two_versions(&started).await;
    let _others = two_versions(&elsewhere).await;
    let good = started.opened("shop@2", "").await;
    let foreign = elsewhere.opened("shop@2", "").await;
    let hundred: Vec<String> = (0..100).map(|n| format!("x{n}")).collect();
    for wrong in [
        good[..good.len() - 1].to_owned(),
        good.replacen("HYDRA-PREVIEW=", "HYDRA-PREVIEW=A", 1),
        good.replacen('.', "..", 1),
        good.to_lowercase().replacen("hydra-preview", "HYDRA-PREVIEW", 1),
        foreign.clone(),
        "HYDRA-PREVIEW=".to_owned(),
        "HYDRA-PREVIEW=shop@2".to_owned(),
        format!("HYDRA-PREVIEW={}", hundred.join("~")),
    ] {
        let page = started.visit("/", &[("cookie", &wrong)]).await;
        assert_eq!(page.text(), "1 1", "{wrong}");
        assert_eq!(page.headers.get("hydra-preview"), None, "{wrong}");
        let seen = started
            .visit("/seen", &[("cookie", &format!("a=b; {wrong}"))])
            .await;
        assert_eq!(seen.text(), "none | a=b | none", "{wrong}");
    }
    let link = foreign.replacen("HYDRA-PREVIEW", "/?hydra-preview", 1);
    let refused = started.visit(&link, &[("accept", "text/html")]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(
        refused.text().contains("not valid, or its time is over"),
        "{}",
        refused.text()
    );
    assert_eq!(refused.headers.get(SET_COOKIE), None);
}

#[tokio::test]
async fn a_version_that_went_away_is_told_and_the_live_one_shown() {
    let started = start(config(Some(KEY))).await;
    let _services = two_versions(&started).await;
    let cookie = started.opened("shop@2", "").await;
    for id in started.gateway.steering_state()[1].versions[1].instances.iter() {
        let target = id.id.clone();
        let drain = hydra_runtime_gateway::SteeringRequest::Drain {
            target,
            after_seconds: None,
        };
        started.gateway.steer(drain).await.expect("drained");
    }
    let page = started.visit("/", &[("cookie", &cookie)]).await;
    assert_eq!(page.text(), "1 1");
    assert_eq!(page.headers["hydra-preview"], "shop@2;gone");
    let seen = started.visit("/seen", &[("cookie", &cookie)]).await;
    assert_eq!(seen.text(), format!("shop@2;gone | {cookie} | none"));
}

#[tokio::test]
async fn an_instance_that_cannot_be_reached_is_not_replaced_by_another_version() {
    let started = start(config(Some(KEY))).await;
    let mut services = two_versions(&started).await;
    let cookie = started.opened("shop@2", "").await;
    services.remove(1).stop().await;
    let page = started.visit("/", &[("cookie", &cookie)]).await;
    assert_eq!(page.status, StatusCode::BAD_GATEWAY);
    assert_eq!(page.headers["hydra-preview"], "shop@2");
    assert_eq!(started.visit("/", &[]).await.text(), "1 1");
}

#[tokio::test]
async fn services_that_ask_for_no_fragments_see_nothing_of_it() {
    let started = start(config(Some(KEY))).await;
    let old = |more: Value| {
        let mut all = json!({"protocol":1,"endpoints":["/old","/seen"]});
        for (member, value) in more.as_object().expect("an object") {
            all[member] = value.clone();
        }
        all
    };
    let _one = version(&started, "old", "1", None, old(json!({}))).await;
    let _two = version(&started, "old", "2", Some(0), old(json!({}))).await;
    let cookie = started.opened("old@2", "").await;
    let seen = started
        .visit("/seen", &[("cookie", &format!("a=b; {cookie}"))])
        .await;
    assert_eq!(seen.text(), "none | a=b | none");
    assert_eq!(seen.headers["hydra-preview"], "old@2");
}

#[tokio::test]
async fn operators_make_links_for_versions_that_run_and_for_a_week_at_most() {
    let started = start(config(Some(KEY))).await;
    let _services = two_versions(&started).await;
    for (body, token, status, words) in [
        (json!({"target":"shop@2","seconds":60}), None, 401, "admin_token"),
        (
            json!({"target":"shop@2","seconds":60}),
            Some("wrong"),
            401,
            "admin_token",
        ),
        (
            json!({"target":"shop@3","seconds":60}),
            Some(TOKEN),
            404,
            "no running version `3`; it has ",
        ),
        (
            json!({"target":"shop@2 ","seconds":60}),
            Some(TOKEN),
            404,
            "no running version",
        ),
        (
            json!({"target":"none@2","seconds":60}),
            Some(TOKEN),
            404,
            "no service `none` is active",
        ),
        (
            json!({"target":"shop","seconds":60}),
            Some(TOKEN),
            400,
            "orderService@2.5.0-rc1",
        ),
        (
            json!({"target":"@2","seconds":60}),
            Some(TOKEN),
            400,
            "orderService@2.5.0-rc1",
        ),
        (
            json!({"target":"shop@","seconds":60}),
            Some(TOKEN),
            400,
            "orderService@2.5.0-rc1",
        ),
        (
            json!({"target":"shop@2","seconds":0}),
            Some(TOKEN),
            400,
            "from 1 s to 168 h",
        ),
        (
            json!({"target":"shop@2","seconds":604_801}),
            Some(TOKEN),
            400,
            "from 1 s to 168 h",
        ),
        (
            json!({"target":"shop@2","seconds":-1}),
            Some(TOKEN),
            400,
            "invalid value",
        ),
        (json!({"target":"shop@2"}), Some(TOKEN), 400, "seconds"),
        (
            json!({"target":"shop@2","seconds":1,"x":1}),
            Some(TOKEN),
            400,
            "unknown field",
        ),
    ] {
        let answer = started.operator(&body, token).await;
        assert_eq!(answer.status.as_u16(), status, "{body}: {}", answer.text());
        assert!(answer.text().contains(words), "{body}: {}", answer.text());
    }
    let good = started
        .operator(&json!({"target":"shop@v2","seconds":604_800}), Some(TOKEN))
        .await;
    assert_eq!(
        (good.status, &good.json()["version"], &good.headers[CACHE_CONTROL]),
        (
            StatusCode::OK,
            &json!("2"),
            &http::HeaderValue::from_static("no-store")
        )
    );
    let keyless = start(config(None)).await;
    let _others = two_versions(&keyless).await;
    let refused = keyless
        .operator(&json!({"target":"shop@2","seconds":60}), Some(TOKEN))
        .await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    assert!(refused.text().contains("HYDRA_PRIVATE_KEY"), "{}", refused.text());
    // Without previews, the query belongs to the site.
    let path = format!("/?hydra-preview={}", started.token("shop@2").await);
    assert_eq!(keyless.visit(&path, &[]).await.text(), "1 1");
}

#[tokio::test]
async fn every_gateway_on_one_redis_accepts_the_link() {
    let folder = tempfile::tempdir().expect("a folder");
    let server = Server::at(folder.path());
    let config = || GatewayConfig {
        redis: Some(Secret::new(server.url.clone())),
        ..config(Some(KEY))
    };
    let (one, other) = (start(config()).await, start(config()).await);
    let _services = two_versions(&one).await;
    until("the other one knows both versions", async || {
        let states = other.gateway.steering_state();
        states.len() == 2 && states.iter().all(|state| state.versions.len() == 2)
    })
    .await;
    let cookie = one.opened("shop@2", "").await;
    until("the other one shows it", async || {
        other.visit("/shop/app.css", &[("cookie", &cookie)]).await.text() == "2"
    })
    .await;
    assert_eq!(other.visit("/shop/app.css", &[]).await.text(), "1");
}
