//! Sessions through whole applications: handlers, pages, a gateway.

use std::net::SocketAddr;

use axum::{
    Router,
    body::{Body, to_bytes},
    routing::get,
};
use http::Request;
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tower::ServiceExt as _;

use super::*;
use crate::{
    App, Fragment, Page, Route,
    app::{fragment_response, page_response},
    settings::Partial,
};

/// A page with the fragment `count` of `service`, and that fragment.
pub(super) fn plan(service: &str) -> String {
    json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [
            {"name": "home.html", "source": "page {{ seen }}: {{ 0 | __hydra }}"},
            {"name": "#0/home.html", "source": "nothing"},
            {"name": "#1/count.html", "source": "fragment {{ seen }}"},
        ],
        "sites": [{
            "place": {"file": "home.html", "line": 1, "column": 1}, "gives": [],
            "slot": {"service": {"fixed": service}, "ref": {"fixed": "count"}, "imports": [], "exports": [],
                     "fallback": {"template": "#0/home.html", "captures": []}},
        }],
        "pages": [{"template": "home.html", "exports": []}],
        "contract": {"service": "", "fragments": {"count": {"imports": {}, "exports": {}}}},
        "offers": {"count": "#1/count.html"},
    })
    .to_string()
}

/// The state of the tests: how often the visitor was here.
#[derive(Clone, Debug, Default, Serialize, serde::Deserialize)]
pub(super) struct Seen {
    pub(super) times: u32,
}

#[derive(Serialize)]
pub(super) struct Home {
    pub(super) seen: u32,
}

impl Page for Home {
    const TEMPLATE: &'static str = "home.html";
}

impl Route for Home {
    const PATH: &'static str = "/";
}

impl IntoResponse for Home {
    fn into_response(self) -> Response {
        page_response(&self)
    }
}

#[derive(Serialize)]
pub(super) struct Count {
    pub(super) seen: u32,
}

impl Fragment for Count {
    const REF: &'static str = "count";
    type Imports = ();
    const EXPORTS: &'static [&'static str] = &[];
}

impl IntoResponse for Count {
    fn into_response(self) -> Response {
        fragment_response(&self)
    }
}

fn count(session: &mut Session<Seen>) -> Result<u32, SessionError> {
    session.update(|seen| seen.times += 1)?;
    Ok(session.get().times)
}

async fn counting_page(mut session: Session<Seen>) -> Result<Home, SessionError> {
    let seen = count(&mut session)?;
    Ok(Home { seen })
}

pub(super) async fn plain_page() -> Home {
    Home { seen: 0 }
}

pub(super) async fn counting_fragment(mut session: Session<Seen>) -> Result<Count, SessionError> {
    let seen = count(&mut session)?;
    Ok(Count { seen })
}

/// A browser: it has one cookie, where it was given one.
struct Browser {
    router: Router,
    cookie: Option<HeaderValue>,
}

impl Browser {
    fn new(router: &Router) -> Self {
        Self {
            router: router.clone(),
            cookie: None,
        }
    }

    /// The body of `path`, and whether it came with a cookie.
    async fn open(&mut self, path: &str) -> (String, bool) {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        if let Some(cookie) = &self.cookie {
            *request.headers_mut() = with_cookie(cookie);
        }
        let mut response = self.router.clone().oneshot(request).await.unwrap();
        let cookie = response.headers_mut().remove(header::SET_COOKIE);
        let is_set = cookie.is_some();
        self.cookie = cookie.or(self.cookie.take());
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (String::from_utf8(body.to_vec()).unwrap(), is_set)
    }
}

#[tokio::test]
async fn a_page_and_its_own_fragment_share_the_session_of_their_service() {
    let app = App::with_plan("shop", plan("")).page(counting_page);
    let router = app.fragment(counting_fragment).into_router().unwrap();
    let (mut ann, mut bob) = (Browser::new(&router), Browser::new(&router));
    assert_eq!(ann.open("/").await, ("page 1: fragment 2".to_owned(), true));
    assert_eq!(ann.open("/").await, ("page 3: fragment 4".to_owned(), false));
    assert_eq!(bob.open("/").await, ("page 1: fragment 2".to_owned(), true));
}

/// The address at the other end of the connection, headers, and what the handler and the browser get for it.
type Believed<'t> = (Option<&'t str>, &'t [(&'static str, &'t str)], &'t str, bool);

