//! Frames that wait for the transport. Frames about the connection go first (section QoS and Prioritization), and long payloads share
//! the connection: after each fragment comes the turn of other streams.

use std::collections::{HashMap, VecDeque};

use crate::{
    frame::{Frame, take_fragment},
    limits::QUEUED_FRAME_OVERHEAD_BYTES,
};

#[derive(Debug)]
pub(super) struct Outbox {
    fragment_bytes: usize,
    /// About the connection, and refusals of requests that no handler has seen.
    replies: VecDeque<Frame>,
    reply_bytes: usize,
    frames: VecDeque<Waiting>,
    queued_bytes: usize,
    /// Frames of streams that have a frame in `frames` which is sent in fragments: their order must stay.
    behind_fragments: HashMap<u32, VecDeque<Frame>, foldhash::fast::RandomState>,
}

#[derive(Debug)]
struct Waiting {
    frame: Frame,
    /// Whether it is or was longer than one fragment.
    is_long: bool,
}

fn cost(frame: &Frame) -> usize {
    frame.encoded_bytes() + QUEUED_FRAME_OVERHEAD_BYTES
}

impl Outbox {
    pub(super) fn new(fragment_bytes: usize) -> Outbox {
        Outbox {
            fragment_bytes,
            replies: VecDeque::new(),
            reply_bytes: 0,
            frames: VecDeque::new(),
            queued_bytes: 0,
            behind_fragments: HashMap::default(),
        }
    }

    pub(super) fn push_reply(&mut self, frame: Frame) {
        self.reply_bytes += cost(&frame);
        self.replies.push_back(frame);
    }

    pub(super) fn push(&mut self, frame: Frame) {
        self.queued_bytes += cost(&frame);
        if let Some(behind) = self.behind(frame.stream_id) {
            behind.push_back(frame);
        } else {
            self.enqueue(frame);
        }
    }

    fn behind(&mut self, stream_id: u32) -> Option<&mut VecDeque<Frame>> {
        if self.behind_fragments.is_empty() {
            return None;
        }
        self.behind_fragments.get_mut(&stream_id)
    }

    fn enqueue(&mut self, frame: Frame) {
        let is_long = frame.encoded_bytes() > self.fragment_bytes;
        if is_long {
            self.behind_fragments.entry(frame.stream_id).or_default();
        }
        self.frames.push_back(Waiting { frame, is_long });
    }

    pub(super) fn pop(&mut self) -> Option<Frame> {
        if let Some(frame) = self.replies.pop_front() {
            self.reply_bytes -= cost(&frame);
            return Some(frame);
        }
        let Waiting { mut frame, is_long } = self.frames.pop_front()?;
        self.queued_bytes -= cost(&frame);
        if !is_long {
            return Some(frame);
        }
        if let Some(fragment) = take_fragment(&mut frame, self.fragment_bytes) {
            self.queued_bytes += cost(&frame);
            self.frames.push_back(Waiting { frame, is_long });
            return Some(fragment);
        }
        self.release(frame.stream_id);
        Some(frame)
    }

    /// The last fragment of a stream's frame has been sent: its next frames follow, up to one that is long as well.
    fn release(&mut self, stream_id: u32) {
        let behind = self.behind_fragments.remove(&stream_id);
        for frame in behind.unwrap_or_default() {
            match self.behind(stream_id) {
                Some(behind) => behind.push_back(frame),
                None => self.enqueue(frame),
            }
        }
    }

    /// Drops what waits of a stream that has been cancelled in the midst of a long payload. The frames of other streams stay, and short
    /// frames of this one may be sent: peers ignore them.
    pub(super) fn forget(&mut self, stream_id: u32) {
        if self.behind(stream_id).is_none() {
            return;
        }
        let behind = self.behind_fragments.remove(&stream_id).unwrap_or_default();
        let queued_bytes = &mut self.queued_bytes;
        behind.iter().for_each(|frame| *queued_bytes -= cost(frame));
        self.frames.retain(|waiting| {
            let stays = waiting.frame.stream_id != stream_id;
            if !stays {
                *queued_bytes -= cost(&waiting.frame);
            }
            stays
        });
    }

    pub(super) fn clear(&mut self) {
        *self = Outbox::new(self.fragment_bytes);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.replies.is_empty() && self.frames.is_empty()
    }

    pub(super) fn queued_bytes(&self) -> usize {
        self.queued_bytes
    }

    pub(super) fn reply_bytes(&self) -> usize {
        self.reply_bytes
    }
}
