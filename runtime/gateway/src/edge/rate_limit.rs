//! How often one client address may make requests. The memory is bounded, however many addresses there are.
#![deny(clippy::disallowed_methods)]

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
    net::IpAddr,
    num::NonZeroU32,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use governor::{
    Quota, RateLimiter,
    clock::{Clock, DefaultClock},
    middleware::NoOpMiddleware,
    nanos::Nanos,
    state::StateStore,
};
use serde::{Deserialize, Deserializer, de::Error as _};

use crate::limits::{MAX_RATE_ADDRESSES, RATE_SHARDS};

/// A number of requests in a time, written like `10/s`, `600/m` or `5000/h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: NonZeroU32,
    /// In this time.
    pub per: Duration,
}

impl Rate {
    /// Parses a rate.
    ///
    /// # Errors
    /// The text is not a rate. The error says what to write.
    pub fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.trim().split_once('/').and_then(|(count, unit)| {
            let seconds = match unit.trim() {
                "s" => 1,
                "m" => 60,
                "h" => 3_600,
                _ => return None,
            };
            let digits = count.trim();
            let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
            let count = digits.parse().ok().filter(|_| is_number)?;
            Some(Self {
                count,
                per: Duration::from_secs(seconds),
            })
        });
        parsed.ok_or_else(|| format!("`{text}` is not a rate: write 10/s, 600/m or 5000/h"))
    }
}

impl<'de> Deserialize<'de> for Rate {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(D::Error::custom)
    }
}

/// The requests of each client address, as one rate allows them.
pub(crate) struct RateLimit<C: Clock = DefaultClock> {
    limiter: RateLimiter<ClientKey, Addresses, C, NoOpMiddleware<C::Instant>>,
    clock: C,
}

/// A client address: the whole one of IPv4, and the network of 64 bits of IPv6, of which one visitor has all addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct ClientKey(u128);

impl ClientKey {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self(address.to_ipv6_mapped().into()),
            IpAddr::V6(address) => Self(u128::from(address) >> 64 << 64),
        }
    }
}

impl RateLimit {
    /// `burst` requests may come at once; without it, as many as `rate` counts.
    pub(crate) fn new(rate: Rate, burst: Option<NonZeroU32>) -> Self {
        Self::with_clock(rate, burst, DefaultClock::default())
    }
}

impl<C: Clock + Clone> RateLimit<C> {
    fn with_clock(rate: Rate, burst: Option<NonZeroU32>, clock: C) -> Self {
        // The time is a second at least, and the count at most 4 billion: the period is never zero.
        let period = (rate.per / rate.count.get()).max(Duration::from_nanos(1));
        let quota = Quota::with_period(period).unwrap_or(Quota::per_second(rate.count));
        let quota = quota.allow_burst(burst.unwrap_or(rate.count));
        Self {
            limiter: RateLimiter::new(quota, Addresses::new(), clock.clone()),
            clock,
        }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// There are too many: after this time, one is allowed again.
    pub(crate) fn check(&self, client: IpAddr) -> Result<(), Duration> {
        let checked = self.limiter.check_key(&ClientKey::of(client));
        checked.map_err(|until| until.wait_time_from(self.clock.now()))
    }
}

/// For each address, when its requests are forgotten.
struct Addresses {
    /// Each lock is held for one step.
    shards: Vec<Mutex<HashMap<ClientKey, u64, foldhash::fast::FixedState>>>,
    /// Seeded at random, so that nobody chooses addresses of one shard.
    hasher: RandomState,
}

impl Addresses {
    fn new() -> Self {
        Self {
            shards: (0..RATE_SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
        }
    }

    #[cfg(test)]
    fn count(&self) -> usize {
        let counts = self.shards.iter().map(|shard| shard.lock().expect("a map").len());
        counts.sum()
    }
}

impl StateStore for Addresses {
    type Key = ClientKey;

