//! KEEPALIVE, silence, and peers that do not read.

use std::time::Duration;

use bytes::Bytes;
use hydra_runtime_rsocket::{
    Config, Payload,
    frame::{Body, Interaction},
};

use super::{End, response};

fn config() -> Config {
    Config {
        keepalive_interval: Duration::from_secs(1),
        keepalive_lifetime: Duration::from_secs(5),
        ..Config::default()
    }
}

/// Lets the time pass until the machine's next deadline, at most `limit`.
fn pass(end: &mut End, limit: Duration) -> Vec<String> {
    let stop = end.now + limit;
    let mut outcome = Vec::new();
    while let Some(deadline) = end.machine.deadline().filter(|deadline| *deadline <= stop) {
        end.now = deadline.max(end.now);
        end.machine.tick(end.now);
        outcome.extend(end.outcome());
    }
    end.now = stop;
    outcome
}

fn answered() -> Body {
    Body::Keepalive {
        respond: false,
        position: 0,
        data: Bytes::new(),
    }
}

#[test]
fn a_client_sends_keepalive_periodically() {
    let mut end = End::client(config());
    for _ in 0..10 {
        // Also if the server sends something else.
        end.receive(2, response("x"));
        end.machine.handler_ended();
        end.events();
        end.now = end.machine.deadline().expect("it is open");
        end.machine.tick(end.now);
        assert_eq!(end.outcome(), ["-> KEEPALIVE asks "]);
        end.now += Duration::from_millis(3);
        end.receive(0, answered());
        assert_eq!(end.machine.round_trip(), Some(Duration::from_millis(3)));
    }
}

#[test]
fn a_server_sends_keepalive_only_if_nothing_arrives() {
    let mut end = End::server(config());
    let half = Duration::from_millis(500);
    for _ in 0..9 {
        end.receive(0, answered());
        assert_eq!(pass(&mut end, half), [""; 0]);
    }
    assert_eq!(pass(&mut end, half), ["-> KEEPALIVE asks "]);
}

/// The round trip is known of a busy connection, too.
#[test]
fn a_server_sends_keepalive_once_in_a_lifetime() {
    let mut end = End::server(config());
    let mut asked = 0;
    for _ in 0..200 {
        end.receive(0, answered());
        asked += pass(&mut end, Duration::from_millis(100)).len();
    }
    assert_eq!(asked, 4);
    assert!(end.machine.round_trip().is_some());
}

#[test]
fn silence_ends_the_connection_and_its_requests() {
    for mut end in [End::client(config()), End::server(config())] {
        end.machine
            .open(Interaction::Response, Payload::from("x"))
            .expect("it is open");
        end.frames();
        let outcome = pass(&mut end, Duration::from_secs(60));
        let asked = outcome
            .iter()
            .filter(|word| *word == "-> KEEPALIVE asks ")
            .count();
        assert_eq!(asked, 4, "{outcome:?}");
        assert_eq!(
            outcome[asked..],
            [
                "closed: nothing arrived for 5000 ms",
                "-> ERROR[CONNECTION_ERROR] 0 nothing arrived for 5000 ms",
            ]
        );
        assert_eq!(end.machine.deadline(), None);
        assert!(
            end.machine
                .open(Interaction::Response, Payload::from("x"))
                .is_err()
        );
    }
}

#[test]
fn a_peer_that_reads_nothing_is_noticed_though_it_sends() {
    let mut end = End::server(config());
    end.receive(1, response("x"));
    end.events();
    end.machine
        .send(1, Payload::from("answer"), true)
        .expect("it is open");
    // The transport takes nothing, so that `poll_frame` is not called.
    for _ in 0..5 {
        end.now += Duration::from_secs(1);
        end.receive(0, answered());
        assert_eq!(end.machine.closed(), None);
        end.machine.tick(end.now);
    }
    assert_eq!(
        end.events().iter().map(super::event_in_words).collect::<Vec<_>>(),
        ["closed: the peer read nothing for 5000 ms"]
    );
}

#[test]
fn times_of_any_length_are_possible() {
    for time in [Duration::ZERO, Duration::from_nanos(1), Duration::MAX] {
        let config = Config {
            keepalive_interval: time,
            keepalive_lifetime: time,
            ..Config::default()
        };
        let mut end = End::server(config);
        assert!(end.machine.deadline().is_some());
        end.machine.tick(end.now);
        assert_eq!(end.machine.closed(), None);
    }
}
