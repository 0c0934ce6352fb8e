//! Lists of jobs, from short to very long, beside reading the same body into the smallest struct.
//!
//! `cargo bench --bench decode`, or `cargo bench --bench decode -- --table` for the ratios.

mod support;

use flink_client::ClusterClient;

use support::clients::{Jobs, direct, ours};
use support::{Bench, Contender, Limit, cluster};

const DIRECT: &str = "ureq + serde_json into id and state alone";

fn main() {
    let mut bench = Bench::from_arguments();
    for (count, what) in
        [(10, "10 jobs"), (1000, "1,000 jobs"), (10_000, "10,000 jobs"), (100_000, "100,000 jobs")]
    {
        let server = cluster::with_jobs(count).expect("a server");
        let client = ours(&server.url());
        let (agent, url) = (ureq::Agent::new_with_defaults(), format!("{}/jobs/overview", server.url()));
        bench.group(
            what,
            if count == 10_000 { Limit::Times(1.3, DIRECT) } else { Limit::None },
            1,
            vec![
                Contender::new("flink-client", || {
                    let jobs = client.list_jobs().wait().expect("a list");
                    assert_eq!(jobs.len(), count);
                    jobs
                }),
                Contender::new(DIRECT, move || {
                    let jobs: Jobs = direct(&agent, &url);
                    assert_eq!(jobs.jobs.len(), count);
                    jobs
                }),
            ],
        );
    }
    bench.finish();
}
