//! Two machines that are connected: whatever both applications do, every payload arrives whole and in order, none without credit,
//! and every request ends.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;
use hydra_runtime_rsocket::{
    Config, Failure, Payload,
    frame::{Frame, Interaction},
    machine::{CloseReason, Event, Machine, SendError},
};
use proptest::prelude::*;

use super::End;

#[derive(Debug, Clone)]
enum Step {
    Open(Interaction, usize),
    Send(usize, usize, bool),
    Complete(usize),
    Fail(usize),
    Cancel(usize),
    Grant(usize, u32),
    Frames(usize),
}

fn step() -> impl Strategy<Value = (bool, Step)> {
    let interaction = prop_oneof![
        Just(Interaction::Response),
        (1..4_u32).prop_map(|credit| Interaction::Stream { credit }),
        (1..4_u32, any::<bool>()).prop_map(|(credit, complete)| Interaction::Channel { credit, complete }),
    ];
    let which = || 0..6_usize;
    let step = prop_oneof![
        3 => (interaction, 0..400_usize).prop_map(|(interaction, size)| Step::Open(interaction, size)),
        6 => (which(), 0..400_usize, prop::bool::weighted(0.1)).prop_map(|(at, size, last)| Step::Send(at, size, last)),
        1 => which().prop_map(Step::Complete),
        1 => which().prop_map(Step::Fail),
        1 => which().prop_map(Step::Cancel),
        3 => (which(), 0..3_u32).prop_map(|(at, credit)| Step::Grant(at, credit)),
        6 => (1..8_usize).prop_map(Step::Frames),
    ];
    (any::<bool>(), step)
}

/// One application.
struct Side {
    end: End,
    wire: VecDeque<Bytes>,
    /// Requests that may go on, by id.
    open: Vec<u32>,
    /// What was sent and has to arrive, by id: bytes are numbered.
    sent: BTreeMap<u32, VecDeque<Bytes>>,
    ends: BTreeMap<u32, usize>,
    number: u8,
}

impl Side {
    fn new(end: End) -> Side {
        Side {
            end,
            wire: VecDeque::new(),
            open: Vec::new(),
            sent: BTreeMap::new(),
            ends: BTreeMap::new(),
            number: 0,
        }
    }

    fn payload(&mut self, size: usize) -> Payload {
        self.number = self.number.wrapping_add(1);
        let bytes = Bytes::from(vec![self.number; size]);
        let metadata = bytes.slice(..size / 3);
        Payload::new(bytes.slice(size / 3..)).with_metadata(metadata)
    }

    fn pick(&self, at: usize) -> Option<u32> {
        self.open.get(at % self.open.len().max(1)).copied()
    }

    fn act(&mut self, step: &Step) {
        match *step {
            Step::Open(interaction, size) => {
                let payload = self.payload(size);
                let content = payload.data.clone();
                let id = self.end.machine.open(interaction, payload).expect("it is open");
                self.open.push(id);
                self.sent.entry(id).or_default().push_back(content);
                self.ends.insert(id, 0);
            }
            Step::Send(at, size, last) => self.send(at, size, last),
            Step::Complete(at) => self.with(at, |machine, id| machine.complete(id)),
            Step::Fail(at) => {
                let id = self.pick(at).filter(|id| self.end.machine.credit(*id).is_some());
                self.with(at, |machine, id| machine.fail(id, &Failure::application("x")));
                id.into_iter().for_each(|id| self.forget(id));
            }
            Step::Cancel(at) => {
                if let Some(id) = self.pick(at) {
                    self.end.machine.cancel(id);
                    self.forget(id);
                }
            }
            Step::Grant(at, credit) => self.with(at, |machine, id| machine.grant(id, credit)),
            Step::Frames(_) => {}
        }
    }

    /// A request of this side has ended by this side's will: no event follows.
    fn forget(&mut self, id: u32) {
        if self.end.machine.is_own(id) {
            self.ends.remove(&id);
            self.open.retain(|open| *open != id);
        }
    }

    fn with(&mut self, at: usize, act: impl FnOnce(&mut Machine, u32)) {
        if let Some(id) = self.pick(at) {
            act(&mut self.end.machine, id);
        }
    }

