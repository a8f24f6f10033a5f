//! The codec: bytes recorded from other implementations, every cut, lengths that lie, and round trips.

use bytes::{Bytes, BytesMut};
use hydra_runtime_rsocket::{
    ErrorCode, Payload, Setup,
    frame::{Body, Frame, IGNORE, Interaction, Malformed, Problem, decode},
};
use proptest::prelude::*;

/// `name | implementation | hexadecimal digits`.
const RECORDED: &str = include_str!("golden/frames.txt");

fn recorded() -> Vec<(&'static str, Bytes)> {
    let lines = RECORDED.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let parts: Vec<&str> = line.split(" | ").collect();
            let digits = parts[2].as_bytes().chunks(2);
            let bytes = digits.map(|pair| {
                let pair = std::str::from_utf8(pair).expect("digits");
                u8::from_str_radix(pair, 16).expect("two digits")
            });
            (parts[0], bytes.collect())
        })
        .collect()
}

fn frame(stream_id: u32, body: Body) -> Frame {
    Frame { stream_id, body }
}

fn request(interaction: Interaction, payload: Payload) -> Body {
    Body::Request {
        interaction,
        follows: false,
        payload,
    }
}

fn payload(flags: [bool; 3], payload: Payload) -> Body {
    let [follows, complete, next] = flags;
    Body::Payload {
        follows,
        complete,
        next,
        payload,
    }
}

fn setup() -> Setup {
    Setup {
        keepalive_interval: 1000,
        keepalive_lifetime: 5000,
        data_mime_type: "application/json".to_owned(),
        payload: Payload::from("{\"key\":\"K\"}").with_metadata("meta"),
        ..Setup::default()
    }
}

fn resuming() -> Setup {
    Setup {
        keepalive_interval: 1,
        keepalive_lifetime: 0x7FFF_FFFF,
        resume_token: Some("token".into()),
        metadata_mime_type: "text/plain".to_owned(),
        data_mime_type: "text/plain".to_owned(),
        ..Setup::default()
    }
}

/// What the recorded frames say, and the bytes that each needs at least.
fn expected(name: &str) -> (Frame, usize) {
    let hello = Payload::from("hello");
    match name {
        "SETUP" => (
            frame(0, Body::Setup(Box::new(setup()))),
            6 + 12 + 1 + 39 + 1 + 16 + 3 + 4,
        ),
        "SETUP that asks to resume" => (frame(0, Body::Setup(Box::new(resuming()))), 6 + 12 + 7 + 11 + 11),
        "LEASE" => {
            let (time_to_live, requests, metadata) = (30_000, 7, Some("why".into()));
            let body = Body::Lease {
                time_to_live,
                requests,
                metadata,
            };
            (frame(0, body), 14)
        }
        "KEEPALIVE that asks" => (frame(0, keepalive(true, 0, "ping")), 14),
        "KEEPALIVE that answers" => (frame(0, keepalive(false, 0x01_0203_0405, "")), 14),
        "REQUEST_RESPONSE" => {
            let body = request(Interaction::Response, hello.with_metadata("route"));
            (frame(1, body), 6 + 3 + 5)
        }
        "REQUEST_RESPONSE without metadata" => (frame(0x7FFF_FFFF, request(Interaction::Response, hello)), 6),
        "REQUEST_FNF" => {
            let body = request(
                Interaction::FireAndForget,
                Payload::from("forget").with_metadata(""),
            );
            (frame(3, body), 9)
        }
        "REQUEST_STREAM" => {
            let body = request(
                Interaction::Stream { credit: 16 },
                Payload::from("d").with_metadata("m"),
            );
            (frame(5, body), 10 + 3 + 1)
        }
        "REQUEST_CHANNEL" => {
            let (credit, complete) = (0x7FFF_FFFF, true);
            let first = Payload::from("first").with_metadata("m");
            (
                frame(7, request(Interaction::Channel { credit, complete }, first)),
                10 + 3 + 1,
            )
        }
        "REQUEST_N" => (frame(5, Body::RequestN(300)), 10),
        "CANCEL" => (frame(5, Body::Cancel), 6),
        "PAYLOAD" => {
            let answer = Payload::from("answer").with_metadata("m");
            (frame(2, payload([false, false, true], answer)), 6 + 3 + 1)
        }
        "PAYLOAD that completes" => (frame(2, payload([false, true, true], Payload::from("last"))), 6),
        "PAYLOAD without payload" => (frame(2, payload([false, true, false], Payload::default())), 6),
        "PAYLOAD that is a fragment" => (frame(2, payload([true, false, true], Payload::from("part"))), 6),
        "ERROR" => (frame(1, error(ErrorCode::APPLICATION_ERROR, "failed")), 10),
        "ERROR of the connection" => (frame(0, error(ErrorCode::REJECTED_SETUP, "no")), 10),
        "METADATA_PUSH" => (frame(0, Body::MetadataPush("pushed".into())), 6),
        "RESUME" => {
            let body = Body::Resume {
                version: (1, 0),
                token: "token".into(),
                last_received_server_position: 12,
                first_available_client_position: 34,
            };
            (frame(0, body), 6 + 4 + 7 + 16)
        }
        "RESUME_OK" => {
            let last_received_client_position = 56;
            let body = Body::ResumeOk {
                last_received_client_position,
            };
            (frame(0, body), 14)
        }
        "EXT" => {
            let (frame_type, flags, rest) = (0x3F, IGNORE, Bytes::from_static(b"\0\0\0\x4Dextended"));
            let body = Body::Unknown {
                frame_type,
                flags,
                rest,
            };
            (frame(9, body), 6)
        }
        other => panic!("{other} is not expected"),
    }
}

