//! One visitor stays on one set of versions: page, fragments, files and sockets.

use std::collections::BTreeSet;

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    routing::{get as on_get, post as on_post},
};
use futures_util::StreamExt as _;
use http::{
    HeaderMap, Request,
    header::{CACHE_CONTROL, COOKIE, SET_COOKIE},
};
use hydra_runtime_gateway::{Gateway, GatewayConfig, Secret};
use hydra_runtime_net::fragment_source::Caller;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    sockets,
    support::{Answer, Running, gateway, get, post_text, register, said, send, service},
};

/// One version of one service.
#[derive(Clone)]
struct Site {
    version: i64,
    gateway: String,
}

/// A page that asks the gateway for a fragment, as an application does: with the cookies that travel.
async fn page(State(site): State<Site>, headers: HeaderMap) -> String {
    let cookies = headers
        .get(COOKIE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let body = json!({"protocol":2,"requests":{"orders":[{"id":"1","ref":"x"}]}});
    let request = Request::post(format!("{}/h/discovery/K/requestFragment", site.gateway))
        .header("content-type", "application/json")
        .header(COOKIE, &cookies)
        .body(Body::from(body.to_string()));
    let fragment = send(request.expect("a request")).await.json();
    let fragment = fragment["fragments"][0]["renderedHTML"]
        .as_str()
        .unwrap_or("none")
        .to_owned();
    format!("{} {fragment} {cookies}", site.version)
}

async fn fragment(State(site): State<Site>, Json(body): Json<Value>) -> Json<Value> {
    let id = body["requests"]["orders"][0]["id"].clone();
    Json(json!({"fragments":[{"id":id,"renderedHTML":site.version.to_string(),"outcome":"rendered"}]}))
}

/// Starts one version of a service, and registers it at all gateways.
async fn version(name: &str, gateways: &[&Running], (version, weight): (i64, u32), more: Value) -> Running {
    let site = Site {
        version,
        gateway: gateways[0].url(""),
    };
    let says = async move |State(site): State<Site>| site.version.to_string();
    let socket = async |State(site): State<Site>, request: Request<Body>| {
        sockets::saying(site.version.to_string(), request)
    };
    let router = Router::new()
        .route("/", on_get(page))
        .route("/static/app.css", on_get(says))
        .route("/socket", on_get(socket))
        .route(
            "/cookies",
            on_get(async |headers: HeaderMap| {
                headers
                    .get(COOKIE)
                    .map_or_else(String::new, |value| value.to_str().expect("text").to_owned())
            }),
        )
        .route("/h/fragment/K/requestFragment", on_post(fragment))
        .with_state(site);
    let service = service(router).await;
    let mut body = said(
        name,
        &service,
        json!({"protocol":2,"version":version,"weight":weight,
        "endpoints":["/","/cookies"],"staticResources":["app.css"]}),
    );
    for (member, value) in more.as_object().expect("an object") {
        body[member] = value.clone();
    }
    for gateway in gateways {
        register(gateway, &body).await;
    }
    service
}

async fn split(gateways: &[&Running], weights: (u32, u32)) -> Vec<Running> {
    let mut services = Vec::new();
    for (name, more) in [
        ("shop", json!({})),
        ("orders", json!({"endpoints":[],"staticResources":[]})),
    ] {
        services.push(version(name, gateways, (1, weights.0), more.clone()).await);
        services.push(version(name, gateways, (2, weights.1), more).await);
    }
    services
}

/// Services that say nothing are inactive after 5 s, and a busy machine is slow.
async fn still_alive(gateway: &Running) {
    for name in ["shop", "orders"] {
        post_text(&gateway.url("/h/discovery/K/alive"), "text/plain", name).await;
    }
}

async fn visit(gateway: &Running, path: &str, cookie: &str) -> Answer {
    let request = Request::get(gateway.url(path))
        .header(COOKIE, cookie)
        .body(Body::empty());
    send(request.expect("a request")).await
}

/// The cookie that an answer sets, `name=value`.
fn cookie(answer: &Answer) -> Option<String> {
    let mut all = answer.headers.get_all(SET_COOKIE).iter();
    let set = all.find_map(|set| set.to_str().ok().filter(|set| set.starts_with("HYDRA-VERSION=")))?;
    assert!(set.contains("HttpOnly"), "{set}");
    set.split(';').next().map(str::to_owned)
}

/// The versions of the page, and of the fragment in it.
fn versions(answer: &Answer) -> (String, String) {
    let mut words = answer.text().split(' ').map(str::to_owned);
    (words.next().expect("a page"), words.next().expect("a fragment"))
}

#[tokio::test]
async fn page_fragment_file_and_socket_come_from_one_version_for_one_visitor() {
    let gateway = gateway().await;
    let _services = split(&[&gateway], (50, 50)).await;
    let mut seen = BTreeSet::new();
    for visitor in 0..20 {
        still_alive(&gateway).await;
        let first = get(&gateway.url("/")).await;
        let (version, fragment) = versions(&first);
        assert_eq!(version, fragment, "of the first request, too");
        let cookie = cookie(&first).expect("a new visitor gets the cookie");
        // 102 requests of the first, and a few of the others.
        for _ in 0..if visitor == 0 { 34 } else { 1 } {
            let page = visit(&gateway, "/", &format!("a=b; {cookie}")).await;
            assert_eq!(versions(&page), (version.clone(), version.clone()));
            assert!(
                page.text().ends_with(&format!("a=b; {cookie}")),
                "{}",
                page.text()
            );
            assert_eq!(
                page.headers.get(SET_COOKIE),
                None,
                "who has it is not given it again"
            );
            assert_eq!(visit(&gateway, "/shop/app.css", &cookie).await.text(), version);
            let heard = sockets::first_message(&gateway, "/shop/socket", &cookie).await;
            assert_eq!(heard, version, "the socket");
        }
        seen.insert(version);
    }
    assert_eq!(seen.len(), 2, "other visitors get the other version");
}

#[tokio::test]
async fn visitors_are_shared_about_as_the_weights_say() {
    let gateway = gateway().await;
    let _services = split(&[&gateway], (90, 10)).await;
    let mut new = 0;
    for visitor in 0..400 {
        if visitor % 20 == 0 {
            still_alive(&gateway).await;
        }
        new += usize::from(get(&gateway.url("/shop/app.css")).await.text() == "2");
    }
    // 40 are meant, and the deviation is 6.
    assert!((10..=70).contains(&new), "{new} of 400");
}

#[tokio::test]
async fn all_gateways_of_an_installation_give_a_visitor_the_same_version() {
    let config = || GatewayConfig {
        public_key: "K".into(),
        private_key: Some(Secret::new("the private key of the tests".into())),
        allow_unsigned: true,
        ..GatewayConfig::default()
    };
    let (one, other) = (
        crate::support::gateway_with(config()).await,
        crate::support::gateway_with(config()).await,
    );
    let _services = split(&[&one, &other], (50, 50)).await;
    for _ in 0..20 {
        let first = get(&one.url("/shop/app.css")).await;
        let there = visit(&other, "/shop/app.css", &cookie(&first).expect("a cookie")).await;
        assert_eq!(there.text(), first.text());
        assert_eq!(there.headers.get(SET_COOKIE), None);
    }
}

#[tokio::test]
async fn a_cookie_that_was_changed_is_replaced_and_goes_nowhere() {
    let gateway = gateway().await;
    let _services = split(&[&gateway], (50, 50)).await;
    let good = cookie(&get(&gateway.url("/")).await).expect("a cookie");
    let forged = format!("HYDRA-VERSION=0000000000000001.{}", "0".repeat(32));
    for wrong in [forged.as_str(), "HYDRA-VERSION=", &good[..good.len() - 2]] {
        let answer = visit(&gateway, "/cookies", wrong).await;
        let new = cookie(&answer).expect("a new cookie");
        assert_ne!(new, good);
        assert_eq!(answer.text(), new, "the service gets the new one only");
    }
}

#[tokio::test]
async fn no_cookie_is_set_where_there_is_one_version() {
    let gateway = gateway().await;
    let _one = version("shop", &[&gateway], (1, 5), json!({})).await;
    let _same = version("shop", &[&gateway], (1, 5), json!({})).await;
    let _none = version("orders", &[&gateway], (0, 1), json!({"endpoints":["/o"]})).await;
    for _ in 0..5 {
        assert_eq!(get(&gateway.url("/cookies")).await.headers.get(SET_COOKIE), None);
    }
    // A version without a share does not count as a choice either.
    let _idle = version("shop", &[&gateway], (2, 0), json!({})).await;
    let answer = get(&gateway.url("/shop/app.css")).await;
    assert_eq!((answer.text(), answer.headers.get(SET_COOKIE)), ("1", None));
    let _split = version("shop", &[&gateway], (3, 5), json!({})).await;
    assert!(
        get(&gateway.url("/shop/app.css"))
            .await
            .headers
            .contains_key(SET_COOKIE)
    );
}

#[tokio::test]
async fn services_that_ask_for_nothing_do_not_see_the_cookie() {
    let gateway = gateway().await;
    let _services = split(&[&gateway], (50, 50)).await;
    let old = json!({"protocol":1,"endpoints":["/old","/cookies"]});
    let _old = version(
        "old",
        &[&gateway],
        (0, 1),
        json!({"protocol":null,"endpoints":[],"staticResources":[]}),
    )
    .await;
    let cookies = async |headers: HeaderMap| {
        headers
            .get(COOKIE)
            .map_or_else(String::new, |value| value.to_str().expect("text").to_owned())
    };
    let target = service(Router::new().route("/old", on_get(cookies))).await;
    register(&gateway, &said("older", &target, old)).await;
    let known = cookie(&get(&gateway.url("/old")).await).expect("the visitor gets it all the same");
    let answer = visit(&gateway, "/old", &format!("a=b; {known}; HYDRA-SSO=t")).await;
    assert_eq!(answer.text(), "a=b; HYDRA-SSO=t");
}

#[tokio::test]
async fn when_shares_change_visitors_move_only_as_they_must() {
    let gateway = gateway().await;
    let services = split(&[&gateway], (50, 50)).await;
    let mut visitors = Vec::new();
    for _ in 0..20 {
        let first = get(&gateway.url("/shop/app.css")).await;
        visitors.push((cookie(&first).expect("a cookie"), first.text().to_owned()));
    }
    let body = said(
        "shop",
        &services[0],
        json!({"protocol":2,"version":1,"weight":0,"staticResources":["app.css"]}),
    );
    register(&gateway, &body).await;
    for (cookie, _) in &visitors {
        assert_eq!(visit(&gateway, "/shop/app.css", cookie).await.text(), "2");
    }
    register(
        &gateway,
        &said(
            "shop",
            &services[0],
            json!({"protocol":2,"version":1,"weight":50,
        "staticResources":["app.css"]}),
        ),
    )
    .await;
    for (cookie, version) in &visitors {
        assert_eq!(
            visit(&gateway, "/shop/app.css", cookie).await.text(),
            version,
            "as before"
        );
    }
}

/// The versions from which the fragments of 20 batches came, asked for with these cookies.
async fn versions_for(gateway: &Running, cookies: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    for _ in 0..20 {
        let body = json!({"requests":{"orders":[{"id":"1","ref":"x"}]}});
        let request = Request::post(gateway.url("/h/discovery/K/requestFragment"))
            .header("content-type", "application/json")
            .header(COOKIE, cookies)
            .body(Body::from(body.to_string()));
        let answer = send(request.expect("a request")).await.json();
        let html = answer[0]["renderedHTML"].as_str();
        seen.insert(html.expect("a fragment").to_owned());
    }
    seen
}

#[tokio::test]
async fn who_is_logged_in_stays_on_one_version_behind_pages_that_pass_no_cookie_on() {
    let gateway = gateway().await;
    let _services = split(&[&gateway], (50, 50)).await;
    let mut all = BTreeSet::new();
    for visitor in 0..10 {
        still_alive(&gateway).await;
        let seen = versions_for(&gateway, &format!("HYDRA-SSO=visitor{visitor}")).await;
        assert_eq!(seen.len(), 1, "{seen:?}");
        all.extend(seen);
    }
    assert_eq!(all.len(), 2, "others get the other one");
    assert_eq!(versions_for(&gateway, "a=b").await.len(), 2);
}

#[tokio::test]
async fn an_answer_that_shared_caches_may_keep_sets_no_cookie() {
    let gateway = gateway().await;
    let _services = split(&[&gateway], (50, 50)).await;
    let public = async || ([(CACHE_CONTROL, "public, max-age=60")], "for all");
    let target = service(Router::new().route("/public", on_get(public))).await;
    let more = json!({"protocol":2,"endpoints":["/public"]});
    register(&gateway, &said("files", &target, more)).await;
    let answer = get(&gateway.url("/public")).await;
    assert_eq!((answer.text(), cookie(&answer)), ("for all", None));
    assert!(cookie(&get(&gateway.url("/")).await).is_some());
}

#[tokio::test]
async fn a_page_in_the_process_of_its_gateway_has_one_set_of_versions() {
    let config = GatewayConfig {
        public_key: "K".into(),
        ..GatewayConfig::default()
    };
    let gateway = Gateway::new(config).expect("a gateway");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (source, serving) = (gateway.source(), gateway.clone());
    let task = tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    let running = Running::new(address, task);
    assert_eq!(gateway.keep_on_one_set(&mut HeaderMap::new()), None, "no choice");
    let _services = split(&[&running], (50, 50)).await;
    let mut all = BTreeSet::new();
    for _ in 0..20 {
        still_alive(&running).await;
        let mut headers = HeaderMap::new();
        let set = gateway.keep_on_one_set(&mut headers).expect("a new visitor");
        assert!(set.to_str().expect("text").starts_with("HYDRA-VERSION="));
        let mut seen = BTreeSet::new();
        for _ in 0..10 {
            let batch = json!({"protocol":2,"requests":{"orders":[{"id":"1","ref":"x"}]}});
            let caller = Caller {
                headers: headers.clone(),
                ..Caller::default()
            };
            let batch = serde_json::from_value(batch).expect("a batch");
            let part = source.resolve(batch, caller).next().await.expect("an answer");
            seen.insert(part.fragments[0].html.clone().expect("a fragment"));
        }
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!(gateway.keep_on_one_set(&mut headers), None, "it has one");
        all.extend(seen);
    }
    assert_eq!(all.len(), 2, "others get the other one");
}
