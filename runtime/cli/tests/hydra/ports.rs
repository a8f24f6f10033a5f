//! Several ports, TLS and the PROXY protocol.

use std::{
    fs,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, ServerName, pem::PemObject as _},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_rustls::{TlsConnector, client::TlsStream};

use crate::{
    front::{Front, Visitor, origin},
    support::{Running, until},
};

/// Writes a new certificate for `site.test` into a folder, and returns it.
pub(crate) fn certificate(folder: &Path) -> CertificateDer<'static> {
    certificate_for("site.test", folder, "")
}

/// Writes a new certificate into files whose names begin with `prefix`, and returns it.
fn certificate_for(name: &str, folder: &Path, prefix: &str) -> CertificateDer<'static> {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed([name.to_owned()]).expect("a certificate");
    fs::write(folder.join(format!("{prefix}cert.pem")), cert.pem()).expect("written");
    fs::write(
        folder.join(format!("{prefix}key.pem")),
        signing_key.serialize_pem(),
    )
    .expect("written");
    CertificateDer::from_pem_slice(cert.pem().as_bytes()).expect("PEM")
}

fn settings(folder: &Path, origin: &Running, more: &str) -> String {
    let (cert, key) = (folder.join("cert.pem"), folder.join("key.pem"));
    format!(
        "listen = ['127.0.0.1:0', {{ address = '127.0.0.1:0', certificate = '{}', key = '{}' }}, '[::1]:0']\n{more}\n\
         [[service]]\nname = 'a'\nurl = '{}'\nendpoints = ['/fast', '/stream', '/headers']\n",
        cert.display(),
        key.display(),
        origin.url("")
    )
}

/// Connects to a port with TLS as a visitor of `site.test`, and trusts one certificate only.
pub(crate) async fn connect(
    address: &str,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    connect_to("site.test", address, trusted, protocols).await
}

async fn connect_to(
    name: &'static str,
    address: &str,
    trusted: &CertificateDer<'static>,
    protocols: &[&str],
) -> std::io::Result<TlsStream<TcpStream>> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).expect("a certificate");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("versions");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    let stream = TcpStream::connect(address).await.expect("a connection");
    let name = ServerName::try_from(name).expect("a name");
    TlsConnector::from(Arc::new(config)).connect(name, stream).await
}

#[tokio::test]
async fn each_port_speaks_what_it_is_told_to() {
    let origin = origin().await;
    let trusted = std::sync::Mutex::new(None);
    let front = Front::start(
        |folder| {
            *trusted.lock().expect("not poisoned") = Some(certificate(folder));
            settings(folder, &origin, "")
        },
        3,
    );
    let trusted = trusted.into_inner().expect("not poisoned").expect("made");
    let schemes: Vec<&str> = front
        .urls
        .iter()
        .map(|url| url.split("://").next().expect("a URL"))
        .collect();
    assert_eq!(schemes, ["http", "https", "http"]);
    for (port, is_http2) in [(0, false), (0, true), (2, false), (2, true)] {
        let stream = TcpStream::connect(front.address(port))
            .await
            .expect("a connection");
        let (status, _, text) = Visitor::new(stream, is_http2).await.get("/headers").await;
        assert_eq!(status, 200);
        assert!(text.contains("\"x-forwarded-proto\": \"http\""), "{text}");
    }
    for (offered, chosen) in [
        (&["h2", "http/1.1"][..], Some("h2")),
        (&["http/1.1"], Some("http/1.1")),
        (&["http/1.1", "h2"], Some("h2")),
        (&[], None),
    ] {
        let stream = connect(&front.address(1), &trusted, offered).await.expect("TLS");
        let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(agreed.as_deref(), chosen.map(str::as_bytes), "{offered:?}");
        let mut visitor = Visitor::new(stream, chosen == Some("h2")).await;
        let (status, _, text) = visitor.get("/headers").await;
        assert_eq!(status, 200);
        assert!(
            text.contains("\"x-forwarded-proto\": \"https\"") && text.contains("proto=https"),
            "{text}"
        );
        assert_eq!(visitor.get("/fast").await.2, "fast");
    }
    assert!(connect(&front.address(1), &trusted, &["spdy/3"]).await.is_err());
    // Neither harms others: plain HTTP on a port with TLS, and TLS on a port without.
    let mut plain = TcpStream::connect(front.address(1)).await.expect("a connection");
    plain
        .write_all(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        .await
        .expect("sent");
    let mut rest = Vec::new();
    let _ = plain.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"HTTP"), "{rest:?}");
    assert!(connect(&front.address(0), &trusted, &[]).await.is_err());
    assert!(connect(&front.address(1), &trusted, &[]).await.is_ok());
}

