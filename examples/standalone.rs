//! A real Flink cluster on this machine, for as long as this program runs.
//!
//! ```text
//! FLINK_HOME=/opt/flink-2.3.0 cargo run --example standalone
//! FLINK_HOME=/opt/flink-2.3.0 cargo run --example standalone -- target/etl.jar com.acme.Etl --topic orders
//! ```
//!
//! `FLINK_HOME` is the folder of an unpacked Flink, or of what `pip install apache-flink-libraries` brought; a Java of 11 or
//! newer is found by `JAVA_HOME` or in `PATH`. However this program ends, Ctrl-C and `kill -9` included, the cluster's
//! processes end with it.

use std::env;
use std::process::ExitCode;
use std::time::Instant;

use flink_client::prelude::*;
use flink_client::{ClusterSpecification, Configuration, ExecutionPlan, Result, StandaloneClusterDescriptor};

fn main() -> ExitCode {
    match run(env::args().skip(1)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("standalone: {error}");
            // What a process of Flink's said last, if one did not start, or a program that threw.
            if let Some(trace) = error.stack_trace() {
                eprintln!("{}", trace.trim_end());
            }
            ExitCode::FAILURE
        }
    }
}

/// The first argument is a jar, the second its entry class, the others are the program's.
pub(crate) fn run(mut arguments: impl Iterator<Item = String>) -> Result<()> {
    let size = ClusterSpecification::new().slots_per_task_manager(2);
    let begun = Instant::now();
    let cluster =
        StandaloneClusterDescriptor::new(Configuration::new()).deploy_session_cluster(&size).wait()?;
    println!("Flink {} is ready after {:.1?}", cluster.flink_version(), begun.elapsed());
    println!("    {} (web interface and REST API)", cluster.web_interface_url());
    println!("    {} (configuration and logs)", cluster.folder().display());
    for (name, pid) in cluster.processes() {
        println!("    process {pid} is the {name}");
    }
    let client = cluster.cluster_client()?;
    let overview = client.overview().wait()?;
    println!("{} TaskManagers with {} slots", overview.task_managers, overview.slots_total);

    if let Some(jar) = arguments.next() {
        let mut plan = ExecutionPlan::jar(jar);
        if let Some(class) = arguments.next() {
            plan = plan.entry_class(class);
        }
        let job = client.submit_job(plan.args(arguments)).wait()?;
        println!("job {job} was submitted");
        let result = client.execution_result(job).wait()?;
        println!("    and has finished after {:.1?}", result.net_runtime);
        for name in result.accumulators.names() {
            match result.accumulators.value(name) {
                Ok(value) => println!("    {name}: {value}"),
                Err(error) => println!("    {error}"),
            }
        }
    }
    let jobs = client.list_jobs().wait()?;
    println!("{} jobs", jobs.len());
    for job in jobs {
        println!("    {} {} is {}", job.job_id, job.job_name, job.job_state);
    }

    cluster.kill().wait()?;
    println!("nothing of it runs any more");
    Ok(())
}
