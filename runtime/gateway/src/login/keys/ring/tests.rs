use std::sync::OnceLock;

use hydra_runtime_wire::login::Login;

use super::*;

const OVERLAP: u64 = 1_800;
const NOW: u64 = 1_000_000;

/// Key pairs that all tests share: making one takes long.
fn pairs() -> &'static [LoginKeyPair; 3] {
    static PAIRS: OnceLock<[LoginKeyPair; 3]> = OnceLock::new();
    PAIRS.get_or_init(|| [(); 3].map(|()| LoginKeyPair::generate().expect("a key")))
}

/// The first key at `NOW`, a rotation every 10,000 seconds.
fn records(count: usize) -> Vec<KeyRecord> {
    let mut records = Vec::new();
    for (pair, at) in pairs().iter().zip((NOW..).step_by(10_000)).take(count) {
        records.push(next(&records, pair, at).expect("a record"));
    }
    records
}

fn ring(records: &[KeyRecord], now: u64) -> KeyRing {
    KeyRing::new(records, &KeyRing::default(), "K", now, OVERLAP)
}

fn ids(ring: &KeyRing) -> Vec<&str> {
    let keys = ring.set()["keys"].as_array().expect("a list");
    keys.iter()
        .map(|key| key["kid"].as_str().expect("an id"))
        .collect()
}

#[test]
fn a_rotation_overlaps() {
    let [first, second, _] = pairs();
    let records = records(2);
    let rotated = NOW + 10_000;
    for (now, signing, verifying) in [
        (NOW, first, vec![first, second]),
        // The new key is published, and signs a minute later.
        (rotated, first, vec![first, second]),
        (rotated + LOGIN_KEY_LEAD_SECS - 1, first, vec![first, second]),
        (rotated + LOGIN_KEY_LEAD_SECS, second, vec![first, second]),
        // The last token of the former key ends.
        (
            rotated + LOGIN_KEY_LEAD_SECS + OVERLAP,
            second,
            vec![first, second],
        ),
        (rotated + LOGIN_KEY_LEAD_SECS + OVERLAP + 1, second, vec![second]),
    ] {
        let ring = ring(&records, now);
        let after = now - rotated.min(now);
        assert_eq!(
            ring.signing(now).map(|pair| pair.kid()),
            Some(signing.kid()),
            "after {after} s"
        );
        let expected: Vec<&str> = verifying.iter().map(|pair| pair.kid()).collect();
        assert_eq!(ids(&ring), expected, "after {after} s");
        assert_eq!(ring.newest(), Some(second.kid()));
    }
}

#[test]
fn no_visitor_is_logged_out_by_rotations() {
    // A token is issued at each moment with the key that signs then, and must verify until it ends.
    for issued in (NOW..NOW + 30_000).step_by(977) {
        let count = usize::try_from((issued - NOW) / 10_000 + 1).expect("few").min(3);
        let known = records(count);
        let key = Arc::clone(ring(&known, issued).signing(issued).expect("a key"));
        let login = Login {
            expires: issued + OVERLAP,
            ..Login::default()
        };
        let (token, _) = login.token(&key, "K", "j", issued).expect("a token");
        let later = issued + OVERLAP - 1;
        let ring = ring(&records(3), later);
        assert!(
            ring.verifying().verify(&token, later, 0).is_ok(),
            "issued after {} s",
            issued - NOW
        );
    }
}

#[test]
fn no_key_follows_the_highest_generation() {
    for (generation, expected) in [(1, Some(2)), (u64::MAX - 1, Some(u64::MAX)), (u64::MAX, None)] {
        let mut known = records(1);
        known[0].generation = generation;
        for now in [NOW, u64::MAX] {
            let made = next(&known, &pairs()[1], now);
            assert_eq!(made.map(|made| made.generation), expected);
        }
    }
}

#[test]
fn a_key_is_made_on_schedule() {
    let life = 5_000;
    assert!(is_key_needed(&[], NOW, life));
    let one = records(1);
    assert!(!is_key_needed(&one, NOW + life - 1, life));
    assert!(is_key_needed(&one, NOW + life, life));
    // A clock that was set back makes no keys.
    assert!(!is_key_needed(&one, 0, life));
}

#[test]
fn damaged_records_are_left_out() {
    let mut records = records(2);
    let text = records[1].text().replace("\"key\":\"MII", "\"key\":\"AAA");
    records[1] = KeyRecord::read(&text).expect("a record");
    let ring = ring(&records, NOW + 20_000);
    assert_eq!(ids(&ring), [pairs()[0].kid()]);
    assert_eq!(
        ring.signing(NOW + 20_000).map(|pair| pair.kid()),
        Some(pairs()[0].kid())
    );
    assert!(KeyRing::default().signing(NOW).is_none());
    for text in [
        "",
        "{}",
        "null",
        "{\"generation\":1,\"created\":1,\"signsFrom\":1}",
    ] {
        assert!(KeyRecord::read(text).is_err(), "{text}");
    }
}

#[test]
fn a_key_is_not_parsed_twice_and_never_shown() {
    let records = records(2);
    let first = ring(&records, NOW);
    let again = KeyRing::new(&records, &first, "K", NOW, OVERLAP);
    assert!(again.is_same(&first));
    assert!(Arc::ptr_eq(
        first.signing(NOW).expect("a key"),
        again.signing(NOW).expect("a key")
    ));
    let shown = format!("{records:?} {first:?}");
    assert!(!shown.contains("MII"), "{shown}");
}
