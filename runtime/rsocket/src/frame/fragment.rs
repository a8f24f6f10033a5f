//! Fragmentation and reassembly (section Fragmentation And Reassembly).

use bytes::BytesMut;

use super::{Body, Frame, HEADER_BYTES, METADATA_LENGTH_BYTES, Payload, encode::request_bytes};
use crate::limits::MIN_COUNTED_FRAGMENT_BYTES;

/// Takes a first fragment of at most `max_bytes` off a frame that is longer, and leaves the rest as a PAYLOAD frame.
/// `None` if the frame is short enough, or if frames of its type cannot be fragmented.
pub(crate) fn take_fragment(frame: &mut Frame, max_bytes: usize) -> Option<Frame> {
    let body = match &mut frame.body {
        Body::Request {
            interaction, payload, ..
        } => {
            let part = take_part(payload, max_bytes, HEADER_BYTES + request_bytes(*interaction))?;
            let mut interaction = *interaction;
            // The last fragment completes.
            let complete = match &mut interaction {
                super::Interaction::Channel { complete, .. } => std::mem::take(complete),
                _ => false,
            };
            let rest = std::mem::take(payload);
            frame.body = Body::Payload {
                follows: false,
                complete,
                next: true,
                payload: rest,
            };
            Body::Request {
                interaction,
                follows: true,
                payload: part,
            }
        }
        Body::Payload { payload, .. } => Body::Payload {
            follows: true,
            complete: false,
            next: true,
            payload: take_part(payload, max_bytes, HEADER_BYTES)?,
        },
        _ => return None,
    };
    Some(Frame {
        stream_id: frame.stream_id,
        body,
    })
}

/// The part of a payload that fits: metadata come completely before data.
fn take_part(payload: &mut Payload, max_bytes: usize, header_bytes: usize) -> Option<Payload> {
    let length_bytes = payload.metadata.as_ref().map_or(0, |_| METADATA_LENGTH_BYTES);
    let room = max_bytes.saturating_sub(header_bytes + length_bytes).max(1);
    if payload.bytes() <= room {
        return None;
    }
    let mut part = Payload::default();
    if let Some(mut metadata) = payload.metadata.take() {
        let taken = metadata.split_to(metadata.len().min(room));
        part.metadata = Some(taken);
        payload.metadata = (!metadata.is_empty()).then_some(metadata);
    }
    let left = room - part.bytes();
    if payload.metadata.is_none() {
        part.data = payload.data.split_to(payload.data.len().min(left));
    }
    Some(part)
}

/// A payload whose last fragment has not arrived.
#[derive(Debug)]
pub(crate) struct Partial {
    metadata: Option<BytesMut>,
    data: BytesMut,
    counted: usize,
}

impl Partial {
    pub(crate) fn new() -> Partial {
        Partial {
            metadata: None,
            data: BytesMut::new(),
            counted: 0,
        }
    }

    /// Appends a fragment. Returns what it counts.
    pub(crate) fn append(&mut self, fragment: &Payload) -> usize {
        if let Some(metadata) = &fragment.metadata {
            self.metadata.get_or_insert_default().extend_from_slice(metadata);
        }
        self.data.extend_from_slice(&fragment.data);
        let counted = fragment.bytes().max(MIN_COUNTED_FRAGMENT_BYTES);
        self.counted += counted;
        counted
    }

    /// What all fragments count together: at least their bytes.
    pub(crate) fn counted(&self) -> usize {
        self.counted
    }

    /// The whole payload.
    pub(crate) fn finish(self) -> Payload {
        Payload {
            metadata: self.metadata.map(BytesMut::freeze),
            data: self.data.freeze(),
        }
    }
}
