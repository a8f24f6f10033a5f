//! The codes of ERROR frames (section Error Codes).

use std::fmt;

use bytes::Bytes;

/// The code of an ERROR frame. Applications may use codes from 0x301 to 0xFFFFFFFE for their own errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ErrorCode(pub u32);

impl ErrorCode {
    /// The SETUP frame is invalid for the server.
    pub const INVALID_SETUP: ErrorCode = ErrorCode(0x001);
    /// The server does not support something that SETUP asks for.
    pub const UNSUPPORTED_SETUP: ErrorCode = ErrorCode(0x002);
    /// The server rejected the SETUP.
    pub const REJECTED_SETUP: ErrorCode = ErrorCode(0x003);
    /// The server rejected a RESUME.
    pub const REJECTED_RESUME: ErrorCode = ErrorCode(0x004);
    /// The connection ends at once.
    pub const CONNECTION_ERROR: ErrorCode = ErrorCode(0x101);
    /// The connection ends when its streams have ended.
    pub const CONNECTION_CLOSE: ErrorCode = ErrorCode(0x102);
    /// The handler of the request failed.
    pub const APPLICATION_ERROR: ErrorCode = ErrorCode(0x201);
    /// The request was not processed.
    pub const REJECTED: ErrorCode = ErrorCode(0x202);
    /// The responder gave up the request, perhaps after having begun to process it.
    pub const CANCELED: ErrorCode = ErrorCode(0x203);
    /// The request is invalid.
    pub const INVALID: ErrorCode = ErrorCode(0x204);

    /// Whether this code answers a SETUP or a RESUME.
    pub(crate) fn refuses_setup(self) -> bool {
        (ErrorCode::INVALID_SETUP.0..=ErrorCode::REJECTED_RESUME.0).contains(&self.0)
    }
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match *self {
            ErrorCode::INVALID_SETUP => "INVALID_SETUP",
            ErrorCode::UNSUPPORTED_SETUP => "UNSUPPORTED_SETUP",
            ErrorCode::REJECTED_SETUP => "REJECTED_SETUP",
            ErrorCode::REJECTED_RESUME => "REJECTED_RESUME",
            ErrorCode::CONNECTION_ERROR => "CONNECTION_ERROR",
            ErrorCode::CONNECTION_CLOSE => "CONNECTION_CLOSE",
            ErrorCode::APPLICATION_ERROR => "APPLICATION_ERROR",
            ErrorCode::REJECTED => "REJECTED",
            ErrorCode::CANCELED => "CANCELED",
            ErrorCode::INVALID => "INVALID",
            ErrorCode(other) => return write!(f, "0x{other:08X}"),
        };
        f.write_str(name)
    }
}

/// An error as an ERROR frame has it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct Failure {
    /// What failed.
    pub code: ErrorCode,
    /// For people. Sent to the peer, so it must not contain secrets.
    pub message: String,
}

impl Failure {
    /// An error with any code.
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Failure {
        Failure {
            code,
            message: message.into(),
        }
    }

    /// APPLICATION_ERROR: the handler of a request failed.
    pub fn application(message: impl Into<String>) -> Failure {
        Failure::new(ErrorCode::APPLICATION_ERROR, message)
    }

    /// REJECTED: the request was not processed.
    pub fn rejected(message: impl Into<String>) -> Failure {
        Failure::new(ErrorCode::REJECTED, message)
    }

    /// INVALID: the request is invalid.
    pub fn invalid(message: impl Into<String>) -> Failure {
        Failure::new(ErrorCode::INVALID, message)
    }

    /// The error of a frame. Its text is read as UTF-8, with marks in the place of other bytes.
    pub(crate) fn received(code: ErrorCode, data: &Bytes) -> Failure {
        Failure::new(code, String::from_utf8_lossy(data))
    }
}
