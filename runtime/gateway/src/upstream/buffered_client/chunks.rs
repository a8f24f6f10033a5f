//! A body in chunks (RFC 9112 section 7.1), read byte by byte outside of data.
#![deny(clippy::disallowed_methods)]

use http::{HeaderMap, HeaderName, HeaderValue};

use super::BadAnswer;

use crate::limits::{MAX_ANSWER_HEADERS, MAX_CHUNK_EXTRA_BYTES, MAX_CHUNK_SIZE_DIGITS};

/// The reader of a body in chunks.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::upstream) struct Chunks {
    state: ChunkState,
    extra: usize,
    /// The lines after the last chunk.
    trailers: Vec<u8>,
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
    pub(in crate::upstream) fn new() -> Self {
        Self {
            state: START,
            extra: 0,
            trailers: Vec::new(),
        }
    }

    pub(in crate::upstream) fn is_done(&self) -> bool {
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
        while !rest.is_empty() && !self.is_done() {
            let (before, length) = self.piece(rest)?;
            let (data, after) = rest.split_at(before).1.split_at(length);
            if body.len() + data.len() > limit {
                return Err(BadAnswer::TooLong(limit));
            }
            body.extend_from_slice(data);
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }

    /// Reads `bytes` up to the end of the first data. Returns how many bytes come before the data, and how many are data. Without
    /// data, the rest of the body is missing, or it is done: then only the bytes before belong to it.
    pub(in crate::upstream) fn piece(&mut self, bytes: &[u8]) -> Result<(usize, usize), BadAnswer> {
        let mut before = 0;
        while let Some(byte) = bytes.get(before).filter(|_| !self.is_done()) {
            if let ChunkState::Data { left } = self.state {
                let length = usize::try_from(left)
                    .unwrap_or(usize::MAX)
                    .min(bytes.len() - before);
                let left = left - length as u64;
                self.state = if left == 0 {
                    ChunkState::DataEnd
                } else {
                    ChunkState::Data { left }
                };
                return Ok((before, length));
            }
            self.state = self.after(*byte)?;
            before += 1;
        }
        Ok((before, 0))
    }

    /// The trailers, once the body is done.
    ///
    /// # Errors
    /// They are not headers, or too many.
    pub(in crate::upstream) fn trailers(&mut self) -> Result<HeaderMap, BadAnswer> {
        let mut lines = std::mem::take(&mut self.trailers);
        let mut trailers = HeaderMap::new();
        if lines.is_empty() {
            return Ok(trailers);
        }
        lines.extend_from_slice(b"\r\n");
        let mut parsed = [httparse::EMPTY_HEADER; MAX_ANSWER_HEADERS];
        let parsed = httparse::parse_headers(&lines, &mut parsed).map_err(|_| BadAnswer::Chunks)?;
        let httparse::Status::Complete((_, parsed)) = parsed else {
            return Err(BadAnswer::Chunks);
        };
        for one in parsed {
            let name = HeaderName::from_bytes(one.name.as_bytes()).map_err(|_| BadAnswer::Chunks)?;
            let value = HeaderValue::from_bytes(one.value.trim_ascii()).map_err(|_| BadAnswer::Chunks)?;
            trailers.append(name, value);
        }
        Ok(trailers)
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
            (ChunkState::Trailer, b'\n') => self.trailer(byte, ChunkState::TrailerStart),
            (ChunkState::TrailerStart | ChunkState::Trailer, byte) if byte != b'\n' => {
                self.trailer(byte, ChunkState::Trailer)
            }
            (ChunkState::Extension { size }, byte) if byte != b'\n' => {
                self.extra(ChunkState::Extension { size })
            }
            _ => bad,
        }
    }

    fn trailer(&mut self, byte: u8, state: ChunkState) -> Result<ChunkState, BadAnswer> {
        let state = self.extra(state)?;
        self.trailers.push(byte);
        Ok(state)
    }

    fn extra(&mut self, state: ChunkState) -> Result<ChunkState, BadAnswer> {
        self.extra += 1;
        if self.extra > MAX_CHUNK_EXTRA_BYTES {
            return Err(BadAnswer::Chunks);
        }
        Ok(state)
    }
}
