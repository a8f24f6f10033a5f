//! What visitors and answers do to a connection that others share: nothing.

use super::*;

fn post() -> Request<Body> {
    request(Method::POST, Body::empty())
}

#[tokio::test]
async fn visitors_who_leave_do_not_end_the_answers_of_others() {
    const LEAVING: usize = 80;
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let (address, accepted) = server(move |mut wire| {
        let count = Arc::clone(&count);
        async move {
            wire.begin().await;
            let first = wire.request().await.expect("a request");
            count.fetch_add(1, SeqCst);
            let mut left = Vec::new();
            while left.len() < LEAVING {
                left.extend(wire.request().await);
                count.fetch_add(1, SeqCst);
            }
            for _ in 0..LEAVING {
                wire.until(|frame| frame.kind == RESET).await.expect("a reset");
            }
            // It goes on to answer them all the same.
            for _ in 0..60 {
                for stream in &left {
                    wire.send(DATA, 0, *stream, b"late").await;
                }
                wire.send(PING, 0, 0, &[0; 8]).await;
                if wire.until(|frame| frame.kind == PING).await.is_none() {
                    return;
                }
            }
            wire.answer(first).await;
            wire.frame().await;
        }
    })
    .await;
    let client = client();
    let staying = send(&client, &address, post());
    let leaving = async {
        until("the first is asked", || asked.load(SeqCst) == 1).await;
        tokio::select! {
            _ = join_all((0..LEAVING).map(|_| send(&client, &address, get()))) => panic!("no answer came"),
            () = until("all are asked", || asked.load(SeqCst) == 1 + LEAVING) => {}
        }
    };
    let (answer, ()) = tokio::join!(staying, leaving);
    assert!(answer.is_ok(), "{answer:?}");
    assert_eq!(accepted.load(SeqCst), 1);
}

#[tokio::test]
async fn small_pieces_that_are_not_read_do_not_end_the_answers_of_others() {
    const PIECE: usize = 32;
    const UNREAD: usize = 12;
    let window = crate::limits::HTTP2_STREAM_WINDOW_BYTES as usize;
    let (address, accepted) = server(move |mut wire| async move {
        wire.begin().await;
        // The acknowledgement, from which the windows are as large as the client says.
        wire.send(SETTINGS, 1, 0, &[]).await;
        for _ in 0..UNREAD {
            let stream = wire.request().await.expect("a request");
            wire.send(HEADERS, END_HEADERS, stream, STATUS_200).await;
            let head = [&[0, 0, PIECE as u8, DATA, 0][..], &stream.to_be_bytes()].concat();
            let frame = [head, vec![b'x'; PIECE]].concat();
            wire.write(&frame.repeat(window / PIECE)).await;
        }
        let other = wire.request().await.expect("a request");
        wire.answer(other).await;
        while wire.frame().await.is_some() {}
    })
    .await;
    let client = client();
    let mut unread = Vec::new();
    for _ in 0..UNREAD {
        unread.push(send(&client, &address, get()).await.expect("an answer"));
    }
    let other = send(&client, &address, post()).await;
    assert!(other.is_ok(), "{other:?}");
    for mut answer in unread {
        let mut length = 0;
        while length < window {
            let piece = answer.body_mut().frame().await.expect("a piece").expect("no end");
            length += piece.into_data().expect("data").len();
        }
    }
    assert_eq!(accepted.load(SeqCst), 1);
}

