//! Random bytes, and frames that were changed a little, for the codec, the metadata and both ends of a connection.
//!
//! Runs for `HYDRA_FUZZ_SECONDS` (2 if not set; the test command gives it a minute, and hours are fine by hand).

use std::{
    cell::Cell,
    time::{Duration, Instant},
};

use bytes::Bytes;
use hydra_runtime_rsocket::{
    Config, Payload, Setup,
    frame::{Body, Frame, Interaction, decode},
    machine::{Event, Machine, first_frame},
    metadata::{Authentication, entries, tags},
};
use proptest::{
    prelude::*,
    test_runner::{Config as Runs, RngSeed, TestRunner},
};

/// A frame that begins as one, with a stream that may exist, and goes on with anything.
fn some_frame() -> impl Strategy<Value = Vec<u8>> {
    let header = (0..8_u8, 0..0x10_u8, any::<[u8; 2]>());
    let like_a_frame =
        (header, prop::collection::vec(any::<u8>(), 0..60)).prop_map(|((id, kind, flags), rest)| {
            let mut bytes = vec![0, 0, 0, id, kind << 2 | flags[0] & 3, flags[1] & 0xE0];
            bytes.extend(rest);
            bytes
        });
    prop_oneof![9 => like_a_frame, 1 => prop::collection::vec(any::<u8>(), 0..80)]
}

fn small() -> Config {
    Config {
        fragment_bytes: 64,
        max_payload_bytes: 300,
        max_partial_bytes: 500,
        max_requests: 3,
        max_queued_bytes: 1000,
        channel_credit: 2,
        ..Config::default()
    }
}

/// Whatever arrives, an end of a connection keeps its bounds, and what it sends are frames.
fn survives(mut machine: Machine, frames: &[Vec<u8>], interaction: Interaction) -> Result<(), TestCaseError> {
    let now = Instant::now();
    let mut running = 0;
    for (at, frame) in frames.iter().enumerate() {
        let bytes = Bytes::from(frame.clone());
        machine.receive(bytes, now);
        if at % 3 == 0 {
            let _ = machine.open(interaction, Payload::new(vec![0; at * 10]));
        }
        while let Some(event) = machine.poll_event() {
            match event {
                Event::Request { id, payload, .. } => {
                    running += 1;
                    prop_assert!(payload.bytes() <= 300);
                    let _ = machine.send(id, payload, at % 2 == 0);
                }
                Event::MetadataPush(_) => running += 1,
                Event::Item { id, payload } => {
                    prop_assert!(payload.bytes() <= 300);
                    machine.grant(id, 1);
                }
                _ => {}
            }
            prop_assert!(running <= 3, "{running}");
            if at % 5 == 4 && running > 0 {
                machine.handler_ended();
                running -= 1;
            }
        }
        while let Some(frame) = machine.poll_frame(now) {
            prop_assert!(frame.encoded_bytes() <= 5000);
            prop_assert_eq!(decode(frame.to_bytes()), Ok(frame));
        }
        if machine.closed().is_some() {
            prop_assert_eq!(machine.in_flight().0, 0);
            return Ok(());
        }
        machine.tick(now + Duration::from_millis(at as u64));
    }
    Ok(())
}

fn all(frames: &[Vec<u8>], interaction: Interaction) -> Result<(), TestCaseError> {
    let now = Instant::now();
    for frame in frames {
        let bytes = Bytes::from(frame.clone());
        if let Ok(frame) = decode(bytes.clone()) {
            // Encoding has one form for each frame.
            prop_assert_eq!(decode(frame.to_bytes()), Ok(frame));
        }
        if let Err(refusal) = first_frame(bytes.clone()) {
            let is_error = matches!(
                refusal,
                Frame {
                    stream_id: 0,
                    body: Body::Error { .. }
                }
            );
            prop_assert!(is_error);
        }
        prop_assert!(entries(bytes.clone()).count() <= bytes.len());
        let _ = (tags(bytes.clone()), Authentication::decode(bytes));
    }
    survives(Machine::server(small(), now), frames, interaction)?;
    survives(
        Machine::client(Setup::default(), small(), now),
        frames,
        interaction,
    )
}

#[test]
fn no_frames_are_too_much_for_a_connection() {
    let seconds = std::env::var("HYDRA_FUZZ_SECONDS").ok();
    let seconds = seconds.and_then(|text| text.parse().ok()).unwrap_or(2);
    let end = Instant::now() + Duration::from_secs(seconds);
    let cases = Cell::new(0_u64);
    let interaction = prop_oneof![
        Just(Interaction::Response),
        Just(Interaction::FireAndForget),
        Just(Interaction::Stream { credit: 2 }),
        Just(Interaction::Channel {
            credit: 2,
            complete: false
        }),
    ];
    let strategy = (prop::collection::vec(some_frame(), 1..60), interaction);
    while Instant::now() < end {
        let mut config = Runs {
            cases: 200,
            failure_persistence: None,
            ..Runs::default()
        };
        // With a seed that is given, other frames each time.
        if let RngSeed::Fixed(seed) = config.rng_seed {
            config.rng_seed = RngSeed::Fixed(seed.wrapping_add(cases.get()));
        }
        let result = TestRunner::new(config).run(&strategy, |(frames, interaction)| {
            cases.set(cases.get() + 1);
            all(&frames, interaction)
        });
        if let Err(error) = result {
            panic!("after {} connections: {error}", cases.get());
        }
    }
    println!("{} connections in {seconds} s", cases.get());
}
