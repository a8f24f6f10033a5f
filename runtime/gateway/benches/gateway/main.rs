//! 10,000 services with 100,000 routes: finding a route, publishing a change, and what a route takes in memory; and the clients
//! that call services.

mod clients;
mod registration;

use std::{cell::RefCell, hint::black_box, sync::LazyLock};

use divan::{AllocProfiler, Bencher, counter::ItemsCount};
use hydra_runtime_gateway::bench::Installation;

#[global_allocator]
static ALLOC: AllocProfiler = AllocProfiler::system();

const SERVICES: usize = 10_000;
/// So many paths are looked up one after the other, each of another service: few of them are in a cache of the CPU.
const PATHS: usize = 50_000;

static LARGE: LazyLock<Installation> = LazyLock::new(|| Installation::new(SERVICES));
static LOOKED_UP: LazyLock<Vec<String>> =
    LazyLock::new(|| (0..PATHS).map(|number| LARGE.path(number)).collect());

/// One look-up, from the path to the service with its instances.
#[divan::bench(sample_size = 10_000, sample_count = 100)]
fn look_up(bencher: Bencher<'_, '_>) {
    let next = RefCell::new(LOOKED_UP.iter().cycle());
    bencher.counter(ItemsCount::new(1_u32)).bench_local(|| {
        let path = next.borrow_mut().next().expect("a cycle has no end");
        LARGE.look_up(black_box(path)).expect("a route")
    });
}

/// One service changes a path.
#[divan::bench(sample_size = 1, sample_count = 50)]
fn publish_a_change(bencher: Bencher<'_, '_>) {
    let large = RefCell::new((Installation::new(SERVICES), 0));
    bencher
        .with_inputs(|| {
            let (large, turn) = &mut *large.borrow_mut();
            *turn += 1;
            large.register(*turn * 7_919 % SERVICES, *turn);
        })
        .bench_local_values(|()| large.borrow_mut().0.publish());
}

/// Everything is new, as at the start of a gateway. What it keeps, by 100,000, is the memory of a route in the table;
/// the registry beside it is `hold`.
#[divan::bench(sample_size = 1, sample_count = 20)]
fn publish_all(bencher: Bencher<'_, '_>) {
    let mut large = Installation::new(SERVICES);
    bencher.bench_local(|| large.publish_all());
}

/// All of it is made and kept: the bytes that remain allocated, by 100,000, are the memory of a route.
#[divan::bench(sample_size = 1, sample_count = 1)]
fn hold() -> Installation {
    Installation::new(SERVICES)
}

fn main() {
    divan::main();
}
