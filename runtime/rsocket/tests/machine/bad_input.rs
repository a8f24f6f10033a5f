//! What does not belong there, with the answer that the specification gives.

use bytes::Bytes;
use hydra_runtime_rsocket::{
    Config, ErrorCode, Payload, Setup,
    frame::{Body, Frame, IGNORE, Interaction},
    machine::first_frame,
};

use super::{End, Row, STREAM, check, error, payload, request, response, small};

fn unknown(flags: u16) -> Body {
    Body::Unknown {
        frame_type: 0x20,
        flags,
        rest: Bytes::new(),
    }
}

fn setup_frame() -> Body {
    Body::Setup(Box::default())
}

fn resume() -> Body {
    Body::Resume {
        version: (1, 0),
        token: "t".into(),
        last_received_server_position: 0,
        first_available_client_position: 0,
    }
}

fn lease() -> Body {
    Body::Lease {
        time_to_live: 1,
        requests: 1,
        metadata: None,
    }
}

#[test]
fn a_server_ignores_what_makes_no_sense() {
    let stream = |credit| request(Interaction::Stream { credit }, "s");
    let table: Vec<Row> = vec![
        ("a request on stream 0", vec![(0, response("x"))], &[]),
        (
            "a request with an even id from a client",
            vec![(2, response("x"))],
            &[],
        ),
        ("a stream with an even id", vec![(4, stream(1))], &[]),
        (
            "an id that is in use",
            vec![(1, response("a")), (1, response("b"))],
            &["response 1 a"],
        ),
        (
            "another kind of request on it",
            vec![(1, response("a")), (1, stream(1))],
            &["response 1 a"],
        ),
        ("CANCEL of an unknown stream", vec![(7, Body::Cancel)], &[]),
        ("CANCEL on stream 0", vec![(0, Body::Cancel)], &[]),
        ("PAYLOAD of an unknown stream", vec![(7, payload("NC", "x"))], &[]),
        ("PAYLOAD on stream 0", vec![(0, payload("N", "x"))], &[]),
        (
            "PAYLOAD of a request that sends none",
            vec![(1, response("a")), (1, payload("N", "x"))],
            &["response 1 a"],
        ),
        (
            "REQUEST_N of an unknown stream",
            vec![(7, Body::RequestN(1))],
            &[],
        ),
        (
            "REQUEST_N of nothing",
            vec![(1, stream(1)), (1, Body::RequestN(0))],
            &["stream 1 s"],
        ),
        (
            "ERROR of an unknown stream",
            vec![(7, error(ErrorCode::APPLICATION_ERROR))],
            &[],
        ),
        (
            "ERROR of a stream that sends none",
            vec![(1, stream(1)), (1, error(ErrorCode::INVALID))],
            &["stream 1 s"],
        ),
        (
            "ERROR[REJECTED_SETUP] from a client",
            vec![(0, error(ErrorCode::REJECTED_SETUP))],
            &[],
        ),
        (
            "METADATA_PUSH on a stream",
            vec![(1, Body::MetadataPush("x".into()))],
            &[],
        ),
        ("a second SETUP", vec![(0, setup_frame())], &[]),
        ("LEASE", vec![(0, lease())], &[]),
        (
            "an unknown type that may be ignored",
            vec![(1, unknown(IGNORE))],
            &[],
        ),
    ];
    check(|| End::server(Config::default()), table);
}

