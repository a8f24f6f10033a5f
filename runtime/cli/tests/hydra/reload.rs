//! SIGHUP: new settings without losing a connection.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use tokio::net::TcpStream;

use crate::{
    front::{Front, STREAM_PIECES, Visitor, origin},
    support::{Running, until},
};

/// Settings with one service at `origin`.
fn settings(origin: &Running, more: &str) -> String {
    format!(
        "listen = '127.0.0.1:0'\n{more}\n[[service]]\nname = 'a'\nurl = '{}'\nendpoints = ['/fast', '/stream', '/headers']\n",
        origin.url("")
    )
}

async fn visitor(front: &Front, is_http2: bool) -> Visitor {
    let stream = TcpStream::connect(front.address(0)).await.expect("a connection");
    Visitor::new(stream, is_http2).await
}

#[tokio::test]
async fn no_connection_is_lost_and_every_answer_is_whole() {
    let origin = origin().await;
    let front = Front::start(|_| settings(&origin, ""), 1);
    let is_over = Arc::new(AtomicBool::new(false));
    let mut visitors = Vec::new();
    for (is_http2, path) in [
        (false, "/fast"),
        (false, "/stream"),
        (true, "/fast"),
        (true, "/stream"),
    ] {
        let mut visitor = visitor(&front, is_http2).await;
        let is_over = Arc::clone(&is_over);
        visitors.push(tokio::spawn(async move {
            let mut count = 0;
            while !is_over.load(SeqCst) {
                let (status, _, text) = visitor.get(path).await;
                let whole = match path {
                    "/fast" => "fast".to_owned(),
                    _ => "piece\n".repeat(STREAM_PIECES),
                };
                assert_eq!((status, text), (200, whole), "{path}");
                count += 1;
            }
            count
        }));
    }
    for time in 1..=8 {
        let more = match time % 2 {
            0 => "response_timeout = '20s'".to_owned(),
            _ => "[[service]]\nname = 'b'\nurl = 'http://127.0.0.1:1'\nendpoints = ['/b']".to_owned(),
        };
        front.reload(&settings(&origin, &more), time).await;
    }
    is_over.store(true, SeqCst);
    for visitor in visitors {
        assert!(visitor.await.expect("no answer was lost") > 0);
    }
}

#[tokio::test]
async fn what_is_read_again_holds_for_connections_that_are_open() {
    let origin = origin().await;
    let front = Front::start(|_| settings(&origin, ""), 1);
    let (mut one, mut two) = (visitor(&front, false).await, visitor(&front, true).await);
    assert_eq!(one.get("/new").await.0, 404);
    let pages = front.path("errors");
    fs::create_dir(&pages).expect("made");
    fs::write(pages.join("error.html"), "our own page {{ status }}").expect("written");
    let more = format!(
        "error_pages = '{}'\n[[service]]\nname = 'b'\nurl = '{}'\nendpoints = ['/headers/new']",
        pages.display(),
        origin.url("")
    );
    front.reload(&settings(&origin, &more), 1).await;
    for visitor in [&mut one, &mut two] {
        assert_eq!(
            visitor.get("/headers/new").await.0,
            404,
            "the new service answers"
        );
        let (status, _, text) = visitor.get("/new").await;
        assert_eq!((status, text.contains("404")), (404, true), "{text}");
        assert_eq!(visitor.get("/fast").await.0, 200);
    }
    let log = front.log();
    assert!(!log.contains("need a restart"), "{log}");
    // The service goes, and its path with it.
    front.reload(&settings(&origin, ""), 2).await;
    let gone = "the path belongs to nobody";
    until(gone, async || {
        visitor(&front, false).await.get("/headers/new").await.0 == 404
    })
    .await;
    assert_eq!(one.get("/fast").await.2, "fast");
}

#[tokio::test]
async fn a_wrong_file_keeps_the_former_settings_and_says_why() {
    let origin = origin().await;
    let front = Front::start(|_| settings(&origin, ""), 1);
    let mut visitor = visitor(&front, false).await;
    for (time, (more, reason)) in [
        ("respones_timeout = 's3cret'", "did you mean `response_timeout`?"),
        ("redis = s3cret", "hydra.toml:2:"),
        ("error_pages = '/nowhere'", "`error_pages`"),
        ("max_connections = 0", "`max_connections` must be 1 or more"),
        ("[[service]]\nname = 'x'\nurl = 'ftp://x'", "service `x`"),
    ]
    .into_iter()
    .enumerate()
    {
        fs::write(front.path("hydra.toml"), settings(&origin, more)).expect("written");
        front.signal("-HUP");
        front.logged("the former ones stay", time + 1).await;
        front.logged(reason, 1).await;
        assert_eq!(visitor.get("/fast").await.2, "fast", "{more}");
    }
    let log = front.log();
    assert!(!log.contains("s3cret"), "{log}");
    fs::remove_file(front.path("hydra.toml")).expect("removed");
    front.signal("-HUP");
    front.logged("cannot read", 1).await;
    assert_eq!(visitor.get("/fast").await.2, "fast");
}

#[tokio::test]
async fn what_needs_a_restart_is_named_and_everything_else_is_used() {
    let origin = origin().await;
    let front = Front::start(|_| settings(&origin, ""), 1);
    let text = settings(&origin, "public_key = 'other'\nstop_grace = '7s'").replace("'/fast', ", "");
    front.reload(&text, 1).await;
    front.logged("public_key, stop_grace", 1).await;
    let mut visitor = visitor(&front, false).await;
    assert_eq!(visitor.get("/fast").await.0, 404, "the endpoint is gone");
    assert_eq!(
        visitor.get("/h/discovery/hydra/overview").await.0,
        200,
        "the public key stays"
    );
    assert_eq!(visitor.get("/h/discovery/other/overview").await.0, 404);
}
