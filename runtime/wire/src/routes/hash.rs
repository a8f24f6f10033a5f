//! Hashes of paths and of their segments.
#![deny(clippy::disallowed_methods)]

use std::{
    hash::{BuildHasher as _, Hasher},
    sync::LazyLock,
};

use foldhash::fast::RandomState;

/// The same in all tables of a process, so that a path is hashed only once, when it is registered.
static STATE: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// The hash of a text, with the secret of this process.
pub(super) fn hash(text: &str) -> u64 {
    STATE.hash_one(text)
}

/// A hasher for numbers that are hashes already.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
