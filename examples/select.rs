//! Whichever comes first: results, a savepoint and a clock, waited for with `select!`.
//!
//! ```text
//! cargo run --example select
//! ```
//!
//! It needs Rust alone. For a program whose events come through channels anyway; one that only wants results as they come
//! has `Pending::as_completed`, and `Pending::any` or `Pending::first` for the first of several.

use std::time::Duration;
use std::{env, fs, process};

use crossbeam_channel::{never, select, tick};
use flink_client::prelude::*;
use flink_client::{Error, MiniCluster, MiniClusterConfiguration, MiniJob, Result, SavepointFormatType};

/// A job that counts up to `records`, one a millisecond.
fn counting(name: &str, records: i64) -> MiniJob {
    MiniJob::new(name).vertex("count", 1, move |task| {
        for _ in 0..records {
            task.long_counter("records").add(1);
            task.sleep(Duration::from_millis(1))?;
        }
        Ok(())
    })
}

fn main() -> Result<()> {
    let cluster = MiniCluster::start(MiniClusterConfiguration::new().slots_per_task_manager(2))?;
    let client = cluster.client();
    let short = cluster.submit(counting("short", 50)).wait()?;
    let long = cluster.submit(counting("long", 150)).wait()?;
    client.wait_until_running(long).wait()?;
    let folder = env::temp_dir().join(format!("flink-client-select-{}", process::id()));
    let directory = folder.to_string_lossy();

    // Four things are under way from here on. A receiver gets one message, and is disconnected after that.
    let mut saved =
        client.trigger_savepoint(long, Some(&directory), SavepointFormatType::Canonical).into_receiver();
    let mut short = client.execution_result(short).into_receiver();
    let mut long = client.execution_result(long).into_receiver();
    let clock = tick(Duration::from_millis(30));

    let mut open = 3;
    while open > 0 {
        // A disconnected receiver is always ready; `never` in its place is not.
        select! {
            recv(saved) -> path => {
                println!("savepoint at {}", path.map_err(Error::other)??);
                saved = never();
                open -= 1;
            }
            recv(short) -> result => {
                println!("the short job counted to {}", result.map_err(Error::other)??.accumulators.value("records")?);
                short = never();
                open -= 1;
            }
            recv(long) -> result => {
                println!("the long job counted to {}", result.map_err(Error::other)??.accumulators.value("records")?);
                long = never();
                open -= 1;
            }
            recv(clock) -> _ => println!("... {} jobs run", running(&client)?),
        }
    }
    fs::remove_dir_all(&folder).map_err(Error::other)
}

fn running(client: &impl ClusterClient) -> Result<usize> {
    let jobs = client.list_jobs().wait()?;
    Ok(jobs.iter().filter(|job| !job.job_state.is_terminal()).count())
}
