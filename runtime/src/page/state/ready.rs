//! The text that may leave: everything before the first open place, in document order.

use bytes::{Bytes, BytesMut};

use super::{Content, PageState};
use crate::page::marker::Part;

/// Pieces below this size are copied together: each piece of a response costs the kernel more than that copy.
const SMALL: usize = 256;

impl PageState {
    /// Moves the text that is ready to `out`, and with it the beginning of what comes next time.
    pub fn take_ready(&mut self, out: &mut impl Extend<Bytes>) {
        let mut small = Small::default();
        while let Some((within, next)) = self.cursor.last_mut() {
            let parts = match within {
                None => &self.root,
                Some(number) => match &self.nodes[*number as usize].content {
                    Content::Parts(parts) => parts,
                    _ => break,
                },
            };
            let Some(part) = parts.get(*next) else {
                self.cursor.pop();
                continue;
            };
            match part {
                Part::Text(text) => match &mut self.delivery {
                    Some(delivery) if within.is_none() && *next + 1 == parts.len() => {
                        small.push(delivery.hold_end(text), out)
                    }
                    _ => small.push(text.clone(), out),
                },
                Part::Head => small.push(self.assets.end_head(), out),
                Part::Place(number) => match &self.nodes[*number as usize].content {
                    Content::Open => break,
                    Content::Html(html) => small.push(html.clone(), out),
                    Content::Linked(html, assets) => {
                        small.push(self.assets.links(assets), out);
                        small.push(html.clone(), out);
                    }
                    Content::Parts(_) => {
                        let number = *number;
                        *next += 1;
                        self.cursor.push((Some(number), 0));
                        continue;
                    }
                },
            }
            *next += 1;
        }
        if let Some(delivery) = self.delivery.as_mut().filter(|_| self.cursor.is_empty()) {
            delivery
                .take(|assets| self.assets.links(assets))
                .into_iter()
                .for_each(|piece| small.push(piece, out));
        }
        small.flush(out);
    }
}

/// Small pieces in a row.
#[derive(Default)]
struct Small {
    first: Bytes,
    joined: BytesMut,
}

impl Small {
    fn push(&mut self, piece: Bytes, out: &mut impl Extend<Bytes>) {
        if piece.is_empty() {
            return;
        }
        if piece.len() >= SMALL {
            self.flush(out);
            out.extend([piece]);
        } else if self.first.is_empty() && self.joined.is_empty() {
            self.first = piece;
        } else {
            if self.joined.is_empty() {
                self.joined.reserve(4 * SMALL);
            }
            self.joined.extend_from_slice(&std::mem::take(&mut self.first));
            self.joined.extend_from_slice(&piece);
        }
    }

    fn flush(&mut self, out: &mut impl Extend<Bytes>) {
        let piece = match self.joined.is_empty() {
            true => std::mem::take(&mut self.first),
            false => self.joined.split().freeze(),
        };
        if !piece.is_empty() {
            out.extend([piece]);
        }
    }
}
