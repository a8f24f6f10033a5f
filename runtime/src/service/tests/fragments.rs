//! Fragments of other services, over the gateway.

use super::*;

fn batch() -> FragmentsRequest {
    let request = FragmentRequest {
        id: "a1".to_owned(),
        service: "orders".to_owned(),
        reference: "checkout".to_owned(),
        ..FragmentRequest::default()
    };
    FragmentsRequest {
        requests: OrderedMap(vec![("orders".to_owned(), vec![request])]),
        ..FragmentsRequest::default()
    }
}

async fn resolve(address: SocketAddr) -> ResolvedFragments {
    resolve_at(&client([address])).await
}

async fn resolve_at(client: &Arc<Client>) -> ResolvedFragments {
    let caller = Caller {
        budget: Duration::from_secs(20),
        page: Some("index.html".into()),
        ..Caller::default()
    };
    let mut answers = GatewayFragments::new(client.clone(), "hydra").resolve(batch(), caller);
    answers.next().await.unwrap()
}

#[tokio::test]
async fn a_batch_is_one_call_of_protocol_2() {
    let mut test = gateway(free().await).await;
    *test.gateway.fragments.lock().unwrap() =
        json!({"fragments": [{"id": "a1", "renderedHTML": "<p>", "outcome": "rendered", "maxAge": 0}]})
            .to_string();
    let answer = resolve(test.address).await;
    assert_eq!(answer.fragments[0].html.as_deref(), Some("<p>"));
    let (call, body) = test.calls.recv().await.unwrap();
    assert_eq!((call, &body["protocol"]), ("requestFragment", &json!(2)));
    assert_eq!(body["page"], "index.html");
    assert_eq!(body["requests"]["orders"][0]["ref"], "checkout");
}

#[tokio::test]
async fn with_a_private_key_calls_are_signed() {
    let listener = free().await;
    let address = listener.local_addr().unwrap();
    let (sender, mut calls) = mpsc::unbounded_channel();
    let router = Router::new().fallback(move |parts: http::request::Parts, body: axum::body::Bytes| {
        let sender = sender.clone();
        async move { sender.send((parts, body)).unwrap() }
    });
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let partial = Partial::default()
        .gateway(format!("http://{address}"))
        .private_key("a private key for tests");
    let app = crate::App::with_plan(
        "shop",
        r#"{"format": 4, "templates": [], "sites": [], "pages": [],
        "contract": {"service": ""}, "offers": {}}"#,
    );
    let service = app.settings(partial).assemble().unwrap().registration.unwrap();
    let (_stop, _task) = start(service);
    let (parts, body) = calls.recv().await.unwrap();
    let signer = hydra_runtime_wire::signing::Signer::new("a private key for tests", "hydra");
    let call = hydra_runtime_wire::signing::Call {
        to: "hydra",
        method: &http::Method::POST,
        path: "/h/discovery/hydra/registration",
        body: &body,
    };
    let signed = signer.check(&parts.headers, call, SystemTime::now()).unwrap();
    assert_eq!(signed.issuer, "shop");
}

#[tokio::test]
async fn an_answer_that_is_nonsense_or_too_large_costs_only_its_batch() {
    let test = gateway(free().await).await;
    for nonsense in ["", "<html>", "[1]", &" ".repeat(2 << 20)] {
        nonsense.clone_into(&mut test.gateway.fragments.lock().unwrap());
        let answer = resolve(test.address).await;
        assert_eq!(answer.fragments[0].outcome, Outcome::Failed);
        assert_eq!(
            (answer.fragments[0].id.as_str(), &answer.fragments[0].html),
            ("a1", &None)
        );
    }
    test.server.abort();
    assert!(test.server.await.unwrap_err().is_cancelled());
}

#[tokio::test]
async fn a_gateway_that_is_away_says_so_at_once() {
    let listener = free().await;
    let address = listener.local_addr().unwrap();
    drop(listener);
    let answer = resolve(address).await;
    assert_eq!(answer.fragments[0].outcome, Outcome::Inactive);
    assert!(
        answer.fragments[0]
            .reason
            .as_ref()
            .unwrap()
            .contains("can't be reached")
    );
}

#[tokio::test]
async fn when_a_gateway_is_away_its_fragments_come_from_the_next() {
    let (first, second) = (gateway(free().await).await, gateway(free().await).await);
    let answer = |html: &str| {
        json!({"fragments": [{"id": "a1", "renderedHTML": html, "outcome": "rendered", "maxAge": 0}]})
            .to_string()
    };
    *first.gateway.fragments.lock().unwrap() = answer("first");
    *second.gateway.fragments.lock().unwrap() = answer("second");
    let client = client([first.address, second.address]);
    let html = async || resolve_at(&client).await.fragments[0].html.clone();
    assert_eq!(html().await.as_deref(), Some("first"));
    first.server.abort();
    assert!(first.server.await.unwrap_err().is_cancelled());
    for _ in 0..20 {
        assert_eq!(html().await.as_deref(), Some("second"), "none is lost");
    }
    second.server.abort();
    assert!(second.server.await.unwrap_err().is_cancelled());
    assert_eq!(resolve_at(&client).await.fragments[0].outcome, Outcome::Inactive);
}

#[tokio::test]
async fn a_batch_that_a_gateway_may_have_is_not_sent_again_and_the_next_one_goes_elsewhere() {
    for answer in ["", BROKEN] {
        let (first, calls) = raw_gateway(answer).await;
        let second = gateway(free().await).await;
        *second.gateway.fragments.lock().unwrap() =
            json!({"fragments": [{"id": "a1", "renderedHTML": "x", "outcome": "rendered", "maxAge": 0}]})
                .to_string();
        let client = client([first, second.address]);
        assert_ne!(resolve_at(&client).await.fragments[0].outcome, Outcome::Rendered);
        assert_eq!(resolve_at(&client).await.fragments[0].outcome, Outcome::Rendered);
        assert_eq!(calls.load(Ordering::SeqCst), 1, "{answer}");
    }
}

#[tokio::test]
async fn a_batch_that_an_overloaded_gateway_turns_away_comes_from_the_next() {
    let (first, calls) = raw_gateway(OVERLOADED).await;
    let second = gateway(free().await).await;
    *second.gateway.fragments.lock().unwrap() =
        json!({"fragments": [{"id": "a1", "renderedHTML": "x", "outcome": "rendered", "maxAge": 0}]})
            .to_string();
    let client = client([first, second.address]);
    for _ in 0..3 {
        assert_eq!(resolve_at(&client).await.fragments[0].outcome, Outcome::Rendered);
    }
    assert_eq!(calls.load(Ordering::SeqCst), 1);
    // Where all turn it away, each is asked once.
    let ((first, one), (second, other)) = (raw_gateway(OVERLOADED).await, raw_gateway(OVERLOADED).await);
    let client = self::client([first, second]);
    assert_eq!(resolve_at(&client).await.fragments[0].outcome, Outcome::Failed);
    assert_eq!((one.load(Ordering::SeqCst), other.load(Ordering::SeqCst)), (1, 1));
}
