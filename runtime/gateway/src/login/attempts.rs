//! Delays logins after failures: the longer, the more failed. Failures count for the pair of account and address, and for
//! the address. They do not count for the account alone, so that strangers lock no user out.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    mem,
    net::{IpAddr, Ipv6Addr},
};

use crate::limits::{FAILED_LOGINS_FORGOTTEN_MS, MAX_FAILED_LOGINS, MAX_LOGIN_DELAY_MS};

/// Failed logins, in two generations: when the younger one is full or old, the older one is dropped.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    young: HashMap<u64, Counter>,
    old: HashMap<u64, Counter>,
    /// When the younger generation began.
    since: u64,
    hasher: RandomState,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counter {
    failures: u32,
    /// When the next attempt may be made, in milliseconds.
    free_at: u64,
}

/// The attempts that are delayed together.
#[derive(Clone, Copy, Debug)]
struct Keys {
    pair: u64,
    /// `None`: the address is unknown.
    address: Option<u64>,
}

/// An attempt that must be delayed too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooSoon {
    /// When it may be made again, in milliseconds from now.
    pub(crate) after: u64,
}

/// An attempt that was begun, and counts as failed until it succeeds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt {
    keys: Keys,
    /// How many milliseconds it must wait before the password is checked.
    pub(crate) delay: u64,
}

impl Attempts {
    /// Begins an attempt. Those that were begun at the same time wait for each other. `now` is in milliseconds.
    ///
    /// # Errors
    /// It would have to wait too long. Then it does not count.
    pub(crate) fn begin(
        &mut self,
        account: &str,
        address: Option<IpAddr>,
        now: u64,
    ) -> Result<Attempt, TooSoon> {
        self.age(now);
        let keys = self.keys(account, address);
        let pair = self.counter(keys.pair);
        let all = keys.address.map(|key| (key, self.counter(key)));
        let free_at = pair.free_at.max(all.map_or(0, |(_, counter)| counter.free_at));
        let delay = free_at.saturating_sub(now);
        if delay > MAX_LOGIN_DELAY_MS {
            return Err(TooSoon { after: delay });
        }
        let begins = now + delay;
        self.put(keys.pair, pair, begins, pair_pause);
        if let Some((key, counter)) = all {
            self.put(key, counter, begins, address_pause);
        }
        Ok(Attempt { keys, delay })
    }

    /// Does `check`, which compares a secret of operators, unless there were too many failures from this address. A failure counts.
    ///
    /// # Errors
    /// It is too soon. Then nothing was compared.
    pub(crate) fn try_now(
        &mut self,
        address: Option<IpAddr>,
        now: u64,
        check: impl FnOnce() -> bool,
    ) -> Result<bool, TooSoon> {
        self.age(now);
        let key = self.hasher.hash_one((3_u8, address.map(network)));
        let counter = self.counter(key);
        if counter.free_at > now {
            let after = counter.free_at - now;
            return Err(TooSoon { after });
        }
        let is_right = check();
        if !is_right {
            self.put(key, counter, now, address_pause);
        }
        Ok(is_right)
    }

    /// The password was right: the pair begins anew, and the address has one failure less.
    pub(crate) fn succeeded(&mut self, attempt: Attempt) {
        for generation in [&mut self.young, &mut self.old] {
            generation.remove(&attempt.keys.pair);
            if let Some(counter) = attempt.keys.address.and_then(|key| generation.get_mut(&key)) {
                counter.failures = counter.failures.saturating_sub(1);
                if address_pause(counter.failures) == 0 {
                    counter.free_at = 0;
                }
            }
        }
    }

    fn counter(&self, key: u64) -> Counter {
        let known = self.young.get(&key).or_else(|| self.old.get(&key));
        known.copied().unwrap_or_default()
    }

    fn put(&mut self, key: u64, counter: Counter, begins: u64, pause: fn(u32) -> u64) {
        let failures = counter.failures.saturating_add(1);
        let counter = Counter {
            failures,
            free_at: begins + pause(failures),
        };
        self.young.insert(key, counter);
    }

    fn age(&mut self, now: u64) {
        let is_old = now.saturating_sub(self.since) > FAILED_LOGINS_FORGOTTEN_MS;
        if is_old || self.young.len() >= MAX_FAILED_LOGINS {
            self.old = mem::take(&mut self.young);
            self.since = now;
        }
    }

    fn keys(&self, account: &str, address: Option<IpAddr>) -> Keys {
        let address = address.map(network);
        Keys {
            pair: self.hasher.hash_one((1_u8, account, address)),
            address: address.map(|address| self.hasher.hash_one((2_u8, address))),
        }
    }
}

/// A network that one visitor has: an IPv6 network of 64 bits, or an IPv4 address.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from(u128::from(address) & (!0 << 64)).into(),
        address => address,
    }
}

/// How many milliseconds after so many failures of one account from one address the next attempt begins.
fn pair_pause(failures: u32) -> u64 {
    match failures {
        0..3 => 0,
        failures => 500 << (failures - 3).min(7),
    }
}

