//! Requests of one page over one connection, and what becomes of them where the server is wrong.

use std::{sync::Mutex, task::Poll};

use futures_util::future::join_all;

use super::*;

/// What a server does with a connection: it gets so many requests, then it sends these bytes, and so on. At the end it closes.
type Steps = Vec<(usize, &'static [u8])>;

/// A server whose n-th connection goes as `script(n)` says, and the paths that were requested, by connection.
async fn server(script: impl Fn(usize) -> Steps + Send + 'static) -> (Address, Arc<Mutex<Vec<Vec<String>>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let asked: Arc<Mutex<Vec<Vec<String>>>> = Arc::default();
    let seen = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let nth = {
                let mut seen = seen.lock().expect("no panic");
                seen.push(Vec::new());
                seen.len() - 1
            };
            let (steps, seen) = (script(nth), Arc::clone(&seen));
            tokio::spawn(async move {
                for (requests, answers) in steps {
                    for _ in 0..requests {
                        let Some(path) = path_of_request(&mut stream).await else {
                            return;
                        };
                        seen.lock().expect("no panic")[nth].push(path);
                    }
                    if stream.write_all(answers).await.is_err() {
                        return;
                    }
                }
            });
        }
    });
    let address = Address::new("127.0.0.1".to_owned(), port, false).pipelining(true);
    (address, asked)
}

async fn path_of_request(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(head).expect("text");
    text.split(' ').nth(1).map(str::to_owned)
}

/// Calls `/a`, `/b` and so on together, as the fragments of one page are. The bodies, and whether each may be kept.
async fn together(
    calls: &CallClient,
    address: &Address,
    paths: &str,
) -> Vec<Result<(String, bool), CallError>> {
    let pipelines = Pipelines::default();
    let one = |path: char| {
        let pipelines = &pipelines;
        async move {
            let call_request = CallRequest {
                target: format!("/{path}").parse().expect("a path"),
                pipelines: Some(pipelines),
                ..ask(Method::GET)
            };
            let answer = calls
                .call(address, &call_request, Instant::now() + PATIENCE)
                .await?;
            Ok((String::from_utf8(answer.body).expect("text"), answer.may_keep))
        }
    };
    let mut all = Box::pin(join_all(paths.chars().map(one)));
    // As the batch does.
    let polled = std::future::poll_fn(|cx| {
        let mut polled = all.as_mut().poll(cx);
        while polled.is_pending() && pipelines.send() {
            polled = all.as_mut().poll(cx);
        }
        polled
    });
    tokio::time::timeout(PATIENCE, polled).await.expect("in time")
}

/// A client with an idle connection to the server, which is known to keep its connections.
async fn warm(address: &Address) -> CallClient {
    let calls = calls();
    for path in ["/1", "/2"] {
        let call_request = CallRequest {
            target: path.parse().expect("a path"),
            ..ask(Method::GET)
        };
        calls
            .call(address, &call_request, Instant::now() + PATIENCE)
            .await
            .expect("an answer");
        calls.idle.age(Duration::from_secs(1));
    }
    calls
}

const A: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na";
const ABC: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na\
    HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\nb\r\n0\r\n\r\n\
    HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nc";
/// How the idle connection begins: with two calls alone.
const WARM: (usize, &[u8]) = (1, OK);

fn ok(body: &str, may_keep: bool) -> Result<(String, bool), CallError> {
    Ok((body.to_owned(), may_keep))
}

#[tokio::test]
async fn the_requests_of_a_page_share_one_connection() {
    let (address, asked) = server(|_| vec![WARM, WARM, (3, ABC), (3, ABC)]).await;
    let calls = warm(&address).await;
    for _ in 0..2 {
        let came = together(&calls, &address, "abc").await;
        assert_eq!(came, [ok("a", false), ok("b", false), ok("c", false)]);
        calls.idle.age(Duration::from_secs(1));
    }
    let asked = asked.lock().expect("no panic");
    assert_eq!(*asked, [["/1", "/2", "/a", "/b", "/c", "/a", "/b", "/c"]]);
}

