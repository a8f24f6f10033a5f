//! A body in chunks (RFC 9112 section 7.1), read byte by byte outside of data.
#![deny(clippy::disallowed_methods)]

use super::BadAnswer;

use crate::limits::{MAX_CHUNK_EXTRA_BYTES, MAX_CHUNK_SIZE_DIGITS};

/// The reader of a body in chunks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    state: ChunkState,
    extra: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ChunkState {
    Size {
        size: u64,
        digits: u8,
    },
    /// After the size, until the end of the line.
    Extension {
        size: u64,
    },
    SizeEnd {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataEnd,
    DataLineEnd,
    /// At the start of a line after the last chunk.
    TrailerStart,
    Trailer,
    LastLineEnd,
    Done,
}

const START: ChunkState = ChunkState::Size { size: 0, digits: 0 };

impl Chunks {
    pub(super) fn new() -> Self {
        Self {
            state: START,
            extra: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.state == ChunkState::Done
    }

    /// Reads `bytes`, appends data to `body`, and returns how many of the bytes belong to this body.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        body: &mut Vec<u8>,
        limit: usize,
    ) -> Result<usize, BadAnswer> {
        let mut rest = bytes;
        while let [first, after @ ..] = rest {
            if let ChunkState::Data { left } = self.state {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let (data, after) = rest.split_at(length);
                if body.len() + data.len() > limit {
                    return Err(BadAnswer::TooLong(limit));
                }
                body.extend_from_slice(data);
                let left = left - data.len() as u64;
                self.state = if left == 0 {
                    ChunkState::DataEnd
                } else {
                    ChunkState::Data { left }
                };
                rest = after;
                continue;
            }
            if self.is_done() {
                break;
            }
            self.state = self.after(*first)?;
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }

    /// The state after a byte that is not data.
    fn after(&mut self, byte: u8) -> Result<ChunkState, BadAnswer> {
        let bad = Err(BadAnswer::Chunks);
        match (self.state, byte) {
            (ChunkState::Size { digits: 0, .. }, byte) if !byte.is_ascii_hexdigit() => bad,
            (ChunkState::Size { size, .. }, b'\r') => Ok(ChunkState::SizeEnd { size }),
            (ChunkState::Size { size, .. }, b';' | b' ' | b'\t') => Ok(ChunkState::Extension { size }),
            (ChunkState::Size { size, digits }, byte) => match char::from(byte).to_digit(16) {
                Some(digit) if digits < MAX_CHUNK_SIZE_DIGITS => Ok(ChunkState::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                }),
                _ => bad,
            },
            (ChunkState::Extension { size }, b'\r') => Ok(ChunkState::SizeEnd { size }),
            (ChunkState::SizeEnd { size: 0 }, b'\n') => Ok(ChunkState::TrailerStart),
            (ChunkState::SizeEnd { size }, b'\n') => Ok(ChunkState::Data { left: size }),
            (ChunkState::DataEnd, b'\r') => Ok(ChunkState::DataLineEnd),
            (ChunkState::DataLineEnd, b'\n') => Ok(START),
            (ChunkState::TrailerStart, b'\r') => Ok(ChunkState::LastLineEnd),
            (ChunkState::LastLineEnd, b'\n') => Ok(ChunkState::Done),
            (ChunkState::Trailer, b'\n') => self.extra(ChunkState::TrailerStart),
            (ChunkState::TrailerStart | ChunkState::Trailer, byte) if byte != b'\n' => {
                self.extra(ChunkState::Trailer)
            }
            (ChunkState::Extension { size }, byte) if byte != b'\n' => {
                self.extra(ChunkState::Extension { size })
            }
            _ => bad,
        }
    }

    fn extra(&mut self, state: ChunkState) -> Result<ChunkState, BadAnswer> {
        self.extra += 1;
        if self.extra > MAX_CHUNK_EXTRA_BYTES {
            return Err(BadAnswer::Chunks);
        }
        Ok(state)
    }
}
