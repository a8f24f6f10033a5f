//! Limits on pages that `hydra serve` renders itself, with and without a gateway.

use std::{fs, sync::Arc};

use axum::{Router, response::Html, routing::get};
use tokio::{net::TcpStream, sync::Notify};

use crate::{
    front::{Front, Visitor},
    support::{service, until},
};

const PAGE: &str = "<!doctype html><title>x</title><p>here</p>";

async fn visit(front: &Front, path: &str) -> (u16, http::HeaderMap, String) {
    let stream = TcpStream::connect(front.address(0)).await.expect("a connection");
    Visitor::new(stream, false).await.get(path).await
}

/// A site with these pages, and with these settings for its folder.
fn site(pages: &[(&str, &str)], settings: impl Fn(&std::path::Path) -> String, with_gateway: bool) -> Front {
    let arguments: &[&str] = if with_gateway { &["--with-gateway"] } else { &[] };
    Front::start_program(
        |folder| {
            fs::create_dir(folder.join("pages")).expect("a folder");
            for (name, text) in pages {
                fs::write(folder.join("pages").join(name), text).expect("written");
            }
            settings(folder)
        },
        |folder| {
            let pages = folder.join("pages").display().to_string();
            let common = ["serve".to_owned(), pages, "--no-reload".to_owned()];
            common
                .into_iter()
                .chain(arguments.iter().map(|text| (*text).to_owned()))
                .collect()
        },
        1,
    )
}

#[tokio::test]
async fn a_client_that_asks_for_too_many_pages_gets_429() {
    for with_gateway in [false, true] {
        let log = |folder: &std::path::Path| folder.join("access.jsonl");
        let settings = |folder: &std::path::Path, rate: &str| {
            format!(
                "listen = '127.0.0.1:0'\nadmin_listen = 'off'\naccess_log = '{}'\n{rate}",
                log(folder).display()
            )
        };
        let limited = "rate = '6/h'\n[[route]]\npath = '/offer'\nrate = '1/h'\n";
        let pages = [("index.html", PAGE), ("offer.html", PAGE)];
        let front = site(&pages, |folder| settings(folder, limited), with_gateway);
        for (path, expected) in [
            ("/offer", 200),
            ("/offer", 429),
            ("/", 200),
            ("/", 200),
            ("/", 200),
            ("/", 200),
            ("/", 429),
        ] {
            let (status, headers, _) = visit(&front, path).await;
            assert_eq!(status, expected, "{path} {with_gateway}");
            assert_eq!(headers.contains_key("retry-after"), status == 429, "{path}");
        }
        // The log names the page that was refused.
        until("the log has all lines", async || {
            let text = fs::read_to_string(log(front.folder.path())).unwrap_or_default();
            text.lines().count() == 7
        })
        .await;
        let text = fs::read_to_string(log(front.folder.path())).expect("a log");
        let refused: Vec<serde_json::Value> = text
            .lines()
            .map(|line| serde_json::from_str(line).expect("JSON"))
            .filter(|line: &serde_json::Value| line["status"] == 429)
            .collect();
        let routes: Vec<_> = refused.iter().map(|line| line["route"].as_str()).collect();
        assert_eq!(routes, [Some("offer.html"), Some("index.html")], "{text}");
        assert!(refused.iter().all(|line| line["service"].is_string()), "{text}");
        front.reload(&settings(front.folder.path(), ""), 1).await;
        until("the limit is gone", async || {
            visit(&front, "/offer").await.0 == 200
        })
        .await;
    }
}

#[tokio::test]
async fn pages_in_flight_are_bounded_and_a_route_has_its_timeout() {
    let (arrived, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
    let (arriving, going_on) = (Arc::clone(&arrived), Arc::clone(&go_on));
    let slow = async move || {
        arriving.notify_one();
        going_on.notified().await;
        Html("<b>slow</b>")
    };
    let origin = service(
        Router::new()
            .route("/slow", get(slow))
            .route("/never", get(std::future::pending::<Html<&str>>)),
    )
    .await;
    let page = |fragment| {
        let tag = format!(
            "<m:fragment service=\"legacy\" ref=\"{fragment}\" timeout=\"20s\" required></m:fragment>"
        );
        format!("<!doctype html><title>x</title>{tag}")
    };
    let settings = |_: &std::path::Path| {
        format!(
            "listen = '127.0.0.1:0'\nadmin_listen = 'off'\nmax_requests = 1\nmax_queue = 0\n\
             [[route]]\npath = '/late'\nresponse_timeout = '50ms'\n\
             [[service]]\nname = 'legacy'\nurl = '{}'\nfragments = {{ slow = '/slow', never = '/never' }}\n\
             [serve]\npage_deadline = '20s'\n",
            origin.url("")
        )
    };
    let pages = [
        ("index.html", PAGE),
        ("wait.html", &page("slow")),
        ("late.html", &page("never")),
    ];
    let front = Arc::new(site(&pages, settings, true));
    assert_eq!(visit(&front, "/late").await.0, 504);
    let waiting = {
        let front = Arc::clone(&front);
        tokio::spawn(async move { visit(&front, "/wait").await })
    };
    arrived.notified().await;
    let (status, headers, _) = visit(&front, "/").await;
    assert_eq!((status, headers.contains_key("retry-after")), (503, true));
    // Both calls, if the first one still waits.
    until("the place is free", async || {
        go_on.notify_waiters();
        go_on.notify_one();
        visit(&front, "/").await.0 == 200
    })
    .await;
    assert_eq!(waiting.await.expect("an answer").0, 200);
}
