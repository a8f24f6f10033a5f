//! Services over https: whose certificates count, and that all ways to a service lead over it.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering::SeqCst},
};

use axum::{
    Json, Router,
    response::Html,
    routing::{any, get as route_get, post as route_post},
};
use http::StatusCode;
use hydra_runtime_gateway::{Gateway, GatewayConfig};
use rcgen::{ExtendedKeyUsagePurpose, date_time_ymd};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::{
    authority::{Authority, self_signed},
    sockets::{chat, talk},
    support::{Running, gateway_with, get, post, register, said, until},
};

/// The settings of a gateway that trusts this authority, and more of them.
fn trusting(authority: &Authority, more: &str) -> GatewayConfig {
    let file = authority.file.display();
    let text = format!("public_key = 'K'\nupstream_ca = '{file}'\n{more}");
    GatewayConfig::from_toml(&text).expect("good")
}

/// A web service over https, which is what it says it is for `name`.
async fn service(authority: &Authority, name: &str, router: Router) -> Running {
    counted(authority, name, router).await.0
}

/// The same, and how many connections were opened to it.
async fn counted(authority: &Authority, name: &str, router: Router) -> (Running, Arc<AtomicUsize>) {
    accepting(authority.server(name), router).await
}

async fn accepting(acceptor: TlsAcceptor, router: Router) -> (Running, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let address = listener.local_addr().expect("an address");
    let opened = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&opened);
    let task = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, SeqCst);
            let (acceptor, router) = (acceptor.clone(), router.clone());
            tokio::spawn(async move {
                // Who does not trust this service hangs up.
                let Ok(stream) = acceptor.accept(stream).await else {
                    return;
                };
                let service = hyper_util::service::TowerToHyperService::new(router);
                let io = hyper_util::rt::TokioIo::new(stream);
                let _ = hyper::server::conn::http1::Builder::new()
                    .serve_connection(io, service)
                    .with_upgrades()
                    .await;
            });
        }
    });
    (Running::new(address, task), opened)
}

fn https(name: &str, service: &Running, endpoints: &[&str]) -> Value {
    said(
        name,
        service,
        json!({"webProtocol":"https","endpoints":endpoints}),
    )
}

#[tokio::test]
async fn pages_of_an_https_service_are_routed() {
    let authority = Authority::new();
    let gateway = gateway_with(trusting(&authority, "")).await;
    let router = Router::new().route("/x", any(async || "over https"));
    let service = service(&authority, "127.0.0.1", router).await;
    register(&gateway, &https("a", &service, &["/x"])).await;
    for _ in 0..3 {
        let answer = get(&gateway.url("/x")).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, "over https"));
    }
}

#[tokio::test]
async fn sockets_of_an_https_service_pass_through() {
    let authority = Authority::new();
    let gateway = gateway_with(trusting(&authority, "")).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let port = listener.local_addr().expect("an address").port();
    let acceptor = authority.server("127.0.0.1");
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.expect("a connection");
        chat(acceptor.accept(stream).await.expect("a trusting caller")).await;
    });
    let body = json!({"webProtocol":"https","host":"127.0.0.1","port":port,"name":"chat"});
    register(&gateway, &body).await;
    let heard = talk(&gateway, "/chat/socket?room=1").await;
    assert_eq!(heard, ["/socket?room=1", "message 0", "message 1"]);
}

#[tokio::test]
async fn fragments_of_https_services_of_all_kinds_are_there() {
    let authority = Authority::new();
    let answer = |Json(_): Json<Value>| async {
        Json(json!({"fragments":[{"id":"1","renderedHTML":"<b>registered</b>","outcome":"rendered"}]}))
    };
    let router = Router::new()
        .route("/h/fragment/K/requestFragment", route_post(answer))
        .route("/banner", route_get(async || Html("<b>plain</b>")))
        .route("/ping", route_get(async || "well"));
    let service = service(&authority, "127.0.0.1", router).await;
    let plain = format!(
        "[[service]]\nname='plain'\nurl='https://{}'\nhealth='/ping'\nfragments={{banner='/banner'}}\n",
        service.address
    );
    let gateway = gateway_with(trusting(&authority, &plain)).await;
    let mut said = https("new", &service, &[]);
    said["protocol"] = json!(2);
    register(&gateway, &said).await;
    let batch = json!({"protocol":2,"requests":{
        "new":[{"id":"1","service":"new","ref":"a","attributes":{}}],
        "plain":[{"id":"2","service":"plain","ref":"banner","attributes":{}}],
    }});
    // More than once, so that kept connections are used, too; and until the health check has had its say.
    for _ in 0..3 {
        let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch)
            .await
            .json();
        let mut html: Vec<_> = answer["fragments"]
            .as_array()
            .expect("a list")
            .iter()
            .map(|one| one["renderedHTML"].clone())
            .collect();
        html.sort_by_key(Value::to_string);
        assert_eq!(html, ["<b>plain</b>", "<b>registered</b>"]);
    }
    until("the health check finds it well", async || {
        get(&gateway.url("/_h/services")).await.json()["plain"].is_array()
    })
    .await;
}

