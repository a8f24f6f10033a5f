//! Weighted rendezvous hashing: each candidate gets a score from the visitor's seed and its own hash, and the lowest
//! score wins. A candidate that grows takes visitors from the others and moves none between them; one that disappears
//! gives away its own visitors only.
#![deny(clippy::disallowed_methods)]

use aws_lc_rs::digest::{SHA256, digest};

use super::mixed;

/// The hash of a name. It is the same on every gateway, in every release.
pub(super) fn hash(name: &str) -> u64 {
    let tag = digest(&SHA256, name.as_bytes());
    let first = tag.as_ref().first_chunk().copied();
    u64::from_be_bytes(first.unwrap_or_default())
}

/// The candidate for this seed. Each candidate is a position, the hash of a name, and a weight; one without weight is
/// never picked.
pub(super) fn pick(seed: u64, candidates: impl Iterator<Item = (usize, u64, u64)>) -> Option<usize> {
    let mut best: Option<(f64, usize)> = None;
    for (position, hash, weight) in candidates.filter(|(_, _, weight)| *weight > 0) {
        let score = score(seed, hash, weight);
        if best.is_none_or(|(lowest, _)| score < lowest) {
            best = Some((score, position));
        }
    }
    best.map(|(_, position)| position)
}

/// An exponentially distributed number whose rate is the weight: the chance that it is the lowest of several is the
/// weight's part of their sum.
fn score(seed: u64, hash: u64, weight: u64) -> f64 {
    let spread = mixed(mixed(seed) ^ hash);
    // The upper 53 bits are all that a double holds. One half more keeps the number between 0 and 1, exclusively.
    #[expect(
        clippy::cast_precision_loss,
        reason = "53 bits fit into a double, and weights have 32"
    )]
    let (uniform, weight) = (
        ((spread >> 11) as f64 + 0.5) / (1_u64 << 53) as f64,
        weight as f64,
    );
    -uniform.ln() / weight
}
