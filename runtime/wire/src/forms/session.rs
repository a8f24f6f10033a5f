//! The session of a form's owner (protocol section 9). The service of the page keeps it, and the gateway takes it to the owner and back.
#![deny(clippy::disallowed_methods)]

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};
use http::HeaderValue;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::limits::MAX_FORM_HEADER_BYTES;

/// The value of the header [`crate::headers::HYDRA_SESSION`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnerSession {
    /// The service whose session it is.
    pub service: String,
    /// The session, which its service has encrypted. To the service of the page: `None` asks for the session, and `Some` changes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session: Option<Value>,
}

impl OwnerSession {
    /// The value of the header. `None`: it would be too long.
    #[must_use]
    pub fn to_header(&self) -> Option<HeaderValue> {
        let text = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).ok()?);
        let is_short = text.len() <= MAX_FORM_HEADER_BYTES;
        let mut value = HeaderValue::try_from(text).ok().filter(|_| is_short)?;
        value.set_sensitive(true);
        Some(value)
    }

    /// Reads the value of the header. `None`: it is too long or malformed.
    #[must_use]
    pub fn from_header(value: &HeaderValue) -> Option<Self> {
        if value.len() > MAX_FORM_HEADER_BYTES {
            return None;
        }
        let json = BASE64_URL_SAFE_NO_PAD.decode(value.as_bytes()).ok()?;
        serde_json::from_slice(&json).ok()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_session_goes_through_a_header_up_to_a_length() {
        let session = |session: Option<Value>| OwnerSession {
            service: "orders".to_owned(),
            session,
        };
        for one in [session(None), session(Some(json!({"sealed": "é"})))] {
            let header = one.to_header().expect("short");
            assert_eq!(OwnerSession::from_header(&header), Some(one));
        }
        let long = session(Some(json!("x".repeat(MAX_FORM_HEADER_BYTES))));
        assert_eq!(long.to_header(), None);
        let long = "A".repeat(MAX_FORM_HEADER_BYTES + 1);
        for bad in ["", "e30", "====", &long] {
            let value = HeaderValue::from_str(bad).expect("a value");
            assert_eq!(OwnerSession::from_header(&value), None, "{bad}");
        }
    }
}
