//! The login as a client of protocol 1 sees it.

use base64::prelude::BASE64_STANDARD;

use super::*;

/// What a client of protocol 1 does: it verifies RS256 and the issuer with the one key that its registration gave it, and
/// reads the claims.
fn as_protocol_1_reads(cookie: &str, public_key: &str) -> Option<Value> {
    use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode};
    let der = BASE64_STANDARD.decode(public_key).ok()?;
    // The head of the SubjectPublicKeyInfo of an RSA key of 2,048 bits (RFC 8017, appendix A.1; RFC 3279 section 2.3.1).
    const HEAD: [u8; 24] = [
        0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01,
        0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00,
    ];
    let key = DecodingKey::from_rsa_der(der.strip_prefix(&HEAD)?);
    let mut validation = Validation::new(Algorithm::RS256);
    validation.set_issuer(&["hydra"]);
    validation.validate_aud = false;
    // Java's library has no leeway, and takes no `iat` from the future.
    validation.leeway = 0;
    let token = cookie.strip_prefix("HYDRA-SSO=")?;
    let claims = decode::<Value>(token, &key, &validation).ok()?.claims;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .ok()?;
    (claims["iat"].as_u64()? <= now.as_secs()).then_some(claims)
}

#[tokio::test]
async fn a_client_of_protocol_1_verifies_the_login_with_its_public_key_before_and_after_a_rotation() {
    let site = Site::new();
    let keys = LoginKeyStore::of(&site.config()).expect("a folder");
    let gateway = gateway_with(site.config()).await;
    let shop = shop(&gateway, json!({})).await;
    let said = said("shop", &shop, json!({"endpoints": ["/", "/secret", "/orders"]}));
    let registered = async || {
        let answer = register(&gateway, &said).await;
        answer["publicKey"].as_str().expect("a key").to_owned()
    };
    let first = registered().await;
    assert!(first.starts_with("MII") && !first.contains('\n'), "{first}");
    let login = log_in(&gateway, "ann").await;
    let claims = as_protocol_1_reads(&login, &first).expect("verified");
    assert_eq!(claims["username"], "ann");
    assert_eq!(claims["userId"], Value::Null);
    assert_eq!(claims["roles"], json!(["USER"]));
    assert_eq!((&claims["iss"], &claims["aud"]), (&json!("hydra"), &json!("K")));
    assert!(claims["exp"].is_u64() && claims["jti"].is_string());

    site.rotate(&keys).await;
    let alive = gateway.url("/h/discovery/K/alive");
    // All the time, what reaches the client verifies with the key that it has.
    until("it is told to register again", async || {
        let seen = with_cookie(&gateway, "/", &login).await.text().to_owned();
        assert!(as_protocol_1_reads(&seen, &first).is_some(), "{seen}");
        post_text(&alive, "text/plain", "shop").await.status == StatusCode::NOT_FOUND
    })
    .await;
    let new_login = log_in(&gateway, "bob").await;
    let seen = with_cookie(&gateway, "/", &new_login).await.text().to_owned();
    assert_eq!(
        as_protocol_1_reads(&seen, &first).expect("verified")["username"],
        "bob"
    );
    let second = registered().await;
    assert_ne!(first, second);
    for (login, name) in [(&login, "ann"), (&new_login, "bob")] {
        until("what it gets verifies with the new key", async || {
            let seen = with_cookie(&gateway, "/", login).await.text().to_owned();
            as_protocol_1_reads(&seen, &second).is_some_and(|claims| claims["username"] == name)
        })
        .await;
    }
}