#[test]
fn a_server_ends_what_cannot_go_on() {
    let keepalive = |id| {
        let (respond, position, data) = (true, 0, Bytes::from_static(b"x"));
        (
            id,
            Body::Keepalive {
                respond,
                position,
                data,
            },
        )
    };
    let stream_of_nothing = request(Interaction::Stream { credit: 0 }, "s");
    let table: Vec<Row> = vec![
        ("KEEPALIVE", vec![keepalive(0)], &["-> KEEPALIVE answers x"]),
        ("KEEPALIVE on a stream", vec![keepalive(5)], &[]),
        (
            "an unknown type",
            vec![(1, unknown(0))],
            &[
                "closed: the peer does not keep to the protocol: unknown frame type 0x20",
                "-> ERROR[CONNECTION_ERROR] 0 unknown frame type 0x20",
            ],
        ),
        (
            "RESUME after SETUP",
            vec![(0, resume())],
            &[
                "closed: the peer does not keep to the protocol: RESUME after SETUP",
                "-> ERROR[CONNECTION_ERROR] 0 RESUME after SETUP",
            ],
        ),
        (
            "ERROR[CONNECTION_ERROR]",
            vec![(1, response("a")), (0, error(ErrorCode::CONNECTION_ERROR))],
            &[
                "response 1 a",
                "closed: the peer ended the connection: CONNECTION_ERROR: why",
            ],
        ),
        (
            "a credit of 0",
            vec![(1, stream_of_nothing)],
            &["-> ERROR[INVALID] 1 the initial request n must be above 0"],
        ),
        (
            "too many at once",
            vec![(1, response("a")), (3, response("b")), (5, response("c"))],
            &[
                "response 1 a",
                "response 3 b",
                "-> ERROR[REJECTED] 5 too many requests at once",
            ],
        ),
        (
            "too many, but without answer",
            vec![
                (1, response("a")),
                (3, response("b")),
                (5, request(Interaction::FireAndForget, "c")),
            ],
            &["response 1 a", "response 3 b"],
        ),
    ];
    check(|| End::server(small()), table);
}

#[test]
fn a_peer_that_closes_gets_no_further_requests_served() {
    let mut end = End::server(small());
    end.receive(1, response("a"));
    end.receive(0, error(ErrorCode::CONNECTION_CLOSE));
    end.receive(3, response("b"));
    assert_eq!(
        end.outcome(),
        ["response 1 a", "-> ERROR[REJECTED] 3 the connection is closing"]
    );
    end.machine
        .send(1, Payload::from("answer"), true)
        .expect("it is open");
    end.machine.handler_ended();
    let expected = ["closed: the peer closed the connection", "-> PAYLOAD 1 NC answer"];
    assert_eq!(end.outcome(), expected);
}

#[test]
fn a_client_ignores_what_makes_no_sense() {
    let table: Vec<Row> = vec![
        ("a SETUP", vec![(0, setup_frame())], &[]),
        (
            "a request with an odd id from a server",
            vec![(3, response("x"))],
            &[],
        ),
        (
            "RESUME_OK",
            vec![(
                0,
                Body::ResumeOk {
                    last_received_client_position: 1,
                },
            )],
            &[],
        ),
        ("RESUME", vec![(0, resume())], &[]),
        (
            "REJECTED_SETUP before anything else",
            vec![(0, error(ErrorCode::REJECTED_SETUP))],
            &["closed: the peer ended the connection: REJECTED_SETUP: why"],
        ),
        (
            "INVALID_SETUP before anything else",
            vec![(0, error(ErrorCode::INVALID_SETUP))],
            &["closed: the peer ended the connection: INVALID_SETUP: why"],
        ),
        (
            "REJECTED_SETUP after a request",
            vec![(2, response("x")), (0, error(ErrorCode::REJECTED_SETUP))],
            &["response 2 x"],
        ),
        (
            "ERROR of the application for the connection",
            vec![(0, error(ErrorCode::APPLICATION_ERROR))],
            &[],
        ),
    ];
    check(|| End::client(Config::default()), table);
}

#[test]
fn malformed_frames_end_the_connection() {
    let table: [(&str, &[u8], bool); 5] = [
        ("nothing", &[], true),
        ("a header without flags", &[0, 0, 0, 1, 0x10], true),
        (
            "metadata longer than the frame",
            &[0, 0, 0, 1, 0x11, 0, 0xFF, 0xFF, 0xFF],
            true,
        ),
        (
            "the same, but it may be ignored",
            &[0, 0, 0, 1, 0x13, 0, 0xFF, 0xFF, 0xFF],
            false,
        ),
        ("REQUEST_N without n", &[0, 0, 0, 1, 0x20, 0, 0, 0, 1], true),
    ];
    for (what, bytes, ends) in table {
        let mut end = End::server(Config::default());
        end.receive_bytes(Bytes::from_static(bytes));
        assert_eq!(end.machine.closed().is_some(), ends, "{what}");
        let frames = end.frames();
        let is_told = matches!(
            frames[..],
            [Frame {
                stream_id: 0,
                body: Body::Error {
                    code: ErrorCode::CONNECTION_ERROR,
                    ..
                }
            }]
        );
        assert_eq!(is_told, ends, "{what}: {frames:?}");
    }
}

