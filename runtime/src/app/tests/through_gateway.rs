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
use hydra_runtime_wire::forms::seal_of;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    sync::watch,
};

use super::{
    forms::{Place, form_plan, place},
    *,
};
use crate::{
    Session,
    form::{Done, Invalid},
};

pub(super) const KEY: &str = "the private key of the tests";
/// What a visitor types into a field that is shown again, and into one that never is.
const SHOWN: &str = "canary-4242";
const SECRET: &str = "canary-7171";

/// All that a service got and said, as text.
pub(super) type Record = Arc<Mutex<String>>;

/// The service `shop`, whose page has the fragment `checkout` of `orders`.
pub(super) fn shop() -> App {
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

/// Runs an application behind a gateway, until the sender is dropped. All that it gets and says is `recorded`, if that is wanted.
pub(super) async fn run(app: App, gateway: SocketAddr, recorded: Option<&Record>) -> watch::Sender<bool> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let settings = Partial::default()
        .listen(address.to_string())
        .gateway(format!("http://{gateway}"))
        .trusted_proxies("127.0.0.1")
        .private_key(KEY);
    let assembled = app.settings(settings).assemble().unwrap();
    let router = match recorded {
        Some(recorded) => assembled
            .router
            .layer(from_fn_with_state(recorded.clone(), record)),
        None => assembled.router,
    };
    let router = router.into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(assembled.registration.unwrap().run(address, stopped));
    stop
}

/// Runs an application that listens nowhere, until the sender is dropped.
async fn run_without_port(app: App, gateway: SocketAddr) -> watch::Sender<bool> {
    let settings = Partial::default()
        .listen("off")
        .channel("true")
        .gateway(format!("http://{gateway}"))
        .private_key(KEY);
    let assembled = app.settings(settings).assemble().unwrap();
    let (stop, stopped) = watch::channel(false);
    let nowhere = "127.0.0.1:0".parse().unwrap();
    tokio::spawn(assembled.registration.unwrap().run(nowhere, stopped));
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
    let (mut answers, mut stream) = TcpStream::connect(gateway).await.unwrap().into_split();
    let request = format!(
        "{method} {target} HTTP/1.1\r\nhost: {gateway}\r\nreferer: http://{gateway}/home/Ann?y=2\r\ncookie: {cookies}\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{form}",
        form.len()
    );
    // An answer may come before all has been sent.
    let sending = async { stream.write_all(request.as_bytes()).await };
    let mut answer = String::new();
    let (_, read) = tokio::join!(sending, answers.read_to_string(&mut answer));
    read.unwrap();
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.contains("transfer-encoding: chunked") => {
            format!("{head}\r\n\r\n{}", whole(body))
        }
        _ => answer,
    }
}

/// A body without the lines between its chunks (RFC 9112 section 7.1).
fn whole(mut chunks: &str) -> String {
    let mut whole = String::new();
    while let Some((size, rest)) = chunks.split_once("\r\n") {
        let size = usize::from_str_radix(size, 16).expect("a size");
        whole += rest.get(..size).expect("a whole chunk");
        chunks = rest.get(size + 2..).unwrap_or_default();
    }
    whole
}

/// A gateway that serves until the test ends.
pub(super) async fn gateway() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = GatewayConfig::from_toml(&format!("private_key = '{KEY}'")).unwrap();
    let serving = Gateway::new(config).unwrap();
    tokio::spawn(async move { serving.serve(listener, std::future::pending()).await });
    address
}

