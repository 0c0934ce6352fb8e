//! A process that starts, lists jobs and ends, as a deploy script does: time and memory.
//!
//! `cargo bench --bench start`.

mod support;

use std::io;
use std::process::Command;

use flink_client::ClusterClient;

use support::clients::ours;
use support::cluster;
use support::process::{self, Taken, mebibytes};

const ROUNDS: usize = 51;

fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    if let Some(at) = arguments.iter().position(|given| given == "--list") {
        let jobs = ours(&arguments[at + 1]).list_jobs().wait().expect("a list");
        println!("{} jobs", jobs.len());
        process::tell_peak();
        return Ok(());
    }
    if arguments.iter().any(|given| given == "--nothing") {
        process::tell_peak();
        return Ok(());
    }
    let rounds = if arguments.iter().any(|given| given == "--bench") { ROUNDS } else { 1 };
    let server = cluster::with_jobs(10)?;
    let (mut ours, mut curl, mut nothing) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..rounds {
        ours.push(process::run(process::again("--list").arg(server.url())));
        curl.push(process::run(
            Command::new("curl").arg("-sSf").arg(format!("{}/jobs/overview", server.url())),
        ));
        nothing.push(process::run(&mut process::again("--nothing")));
    }
    assert!(ours.iter().all(|taken| taken.output.starts_with("10 jobs\n")));
    let time = |of: &[Taken]| {
        format!("{:.1} ms", process::median(of.iter().map(|taken| taken.time.as_secs_f64())) * 1e3)
    };
    let memory = |of: &[Taken]| mebibytes(of.iter().map(|taken| taken.resident).max().unwrap_or_default());
    println!("| a process that lists 10 jobs | flink-client | curl | one that does nothing | at most |");
    println!("|---|---:|---:|---:|---:|");
    println!("| from start to end | {} | {} | {} | 20 ms |", time(&ours), time(&curl), time(&nothing));
    println!(
        "| most resident memory | {} | {} | {} | 8 MiB |",
        memory(&ours),
        memory(&curl),
        memory(&nothing)
    );
    Ok(())
}