#[tokio::test]
async fn what_a_wrong_server_leaves_unanswered_is_requested_again() {
    let broken = "the answer broke off";
    let head = "the head of the answer cannot be used: it is not HTTP/1.1";
    let again = || ok("ok", true);
    let failed = |reason: &str, status: Option<StatusCode>| {
        let reason = reason.to_owned();
        Err(CallError::Broken { reason, status })
    };
    for (what, answers, expected, stays_alone) in [
        (
            "closes after each answer",
            [A, b""].concat(),
            [ok("a", false), again(), again()],
            true,
        ),
        (
            "says so",
            b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 1\r\n\r\na".to_vec(),
            [ok("a", false), again(), again()],
            true,
        ),
        (
            "answers without a length",
            b"HTTP/1.1 200 OK\r\n\r\na".to_vec(),
            [ok("a", false), again(), again()],
            true,
        ),
        (
            "breaks off",
            [A, b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nb"].concat(),
            [ok("a", false), failed(broken, Some(StatusCode::OK)), again()],
            true,
        ),
        (
            "sends nonsense",
            [A, b"nonsense\r\n\r\n"].concat(),
            [ok("a", false), failed(head, None), again()],
            true,
        ),
        (
            "had closed the idle connection",
            Vec::new(),
            [again(), again(), again()],
            false,
        ),
        (
            "sends more",
            [ABC, A].concat(),
            [ok("a", false), ok("b", false), ok("c", false)],
            true,
        ),
    ] {
        let answers: &'static [u8] = answers.leak();
        let (address, asked) = server(move |nth| match nth {
            0 => vec![WARM, WARM, (3, answers)],
            _ => vec![WARM; 20],
        })
        .await;
        let calls = warm(&address).await;
        assert_eq!(together(&calls, &address, "abc").await, expected, "{what}");
        let first = asked.lock().expect("no panic")[0].clone();
        assert_eq!(first, ["/1", "/2", "/a", "/b", "/c"], "{what}");
        calls.idle.age(Duration::from_secs(1));
        together(&calls, &address, "de")
            .await
            .into_iter()
            .for_each(|came| {
                let is_alone = came.expect("an answer").1;
                assert!(is_alone || !stays_alone, "{what}");
            });
    }
}

#[tokio::test]
async fn nobody_else_gets_an_answer_that_a_call_did_not_wait_for() {
    let (address, asked) = server(|_| vec![WARM, WARM, (3, A), (1, ABC)]).await;
    let calls = warm(&address).await;
    let pipelines = Pipelines::default();
    let requests = ["/a", "/b", "/c"].map(|path| CallRequest {
        target: PathAndQuery::from_static(path),
        pipelines: Some(&pipelines),
        ..ask(Method::GET)
    });
    let mut all: Vec<_> = requests
        .iter()
        .map(|request| Box::pin(calls.call(&address, request, Instant::now() + PATIENCE)))
        .collect();
    let first = std::future::poll_fn(|cx| {
        loop {
            // All are polled, as in a batch.
            let polled: Vec<_> = all.iter_mut().map(|call| call.as_mut().poll(cx)).collect();
            if let Some(done) = polled.into_iter().find(Poll::is_ready) {
                return done;
            }
            if !pipelines.send() {
                return Poll::Pending;
            }
        }
    });
    let first = tokio::time::timeout(PATIENCE, first).await.expect("in time");
    assert_eq!(first.expect("an answer").body, b"a");
    drop(all);
    assert_eq!(calls.idle.count(), 0, "two answers are still to come");
    assert_eq!(asked.lock().expect("no panic").len(), 1);
}

#[tokio::test]
async fn a_call_alone_or_without_an_idle_connection_is_made_as_always() {
    let (address, _) = server(|_| vec![WARM; 20]).await;
    let fresh = calls();
    assert_eq!(
        together(&fresh, &address, "ab").await,
        [ok("ok", true), ok("ok", true)]
    );
    let calls = warm(&address).await;
    assert_eq!(together(&calls, &address, "a").await, [ok("ok", true)]);
}
