//! Waits for many jobs at once: what each costs in memory, threads and requests, and how soon an end is noticed.
//!
//! `cargo bench --bench waiting`. Counts what it can and prints a table; nothing here needs criterion.

mod support;

use std::alloc::System;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use flink_client::{
    ClusterClient, FixedWaitStrategy, Pending, RestClusterClient, RestClusterClientConfiguration,
    StandaloneClusterId, WaitStrategy,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use support::server::{Answer, Server, json};
use support::{cluster, process};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// How many jobs end one after the other while all are waited for.
const ENDS: usize = 5;

/// Asks every so often, and knows how often it was asked: once a round.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl WaitStrategy for Counted {
    fn wait_time(&self, attempt: u32) -> Duration {
        self.0.fetch_add(1, Ordering::SeqCst);
        FixedWaitStrategy(Duration::from_millis(10)).wait_time(attempt)
    }
}

/// A cluster in which so many of the first jobs have ended as `ended` says.
fn ending(count: usize, ended: &Arc<AtomicUsize>) -> io::Result<Server> {
    let ids = cluster::job_ids(count);
    let lists: Vec<Answer> = (0..=ENDS.min(count))
        .map(|ended| {
            json(&cluster::overview(&ids, |index| if index < ended { "FINISHED" } else { "RUNNING" }))
        })
        .collect();
    let results: Vec<(String, Answer)> =
        ids.iter().take(ENDS).map(|id| (id.to_string(), cluster::result(*id))).collect();
    let (going_on, ended) = (json(r#"{"status":{"id":"IN_PROGRESS"}}"#), Arc::clone(ended));
    let (running, finished) = (cluster::status(), json(r#"{"status":"FINISHED"}"#));
    Server::start(move |_, target| {
        let ended = ended.load(Ordering::SeqCst);
        if target.ends_with("/overview") {
            return Answer::clone(&lists[ended]);
        }
        let of_ended = results[..ended].iter().find(|(id, _)| target.contains(id.as_str()));
        if target.ends_with("/status") {
            return Answer::clone(if of_ended.is_some() { &finished } else { &running });
        }
        Answer::clone(of_ended.map_or(&going_on, |(_, result)| result))
    })
}

fn measure(count: usize) -> io::Result<()> {
    let (ended, rounds) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let server = ending(count, &ended)?;
    let configuration = RestClusterClientConfiguration::builder()
        .address(server.url())
        .poll_strategy(Counted(Arc::clone(&rounds)))
        .build()
        .expect("a usable configuration");
    let client = RestClusterClient::new(configuration, StandaloneClusterId).expect("a client");
    // What a client keeps anyway: threads, connections, the room that lists leave behind.
    client.list_jobs().wait().expect("a list");

    let ids = cluster::job_ids(count);
    let region = Region::new(ALLOCATOR);
    let mut waits: std::collections::VecDeque<Pending<_>> =
        ids.iter().map(|id| client.job_result(*id)).collect();
    let seen = rounds.load(Ordering::SeqCst);
    while rounds.load(Ordering::SeqCst) < seen + 3 {
        thread::sleep(Duration::from_millis(1));
    }
    let (requests, first) = (server.requests(), rounds.load(Ordering::SeqCst));
    // Between two rounds nothing is kept but the waits; so the least that is seen is what they are.
    let mut kept = usize::MAX;
    let mut threads = 0;
    while rounds.load(Ordering::SeqCst) < first + 20 {
        let change = region.change();
        kept = kept.min(change.bytes_allocated.saturating_sub(change.bytes_deallocated));
        threads = threads.max(process::threads_named("flink-client"));
        thread::sleep(Duration::from_millis(1));
    }
    let per_round = (server.requests() - requests) as f64 / (rounds.load(Ordering::SeqCst) - first) as f64;

    let mut delays = Vec::new();
    for end in 1..=ENDS.min(count) {
        let wait = waits.pop_front().expect("a wait for each job");
        let begun = Instant::now();
        ended.store(end, Ordering::SeqCst);
        assert!(wait.wait().expect("a result").is_success());
        delays.push(begun.elapsed());
    }
    delays.sort();
    println!(
        "| {count} | {threads} | {} | {per_round:.2} | {:.1} ms |",
        kept / count,
        delays[delays.len() / 2].as_secs_f64() * 1e3
    );
    waits.into_iter().for_each(Pending::cancel);
    client.close();
    Ok(())
}

fn main() -> io::Result<()> {
    let sizes: &[usize] =
        if std::env::args().any(|given| given == "--bench") { &[1, 100, 10_000] } else { &[1, 10] };
    println!("| jobs waited for | threads | bytes per wait | requests a round | an end is noticed after |");
    println!("|---:|---:|---:|---:|---:|");
    sizes.iter().try_for_each(|count| measure(*count))
}
