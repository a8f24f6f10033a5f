//! A key pair that signs login tokens: RSA with 2,048 bits, which clients of protocol 1 can verify.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::{
    encoding::{AsDer, Pkcs8V1Der, PublicKeyX509Der},
    rand::SystemRandom,
    rsa::KeySize,
    signature::{KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair},
};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD},
};
use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{Jwk, PublicKeyUse, ThumbprintHash},
};
use serde_json::{Value, json};

/// A key pair with its id.
pub struct LoginKeyPair {
    kid: String,
    pair: RsaKeyPair,
    public: String,
    jwk: Value,
    /// The encoded header of each token.
    header: String,
}

impl LoginKeyPair {
    /// A new key pair. `None` only if the platform's cryptography fails.
    #[must_use]
    pub fn generate() -> Option<Self> {
        Self::new(RsaKeyPair::generate(KeySize::Rsa2048).ok()?)
    }

    /// The key pair in this PKCS#8 document. `None`: it is not the document of an RSA key.
    #[must_use]
    pub fn from_pkcs8(document: &[u8]) -> Option<Self> {
        Self::new(RsaKeyPair::from_pkcs8(document).ok()?)
    }

    fn new(pair: RsaKeyPair) -> Option<Self> {
        let der: PublicKeyX509Der<'_> = pair.public_key().as_der().ok()?;
        let public = BASE64_STANDARD.encode(der.as_ref());
        let jwk = jwk(&public)?;
        let kid = jwk["kid"].as_str()?.to_owned();
        let header = json!({"typ": "JWT", "alg": "RS256", "kid": kid}).to_string();
        Some(Self {
            header: BASE64_URL_SAFE_NO_PAD.encode(header),
            kid,
            pair,
            public,
            jwk,
        })
    }

    /// The id of the key: the thumbprint of RFC 7638.
    #[must_use]
    pub fn kid(&self) -> &str {
        &self.kid
    }

    /// The public key: base64 of its DER SubjectPublicKeyInfo on one line (protocol section 1).
    #[must_use]
    pub fn public_key(&self) -> &str {
        &self.public
    }

    /// The public key as a JWK (RFC 7517).
    #[must_use]
    pub fn jwk(&self) -> &Value {
        &self.jwk
    }

    /// The key pair as a PKCS#8 document. It is a secret.
    #[must_use]
    pub fn pkcs8(&self) -> Option<Vec<u8>> {
        let document: Pkcs8V1Der<'_> = self.pair.as_der().ok()?;
        Some(document.as_ref().to_vec())
    }

    /// Signs claims (RFC 7515 section 7.1, RS256). `None` only if the platform's cryptography fails.
    #[must_use]
    pub fn sign(&self, claims: &Value) -> Option<String> {
        let mut token = format!(
            "{}.{}",
            self.header,
            BASE64_URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let mut signature = vec![0; self.pair.public_modulus_len()];
        self.pair
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                token.as_bytes(),
                &mut signature,
            )
            .ok()?;
        token.push('.');
        BASE64_URL_SAFE_NO_PAD.encode_string(&signature, &mut token);
        Some(token)
    }
}

/// The JWK of a public key, which is base64 of its DER SubjectPublicKeyInfo. Its `kid` is the thumbprint of RFC 7638.
pub(super) fn jwk(public_key: &str) -> Option<Value> {
    let der = BASE64_STANDARD
        .decode(public_key)
        .ok()
        .filter(|der| !der.is_empty())?;
    let key = DecodingKey::from_rsa_der(&der);
    let mut jwk = Jwk::from_decoding_key(&key, Some(Algorithm::RS256)).ok()?;
    jwk.common.key_id = jwk.thumbprint(ThumbprintHash::SHA256).ok();
    jwk.common.public_key_use = Some(PublicKeyUse::Signature);
    serde_json::to_value(jwk).ok()
}

impl std::fmt::Debug for LoginKeyPair {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoginKeyPair")
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}
