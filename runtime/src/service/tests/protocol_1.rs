//! At a gateway of protocol 1, which answers as protocol section 1 says.

use axum::body::Bytes;

use super::*;

/// What the stand-in was sent: the call, its content type, whether it is signed, and its body.
type Sent = (&'static str, String, bool, String);

struct JavaGateway {
    sent: mpsc::UnboundedSender<Sent>,
    /// Whether it has become a gateway of protocol 2.
    is_new: AtomicBool,
    forget: AtomicBool,
}

type Shared1 = State<Arc<JavaGateway>>;

impl JavaGateway {
    fn note(&self, call: &'static str, headers: &HeaderMap, body: &Bytes) {
        let kind = headers
            .get("content-type")
            .map_or("", |kind| kind.to_str().unwrap());
        let is_signed = headers.contains_key("authorization");
        let body = String::from_utf8(body.to_vec()).unwrap();
        self.sent.send((call, kind.to_owned(), is_signed, body)).unwrap();
    }
}

async fn registration(State(gateway): Shared1, headers: HeaderMap, body: Bytes) -> Response {
    gateway.note("registration", &headers, &body);
    let mut answer = json!({"publicKey": null, "roleMappings": {}, "services": [
        {"serviceName": "orders", "activeServices": [{"webProtocol": "http", "host": "127.0.0.1", "port": 1, "socketPort": 0,
            "name": "orders", "version": 0, "awakening": null, "endpoints": ["/"], "sockets": [], "menuItems": {}}]}]});
    if gateway.is_new.load(Ordering::SeqCst) {
        answer["protocol"] = json!(2);
    }
    Json(answer).into_response()
}

/// Knows only `shop`, by its name as text; or JSON, once it speaks protocol 2.
async fn alive(State(gateway): Shared1, headers: HeaderMap, body: Bytes) -> Response {
    gateway.note("alive", &headers, &body);
    let is_known = body == "shop" || gateway.is_new.load(Ordering::SeqCst);
    if gateway.forget.swap(false, Ordering::SeqCst) || !is_known {
        return StatusCode::NOT_FOUND.into_response();
    }
    Json(true).into_response()
}

async fn fragments(State(gateway): Shared1, headers: HeaderMap, body: Bytes) -> Response {
    gateway.note("requestFragment", &headers, &body);
    let body: Value = serde_json::from_slice(&body).unwrap();
    let items = body["requests"].as_object().unwrap().values();
    let items = items.flat_map(|items| items.as_array().unwrap());
    let answer: Vec<_> = items
        .map(|item| match item["ref"].as_str() {
            Some("none") => json!({"id": item["id"], "renderedHTML": null}),
            _ => json!({"id": item["id"], "renderedHTML": body["attributes"].to_string()}),
        })
        .collect();
    Json(answer).into_response()
}

async fn overview(State(gateway): Shared1, headers: HeaderMap, body: Bytes) -> Response {
    gateway.note("overview", &headers, &body);
    if gateway.is_new.load(Ordering::SeqCst) {
        return Json(json!({"hash": "h"})).into_response();
    }
    StatusCode::NOT_FOUND.into_response()
}

struct Java {
    gateway: Arc<JavaGateway>,
    sent: mpsc::UnboundedReceiver<Sent>,
    address: SocketAddr,
}

async fn java() -> Java {
    let (sender, sent) = mpsc::unbounded_channel();
    let gateway = Arc::new(JavaGateway {
        sent: sender,
        is_new: AtomicBool::new(false),
        forget: AtomicBool::new(false),
    });
    let router = Router::new()
        .route("/h/discovery/hydra/registration", post(registration))
        .route("/h/discovery/hydra/alive", post(alive))
        .route("/h/discovery/hydra/requestFragment", post(fragments))
        .route("/h/discovery/hydra/overview", get(overview))
        .with_state(gateway.clone());
    let listener = free().await;
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    Java {
        gateway,
        sent,
        address,
    }
}

impl Java {
    /// The next call that is not a look at the overview.
    async fn next(&mut self) -> Sent {
        loop {
            let sent = self.sent.recv().await.unwrap();
            if sent.0 != "overview" {
                return sent;
            }
        }
    }
}

fn partial(gateway: SocketAddr, allow_unsigned: bool) -> Partial {
    let partial: Partial = serde_json::from_value(json!({"allow_unsigned": allow_unsigned})).unwrap();
    partial
        .gateway(format!("http://{gateway}"))
        .private_key("a private key for tests")
}

fn service_at(address: SocketAddr, allow_unsigned: bool) -> (Registration, Arc<Client>) {
    let partial = partial(address, allow_unsigned);
    let settings = Settings::load("shop", &partial, None).unwrap();
    let key = settings.private_key.as_deref().unwrap();
    let signer = Arc::new(hydra_runtime_wire::signing::Signer::new(key, "hydra"));
    let client = Client::new(settings.gateways.clone())
        .unwrap()
        .signed(signer, "shop");
    let client = Arc::new(client);
    let overview = PublishedOverview::new("shop", Vec::new(), []);
    let mut service = Registration::new(
        client.clone(),
        Offer::default(),
        &settings,
        overview,
        GivenKeys::default(),
        Arc::new(NoCalls),
    );
    service.intervals = Intervals {
        retry: Duration::from_millis(20),
        alive: Duration::from_millis(30),
        overview: Duration::from_millis(10),
        cut_off: Duration::from_millis(100),
    };
    (service, client)
}

#[tokio::test]
async fn a_gateway_of_protocol_1_hears_the_name_as_text_and_is_warned_of_once() {
    let log = Log::default();
    let _logging = log.here();
    let mut java = java().await;
    let (service, client) = service_at(java.address, true);
    let (_stop, _task) = start(service);
    for _ in 0..2 {
        let (call, _, is_signed, body) = java.next().await;
        assert_eq!((call, is_signed), ("registration", true));
        let body: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&body["name"], &body["webProtocol"]),
            (&json!("shop"), &json!("http"))
        );
        for _ in 0..3 {
            let text = "text/plain;charset=UTF-8".to_owned();
            assert_eq!(java.next().await, ("alive", text, false, "shop".to_owned()));
        }
        assert!(client.is_at_protocol_1());
        java.gateway.forget.store(true, Ordering::SeqCst);
        assert_eq!(java.next().await.0, "alive");
    }
    let text = log.text();
    let warnings: Vec<_> = text
        .lines()
        .filter(|line| line.contains("speaks protocol 1"))
        .collect();
    let [warning] = &warnings[..] else {
        panic!("{text}");
    };
    for part in ["WARN", "exports", "sessions", "signatures"] {
        assert!(warning.contains(part), "{warning}");
    }
}

