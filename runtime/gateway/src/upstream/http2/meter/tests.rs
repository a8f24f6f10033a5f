use proptest::prelude::*;

use super::*;

const RESET: u8 = 3;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;

/// A frame (RFC 9113 section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("short").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

fn settings() -> Vec<u8> {
    frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 100])
}

/// What the meter says of these bytes, which arrive in pieces of this length.
fn seen(bytes: &[u8], piece: usize) -> (Result<(), Misbehaviour>, bool) {
    let now = Instant::now();
    let mut meter = FrameMeter::new(now);
    let came = bytes
        .chunks(piece)
        .try_for_each(|piece| meter.received(piece, now));
    (came, meter.has_begun())
}

#[test]
fn only_settings_begin_http_2() {
    const NOT: Result<(), Misbehaviour> = Err(Misbehaviour::NotHttp2);
    for (what, bytes, expected) in [
        ("settings", settings(), (Ok(()), true)),
        ("empty settings", frame(SETTINGS, 0, 0, &[]), (Ok(()), true)),
        ("a part of their head", settings()[..8].to_vec(), (Ok(()), false)),
        ("an acknowledgement", frame(SETTINGS, 1, 0, &[]), (NOT, false)),
        ("settings of a stream", frame(SETTINGS, 0, 1, &[]), (NOT, false)),
        ("half a setting", frame(SETTINGS, 0, 0, &[0; 3]), (NOT, false)),
        ("a ping", frame(PING, 0, 0, &[0; 8]), (NOT, false)),
        (
            "HTTP/1.1",
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
            (NOT, false),
        ),
        ("HTML", b"<!DOCTYPE html>".to_vec(), (NOT, false)),
        (
            "TLS",
            b"\x15\x03\x01\x00\x02\x02\x46\x15\x03".to_vec(),
            (NOT, false),
        ),
    ] {
        for piece in [1, 4, 100] {
            assert_eq!(seen(&bytes, piece), expected, "{what}");
        }
    }
}

/// How many of the frames are taken at once, before they are too many.
fn taken(one: &[u8], sent: &[u8]) -> usize {
    let now = Instant::now();
    let mut meter = FrameMeter::new(now);
    meter.received(&settings(), now).expect("settings");
    meter.sent(&[0; PREFACE_BYTES]);
    let all = (0..1_000_000).take_while(|_| {
        meter.sent(sent);
        meter.received(one, now).is_ok()
    });
    all.count()
}

#[test]
fn frames_that_belong_to_no_answer_are_bounded_and_others_are_not() {
    let all = 1_000_000;
    let ack = |kind, payload: &[u8]| frame(kind, END_OR_ACK, 0, payload);
    for (what, one, sent, expected) in [
        (
            "pings, each answered",
            frame(PING, 0, 0, &[0; 8]),
            ack(PING, &[0; 8]),
            62_659,
        ),
        (
            "settings",
            frame(SETTINGS, 0, 0, &[]),
            ack(SETTINGS, &[]),
            118_356,
        ),
        ("resets", frame(RESET, 0, 1, &[0; 4]), vec![], 80_658),
        ("empty data", frame(DATA, 0, 1, &[]), vec![], 116_506),
        ("unknown frames", frame(99, 0, 1, &[0; 991]), vec![], 1_048),
        ("data", frame(DATA, 0, 1, b"x"), vec![], all),
        ("the end of data", frame(DATA, END_OR_ACK, 1, &[]), vec![], all),
        ("heads", frame(HEADERS, 4, 1, b"x"), vec![], all),
        (
            "the windows of a small piece of an upload",
            frame(WINDOW_UPDATE, 0, 1, &[0; 4]).repeat(2),
            frame(DATA, 0, 1, b"x"),
            all,
        ),
        (
            "windows, for heads alone",
            frame(WINDOW_UPDATE, 0, 1, &[0; 4]),
            frame(HEADERS, 0, 1, &[0; 55]),
            87_380,
        ),
    ] {
        assert_eq!(taken(&one, &sent), expected, "{what}");
    }
}

#[test]
fn a_few_frames_in_each_second_are_no_flood() {
    let start = Instant::now();
    let mut meter = FrameMeter::new(start);
    meter.received(&settings(), start).expect("settings");
    let ping = frame(PING, 0, 0, &[0; 8]);
    for second in 0..600 {
        for _ in 0..3_000 {
            let came = meter.received(&ping, start + Duration::from_secs(second));
            assert_eq!(came, Ok(()), "in second {second}");
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_read_alike_in_any_pieces(
        tail in prop::collection::vec(any::<u8>(), 0..200),
        is_begun in any::<bool>(),
        piece in 1_usize..50,
    ) {
        let bytes = if is_begun { [settings(), tail].concat() } else { tail };
        prop_assert_eq!(seen(&bytes, piece), seen(&bytes, bytes.len().max(1)));
    }
}
