mod pipelines;

use std::{
    sync::atomic::{AtomicUsize, Ordering::SeqCst},
    time::Duration,
};

use http::{Method, uri::PathAndQuery};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    sync::Semaphore,
};

use super::{super::Trust, *};

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/// Nothing here takes so long.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a service does with a request: writes an answer, and says whether it keeps the connection.
trait Script: Fn(usize, usize) -> (Vec<u8>, bool) + Send + Sync + 'static {}
impl<F: Fn(usize, usize) -> (Vec<u8>, bool) + Send + Sync + 'static> Script for F {}

struct Service {
    address: Address,
    opened: Arc<AtomicUsize>,
    asked: Arc<AtomicUsize>,
    /// How many connections it closed.
    ended: Arc<AtomicUsize>,
}

/// A service that answers the n-th request of the m-th connection as `script(m, n)` says.
async fn service(script: impl Script) -> Service {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let [opened, asked, ended] = [(); 3].map(|()| Arc::new(AtomicUsize::new(0)));
    let (script, seen) = (Arc::new(script), Arc::clone(&opened));
    let (heard, over) = (Arc::clone(&asked), Arc::clone(&ended));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (nth, script) = (seen.fetch_add(1, SeqCst), Arc::clone(&script));
            let (heard, over) = (Arc::clone(&heard), Arc::clone(&over));
            tokio::spawn(async move {
                serve(stream, nth, script, heard).await;
                over.fetch_add(1, SeqCst);
            });
        }
    });
    Service {
        address: Address::new("127.0.0.1".to_owned(), port, false),
        opened,
        asked,
        ended,
    }
}

async fn serve(mut stream: TcpStream, connection: usize, script: Arc<impl Script>, asked: Arc<AtomicUsize>) {
    for request in 0.. {
        if !read_request(&mut stream).await {
            return;
        }
        asked.fetch_add(1, SeqCst);
        let (answer, stays) = script(connection, request);
        if stream.write_all(&answer).await.is_err() || !stays {
            return;
        }
    }
}

/// Reads a head without a body. Whether there was one.
async fn read_request(stream: &mut TcpStream) -> bool {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read_u8().await {
            Ok(byte) => head.push(byte),
            Err(_) => return false,
        }
    }
    true
}

fn calls() -> CallClient {
    let dialer = Dialer {
        timeout: PATIENCE,
        allow_hosts: Arc::default(),
        trust: Trust::default(),
    };
    CallClient::new(dialer, &Arc::default())
}

fn ask(method: Method) -> CallRequest<'static> {
    CallRequest {
        method,
        target: PathAndQuery::from_static("/"),
        visitors_host: None,
        headers: Vec::new(),
        body: b"",
        wanted: &[],
        limit: 1 << 20,
        repeated: None,
        pipelines: None,
    }
}

async fn get(calls: &CallClient, service: &Service) -> Result<String, CallError> {
    call(calls, service, Method::GET).await
}

async fn call(calls: &CallClient, service: &Service, method: Method) -> Result<String, CallError> {
    let call_request = ask(method);
    let answer = calls.call(&service.address, &call_request, Instant::now() + PATIENCE);
    let answer = tokio::time::timeout(PATIENCE, answer).await.expect("in time")?;
    Ok(String::from_utf8(answer.body).expect("text"))
}

#[tokio::test]
async fn one_connection_serves_one_call_after_the_other() {
    let service = service(|_, _| (OK.to_vec(), true)).await;
    let calls = calls();
    for _ in 0..50 {
        assert_eq!(get(&calls, &service).await.as_deref(), Ok("ok"));
        // It has rested, and the service keeps its connections.
        calls.idle.age(Duration::from_secs(1));
    }
    assert_eq!(service.opened.load(SeqCst), 1);
}

#[tokio::test]
async fn a_connection_whose_answer_belongs_to_another_call_takes_no_further_one() {
    for (repeated, expected) in [(None, 1), (Some("ok"), 1), (Some("another"), 3)] {
        let service = service(|_, _| (OK.to_vec(), true)).await;
        let calls = calls();
        for _ in 0..3 {
            let call_request = CallRequest {
                repeated,
                ..ask(Method::POST)
            };
            let answer = calls
                .call(&service.address, &call_request, Instant::now() + PATIENCE)
                .await;
            assert_eq!(answer.expect("an answer").body, b"ok");
            // The service keeps its connections, as far as can be seen.
            calls.idle.age(Duration::from_secs(1));
        }
        assert_eq!(service.opened.load(SeqCst), expected, "{repeated:?}");
    }
}

#[tokio::test]
async fn an_answer_in_small_parts_is_put_together() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        stream.set_nodelay(true).expect("a socket");
        read_request(&mut stream).await;
        for byte in b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n" {
            stream.write_all(&[*byte]).await.expect("a reader");
            tokio::task::yield_now().await;
        }
        std::future::pending::<()>().await;
    });
    let address = Address::new("127.0.0.1".to_owned(), port, false);
    let answer = calls()
        .call(&address, &ask(Method::GET), Instant::now() + PATIENCE)
        .await;
    assert_eq!(answer.map(|answer| answer.body), Ok(b"ok".to_vec()));
}

#[tokio::test]
async fn a_connection_with_leftovers_or_without_keep_alive_is_not_used_again() {
    for answer in [
        &b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen"
            [..],
        b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ] {
        let service = service(|_, _| (answer.to_vec(), true)).await;
        let calls = calls();
        for _ in 0..3 {
            assert_eq!(get(&calls, &service).await.as_deref(), Ok("ok"));
        }
        assert_eq!(service.opened.load(SeqCst), 3);
    }
}