/// A million requests, each cancelled at once: none is kept, also if no handler ends in the meantime.
#[test]
fn a_million_streams_opened_and_cancelled_are_bounded() {
    let mut end = End::server(Config::default());
    let (mut begun, mut refused) = (0, 0);
    for at in 0..1_000_000_u32 {
        let id = at * 2 + 1;
        end.receive(id, request(STREAM, "s"));
        end.receive(id, Body::Cancel);
        begun += end
            .events()
            .iter()
            .filter(|event| super::event_in_words(event).starts_with("stream"))
            .count();
        refused += end.frames().len();
        assert_eq!(end.machine.credit(id), None);
    }
    assert_eq!((begun, refused), (4096, 1_000_000 - 4096));
    assert_eq!(end.machine.in_flight(), (0, 4096));
    (0..4096).for_each(|_| end.machine.handler_ended());
    end.receive(1, response("still served"));
    assert_eq!(end.outcome(), ["response 1 still served"]);
}

/// A peer that asks without reading the answers gets no more of its frames read.
#[test]
fn answers_that_nothing_reads_are_bounded() {
    let mut end = End::server(Config::default());
    let mut count = 0;
    while end.machine.wants_frames() {
        let (respond, position, data) = (true, 0, Bytes::from(vec![0; 1000]));
        end.receive(
            0,
            Body::Keepalive {
                respond,
                position,
                data,
            },
        );
        count += 1;
        assert!(count < 1000, "the answers are not bounded");
    }
    assert!(count > 200, "{count}");
    assert_eq!(end.frames().len(), count);
    assert!(end.machine.wants_frames());
}

#[test]
fn the_first_frame_is_a_setup_or_refused() {
    let setup = |change: &dyn Fn(&mut Setup)| {
        let mut setup = Setup::default();
        change(&mut setup);
        (0, Body::Setup(Box::new(setup)))
    };
    let table: [(&str, (u32, Body), Option<ErrorCode>); 12] = [
        ("SETUP", setup(&|_| {}), None),
        (
            "another major version",
            setup(&|setup| setup.version = (2, 0)),
            Some(ErrorCode::INVALID_SETUP),
        ),
        (
            "another minor version",
            setup(&|setup| setup.version = (1, 1)),
            Some(ErrorCode::INVALID_SETUP),
        ),
        (
            "an old version",
            setup(&|setup| setup.version = (0, 2)),
            Some(ErrorCode::INVALID_SETUP),
        ),
        (
            "no keepalive interval",
            setup(&|setup| setup.keepalive_interval = 0),
            Some(ErrorCode::INVALID_SETUP),
        ),
        (
            "no lifetime",
            setup(&|setup| setup.keepalive_lifetime = 0),
            Some(ErrorCode::INVALID_SETUP),
        ),
        (
            "resumption",
            setup(&|setup| setup.resume_token = Some("t".into())),
            Some(ErrorCode::REJECTED_SETUP),
        ),
        (
            "leases",
            setup(&|setup| setup.lease = true),
            Some(ErrorCode::UNSUPPORTED_SETUP),
        ),
        (
            "SETUP on a stream",
            (1, setup_frame()),
            Some(ErrorCode::INVALID_SETUP),
        ),
        ("RESUME", (0, resume()), Some(ErrorCode::REJECTED_RESUME)),
        ("a request", (1, response("x")), Some(ErrorCode::INVALID_SETUP)),
        ("KEEPALIVE", (0, lease()), Some(ErrorCode::INVALID_SETUP)),
    ];
    for (what, (stream_id, body), expected) in table {
        let answer = first_frame(Frame { stream_id, body }.to_bytes());
        let code = answer.err().map(|frame| match frame {
            Frame {
                stream_id: 0,
                body: Body::Error { code, .. },
            } => code,
            other => panic!("{what}: {other:?}"),
        });
        assert_eq!(code, expected, "{what}");
    }
    let cut = first_frame(
        Frame {
            stream_id: 0,
            body: setup_frame(),
        }
        .to_bytes()
        .slice(..20),
    );
    assert!(matches!(
        cut,
        Err(Frame {
            body: Body::Error {
                code: ErrorCode::INVALID_SETUP,
                ..
            },
            ..
        })
    ));
}
