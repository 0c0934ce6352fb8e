//! Serves a mini cluster with a few stand-in programs until Ctrl-C: something to point a client, a command line or a
//! dashboard at, where no Flink is.
//!
//! ```text
//! cargo run --example mini_cluster -- --port 8081 --slots 4
//! ```
//! The first line that it prints is its address, and nothing else. Two counters run from the start. Upload any jar and
//! run it with one of these entry classes:
//!
//! - `demo.Counter` counts until it is stopped, and on from a savepoint; `--step N` counts in steps.
//! - `demo.Bounded` reads `--records N` records (1000), fills an accumulator of each kind, and finishes.
//! - `demo.Failing` fails after `--after N` records (100).
//! - `demo.Restarting` fails so `--times N` times (2), each time is restarted, and goes on.

use std::time::Duration;

use clap::Parser;
use flink_client::mini::{
    Checkpointing, JavaException, MiniCluster, MiniClusterConfiguration, MiniJob, MiniProgram,
    RestartStrategy, TaskContext, TaskResult,
};

#[derive(Parser)]
#[command(about = "Serves a mini cluster until Ctrl-C")]
struct Arguments {
    /// The port of its REST API on 127.0.0.1; 0 for one that is free.
    #[arg(long)]
    port: u16,
    /// How many slots it has.
    #[arg(long, default_value_t = 8)]
    slots: u32,
    /// Where savepoints go that name no directory.
    #[arg(long)]
    savepoints: Option<String>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    let mut configuration =
        MiniClusterConfiguration::new().rest_port(arguments.port).slots_per_task_manager(arguments.slots);
    if let Some(directory) = arguments.savepoints {
        configuration = configuration.savepoint_directory(directory);
    }
    let cluster = MiniCluster::start(configuration)?;
    cluster
        .register_program("demo.Counter", |program| counter("counter", program))
        .register_program("demo.Bounded", bounded)
        .register_program("demo.Failing", failing)
        .register_program("demo.Restarting", restarting);
    let changes = cluster.job_status_changes();
    for name in ["first counter", "second counter"] {
        cluster.submit(counting(name, 1, 1)).wait()?;
    }
    println!("{}", cluster.rest_address().unwrap_or_default());
    // Until Ctrl-C ends the process, or a client ends the cluster.
    for change in changes {
        eprintln!("job {} was {} and is {}", change.job_id, change.from, change.to);
    }
    Ok(())
}

/// A number of the program's arguments.
fn number(program: &MiniProgram, name: &str, default: i64) -> Result<i64, JavaException> {
    let Some(text) = program.parameter(name) else { return Ok(default) };
    text.parse().map_err(|_| {
        let message = format!("--{name} takes a number, got \"{text}\"");
        JavaException::new("java.lang.NumberFormatException", message)
    })
}

fn counter(name: &str, program: &MiniProgram) -> Result<MiniJob, JavaException> {
    Ok(counting(name, program.parallelism(), number(program, "step", 1)?))
}

fn counting(name: &str, parallelism: u32, step: i64) -> MiniJob {
    MiniJob::new(name)
        .checkpointing(Checkpointing::every(Duration::from_secs(10)))
        .vertex("Source: counter", parallelism, move |task| {
            let count = task.value_state("counter", "count", 0_i64)?;
            let seen = task.long_maximum("count");
            while task.sleep(Duration::from_millis(10))? {
                count.update(|count| *count += step);
                seen.add(count.get());
            }
            Ok(())
        })
        .operator("counter")
}

fn bounded(program: &MiniProgram) -> Result<MiniJob, JavaException> {
    let records = number(program, "records", 1000)?;
    Ok(MiniJob::new("bounded").vertex("Source: records", program.parallelism(), move |task| {
        for record in 1..=records {
            let (small, half) = (i32::try_from(record).unwrap_or(i32::MAX), record as f64 / 2.0);
            task.long_counter("records").add(1);
            task.int_counter("records, 32 bits").add(1);
            task.double_counter("sum of halves").add(half);
            task.int_minimum("least").add(small);
            task.int_maximum("greatest").add(small);
            task.long_minimum("least, 64 bits").add(record);
            task.long_maximum("greatest, 64 bits").add(record);
            task.double_minimum("least half").add(half);
            task.double_maximum("greatest half").add(half);
            task.average("mean").add(half);
            task.histogram("last digits").add((record % 10) as i32);
            if !task.keep_running()? {
                break;
            }
        }
        task.list("tasks").add(format!("task {}", task.subtask_index()));
        Ok(())
    }))
}

fn fail_after(task: &mut TaskContext, records: i64) -> TaskResult {
    for _ in 0..records {
        task.long_counter("records").add(1);
        task.sleep(Duration::from_millis(1))?;
    }
    Err(JavaException::new("demo.BadRecord", format!("record {} is one too many", records + 1)))
}

fn failing(program: &MiniProgram) -> Result<MiniJob, JavaException> {
    let after = number(program, "after", 100)?;
    Ok(MiniJob::new("failing").restart_strategy(RestartStrategy::None).vertex(
        "Source: records",
        program.parallelism(),
        move |task| fail_after(task, after),
    ))
}

fn restarting(program: &MiniProgram) -> Result<MiniJob, JavaException> {
    let times = number(program, "times", 2)?;
    let attempts = u32::try_from(times).unwrap_or(0);
    Ok(MiniJob::new("restarting")
        .restart_strategy(RestartStrategy::FixedDelay { attempts, delay: Duration::from_millis(500) })
        .vertex("Source: records", program.parallelism(), move |task| {
            if i64::from(task.attempt()) < times {
                return fail_after(task, 100);
            }
            while task.sleep(Duration::from_millis(10))? {}
            Ok(())
        }))
}
