//! Registrations that must not do harm.

use axum::{Router, routing::any};
use http::StatusCode;
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::support::{Log, gateway, get, post, post_text, register, said, service};

#[tokio::test]
async fn bad_registrations_are_refused_with_the_reason() {
    let gateway = gateway().await;
    let url = gateway.url("/h/discovery/K/registration");
    let good = json!({"webProtocol":"http","host":"10.0.0.1","port":80,"name":"a"});
    let with = |member: &str, value: Value| {
        let mut body = good.clone();
        body[member] = value;
        body
    };
    for (body, expected) in [
        (with("name", json!(null)), "name"),
        (with("name", json!("")), "name"),
        (with("name", json!("a/b")), "name"),
        (with("name", json!("x".repeat(1 << 20))), "longer"),
        (with("name", json!("a\\b")), "name"),
        (with("name", json!("..")), "name"),
        (with("name", json!("a\nb")), "'\\\\n'"),
        (with("name", json!("a\u{0}b")), "'\\\\0'"),
        // A Cyrillic о, a letter of full width, a ligature, a space of no width, an accent that stands by itself, a
        // text that runs from right to left.
        (with("name", json!("оrders")), "'о'"),
        (with("name", json!("ｏrders")), "'ｏ'"),
        (with("name", json!("ﬁles")), "'ﬁ'"),
        (with("name", json!("orde\u{200b}rs")), "200b"),
        (with("name", json!("e\u{301}")), "301"),
        (with("name", json!("\u{202e}sredro")), "202e"),
        (with("name", json!(7)), "expected a string"),
        (with("host", json!("169.254.169.254")), "metadata"),
        (with("host", json!("::ffff:169.254.169.254")), "metadata"),
        (with("host", json!("[fd00:ec2::254]")), "metadata"),
        (with("host", json!("Metadata.Google.Internal.")), "metadata"),
        (with("host", json!("169.254.7.7")), "link-local"),
        (with("host", json!("fe80::1")), "link-local"),
        (with("host", json!("0.0.0.0")), "unspecified"),
        (with("host", json!("0.1.2.3")), "unspecified"),
        (with("host", json!("::")), "unspecified"),
        (with("host", json!("224.0.0.1")), "multicast"),
        (with("host", json!("255.255.255.255")), "broadcast"),
        (with("host", json!("")), "host"),
        (with("host", json!("a b")), "host"),
        (with("host", json!("user@x")), "host"),
        (with("host", json!("x".repeat(1 << 20))), "host"),
        (with("host", json!("http://x")), "host"),
        (with("port", json!(0)), "port"),
        (with("port", json!(70_000)), "70000"),
        (with("endpoints", json!(vec!["/x"; 100_000])), "endpoints"),
        (with("endpoints", json!([["/x"]])), "JSON"),
        (json!([]), "name"),
        (json!("x"), "JSON"),
    ] {
        let answer = post(&url, &body).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{expected}");
        let reason = answer.json()["error"].to_string();
        assert!(reason.contains(expected) && reason.len() < 500, "{reason}");
    }
    let answer = post_text(&url, "application/json", "{not json").await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
    let answer = post_text(&url, "application/json", " ".repeat(3 << 20)).await;
    assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(get(&gateway.url("/_h/services")).await.json(), json!({}));
}

