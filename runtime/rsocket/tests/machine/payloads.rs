//! Payloads beyond their bounds: fragments without end, more than credit, answers of the wrong form.

use bytes::Bytes;
use hydra_runtime_rsocket::{
    Config, ErrorCode, Payload,
    frame::{Body, Interaction},
};

use super::{End, Row, STREAM, check, error, payload, request, small};

fn first_fragment(interaction: Interaction, data: impl Into<Bytes>) -> Body {
    Body::Request {
        interaction,
        follows: true,
        payload: Payload::new(data),
    }
}

#[test]
fn fragments_have_bounds() {
    let tenth = || Bytes::from_static(&[b'x'; 50]);
    let table: Vec<Row> = vec![
        (
            "in fragments",
            vec![
                (1, first_fragment(Interaction::Response, "a")),
                (1, payload("FN", "b")),
                (1, payload("N", "c")),
            ],
            &["response 1 abc"],
        ),
        (
            "fragments without flags",
            vec![
                (1, first_fragment(Interaction::Response, "a")),
                (1, payload("F", "b")),
                (1, payload("", "c")),
            ],
            &["response 1 abc"],
        ),
        (
            "without end, and what comes later",
            vec![
                (1, first_fragment(Interaction::Response, tenth())),
                (1, payload("FN", tenth())),
                (1, payload("FN", tenth())),
                (1, payload("FN", tenth())),
                (1, payload("N", "")),
            ],
            &["-> ERROR[REJECTED] 1 a payload is longer than the limit of 100 bytes"],
        ),
        (
            "without end and answer",
            vec![
                (1, first_fragment(Interaction::FireAndForget, tenth())),
                (1, payload("FN", tenth())),
                (1, payload("FN", tenth())),
            ],
            &[],
        ),
        (
            "too long in one frame",
            vec![(1, response_of(vec![0; 101]))],
            &["-> ERROR[REJECTED] 1 a payload is longer than the limit of 100 bytes"],
        ),
        (
            "too long together",
            vec![
                (1, first_fragment(Interaction::Response, vec![0; 99])),
                (3, first_fragment(Interaction::Response, vec![0; 99])),
            ],
            &["-> ERROR[REJECTED] 3 a payload is longer than the limit of 100 bytes"],
        ),
        (
            "cancelled in the midst",
            vec![
                (1, first_fragment(Interaction::Response, vec![0; 99])),
                (1, Body::Cancel),
                (3, first_fragment(Interaction::Response, vec![0; 99])),
                (3, payload("N", "")),
            ],
            &["response 3 99 bytes"],
        ),
        (
            "many that begin",
            vec![
                (1, first_fragment(Interaction::Response, "")),
                (3, first_fragment(STREAM, "")),
                (5, first_fragment(STREAM, "")),
            ],
            &["-> ERROR[REJECTED] 5 too many requests at once"],
        ),
        (
            "credit before the last fragment",
            vec![
                (1, first_fragment(STREAM, "s")),
                (1, Body::RequestN(4)),
                (1, payload("N", "t")),
            ],
            &["stream 1 st"],
        ),
        (
            "a channel that completes with its last fragment",
            vec![(1, first_fragment(CHANNEL, "a")), (1, payload("NC", "b"))],
            &["channel 1 ab", "completed 1", "-> REQUEST_N 1 2"],
        ),
    ];
    check(|| End::server(small()), table);
}

fn response_of(data: Vec<u8>) -> Body {
    Body::Request {
        interaction: Interaction::Response,
        follows: false,
        payload: Payload::new(data),
    }
}

#[test]
fn empty_fragments_end_too() {
    let mut end = End::server(small());
    end.receive(1, first_fragment(Interaction::Response, ""));
    for _ in 0..100 {
        end.receive(1, payload("FN", ""));
    }
    let expected = ["-> ERROR[REJECTED] 1 a payload is longer than the limit of 100 bytes"];
    assert_eq!(end.outcome(), expected);
    assert_eq!(end.machine.in_flight(), (0, 0));
}

