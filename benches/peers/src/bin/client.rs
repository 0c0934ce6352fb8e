//! One client as a process: `client flink-client|ureq|reqwest once|calls URL`.
//!
//! `once` lists the jobs and ends. `calls` measures, and prints the nanoseconds of a call when one follows the other, of
//! a call when 16 are in flight, the peak of resident memory in KiB, and the number of threads.

#[allow(dead_code)]
#[path = "../../../support/clients.rs"]
mod clients;
#[allow(dead_code)]
#[path = "../../../support/process.rs"]
mod process;

use std::time::Instant;

use flink_client::ClusterClient;

use clients::{Jobs, NaivePool, direct, ours};

const WARM_UP: usize = 500;
const CALLS: usize = 2000;
const IN_FLIGHT: usize = 16;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [client, what, url] = &arguments[..] else { panic!("client NAME once|calls URL") };
    let list = format!("{url}/jobs/overview");
    match client.as_str() {
        "flink-client" => {
            let client = ours(url);
            let one = || client.list_jobs().wait().expect("a list").len();
            let many = || {
                let calls: Vec<_> = (0..IN_FLIGHT).map(|_| client.list_jobs()).collect();
                calls.into_iter().map(|call| call.wait().expect("a list").len()).sum()
            };
            measure(what, one, many);
        }
        "ureq" => {
            let agent = ureq::Agent::new_with_defaults();
            let one = || direct::<Jobs>(&agent, &list).jobs.len();
            pooled(what, one, || {
                let (agent, list) = (agent.clone(), list.clone());
                move || direct::<Jobs>(&agent, &list).jobs.len()
            });
        }
        "reqwest" => {
            let client = reqwest::blocking::Client::new();
            let get = |client: &reqwest::blocking::Client, list: &str| {
                client.get(list).send().expect("an answer").json::<Jobs>().expect("a list").jobs.len()
            };
            pooled(what, || get(&client, &list), || {
                let (client, list) = (client.clone(), list.clone());
                move || get(&client, &list)
            });
        }
        other => panic!("no client is called {other}"),
    }
}

/// For clients that only block: the pool that everybody writes.
fn pooled<F: FnOnce() -> usize + Send + 'static>(what: &str, one: impl Fn() -> usize, call: impl Fn() -> F) {
    let pool = std::cell::LazyCell::new(NaivePool::new);
    let many = || {
        let calls: Vec<_> = (0..IN_FLIGHT).map(|_| pool.call(call())).collect();
        calls.into_iter().map(|call| call.recv().expect("a list")).sum()
    };
    measure(what, one, many);
}

fn measure(what: &str, one: impl Fn() -> usize, many: impl Fn() -> usize) {
    if what == "once" {
        assert_eq!(one(), 10);
        return;
    }
    (0..WARM_UP).for_each(|_| assert_eq!(one(), 10));
    let begun = Instant::now();
    (0..CALLS).for_each(|_| assert_eq!(one(), 10));
    let one_by_one = begun.elapsed() / CALLS as u32;
    (0..WARM_UP / IN_FLIGHT).for_each(|_| assert_eq!(many(), 10 * IN_FLIGHT));
    let begun = Instant::now();
    (0..CALLS / IN_FLIGHT).for_each(|_| assert_eq!(many(), 10 * IN_FLIGHT));
    let in_flight = begun.elapsed() / (CALLS / IN_FLIGHT * IN_FLIGHT) as u32;
    println!(
        "{} {} {} {}",
        one_by_one.as_nanos(),
        in_flight.as_nanos(),
        process::peak_resident("self").unwrap_or_default() / 1024,
        process::threads_named(""),
    );
}
