//! A body in chunks (RFC 9112 section 7.1), byte by byte where it is not data.
#![deny(clippy::disallowed_methods)]

use super::BadAnswer;

use crate::limits::{MAX_CHUNK_EXTRA_BYTES, MAX_CHUNK_SIZE_DIGITS};

/// Where in a body in chunks its reader is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunks {
    place: Place,
    extra: usize,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
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

const START: Place = Place::Size { size: 0, digits: 0 };

impl Chunks {
    pub(super) fn new() -> Self {
        Self {
            place: START,
            extra: 0,
        }
    }

    pub(super) fn is_done(&self) -> bool {
        self.place == Place::Done
    }

    /// Reads `bytes`, adds data to `body`, and gives how many bytes belong to this body.
    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        body: &mut Vec<u8>,
        limit: usize,
    ) -> Result<usize, BadAnswer> {
        let mut rest = bytes;
        while let [first, after @ ..] = rest {
            if let Place::Data { left } = self.place {
                let length = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                let (data, after) = rest.split_at(length);
                if body.len() + data.len() > limit {
                    return Err(BadAnswer::TooLong(limit));
                }
                body.extend_from_slice(data);
                let left = left - data.len() as u64;
                self.place = if left == 0 {
                    Place::DataEnd
                } else {
                    Place::Data { left }
                };
                rest = after;
                continue;
            }
            if self.is_done() {
                break;
            }
            self.place = self.after(*first)?;
            rest = after;
        }
        Ok(bytes.len() - rest.len())
    }

    /// The place after a byte that is not data.
    fn after(&mut self, byte: u8) -> Result<Place, BadAnswer> {
        let bad = Err(BadAnswer::Chunks);
        match (self.place, byte) {
            (Place::Size { digits: 0, .. }, byte) if !byte.is_ascii_hexdigit() => bad,
            (Place::Size { size, .. }, b'\r') => Ok(Place::SizeEnd { size }),
            (Place::Size { size, .. }, b';' | b' ' | b'\t') => Ok(Place::Extension { size }),
            (Place::Size { size, digits }, byte) => match char::from(byte).to_digit(16) {
                Some(digit) if digits < MAX_CHUNK_SIZE_DIGITS => Ok(Place::Size {
                    size: size << 4 | u64::from(digit),
                    digits: digits + 1,
                }),
                _ => bad,
            },
            (Place::Extension { size }, b'\r') => Ok(Place::SizeEnd { size }),
            (Place::SizeEnd { size: 0 }, b'\n') => Ok(Place::TrailerStart),
            (Place::SizeEnd { size }, b'\n') => Ok(Place::Data { left: size }),
            (Place::DataEnd, b'\r') => Ok(Place::DataLineEnd),
            (Place::DataLineEnd, b'\n') => Ok(START),
            (Place::TrailerStart, b'\r') => Ok(Place::LastLineEnd),
            (Place::LastLineEnd, b'\n') => Ok(Place::Done),
            (Place::Trailer, b'\n') => self.extra(Place::TrailerStart),
            (Place::TrailerStart | Place::Trailer, byte) if byte != b'\n' => self.extra(Place::Trailer),
            (Place::Extension { size }, byte) if byte != b'\n' => self.extra(Place::Extension { size }),
            _ => bad,
        }
    }

    fn extra(&mut self, place: Place) -> Result<Place, BadAnswer> {
        self.extra += 1;
        if self.extra > MAX_CHUNK_EXTRA_BYTES {
            return Err(BadAnswer::Chunks);
        }
        Ok(place)
    }
}