/// The address of the form on the page of Ann, once the page has it.
pub(super) async fn form_on_page(gateway: SocketAddr) -> String {
    for _ in 0..1_000 {
        if let Some(form) = address_of_form(&exchange(gateway, "GET", "/home/Ann", "").await) {
            return form;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the page has no form")
}

/// The address in the page's form.
fn address_of_form(page: &str) -> Option<String> {
    let (_, rest) = page.split_once("<form action=\"")?;
    let (address, _) = rest.split_once('"')?;
    Some(format!("/home/Ann{}", address.replace("&amp;", "&")))
}

#[tokio::test]
async fn nothing_that_a_visitor_types_passes_through_the_service_of_the_page() {
    let gateway = gateway().await;
    let (of_shop, of_orders) = (Record::default(), Record::default());
    let orders = App::with_plan("orders", form_plan()).action(place);
    let _running = [
        run(shop(), gateway, Some(&of_shop)).await,
        run(orders, gateway, Some(&of_orders)).await,
    ];
    let form = form_on_page(gateway).await;

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

#[tokio::test]
async fn an_owner_that_listens_nowhere_gets_its_forms_over_its_channel() {
    let gateway = gateway().await;
    let orders = App::with_plan("orders", form_plan()).action(place);
    let _running = [
        run(shop(), gateway, None).await,
        run_without_port(orders, gateway).await,
    ];
    let form = form_on_page(gateway).await;
    let unknown = format!("/home/Ann?hydra-form={}", seal_of("orders", b"x"));
    let large = format!("zip={}", "x".repeat(3_000_000));
    for (target, body, expected) in [
        (&form, "zip=9000&count=3", "HTTP/1.1 303 "),
        (&form, "zip=1", "HTTP/1.1 422 "),
        (&form, "zip=forbidden", "HTTP/1.1 403 "),
        (&form, "zip=panic", "HTTP/1.1 502 "),
        (&form, &large, "HTTP/1.1 413 "),
        (&unknown, "zip=9000", "HTTP/1.1 400 "),
    ] {
        let answered = exchange(gateway, "POST", target, body).await;
        assert!(answered.starts_with(expected), "{expected} {answered}");
    }
    let wrong = exchange(gateway, "POST", &form, &format!("zip={SHOWN}")).await;
    assert!(
        wrong.contains("<h1>Ann</h1>") && wrong.contains(&format!("place|{SHOWN}|")),
        "{wrong}"
    );
}

/// The owner answers before it has read all of such a form, and the visitor gets that answer.
#[tokio::test]
async fn a_large_form_that_is_refused_is_told_as_refused() {
    let gateway = gateway().await;
    let orders = App::with_plan("orders", form_plan()).action(place);
    let _running = [run(shop(), gateway, None).await, run(orders, gateway, None).await];
    let form = form_on_page(gateway).await;
    let unknown = format!("/home/Ann?hydra-form={}", seal_of("orders", b"x"));
    for (target, expected) in [(&form, 413), (&unknown, 400)] {
        let body = format!("zip={}", "x".repeat(3_000_000));
        let answered = exchange(gateway, "POST", target, &body).await;
        assert!(
            answered.starts_with(&format!("HTTP/1.1 {expected} ")),
            "{answered}"
        );
    }
}

/// Counts the forms of a visitor, of which the third is taken.
async fn count(mut sent: Session<u32>, _: Place) -> Result<Done, Invalid<Place>> {
    sent.update(|count| *count += 1).unwrap();
    match *sent.get() {
        count if count < 3 => Err(Invalid::new().message(format!("form {count}"))),
        count => Ok(Done::to(format!("/thanks?count={count}"))),
    }
}

#[tokio::test]
async fn an_action_has_the_session_of_its_visitor_which_the_page_keeps() {
    let gateway = gateway().await;
    let (of_shop, of_orders) = (Record::default(), Record::default());
    let orders = App::with_plan("orders", form_plan()).action(count);
    let _running = [
        run(shop(), gateway, Some(&of_shop)).await,
        run(orders, gateway, Some(&of_orders)).await,
    ];
    let form = form_on_page(gateway).await;
    for _ in 0..2 {
        let mut cookie = String::new();
        for (status, part) in [
            ("422", "form 1"),
            ("422", "form 2"),
            ("303", "location: /thanks?count=3"),
        ] {
            let answer = exchange_with(gateway, "POST", &form, &cookie, "zip=1").await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {status} ")) && answer.contains(part),
                "{answer}"
            );
            let lines = answer.lines();
            let mut set = lines.filter_map(|line| line.strip_prefix("set-cookie: HYDRA-SESSION="));
            if let Some(set) = set.next() {
                assert!(cookie.is_empty(), "a visitor gets one: {answer}");
                cookie = format!("HYDRA-SESSION={}", set.split(';').next().unwrap());
            }
        }
        assert!(!cookie.is_empty());
        let seen = of_orders.lock().unwrap().clone();
        assert!(!seen.contains(&cookie), "the owner does not know the visitor");
    }
}
