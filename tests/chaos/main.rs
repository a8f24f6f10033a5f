//! Chaos: three gateways, Redis, `hydra serve` and seven services of three kinds. Any of them is killed, stopped, started
//! again or cut off at random, and every page is looked at.
//!
//! `HYDRA_CHAOS_SECONDS` says how long (20), `HYDRA_CHAOS_SEED` repeats the order of what happens.

mod page;
mod proxy;
mod visitors;
mod world;

use std::{
    env,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use proxy::Way;
use visitors::{Diary, visit};
use world::World;

/// Numbers that look random: splitmix64, by Guy Steele and others (2014).
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % end
    }

    fn place(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap_or(0)
    }

    fn milliseconds(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

/// What ends a disturbance.
#[derive(Debug)]
enum End {
    StartService(usize),
    ContinueService(usize),
    StartGateway(usize),
    ContinueGateway(usize),
    Open(usize),
    StartRedis,
}

fn setting(name: &str, default: u64) -> u64 {
    env::var(name)
        .ok()
        .and_then(|text| text.parse().ok())
        .unwrap_or(default)
}

#[test]
fn whatever_ends_and_starts_no_page_is_mixed_or_cut_and_none_of_a_living_service_fails() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = setting("HYDRA_CHAOS_SEED", u64::from(now.subsec_nanos()));
    let length = Duration::from_secs(setting("HYDRA_CHAOS_SECONDS", 20));
    eprintln!("HYDRA_CHAOS_SEED={seed}");
    let mut world = World::start();
    let (diary, stop) = (Diary::default(), Arc::new(AtomicBool::new(false)));
    let visitors = visit(&world, 4, &diary, &stop);
    let disturbances = disturb(&mut world, &mut Random(seed), length);
    stop.store(true, SeqCst);
    for visitor in visitors {
        visitor.join().expect("a visitor does not panic");
    }
    let (pages, excused) = (diary.pages.load(SeqCst), diary.excused.load(SeqCst));
    eprintln!("seed {seed}: {pages} pages, {disturbances} disturbances, {excused} failures that are none");
    assert!(pages > 0 && disturbances > 0, "something happened");
    let wrong = diary.wrong();
    assert!(
        wrong.is_empty(),
        "seed {seed}: {} pages are wrong, the first: {}",
        wrong.len(),
        wrong[0]
    );
}

/// Disturbs the world for so long. Gives how often.
fn disturb(world: &mut World, random: &mut Random, length: Duration) -> u64 {
    let (end_of_all, mut count) = (Instant::now() + length, 0);
    let mut ends: Vec<(Instant, End)> = Vec::new();
    while Instant::now() < end_of_all {
        world.look();
        while let Some(at) = ends.iter().position(|(when, _)| *when <= Instant::now()) {
            let (_, end) = ends.swap_remove(at);
            mend(world, end);
        }
        if let Some((lasting, end)) = begin(world, random, &ends) {
            let left = end_of_all.saturating_duration_since(Instant::now());
            eprintln!("{left:?} before the end, for {lasting:?}, until {end:?}");
            ends.push((Instant::now() + lasting, end));
            count += 1;
        }
        thread::sleep(random.milliseconds(100, 600));
    }
    for (_, end) in ends {
        mend(world, end);
    }
    count
}

/// Begins one, where it may be.
fn begin(world: &mut World, random: &mut Random, ends: &[(Instant, End)]) -> Option<(Duration, End)> {
    let (at, gateway) = (random.place(world.services.len()), random.place(3));
    let is_redis_disturbed = ends
        .iter()
        .any(|(_, end)| matches!(end, End::Open(_) | End::StartRedis));
    match random.below(6) {
        what @ (0 | 1)
            if World::has_another(&world.services, at) && world.services[at].well.was(Instant::now()) =>
        {
            world.disturb(at);
            if what == 0 {
                world.services[at].kill();
                return Some((random.milliseconds(200, 8_000), End::StartService(at)));
            }
            world.services[at].signal("STOP");
            // A fragment may take 1.9 s: a service that hangs for longer costs its fragments.
            Some((random.milliseconds(200, 1_000), End::ContinueService(at)))
        }
        what @ (2 | 3)
            if World::has_another(&world.gateways[..3], gateway) && world.gateways[gateway].is_running() =>
        {
            if ends
                .iter()
                .any(|(_, end)| matches!(end, End::ContinueGateway(one) if *one == gateway))
            {
                return None;
            }
            if what == 2 {
                world.gateways[gateway].kill();
                return Some((random.milliseconds(200, 6_000), End::StartGateway(gateway)));
            }
            world.gateways[gateway].signal("STOP");
            Some((random.milliseconds(200, 2_000), End::ContinueGateway(gateway)))
        }
        4 if !is_redis_disturbed => {
            let cut = random.place(world.proxies.len());
            world.proxies[cut].set(if random.below(2) == 0 {
                Way::Closed
            } else {
                Way::Silent
            });
            Some((random.milliseconds(1_000, 10_000), End::Open(cut)))
        }
        5 if !is_redis_disturbed => {
            world.redis.kill();
            Some((random.milliseconds(200, 4_000), End::StartRedis))
        }
        _ => None,
    }
}

fn mend(world: &mut World, end: End) {
    match end {
        End::StartService(at) => world.services[at].start(),
        End::ContinueService(at) => {
            world.services[at].signal("CONT");
            world.disturb(at);
        }
        End::StartGateway(at) => world.gateways[at].start(),
        End::ContinueGateway(at) => world.gateways[at].signal("CONT"),
        End::Open(at) => world.proxies[at].set(Way::Open),
        End::StartRedis => world.redis.start(),
    }
}