#[tokio::test]
async fn fragments_come_in_one_call_for_each_set_of_attributes() {
    let mut java = java().await;
    let client = service_at(java.address, true).1;
    client.found_protocol_1(client.index(), true);
    let item = |id: &str, reference: &str, attributes: Value| {
        json!({"id": id, "service": "orders", "ref": reference, "imports": ["x as a"], "attributes": attributes,
            "exports": ["line"]})
    };
    let batch = json!({"requests": {"orders": [item("1", "f", json!({"a": 1})), item("2", "none", json!({"a": 1})),
        item("3", "f", json!({"a": 2}))]}, "sessions": {"orders": 7}});
    let caller = Caller {
        budget: Duration::from_secs(20),
        headers: [(
            http::header::COOKIE,
            http::HeaderValue::from_static("HYDRA-SSO=secret"),
        )]
        .into_iter()
        .collect(),
        ..Caller::default()
    };
    let source = GatewayFragments::new(client, "hydra");
    let answers = source.resolve(serde_json::from_value(batch).unwrap(), caller);
    let mut fragments: Vec<_> = answers
        .collect::<Vec<_>>()
        .await
        .into_iter()
        .flat_map(|one| one.fragments)
        .collect();
    fragments.sort_by(|a, b| a.id.cmp(&b.id));
    let came: Vec<_> = fragments
        .iter()
        .map(|one| (one.html.as_deref(), one.outcome))
        .collect();
    let expected = [
        (Some(r#"{"a":1}"#), Outcome::Rendered),
        (None, Outcome::Failed),
        (Some(r#"{"a":2}"#), Outcome::Rendered),
    ];
    assert_eq!(came, expected);
    let mut calls = Vec::new();
    for _ in 0..2 {
        let (call, kind, is_signed, body) = java.next().await;
        assert_eq!(
            (call, kind.as_str(), is_signed),
            ("requestFragment", "application/json", false)
        );
        calls.push(serde_json::from_str::<Value>(&body).unwrap());
    }
    calls.sort_by_key(|call| call["attributes"].to_string());
    let plain = |id: &str, reference: &str| json!({"id": id, "service": "orders", "ref": reference, "imports": ["a"], "exports": [], "fallback": ""});
    let first =
        json!({"attributes": {"a": 1}, "requests": {"orders": [plain("1", "f"), plain("2", "none")]}});
    assert_eq!(
        calls,
        [
            first,
            json!({"attributes": {"a": 2}, "requests": {"orders": [plain("3", "f")]}})
        ]
    );
}

#[tokio::test]
async fn without_allow_unsigned_it_does_not_register_there_and_says_why() {
    let log = Log::default();
    let _logging = log.here();
    let mut java = java().await;
    let (service, client) = service_at(java.address, false);
    let (_stop, _task) = start(service);
    assert_eq!(java.next().await.0, "registration");
    // From then on it only looks whether the gateway is another one now.
    for _ in 0..5 {
        assert_eq!(java.sent.recv().await.unwrap().0, "overview");
    }
    let text = log.text();
    let errors: Vec<_> = text
        .lines()
        .filter(|line| line.contains("does not register there"))
        .collect();
    let [error] = &errors[..] else {
        panic!("{text}");
    };
    assert!(
        error.contains("ERROR") && error.contains("allow_unsigned"),
        "{error}"
    );
    assert!(!text.contains("registered at the gateway"), "{text}");
    java.gateway.is_new.store(true, Ordering::SeqCst);
    assert_eq!(java.next().await.0, "registration");
    let (call, _, is_signed, body) = java.next().await;
    assert_eq!((call, is_signed, body.starts_with('{')), ("alive", true, true));
    assert!(!client.is_at_protocol_1());
}

#[tokio::test]
async fn a_gateway_that_speaks_protocol_2_at_a_later_registration_gets_protocol_2() {
    let mut java = java().await;
    let (service, client) = service_at(java.address, true);
    let (_stop, _task) = start(service);
    assert_eq!(java.next().await.0, "registration");
    assert_eq!(java.next().await.3, "shop");
    java.gateway.is_new.store(true, Ordering::SeqCst);
    java.gateway.forget.store(true, Ordering::SeqCst);
    while java.next().await.0 != "registration" {}
    let (call, kind, is_signed, body) = java.next().await;
    assert_eq!(
        (call, kind.as_str(), is_signed),
        ("alive", "application/json", true)
    );
    assert!(body.contains("\"instance\""), "{body}");
    assert!(!client.is_at_protocol_1());
}

#[tokio::test]
async fn unsigned_calls_for_fragments_are_answered_only_at_such_a_gateway_and_only_if_allowed() {
    use tower::ServiceExt as _;

    for (allow_unsigned, is_new, expected) in [
        (true, false, StatusCode::OK),
        (true, true, StatusCode::UNAUTHORIZED),
        (false, false, StatusCode::UNAUTHORIZED),
    ] {
        let mut java = java().await;
        java.gateway.is_new.store(is_new, Ordering::SeqCst);
        let partial = partial(java.address, allow_unsigned);
        let plan = r#"{"format": 4, "templates": [], "sites": [], "pages": [], "contract": {"service": ""}, "offers": {}}"#;
        let assembled = crate::App::with_plan("shop", plan)
            .settings(partial)
            .assemble()
            .unwrap();
        let call = |signature: Option<&str>| {
            let mut request = http::Request::post("/h/fragment/hydra/requestFragment")
                .body(axum::body::Body::from(r#"{"attributes": {}, "requests": []}"#))
                .unwrap();
            let signature = signature.map(|text| (http::header::AUTHORIZATION, text.parse().unwrap()));
            request.headers_mut().extend(signature);
            assembled.router.clone().oneshot(request)
        };
        assert_eq!(
            call(None).await.unwrap().status(),
            StatusCode::UNAUTHORIZED,
            "before it registered"
        );
        let (_stop, _task) = start(assembled.registration.unwrap());
        assert_eq!(java.next().await.0, "registration");
        // The answer has arrived when the next call comes.
        java.sent.recv().await.unwrap();
        assert_eq!(
            call(None).await.unwrap().status(),
            expected,
            "{allow_unsigned} {is_new}"
        );
        let forged = call(Some("Bearer forged")).await.unwrap();
        assert_eq!(
            forged.status(),
            StatusCode::UNAUTHORIZED,
            "a wrong signature is never taken"
        );
    }
}
