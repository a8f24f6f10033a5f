//! The state machine without sockets: what it answers to frames, correct ones and others.

#[path = "machine/bad_input.rs"]
mod bad_input;
#[path = "machine/pair.rs"]
mod pair;
#[path = "machine/payloads.rs"]
mod payloads;
#[path = "machine/times.rs"]
mod times;

use std::time::Instant;

use bytes::Bytes;
use hydra_runtime_rsocket::{
    Config, ErrorCode, Payload, Setup,
    frame::{Body, Frame, Interaction},
    machine::{Event, Machine},
};

/// A machine, with the time.
struct End {
    machine: Machine,
    now: Instant,
}

impl End {
    fn server(config: Config) -> End {
        let now = Instant::now();
        End {
            machine: Machine::server(config, now),
            now,
        }
    }

    fn client(config: Config) -> End {
        let now = Instant::now();
        let machine = Machine::client(Setup::default(), config, now);
        let mut end = End { machine, now };
        assert!(matches!(
            end.frames()[..],
            [Frame {
                body: Body::Setup(_),
                ..
            }]
        ));
        end
    }

    fn receive(&mut self, stream_id: u32, body: Body) {
        self.receive_bytes(Frame { stream_id, body }.to_bytes());
    }

    fn receive_bytes(&mut self, bytes: Bytes) {
        self.machine.receive(bytes, self.now);
    }

    fn frames(&mut self) -> Vec<Frame> {
        let mut frames = Vec::new();
        while let Some(frame) = self.machine.poll_frame(self.now) {
            frames.push(frame);
        }
        frames
    }

    fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::new();
        while let Some(event) = self.machine.poll_event() {
            events.push(event);
        }
        events
    }

    /// The events and frames that came of the last step, each in a few words.
    fn outcome(&mut self) -> Vec<String> {
        let events = self.events();
        let frames = self.frames();
        let more = self.events();
        let events = events.iter().chain(&more).map(event_in_words);
        events.chain(frames.iter().map(frame_in_words)).collect()
    }
}

fn text(bytes: &[u8]) -> String {
    if bytes.len() > 60 {
        return format!("{} bytes", bytes.len());
    }
    String::from_utf8_lossy(bytes).into_owned()
}

fn event_in_words(event: &Event) -> String {
    match event {
        Event::Request {
            id,
            interaction,
            payload,
        } => {
            let kind = match interaction {
                Interaction::Response => "response",
                Interaction::FireAndForget => "forget",
                Interaction::Stream { .. } => "stream",
                Interaction::Channel { .. } => "channel",
            };
            format!("{kind} {id} {}", text(&payload.data))
        }
        Event::MetadataPush(metadata) => format!("pushed {}", text(metadata)),
        Event::Item { id, payload } => format!("item {id} {}", text(&payload.data)),
        Event::Completed(id) => format!("completed {id}"),
        Event::Failed(id, error) => format!("failed {id} {error}"),
        Event::Credit(id) => format!("credit {id}"),
        Event::Cancelled(id) => format!("cancelled {id}"),
        Event::Closed(reason) => format!("closed: {reason}"),
    }
}

fn frame_in_words(frame: &Frame) -> String {
    let id = frame.stream_id;
    match &frame.body {
        Body::Error { code, data } => format!("-> ERROR[{code}] {id} {}", text(data)),
        Body::RequestN(credit) => format!("-> REQUEST_N {id} {credit}"),
        Body::Cancel => format!("-> CANCEL {id}"),
        Body::Keepalive { respond, data, .. } => {
            let kind = if *respond { "asks" } else { "answers" };
            format!("-> KEEPALIVE {kind} {}", text(data))
        }
        Body::Payload {
            payload,
            complete,
            next,
            follows,
        } => {
            let flags = [(*next, "N"), (*complete, "C"), (*follows, "F")];
            let flags: String = flags
                .iter()
                .filter(|(is_set, _)| *is_set)
                .map(|(_, flag)| *flag)
                .collect();
            format!("-> PAYLOAD {id} {flags} {}", text(&payload.data))
        }
        other => format!("-> {id} {other:?}"),
    }
}

fn request(interaction: Interaction, data: &'static str) -> Body {
    Body::Request {
        interaction,
        follows: false,
        payload: Payload::from(data),
    }
}

fn response(data: &'static str) -> Body {
    request(Interaction::Response, data)
}

/// A PAYLOAD frame with the flags that `flags` names: F, C, N.
fn payload(flags: &str, data: impl Into<Bytes>) -> Body {
    Body::Payload {
        follows: flags.contains('F'),
        complete: flags.contains('C'),
        next: flags.contains('N'),
        payload: Payload::new(data),
    }
}

fn error(code: ErrorCode) -> Body {
    Body::Error {
        code,
        data: "why".into(),
    }
}

const STREAM: Interaction = Interaction::Stream { credit: 1 };

/// Frames in, and the words of `End::outcome`.
type Row = (&'static str, Vec<(u32, Body)>, &'static [&'static str]);

fn small() -> Config {
    Config {
        max_payload_bytes: 100,
        max_partial_bytes: 150,
        max_requests: 2,
        channel_credit: 2,
        ..Config::default()
    }
}

fn check(end: impl Fn() -> End, table: Vec<Row>) {
    for (what, frames, expected) in table {
        let mut end = end();
        for (id, body) in frames {
            end.receive(id, body);
        }
        assert_eq!(end.outcome(), expected, "{what}");
    }
}
