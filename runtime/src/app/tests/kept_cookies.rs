//! Cookies of a plain service: from its fragments to the visitor and back, past the service of the page.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    extract::{OriginalUri, Request as Asked},
    response::Html,
};
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use tokio::net::TcpListener;

use super::{
    through_gateway::{KEY, Record, exchange_with, run},
    *,
};

/// What only the visitor and the plain service may know: all tokens begin so.
const CANARY: &str = "canary";

/// The service `shop`, whose page has two fragments of `news`, of which one is deferred, and one of `mail`.
fn shop() -> App {
    let place = json!({"file": "home.html", "line": 1, "column": 1});
    let slot = |service: &str, reference: &str, mode: &str| {
        json!({"place": place, "gives": [],
               "slot": {"service": {"fixed": service}, "ref": {"fixed": reference}, "mode": mode, "exports": []}})
    };
    let plan = json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [{
            "name": "home.html",
            "source": "<body><h1>{{ name }}</h1>{{ 0 | __hydra }}{{ 1 | __hydra }}{{ 2 | __hydra }}<footer></body>",
        }],
        "sites": [slot("news", "banner", "inline"), slot("news", "box", "deferred"), slot("mail", "box", "inline")],
        "pages": [{"template": "home.html", "exports": []}],
        "contract": {"service": "", "fragments": {}},
        "offers": {},
    });
    App::with_plan("shop", plan.to_string()).page(home)
}

async fn home(Path(name): Path<String>) -> Home {
    Home { name }
}

/// Tokens that no visitor has got yet.
#[derive(Default)]
struct Tokens(Mutex<u32>);

impl Tokens {
    fn next(&self) -> String {
        let mut last = self.0.lock().unwrap();
        *last += 1;
        format!("{CANARY}-{last}")
    }
}

/// A plain service that gives each visitor a token, and a new one with each form. It shows the cookies that it gets.
async fn plain(tokens: Arc<Tokens>, OriginalUri(uri): OriginalUri, request: Asked) -> Response {
    if uri.path() == "/box" {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let cookies = request.headers().get("cookie").cloned();
    let cookies = cookies.map_or("none".to_owned(), |cookies| cookies.to_str().unwrap().to_owned());
    let known = cookies
        .split("; ")
        .find_map(|pair| pair.strip_prefix("csrftoken="));
    let is_form = *request.method() == http::Method::POST;
    let token = known
        .filter(|_| !is_form)
        .map_or_else(|| tokens.next(), str::to_owned);
    let text = match uri.path() {
        "/direct" => format!("direct {cookies}"),
        path => format!("<form action=\"{path}\">{token} ({cookies})</form>"),
    };
    let mut answer = Html(text).into_response();
    if known != Some(&token) {
        for set in [
            format!("csrftoken={token}; Domain=shop.example; Path=/subscribe; HttpOnly; SameSite=Lax"),
            format!("other={token}"),
        ] {
            answer.headers_mut().append("set-cookie", set.parse().unwrap());
        }
    }
    if is_form {
        *answer.status_mut() = http::StatusCode::UNPROCESSABLE_ENTITY;
    }
    answer
}

/// A plain service at a port of its own. Returns its address.
async fn start_plain() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let tokens = Arc::new(Tokens::default());
    let handler = move |uri, request| plain(tokens.clone(), uri, request);
    let router = Router::new().fallback(handler);
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    format!("http://{address}")
}

/// The values of a header of an answer.
fn headers<'a>(answer: &'a str, name: &str) -> Vec<&'a str> {
    let head = answer.split("\r\n\r\n").next().unwrap_or_default();
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    lines
        .filter(|(other, _)| *other == name)
        .map(|(_, value)| value)
        .collect()
}

/// The only cookie that an answer sets for the plain service, without its attributes.
fn kept(answer: &str) -> String {
    let sets = headers(answer, "set-cookie");
    let mut kept = sets
        .iter()
        .filter(|set| set.starts_with("HYDRA-COOKIE-"))
        .map(|set| set.split(';').next().unwrap());
    let first = kept.next().unwrap_or_else(|| panic!("{answer}"));
    assert!(kept.all(|other| other == first), "{answer}");
    first.to_owned()
}

