//! The life of a streaming job, from its submission to the end of its second run, on a real Flink.
//!
//! ```text
//! cargo run --example quickstart
//! ```
//!
//! Flink, a JDK and a jar with small jobs come from the cache that `tests/flink.sh` fills; the cluster started here lives as
//! long as this program.

#[path = "../tests/live/support/mod.rs"]
mod support;

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use flink_client::{
    ClusterClient, ClusterClientExt, ExecutionPlan, JobStatus, Pending, RestClusterClient, Result,
    SavepointFormatType, StandaloneClusterId,
};

fn main() -> Result<()> {
    if std::env::var_os("FLINK_TEST_HOME").is_none() {
        std::process::exit(with_flink());
    }
    println!("starting a Flink cluster");
    let cluster = support::Settings::mini().start();
    let client = RestClusterClient::connect(cluster.url(), StandaloneClusterId)?;
    println!("it is there: {}", client.web_interface_url());

    // A jar is uploaded, run and removed again. Every call returns a handle at once; `wait` blocks until it is done.
    let jar = support::Environment::get().jobs_jar();
    let stateful =
        || ExecutionPlan::jar(&jar).entry_class("jobs.Stateful").arg("--records-per-second").arg("1000");
    let job = client.submit_job(stateful()).wait()?;
    println!("submitted job {job}");
    client.wait_until_running(job).wait()?;
    list(&client)?;

    // Handles overlap: the savepoint is being taken while the jobs are listed.
    let folder = cluster.folder("savepoints").display().to_string();
    let saving = client.trigger_savepoint(job, Some(&folder), SavepointFormatType::Canonical);
    list(&client)?;
    println!("savepoint at {}", saving.wait()?);

    // Stops the job with another savepoint, and waits until it has really ended.
    let savepoint = client.stop_and_wait(job, Some(&folder), SavepointFormatType::Canonical).wait()?;
    println!("stopped with a savepoint at {savepoint}");
    list(&client)?;

    let restored = client.submit_job(stateful().savepoint(savepoint)).wait()?;
    client.wait_until_running(restored).wait()?;
    println!("job {restored} goes on from there");
    list(&client)?;

    // Composed instead of waited for step by step.
    let end: Pending<JobStatus> = client.cancel(restored).and_then({
        let client = client.clone();
        move |_| client.job_result(restored).and_then(move |result| client.job_status(result.job_id))
    });
    println!("cancelled: the job is {}", end.wait()?);
    list(&client)
}

fn list(client: &RestClusterClient<StandaloneClusterId>) -> Result<()> {
    for job in client.list_jobs().wait()? {
        println!("    {} {} is {}", job.job_id, job.job_name, job.job_state);
    }
    Ok(())
}

/// Runs this program again, by the script that knows where Flink is; its exit status.
fn with_flink() -> i32 {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let cache = env::var_os("FLINK_CLIENT_CACHE").map_or_else(|| root.join(".flink"), PathBuf::from);
    if !cache.join("flink-2.3.0").is_dir() {
        eprintln!(
            "There is no Flink here yet. Get one (330 MB from PyPI, and a JDK if there is none), and try again:"
        );
        eprintln!("    tests/flink.sh 2.3.0");
        return 1;
    }
    let this = env::current_exe().expect("a program knows where it is");
    let again = Command::new(root.join("tests/flink.sh")).arg("2.3.0").arg(this).status();
    again.expect("the script can be run").code().unwrap_or(1)
}
