//! Derives keys for one purpose each.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::hmac;

/// A key for one purpose: a signature for that purpose is invalid for any other.
pub fn derived(secret: &[u8], purpose: &str) -> hmac::Tag {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), purpose.as_bytes())
}

/// The key that signs the identities of visitors in an installation with this private key. All its services share it.
pub fn visitor_key(private_key: &str) -> hmac::Tag {
    derived(private_key.as_bytes(), "hydra visitor")
}
