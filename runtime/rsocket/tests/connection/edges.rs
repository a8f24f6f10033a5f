//! Ends of connections, peers that do not read, and what arrives that is not RSocket.

use std::{future::pending, sync::atomic::Ordering, time::Duration};

use futures_util::{FutureExt, Stream, StreamExt, stream};
use hydra_runtime_rsocket::{
    CloseReason, Config, Credit, ErrorCode, Failure, Items, NoResponder, Payload, RequestError, Responder,
    Setup, SetupFailed, connect,
    frame::{Body, Frame, Interaction, decode},
    machine::Refused,
    receive_setup,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex},
    task::JoinHandle,
};

use super::{Answers, in_memory, pipe, soon, text, until};

/// A connection whose peer is bytes.
fn raw() -> (DuplexStream, JoinHandle<Result<(), SetupFailed>>, Answers) {
    let (peer, server) = duplex(64 << 10);
    let answers = Answers::default();
    let responder = answers.clone();
    let server = tokio::spawn(async move {
        let incoming = receive_setup(hydra_runtime_rsocket::transport::tcp::Tcp::new(server)).await?;
        incoming.accept(responder, Config::default()).closed().await;
        Ok(())
    });
    (peer, server, answers)
}

fn bytes_of(stream_id: u32, body: Body) -> Vec<u8> {
    let frame = Frame { stream_id, body }.to_bytes();
    let length = u32::try_from(frame.len()).expect("a short frame").to_be_bytes();
    [&length[1..], &frame[..]].concat()
}

fn setup() -> Vec<u8> {
    bytes_of(0, Body::Setup(Box::default()))
}

/// Everything that arrives until the end, as frames.
async fn frames(mut peer: DuplexStream) -> Vec<Frame> {
    let mut bytes = Vec::new();
    soon("the end of the connection", peer.read_to_end(&mut bytes))
        .await
        .expect("an end");
    let mut frames = Vec::new();
    let mut rest = &bytes[..];
    while let [a, b, c, after @ ..] = rest {
        let length = usize::from(*a) << 16 | usize::from(*b) << 8 | usize::from(*c);
        frames.push(decode(after[..length].to_vec().into()).expect("a frame"));
        rest = &after[length..];
    }
    frames
}

fn codes(frames: &[Frame]) -> Vec<ErrorCode> {
    let codes = frames.iter().filter_map(|frame| match frame.body {
        Body::Error { code, .. } => Some(code),
        _ => None,
    });
    codes.collect()
}

#[tokio::test]
async fn every_request_ends_when_the_connection_does() {
    let (client, server, of_client, of_server) = in_memory(&Config::default()).await;
    let request = tokio::spawn({
        let client = client.clone();
        async move { client.request_response(Payload::from("never")).await }
    });
    let mut stream = client
        .request_stream(Payload::from("forever"), Credit::Exactly(1))
        .await
        .expect("sent");
    let mut channel = server
        .request_channel(Payload::from("0"), stream::once(pending()), Credit::Window(9))
        .await
        .expect("sent");
    stream.next().await.expect("an item").expect("no error");
    channel.next().await.expect("an item").expect("no error");
    until("both run", || of_server.begun.load(Ordering::SeqCst) == 2).await;

    server.abort("as asked");
    let reason = CloseReason::Peer(Failure::new(ErrorCode::CONNECTION_ERROR, "as asked"));
    let closed = Err(RequestError::Closed(reason.clone()));
    assert_eq!(soon("the request", request).await.expect("no panic"), closed);
    assert_eq!(stream.next().await, Some(closed.clone()));
    assert_eq!(stream.next().await, None);
    let ours = CloseReason::Protocol("as asked".to_owned());
    assert_eq!(channel.next().await, Some(Err(RequestError::Closed(ours))));
    assert_eq!(client.closed().await, reason);
    assert_eq!(client.request_response(Payload::from("x")).await, closed);
    assert_eq!(
        client.fire_and_forget(Payload::from("x")).await,
        Err(RequestError::Closed(reason))
    );
    until("handlers end", || {
        of_server.ended.load(Ordering::SeqCst) + of_client.ended.load(Ordering::SeqCst) == 3
    })
    .await;
}