    fn send(&mut self, at: usize, size: usize, last: bool) {
        let Some(id) = self.pick(at) else {
            return;
        };
        let credit = self.end.machine.credit(id);
        let payload = self.payload(size);
        let content = payload.data.clone();
        let sent = self.end.machine.send(id, payload, last);
        let expected = match credit {
            None => Err(SendError::Ended),
            Some(0) => Err(SendError::NoCredit),
            Some(_) => Ok(()),
        };
        assert_eq!(sent, expected);
        if sent.is_ok() {
            self.sent.entry(id).or_default().push_back(content);
        }
    }

    fn write(&mut self, count: usize) {
        for _ in 0..count {
            let Some(frame) = self.end.machine.poll_frame(self.end.now) else {
                return;
            };
            let fragment = |frame: &Frame| frame.encoded_bytes() <= 64;
            assert!(frame.stream_id == 0 || fragment(&frame), "{frame:?}");
            self.wire.push_back(frame.to_bytes());
        }
    }

    /// Takes what the other side has sent. `sent` is what it has sent by its own account.
    fn read(&mut self, wire: &mut VecDeque<Bytes>, sent: &mut BTreeMap<u32, VecDeque<Bytes>>) {
        while let Some(frame) = wire.pop_front() {
            self.end.receive_bytes(frame);
        }
        for event in self.end.events() {
            self.take(event, sent);
        }
    }

    fn take(&mut self, event: Event, sent: &mut BTreeMap<u32, VecDeque<Bytes>>) {
        let mut arrived = |id: u32, payload: Payload| {
            // Payloads may get lost behind a cancellation, but never out of order.
            let waiting = sent.entry(id).or_default();
            let next = waiting.iter().position(|sent| *sent == payload.data);
            let at = next.unwrap_or_else(|| panic!("{id}: nothing like {payload:?} was sent"));
            assert_eq!(at, 0, "payloads came out of order");
            waiting.pop_front();
            let metadata = payload.metadata.expect("metadata");
            assert!(
                metadata
                    .iter()
                    .all(|byte| payload.data.first().is_none_or(|first| first == byte))
            );
        };
        match event {
            Event::Request { id, payload, .. } => {
                arrived(id, payload);
                self.open.push(id);
            }
            Event::Item { id, payload } => arrived(id, payload),
            Event::Completed(id) | Event::Failed(id, _) => {
                if let Event::Failed(_, error) = &event {
                    assert!(error.to_string().starts_with("APPLICATION_ERROR"), "{error}");
                }
                if let Some(ends) = self.ends.get_mut(&id) {
                    *ends += 1;
                }
            }
            Event::Cancelled(_) | Event::Credit(_) | Event::MetadataPush(_) => {}
            Event::Closed(reason) => assert_eq!(reason, CloseReason::Lost),
        }
    }
}

fn small() -> Config {
    Config {
        fragment_bytes: 64,
        ..Config::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn payloads_arrive_in_order_and_requests_end(steps in prop::collection::vec(step(), 1..150)) {
        let mut sides = [Side::new(End::client(small())), Side::new(End::server(small()))];
        for (is_second, step) in steps {
            let [first, second] = &mut sides;
            let (side, other) = if is_second { (second, first) } else { (first, second) };
            side.act(&step);
            if let Step::Frames(count) = step {
                side.write(count);
                other.read(&mut side.wire, &mut side.sent);
            }
        }
        // All that waits arrives.
        let [client, server] = &mut sides;
        for _ in 0..3 {
            client.write(usize::MAX);
            server.read(&mut client.wire, &mut client.sent);
            server.write(usize::MAX);
            client.read(&mut server.wire, &mut server.sent);
        }
        for side in &mut sides {
            let open = side.ends.values().filter(|ends| **ends == 0).count();
            prop_assert!(side.ends.values().all(|ends| *ends <= 1), "{:?}", side.ends);
            // A channel whose own direction is open is in flight though its answers have ended.
            prop_assert!(side.end.machine.in_flight().0 >= open);
            side.end.machine.transport_ended(CloseReason::Lost);
            prop_assert_eq!(side.end.events().len(), 1);
            prop_assert_eq!(side.end.machine.in_flight().0, 0);
        }
    }
}