#[tokio::test]
async fn who_says_too_much_before_it_listens_hears_why_it_is_refused() {
    let gateway = gateway().await;
    let body = vec![b'x'; 8 << 20];
    for (call, expected) in [
        ("K/registration", b"413"),
        ("K/alive", b"413"),
        ("K/requestFragment", b"413"),
        ("another/registration", b"404"),
    ] {
        let mut stream = TcpStream::connect(gateway.address).await.expect("a connection");
        let head = format!(
            "POST /h/discovery/{call} HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        stream.write_all(&body).await.expect(call);
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.expect(call);
        assert_eq!(start[9..], expected[..], "{call}");
    }
}

#[tokio::test]
async fn a_registration_with_every_path_wrong_counts_for_its_name_and_says_why_of_each() {
    let gateway = gateway().await;
    let target = service(Router::new().fallback(any(async || "the service"))).await;
    let long = format!("/{}", "x".repeat(1 << 16));
    let bad = [
        "",
        " ",
        "x",
        "/{",
        "/{a",
        "/}",
        "/a{b",
        "/x/{a}{",
        "/%ff",
        "/%2e%2e/x",
        "/a/../h/x",
        "/a\nb",
        "/a?b",
        "/a#b",
        "/h/x",
        "/%68/x",
        "//_h/x",
        "/login",
        long.as_str(),
    ];
    let body = said("a", &target, json!({"protocol":2,"endpoints":bad}));
    let answer = register(&gateway, &body).await;
    let left_out = answer["leftOut"].as_array().expect("a list");
    for (path, one) in bad.iter().zip(left_out) {
        let (said, reason) = (
            one["path"].as_str().expect("text"),
            one["reason"].as_str().expect("text"),
        );
        assert!(
            path.starts_with(said) && said.len() <= 200 && !reason.is_empty(),
            "{path:.50}: {one}"
        );
    }
    assert_eq!(left_out.len(), bad.len(), "{left_out:?}");
    for path in ["/h/x", "/login", "/a"] {
        assert_ne!(get(&gateway.url(path)).await.text(), "the service", "{path}");
    }
}

#[tokio::test]
async fn a_host_name_that_leads_to_a_forbidden_address_is_never_called() {
    let gateway = gateway().await;
    // The resolver reads it as 169.254.169.254.
    let body = json!({"webProtocol":"http","host":"169.254.43518","port":80,"name":"a","endpoints":["/x"]});
    register(&gateway, &body).await;
    assert_eq!(get(&gateway.url("/x")).await.status, StatusCode::BAD_GATEWAY);
    let batch = json!({"protocol":2,"requests":{"a":[{"id":"1","ref":"x"}]}});
    let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch)
        .await
        .json();
    assert_eq!(answer["fragments"][0]["outcome"], "failed");
}

#[tokio::test]
async fn one_address_that_registers_under_two_names_is_two_services_of_protocol_1_or_one_of_protocol_2() {
    for (protocol, names, first) in [
        (1, &["first", "second"][..], StatusCode::OK),
        (2, &["second"], StatusCode::NOT_FOUND),
    ] {
        let gateway = gateway().await;
        let target = service(Router::new().fallback(any(async || "the service"))).await;
        for name in ["first", "second"] {
            let more = json!({"protocol":protocol,"endpoints":[format!("/{name}")]});
            register(&gateway, &said(name, &target, more)).await;
        }
        let services = get(&gateway.url("/_h/services")).await.json();
        let known: Vec<_> = services.as_object().expect("an object").keys().collect();
        assert_eq!(known, names);
        assert_eq!(get(&gateway.url("/first")).await.status, first);
        assert_eq!(get(&gateway.url("/second")).await.text(), "the service");
    }
}

#[tokio::test]
async fn two_names_of_protocol_1_at_one_address_both_stay_with_one_warning() {
    let log = Log::default();
    let _logging = log.here();
    let gateway = gateway().await;
    let target = service(Router::new().fallback(any(async || "the service"))).await;
    for _ in 0..5 {
        for name in ["first", "second"] {
            let more = json!({"endpoints":[format!("/{name}")]});
            register(&gateway, &said(name, &target, more)).await;
        }
        for name in ["first", "second"] {
            let alive = post_text(
                &gateway.url("/h/discovery/K/alive"),
                "text/plain;charset=UTF-8",
                name,
            )
            .await;
            assert_eq!(
                (alive.status, alive.text()),
                (StatusCode::OK, "true"),
                "it need not register again"
            );
            assert_eq!(get(&gateway.url(&format!("/{name}"))).await.text(), "the service");
        }
    }
    let text = log.text();
    let warnings: Vec<_> = text
        .lines()
        .filter(|line| line.contains("registered the same address"))
        .collect();
    let [warning] = &warnings[..] else {
        panic!("{text}");
    };
    assert!(warning.contains("first") && warning.contains("second") && warning.contains("WARN"));
}

