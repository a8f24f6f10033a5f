//! Services that ask each other in a circle, without saying who asked them (protocol 1).

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use axum::{Json, Router, extract::State, routing::post as on_post};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpSocket,
};

use crate::support::{gateway, post, register, said, service, until};

/// A quarter of the calls that one instance gets at a time.
const SHARE: usize = 256;
/// How many fragments each fragment of the circle asks for. Each is a call of its own, since each is asked for alone.
const WIDTH: usize = 4;

#[derive(Clone, Default)]
struct Calls {
    gateway: String,
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

/// A call until it ends, also where its caller gave it up.
struct UnderWay(Arc<AtomicUsize>);

impl UnderWay {
    fn begin(calls: &Calls) -> Self {
        let now = calls.now.fetch_add(1, SeqCst) + 1;
        calls.most.fetch_max(now, SeqCst);
        Self(Arc::clone(&calls.now))
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

fn batch(fragment: &str) -> Value {
    json!({"attributes": {}, "requests": {"a": [{"id": "1", "service": "a", "ref": fragment, "fallback": ""}]}})
}

/// The fragment `circle` asks for itself; the other one is there at once.
async fn fragments(State(calls): State<Calls>, Json(batch_of_calls): Json<Value>) -> Json<Value> {
    let item = &batch_of_calls["requests"][0];
    if item["ref"] == "circle" {
        let _under_way = UnderWay::begin(&calls);
        let ask = || async { post(&calls.gateway, &batch("circle")).await };
        futures_util::future::join_all((0..WIDTH).map(|_| ask())).await;
    }
    Json(json!([{"id": item["id"], "renderedHTML": "<p>here</p>"}]))
}

/// The answer to a batch that another machine sends.
async fn from_elsewhere(gateway: std::net::SocketAddr, body: &Value) -> String {
    let socket = TcpSocket::new_v4().expect("a socket");
    socket
        .bind("127.0.0.2:0".parse().expect("an address"))
        .expect("bound");
    let mut stream = socket.connect(gateway).await.expect("connected");
    let body = body.to_string();
    let request = format!(
        "POST /h/discovery/K/requestFragment HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    answer
}

#[tokio::test]
async fn a_circle_of_fragments_leaves_turns_to_other_callers() {
    let gateway = gateway().await;
    let url = gateway.url("/h/discovery/K/requestFragment");
    let calls = Calls {
        gateway: url.clone(),
        ..Calls::default()
    };
    let router = Router::new()
        .route("/h/fragment/K/requestFragment", on_post(fragments))
        .with_state(calls.clone());
    let service = service(router).await;
    register(&gateway, &said("a", &service, json!({}))).await;
    // A busy machine may not get through all of the circle before the page's time is up: then the next page continues.
    let visitor = tokio::spawn(async move {
        loop {
            post(&url, &batch("circle")).await;
        }
    });
    let mut is_served = false;
    while !is_served {
        until("the circle has all the turns that it gets", async || {
            calls.now.load(SeqCst) >= SHARE
        })
        .await;
        // Only protocol 2 tells why a fragment is missing.
        let mut other = batch("other");
        other["protocol"] = json!(2);
        let answer = from_elsewhere(gateway.address, &other).await;
        is_served = answer.contains("<p>here</p>");
        // On a busy machine the answer itself may come too late. It must not be refused a turn.
        assert!(is_served || answer.contains("\"late\""), "{answer}");
    }
    // The service may not know yet that calls which ran out of time were given up when others take their turns.
    let most = calls.most.load(SeqCst);
    assert!(most <= 2 * SHARE, "{most}");
    visitor.abort();
}