#[tokio::test]
async fn a_changed_certificate_is_used_under_load_without_losing_a_connection() {
    let origin = origin().await;
    let first = std::sync::Mutex::new(None);
    let front = Front::start(
        |folder| {
            *first.lock().expect("not poisoned") = Some(certificate(folder));
            settings(folder, &origin, "")
        },
        3,
    );
    let mut trusted = first.into_inner().expect("not poisoned").expect("made");
    let is_over = Arc::new(AtomicBool::new(false));
    let mut visitors = Vec::new();
    for protocol in ["h2", "http/1.1", "h2", "http/1.1"] {
        let stream = connect(&front.address(1), &trusted, &[protocol])
            .await
            .expect("TLS");
        let mut visitor = Visitor::new(stream, protocol == "h2").await;
        let is_over = Arc::clone(&is_over);
        visitors.push(tokio::spawn(async move {
            let mut count = 0;
            while !is_over.load(SeqCst) {
                let (status, _, text) = visitor.get("/stream").await;
                assert_eq!((status, text.len()), (200, 6 * crate::front::STREAM_PIECES));
                count += 1;
            }
            count
        }));
    }
    for _ in 0..2 {
        let former = std::mem::replace(&mut trusted, certificate(front.folder.path()));
        until("new connections get the new certificate", async || {
            connect(&front.address(1), &trusted, &[]).await.is_ok()
        })
        .await;
        assert!(connect(&front.address(1), &former, &[]).await.is_err());
    }
    // What can't be used is logged, and the last good certificate stays.
    fs::write(front.path("key.pem"), "no key").expect("written");
    front.logged("the former one stays", 1).await;
    assert!(connect(&front.address(1), &trusted, &[]).await.is_ok());
    is_over.store(true, SeqCst);
    for visitor in visitors {
        assert!(visitor.await.expect("no answer was lost") > 0);
    }
}

#[tokio::test]
async fn each_name_on_a_port_has_its_certificate_and_each_is_read_again() {
    let origin = origin().await;
    let made = std::sync::Mutex::new(Vec::new());
    let front = Front::start(
        |folder| {
            let mut made = made.lock().expect("not poisoned");
            made.push(certificate(folder));
            made.push(certificate_for("*.shop.test", folder, "shop-"));
            let file = |name: &str| folder.join(name).display().to_string();
            format!(
                "[[listen]]\naddress = '127.0.0.1:0'\ncertificate = '{}'\nkey = '{}'\n[[listen.certificates]]\n\
                 certificate = '{}'\nkey = '{}'\n[[service]]\nname = 'a'\nurl = '{}'\nendpoints = ['/fast']\n",
                file("cert.pem"),
                file("key.pem"),
                file("shop-cert.pem"),
                file("shop-key.pem"),
                origin.url("")
            )
        },
        1,
    );
    let made = made.into_inner().expect("not poisoned");
    let is_shown = async |name: &'static str, trusted: &CertificateDer<'static>| {
        let connected = connect_to(name, &front.address(0), trusted, &["http/1.1"]).await;
        let Ok(stream) = connected else {
            return false;
        };
        assert_eq!(Visitor::new(stream, false).await.get("/fast").await.2, "fast");
        true
    };
    for (name, expected) in [
        ("site.test", [true, false]),
        ("a.shop.test", [false, true]),
        ("b.shop.test", [false, true]),
    ] {
        let shown = [is_shown(name, &made[0]).await, is_shown(name, &made[1]).await];
        assert_eq!(shown, expected, "{name}");
    }
    // A name that no certificate has gets the first one, which the client then refuses by itself.
    let error = connect_to("unknown.test", &front.address(0), &made[0], &[]).await;
    let error = error.expect_err("another name").to_string();
    assert!(error.contains("not valid for name"), "{error}");
    let changed = certificate_for("*.shop.test", front.folder.path(), "shop-");
    until("the changed certificate is used", async || {
        is_shown("a.shop.test", &changed).await
    })
    .await;
    assert!(!is_shown("a.shop.test", &made[1]).await);
    assert!(is_shown("site.test", &made[0]).await, "the other one stays");
}

/// Sends bytes to a port, and returns all that comes back.
async fn said(address: &str, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.expect("a connection");
    stream.write_all(bytes).await.expect("sent");
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_load_balancer_states_the_visitors_address_and_strangers_may_not() {
    const HEADER: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\xc0\0\x02\x07\x0a\0\0\x01\x12\x34\0\x50";
    const LOCAL: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0";
    const REQUEST: &[u8] =
        b"GET /headers HTTP/1.1\r\nhost: a.test\r\nconnection: close\r\nx-forwarded-for: 203.0.113.9\r\n\r\n";
    let origin = origin().await;
    let text = |proxies: &str| {
        let more =
            "[[listen]]\naddress = '127.0.0.1:0'\nproxy_protocol = true\n[[listen]]\naddress = '127.0.0.1:0'";
        let service = format!(
            "[[service]]\nname = 'a'\nurl = '{}'\nendpoints = ['/headers']",
            origin.url("")
        );
        format!("trusted_proxies = ['{proxies}']\n{more}\n{service}\n")
    };
    let front = Front::start(|_| text("127.0.0.0/8"), 2);
    let from = |address: &str| format!("\"x-forwarded-for\": \"{address}\"");
    let answer = said(&front.address(0), &[HEADER, REQUEST].concat()).await;
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.contains(&from("192.0.2.7")),
        "{answer}"
    );
    // The proxy speaks for itself, and is trusted in the headers as well.
    let answer = said(&front.address(0), &[LOCAL, REQUEST].concat()).await;
    assert!(answer.contains(&from("203.0.113.9")), "{answer}");
    for bytes in [
        REQUEST,
        &[HEADER, HEADER, REQUEST].concat(),
        &HEADER[..15],
        b"PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    ] {
        let mut stream = TcpStream::connect(front.address(0)).await.expect("a connection");
        stream.write_all(bytes).await.expect("sent");
        stream.shutdown().await.expect("shut down");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        let answer = String::from_utf8_lossy(&answer);
        assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    }
    // Where it is not spoken, the header is no request.
    let answer = said(&front.address(1), &[HEADER, REQUEST].concat()).await;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    let strict = Front::start(|_| text("10.0.0.0/8"), 2);
    let answer = said(&strict.address(0), &[HEADER, REQUEST].concat()).await;
    assert_eq!(answer, "", "a stranger may state no address");
}
