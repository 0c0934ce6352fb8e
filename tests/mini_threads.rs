//! How many threads a mini cluster has, by the system's own count: a binary of its own, so that no other test's threads
//! are counted.
#![cfg(target_os = "linux")]

#[path = "it/support/mod.rs"]
mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use flink_client::mini::{MiniCluster, MiniClusterClient, MiniClusterConfiguration, MiniJob};
use flink_client::{ClusterClient, JobResult, Pending};

/// How many threads of this process are a mini cluster's.
fn threads() -> usize {
    support::threads_named("flink-mini").len()
}

#[track_caller]
fn eventually(expected: usize, when: &str) {
    let limit = Instant::now() + Duration::from_secs(60);
    let mut found = threads();
    while found != expected && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(10));
        found = threads();
    }
    assert_eq!(found, expected, "{when}");
}

#[test]
fn a_thousand_jobs_need_no_more_threads_than_the_slots_and_a_few() {
    const SLOTS: usize = 4;
    // One for each slot, and those whose tasks have just left it. How many of these the system has put off before they could
    // take another task nobody knows; but each has to be put off for as long as a task takes, so they stay few.
    const TASKS: usize = 20 * SLOTS;
    // The timer, and at most 16 for initialisations and 4 for files.
    const BESIDES: usize = 1 + 16 + 4;
    let configuration = MiniClusterConfiguration::new().slots_per_task_manager(SLOTS as u32);
    let cluster = MiniCluster::start(configuration).unwrap();
    let client = MiniClusterClient::new(cluster.configuration().clone(), cluster.clone());
    let begin = Arc::new(AtomicBool::new(false));
    let jobs = (0..1000).map(|n: i64| {
        let begin = Arc::clone(&begin);
        cluster.submit(MiniJob::new(format!("job {n}")).vertex("source", 1, move |task| {
            while !begin.load(Ordering::SeqCst) && task.sleep(Duration::from_millis(1))? {}
            task.sleep(Duration::from_millis(1))?;
            task.long_counter("n").add(n);
            Ok(())
        }))
    });
    let ids = Pending::all(jobs).wait().unwrap();
    // Four run; the others wait for slots, and need nothing for that.
    let mut most = threads();
    begin.store(true, Ordering::SeqCst);
    let mut results = Pending::all(ids.into_iter().map(|id| client.job_result(id)));
    let results = loop {
        match results.wait_timeout(Duration::from_millis(1)) {
            Ok(results) => break results.unwrap(),
            Err(waiting) => results = waiting,
        }
        most = most.max(threads());
    };
    assert!(results.len() == 1000 && results.iter().all(JobResult::is_success));
    assert!(most <= TASKS + BESIDES, "{most} threads");
    eventually(1, "an idle cluster has its timer alone");
    cluster.close();
    eventually(0, "a closed cluster has none");
}