#[tokio::test]
async fn a_lost_connection_ends_its_requests() {
    let (peer, client) = duplex(1024);
    let client = hydra_runtime_rsocket::transport::tcp::Tcp::new(client);
    let client = connect(client, Setup::default(), NoResponder, Config::default()).expect("a small SETUP");
    let mut request = Box::pin(client.request_response(Payload::from("x")));
    assert!((&mut request).now_or_never().is_none());
    drop(peer);
    assert_eq!(
        soon("the end", request).await,
        Err(RequestError::Closed(CloseReason::Lost))
    );
}

#[tokio::test]
async fn the_last_requester_of_a_client_closes_after_the_requests_in_flight() {
    let (client, server, ..) = in_memory(&Config::default()).await;
    let mut items = client
        .request_stream(Payload::from("count:50"), Credit::Window(2))
        .await
        .expect("sent");
    items.next().await.expect("an item").expect("no error");
    drop(client);
    let rest: Vec<_> = items.map(|item| text(&item.expect("no error"))).collect().await;
    assert_eq!(rest.len(), 49);
    let reason = soon("the end", server.closed()).await;
    assert!(
        matches!(reason, CloseReason::PeerClosed | CloseReason::Lost),
        "{reason:?}"
    );
}

#[tokio::test]
async fn a_closing_connection_takes_no_requests_from_either_side() {
    let (client, server, _, answers) = in_memory(&Config::default()).await;
    let mut never = Box::pin(client.request_response(Payload::from("never")));
    assert!((&mut never).now_or_never().is_none());
    until("it runs", || answers.begun.load(Ordering::SeqCst) == 1).await;
    client.close();
    let refused = client.request_response(Payload::from("x")).await;
    assert_eq!(refused, Err(RequestError::Refused(Refused::Closing)));
    let refused = server.request_response(Payload::from("x")).await;
    assert_eq!(
        refused,
        Err(RequestError::Peer(Failure::rejected("the connection is closing")))
    );
    drop(never);
    assert_eq!(soon("the end", client.closed()).await, CloseReason::Closed);
}

#[tokio::test]
async fn a_server_can_refuse_a_setup() {
    let (client, server) = pipe();
    let client = connect(client, Setup::default(), NoResponder, Config::default()).expect("a small SETUP");
    let incoming = receive_setup(server).await.expect("SETUP");
    let failure = Failure::new(ErrorCode::REJECTED_SETUP, "wrong key");
    incoming.refuse(&failure).await;
    assert_eq!(soon("the end", client.closed()).await, CloseReason::Peer(failure));
}

#[tokio::test]
async fn a_setup_that_does_not_fit_is_an_error() {
    let long_type = Setup {
        data_mime_type: "x".repeat(256),
        ..Setup::default()
    };
    let long = Setup {
        payload: Payload::new(vec![0; 16 << 20]),
        ..Setup::default()
    };
    for (setup, is_type) in [(long_type, true), (long, false)] {
        let failed = connect(pipe().0, setup, NoResponder, Config::default()).err();
        assert_eq!(
            matches!(failed, Some(SetupFailed::MimeType)),
            is_type,
            "{failed:?}"
        );
        assert_eq!(
            matches!(failed, Some(SetupFailed::TooLong)),
            !is_type,
            "{failed:?}"
        );
    }
}

#[tokio::test]
async fn a_wrong_beginning_is_answered_and_closed() {
    let wrong_version = Setup {
        version: (9, 0),
        ..Setup::default()
    };
    let first = |body| bytes_of(0, body);
    let request = Body::Request {
        interaction: Interaction::Response,
        follows: false,
        payload: Payload::from("x"),
    };
    let table = [
        (
            "another version",
            first(Body::Setup(Box::new(wrong_version))),
            ErrorCode::INVALID_SETUP,
        ),
        ("a request", bytes_of(1, request), ErrorCode::INVALID_SETUP),
        ("an empty frame", vec![0, 0, 0], ErrorCode::INVALID_SETUP),
        (
            "HTTP",
            b"\0\0\x20GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(),
            ErrorCode::INVALID_SETUP,
        ),
    ];
    for (what, bytes, expected) in table {
        let (mut peer, server, _) = raw();
        peer.write_all(&bytes).await.expect("written");
        assert_eq!(codes(&frames(peer).await), [expected], "{what}");
        assert!(matches!(server.await, Ok(Err(SetupFailed::Refused(_)))), "{what}");
    }
}