#[tokio::test]
async fn encrypted_connections_are_used_again_once_they_were_seen_to_stay_open() {
    let authority = Authority::new();
    let gateway = gateway_with(trusting(&authority, "")).await;
    let answer = async || r#"{"fragments":[{"id":"1","renderedHTML":"<p>"}]}"#;
    let router = Router::new()
        .route("/h/fragment/K/requestFragment", route_post(answer))
        .route("/x", any(async || "a page"));
    let (service, opened) = counted(&authority, "127.0.0.1", router).await;
    let mut said = https("a", &service, &["/x"]);
    said["protocol"] = json!(2);
    register(&gateway, &said).await;
    let batch = json!({"protocol":2,"requests":{"a":[{"id":"1","service":"a","ref":"a","attributes":{}}]}});
    until("neither pages nor fragments need a new connection", async || {
        let before = opened.load(SeqCst);
        for _ in 0..5 {
            get(&gateway.url("/x")).await;
            post(&gateway.url("/h/discovery/K/requestFragment"), &batch).await;
        }
        opened.load(SeqCst) == before
    })
    .await;
}

#[tokio::test]
async fn a_certificate_that_nobody_known_signed_or_for_another_name_is_refused() {
    let (known, unknown) = (Authority::new(), Authority::new());
    let gateway = gateway_with(trusting(&known, "")).await;
    for (name, authority, host, advice) in [
        ("stranger", &unknown, "127.0.0.1", "with `upstream_ca`"),
        ("other", &known, "other.example", "for another name"),
    ] {
        let router = Router::new().fallback(any(async || "secret"));
        let service = service(authority, host, router).await;
        register(&gateway, &https(name, &service, &[&format!("/{name}/page")])).await;
        let answer = get(&gateway.url(&format!("/{name}/page"))).await;
        assert_eq!(answer.status, StatusCode::BAD_GATEWAY);
        assert!(!answer.text().contains("secret"));
        let batch =
            json!({"protocol":2,"requests":{name:[{"id":"1","service":name,"ref":"a","attributes":{}}]}});
        let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch)
            .await
            .json();
        let fragment = &answer["fragments"][0];
        assert_eq!(fragment["outcome"], "failed", "{answer}");
        assert!(
            fragment["reason"]
                .as_str()
                .is_some_and(|reason| reason.contains(advice)),
            "{answer}"
        );
    }
}

/// What comes of a fragment of a plain service with this certificate, at a gateway that trusts what is in this file.
async fn fragment_over(acceptor: TlsAcceptor, trusted: &std::path::Path) -> Value {
    let router = Router::new().route("/banner", route_get(async || Html("<b>")));
    let (service, _) = accepting(acceptor, router).await;
    let text = format!(
        "public_key = 'K'\nupstream_ca = '{}'\n[[service]]\nname='s'\nurl='https://{}'\nfragments={{banner='/banner'}}\n",
        trusted.display(),
        service.address
    );
    let gateway = gateway_with(GatewayConfig::from_toml(&text).expect("good")).await;
    let batch = json!({"protocol":2,"requests":{"s":[{"id":"1","ref":"banner"}]}});
    let answer = post(&gateway.url("/h/discovery/K/requestFragment"), &batch).await;
    answer.json()["fragments"][0].clone()
}

#[tokio::test]
async fn a_certificate_that_is_not_a_servers_is_refused_with_advice() {
    let folder = tempfile::tempdir().expect("a folder");
    for (is_authority, advice) in [(true, Some("basicConstraints=CA:FALSE")), (false, None)] {
        let (pem, acceptor) = self_signed(is_authority);
        let file = folder.path().join(format!("{is_authority}.pem"));
        std::fs::write(&file, pem).expect("written");
        let fragment = fragment_over(acceptor, &file).await;
        match advice {
            None => assert_eq!(fragment["renderedHTML"], "<b>", "{fragment}"),
            Some(advice) => {
                let reason = fragment["reason"].as_str().expect("a reason");
                assert!(
                    reason.contains("`CA:TRUE`") && reason.contains(advice),
                    "{reason}"
                );
            }
        }
    }
    let authority = Authority::new();
    let odd = |change: fn(&mut rcgen::CertificateParams)| authority.odd_server(change);
    for (acceptor, advice) in [
        (
            odd(|params| params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained)),
            "`CA:TRUE`",
        ),
        (
            odd(|params| params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth]),
            "`serverAuth`",
        ),
        (
            odd(|params| params.not_before = date_time_ymd(4000, 1, 1)),
            "not valid yet",
        ),
        (
            odd(|params| params.not_after = date_time_ymd(2000, 1, 1)),
            "has run out",
        ),
    ] {
        let fragment = fragment_over(acceptor, &authority.file).await;
        let reason = fragment["reason"].as_str().expect("a reason");
        assert!(reason.contains(advice), "{advice}: {reason}");
    }
}

#[test]
fn a_file_of_authorities_that_is_none_is_said_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate").expect("a file");
    for (file, expected) in [
        (empty, "holds no certificate"),
        (folder.path().join("none.pem"), "cannot read"),
    ] {
        let config = GatewayConfig {
            upstream_ca: Some(file),
            ..GatewayConfig::default()
        };
        let error = Gateway::new(config).expect_err("a bad file").to_string();
        assert!(
            error.contains("upstream_ca") && error.contains(expected),
            "{error}"
        );
    }
}
