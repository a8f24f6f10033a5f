//! Both sides stop where the other one does not read, and end apart from each other.

use super::*;

/// Sends `MiB` of data as fast as the client takes it, and counts the bytes.
async fn download(mut answer: SendResponse<Bytes>, sent: Arc<AtomicUsize>) -> Result<(), h2::Error> {
    let mut sending = answer.send_response(ok(), false)?;
    for _ in 0..1_024 {
        sending.reserve_capacity(16 << 10);
        while sending.capacity() < 16 << 10 {
            let room = std::future::poll_fn(|cx| sending.poll_capacity(cx)).await;
            room.transpose()?;
        }
        sending.send_data(vec![b'x'; 16 << 10].into(), false)?;
        sent.fetch_add(16 << 10, SeqCst);
    }
    sending.send_data(Bytes::new(), true)
}

#[tokio::test]
async fn an_answer_that_is_not_read_stops_its_server_and_no_other_answer() {
    let sent = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&sent);
    let (address, accepted) = handling(|_| {}, move |_, answer| download(answer, Arc::clone(&count))).await;
    let client = client();
    let unread = join_all((0..20).map(|_| send(&client, &address, get()))).await;
    let window = crate::limits::HTTP2_STREAM_WINDOW_BYTES as usize;
    until("all windows are full", || sent.load(SeqCst) == 20 * window).await;
    let other = send(&client, &address, get()).await.expect("an answer");
    assert_eq!(text(other).await.len(), 16 << 20);
    assert_eq!(sent.load(SeqCst), 20 * window + (16 << 20), "the others wait");
    for answer in unread {
        assert_eq!(text(answer.expect("an answer")).await.len(), 16 << 20);
    }
    assert_eq!(accepted.load(SeqCst), 1);
}

#[tokio::test]
async fn a_server_that_does_not_read_stops_the_upload() {
    let read = Arc::new(Notify::new());
    let reads = Arc::clone(&read);
    let (address, _) = handling(
        |settings| _ = settings.initial_window_size(20_000),
        move |request, mut answer| {
            let reads = Arc::clone(&reads);
            async move {
                reads.notified().await;
                let (mut body, mut length) = (request.into_body(), 0);
                while let Some(piece) = body.data().await {
                    let piece = piece?;
                    body.flow_control().release_capacity(piece.len())?;
                    length += piece.len();
                }
                let mut sending = answer.send_response(ok(), false)?;
                sending.send_data(length.to_string().into(), true)
            }
        },
    )
    .await;
    let pulled = Arc::<AtomicUsize>::default();
    let count = Arc::clone(&pulled);
    let pieces = stream::iter(0..1_000).map(move |_| {
        count.fetch_add(1, SeqCst);
        Ok::<_, std::io::Error>(Bytes::from_static(&[b'x'; 10_000]))
    });
    let client = client();
    let sending = send(
        &client,
        &address,
        request(Method::POST, Body::from_stream(pieces)),
    );
    let watching = async {
        until("a window is full", || pulled.load(SeqCst) >= 2).await;
        let mut last = 0;
        while last != pulled.load(SeqCst) {
            last = pulled.load(SeqCst);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        assert!(last < 20, "{last} pieces");
        read.notify_one();
    };
    let (answer, ()) = tokio::join!(sending, watching);
    assert_eq!(text(answer.expect("an answer")).await, "10000000");
}

#[tokio::test]
async fn an_upload_that_breaks_off_resets_its_stream_and_no_other_one() {
    let ends = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&ends);
    let (address, accepted) = handling(
        |_| {},
        move |request, mut answer| {
            let noted = Arc::clone(&noted);
            async move {
                let mut body = request.into_body();
                while let Some(piece) = body.data().await {
                    if let Err(error) = piece {
                        noted.lock().expect("not poisoned").push(error.reason());
                        return Ok(());
                    }
                }
                answer.send_response(ok(), true).map(drop)
            }
        },
    )
    .await;
    let client = client();
    let pieces = [
        Ok(Bytes::from_static(b"part")),
        Err(std::io::Error::other("gone")),
    ];
    let broken = Body::from_stream(stream::iter(pieces));
    let sent = send(&client, &address, request(Method::POST, broken)).await;
    assert!(matches!(sent, Err(Http2Error::BrokenOff(_))), "{sent:?}");
    // A visitor who leaves.
    let waiting = Body::from_stream(stream::pending::<Result<Bytes, std::io::Error>>());
    let leaving = send(&client, &address, request(Method::POST, waiting));
    assert!(
        tokio::time::timeout(Duration::from_millis(50), leaving)
            .await
            .is_err()
    );
    assert!(send(&client, &address, get()).await.is_ok());
    until("both ends are seen", || {
        ends.lock().expect("not poisoned").len() == 2
    })
    .await;
    let ends = ends.lock().expect("not poisoned");
    assert_eq!(*ends, [Some(Reason::CANCEL), Some(Reason::CANCEL)]);
    assert_eq!(accepted.load(SeqCst), 1);
}

#[tokio::test]
async fn an_answer_may_end_before_its_upload() {
    let (address, _) = handling(
        |_| {},
        async |request, mut answer| {
            answer
                .send_response(ok(), false)?
                .send_data("early".into(), true)?;
            let (mut body, mut length) = (request.into_body(), 0);
            while let Some(piece) = body.data().await {
                length += piece?.len();
            }
            assert_eq!(length, 8);
            Ok(())
        },
    )
    .await;
    let client = client();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Bytes, std::io::Error>>(1);
    let pieces = stream::unfold(receiver, |mut receiver| async move {
        Some((receiver.recv().await?, receiver))
    });
    let answer = send(
        &client,
        &address,
        request(Method::POST, Body::from_stream(pieces)),
    )
    .await;
    assert_eq!(text(answer.expect("an answer")).await, "early");
    for _ in 0..2 {
        sender
            .send(Ok(Bytes::from_static(b"more")))
            .await
            .expect("it is still sent");
    }
    drop(sender);
    until("the stream is over", || client.idle_count() == 1).await;
}
