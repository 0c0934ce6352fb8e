//! How many allocations a handle costs: a binary of its own, because it counts all of the process's, and one test.

use std::alloc::System;

use flink_client::{Pending, Runtime};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// Allocations of all threads per run of `code`, after a first run that starts threads and fills buffers. Other
/// threads of the test harness may allocate meanwhile, so the least of several counts is the one.
fn allocations(mut code: impl FnMut()) -> usize {
    const RUNS: usize = 1000;
    let mut count = || {
        let region = Region::new(ALLOCATOR);
        (0..RUNS).for_each(|_| code());
        let change = region.change();
        (change.allocations + change.reallocations) / RUNS
    };
    count();
    (0..5).map(|_| count()).min().unwrap_or(usize::MAX)
}

#[test]
fn a_ready_handle_allocates_nothing_and_a_spawned_one_little() {
    let ready = allocations(|| assert_eq!(Pending::ready(1).then(|n| Ok(n + 1)).wait().unwrap(), 2));
    assert_eq!(ready, 0, "ready, then, wait");

    let linked = allocations(|| assert_eq!(Pending::ready(1).and_then(Pending::ready).wait().unwrap(), 1));
    assert_eq!(linked, 0, "ready, and_then ready, wait");

    let runtime = Runtime::builder().callback_threads(1).build().unwrap();
    // The node, and its result's way to the waiting thread: a waiter with room for what it is offered.
    let spawned = allocations(|| assert_eq!(runtime.spawn(|| Ok(1)).wait().unwrap(), 1));
    assert!(spawned <= 4, "spawn, wait: {spawned}");

    let promised = allocations(|| {
        let (promise, pending) = runtime.promise();
        promise.complete(Ok(1));
        assert_eq!(pending.then(|n: u32| Ok(n + 1)).wait().unwrap(), 2);
    });
    assert_eq!(promised, 1, "promise, complete, then, wait");

    let chained = allocations(|| {
        let (promise, pending) = runtime.promise();
        let mut chain = pending;
        for _ in 0..10 {
            chain = chain.then(|n: u32| Ok(n + 1));
        }
        promise.complete(Ok(1));
        assert_eq!(chain.wait().unwrap(), 11);
    });
    assert!(chained <= 1 + 10 + 4, "promise, ten functions, wait: {chained}");
}
