//! The nonce of a page's content security policy.
#![deny(clippy::disallowed_methods)]

use std::fmt;

use crate::limits::MAX_NONCE_BYTES;

/// The nonce that a page's `Content-Security-Policy` names, as an extension of the request or of the response of its
/// handler: the script that puts fragments in their places then bears it, and so do the scripts that the page links for its
/// fragments, whenever they come. It is needed only where the policy does not allow scripts of the site itself (`'self'`).
#[derive(Clone, PartialEq, Eq)]
pub struct ScriptNonce(String);

/// The text is not a nonce.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a nonce has 1 to {MAX_NONCE_BYTES} letters, digits and `+/-_`, and `=` at its end")]
pub struct BadNonce;

impl ScriptNonce {
    /// Checks a nonce.
    ///
    /// # Errors
    /// The text is not a nonce: no browser would accept it.
    pub fn try_new(nonce: impl Into<String>) -> Result<Self, BadNonce> {
        let nonce = nonce.into();
        let inner = nonce.trim_end_matches('=');
        let is_good = !inner.is_empty()
            && nonce.len() <= MAX_NONCE_BYTES
            && inner
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+/-_".contains(&byte));
        if is_good { Ok(Self(nonce)) } else { Err(BadNonce) }
    }

    pub(in crate::page) fn as_str(&self) -> &str {
        &self.0
    }
}

/// The nonce is not shown: with it, a script could run on the page.
impl fmt::Debug for ScriptNonce {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ScriptNonce(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_policy_can_name_is_a_nonce() {
        for good in ["abc123", "q+/-_Z==", &"x".repeat(MAX_NONCE_BYTES)] {
            assert!(ScriptNonce::try_new(good).is_ok(), "{good}");
        }
        for bad in [
            "",
            "=",
            "a\"b",
            "a b",
            "a=b",
            "é",
            &"x".repeat(MAX_NONCE_BYTES + 1),
        ] {
            assert_eq!(ScriptNonce::try_new(bad), Err(BadNonce), "{bad}");
        }
    }
}
