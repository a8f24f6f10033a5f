//! Support for the end-to-end tests: real processes, real sockets.

mod axe;
mod browser;
mod copy;
mod http;
pub mod markdown;
mod process;
mod programs;
#[cfg(unix)]
mod redis;
mod shop;

use std::{
    thread,
    time::{Duration, Instant},
};

#[cfg(unix)]
pub use self::redis::Redis;
pub use self::{
    axe::Axe,
    browser::Browser,
    copy::Copy,
    http::{Answer, ask, get, get_with, get_with_cookie, post, post_form, post_form_from},
    process::{Running, Start},
    programs::{cargo, program, target_folder, workspace},
    shop::{Shop, service},
};

/// How long a test waits for what takes no time limit of its own.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Waits until `condition` gives something, and gives it.
///
/// # Panics
/// Where it gives nothing within `limit`; `what` says what was missing.
pub fn wait_for<T>(what: &str, limit: Duration, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + limit;
    loop {
        if let Some(found) = condition() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {limit:?}");
        thread::sleep(Duration::from_millis(20));
    }
}
