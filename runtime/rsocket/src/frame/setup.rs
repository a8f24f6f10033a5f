//! What a client states when it connects (section SETUP Frame).

use bytes::Bytes;

use super::{ErrorCode, Failure, Payload};
use crate::metadata::COMPOSITE_METADATA;

/// The protocol's version of this crate: major and minor.
pub(crate) const VERSION: (u16, u16) = (1, 0);

/// What a client states when it connects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setup {
    /// Major and minor version of the protocol.
    pub version: (u16, u16),
    /// Milliseconds between the client's KEEPALIVE frames. [`connect()`](crate::connect()) replaces it by that of its configuration.
    pub keepalive_interval: u32,
    /// The milliseconds of silence after which the client treats the server as dead. [`connect()`](crate::connect()) replaces it, too.
    pub keepalive_lifetime: u32,
    /// Whether the client wants leases. This crate refuses them.
    pub lease: bool,
    /// The token with which the client wants to resume. This crate refuses it.
    pub resume_token: Option<Bytes>,
    /// The MIME type of all metadata of the connection, at most 255 bytes.
    pub metadata_mime_type: String,
    /// The MIME type of all data of the connection, at most 255 bytes.
    pub data_mime_type: String,
    /// What the application adds, such as credentials.
    pub payload: Payload,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            version: VERSION,
            keepalive_interval: 20_000,
            keepalive_lifetime: 90_000,
            lease: false,
            resume_token: None,
            metadata_mime_type: COMPOSITE_METADATA.to_owned(),
            data_mime_type: "application/octet-stream".to_owned(),
            payload: Payload::default(),
        }
    }
}

impl Setup {
    /// Refuses what a server of this crate does not support.
    ///
    /// # Errors
    /// The error to answer with: INVALID_SETUP for another version or times that are 0, REJECTED_SETUP for resumption (both as
    /// section SETUP Frame has it), UNSUPPORTED_SETUP for leases.
    pub fn check(&self) -> Result<(), Failure> {
        let refuse = |code, message: String| Err(Failure::new(code, message));
        if self.version != VERSION {
            let (major, minor) = self.version;
            let message = format!("version {major}.{minor} is not supported, only 1.0");
            return refuse(ErrorCode::INVALID_SETUP, message);
        }
        if self.keepalive_interval == 0 || self.keepalive_lifetime == 0 {
            let message = "the time between KEEPALIVE frames and the lifetime must be above 0";
            return refuse(ErrorCode::INVALID_SETUP, message.to_owned());
        }
        if self.resume_token.is_some() {
            return refuse(
                ErrorCode::REJECTED_SETUP,
                "resumption is not supported".to_owned(),
            );
        }
        if self.lease {
            return refuse(
                ErrorCode::UNSUPPORTED_SETUP,
                "leases are not supported".to_owned(),
            );
        }
        Ok(())
    }
}