#[tokio::test]
async fn a_plain_service_keeps_its_cookies_with_fragments_and_forms() {
    let (news, mail) = (start_plain().await, start_plain().await);
    let config = format!(
        "private_key = '{}'\n\
         [[service]]\nname = 'news'\nurl = '{news}'\nendpoints = ['/subscribe', '/direct']\n\
         fragments = {{ banner = '/banner', box = '/box' }}\nforms = {{ banner = ['/subscribe'] }}\ncookies = ['csrftoken']\n\
         [[service]]\nname = 'mail'\nurl = '{mail}'\nendpoints = ['/mail/**']\nfragments = {{ box = '/box' }}\n",
        KEY
    );
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = listener.local_addr().unwrap();
    let serving = Gateway::new(GatewayConfig::from_toml(&config).unwrap()).unwrap();
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    let seen = Record::default();
    let _running = run(shop(), gateway, Some(&seen)).await;
    let visit = |cookies: &str| {
        let cookies = format!("theme=dark; {cookies}");
        async move { exchange_with(gateway, "GET", "/home/Ann", &cookies, "").await }
    };
    let mut first = String::new();
    for _ in 0..1_000 {
        first = visit("").await;
        if first.matches("<form").count() == 3 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }

    // A new visitor gets one token for both fragments, the slow and deferred one included, and its cookie with the page.
    let pair = kept(&first);
    let (name, token) = pair.split_once('=').unwrap();
    assert!(token.starts_with(CANARY), "{first}");
    let set = format!("{pair}; Path=/; HttpOnly; SameSite=Lax");
    assert!(headers(&first, "set-cookie").contains(&&*set), "{first}");
    assert_eq!(headers(&first, "cache-control"), ["private, no-store"]);
    assert!(headers(&first, "hydra-cookies").is_empty());
    assert!(
        first.contains(&format!("<form action=\"/banner\">{token} (none)</form>")),
        "{first}"
    );
    let with_cookie = format!("<form action=\"/box\">{token} (csrftoken={token})</form>");
    assert!(first.contains(&with_cookie), "{first}");
    // The other service has no cookies.
    assert!(first.contains("(none)</form><footer>"), "{first}");

    let again = visit(&pair).await;
    for path in ["/banner", "/box"] {
        let form = format!("<form action=\"{path}\">{token} (csrftoken={token})</form>");
        assert!(again.contains(&form), "{again}");
    }
    assert!(again.contains("(none)</form><footer>"), "{again}");
    assert!(headers(&again, "set-cookie").is_empty(), "{again}");
    assert_eq!(headers(&again, "cache-control"), ["private, no-store"]);

    // A form, its answer in the page, and the other fragment of the page, which has the newest token.
    let stranger = "csrftoken=of-another; HYDRA-COOKIES=x";
    let cookies = format!("theme=dark; {stranger}; {pair}");
    let wrong = exchange_with(gateway, "POST", "/subscribe", &cookies, "mail=ann").await;
    assert!(wrong.starts_with("HTTP/1.1 422 "), "{wrong}");
    let renewed = kept(&wrong);
    let new = renewed.strip_prefix(&format!("{name}=")).unwrap();
    assert_ne!(new, token);
    assert!(
        wrong.contains(&format!("{new} (theme=dark; csrftoken={token})</form>")),
        "{wrong}"
    );
    assert!(
        wrong.contains(&format!("{new} (csrftoken={new})</form>")),
        "{wrong}"
    );

    // Its own pages, and those of others.
    let direct = exchange_with(gateway, "GET", "/direct", &cookies, "").await;
    assert!(
        direct.contains(&format!("direct theme=dark; csrftoken={token}")),
        "{direct}"
    );
    let other = exchange_with(gateway, "GET", "/mail/x", &cookies, "").await;
    assert!(other.contains("(theme=dark; csrftoken=of-another)"), "{other}");
    let new_there = exchange_with(gateway, "GET", "/direct", "", "").await;
    assert!(kept(&new_there).starts_with(name), "{new_there}");

    let seen = seen.lock().unwrap().clone();
    assert!(
        seen.contains("HYDRA-COOKIES=") && seen.contains("hydra-cookies"),
        "{seen}"
    );
    assert!(!seen.contains("HYDRA-COOKIE-"), "{seen}");
}
