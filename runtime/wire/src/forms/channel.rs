//! A form on its way to an owner that is reached over its channel, and the owner's answer (protocol section 9). Both are JSON, as all
//! that goes over a channel.

use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A form.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ChannelForm {
    /// The seal of the form's address.
    pub form: String,
    /// The `Content-Type` of what was sent. Empty: it had none.
    #[serde(default)]
    pub content_type: String,
    /// What was sent, in base64.
    #[serde(default)]
    body: String,
}

impl ChannelForm {
    /// The form with this seal, and with what a visitor sent.
    #[must_use]
    pub fn new(seal: &str, content_type: &str, body: &[u8]) -> Self {
        Self {
            form: seal.to_owned(),
            content_type: content_type.to_owned(),
            body: BASE64_STANDARD.encode(body),
        }
    }

    /// What was sent. `None`: it is not base64.
    #[must_use]
    pub fn body(&self) -> Option<Vec<u8>> {
        BASE64_STANDARD.decode(&self.body).ok()
    }
}

/// What the owner answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChannelFormAnswer {
    /// The status that the answer would have over HTTP.
    pub status: u16,
    /// The body of the answer: an [`ActionAnswer`](super::ActionAnswer) with the status 200, and otherwise an
    /// [`ActionFailure`](super::ActionFailure).
    #[serde(default)]
    pub answer: Value,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_CHANNEL_FORM_BYTES;

    #[test]
    fn every_byte_of_a_form_arrives() {
        let body: Vec<u8> = (0..=255).collect();
        let form = ChannelForm::new("a.b", "multipart/form-data; boundary=x", &body);
        let text = serde_json::to_string(&form).expect("JSON");
        assert!(
            text.starts_with(r#"{"form":"a.b","contentType":"multipart/form-data; boundary=x","body":"AAEC"#)
        );
        let read: ChannelForm = serde_json::from_str(&text).expect("JSON");
        assert_eq!((read.body(), &read), (Some(body), &form));
        let wrong: ChannelForm = serde_json::from_str(r#"{"form":"a.b","body":"???"}"#).expect("JSON");
        assert_eq!(wrong.body(), None);
    }

    #[test]
    fn the_longest_form_fits_into_a_call() {
        let form = ChannelForm::new(
            &"s".repeat(4 << 10),
            &"t".repeat(1_000),
            &vec![0; MAX_CHANNEL_FORM_BYTES],
        );
        let length = serde_json::to_vec(&form).expect("JSON").len();
        assert!(length <= 8 << 20, "{length}");
    }
}
