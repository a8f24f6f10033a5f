//! Frames to bytes.

use bytes::{BufMut, Bytes, BytesMut};

use super::{
    Body, COMPLETE, FOLLOWS, Frame, HEADER_BYTES, Interaction, LEASE, METADATA, METADATA_LENGTH_BYTES, NEXT,
    Payload, RESPOND, RESUME, Setup, types,
};
use crate::limits::MAX_31_BITS;

/// 63 bits, the highest position of resumption.
const MAX_POSITION: u64 = u64::MAX >> 1;

impl Frame {
    /// The number of bytes that [`Frame::encode`] writes.
    pub fn encoded_bytes(&self) -> usize {
        HEADER_BYTES + self.body.encoded_bytes()
    }

    /// Appends the frame to `out`. Values that are too large for their fields lose their high bits. Frames
    /// longer than [`MAX_FRAME_BYTES`](crate::limits::MAX_FRAME_BYTES) are invalid: the caller fragments payloads before.
    pub fn encode(&self, out: &mut BytesMut) {
        out.reserve(self.encoded_bytes());
        let (frame_type, flags) = self.body.type_and_flags();
        out.put_u32(self.stream_id & MAX_31_BITS);
        out.put_u16(u16::from(frame_type) << 10 | flags);
        self.body.encode(out);
    }

    /// The frame as bytes of its own.
    pub fn to_bytes(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(self.encoded_bytes());
        self.encode(&mut out);
        out.freeze()
    }
}

fn flag(is_set: bool, flag: u16) -> u16 {
    if is_set { flag } else { 0 }
}

fn has_metadata(metadata: Option<&Bytes>) -> u16 {
    flag(metadata.is_some(), METADATA)
}

impl Body {
    fn type_and_flags(&self) -> (u8, u16) {
        match self {
            Body::Setup(setup) => {
                let resume = flag(setup.resume_token.is_some(), RESUME);
                let metadata = has_metadata(setup.payload.metadata.as_ref());
                (types::SETUP, resume | metadata | flag(setup.lease, LEASE))
            }
            Body::Lease { metadata, .. } => (types::LEASE, has_metadata(metadata.as_ref())),
            Body::Keepalive { respond, .. } => (types::KEEPALIVE, flag(*respond, RESPOND)),
            Body::Request {
                interaction,
                follows,
                payload,
            } => {
                let (frame_type, complete) = request_type(*interaction);
                let metadata = has_metadata(payload.metadata.as_ref());
                (frame_type, metadata | complete | flag(*follows, FOLLOWS))
            }
            Body::RequestN(_) => (types::REQUEST_N, 0),
            Body::Cancel => (types::CANCEL, 0),
            Body::Payload {
                follows,
                complete,
                next,
                payload,
            } => {
                let ends = flag(*follows, FOLLOWS) | flag(*complete, COMPLETE) | flag(*next, NEXT);
                (types::PAYLOAD, ends | has_metadata(payload.metadata.as_ref()))
            }
            Body::Error { .. } => (types::ERROR, 0),
            Body::MetadataPush(_) => (types::METADATA_PUSH, METADATA),
            Body::Resume { .. } => (types::RESUME, 0),
            Body::ResumeOk { .. } => (types::RESUME_OK, 0),
            Body::Unknown {
                frame_type, flags, ..
            } => (frame_type & 0x3F, flags & 0x3FF),
        }
    }

    fn encoded_bytes(&self) -> usize {
        match self {
            Body::Setup(setup) => setup_bytes(setup),
            Body::Lease { metadata, .. } => 8 + metadata.as_ref().map_or(0, Bytes::len),
            Body::Keepalive { data, .. } => 8 + data.len(),
            Body::Request {
                interaction, payload, ..
            } => request_bytes(*interaction) + payload_bytes(payload),
            Body::RequestN(_) => 4,
            Body::Cancel => 0,
            Body::Payload { payload, .. } => payload_bytes(payload),
            Body::Error { data, .. } => 4 + data.len(),
            Body::MetadataPush(metadata) => metadata.len(),
            Body::Resume { token, .. } => 4 + 2 + token.len() + 16,
            Body::ResumeOk { .. } => 8,
            Body::Unknown { rest, .. } => rest.len(),
        }
    }

