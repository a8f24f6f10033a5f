//! The gateway says that a fragment has its answer already, because a visitor sent its form.

use http::HeaderValue;
use hydra_runtime_wire::forms::{AnsweredFragment, imports_hash, marker_comment};

use super::*;

const KEY: &str = "a private key for tests";
const MARKER: &str = "0123456789abcdef0123456789abcdef";

/// The header for the fragment `greeting` of this service.
fn header(service: &str) -> HeaderValue {
    let imports = json!({"who": "Ann"});
    let answered = AnsweredFragment {
        service: service.to_owned(),
        reference: "greeting".to_owned(),
        imports: imports_hash(imports.as_object().unwrap()),
        marker: MARKER.to_owned(),
        exports: json!({"loud": "TYPED"}).as_object().unwrap().clone(),
        assets: Vec::new(),
    };
    answered.to_header().unwrap()
}

fn visit_with(header: HeaderValue, signatures: impl IntoIterator<Item = HeaderValue>) -> Request<Body> {
    let mut request = visit("/home/Ann?x=1");
    request.headers_mut().insert("hydra-form", header);
    for signature in signatures {
        request.headers_mut().append("hydra-form-signature", signature);
    }
    request
}

#[tokio::test]
async fn the_page_shows_the_marker_and_no_cache_keeps_it() {
    let (status, headers, body) = answer(app(), visit_with(header("shop"), [])).await;
    assert_eq!(status, StatusCode::OK);
    let expected = format!("<h1>Ann</h1>{}|nothing|TYPED", marker_comment(MARKER));
    assert_eq!(body, expected);
    assert_eq!(headers["hydra-form"], "placed");
    assert_eq!(headers[header::CACHE_CONTROL], "private, no-cache");
}

#[tokio::test]
async fn what_can_not_be_read_or_has_no_place_changes_nothing() {
    for header in [
        header("elsewhere"),
        HeaderValue::from_static("x"),
        HeaderValue::from_static("placed"),
        HeaderValue::from_static(""),
    ] {
        let (status, headers, body) = answer(app(), visit_with(header.clone(), [])).await;
        assert_eq!(
            (status, body.as_str()),
            (StatusCode::OK, "<h1>Ann</h1><b>Hi Ann</b>|nothing|ANN"),
            "{header:?}"
        );
        assert!(!headers.contains_key("hydra-form"), "{header:?}");
    }
}

/// What the gateway signs when it requests the page with this header.
fn call_with(value: &HeaderValue) -> Call<'_> {
    Call {
        to: "shop",
        method: &Method::GET,
        path: "/home/Ann?x=1",
        body: value.as_bytes(),
    }
}

#[tokio::test]
async fn in_an_installation_with_a_key_only_the_gateway_says_so() {
    let value = header("shop");
    let good = call_with(&value);
    let signer = Signer::new(KEY, "hydra");
    let by = |signer: &Signer, issuer: &str, call: Call<'_>| {
        let signed = signer.sign(issuer, call, SystemTime::now()).unwrap();
        signed.into_iter().map(|(_, value)| value).collect::<Vec<_>>()
    };
    let other = Signer::new("another private key", "hydra");
    let second = Signer::new("another private key", "hydra").with_second_key(Some(KEY));
    for (what, signatures, expected) in [
        ("it is right", by(&signer, "hydra", good), true),
        ("the second one is right", by(&second, "hydra", good), true),
        ("none", Vec::new(), false),
        ("another key", by(&other, "hydra", good), false),
        ("another issuer", by(&signer, "shop", good), false),
        (
            "another service",
            by(&signer, "hydra", Call { to: "news", ..good }),
            false,
        ),
        (
            "another path",
            by(
                &signer,
                "hydra",
                Call {
                    path: "/home/Ann",
                    ..good
                },
            ),
            false,
        ),
        (
            "another value",
            by(&signer, "hydra", Call { body: b"x", ..good }),
            false,
        ),
    ] {
        let app = app().settings(Partial::default().private_key(KEY));
        let (_, headers, body) = answer(app, visit_with(value.clone(), signatures)).await;
        assert_eq!(headers.contains_key("hydra-form"), expected, "{what}");
        assert_eq!(body.contains(MARKER), expected, "{what}");
    }
}

#[tokio::test]
async fn a_signature_counts_once() {
    let value = header("shop");
    let call = call_with(&value);
    let signed = Signer::new(KEY, "hydra")
        .sign("hydra", call, SystemTime::now())
        .unwrap();
    let signatures: Vec<_> = signed.into_iter().map(|(_, value)| value).collect();
    let router = app()
        .settings(Partial::default().private_key(KEY))
        .into_router()
        .unwrap();
    for expected in [true, false] {
        let request = visit_with(value.clone(), signatures.clone());
        let response = router.clone().oneshot(request).await.unwrap();
        assert_eq!(response.headers().contains_key("hydra-form"), expected);
    }
}
