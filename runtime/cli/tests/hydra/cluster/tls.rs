//! Redis over TLS: gateways that know its authority share it, and others say why they do not.

use std::{
    net::{TcpListener, TcpStream},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use http::StatusCode;
use serde_json::json;

use super::gateways::{Gateway, agree};
use crate::{
    authority::Authority,
    support::{post, until},
};

const PASSWORD: &str = "s3cret";

/// A real Redis that speaks nothing but TLS.
struct Redis {
    process: Child,
    port: u16,
}

impl Redis {
    fn start(authority: &Authority) -> Self {
        let [certificate, key] = authority.files("127.0.0.1");
        // Another process may take a port between our look and the server's.
        for _ in 0..5 {
            let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
            let port = free.local_addr().expect("bound").port();
            drop(free);
            let mut redis = Self {
                process: spawn(port, [&certificate, &key, &authority.file]),
                port,
            };
            if redis.starts() {
                return redis;
            }
        }
        panic!("no redis-server starts")
    }

    /// Whether it lets clients in before it ends.
    fn starts(&mut self) -> bool {
        while self.process.try_wait().expect("its state").is_none() {
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    fn url(&self) -> String {
        format!("rediss://:{PASSWORD}@127.0.0.1:{}", self.port)
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(port: u16, [certificate, key, authority]: [&Path; 3]) -> Child {
    Command::new("redis-server")
        .args(["--port", "0", "--save", "", "--requirepass", PASSWORD])
        .args(["--tls-port", &port.to_string(), "--tls-auth-clients", "no"])
        .arg("--tls-cert-file")
        .arg(certificate)
        .arg("--tls-key-file")
        .arg(key)
        .arg("--tls-ca-cert-file")
        .arg(authority)
        .stdout(Stdio::null())
        .spawn()
        .expect("the Debian package redis-server is installed")
}

/// The system's authorities are those in this file.
fn trusting(redis: &Redis, authority: &Authority) -> Gateway {
    Gateway::with(
        &redis.url(),
        Stdio::piped(),
        &[("SSL_CERT_FILE", &authority.file)],
    )
}

#[tokio::test]
async fn gateways_share_a_redis_over_tls_whose_authority_they_know() {
    let authority = Authority::new();
    let redis = Redis::start(&authority);
    let gateways = [(); 2].map(|()| trusting(&redis, &authority));
    for gateway in &gateways {
        gateway.until_it_found_redis().await;
    }
    let said = json!({"webProtocol":"http","host":"10.0.0.1","port":1,"name":"shop"});
    let registered = format!("{}/h/discovery/K/registration", gateways[0].url);
    let since = Instant::now();
    assert_eq!(post(&registered, &said).await.status, StatusCode::OK);
    agree(&gateways, since, &["shop"], &[]).await;
}

#[tokio::test]
async fn a_gateway_that_does_not_know_the_authority_of_its_redis_says_so_and_goes_on_alone() {
    let (its, another) = (Authority::new(), Authority::new());
    let redis = Redis::start(&its);
    let gateway = trusting(&redis, &another);
    let said = json!({"webProtocol":"http","host":"10.0.0.1","port":1,"name":"shop"});
    let registered = format!("{}/h/discovery/K/registration", gateway.url);
    until("it has tried", async || {
        // Again and again, since a service that is silent for 5 s is inactive.
        assert_eq!(post(&registered, &said).await.status, StatusCode::OK);
        gateway
            .registry()
            .await
            .contains("certificate that is not trusted")
    })
    .await;
    assert!(gateway.says().await.1.get("shop").is_some());
    let log = gateway.log();
    assert!(log.contains("invalid peer certificate"), "{log}");
    assert!(!log.contains(PASSWORD), "{log}");
}