fn keepalive(respond: bool, position: u64, data: &'static str) -> Body {
    Body::Keepalive {
        respond,
        position,
        data: data.into(),
    }
}

fn error(code: ErrorCode, data: &'static str) -> Body {
    Body::Error {
        code,
        data: data.into(),
    }
}

#[test]
fn frames_have_the_bytes_of_other_implementations() {
    let recorded = recorded();
    assert_eq!(recorded.len(), 22);
    for (name, bytes) in recorded {
        let (frame, _) = expected(name);
        assert_eq!(frame.to_bytes(), bytes, "{name}");
        assert_eq!(frame.encoded_bytes(), bytes.len(), "{name}");
        assert_eq!(decode(bytes).as_ref(), Ok(&frame), "{name}");
    }
}

/// A frame that is cut has either too few bytes for its fields, or a shorter payload.
#[test]
fn every_cut_of_every_frame_is_an_error_or_a_shorter_frame() {
    let mut cuts = 0;
    for (name, bytes) in recorded() {
        let (_, needed) = expected(name);
        for length in 0..bytes.len() {
            let cut = bytes.slice(..length);
            match decode(cut.clone()) {
                Ok(frame) => {
                    assert!(length >= needed, "{name}: {length}");
                    assert_eq!(frame.to_bytes(), cut, "{name}: {length}");
                }
                Err(Malformed { problem, .. }) => {
                    assert!(length < needed, "{name}: {length}: {problem}");
                    let is_cut = matches!(problem, Problem::TooShort | Problem::MetadataLength);
                    assert!(is_cut, "{name}: {length}: {problem}");
                }
            }
            cuts += 1;
        }
    }
    assert!(cuts > 400, "{cuts}");
}

/// Whether the frame may be ignored, and what is wrong with it.
type Expected = Result<(), (bool, Problem)>;

#[test]
fn lengths_that_lie_are_errors() {
    let too_short = Err((false, Problem::TooShort));
    let lies = Err((false, Problem::MetadataLength));
    // Metadata of 16 MB in a frame of a few bytes, for each type with that length.
    let metadata = |frame_type: u8, before: &[u8]| {
        let mut bytes = vec![0, 0, 0, 1, frame_type << 2 | 1, 0];
        bytes.extend_from_slice(before);
        bytes.extend_from_slice(&[0xFF, 0xFF, 0xFF, b'm']);
        bytes
    };
    let ignorable = {
        let mut bytes = metadata(0x0A, &[]);
        bytes[4] |= 2;
        bytes
    };
    let setup = |token: [u8; 2], mime: u8| {
        let mut bytes = vec![0, 0, 0, 0, 0x04, 0x80, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1];
        bytes.extend_from_slice(&token);
        bytes.extend_from_slice(&[b't', mime, b'a', 1, b'b']);
        bytes
    };
    let table: [(&str, Vec<u8>, Expected); 13] = [
        ("request/response", metadata(0x04, &[]), lies),
        ("fire-and-forget", metadata(0x05, &[]), lies),
        ("stream", metadata(0x06, &[0, 0, 0, 1]), lies),
        ("channel", metadata(0x07, &[0, 0, 0, 1]), lies),
        ("payload", metadata(0x0A, &[]), lies),
        ("ignorable", ignorable, Err((true, Problem::MetadataLength))),
        ("setup as it should be", setup([0, 1], 1), Ok(())),
        ("token of 64 KB", setup([0xFF, 0xFF], 1), too_short),
        ("MIME type of 255 bytes", setup([0, 1], 255), too_short),
        ("MIME type that ends in the next", setup([0, 1], 3), too_short),
        ("MIME type that is not text", setup([0, 1], 1), Ok(())),
        ("nothing", Vec::new(), too_short),
        (
            "16 MB and a byte",
            vec![0; 0x0100_0000],
            Err((false, Problem::TooLong)),
        ),
    ];
    for (what, mut bytes, expected) in table {
        let mut expected = expected;
        if what == "MIME type that is not text" {
            let place = bytes.len() - 1;
            bytes[place] = 0xFF;
            expected = Err((false, Problem::MimeType));
        }
        let found = decode(bytes.into()).map(drop);
        assert_eq!(
            found.map_err(|found| (found.ignore, found.problem)),
            expected,
            "{what}"
        );
    }
}

