//! Requests that come while a gateway stops: each connection that was there before gets whole answers until it hears that it ends.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use http::header::CONNECTION;
use tokio::net::TcpStream;

use crate::{
    front::{Front, STREAM_PIECES, Visitor, origin},
    support::until,
};

/// How many answers each visitor has before the gateway is told to stop.
const WARM: usize = 5;

/// Sends requests one after another until the gateway says that the connection ends. Each answer must be whole.
async fn visit_until_told(mut visitor: Visitor, answers: Arc<AtomicUsize>) {
    while visitor.is_open().await {
        let (path, expected) = match answers.load(SeqCst) % 2 {
            0 => ("/fast", "fast".to_owned()),
            _ => ("/stream", "piece\n".repeat(STREAM_PIECES)),
        };
        let (status, headers, text) = match (visitor.send(path).await, &visitor) {
            (Ok(answer), _) => answer,
            // A GOAWAY came before the request was sent (RFC 9113 section 6.8): a browser sends it over another connection.
            (Err(error), Visitor::Http2(_)) if error.is_canceled() => return,
            (Err(error), _) => panic!("{path}: {error}"),
        };
        assert_eq!((status, text), (200, expected), "{path}");
        answers.fetch_add(1, SeqCst);
        if headers.get(CONNECTION).is_some_and(|value| value == "close") {
            return;
        }
    }
    assert!(
        matches!(visitor, Visitor::Http2(_)),
        "HTTP/1.1 is told with an answer"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_of_those_who_were_connected_is_lost() {
    let origin = origin().await;
    let settings = format!(
        "listen = '127.0.0.1:0'\nstop_timeout = '60s'\nstop_grace = '60s'\n\
         [[service]]\nname = 'a'\nurl = '{}'\nendpoints = ['/fast', '/stream']\n",
        origin.url("")
    );
    let mut front = Front::start(|_| settings.clone(), 1);
    let mut visitors = Vec::new();
    for is_http2 in [false, false, false, false, true, true] {
        let stream = TcpStream::connect(front.address(0)).await.expect("a connection");
        let visitor = Visitor::new(stream, is_http2).await;
        let answers = Arc::default();
        let visiting = tokio::spawn(visit_until_told(visitor, Arc::clone(&answers)));
        visitors.push((visiting, answers));
    }
    until("all visitors have answers", async || {
        visitors.iter().all(|(_, answers)| answers.load(SeqCst) >= WARM)
    })
    .await;
    front.signal("-TERM");
    for (visiting, _) in visitors {
        visiting.await.expect("whole answers");
    }
    let status = tokio::task::spawn_blocking(move || front.ended());
    assert!(status.await.expect("no panic").success());
}