#[test]
fn a_channel_keeps_to_its_credit() {
    let begin = || vec![(1, request(CHANNEL, "a"))];
    let with = |frames: Vec<(u32, Body)>| begin().into_iter().chain(frames).collect();
    let n = |data: &'static str| (1, payload("N", data));
    let table: Vec<Row> = vec![
        (
            "REQUEST_N comes first",
            begin(),
            &["channel 1 a", "-> REQUEST_N 1 2"],
        ),
        (
            "within credit",
            with(vec![n("b"), n("c")]),
            &["channel 1 a", "item 1 b", "item 1 c", "-> REQUEST_N 1 2"],
        ),
        (
            "more than credit",
            with(vec![n("b"), n("c"), n("d"), n("e")]),
            &[
                "channel 1 a",
                "item 1 b",
                "item 1 c",
                "failed 1 the peer sent more payloads than were requested",
                "-> REQUEST_N 1 2",
                "-> ERROR[CANCELED] 1 the peer sent more payloads than were requested",
            ],
        ),
        (
            "an end without credit",
            with(vec![n("b"), n("c"), (1, payload("C", ""))]),
            &[
                "channel 1 a",
                "item 1 b",
                "item 1 c",
                "completed 1",
                "-> REQUEST_N 1 2",
            ],
        ),
        (
            "an error of the requester",
            with(vec![(1, error(ErrorCode::APPLICATION_ERROR))]),
            &[
                "channel 1 a",
                "failed 1 APPLICATION_ERROR: why",
                "-> REQUEST_N 1 2",
            ],
        ),
        (
            "neither next nor complete",
            with(vec![(1, payload("", "x"))]),
            &["channel 1 a", "-> REQUEST_N 1 2"],
        ),
    ];
    check(|| End::server(small()), table);
}

#[test]
fn credit_does_not_overflow() {
    let mut end = End::server(Config::default());
    let credit = 0x7FFF_FFFF;
    end.receive(1, request(Interaction::Stream { credit }, "s"));
    for _ in 0..10_000 {
        end.receive(1, Body::RequestN(credit));
    }
    assert_eq!(end.machine.credit(1), Some(u64::from(credit) * 10_001));
    // The high bit is reserved, so these are 0x7FFFFFFF and 0.
    end.receive_bytes(Bytes::from_static(&[0, 0, 0, 1, 0x20, 0, 0xFF, 0xFF, 0xFF, 0xFF]));
    end.receive_bytes(Bytes::from_static(&[0, 0, 0, 1, 0x20, 0, 0x80, 0, 0, 0]));
    assert_eq!(end.machine.credit(1), Some(u64::from(credit) * 10_002));
}

#[test]
fn answers_that_are_wrong_cost_only_their_request() {
    let table: [(&str, Vec<Body>, &[&str]); 6] = [
        (
            "no COMPLETE",
            vec![payload("N", "a")],
            &["item 1 a", "completed 1"],
        ),
        ("COMPLETE alone", vec![payload("C", "")], &["completed 1"]),
        (
            "two answers",
            vec![payload("NC", "a"), payload("NC", "b")],
            &["item 1 a", "completed 1"],
        ),
        (
            "too long",
            vec![payload("NC", vec![0; 101])],
            &[
                "failed 1 a payload is longer than the limit of 100 bytes",
                "-> CANCEL 1",
            ],
        ),
        (
            "fragments without end",
            vec![payload("FN", vec![0; 99]), payload("FN", vec![0; 99])],
            &[
                "failed 1 a payload is longer than the limit of 100 bytes",
                "-> CANCEL 1",
            ],
        ),
        (
            "CANCEL of a request that is not a channel",
            vec![Body::Cancel, payload("NC", "a")],
            &["item 1 a", "completed 1"],
        ),
    ];
    for (what, frames, expected) in table {
        let mut end = End::client(small());
        let id = end.machine.open(Interaction::Response, Payload::from("x"));
        assert_eq!(id, Ok(1));
        end.frames();
        frames.into_iter().for_each(|body| end.receive(1, body));
        assert_eq!(end.outcome(), expected, "{what}");
        assert_eq!(end.machine.in_flight(), (0, 0), "{what}");
    }
}

#[test]
fn a_stream_that_sends_without_credit_fails() {
    let mut end = End::client(small());
    end.machine
        .open(Interaction::Stream { credit: 2 }, Payload::from("x"))
        .expect("open");
    end.frames();
    for _ in 0..3 {
        end.receive(1, payload("N", "a"));
    }
    let failed = "failed 1 the peer sent more payloads than were requested";
    assert_eq!(end.outcome(), ["item 1 a", "item 1 a", failed, "-> CANCEL 1"]);
}

const CHANNEL: Interaction = Interaction::Channel {
    credit: 1,
    complete: false,
};
