//! Every limit of the protocol and of this crate, with its reason. A name ends in its unit, unless the type says it.

use std::time::Duration;

/// The longest frame (section Max Frame Size), without the length that TCP puts before it.
pub const MAX_FRAME_BYTES: usize = 0x00FF_FFFF;
/// The highest stream id, credit or time (section Frame Header Format): these fields have 31 bits.
pub const MAX_31_BITS: u32 = 0x7FFF_FFFF;
/// The smallest frame size at which payloads may be fragmented. Smaller ones would hold more headers than content.
pub const MIN_FRAGMENT_BYTES: usize = 64;
/// The longest text of an error that is sent. It explains a failure to people.
pub const MAX_ERROR_BYTES: usize = 4 << 10;
/// What a fragment counts at least against the limit of its payload, so that a sequence of empty fragments ends, too.
pub(crate) const MIN_COUNTED_FRAGMENT_BYTES: usize = 16;
/// Answers that the peer caused without any handler, such as those to KEEPALIVE, may wait up to this number of bytes. Beyond it
/// nothing more is read, because a peer that sends without reading would fill the memory.
pub(crate) const MAX_WAITING_REPLY_BYTES: usize = 256 << 10;
/// What a queued frame counts besides its payload: about what the queue needs for it.
pub(crate) const QUEUED_FRAME_OVERHEAD_BYTES: usize = 128;
/// How long a new connection may take until its SETUP has arrived.
pub const SETUP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long the last frame of a connection may take until the transport is closed without it.
pub(crate) const LAST_WORDS_TIMEOUT: Duration = Duration::from_secs(1);
/// A transport's write buffer is sent at this size. It bounds what a transport holds for a peer that does not read.
pub(crate) const WRITE_BUFFER_BYTES: usize = 64 << 10;
/// How many bytes are read at once between frames. They are on the stack, so that an idle connection has no buffer.
pub(crate) const READ_BYTES: usize = 16 << 10;
/// How far the buffer for a long frame grows ahead of the bytes that have arrived. Its announced length is only a claim.
pub(crate) const READ_AHEAD_BYTES: usize = 64 << 10;
/// How many frames are read before those that wait are written.
pub(crate) const FRAMES_PER_TURN: usize = 64;
