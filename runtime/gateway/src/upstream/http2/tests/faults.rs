//! Servers that refuse, break off, flood, or do not speak HTTP/2.

use super::*;

#[tokio::test]
async fn a_request_that_was_refused_unprocessed_is_sent_once_more_and_then_given_back() {
    let (address, _) = server(async |mut wire| {
        wire.begin().await;
        let mut nth = 0;
        while let Some(stream) = wire.request().await {
            nth += 1;
            match nth {
                2 => wire.answer(stream).await,
                _ => wire.reset(stream, REFUSED_STREAM).await,
            }
        }
    })
    .await;
    let client = client();
    let post = || request(Method::POST, Body::from("form"));
    assert!(send(&client, &address, post()).await.is_ok());
    let Err(Http2Error::NotSent(_, back)) = send(&client, &address, post()).await else {
        panic!("it counts as unsent");
    };
    assert_eq!(back.headers()["host"], "site.test");
    assert_eq!(
        back.into_body().collect().await.expect("a body").to_bytes(),
        "form"
    );
}

#[tokio::test]
async fn a_stream_that_is_reset_fails_alone_and_is_not_repeated() {
    let asked = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&asked);
    let (address, accepted) = server(move |mut wire| {
        let count = Arc::clone(&count);
        async move {
            wire.begin().await;
            let (Some(first), Some(second)) = (wire.request().await, wire.request().await) else {
                return;
            };
            count.fetch_add(2, SeqCst);
            wire.reset(first, u32::from(Reason::INTERNAL_ERROR)).await;
            wire.answer(second).await;
            while wire.request().await.is_some() {
                count.fetch_add(1, SeqCst);
            }
        }
    })
    .await;
    let client = client();
    let post = || send(&client, &address, request(Method::POST, Body::empty()));
    // Either of them is the first one.
    let answers = join_all([post(), post()]).await;
    let lost = answers
        .iter()
        .filter(|one| matches!(one, Err(Http2Error::Lost(_))));
    assert_eq!(lost.count(), 1, "{answers:?}");
    assert!(answers.iter().any(Result::is_ok), "{answers:?}");
    assert_eq!((asked.load(SeqCst), accepted.load(SeqCst)), (2, 1));
}

#[tokio::test]
async fn a_server_that_announces_its_end_answers_what_it_has_and_loses_nothing() {
    let posts = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&posts);
    let (address, accepted) = server(move |mut wire| {
        let count = Arc::clone(&count);
        async move {
            wire.begin().await;
            if wire.nth > 0 {
                while let Some(stream) = wire.request().await {
                    count.fetch_add(1, SeqCst);
                    wire.answer(stream).await;
                }
                return;
            }
            let Some(first) = wire.request().await else { return };
            let second = wire.request().await;
            // The second one arrived, and is not processed.
            assert!(second > Some(first));
            wire.go_away(first).await;
            wire.send(HEADERS, END_HEADERS, first, STATUS_200).await;
            wire.send(DATA, END_STREAM, first, b"first").await;
            while wire.frame().await.is_some() {}
        }
    })
    .await;
    let client = client();
    let post = || send(&client, &address, request(Method::POST, Body::empty()));
    // Either of them is the first one.
    let mut texts = Vec::new();
    for answer in join_all([post(), post()]).await {
        texts.push(text(answer.expect("an answer")).await);
    }
    texts.sort();
    assert_eq!(texts, ["", "first"]);
    assert_eq!((posts.load(SeqCst), accepted.load(SeqCst)), (1, 2));
}

