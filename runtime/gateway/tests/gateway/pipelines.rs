//! Plain services whose fragments of one page share a connection.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use futures_util::future::join;
use hydra_runtime_gateway::{GatewayConfig, PlainService};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::{Running, gateway_with, post, until};

const REFS: [&str; 3] = ["a", "b", "c"];

/// The targets of the requests that came, by connection.
type Came = Arc<Mutex<Vec<Vec<String>>>>;

/// A server that answers each request with its target.
async fn server() -> (String, Came) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let came = Came::default();
    let notes = Arc::clone(&came);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let notes = Arc::clone(&notes);
            let nth = {
                let mut all = notes.lock().expect("no panic");
                all.push(Vec::new());
                all.len() - 1
            };
            tokio::spawn(serve(stream, nth, notes));
        }
    });
    (url, came)
}

async fn serve(mut stream: TcpStream, nth: usize, notes: Came) {
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        let head = String::from_utf8(head).expect("text");
        let target = head.split(' ').nth(1).expect("a target").to_owned();
        let answer = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\n\r\n{target}",
            target.len()
        );
        notes.lock().expect("no panic")[nth].push(target);
        if stream.write_all(answer.as_bytes()).await.is_err() {
            return;
        }
    }
}

async fn gateway(url: &str, pipeline: bool) -> Running {
    gateway_with(GatewayConfig {
        public_key: "K".into(),
        services: vec![PlainService {
            name: "s".into(),
            url: url.to_owned(),
            fragments: REFS.map(|name| (name.to_owned(), format!("/{name}"))).into(),
            pipeline,
            ..PlainService::default()
        }],
        ..GatewayConfig::default()
    })
    .await
}

/// Requests the three fragments of the page `page`, whose HTML must be right.
async fn visit(gateway: &Running, page: u32) {
    let item = |name: &str| json!({"id": name, "ref": name, "attributes": {"page": page}});
    let batch = json!({"protocol": 2, "requests": {"s": REFS.map(item)}});
    let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch).await;
    let fragments = answer.json()["fragments"].as_array().cloned().unwrap_or_default();
    assert_eq!(fragments.len(), REFS.len());
    for fragment in fragments {
        let name = fragment["id"].as_str().unwrap_or_default();
        assert_eq!(
            fragment["renderedHTML"],
            Value::from(format!("/{name}?page={page}"))
        );
    }
}

/// The pages all of whose requests came one after the other over the same connection.
fn together(came: &Came) -> BTreeSet<String> {
    let came = came.lock().expect("no panic");
    let runs = came.iter().flat_map(|targets| targets.windows(REFS.len()));
    let page = |targets: &[String]| {
        let pages: Vec<_> = REFS
            .iter()
            .zip(targets)
            .filter_map(|(name, target)| target.strip_prefix(&format!("/{name}?page=")))
            .collect();
        let is_one = pages.len() == REFS.len() && pages.iter().all(|page| page == &pages[0]);
        is_one.then(|| pages[0].to_owned())
    };
    runs.filter_map(page).collect()
}

#[tokio::test]
async fn the_fragments_of_one_page_share_a_connection_and_those_of_two_pages_do_not() {
    let (url, came) = server().await;
    let gateway = gateway(&url, true).await;
    let next = std::sync::atomic::AtomicU32::new(0);
    let visit = async || {
        let page = next.fetch_add(2, std::sync::atomic::Ordering::SeqCst);
        join(visit(&gateway, page), visit(&gateway, page + 1)).await;
        page
    };
    // At first the service has to show that it keeps its connections.
    until("both pages have a connection of their own", async || {
        let page = visit().await;
        let together = together(&came);
        [page, page + 1]
            .iter()
            .all(|page| together.contains(&page.to_string()))
    })
    .await;
}

#[tokio::test]
async fn each_fragment_has_a_connection_if_the_entry_does_not_say_so() {
    let (url, came) = server().await;
    let gateway = gateway(&url, false).await;
    for page in 0..20 {
        visit(&gateway, page).await;
    }
    assert_eq!(together(&came), BTreeSet::new());
}
