//! How many allocations handles, calls and waits cost: a binary of its own, because it counts all of the process's, and
//! one test at a time.

#[allow(dead_code)]
#[path = "../benches/support/clients.rs"]
mod clients;
#[allow(dead_code)]
#[path = "../benches/support/cluster.rs"]
mod cluster;
#[allow(dead_code)]
#[path = "../benches/support/server.rs"]
mod server;

use std::alloc::System;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use flink_client::{
    ClusterClient, FixedWaitStrategy, JobStatus, Pending, RestClusterClient, RestClusterClientConfiguration,
    Runtime, StandaloneClusterId,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use clients::{Status, direct, ours};
use server::{Answer, Server, json};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

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
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
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

/// The server allocates nothing, so what is counted is the client's.
#[test]
fn a_call_allocates_little_more_than_the_http_library_does() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let server = cluster::with_status().unwrap();
    let job = cluster::job_ids(1)[0];
    let (agent, base) = (ureq::Agent::new_with_defaults(), server.url());
    let direct = allocations(|| {
        let status: Status = direct(&agent, &format!("{base}/jobs/{job}/status"));
        assert_eq!(status.status, "RUNNING");
    });
    let client = ours(&server.url());
    let ours = allocations(|| assert_eq!(client.job_status(job).wait().unwrap(), JobStatus::Running));
    assert!(ours <= direct + 14, "a call: {ours}, with the HTTP library alone: {direct}");
}

/// Ten thousand of them at once, between two looks at the cluster.
#[test]
fn a_wait_for_a_job_keeps_less_than_two_kibibytes() {
    const JOBS: usize = 10_000;
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let ids = cluster::job_ids(JOBS);
    let entries: Vec<String> =
        ids.iter().map(|id| format!(r#"{{"jid":"{id}","state":"RUNNING"}}"#)).collect();
    let (list, going_on) =
        (json(&format!(r#"{{"jobs":[{}]}}"#, entries.join(","))), json(r#"{"status":{"id":"IN_PROGRESS"}}"#));
    let running = cluster::status();
    let server = Server::start(move |_, target| {
        Answer::clone(match target.rsplit('/').next() {
            Some("overview") => &list,
            Some("status") => &running,
            _ => &going_on,
        })
    })
    .unwrap();
    let configuration = RestClusterClientConfiguration::builder()
        .address(server.url())
        .poll_strategy(FixedWaitStrategy(Duration::from_millis(50)));
    let client = RestClusterClient::new(configuration.build().unwrap(), StandaloneClusterId).unwrap();
    let region = Region::new(ALLOCATOR);
    let waits: Vec<_> = ids.iter().map(|id| client.job_result(*id)).collect();
    // Until each has been stepped once and is waiting for its turn, and a round has passed.
    let (limit, seen) = (Instant::now() + Duration::from_secs(60), server.requests());
    while server.requests() < seen + 3 {
        assert!(Instant::now() < limit, "no rounds");
        std::thread::sleep(Duration::from_millis(5));
    }
    // A round needs room for its list while it lasts: the least of what is seen is what the waits keep.
    let mut kept = usize::MAX;
    while kept / JOBS > 2048 && Instant::now() < limit {
        let change = region.change();
        kept = kept.min(change.bytes_allocated.saturating_sub(change.bytes_deallocated));
        std::thread::sleep(Duration::from_millis(1));
    }
    assert!(kept / JOBS <= 2048, "{} bytes", kept / JOBS);
    assert!(kept / JOBS > 100, "{} bytes: were they counted?", kept / JOBS);
    waits.into_iter().for_each(Pending::cancel);
}
