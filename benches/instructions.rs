//! So many calls by one client, for counting instructions: `instructions NAME CALLS` under valgrind's callgrind.
//!
//! Run by `benches/run.sh instructions`.

mod support;

use flink_client::{ClusterClient, JobId};

use support::clients::{Client, Status, direct, ours};
use support::cluster;

/// What callgrind counts: its name is what `--toggle-collect` looks for.
#[inline(never)]
fn measured(times: usize, call: &mut dyn FnMut()) {
    for _ in 0..times {
        call();
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|given| !given.starts_with("--")).collect();
    let [name, times] = &arguments[..] else { return };
    let times: usize = times.parse().expect("a number of calls");
    let server = cluster::with_status().expect("a server");
    let job: JobId = cluster::job_ids(1)[0];
    match name.as_str() {
        "flink-client" => {
            let client: Client = ours(&server.url());
            client.job_status(job).wait().expect("a status");
            measured(times, &mut || drop(client.job_status(job).wait().map(|_| ())));
        }
        "ureq" => {
            let (agent, base) = (ureq::Agent::new_with_defaults(), server.url());
            measured(times, &mut || drop(direct::<Status>(&agent, &format!("{base}/jobs/{job}/status"))));
        }
        other => panic!("no client is called {other}"),
    }
}
