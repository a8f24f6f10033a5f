//! Bytes to frames.

use bytes::{Buf, Bytes};

use super::{
    Body, COMPLETE, ErrorCode, FOLLOWS, Frame, IGNORE, Interaction, LEASE, METADATA, METADATA_LENGTH_BYTES,
    NEXT, Payload, RESPOND, RESUME, Setup, types,
};
use crate::limits::{MAX_31_BITS, MAX_FRAME_BYTES};

/// 63 bits, the highest position of resumption.
const MAX_POSITION: u64 = u64::MAX >> 1;

/// Why bytes are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Fewer bytes than the fields of this type need.
    #[error("the frame ends before its fields do")]
    TooShort,
    /// More than [`MAX_FRAME_BYTES`].
    #[error("the frame is longer than 16777215 bytes")]
    TooLong,
    /// The metadata would be longer than the frame (section Metadata Optional Header).
    #[error("the length of the metadata is greater than what the frame has")]
    MetadataLength,
    /// The MIME types of SETUP are text.
    #[error("a MIME type is not UTF-8")]
    MimeType,
}

/// Bytes that are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{problem}")]
pub struct Malformed {
    /// Whether the frame's sender allows that it is ignored.
    pub ignore: bool,
    /// Why the bytes are not a frame.
    pub problem: Problem,
}

/// Decodes one frame, without copying. Reserved bits and flags that a type does not have are not looked at (section Handling the
/// Unexpected). A frame of an unknown type is [`Body::Unknown`].
///
/// # Errors
/// [`Malformed`] if the frame is too short, too long, or contradicts itself.
pub fn decode(mut frame: Bytes) -> Result<Frame, Malformed> {
    let malformed = |ignore, problem| Malformed { ignore, problem };
    if frame.len() > MAX_FRAME_BYTES {
        return Err(malformed(false, Problem::TooLong));
    }
    let too_short = |_| malformed(false, Problem::TooShort);
    let stream_id = frame.try_get_u32().map_err(too_short)? & MAX_31_BITS;
    let type_and_flags = frame.try_get_u16().map_err(too_short)?;
    let (frame_type, flags) = ((type_and_flags >> 10) as u8, type_and_flags & 0x3FF);
    let body = body(frame_type, flags, frame);
    let body = body.map_err(|problem| malformed(flags & IGNORE != 0, problem))?;
    Ok(Frame { stream_id, body })
}

impl From<bytes::TryGetError> for Problem {
    fn from(_: bytes::TryGetError) -> Problem {
        Problem::TooShort
    }
}

fn body(frame_type: u8, flags: u16, mut rest: Bytes) -> Result<Body, Problem> {
    Ok(match frame_type {
        types::SETUP => Body::Setup(Box::new(setup(flags, rest)?)),
        types::LEASE => Body::Lease {
            time_to_live: rest.try_get_u32()? & MAX_31_BITS,
            requests: rest.try_get_u32()? & MAX_31_BITS,
            metadata: (flags & METADATA != 0).then_some(rest),
        },
        types::KEEPALIVE => Body::Keepalive {
            respond: flags & RESPOND != 0,
            position: rest.try_get_u64()? & MAX_POSITION,
            data: rest,
        },
        types::REQUEST_RESPONSE..=types::REQUEST_CHANNEL => request(frame_type, flags, rest)?,
        types::REQUEST_N => Body::RequestN(rest.try_get_u32()? & MAX_31_BITS),
        types::CANCEL => Body::Cancel,
        types::PAYLOAD => Body::Payload {
            // A PAYLOAD that completes has no further fragments (section Handling the Unexpected).
            follows: flags & FOLLOWS != 0 && flags & COMPLETE == 0,
            complete: flags & COMPLETE != 0,
            next: flags & NEXT != 0,
            payload: payload(flags, rest)?,
        },
        types::ERROR => Body::Error {
            code: ErrorCode(rest.try_get_u32()?),
            data: rest,
        },
        types::METADATA_PUSH => Body::MetadataPush(rest),
        types::RESUME => resume(rest)?,
        types::RESUME_OK => Body::ResumeOk {
            last_received_client_position: rest.try_get_u64()? & MAX_POSITION,
        },
        frame_type => Body::Unknown {
            frame_type,
            flags,
            rest,
        },
    })
}

fn request(frame_type: u8, flags: u16, mut rest: Bytes) -> Result<Body, Problem> {
    let interaction = match frame_type {
        types::REQUEST_RESPONSE => Interaction::Response,
        types::REQUEST_FNF => Interaction::FireAndForget,
        types::REQUEST_STREAM => Interaction::Stream {
            credit: rest.try_get_u32()? & MAX_31_BITS,
        },
        _ => Interaction::Channel {
            credit: rest.try_get_u32()? & MAX_31_BITS,
            complete: flags & COMPLETE != 0,
        },
    };
    Ok(Body::Request {
        interaction,
        follows: flags & FOLLOWS != 0,
        payload: payload(flags, rest)?,
    })
}

fn setup(flags: u16, mut rest: Bytes) -> Result<Setup, Problem> {
    Ok(Setup {
        version: (rest.try_get_u16()?, rest.try_get_u16()?),
        keepalive_interval: rest.try_get_u32()? & MAX_31_BITS,
        keepalive_lifetime: rest.try_get_u32()? & MAX_31_BITS,
        lease: flags & LEASE != 0,
        resume_token: (flags & RESUME != 0).then(|| token(&mut rest)).transpose()?,
        metadata_mime_type: mime_type(&mut rest)?,
        data_mime_type: mime_type(&mut rest)?,
        payload: payload(flags, rest)?,
    })
}

fn resume(mut rest: Bytes) -> Result<Body, Problem> {
    Ok(Body::Resume {
        version: (rest.try_get_u16()?, rest.try_get_u16()?),
        token: token(&mut rest)?,
        last_received_server_position: rest.try_get_u64()? & MAX_POSITION,
        first_available_client_position: rest.try_get_u64()? & MAX_POSITION,
    })
}

fn payload(flags: u16, mut rest: Bytes) -> Result<Payload, Problem> {
    if flags & METADATA == 0 {
        return Ok(Payload::new(rest));
    }
    if rest.len() < METADATA_LENGTH_BYTES {
        return Err(Problem::TooShort);
    }
    let length = rest.get_uint(METADATA_LENGTH_BYTES) as usize;
    if length > rest.len() {
        return Err(Problem::MetadataLength);
    }
    let metadata = rest.split_to(length);
    Ok(Payload::new(rest).with_metadata(metadata))
}

fn token(rest: &mut Bytes) -> Result<Bytes, Problem> {
    let length = usize::from(rest.try_get_u16()?);
    take(rest, length)
}

fn mime_type(rest: &mut Bytes) -> Result<String, Problem> {
    let length = usize::from(rest.try_get_u8()?);
    let bytes = take(rest, length)?;
    String::from_utf8(bytes.into()).map_err(|_| Problem::MimeType)
}

fn take(rest: &mut Bytes, length: usize) -> Result<Bytes, Problem> {
    if length > rest.len() {
        return Err(Problem::TooShort);
    }
    Ok(rest.split_to(length))
}
