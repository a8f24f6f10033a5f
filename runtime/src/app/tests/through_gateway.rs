//! A form from its page to its owner and back: a gateway and two applications, each at a port of its own.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    extract::{Request as Asked, State},
    middleware::{Next, from_fn_with_state},
};
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    forms::{form_plan, place},
    *,
};

pub(super) const KEY: &str = "the private key of the tests";
/// What a visitor types into a field that is shown again, and into one that never is.
const SHOWN: &str = "canary-4242";
const SECRET: &str = "canary-7171";

/// All that a service got and said, as text.
pub(super) type Record = Arc<Mutex<String>>;

/// The service `shop`, whose page has the fragment `checkout` of `orders`.
fn shop() -> App {
    let plan = json!({
        "format": hydra_contract::PLAN_FORMAT,
        "templates": [{"name": "home.html", "source": "<h1>{{ name }}</h1>{{ 0 | __hydra }}<footer>"}],
        "sites": [{
            "place": {"file": "home.html", "line": 1, "column": 1}, "gives": [],
            "slot": {"service": {"fixed": "orders"}, "ref": {"fixed": "checkout"},
                     "imports": [{"from": ["name"], "to": "who"}], "exports": []},
        }],
        "pages": [{"template": "home.html", "exports": []}],
        "contract": {"service": "", "fragments": {}},
        "offers": {},
    });
    App::with_plan("shop", plan.to_string()).page(pay)
}

async fn pay(Path(name): Path<String>) -> Home {
    Home { name }
}

async fn record(State(record): State<Record>, request: Asked, next: Next) -> Response {
    let (head, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let got = format!("{head:?} {}", String::from_utf8_lossy(&body));
    record.lock().unwrap().push_str(&got);
    let (head, said) = next
        .run(Request::from_parts(head, Body::from(body)))
        .await
        .into_parts();
    let said = to_bytes(said, 1 << 20).await.unwrap();
    let text = format!("{head:?} {}", String::from_utf8_lossy(&said));
    record.lock().unwrap().push_str(&text);
    Response::from_parts(head, Body::from(said))
}

/// Runs an application behind a gateway, until the sender is dropped.
pub(super) async fn run(app: App, gateway: SocketAddr, recorded: &Record) -> watch::Sender<bool> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = Partial::default()
        .listen(address.to_string())
        .gateway(format!("http://{gateway}"))
        .private_key(KEY);
    let assembled = app.settings(settings).assemble().unwrap();
    let router = assembled
        .router
        .layer(from_fn_with_state(recorded.clone(), record));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(assembled.registration.unwrap().run(address, stopped));
    stop
}

/// The answer to a request, as text.
async fn exchange(gateway: SocketAddr, method: &str, target: &str, form: &str) -> String {
    exchange_with(gateway, method, target, "", form).await
}

/// The same for a visitor with these cookies.
pub(super) async fn exchange_with(
    gateway: SocketAddr,
    method: &str,
    target: &str,
    cookies: &str,
    form: &str,
) -> String {
    let mut stream = TcpStream::connect(gateway).await.unwrap();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {gateway}\r\nreferer: http://{gateway}/home/Ann?y=2\r\ncookie: {cookies}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{form}",
        form.len()
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// The address in the page's form.
fn address_of_form(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("<form action=\"")?;
    let (address, _) = rest.split_once('"')?;
    Some(format!("/home/Ann{}", address.replace("&amp;", "&")))
}

#[tokio::test]
async fn nothing_that_a_visitor_types_passes_through_the_service_of_the_page() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gateway = listener.local_addr().unwrap();
    let config = GatewayConfig::from_toml(&format!("private_key = '{KEY}'")).unwrap();
    let serving = Gateway::new(config).unwrap();
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    let (of_shop, of_orders) = (Record::default(), Record::default());
    let orders = App::with_plan("orders", form_plan()).action(place);
    let _running = [
        run(shop(), gateway, &of_shop).await,
        run(orders, gateway, &of_orders).await,
    ];
    let mut form = None;
    for _ in 0..1_000 {
        form = address_of_form(&exchange(gateway, "GET", "/home/Ann", "").await);
        if form.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let form = form.expect("the page has the form");

    let body = format!("zip={SHOWN}&card={SECRET}&count=3");
    let wrong = exchange(gateway, "POST", &form, &body).await;
    assert!(wrong.starts_with("HTTP/1.1 422 "), "{wrong}");
    for part in [
        "<h1>Ann</h1>",
        SHOWN,
        "No &lt;such&gt; code.",
        "<footer>",
        "cache-control: private, no-cache",
    ] {
        assert!(wrong.contains(part), "{part}: {wrong}");
    }
    assert!(
        !wrong.contains(SECRET) && !wrong.contains("hydra-form "),
        "{wrong}"
    );

    // The page keeps its query, and the form that is shown again can be sent.
    let again = address_of_form(&wrong).expect("a form");
    assert!(again.starts_with("/home/Ann?y=2&hydra-form="), "{again}");
    let right = exchange(gateway, "POST", &again, "zip=9000&count=3").await;
    assert!(
        right.starts_with("HTTP/1.1 303 ") && right.contains("location: /thanks?count=3"),
        "{right}"
    );

    // For some seconds, the page asks for this visitor's fragments anew: others get no such cookie past the gateway.
    let (_, cookie) = right.split_once("set-cookie: HYDRA-SENT=").expect("a cookie");
    let cookie = cookie.split(';').next().expect("its value");
    for value in [cookie, "9999999999.forged"] {
        let cookies = format!("HYDRA-SENT={value}");
        exchange_with(gateway, "GET", "/home/Ann", &cookies, "").await;
    }

    let seen = of_shop.lock().unwrap().clone();
    assert!(seen.contains(cookie) && !seen.contains("forged"), "{seen}");
    assert!(
        seen.contains("hydra-form") && seen.contains("<!--hydra-form "),
        "{seen}"
    );
    for typed in ["canary", "No &lt;such"] {
        assert!(!seen.contains(typed), "{typed}: {seen}");
    }
    let seen = of_orders.lock().unwrap().clone();
    assert!(seen.contains(SHOWN) && seen.contains(SECRET), "{seen}");
}
