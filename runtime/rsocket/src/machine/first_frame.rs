//! The first frame of a client (section Connection Establishment).

use bytes::Bytes;

use super::error;
use crate::frame::{Body, ErrorCode, Failure, Frame, Setup, decode};

/// Reads a client's first frame.
///
/// # Errors
/// The frame with which the server answers before it closes the connection: ERROR\[INVALID_SETUP\] for anything but SETUP and RESUME on
/// stream 0, ERROR\[REJECTED_RESUME\] for RESUME, and what [`Setup::check`] gives.
pub fn first_frame(frame: Bytes) -> Result<Setup, Frame> {
    let refuse = |code, message: &str| Err(error(0, &Failure::new(code, message)));
    match decode(frame) {
        Ok(Frame {
            stream_id: 0,
            body: Body::Setup(setup),
        }) => match setup.check() {
            Ok(()) => Ok(*setup),
            Err(failure) => Err(error(0, &failure)),
        },
        Ok(Frame {
            stream_id: 0,
            body: Body::Resume { .. },
        }) => refuse(ErrorCode::REJECTED_RESUME, "resumption is not supported"),
        Ok(_) => refuse(
            ErrorCode::INVALID_SETUP,
            "the first frame must be SETUP on stream 0",
        ),
        Err(malformed) => refuse(ErrorCode::INVALID_SETUP, &malformed.to_string()),
    }
}
