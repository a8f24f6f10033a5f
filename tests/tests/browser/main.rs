//! Deferred and lazy fragments in a real browser.

mod later;
mod nonce;
