//! The mirror with very many instances.

use super::*;

/// Of twenty thousand instances, Redis knows the even ones, and calls every fourth active.
#[test]
fn what_a_large_redis_lacks_during_a_grace_is_kept_in_a_moment() {
    const MANY: u16 = 20_000;
    let (mut mirror, mut listing, mut fetched) =
        (Mirror::default(), Listing::default(), FetchedRecords::new());
    let seal = Seal::new(None, "");
    for port in 1..=MANY {
        let instance = instance(&format!("a{port}"), port, &[]);
        let written = mirror
            .register(&instance, Some(&1), &seal, Millis(0))
            .expect("not refused");
        let id = instance.id.as_str().to_owned();
        if port % 2 == 0 {
            let found = record::read(
                &id,
                written.text.into_bytes(),
                &seal,
                &RegistrationRules::default(),
            );
            let stamp = "1".to_owned();
            listing.stamps.insert(id.clone(), stamp.clone());
            fetched.insert(id.clone(), FetchedRecord { stamp, found });
        }
        if port % 4 == 0 {
            listing.active.insert(id);
        }
        if port % 5 == 0 {
            mirror.lost(instance.id.clone(), Millis(0));
        }
    }
    mirror.reconnected("a generation", Millis(0));
    let started = std::time::Instant::now();
    mirror.install(listing, fetched, Millis(1));
    let took = started.elapsed();
    let entries = mirror.view().entries;
    assert_eq!(entries.len(), usize::from(MANY), "who is missing in Redis stays");
    let is_active = |port: u16| port.is_multiple_of(4) || !port.is_multiple_of(5);
    assert!(
        entries
            .iter()
            .all(|entry| entry.is_active == is_active(entry.instance.registration.port))
    );
    // Looking for each among all takes many times as long.
    assert!(took < Duration::from_secs(20), "{took:?}");
}
