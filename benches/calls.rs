//! One request after the other, and many at once, beside what a program would write without this crate.
//!
//! `cargo bench --bench calls`, or `cargo bench --bench calls -- --table` for the ratios.

mod support;

use flink_client::{ClusterClient, JobStatus};

use support::clients::{NaivePool, Status, direct, ours};
use support::{Bench, Contender, Limit, cluster};

const DIRECT: &str = "ureq + serde_json called directly";
const POOL: &str = "four workers, a channel per call";

/// On a connection that is kept open, by one thread.
fn one_call(bench: &mut Bench) {
    let server = cluster::with_status().expect("a server");
    let job = cluster::job_ids(1)[0];
    let client = ours(&server.url());
    let (agent, base) = (ureq::Agent::new_with_defaults(), server.url());
    let (pool, pooled) = (NaivePool::new(), agent.clone());
    let address = move || format!("{base}/jobs/{job}/status");
    let pooled_address = address.clone();
    bench.group(
        "one call",
        Limit::Times(1.2, DIRECT),
        1,
        vec![
            Contender::new("flink-client", || client.job_status(job).wait().expect("a status")),
            Contender::new(DIRECT, move || direct::<Status>(&agent, &address())),
            Contender::new(POOL, move || {
                let (agent, url) = (pooled.clone(), pooled_address());
                pool.call(move || direct::<Status>(&agent, &url)).recv().expect("a status")
            }),
        ],
    );
}

/// Sixteen begun, then all waited for, again and again.
fn sixteen_in_flight(bench: &mut Bench) {
    const CALLS: u32 = 16;
    let server = cluster::with_status().expect("a server");
    let job = cluster::job_ids(1)[0];
    let client = ours(&server.url());
    let (pool, agent, base) = (NaivePool::new(), ureq::Agent::new_with_defaults(), server.url());
    bench.group(
        "16 calls in flight, per call",
        Limit::Times(1.0, POOL),
        CALLS,
        vec![
            Contender::new("flink-client", || {
                let calls: Vec<_> = (0..CALLS).map(|_| client.job_status(job)).collect();
                for call in calls {
                    assert_eq!(call.wait().expect("a status"), JobStatus::Running);
                }
            }),
            Contender::new(POOL, move || {
                let calls: Vec<_> = (0..CALLS)
                    .map(|_| {
                        let (agent, url) = (agent.clone(), format!("{base}/jobs/{job}/status"));
                        pool.call(move || direct::<Status>(&agent, &url))
                    })
                    .collect();
                for call in calls {
                    assert_eq!(call.recv().expect("a status").status, "RUNNING");
                }
            }),
        ],
    );
}

fn main() {
    let mut bench = Bench::from_arguments();
    one_call(&mut bench);
    sixteen_in_flight(&mut bench);
    bench.finish();
}