#[tokio::test]
async fn only_trusted_proxies_say_where_a_visitor_came_from() {
    let (xff, xfp, new) = (
        ("x-forwarded-for", "1.2.3.4"),
        ("x-forwarded-proto", "https"),
        ("forwarded", "for=1.2.3.4;proto=https"),
    );
    let all = [xff, xfp];
    let both = [xff, xfp, ("forwarded", "for=6.6.6.6;proto=https")];
    let twice = [("x-forwarded-for", "6.6.6.6, 1.2.3.4"), xfp];
    let set = Partial::default().trusted_proxies("10.0.0.0/8, ::1");
    let beside = Partial::default().gateway("http://127.0.0.1:9");
    let none = Partial::default()
        .gateway("http://127.0.0.1:9")
        .trusted_proxies("");
    let cases: [(Partial, &[Believed<'_>]); 4] = [
        (
            set,
            &[
                (Some("10.0.0.7"), &all, "1.2.3.4 https", true),
                (Some("::1"), &twice, "1.2.3.4 https", true),
                (Some("10.0.0.7"), &[new], "1.2.3.4 https", true),
                (Some("10.0.0.7"), &[xfp], "10.0.0.7 https", true),
                (Some("10.0.0.7"), &both, "10.0.0.7 http", false),
                (Some("10.0.0.7"), &[xff], "1.2.3.4 http", false),
                (Some("127.0.0.1"), &all, "127.0.0.1 http", false),
                (Some("9.9.9.9"), &[new], "9.9.9.9 http", false),
                (None, &all, "none none", false),
            ],
        ),
        (
            Partial::default(),
            &[(Some("127.0.0.1"), &all, "127.0.0.1 http", false)],
        ),
        // What the gateway says counts, without more settings.
        (
            beside,
            &[
                (Some("127.0.0.1"), &all, "1.2.3.4 https", true),
                (Some("10.0.0.7"), &all, "10.0.0.7 http", false),
            ],
        ),
        (none, &[(Some("127.0.0.1"), &all, "127.0.0.1 http", false)]),
    ];
    for (settings, cases) in cases {
        let step = async |mut session: Session<Seen>, headers: header::HeaderMap| {
            let get = |name: &str| {
                headers
                    .get(name)
                    .map_or("none", |value| value.to_str().unwrap())
                    .to_owned()
            };
            count(&mut session).map(|_| format!("{} {}", get("x-forwarded-for"), get("x-forwarded-proto")))
        };
        let app = App::with_plan("shop", plan(""))
            .settings(settings)
            .route("/step", get(step));
        let router = app.into_router().unwrap();
        for (peer, headers, told, is_secure) in cases {
            let mut request = Request::get("/step");
            for (name, value) in *headers {
                request = request.header(*name, *value);
            }
            let mut request = request.body(Body::empty()).unwrap();
            if let Some(peer) = peer {
                request
                    .extensions_mut()
                    .insert(hydra_runtime_net::server::Peer(peer.parse().unwrap()));
            }
            let response = router.clone().oneshot(request).await.unwrap();
            let cookie = response.headers()[header::SET_COOKIE]
                .to_str()
                .unwrap()
                .to_owned();
            let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
            let got = (std::str::from_utf8(&body).unwrap(), cookie.ends_with("; Secure"));
            assert_eq!(got, (*told, *is_secure), "{peer:?} {headers:?}");
        }
    }
}

#[tokio::test]
async fn a_route_that_is_no_page_keeps_its_session_and_who_has_none_gets_no_cookie() {
    let step = async |mut session: Session<Seen>| count(&mut session).map(|times| times.to_string());
    let look = async |session: Session<Seen>| session.get().times.to_string();
    let app = App::with_plan("shop", plan("")).route("/step", get(step));
    let router = app.route("/look", get(look)).into_router().unwrap();
    let mut ann = Browser::new(&router);
    assert_eq!(ann.open("/look").await, ("0".to_owned(), false));
    assert_eq!(ann.open("/step").await, ("1".to_owned(), true));
    assert_eq!(ann.open("/look").await, ("1".to_owned(), false));
}

#[tokio::test]
async fn what_is_for_one_visitor_is_private_unless_the_handler_says_something() {
    let step = async |mut session: Session<Seen>| count(&mut session).map(|times| times.to_string());
    let look = async |session: Session<Seen>| session.get().times.to_string();
    let said = async |session: Session<Seen>| {
        (
            [(header::CACHE_CONTROL, "no-store")],
            session.get().times.to_string(),
        )
    };
    let app = App::with_plan("shop", plan(""))
        .page(counting_page)
        .route("/step", get(step))
        .route("/look", get(look))
        .route("/said", get(said))
        .route("/none", get(async || "for all"));
    let router = app.into_router().unwrap();
    let mut cookie = None;
    for (path, expected) in [
        // Without a session there is nothing of a visitor in it.
        ("/none", None),
        ("/look", None),
        // It sets the cookie.
        ("/step", Some("private")),
        ("/look", Some("private")),
        ("/said", Some("no-store")),
        ("/", Some("private")),
        ("/none", None),
    ] {
        let mut request = Request::get(path).body(Body::empty()).unwrap();
        if let Some(cookie) = &cookie {
            *request.headers_mut() = with_cookie(cookie);
        }
        let mut response = router.clone().oneshot(request).await.unwrap();
        let said = response.headers().get(header::CACHE_CONTROL);
        assert_eq!(said.map(|value| value.to_str().unwrap()), expected, "{path}");
        cookie = response.headers_mut().remove(header::SET_COOKIE).or(cookie);
    }
}

#[tokio::test]
async fn a_fragment_that_is_ready_after_the_head_left_keeps_its_session() {
    let gate = Arc::new(Semaphore::new(0));
    let opened = gate.clone();
    let slow = move |session: Session<Seen>| {
        let gate = opened.clone();
        async move {
            gate.acquire().await.unwrap().forget();
            counting_fragment(session).await
        }
    };
    let app = App::with_plan("shop", plan("")).page(plain_page);
    let router = app.fragment(slow).into_router().unwrap();
    let mut ann = Browser::new(&router);
    for expected in ["page 0: fragment 1", "page 0: fragment 2"] {
        let mut request = Request::get("/").body(Body::empty()).unwrap();
        if let Some(cookie) = &ann.cookie {
            *request.headers_mut() = with_cookie(cookie);
        }
        // The head is there while the fragment waits.
        let mut response = router.clone().oneshot(request).await.unwrap();
        let is_first = ann.cookie.is_none();
        assert_eq!(response.headers().contains_key(header::SET_COOKIE), is_first);
        ann.cookie = response.headers_mut().remove(header::SET_COOKIE).or(ann.cookie);
        gate.add_permits(1);
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        assert_eq!(body, expected);
    }
}

/// Listens, registers at the gateway where it is to, and serves until the end of the test. Sessions are kept in `redis`, or in
/// memory.
pub(super) async fn start(
    app: App,
    gateway: SocketAddr,
    redis: Option<&str>,
) -> (Router, watch::Sender<bool>) {
    let mut partial = Partial::default()
        .gateway(format!("http://{gateway}"))
        .private_key(KEY);
    if let Some(redis) = redis {
        partial = partial.session_redis(redis);
    }
    let assembled = app.settings(partial).assemble().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (stop, stopped) = watch::channel(false);
    let service = assembled.registration.unwrap();
    tokio::spawn(service.run(listener.local_addr().unwrap(), stopped));
    let router = assembled.router.clone();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (assembled.router, stop)
}

async fn gateway() -> SocketAddr {
    gateway_with(GatewayConfig::default()).await
}

/// A gateway with these settings and the private key of the tests.
pub(super) async fn gateway_with(config: GatewayConfig) -> SocketAddr {
    let gateway = Gateway::new(GatewayConfig {
        private_key: Some(hydra_runtime_gateway::Secret::new(KEY.to_owned())),
        ..config
    })
    .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
    address
}

/// Waits until a page of `router` has its fragment.
async fn until_there(router: &Router) {
    let ready = async || {
        let (body, _) = Browser::new(router).open("/").await;
        body.contains("fragment")
    };
    tokio::time::timeout(Duration::from_secs(20), async {
        while !ready().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .expect("the fragment of the other service");
}

#[tokio::test]
async fn a_fragment_and_its_services_own_routes_have_one_session_with_redis_and_two_without() {
    let folder = tempfile::tempdir().unwrap();
    let server = hydra_runtime_net::redis_link::servers::Server::at(folder.path());
    for (redis, expected) in [(Some(&*server.url), "2"), (None, "0")] {
        let address = gateway().await;
        let look = async |session: Session<Seen>| session.get().times.to_string();
        let orders = App::with_plan("orders", plan(""))
            .route("/mine", get(look))
            .fragment(counting_fragment);
        let (orders, _stop_orders) = start(orders, address, redis).await;
        let shop = App::with_plan("shop", plan("orders")).page(counting_page);
        let (shop, _stop_shop) = start(shop, address, redis).await;
        until_there(&shop).await;
        // Redis may not be there yet for the first visits, and then keeps nothing of them.
        let visited_twice = async {
            loop {
                let mut ann = Browser::new(&shop);
                ann.open("/").await;
                if ann.open("/").await.0 == "page 2: fragment 2" {
                    return ann;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        let visited = tokio::time::timeout(Duration::from_secs(20), visited_twice).await;
        let mut ann = visited.expect("a visitor whose sessions are kept");
        ann.router = orders;
        assert_eq!(ann.open("/mine").await.0, expected, "{redis:?}");
    }
}

#[tokio::test]
async fn the_session_of_another_service_is_kept_by_the_page_from_one_visit_to_the_next() {
    let address = gateway().await;
    let orders = App::with_plan("orders", plan("")).fragment(counting_fragment);
    let (_orders, _stop_orders) = start(orders, address, None).await;
    let shop = App::with_plan("shop", plan("orders")).page(counting_page);
    let (router, _stop_shop) = start(shop, address, None).await;
    until_there(&router).await;
    let (mut ann, mut bob) = (Browser::new(&router), Browser::new(&router));
    assert_eq!(ann.open("/").await, ("page 1: fragment 1".to_owned(), true));
    assert_eq!(bob.open("/").await, ("page 1: fragment 1".to_owned(), true));
    assert_eq!(ann.open("/").await, ("page 2: fragment 2".to_owned(), false));
    assert_eq!(ann.open("/").await, ("page 3: fragment 3".to_owned(), false));
}