    fn measure_and_replace<T, F, E>(&self, key: &ClientKey, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let at = self.hasher.hash_one(key) as usize % self.shards.len();
        let mut shard = self.shards[at].lock().unwrap_or_else(PoisonError::into_inner);
        let (decision, next) = decide(shard.get(key).copied().map(Nanos::new))?;
        if shard.len() >= MAX_RATE_ADDRESSES / RATE_SHARDS && !shard.contains_key(key) {
            forget_half(&mut shard);
        }
        shard.insert(*key, next.as_u64());
        Ok(decision)
    }
}

/// Forgets the half of the addresses that made the fewest requests lately.
fn forget_half<S: std::hash::BuildHasher>(shard: &mut HashMap<ClientKey, u64, S>) {
    let mut ends: Vec<u64> = shard.values().copied().collect();
    let middle = ends.len() / 2;
    let (_, median, _) = ends.select_nth_unstable(middle);
    let median = *median;
    let before = shard.len();
    shard.retain(|_, end| *end > median);
    // Where all are alike, none is above the middle: those go all.
    debug_assert!(shard.len() < before);
}

#[cfg(test)]
mod tests {
    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limit(text: &str, burst: Option<u32>) -> (RateLimit<FakeRelativeClock>, FakeRelativeClock) {
        let clock = FakeRelativeClock::default();
        let rate = Rate::parse(text).expect(text);
        let burst = burst.map(|burst| NonZeroU32::new(burst).expect("not 0"));
        (RateLimit::with_clock(rate, burst, clock.clone()), clock)
    }

    fn address(text: &str) -> IpAddr {
        text.parse().expect(text)
    }

    #[test]
    fn as_many_requests_are_allowed_as_the_rate_says_and_then_the_wait_is_known() {
        for (rate, burst, at_once, wait) in [
            ("10/s", None, 10, 100),
            ("10/s", Some(3), 3, 100),
            ("60/m", Some(1), 1, 1_000),
            ("1/s", None, 1, 1_000),
            ("36/h", Some(2), 2, 100_000),
        ] {
            let (limit, clock) = limit(rate, burst);
            let client = address("192.0.2.1");
            for count in 0..at_once {
                assert_eq!(limit.check(client), Ok(()), "{rate} {count}");
            }
            assert_eq!(limit.check(client), Err(Duration::from_millis(wait)), "{rate}");
            assert_eq!(
                limit.check(address("192.0.2.2")),
                Ok(()),
                "another one is not limited"
            );
            clock.advance(Duration::from_millis(wait - 1));
            assert!(limit.check(client).is_err(), "{rate}");
            clock.advance(Duration::from_millis(1));
            assert_eq!(limit.check(client), Ok(()), "{rate}");
            assert!(limit.check(client).is_err(), "{rate}");
        }
    }

    #[test]
    fn one_visitor_is_one_address_of_ipv4_or_one_network_of_ipv6() {
        for (one, other, is_same) in [
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("2001:db8::1", "2001:db8::ffff:1", true),
            ("2001:db8::1", "2001:db8:0:1::1", false),
        ] {
            let (limit, _) = limit("1/h", None);
            assert_eq!(limit.check(address(one)), Ok(()));
            assert_eq!(limit.check(address(other)).is_err(), is_same, "{one} {other}");
        }
    }

    #[test]
    fn the_memory_is_bounded_and_who_makes_many_requests_is_remembered() {
        let (limit, _) = limit("1000/h", Some(1_000));
        let busy = address("192.0.2.1");
        for _ in 0..1_000 {
            limit.check(busy).expect("allowed");
        }
        for number in 0..(4 * MAX_RATE_ADDRESSES as u128) {
            let client = IpAddr::V6((number << 64 | 1 << 120).into());
            limit.check(client).expect("allowed once");
        }
        assert!(limit.limiter.into_state_store().count() <= MAX_RATE_ADDRESSES);
    }

    #[test]
    fn many_others_do_not_free_one_who_is_limited() {
        let (limit, _) = limit("1000/h", Some(10));
        let busy = address("192.0.2.1");
        while limit.check(busy).is_ok() {}
        for number in 0..(2 * MAX_RATE_ADDRESSES as u128) {
            let _ = limit.check(IpAddr::V6((number << 64 | 1 << 120).into()));
        }
        assert!(limit.check(busy).is_err());
    }

    #[test]
    fn a_rate_is_a_number_in_a_time() {
        for (text, expected) in [
            ("10/s", Some((10, 1))),
            (" 600 / m ", Some((600, 60))),
            ("5000/h", Some((5_000, 3_600))),
            ("0/s", None),
            ("10", None),
            ("10/d", None),
            ("/s", None),
            ("-1/s", None),
            ("+1/s", None),
            ("1.5/s", None),
            ("99999999999/s", None),
            ("10/s/s", None),
            ("", None),
        ] {
            let rate = Rate::parse(text).ok();
            let expected = expected.map(|(count, seconds)| (count, Duration::from_secs(seconds)));
            assert_eq!(rate.map(|rate| (rate.count.get(), rate.per)), expected, "{text}");
        }
    }
}
