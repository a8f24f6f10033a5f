//! The keys that verify login tokens, as a JWK set (protocol section 6).
#![deny(clippy::disallowed_methods)]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use serde_json::{Value, json};

/// The key set of the key whose DER SubjectPublicKeyInfo is this base64. Its `kid` is the thumbprint of RFC 7638. The
/// set is empty if there is no key, or the key can't be read.
pub(crate) fn set(public_key: &str) -> Value {
    let keys: Vec<Jwk> = jwk(public_key).into_iter().collect();
    json!({ "keys": keys })
}

fn jwk(public_key: &str) -> Option<Jwk> {
    let der = STANDARD.decode(public_key).ok().filter(|der| !der.is_empty())?;
    let key = DecodingKey::from_rsa_der(&der);
    let mut jwk = Jwk::from_decoding_key(&key, Some(Algorithm::RS256)).ok()?;
    jwk.common.key_id = jwk.thumbprint(ThumbprintHash::SHA256).ok();
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    Some(jwk)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PUBLIC_KEY: &str = "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEA0pUPlPhnQO+YmaiFFlscAiUFNV3pWEKWDgdzGVY1nrd8+5kWN+r5kXdw\
         rSfwuV9vsX/wkdKFvMXOa1J/5vOP79sXNUNV5VLICP/iuOSuZRCQzcFcIzZBljdHdTCh6ATAmlclgdOqo0CZtXrA5kOWKS0QXMXi\
         Dx/bcipIpzDuWXkZR/dEUDmWmwnycH57bpv44DH734g02kyhrPWiWveZNPqgxqGAs799Y4UumtuRxSNdy6h+u41GMQuoAHx+Ypl4\
         Q4OcxdVPIwEgIc6iyzF653dGNjCds37cQLCZBbUJP8IKsFIS/cYnvMjSbx3QAkNtynJwaX9FL8l5dXMV+o6yqwIDAQAB";

    #[test]
    fn a_key_becomes_its_modulus_exponent_and_thumbprint() {
        let expected = json!({"keys": [{
            "kty": "RSA", "alg": "RS256", "use": "sig", "e": "AQAB",
            "kid": "1gxYH8CjKmVDwrQVogQDLB9knzBM8vBN-L3UtImHC7A",
            "n": "0pUPlPhnQO-YmaiFFlscAiUFNV3pWEKWDgdzGVY1nrd8-5kWN-r5kXdwrSfwuV9vsX_wkdKFvMXOa1J_5vOP79sXNUNV5VLICP_i\
         uOSuZRCQzcFcIzZBljdHdTCh6ATAmlclgdOqo0CZtXrA5kOWKS0QXMXiDx_bcipIpzDuWXkZR_dEUDmWmwnycH57bpv44DH734g0\
         2kyhrPWiWveZNPqgxqGAs799Y4UumtuRxSNdy6h-u41GMQuoAHx-Ypl4Q4OcxdVPIwEgIc6iyzF653dGNjCds37cQLCZBbUJP8IK\
         sFIS_cYnvMjSbx3QAkNtynJwaX9FL8l5dXMV-o6yqw",
        }]});
        assert_eq!(set(PUBLIC_KEY), expected);
    }

    #[test]
    fn what_is_no_key_gives_an_empty_set() {
        for text in [
            "",
            "no base64!",
            "AAAA",
            "MIIBIjANBgkqhkiG9w0BIDAQAB",
            &PUBLIC_KEY[..300],
        ] {
            assert_eq!(set(text), json!({"keys": []}), "{text}");
        }
    }
}
