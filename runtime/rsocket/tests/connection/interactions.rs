//! The four kinds of requests, in both directions.

use std::{future::pending, sync::atomic::Ordering};

use futures_util::{FutureExt, StreamExt, future::join_all, stream};
use hydra_runtime_rsocket::{Config, Credit, ErrorCode, Failure, Payload, RequestError, Requester};

use super::{Answers, in_memory, soon, text, until};

async fn every_interaction(requester: &Requester, answers: &Answers) {
    let request = Payload::from("hello").with_metadata("meta");
    assert_eq!(requester.request_response(request.clone()).await, Ok(request));
    let long = requester
        .request_response(Payload::from("bytes:1000000"))
        .await
        .expect("an answer");
    assert_eq!(long.data.len(), 1_000_000);
    let long = Payload::new(vec![b'y'; 300_000]).with_metadata(vec![b'm'; 200_000]);
    assert_eq!(requester.request_response(long.clone()).await, Ok(long));

    requester
        .fire_and_forget(Payload::from("forget"))
        .await
        .expect("sent");
    requester.metadata_push("pushed".into()).await.expect("sent");
    until("both arrive", || {
        answers.seen.lock().expect("no panic").len() == 2
    })
    .await;

    for credit in [Credit::Window(1), Credit::Window(7), Credit::Exactly(100)] {
        let items = requester
            .request_stream(Payload::from("count:100"), credit)
            .await
            .expect("sent");
        let items: Vec<String> = items.map(|item| text(&item.expect("an item"))).collect().await;
        assert_eq!(items, (0..100).map(|at| at.to_string()).collect::<Vec<_>>());
    }

    let others = stream::iter(1..30).map(|at| Ok(Payload::new(at.to_string())));
    let channel = requester
        .request_channel(Payload::from("0"), others, Credit::Window(4))
        .await;
    let items: Vec<String> = channel
        .expect("sent")
        .map(|item| text(&item.expect("an item")))
        .collect()
        .await;
    assert_eq!(items, (0..30).map(|at| format!("re:{at}")).collect::<Vec<_>>());
    let alone = requester
        .request_channel(Payload::from("alone"), stream::empty(), Credit::Window(4))
        .await;
    let items: Vec<String> = alone
        .expect("sent")
        .map(|item| text(&item.expect("an item")))
        .collect()
        .await;
    assert_eq!(items, ["re:alone"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_interaction_works_in_both_directions_at_once() {
    let (client, server, of_client, of_server) = in_memory(&Config::default()).await;
    let both = async {
        tokio::join!(
            every_interaction(&client, &of_server),
            every_interaction(&server, &of_client)
        );
    };
    soon("both", both).await;
    until("all ended", || {
        client.statistics().requests + client.statistics().served == 0
    })
    .await;
    until("all ended", || {
        server.statistics().requests + server.statistics().served == 0
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_at_once_each_get_their_answer() {
    let (client, ..) = in_memory(&Config::default()).await;
    let requests = (0..1000).map(|at| {
        let client = client.clone();
        async move {
            let request = Payload::new(format!("{at}"));
            assert_eq!(client.request_response(request.clone()).await, Ok(request));
        }
    });
    soon("all", join_all(requests)).await;
}

#[tokio::test]
async fn failures_and_panics_are_errors_of_their_request() {
    let (client, server, ..) = in_memory(&Config::default()).await;
    let panicked = Failure::application("the handler of the request panicked");
    for requester in [&client, &server] {
        let answer = requester.request_response(Payload::from("fail")).await;
        assert_eq!(answer, Err(RequestError::Peer(Failure::invalid("as asked"))));
        let answer = requester.request_response(Payload::from("panic")).await;
        assert_eq!(answer, Err(RequestError::Peer(panicked.clone())));
        requester
            .fire_and_forget(Payload::from("panic"))
            .await
            .expect("sent");
        for (request, items, failure) in [
            ("fail:3", 3, Failure::application("as asked")),
            ("panic", 2, panicked.clone()),
            ("panic at once", 0, panicked.clone()),
        ] {
            let stream = requester
                .request_stream(Payload::from(request), Credit::Window(8))
                .await
                .expect("sent");
            let mut answers: Vec<_> = stream.collect().await;
            assert_eq!(answers.pop(), Some(Err(RequestError::Peer(failure))), "{request}");
            assert_eq!(answers.len(), items, "{request}");
        }
        assert_eq!(
            requester.request_response(Payload::from("on")).await,
            Ok(Payload::from("on"))
        );
    }
    until("all ended", || {
        client.statistics().served + server.statistics().served == 0
    })
    .await;
}

#[tokio::test]
async fn a_channel_whose_own_payloads_fail_ends_for_both() {
    let (client, _server, _, answers) = in_memory(&Config::default()).await;
    let others = stream::iter([Ok(Payload::from("1")), Err(Failure::application("broken"))]);
    let channel = client
        .request_channel(Payload::from("0"), others, Credit::Window(8))
        .await;
    let last = channel.expect("sent").collect::<Vec<_>>().await.pop();
    assert_eq!(last, Some(Err(RequestError::Own(Failure::application("broken")))));
    until("the handler ends", || answers.ended.load(Ordering::SeqCst) == 1).await;
}

#[tokio::test]
async fn nothing_is_sent_without_credit() {
    let (client, server, ..) = in_memory(&Config::default()).await;
    let mut items = client
        .request_stream(Payload::from("forever"), Credit::Exactly(3))
        .await
        .expect("sent");
    for at in 0..3 {
        assert_eq!(
            text(&items.next().await.expect("an item").expect("no error")),
            at.to_string()
        );
    }
    // What is answered later would come after a fourth item.
    client
        .request_response(Payload::from("later"))
        .await
        .expect("an answer");
    assert!(items.next().now_or_never().is_none());
    items.request(2);
    for at in 3..5 {
        assert_eq!(
            text(&items.next().await.expect("an item").expect("no error")),
            at.to_string()
        );
    }
    assert_eq!(server.statistics().served, 1);
    drop(items);
    until("the handler ends", || server.statistics().served == 0).await;
}

#[tokio::test]
async fn dropping_a_request_cancels_it() {
    let (client, server, _, answers) = in_memory(&Config::default()).await;
    let mut never = Box::pin(client.request_response(Payload::from("never")));
    assert!((&mut never).now_or_never().is_none());
    let stream = client
        .request_stream(Payload::from("forever"), Credit::Window(2))
        .await
        .expect("sent");
    let channel = client
        .request_channel(Payload::from("0"), stream::once(pending()), Credit::Window(2))
        .await
        .expect("sent");
    until("three handlers run", || answers.begun.load(Ordering::SeqCst) == 3).await;
    assert_eq!((client.statistics().requests, server.statistics().served), (3, 3));
    drop((never, stream, channel));
    until("they end", || answers.ended.load(Ordering::SeqCst) == 3).await;
    until("they are forgotten", || server.statistics().served == 0).await;
    assert_eq!(client.statistics().requests, 0);
}

#[tokio::test]
async fn what_is_not_answered_is_rejected() {
    let (client, server) = super::pipe();
    let config = Config::default();
    let client = hydra_runtime_rsocket::connect(
        client,
        hydra_runtime_rsocket::Setup::default(),
        hydra_runtime_rsocket::NoResponder,
        config.clone(),
    );
    let client = client.expect("a small SETUP");
    let incoming = hydra_runtime_rsocket::receive_setup(server).await.expect("SETUP");
    let server = incoming.accept(hydra_runtime_rsocket::NoResponder, config);
    for requester in [&client, &server] {
        let rejected = |answer: Option<Result<Payload, RequestError>>| match answer {
            Some(Err(RequestError::Peer(failure))) => assert_eq!(failure.code, ErrorCode::REJECTED),
            other => panic!("{other:?}"),
        };
        rejected(Some(requester.request_response(Payload::from("x")).await));
        let mut stream = requester
            .request_stream(Payload::from("x"), Credit::Window(1))
            .await
            .expect("sent");
        rejected(stream.next().await);
        let channel = requester
            .request_channel(Payload::from("x"), stream::once(pending()), Credit::Window(1))
            .await;
        rejected(channel.expect("sent").next().await);
    }
}