/// How many milliseconds after so many failures from one address the next attempt begins. Many people may share an
/// address.
fn address_pause(failures: u32) -> u64 {
    match failures {
        0..20 => 0,
        failures => 100 << ((failures - 20) / 5).min(6),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    #[test]
    fn the_delay_grows_and_ends_with_a_success() {
        let mut attempts = Attempts::default();
        let mut now = 0;
        let mut delays = Vec::new();
        for _ in 0..9 {
            match attempts.begin("ann", ip(1), now) {
                Ok(attempt) => {
                    delays.push(attempt.delay);
                    now += attempt.delay;
                }
                Err(TooSoon { after }) => {
                    delays.push(after);
                    now += after;
                }
            }
        }
        assert_eq!(delays, [0, 0, 0, 500, 1_000, 2_000, 4_000, 8_000, 16_000]);
        let right = attempts.begin("ann", ip(1), now).expect("it is time");
        attempts.succeeded(right);
        for _ in 0..3 {
            assert_eq!(
                attempts.begin("ann", ip(1), now).map(|attempt| attempt.delay),
                Ok(0)
            );
        }
    }

    #[test]
    fn ten_thousand_wrong_passwords_lock_no_user_out() {
        let mut attempts = Attempts::default();
        let mut checked = 0;
        // A flood within one second, from one address.
        for n in 0..10_000_u64 {
            checked += u32::from(attempts.begin("ann", ip(1), n / 10).is_ok());
        }
        assert!(
            checked < 12,
            "{checked} passwords of one account were checked in a second"
        );
        // Ann herself, at home.
        assert_eq!(
            attempts.begin("ann", ip(2), 1_000).map(|attempt| attempt.delay),
            Ok(0)
        );
        // One address that tries many accounts.
        let tried = (0..10_000)
            .filter(|n| attempts.begin(&n.to_string(), ip(3), 1_000).is_ok())
            .count();
        assert!(
            tried < 80,
            "{tried} accounts were tried from one address in a second"
        );
        assert_eq!(
            attempts.begin("bob", ip(4), 1_000).map(|attempt| attempt.delay),
            Ok(0)
        );
    }

    #[test]
    fn attempts_at_the_same_time_wait_for_each_other() {
        let mut attempts = Attempts::default();
        let delays: Vec<_> = (0..8)
            .map(|_| attempts.begin("ann", ip(1), 0).map(|one| one.delay))
            .collect();
        let late = |after| Err(TooSoon { after });
        assert_eq!(delays[..6], [Ok(0), Ok(0), Ok(0), Ok(500), Ok(1_500), Ok(3_500)]);
        assert_eq!(delays[6..], [Ok(7_500), late(15_500)]);
    }

    #[test]
    fn guesses_of_a_secret_are_bounded_and_a_right_one_forgets_nothing() {
        let mut attempts = Attempts::default();
        let mut compared = 0;
        for n in 0..10_000 {
            compared += u32::from(attempts.try_now(ip(1), n / 10, || false).is_ok());
        }
        assert!(compared < 40, "{compared} guesses in a second");
        assert!(
            attempts.try_now(ip(1), 1_000, || true).is_err(),
            "not even a right one"
        );
        assert_eq!(attempts.try_now(ip(2), 1_000, || true), Ok(true), "elsewhere");
        let later = 1_000 + 6_400;
        assert_eq!(attempts.try_now(ip(1), later, || true), Ok(true));
        assert_eq!(attempts.try_now(ip(1), later, || false), Ok(false));
        assert!(attempts.try_now(ip(1), later, || false).is_err());
    }

    #[test]
    fn unknown_names_count_like_known_ones_and_networks_count_as_one() {
        let mut attempts = Attempts::default();
        let v6 = |text: &str| Some(text.parse::<IpAddr>().expect("an address"));
        for n in 0..4 {
            let _ = attempts.begin("stranger", v6(&format!("2001:db8::{n}")), 0);
        }
        assert_eq!(
            attempts
                .begin("stranger", v6("2001:db8::ffff"), 0)
                .map(|one| one.delay),
            Ok(1_500)
        );
        assert_eq!(
            attempts
                .begin("stranger", v6("2001:db8:0:1::1"), 0)
                .map(|one| one.delay),
            Ok(0)
        );
        assert_eq!(
            network(IpAddr::from([1, 2, 3, 4])),
            network("::ffff:1.2.3.4".parse().expect("an address"))
        );
        assert!(attempts.begin("stranger", None, 0).is_ok());
    }

    #[test]
    fn failures_are_forgotten_and_memory_is_bounded() {
        let mut attempts = Attempts::default();
        for _ in 0..8 {
            let _ = attempts.begin("ann", ip(1), 0);
        }
        assert!(attempts.begin("ann", ip(1), 1).is_err());
        for now in [1, 2] {
            let _ = attempts.begin("bob", ip(2), now * (FAILED_LOGINS_FORGOTTEN_MS + 10));
        }
        let later = 3 * (FAILED_LOGINS_FORGOTTEN_MS + 10);
        assert_eq!(attempts.begin("ann", ip(1), later).map(|one| one.delay), Ok(0));
        for n in 0..3 * MAX_FAILED_LOGINS {
            let address = IpAddr::from(u32::try_from(n).expect("small").to_be_bytes());
            let _ = attempts.begin("ann", Some(address), later);
        }
        assert!(attempts.young.len() + attempts.old.len() <= 2 * (MAX_FAILED_LOGINS + 2));
    }
}
