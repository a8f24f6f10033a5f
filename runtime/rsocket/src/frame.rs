//! Frames: their types, and how they are encoded (sections Framing Format and Frame Types).

mod decode;
mod encode;
mod error_code;
mod fragment;
mod payload;
mod setup;

pub use decode::{Malformed, Problem, decode};
pub use error_code::{ErrorCode, Failure};
pub(crate) use fragment::{Partial, take_fragment};
pub use payload::Payload;
pub use setup::Setup;

use bytes::Bytes;

/// A frame, without the length that TCP puts before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// 31 bits. 0 stands for the connection.
    pub stream_id: u32,
    /// What the frame says.
    pub body: Body,
}

/// The types of frames.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// SETUP (0x01): the client's first frame.
    Setup(Box<Setup>),
    /// LEASE (0x02). This crate never asks for leases.
    Lease {
        /// Milliseconds.
        time_to_live: u32,
        /// The number of requests that may be sent in this time.
        requests: u32,
        /// What else the lease says.
        metadata: Option<Bytes>,
    },
    /// KEEPALIVE (0x03).
    Keepalive {
        /// Whether the peer must answer.
        respond: bool,
        /// 63 bits, for resumption. 0 if it is not supported.
        position: u64,
        /// Echoed in the answer.
        data: Bytes,
    },
    /// REQUEST_RESPONSE, REQUEST_FNF, REQUEST_STREAM and REQUEST_CHANNEL (0x04 to 0x07).
    Request {
        /// Which of the four.
        interaction: Interaction,
        /// Whether fragments follow, as PAYLOAD frames.
        follows: bool,
        /// The request, or its first fragment.
        payload: Payload,
    },
    /// REQUEST_N (0x08): credit for further payloads, 31 bits.
    RequestN(u32),
    /// CANCEL (0x09).
    Cancel,
    /// PAYLOAD (0x0A).
    Payload {
        /// Whether fragments follow.
        follows: bool,
        /// Whether the sender's part of the stream ends here.
        complete: bool,
        /// Whether there is a payload, which may be empty.
        next: bool,
        /// The payload, or a fragment of it.
        payload: Payload,
    },
    /// ERROR (0x0B).
    Error {
        /// What failed.
        code: ErrorCode,
        /// Usually UTF-8 text.
        data: Bytes,
    },
    /// METADATA_PUSH (0x0C).
    MetadataPush(Bytes),
    /// RESUME (0x0D). This crate refuses it.
    Resume {
        /// Major and minor.
        version: (u16, u16),
        /// Which connection is to be resumed.
        token: Bytes,
        /// 63 bits.
        last_received_server_position: u64,
        /// 63 bits.
        first_available_client_position: u64,
    },
    /// RESUME_OK (0x0E).
    ResumeOk {
        /// 63 bits.
        last_received_client_position: u64,
    },
    /// EXT (0x3F), and types that the specification does not have.
    Unknown {
        /// 6 bits.
        frame_type: u8,
        /// 10 bits, [`IGNORE`] among them.
        flags: u16,
        /// All bytes after the header.
        rest: Bytes,
    },
}

/// The four kinds of requests (section Stream Sequences and Lifetimes).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interaction {
    /// One answer.
    Response,
    /// No answer.
    FireAndForget,
    /// Many answers.
    Stream {
        /// Initial Request N: how many answers may be sent. 31 bits, above 0.
        credit: u32,
    },
    /// Many payloads in both directions.
    Channel {
        /// Initial Request N: how many answers may be sent. 31 bits, above 0.
        credit: u32,
        /// Whether the requester sends nothing more.
        complete: bool,
    },
}

/// The flag of frames that may be ignored by peers that do not know their type (section Handling Ignore Flag).
pub const IGNORE: u16 = 1 << 9;
/// The flag of frames with metadata.
pub(crate) const METADATA: u16 = 1 << 8;
pub(crate) const FOLLOWS: u16 = 1 << 7;
pub(crate) const COMPLETE: u16 = 1 << 6;
pub(crate) const NEXT: u16 = 1 << 5;
/// SETUP only.
pub(crate) const RESUME: u16 = 1 << 7;
/// SETUP only.
pub(crate) const LEASE: u16 = 1 << 6;
/// KEEPALIVE only.
pub(crate) const RESPOND: u16 = 1 << 7;
/// Stream id, type and flags.
pub(crate) const HEADER_BYTES: usize = 6;
/// The length that stands before metadata where data may follow.
pub(crate) const METADATA_LENGTH_BYTES: usize = 3;

/// The values of the field Frame Type.
pub(crate) mod types {
    pub(crate) const SETUP: u8 = 0x01;
    pub(crate) const LEASE: u8 = 0x02;
    pub(crate) const KEEPALIVE: u8 = 0x03;
    pub(crate) const REQUEST_RESPONSE: u8 = 0x04;
    pub(crate) const REQUEST_FNF: u8 = 0x05;
    pub(crate) const REQUEST_STREAM: u8 = 0x06;
    pub(crate) const REQUEST_CHANNEL: u8 = 0x07;
    pub(crate) const REQUEST_N: u8 = 0x08;
    pub(crate) const CANCEL: u8 = 0x09;
    pub(crate) const PAYLOAD: u8 = 0x0A;
    pub(crate) const ERROR: u8 = 0x0B;
    pub(crate) const METADATA_PUSH: u8 = 0x0C;
    pub(crate) const RESUME: u8 = 0x0D;
    pub(crate) const RESUME_OK: u8 = 0x0E;
}
