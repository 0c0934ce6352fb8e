//! A table of a cluster's jobs that keeps itself up to date: states, tasks, uptime, the last checkpoint and its size.
//!
//! ```text
//! cargo run --example watch -- -m localhost:8081
//! cargo run --example watch -- --times 1 | grep FAILED
//! ```
//!
//! On a terminal the table stays in its place until Ctrl-C. Elsewhere it is printed plainly, once unless told otherwise.

use std::io::{IsTerminal as _, stdout};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::Parser;
use flink_client::prelude::*;
use flink_client::{
    CheckpointStatistics, JobStatusMessage, Pending, RestClusterClient, RestClusterClientConfiguration,
    Result, StandaloneClusterId,
};
use indicatif::{FormattedDuration, HumanBytes, ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Shows the jobs of a cluster, again and again.
#[derive(Parser)]
struct Arguments {
    /// Where the cluster's REST API is
    #[arg(short = 'm', long, value_name = "HOST[:PORT]|URL", default_value = "localhost:8081")]
    jobmanager: String,
    /// Seconds between two looks
    #[arg(short, long, value_name = "SECONDS", default_value_t = 2)]
    interval: u64,
    /// How many looks there are; by default one, or any number on a terminal
    #[arg(short, long, value_name = "N")]
    times: Option<u32>,
    /// Jobs that have ended too
    #[arg(short, long)]
    all: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match watch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("watch: {error}");
            ExitCode::FAILURE
        }
    }
}

fn watch(arguments: &Arguments) -> Result<()> {
    // There is a next look anyway, so none is tried again.
    let rest = RestClusterClientConfiguration::builder().address(&arguments.jobmanager).max_attempts(0);
    let client = RestClusterClient::new(rest.build()?, StandaloneClusterId)?;
    let terminal = stdout().is_terminal();
    let times = arguments.times.unwrap_or(if terminal { u32::MAX } else { 1 });
    let screen = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout())
        .with_style(ProgressStyle::with_template("{msg}").unwrap_or_else(|_| ProgressStyle::default_bar()));
    let mut last = String::new();
    for look in 1..=times {
        let text = match jobs(&client, arguments.all) {
            Ok(jobs) => {
                last = table(&jobs, SystemTime::now());
                last.clone()
            }
            // What was seen before stays, until the cluster is back.
            Err(error) if look > 1 => format!("{last}\n{error}"),
            Err(error) => return Err(error),
        };
        if terminal {
            screen.set_message(text);
            screen.tick();
        } else {
            println!("{text}");
        }
        if look < times {
            thread::sleep(Duration::from_secs(arguments.interval));
        }
    }
    screen.abandon();
    Ok(())
}

/// A job, and the last checkpoint that it completed.
type Seen = (JobStatusMessage, Option<CheckpointStatistics>);

fn jobs(client: &RestClusterClient, all: bool) -> Result<Vec<Seen>> {
    let mut jobs = client.list_jobs().wait()?;
    jobs.retain(|job| all || !job.job_state.is_globally_terminal());
    jobs.sort_by_key(|job| std::cmp::Reverse(job.start_time));
    // All are asked at the same time.
    let asked = jobs.iter().map(|job| client.checkpoints(job.job_id).map(|known| known.latest.completed));
    let checkpoints = Pending::all_settled(asked.collect::<Vec<_>>()).wait()?;
    // A job that has none to tell, or has just gone, is shown without.
    Ok(jobs.into_iter().zip(checkpoints.into_iter().map(|known| known.ok().flatten())).collect())
}

const HEAD: [&str; 7] = ["STATE", "TASKS", "UPTIME", "CHECKPOINT", "SIZE", "NAME", "JOB"];

fn table(jobs: &[Seen], now: SystemTime) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(jobs.iter().map(|seen| row(seen, now)));
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default();
    let widths: [usize; HEAD.len()] = std::array::from_fn(width);
    let line = |row: &[String; HEAD.len()]| {
        let cells: Vec<_> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn row((job, checkpoint): &Seen, now: SystemTime) -> [String; HEAD.len()] {
    let (taken, size) = match checkpoint {
        Some(checkpoint) => (
            format!("{} {} ago", checkpoint.id, FormattedDuration(age(checkpoint, now))),
            HumanBytes(checkpoint.state_size.try_into().unwrap_or(0)).to_string(),
        ),
        None => ("-".to_owned(), "-".to_owned()),
    };
    [
        job.job_state.to_string(),
        format!("{}/{}", job.tasks.running, job.tasks.total()),
        FormattedDuration(Duration::from_secs(job.duration.as_secs())).to_string(),
        taken,
        size,
        job.job_name.clone(),
        job.job_id.to_string(),
    ]
}

/// How long ago it was completed, by this machine's clock: nothing if that is behind the cluster's.
fn age(checkpoint: &CheckpointStatistics, now: SystemTime) -> Duration {
    let millis = checkpoint.latest_ack_timestamp.unwrap_or(checkpoint.trigger_timestamp);
    let completed = UNIX_EPOCH + Duration::from_millis(millis.try_into().unwrap_or(0));
    Duration::from_secs(now.duration_since(completed).unwrap_or_default().as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_a_line_for_each_job() {
        let job = r#"{"jid":"5f000000000000000000000000000001","name":"etl","state":"RUNNING","start-time":0,"duration":3725000,
            "tasks":{"running":3,"scheduled":1}}"#;
        let checkpoint = r#"{"id":7,"status":"COMPLETED","is_savepoint":false,"trigger_timestamp":1000,"latest_ack_timestamp":2000,
            "state_size":1536,"end_to_end_duration":1000,"num_subtasks":4,"num_acknowledged_subtasks":4}"#;
        let job: JobStatusMessage = serde_json::from_str(job).expect("a job");
        let checkpoint = serde_json::from_str(checkpoint).expect("a checkpoint");
        let now = UNIX_EPOCH + Duration::from_secs(12);
        assert_eq!(
            table(&[(job.clone(), Some(checkpoint)), (job, None)], now),
            "STATE    TASKS  UPTIME    CHECKPOINT      SIZE      NAME  JOB\n\
             RUNNING  3/4    01:02:05  7 00:00:10 ago  1.50 KiB  etl   5f000000000000000000000000000001\n\
             RUNNING  3/4    01:02:05  -               -         etl   5f000000000000000000000000000001"
        );
    }
}