/// Reserved bits and unknown flags are not looked at.
#[test]
fn bits_that_are_not_specified_are_ignored() {
    let cases: [(&[u8], Frame); 4] = [
        (&[0x80, 0, 0, 5, 0x24, 0], frame(5, Body::Cancel)),
        (&[0, 0, 0, 5, 0x25, 0xFF], frame(5, Body::Cancel)),
        (&[0, 0, 0, 5, 0x20, 0, 0x80, 0, 0, 7], frame(5, Body::RequestN(7))),
        // A PAYLOAD that completes has no further fragments.
        (
            &[0, 0, 0, 5, 0x28, 0xE0],
            frame(5, payload([false, true, true], Payload::default())),
        ),
    ];
    for (bytes, expected) in cases {
        assert_eq!(decode(Bytes::from_static(bytes)), Ok(expected));
    }
}

fn some_bytes() -> impl Strategy<Value = Bytes> {
    prop::collection::vec(any::<u8>(), 0..40).prop_map(Bytes::from)
}

fn some_payload() -> impl Strategy<Value = Payload> {
    (prop::option::of(some_bytes()), some_bytes()).prop_map(|(metadata, data)| Payload { metadata, data })
}

fn some_interaction() -> impl Strategy<Value = Interaction> {
    let credit = 0..=0x7FFF_FFFF_u32;
    prop_oneof![
        Just(Interaction::Response),
        Just(Interaction::FireAndForget),
        credit.clone().prop_map(|credit| Interaction::Stream { credit }),
        (credit, any::<bool>()).prop_map(|(credit, complete)| Interaction::Channel { credit, complete }),
    ]
}

fn some_setup() -> impl Strategy<Value = Setup> {
    let times = (0..=0x7FFF_FFFF_u32, 0..=0x7FFF_FFFF_u32);
    let types = ("[a-z/.-]{0,60}", "[ä-ü]{0,60}");
    let parts = (
        any::<(u16, u16)>(),
        times,
        any::<bool>(),
        prop::option::of(some_bytes()),
        types,
        some_payload(),
    );
    parts.prop_map(|(version, times, lease, resume_token, types, payload)| Setup {
        version,
        keepalive_interval: times.0,
        keepalive_lifetime: times.1,
        lease,
        resume_token,
        metadata_mime_type: types.0,
        data_mime_type: types.1,
        payload,
    })
}

fn some_body() -> impl Strategy<Value = Body> {
    let position = || 0..=u64::MAX >> 1;
    let number = || 0..=0x7FFF_FFFF_u32;
    prop_oneof![
        some_setup().prop_map(|setup| Body::Setup(Box::new(setup))),
        (number(), number(), prop::option::of(some_bytes())).prop_map(
            |(time_to_live, requests, metadata)| {
                Body::Lease {
                    time_to_live,
                    requests,
                    metadata,
                }
            }
        ),
        (any::<bool>(), position(), some_bytes()).prop_map(|(respond, position, data)| {
            Body::Keepalive {
                respond,
                position,
                data,
            }
        }),
        (some_interaction(), any::<bool>(), some_payload()).prop_map(|(interaction, follows, payload)| {
            Body::Request {
                interaction,
                follows,
                payload,
            }
        }),
        number().prop_map(Body::RequestN),
        Just(Body::Cancel),
        (any::<[bool; 3]>(), some_payload()).prop_map(|([follows, complete, next], payload)| Body::Payload {
            follows: follows && !complete,
            complete,
            next,
            payload,
        }),
        (any::<u32>(), some_bytes()).prop_map(|(code, data)| Body::Error {
            code: ErrorCode(code),
            data
        }),
        some_bytes().prop_map(Body::MetadataPush),
        (any::<(u16, u16)>(), some_bytes(), position(), position()).prop_map(
            |(version, token, server, client)| {
                Body::Resume {
                    version,
                    token,
                    last_received_server_position: server,
                    first_available_client_position: client,
                }
            }
        ),
        position().prop_map(|position| Body::ResumeOk {
            last_received_client_position: position
        }),
        (0x0F..=0x3F_u8, 0..0x400_u16, some_bytes()).prop_map(|(frame_type, flags, rest)| {
            Body::Unknown {
                frame_type,
                flags,
                rest,
            }
        }),
    ]
}

proptest! {
    #[test]
    fn what_is_encoded_is_decoded(stream_id in 0..=0x7FFF_FFFF_u32, body in some_body()) {
        let frame = Frame { stream_id, body };
        let mut out = BytesMut::from(&b"before"[..]);
        frame.encode(&mut out);
        prop_assert_eq!(out.len(), 6 + frame.encoded_bytes());
        prop_assert_eq!(decode(out.split_off(6).freeze()), Ok(frame));
    }

    #[test]
    fn no_bytes_are_too_much_for_the_codec(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(frame) = decode(Bytes::from(bytes)) {
            prop_assert_eq!(decode(frame.to_bytes()), Ok(frame));
        }
    }
}