#[tokio::test]
async fn a_safe_request_outlives_an_error_of_its_connection_and_not_one_of_its_own() {
    for (what, is_own, body, expected) in [
        ("the connection", false, "", (true, 2)),
        ("the connection, with a body", false, "body", (false, 1)),
        ("the stream", true, "", (false, 1)),
    ] {
        let asked = Arc::<AtomicUsize>::default();
        let count = Arc::clone(&asked);
        let (address, accepted) = server(move |mut wire| {
            let count = Arc::clone(&count);
            async move {
                wire.begin().await;
                while let Some(stream) = wire.request().await {
                    match count.fetch_add(1, SeqCst) {
                        1 if is_own => wire.reset(stream, u32::from(Reason::INTERNAL_ERROR)).await,
                        // A stream that was never opened: the client must end the connection.
                        1 => _ = wire.send(DATA, 0, 99, b"x").await,
                        _ => wire.answer(stream).await,
                    }
                }
            }
        })
        .await;
        let client = client();
        assert!(send(&client, &address, get()).await.is_ok());
        let answer = send(&client, &address, request(Method::GET, Body::from(body))).await;
        let is_fine = match &answer {
            Ok(_) => true,
            Err(Http2Error::Lost(_)) => false,
            Err(other) => panic!("{what}: {other:?}"),
        };
        assert_eq!((is_fine, accepted.load(SeqCst)), expected, "{what}");
        assert_eq!(asked.load(SeqCst), 1 + expected.1, "{what}");
    }
}

#[tokio::test]
async fn an_upload_ends_if_nothing_is_taken_of_it_after_its_answer() {
    let is_reset = Arc::new(Notify::new());
    let resets = Arc::clone(&is_reset);
    let (address, _) = server(move |mut wire| {
        let resets = Arc::clone(&resets);
        async move {
            wire.begin().await;
            let stream = wire.request().await.expect("a request");
            wire.answer(stream).await;
            if wire.until(|frame| frame.kind == RESET).await.is_some() {
                resets.notify_one();
            }
            while wire.frame().await.is_some() {}
        }
    })
    .await;
    // The second one has a single piece that is longer than the window.
    for body in [
        Body::from_stream(stream::iter(
            (0..1_000).map(|_| Ok::<_, std::io::Error>(vec![0; 10_000])),
        )),
        Body::from(vec![0; 100_000]),
    ] {
        let client = client();
        let answer = send(&client, &address, request(Method::POST, body)).await;
        assert_eq!(text(answer.expect("an answer")).await, "");
        assert_eq!(client.idle_count(), 0, "the upload goes on");
        tokio::time::pause();
        let reset = tokio::time::timeout(Duration::from_secs(60), is_reset.notified()).await;
        tokio::time::resume();
        assert!(reset.is_ok());
        until("the stream is over", || client.idle_count() == 1).await;
    }
}

#[tokio::test]
async fn a_server_that_is_gone_is_noticed_after_it_announced_its_end() {
    let (address, accepted) = server(async |mut wire| {
        wire.begin().await;
        let stream = wire.request().await.expect("a request");
        if wire.nth > 0 {
            wire.answer(stream).await;
        } else {
            wire.go_away(stream).await;
            wire.send(HEADERS, END_HEADERS, stream, STATUS_200).await;
        }
        std::future::pending().await
    })
    .await;
    let client = client();
    let hanging = send(&client, &address, get()).await.expect("an answer");
    assert!(send(&client, &address, get()).await.is_ok());
    assert_eq!(accepted.load(SeqCst), 2, "the first connection is left");
    tokio::time::pause();
    let reading = tokio::time::timeout(Duration::from_secs(600), hanging.into_body().collect()).await;
    assert!(matches!(reading, Ok(Err(_))), "{reading:?}");
}

#[tokio::test]
async fn a_connection_with_many_empty_frames_is_left_before_it_must_end() {
    let (address, accepted) = server(async |mut wire| {
        wire.begin().await;
        while let Some(stream) = wire.request().await {
            wire.send(HEADERS, END_HEADERS, stream, STATUS_200).await;
            for _ in 0..30 {
                wire.send(DATA, 0, stream, b"").await;
            }
            wire.send(DATA, END_STREAM, stream, b"ok").await;
        }
    })
    .await;
    let client = client();
    for _ in 0..6 {
        let answer = send(&client, &address, post()).await;
        assert_eq!(text(answer.expect("an answer")).await, "ok");
    }
    assert_eq!(accepted.load(SeqCst), 3);
}
