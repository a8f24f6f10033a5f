//! Watches the frames that a server sends (RFC 9113 section 4.1): whether it speaks HTTP/2 at all, and whether it floods the gateway with frames that belong to no answer. Bytes and times go in, and no sockets.
#![deny(clippy::disallowed_methods)]

use std::time::{Duration, Instant};

use crate::limits::{
    HTTP2_OVERHEAD_BYTES_PER_DATA_FRAME, HTTP2_OVERHEAD_BYTES_PER_SEC, HTTP2_SENT_BYTES_PER_OVERHEAD_BYTE,
    MAX_HTTP2_OVERHEAD_BYTES,
};

/// What a client sends before its first frame (RFC 9113 section 3.4).
const PREFACE_BYTES: usize = 24;
const HEAD_BYTES: usize = 9;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;
const CONTINUATION: u8 = 9;
/// The flag of the last frame of a stream, and of an acknowledgement.
const END_OR_ACK: u8 = 1;

/// Why a connection must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Misbehaviour {
    #[error("the server does not speak HTTP/2")]
    NotHttp2,
    #[error("the server sends too many frames that belong to no answer")]
    Flood,
}

/// Finds the heads of frames in the bytes of one direction.
#[derive(Debug)]
struct FrameHeads {
    head: [u8; HEAD_BYTES],
    head_filled: usize,
    /// How many bytes come before the next head.
    skipped: usize,
}

impl FrameHeads {
    /// The heads of frames that begin after so many bytes.
    fn after(skipped: usize) -> Self {
        Self {
            head: [0; HEAD_BYTES],
            head_filled: 0,
            skipped,
        }
    }

    /// The next head that ends in `bytes`, which become those behind it.
    fn next(&mut self, bytes: &mut &[u8]) -> Option<[u8; HEAD_BYTES]> {
        while !bytes.is_empty() {
            let wanted = match self.skipped {
                0 => HEAD_BYTES - self.head_filled,
                skipped => skipped,
            };
            let (part, rest) = bytes.split_at(wanted.min(bytes.len()));
            *bytes = rest;
            if self.skipped > 0 {
                self.skipped -= part.len();
                continue;
            }
            let place = self.head.iter_mut().skip(self.head_filled);
            place.zip(part).for_each(|(place, byte)| *place = *byte);
            self.head_filled += part.len();
            if self.head_filled == HEAD_BYTES {
                self.head_filled = 0;
                self.skipped = length(&self.head);
                return Some(self.head);
            }
        }
        None
    }
}

/// The length of a frame without its head.
fn length(head: &[u8; HEAD_BYTES]) -> usize {
    let [high, middle, low, ..] = *head;
    u32::from_be_bytes([0, high, middle, low]) as usize
}

/// Watches the frames of one connection.
#[derive(Debug)]
pub(super) struct FrameMeter {
    received: FrameHeads,
    sent: FrameHeads,
    has_begun: bool,
    /// The bytes of frames that belong to no answer, less what is allowed.
    overhead: u64,
    /// When `overhead` last became less by time.
    since: Instant,
    /// The bytes that were sent and for which nothing was allowed yet.
    sent_rest: u64,
    empty_frames: usize,
}

impl FrameMeter {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            received: FrameHeads::after(0),
            sent: FrameHeads::after(PREFACE_BYTES),
            has_begun: false,
            overhead: 0,
            since: now,
            sent_rest: 0,
            empty_frames: 0,
        }
    }

    /// Whether the server has begun to speak HTTP/2: its first frame are its settings (RFC 9113 section 3.4).
    pub(super) fn has_begun(&self) -> bool {
        self.has_begun
    }

    /// How many frames of data without data have come so far, not counting the last ones of streams.
    pub(super) fn empty_frames(&self) -> usize {
        self.empty_frames
    }

    /// Reads bytes that were sent to the server.
    pub(super) fn sent(&mut self, mut bytes: &[u8]) {
        self.sent_rest += bytes.len() as u64;
        let mut allowed = self.sent_rest / HTTP2_SENT_BYTES_PER_OVERHEAD_BYTE;
        self.sent_rest %= HTTP2_SENT_BYTES_PER_OVERHEAD_BYTE;
        while let Some([_, _, _, kind, ..]) = self.sent.next(&mut bytes) {
            if kind == DATA {
                allowed += HTTP2_OVERHEAD_BYTES_PER_DATA_FRAME;
            }
        }
        self.overhead = self.overhead.saturating_sub(allowed);
    }

    /// Reads bytes of the server.
    ///
    /// # Errors
    /// The connection must end.
    pub(super) fn received(&mut self, mut bytes: &[u8], now: Instant) -> Result<(), Misbehaviour> {
        while let Some(head) = self.received.next(&mut bytes) {
            self.take_head(head, now)?;
        }
        Ok(())
    }

    fn take_head(&mut self, head: [u8; HEAD_BYTES], now: Instant) -> Result<(), Misbehaviour> {
        let [_, _, _, kind, flags, stream @ ..] = head;
        let length = length(&head);
        if !self.has_begun {
            let is_settings = kind == SETTINGS && flags & END_OR_ACK == 0 && stream == [0; 4];
            if !is_settings || !length.is_multiple_of(6) {
                return Err(Misbehaviour::NotHttp2);
            }
            self.has_begun = true;
        }
        self.count(kind, flags, length as u64, now)
    }

    fn count(&mut self, kind: u8, flags: u8, length: u64, now: Instant) -> Result<(), Misbehaviour> {
        match kind {
            DATA if length == 0 && flags & END_OR_ACK == 0 => {
                self.overhead += HEAD_BYTES as u64;
                self.empty_frames += 1;
            }
            DATA | HEADERS | CONTINUATION => self.overhead = self.overhead.saturating_sub(length),
            _ => self.overhead += HEAD_BYTES as u64 + length,
        }
        if self.overhead <= MAX_HTTP2_OVERHEAD_BYTES {
            return Ok(());
        }
        // Time is only looked at where it decides.
        let passed = now
            .saturating_duration_since(self.since)
            .min(Duration::from_secs(60));
        let allowed = passed.as_millis() as u64 * HTTP2_OVERHEAD_BYTES_PER_SEC / 1_000;
        self.since = now;
        self.overhead = self.overhead.saturating_sub(allowed);
        if self.overhead > MAX_HTTP2_OVERHEAD_BYTES {
            return Err(Misbehaviour::Flood);
        }
        Ok(())
    }
}

#[cfg(test)]
#[allow(clippy::disallowed_methods, reason = "a moment to count from")]
mod tests;
