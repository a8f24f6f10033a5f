//! In an installation with a private key, both calls of the gateway are signed.

use std::time::SystemTime;

use http::{HeaderMap, Method, StatusCode};
use hydra_runtime_gateway::{GatewayConfig, Secret};
use hydra_runtime_wire::signing::{BadSignature, Call, Signer, bearer_tokens, headers_of};

use super::{Site, answer_of, config, invalid, target};

const KEY: &str = "the private key of the tests";

#[tokio::test]
async fn the_owner_and_the_page_can_check_who_calls() {
    let config = GatewayConfig {
        private_key: Some(Secret::new(KEY.into())),
        allow_unsigned: true,
        ..config()
    };
    let site = Site::with(config, || answer_of(200, &invalid())).await;
    assert_eq!(
        site.post(&target(), &[]).await.status,
        StatusCode::UNPROCESSABLE_ENTITY
    );
    let signer = Signer::new(KEY, "K");
    let now = SystemTime::now();

    let form = &site.seen_by_owner()[0];
    let call = Call {
        to: "orders",
        method: &Method::POST,
        path: &form.uri,
        body: form.body.as_bytes(),
    };
    // A signature of a body that streams is none of a whole body.
    assert_eq!(signer.check(&form.headers, call, now), Err(BadSignature::Body));
    let signed = signer.check_streamed(&form.headers, call, now).expect("signed");
    assert_eq!(signed.issuer, "hydra");

    let page = &site.seen_by_page()[0];
    let call = Call {
        to: "shop",
        method: &Method::GET,
        path: &page.uri,
        body: page.headers["hydra-form"].as_bytes(),
    };
    let signatures = page.headers.get_all("hydra-form-signature");
    let signatures: HeaderMap = headers_of(bearer_tokens(signatures));
    assert_eq!(
        signer.check(&signatures, call, now).expect("signed").issuer,
        "hydra"
    );
    assert!(page.header("authorization").is_none());
}
