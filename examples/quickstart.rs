//! The life of a streaming job: submitted, saved, stopped, restored, cancelled, and listed all along.
//!
//! ```text
//! cargo run --example quickstart
//! ```
//!
//! It needs Rust alone: the cluster is a mini cluster in this process, which runs a stand-in, written in Rust, for the
//! program that the jar would have, and serves Flink's REST API on loopback. With the address of a real Flink, and a real
//! jar, the client does the same there.

use std::time::Duration;
use std::{env, fs, process};

use flink_client::mini::{EMPTY_JAR, MiniCluster, MiniClusterConfiguration, MiniJob};
use flink_client::prelude::*;
use flink_client::{Error, ExecutionPlan, RestClusterClient, Result, SavepointFormatType};

fn main() -> Result<()> {
    // On any free port.
    let cluster = MiniCluster::start(MiniClusterConfiguration::new().rest_port(0))?;
    // Counts, and keeps its count in state: so a savepoint has something to save.
    cluster.register_program("com.acme.Counter", |_program| {
        MiniJob::new("counter").vertex("count", 1, |task| {
            let count = task.value_state("count", "count", 0_i64)?;
            task.long_maximum("restored").add(count.get());
            while task.keep_running()? {
                count.update(|count| *count += 1);
                task.long_maximum("count").add(count.get());
                task.sleep(Duration::from_millis(1))?;
            }
            Ok(())
        })
    });
    let client = RestClusterClient::connect(cluster.rest_address().unwrap_or_default())?;
    println!("a mini cluster with {} slot runs at {}", cluster.slots_total(), client.web_interface_url());

    let folder = env::temp_dir().join(format!("flink-client-quickstart-{}", process::id()));
    fs::create_dir_all(&folder).map_err(Error::other)?;
    let jar = folder.join("counter.jar");
    // Any jar will do: the program is the one registered above.
    fs::write(&jar, EMPTY_JAR).map_err(Error::other)?;
    let plan = ExecutionPlan::jar(&jar).entry_class("com.acme.Counter");
    let lived = life_of_a_job(&client, &plan, &folder.to_string_lossy());
    fs::remove_dir_all(&folder).map_err(Error::other)?;
    lived
}

/// Every operation returns a handle at once, and goes on whether it is waited for or not; `wait` blocks until its end.
fn life_of_a_job(client: &impl ClusterClientExt, plan: &ExecutionPlan, savepoints: &str) -> Result<()> {
    let job = client.submit_job(plan.clone()).wait()?;
    client.wait_until_running(job).wait()?;
    println!("job {job} runs");
    list(client)?;

    // The savepoint is being taken while the jobs are listed.
    let saving = client.trigger_savepoint(job, Some(savepoints), SavepointFormatType::Canonical);
    list(client)?;
    println!("savepoint at {}", saving.wait()?);

    // Takes another savepoint, stops the job, and waits until it has really ended.
    let savepoint = client.stop_and_wait(job, Some(savepoints), SavepointFormatType::Canonical).wait()?;
    println!("stopped, with a savepoint at {savepoint}");
    println!("    counted to {}", client.accumulators(job).wait()?.value("count")?);

    let restored = client.submit_job(plan.clone().savepoint(savepoint)).wait()?;
    client.wait_until_running(restored).wait()?;
    println!("job {restored} goes on from there");
    list(client)?;

    // Composed instead of waited for step by step.
    let watching = client.clone();
    let result = client.cancel(restored).and_then(move |_| watching.job_result(restored)).wait()?;
    println!("cancelled after {:?}: {}", result.net_runtime, result.application_status);
    println!("    restored at {}", result.accumulators.value("restored")?);
    println!("    counted to {}", result.accumulators.value("count")?);
    list(client)
}

fn list(client: &impl ClusterClient) -> Result<()> {
    for job in client.list_jobs().wait()? {
        println!("    {} {} is {}", job.job_id, job.job_name, job.job_state);
    }
    Ok(())
}