#[tokio::test]
async fn one_instance_id_from_two_places_is_two_instances_and_either_may_go() {
    let gateway = gateway().await;
    let says = async |text: &'static str| service(Router::new().route("/x", any(async move || text))).await;
    let (one, other) = (says("one").await, says("other").await);
    let more = json!({"protocol":2,"instance":"the same","endpoints":["/x"]});
    register(&gateway, &said("a", &one, more.clone())).await;
    register(&gateway, &said("a", &other, more)).await;
    let services = get(&gateway.url("/_h/services")).await.json();
    assert_eq!(services["a"].as_array().expect("a list").len(), 2);
    let alive = json!({"name":"a","instance":"the same"});
    assert_eq!(
        post(&gateway.url("/h/discovery/K/alive"), &alive).await.status,
        StatusCode::OK
    );
    one.stop().await;
    for _ in 0..5 {
        assert_eq!(get(&gateway.url("/x")).await.text(), "other");
    }
}

#[tokio::test]
async fn nobody_registers_the_gateway_itself() {
    let gateway = gateway().await;
    let body = json!({"webProtocol":"http","host":"127.0.0.1","port":gateway.address.port(),"name":"a"});
    let answer = post(&gateway.url("/h/discovery/K/registration"), &body).await;
    assert_eq!(answer.status, StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn nobody_registers_another_address_of_the_machine_with_the_gateways_port() {
    // This machine's address towards others. Connecting a datagram socket sends nothing.
    let socket = std::net::UdpSocket::bind("0.0.0.0:0").expect("a socket");
    let towards = socket.connect("192.0.2.1:9").and_then(|()| socket.local_addr());
    let own = towards.map_or("127.0.1.1".to_owned(), |address| address.ip().to_string());
    let gateway = Gateway::new(GatewayConfig {
        public_key: "K".into(),
        ..GatewayConfig::default()
    });
    let gateway = gateway.expect("a good configuration");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    // As if it listened on all interfaces.
    gateway.listens_on(&[([0, 0, 0, 0], address.port()).into()]);
    tokio::spawn(async move { gateway.serve(listener, std::future::pending()).await });
    let url = format!("http://{address}/h/discovery/K/registration");
    for (host, port, expected) in [
        (own.as_str(), address.port(), StatusCode::BAD_REQUEST),
        ("127.0.1.1", address.port(), StatusCode::BAD_REQUEST),
        ("192.0.2.77", address.port(), StatusCode::OK),
        (&own, 1, StatusCode::OK),
    ] {
        let body = json!({"webProtocol":"http","host":host,"port":port,"name":"a"});
        let answer = post(&url, &body).await;
        assert_eq!(answer.status, expected, "{host}:{port} {}", answer.text());
    }
}

#[tokio::test]
async fn a_service_that_is_the_gateway_under_another_name_ends_in_508_and_a_log() {
    let log = Log::default();
    let _logging = log.here();
    let gateway = gateway().await;
    // The resolver reads it as 127.0.0.1.
    let body = json!({"webProtocol":"http","host":"127.1","port":gateway.address.port(),"name":"circle",
                      "endpoints":["/x"]});
    register(&gateway, &body).await;
    let answer = get(&gateway.url("/x")).await;
    assert_eq!(answer.status, StatusCode::LOOP_DETECTED, "{}", answer.text());
    let log = log.text();
    assert!(
        log.contains("a request came back") && log.contains("circle"),
        "{log}"
    );
    // Fragments of it come to nothing, too, and at once.
    let batch = json!({"requests":{"circle":[{"id":"1","ref":"x"}]}});
    let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch).await;
    assert_eq!(answer.json(), json!([{"id":"1","renderedHTML":null}]));
}

#[tokio::test]
async fn a_wide_pattern_does_not_open_the_gateways_paths() {
    let gateway = gateway().await;
    let service = service(Router::new().fallback(any(async || "the service"))).await;
    register(
        &gateway,
        &said("a", &service, json!({"endpoints":["/**","/h/x","/login"]})),
    )
    .await;
    assert_eq!(get(&gateway.url("/anything")).await.text(), "the service");
    for path in [
        "/h/x",
        "/%68/fragment/K/requestFragment",
        "/login",
        "/_h/x",
        "//h/x",
        "/x/%2e%2e/h/x",
    ] {
        let answer = get(&gateway.url(path)).await;
        assert!(
            answer.status.is_client_error() && answer.text() != "the service",
            "{path}"
        );
    }
    assert_eq!(get(&gateway.url("/health")).await.json(), json!({"status":"ok"}));
}