#[tokio::test]
async fn what_comes_while_nobody_asked_is_nobodys_answer() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let late = Arc::new(Semaphore::new(0));
    let said = Arc::clone(&late);
    tokio::spawn(async move {
        for _ in 0..2 {
            let (mut stream, _) = listener.accept().await.expect("a caller");
            let said = Arc::clone(&said);
            tokio::spawn(async move {
                read_request(&mut stream).await;
                stream.write_all(OK).await.expect("a reader");
                tokio::task::yield_now().await;
                let stolen = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen";
                // The caller may have closed it.
                let _ = stream.write_all(stolen).await;
                said.add_permits(1);
                std::future::pending::<()>().await;
            });
        }
    });
    let address = Address::new("127.0.0.1".to_owned(), port, false);
    let calls = calls();
    for _ in 0..2 {
        let call_request = ask(Method::GET);
        let answer = calls
            .call(&address, &call_request, Instant::now() + PATIENCE)
            .await;
        assert_eq!(answer.map(|answer| answer.body), Ok(b"ok".to_vec()));
        late.acquire().await.expect("open").forget();
        calls.idle.age(Duration::from_secs(1));
    }
}

#[tokio::test]
async fn a_get_goes_over_a_fresh_connection_where_the_kept_one_is_dead() {
    // The first connection answers once, and then hangs up on the second request.
    let service = service(|connection, request| match (connection, request) {
        (0, 1) => (Vec::new(), false),
        _ => (OK.to_vec(), true),
    })
    .await;
    let calls = calls();
    for _ in 0..3 {
        assert_eq!(get(&calls, &service).await.as_deref(), Ok("ok"));
        calls.idle.age(Duration::from_secs(1));
    }
    // The second one has yet to prove that the service keeps it.
    assert_eq!(service.opened.load(SeqCst), 3);
}

#[tokio::test]
async fn a_post_that_may_have_been_heard_is_not_said_twice() {
    let service = service(|_, request| match request {
        0 => (OK.to_vec(), true),
        _ => (Vec::new(), false),
    })
    .await;
    let calls = calls();
    assert_eq!(call(&calls, &service, Method::POST).await.as_deref(), Ok("ok"));
    // It looks as if it kept its connections.
    calls.idle.age(Duration::from_secs(1));
    let second = call(&calls, &service, Method::POST).await;
    assert!(matches!(second, Err(CallError::Lost(_))), "{second:?}");
    assert_eq!(service.asked.load(SeqCst), 2);
}

#[tokio::test]
async fn a_service_that_closes_after_each_answer_without_a_word_gets_each_post_once() {
    let (address, asked) = super::super::tests::closing();
    let (calls, post) = (calls(), ask(Method::POST));
    for n in 0..200 {
        let answer = calls.call(&address, &post, Instant::now() + PATIENCE).await;
        assert_eq!(answer.map(|answer| answer.body), Ok(b"ok".to_vec()), "{n}");
    }
    assert_eq!(asked.load(SeqCst), 200);
}

#[tokio::test]
async fn a_post_after_the_service_hung_up_goes_over_a_fresh_connection() {
    let service = service(|connection, request| (OK.to_vec(), (connection, request) != (0, 1))).await;
    let calls = calls();
    assert!(get(&calls, &service).await.is_ok());
    calls.idle.age(Duration::from_secs(1));
    // It looked well, and ends after this one.
    assert!(call(&calls, &service, Method::POST).await.is_ok());
    until_it_hung_up(&service).await;
    for _ in 0..3 {
        assert_eq!(call(&calls, &service, Method::POST).await.as_deref(), Ok("ok"));
    }
    assert_eq!(service.asked.load(SeqCst), 5);
}

async fn until_it_hung_up(service: &Service) {
    while service.ended.load(SeqCst) == 0 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_an_error_and_never_asked_for_again() {
    let service = service(|_, request| match request {
        0 => (OK.to_vec(), true),
        _ => (
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec(),
            false,
        ),
    })
    .await;
    let calls = calls();
    assert!(get(&calls, &service).await.is_ok());
    calls.idle.age(Duration::from_secs(1));
    let broken = get(&calls, &service).await;
    let expected = CallError::Broken {
        reason: "the answer broke off".to_owned(),
        status: Some(StatusCode::OK),
    };
    assert_eq!(broken, Err(expected));
    assert_eq!(service.asked.load(SeqCst), 2);
}

#[tokio::test]
async fn an_address_where_nobody_listens_is_not_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    drop(listener);
    let address = Address::new("127.0.0.1".to_owned(), port, false);
    let answer = calls()
        .call(&address, &ask(Method::GET), Instant::now() + PATIENCE)
        .await;
    assert!(matches!(answer, Err(CallError::NotSent(_))), "{answer:?}");
}

#[tokio::test]
async fn a_long_body_both_ways_ends() {
    const LENGTH: usize = 1 << 20;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a caller");
        let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {LENGTH}\r\n\r\n");
        // It answers while the request still comes. A client that only writes would wait for ever.
        let (mut reading, mut writing) = stream.split();
        let (mut answer, mut sink) = (head.into_bytes(), tokio::io::sink());
        answer.resize(answer.len() + LENGTH, b'x');
        let both = tokio::join!(
            writing.write_all(&answer),
            tokio::io::copy(&mut reading, &mut sink)
        );
        both.0.expect("a reader");
    });
    let address = Address::new("127.0.0.1".to_owned(), port, false);
    let body = vec![b'y'; 4 * LENGTH];
    let call_request = CallRequest {
        body: &body,
        ..ask(Method::POST)
    };
    let answer = calls()
        .call(&address, &call_request, Instant::now() + PATIENCE)
        .await;
    assert_eq!(answer.map(|answer| answer.body.len()), Ok(LENGTH));
}