    fn encode(&self, out: &mut BytesMut) {
        match self {
            Body::Setup(setup) => put_setup(setup, out),
            Body::Lease {
                time_to_live,
                requests,
                metadata,
            } => {
                out.put_u32(time_to_live & MAX_31_BITS);
                out.put_u32(requests & MAX_31_BITS);
                out.put_slice(metadata.as_deref().unwrap_or_default());
            }
            Body::Keepalive { position, data, .. } => {
                out.put_u64(position & MAX_POSITION);
                out.put_slice(data);
            }
            Body::Request {
                interaction, payload, ..
            } => {
                if let Interaction::Stream { credit } | Interaction::Channel { credit, .. } = interaction {
                    out.put_u32(credit & MAX_31_BITS);
                }
                put_payload(payload, out);
            }
            Body::RequestN(credit) => out.put_u32(credit & MAX_31_BITS),
            Body::Cancel => {}
            Body::Payload { payload, .. } => put_payload(payload, out),
            Body::Error { code, data } => {
                out.put_u32(code.0);
                out.put_slice(data);
            }
            Body::MetadataPush(bytes) | Body::Unknown { rest: bytes, .. } => out.put_slice(bytes),
            Body::Resume { .. } | Body::ResumeOk { .. } => self.put_resume(out),
        }
    }

    fn put_resume(&self, out: &mut BytesMut) {
        match self {
            Body::Resume {
                version,
                token,
                last_received_server_position,
                first_available_client_position,
            } => {
                out.put_u16(version.0);
                out.put_u16(version.1);
                put_token(token, out);
                out.put_u64(last_received_server_position & MAX_POSITION);
                out.put_u64(first_available_client_position & MAX_POSITION);
            }
            Body::ResumeOk {
                last_received_client_position,
            } => out.put_u64(last_received_client_position & MAX_POSITION),
            _ => {}
        }
    }
}

/// The frame type of a request, and its flag COMPLETE.
fn request_type(interaction: Interaction) -> (u8, u16) {
    match interaction {
        Interaction::Response => (types::REQUEST_RESPONSE, 0),
        Interaction::FireAndForget => (types::REQUEST_FNF, 0),
        Interaction::Stream { .. } => (types::REQUEST_STREAM, 0),
        Interaction::Channel { complete, .. } => (types::REQUEST_CHANNEL, flag(complete, COMPLETE)),
    }
}

/// The bytes of a request between its header and its payload.
pub(super) fn request_bytes(interaction: Interaction) -> usize {
    match interaction {
        Interaction::Response | Interaction::FireAndForget => 0,
        Interaction::Stream { .. } | Interaction::Channel { .. } => 4,
    }
}

fn payload_bytes(payload: &Payload) -> usize {
    let length = payload.metadata.as_ref().map_or(0, |_| METADATA_LENGTH_BYTES);
    length + payload.bytes()
}

fn put_payload(payload: &Payload, out: &mut BytesMut) {
    if let Some(metadata) = &payload.metadata {
        out.put_uint(metadata.len() as u64, METADATA_LENGTH_BYTES);
        out.put_slice(metadata);
    }
    out.put_slice(&payload.data);
}

fn setup_bytes(setup: &Setup) -> usize {
    let token = setup.resume_token.as_ref().map_or(0, |token| 2 + token.len());
    let types = 2 + setup.metadata_mime_type.len() + setup.data_mime_type.len();
    12 + token + types + payload_bytes(&setup.payload)
}

fn put_setup(setup: &Setup, out: &mut BytesMut) {
    out.put_u16(setup.version.0);
    out.put_u16(setup.version.1);
    out.put_u32(setup.keepalive_interval & MAX_31_BITS);
    out.put_u32(setup.keepalive_lifetime & MAX_31_BITS);
    if let Some(token) = &setup.resume_token {
        put_token(token, out);
    }
    put_mime_type(&setup.metadata_mime_type, out);
    put_mime_type(&setup.data_mime_type, out);
    put_payload(&setup.payload, out);
}

fn put_token(token: &Bytes, out: &mut BytesMut) {
    let token = &token[..token.len().min(usize::from(u16::MAX))];
    out.put_uint(token.len() as u64, 2);
    out.put_slice(token);
}

fn put_mime_type(mime_type: &str, out: &mut BytesMut) {
    let mime_type = &mime_type.as_bytes()[..mime_type.len().min(usize::from(u8::MAX))];
    out.put_uint(mime_type.len() as u64, 1);
    out.put_slice(mime_type);
}
