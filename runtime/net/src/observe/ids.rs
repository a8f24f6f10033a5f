//! Random numbers for ids. They are no secrets: a fast generator per thread, seeded by the system, is enough.

use std::{
    cell::Cell,
    hash::{BuildHasher as _, RandomState},
};

thread_local! {
    static STATE: Cell<u64> = Cell::new(seed());
}

fn seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| RandomState::new().hash_one("ids"))
}

/// A random number that is not 0.
pub(super) fn random() -> u64 {
    STATE.with(|state| {
        let (number, next) = step(state.get());
        state.set(next);
        number.max(1)
    })
}

/// One step of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number generators", 2014).
fn step(state: u64) -> (u64, u64) {
    let next = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mixed = (next ^ (next >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31), next)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn numbers_differ_also_between_threads() {
        let many = || (0..1_000).map(|_| random()).collect::<Vec<_>>();
        let other = std::thread::spawn(many);
        let mut all = many();
        all.extend(other.join().expect("it ends"));
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 2_000);
        assert!(!all.contains(&0));
    }

    #[test]
    fn the_generator_is_the_published_one() {
        let (first, next) = step(0);
        assert_eq!(
            (first, step(next).0),
            (0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4)
        );
    }
}