#[tokio::test]
async fn a_connection_that_dies_takes_only_its_own_requests() {
    let steps: Arc<[Notify; 2]> = Arc::default();
    let of_server = Arc::clone(&steps);
    let (address, accepted) = server(move |mut wire| {
        let steps = Arc::clone(&of_server);
        async move {
            let [die, died] = &*steps;
            // One stream at a time.
            wire.begin_with(&[0, 3, 0, 0, 0, 1]).await;
            while let Some(stream) = wire.request().await {
                if wire.nth == 0 {
                    die.notified().await;
                    return;
                }
                wire.send(HEADERS, END_HEADERS, stream, STATUS_200).await;
                die.notify_one();
                died.notified().await;
                wire.send(DATA, END_STREAM, stream, b"alive").await;
            }
        }
    })
    .await;
    let client = client();
    let post = async || {
        let answer = send(&client, &address, request(Method::POST, Body::empty())).await?;
        Ok::<_, Http2Error>(text(answer).await)
    };
    let first = async {
        let answer = post().await;
        steps[1].notify_one();
        answer
    };
    let second = async {
        until("the first has its connection", || accepted.load(SeqCst) == 1).await;
        post().await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(matches!(first, Err(Http2Error::Lost(_))), "{first:?}");
    assert_eq!(second.expect("an answer"), "alive");
    assert_eq!(accepted.load(SeqCst), 2);
}

#[tokio::test]
async fn a_safe_request_over_a_connection_that_had_died_goes_over_a_new_one() {
    let (address, accepted) = server(async |mut wire| {
        wire.begin().await;
        if let Some(first) = wire.request().await {
            wire.answer(first).await;
        }
        if let Some(second) = wire.request().await
            && wire.nth > 0
        {
            wire.answer(second).await;
        }
    })
    .await;
    let client = client();
    for _ in 0..3 {
        assert!(send(&client, &address, get()).await.is_ok());
    }
    assert_eq!(accepted.load(SeqCst), 2, "the second request was sent again");
    let (address, _) = server(async |mut wire| {
        wire.begin().await;
        if let Some(first) = wire.request().await {
            wire.answer(first).await;
        }
        wire.request().await;
    })
    .await;
    assert!(send(&client, &address, get()).await.is_ok());
    let post = send(&client, &address, request(Method::POST, Body::empty())).await;
    assert!(matches!(post, Err(Http2Error::Lost(_))), "{post:?}");
}

#[tokio::test]
async fn a_server_without_http_2_is_named_with_what_to_do() {
    for (what, answer, expected) in [
        (
            "HTTP/1.1",
            &b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n"[..],
            "it answered in another protocol",
        ),
        (
            "HTML",
            b"<!DOCTYPE HTML PUBLIC>",
            "it answered in another protocol",
        ),
        ("nothing", b"", "it closed the connection"),
        ("a few bytes", b"HTTP", "it closed the connection"),
    ] {
        let (address, _) = server(move |mut wire: Wire| async move {
            wire.write(answer).await;
            let mut stream = wire.into_stream();
            // Otherwise unread bytes would reset the connection.
            let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut [0; 1_000]).await;
        })
        .await;
        let (client, post) = (client(), request(Method::POST, Body::from("form")));
        let Err(Http2Error::NotSent(reason, back)) = send(&client, &address, post).await else {
            panic!("{what} is not HTTP/2");
        };
        assert!(!reason.is_ours);
        let reason = reason.reason;
        assert!(reason.contains(expected), "{what}: {reason}");
        assert!(
            reason.contains("set `http2` of its `[[service]]` to false"),
            "{reason}"
        );
        assert!(!back.body().is_end_stream(), "the request is whole");
        assert!(client.probe(&address, soon()).await.is_err());
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let (address, _) = server(async |wire| {
        let _open = wire.into_stream();
        std::future::pending().await
    })
    .await;
    let dialer = Dialer {
        timeout: Duration::from_millis(50),
        allow_hosts: Arc::default(),
        trust: Trust::default(),
    };
    let client = Http2Client::new(dialer);
    let Err(Http2Error::NotSent(reason, _)) = send(&client, &address, get()).await else {
        panic!("it is silent");
    };
    assert!(
        reason.reason.contains("did not begin HTTP/2 within 50 ms"),
        "{reason}"
    );
}

#[tokio::test]
async fn floods_end_their_connection() {
    for (what, kind, payload) in [
        ("pings", PING, &[0; 8][..]),
        ("settings", SETTINGS, &[]),
        ("resets", RESET, &[0; 4]),
        ("empty data", DATA, &[]),
    ] {
        let (address, accepted) = server(move |mut wire: Wire| async move {
            wire.begin().await;
            let Some(stream) = wire.request().await else {
                return;
            };
            if wire.nth > 0 {
                return wire.answer(stream).await;
            }
            if kind == DATA || kind == RESET {
                wire.send(HEADERS, END_HEADERS, stream, STATUS_200).await;
            }
            let of = if kind == DATA || kind == RESET { stream } else { 0 };
            // What the client answers is read, or else it would stop reading.
            let (mut reader, mut writer) = tokio::io::split(wire.into_stream());
            tokio::spawn(async move { tokio::io::copy(&mut reader, &mut tokio::io::sink()).await });
            let length = u8::try_from(payload.len()).expect("short");
            let frame = [&[0, 0, length, kind, 0][..], &of.to_be_bytes(), payload].concat();
            let many = frame.repeat(1_000);
            while tokio::io::AsyncWriteExt::write_all(&mut writer, &many)
                .await
                .is_ok()
            {}
        })
        .await;
        let client = client();
        let post = request(Method::POST, Body::empty());
        let answered =
            match tokio::time::timeout(Duration::from_secs(20), send(&client, &address, post)).await {
                Ok(Ok(answer)) => answer
                    .into_body()
                    .collect()
                    .await
                    .map(drop)
                    .map_err(|error| error.to_string()),
                Ok(Err(error)) => Err(format!("{error:?}")),
                Err(_) => panic!("{what}: the flood goes on"),
            };
        assert!(answered.is_err(), "{what}");
        assert!(
            send(&client, &address, get()).await.is_ok(),
            "{what}: a new connection"
        );
        assert_eq!(accepted.load(SeqCst), 2, "{what}");
    }
}

#[tokio::test]
async fn heads_that_are_too_large_or_malformed_are_refused() {
    for (what, header, count, size) in [("many", "x-a", 101, 1), ("long", "x-a", 1, 40_000)] {
        let (address, _) = handling(
            |_| {},
            move |_, mut answer| async move {
                let mut head = ok();
                for _ in 0..count {
                    let value = HeaderValue::from_str(&"x".repeat(size)).expect("a value");
                    head.headers_mut().append(header, value);
                }
                answer.send_response(head, true).map(drop)
            },
        )
        .await;
        let answer = send(&client(), &address, get()).await;
        let is_refused = matches!(answer, Err(Http2Error::BadAnswer(_)));
        assert!(is_refused, "{what}: {answer:?}");
    }
    let (address, _) = server(async |mut wire| {
        wire.begin().await;
        while let Some(stream) = wire.request().await {
            // Without a status.
            wire.send(HEADERS, END_STREAM | END_HEADERS, stream, &[]).await;
        }
    })
    .await;
    let answer = send(&client(), &address, get()).await;
    assert!(matches!(answer, Err(Http2Error::BadAnswer(_))), "{answer:?}");
}

#[tokio::test]
async fn a_body_of_another_length_than_stated_breaks_off() {
    for length in ["3", "9"] {
        let (address, _) = handling(
            |_| {},
            move |_, mut answer| async move {
                let head = Response::builder().header("content-length", length).body(());
                let mut sending = answer.send_response(head.expect("a head"), false)?;
                sending.send_data("five!".into(), true)
            },
        )
        .await;
        // Of an answer that arrived at once, the library may refuse the head already.
        if let Ok(answer) = send(&client(), &address, get()).await {
            assert!(answer.into_body().collect().await.is_err(), "{length}");
        }
    }
}

#[tokio::test]
async fn a_server_that_is_gone_without_a_word_is_noticed() {
    let has_come = Arc::new(Notify::new());
    let comes = Arc::clone(&has_come);
    let (address, _) = server(move |mut wire| {
        let comes = Arc::clone(&comes);
        async move {
            wire.begin().await;
            if wire.request().await.is_some() {
                comes.notify_one();
                std::future::pending().await
            }
        }
    })
    .await;
    let client = client();
    let asking = send(&client, &address, request(Method::POST, Body::empty()));
    let pausing = async {
        has_come.notified().await;
        tokio::time::pause();
    };
    let (answer, ()) = tokio::join!(asking, pausing);
    assert!(matches!(answer, Err(Http2Error::Lost(_))), "{answer:?}");
}