#[tokio::test]
async fn a_malformed_frame_is_answered_and_closed() {
    let (mut peer, server, _) = raw();
    peer.write_all(&setup()).await.expect("written");
    peer.write_all(&[0, 0, 9, 0, 0, 0, 1, 0x11, 0, 0xFF, 0xFF, 0xFF])
        .await
        .expect("written");
    assert_eq!(codes(&frames(peer).await), [ErrorCode::CONNECTION_ERROR]);
    server.await.expect("no panic").expect("a SETUP");
}

/// 16 MB is the most that TCP's three bytes can announce. Nothing is kept for it.
#[tokio::test]
async fn an_announced_length_costs_nothing() {
    let (mut peer, server, _) = raw();
    peer.write_all(&setup()).await.expect("written");
    peer.write_all(&[0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 0x10, 0])
        .await
        .expect("written");
    drop(peer);
    soon("the end", server).await.expect("no panic").expect("a SETUP");

    let (mut peer, server) = duplex(1024);
    let limited = hydra_runtime_rsocket::transport::tcp::Tcp::new(server).with_max_frame_bytes(1000);
    peer.write_all(&[0, 0x03, 0xE9]).await.expect("written");
    let failed = soon("the answer", receive_setup(limited)).await.err();
    assert!(matches!(failed, Some(SetupFailed::Refused(_))), "{failed:?}");
    assert_eq!(codes(&frames(peer).await), [ErrorCode::INVALID_SETUP]);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_is_silent_from_the_beginning_is_closed() {
    let (peer, server, _) = raw();
    assert!(matches!(
        soon("the end", server).await,
        Ok(Err(SetupFailed::Timeout))
    ));
    drop(peer);
}

#[tokio::test(start_paused = true)]
async fn a_peer_that_becomes_silent_is_noticed() {
    let (mut peer, server, _) = raw();
    peer.write_all(&setup()).await.expect("written");
    let began = tokio::time::Instant::now();
    let end = tokio::time::timeout(Duration::from_secs(200), server).await;
    end.expect("an end").expect("no panic").expect("a SETUP");
    assert_eq!(began.elapsed().as_secs(), 90);
    let frames = frames(peer).await;
    assert!(
        frames
            .iter()
            .filter(|frame| matches!(frame.body, Body::Keepalive { respond: true, .. }))
            .count()
            >= 4
    );
    assert_eq!(codes(&frames), [ErrorCode::CONNECTION_ERROR]);
}

#[tokio::test(start_paused = true)]
async fn keepalive_holds_an_idle_connection() {
    let config = Config {
        keepalive_interval: Duration::from_secs(1),
        keepalive_lifetime: Duration::from_secs(3),
        ..Config::default()
    };
    let (client, server, ..) = in_memory(&config).await;
    tokio::time::sleep(Duration::from_secs(600)).await;
    assert_eq!((client.close_reason(), server.close_reason()), (None, None));
    assert!(client.statistics().round_trip.is_some());
    assert!(client.request_response(Payload::from("x")).await.is_ok());
}

/// The peer reads nothing: what waits for it is bounded, and after the lifetime the connection ends.
#[tokio::test(start_paused = true)]
async fn a_peer_that_does_not_read_costs_a_bounded_amount() {
    let (mut peer, server) = duplex(1024);
    let config = Config {
        keepalive_lifetime: Duration::from_secs(5),
        max_queued_bytes: 100_000,
        ..Config::default()
    };
    peer.write_all(&setup()).await.expect("written");
    let incoming = receive_setup(hydra_runtime_rsocket::transport::tcp::Tcp::new(server))
        .await
        .expect("SETUP");
    let server = incoming.accept(NoResponder, config);
    let mut queued = 0;
    while let Ok(sent) = tokio::time::timeout(
        Duration::from_secs(1),
        server.fire_and_forget(Payload::new(vec![0; 10_000])),
    )
    .await
    {
        sent.expect("it is open");
        queued += 1;
        assert!(queued < 100, "the queue is not bounded");
    }
    assert!(queued >= 10, "{queued}");
    let keepalive = Body::Keepalive {
        respond: false,
        position: 0,
        data: bytes::Bytes::new(),
    };
    let keepalive = bytes_of(0, keepalive);
    let waiting = server.fire_and_forget(Payload::from("x"));
    let talking = async {
        loop {
            tokio::time::sleep(Duration::from_millis(500)).await;
            if peer.write_all(&keepalive).await.is_err() {
                pending::<()>().await;
            }
        }
    };
    let reason = tokio::select! {
        result = waiting => result.expect_err("the end"),
        () = talking => unreachable!("it never ends"),
    };
    assert_eq!(
        reason,
        RequestError::Closed(CloseReason::NotReading(Duration::from_secs(5)))
    );
}

#[tokio::test]
async fn too_many_requests_at_once_are_rejected_until_handlers_end() {
    let config = Config {
        max_requests: 2,
        ..Config::default()
    };
    let (client, _server, _, answers) = in_memory(&config).await;
    let never = || Box::pin(client.request_response(Payload::from("never")));
    let (mut first, mut second) = (never(), never());
    assert!((&mut first).now_or_never().is_none());
    assert!((&mut second).now_or_never().is_none());
    until("both run", || answers.begun.load(Ordering::SeqCst) == 2).await;
    let third = client.request_response(Payload::from("x")).await;
    assert_eq!(
        third,
        Err(RequestError::Peer(Failure::rejected("too many requests at once")))
    );
    drop(first);
    soon("a place", async {
        while client.request_response(Payload::from("x")).await.is_err() {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

/// A peer may use an id again as soon as it has cancelled a request. Handlers of both requests end.
#[tokio::test]
async fn handlers_end_though_ids_are_used_again() {
    let (mut peer, server, answers) = raw();
    let mut bytes = setup();
    for at in 0..300_u32 {
        let request = Body::Request {
            interaction: if at % 2 == 0 {
                Interaction::Response
            } else {
                Interaction::Stream { credit: 1 }
            },
            follows: false,
            payload: Payload::from(if at % 2 == 0 { "never" } else { "forever" }),
        };
        bytes.extend(bytes_of(1, request));
        if at % 3 != 2 {
            bytes.extend(bytes_of(1, Body::Cancel));
        }
    }
    peer.write_all(&bytes).await.expect("written");
    until("some run", || answers.begun.load(Ordering::SeqCst) > 0).await;
    drop(peer);
    soon("the end", server).await.expect("no panic").expect("a SETUP");
    until("all end", || {
        answers.begun.load(Ordering::SeqCst) == answers.ended.load(Ordering::SeqCst)
    })
    .await;
}

/// A handler may hand the payloads of a channel to another task: they end with the request.
#[tokio::test]
async fn payloads_that_a_handler_gave_away_end_with_the_request() {
    #[derive(Clone)]
    struct GivesAway(tokio::sync::mpsc::UnboundedSender<Items>);
    impl Responder for GivesAway {
        fn request_channel(&self, payloads: Items) -> impl Stream<Item = Result<Payload, Failure>> + Send {
            self.0.send(payloads).expect("a receiver");
            stream::once(pending())
        }
    }
    let (given, mut received) = tokio::sync::mpsc::unbounded_channel();
    let (client, server) = pipe();
    let config = Config::default();
    let client = connect(client, Setup::default(), NoResponder, config.clone()).expect("a small SETUP");
    let incoming = receive_setup(server).await.expect("SETUP");
    let _server = incoming.accept(GivesAway(given), config);
    let channel = client
        .request_channel(Payload::from("0"), stream::once(pending()), Credit::Window(1))
        .await;
    let channel = channel.expect("sent");
    let mut payloads = received.recv().await.expect("payloads");
    assert_eq!(payloads.next().await, Some(Ok(Payload::from("0"))));
    assert!(payloads.next().now_or_never().is_none());
    drop(channel);
    let end = soon("the payloads end", payloads.next()).await;
    assert!(matches!(end, Some(Err(_))), "{end:?}");
}
