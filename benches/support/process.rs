//! What processes use, as the system has it.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// The most memory that was resident so far, in bytes, of the process `pid` or `self`.
pub(crate) fn peak_resident(pid: &str) -> Option<u64> {
    status(pid, "VmHWM:").map(|kibibytes| kibibytes * 1024)
}

/// How many of this process's threads have a name that begins so.
pub(crate) fn threads_named(beginning: &str) -> usize {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return 0 };
    tasks
        .filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok())
        .filter(|name| name.starts_with(beginning))
        .count()
}

fn status(pid: &str, name: &str) -> Option<u64> {
    let status = fs::read_to_string(Path::new("/proc").join(pid).join("status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The processor time that this process's threads have had, without those of the server: unlike a clock it does not run
/// while other processes do.
pub(crate) fn busy() -> Duration {
    let Ok(tasks) = fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    let nanoseconds = tasks.filter_map(|task| {
        let task = task.ok()?.path();
        let name = fs::read_to_string(task.join("comm")).ok()?;
        let times = fs::read_to_string(task.join("schedstat")).ok()?;
        (!name.starts_with("server")).then(|| times.split(' ').next()?.parse::<u64>().ok())?
    });
    Duration::from_nanos(nanoseconds.sum())
}

/// What a program took from its start to its end.
pub(crate) struct Taken {
    pub(crate) time: Duration,
    /// The most resident memory, as far as it was seen.
    pub(crate) resident: u64,
    pub(crate) output: String,
}

/// Runs a program to its end and looks at its memory meanwhile. One that says itself what its peak was, as the last
/// line of its output, is believed: a short one is gone before it is looked at.
///
/// # Panics
/// If it cannot be run, or fails.
pub(crate) fn run(command: &mut Command) -> Taken {
    let begun = Instant::now();
    let child = command.stdout(Stdio::piped()).spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let pid = child.id().to_string();
    let waiting = thread::spawn(move || finish(child));
    let mut resident = 0;
    while !waiting.is_finished() {
        resident = peak_resident(&pid).unwrap_or(resident);
        thread::sleep(Duration::from_millis(1));
    }
    let (output, ended) = waiting.join().expect("the child's end");
    assert!(output.status.success(), "{command:?} failed: {}", output.status);
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = output.lines().last().and_then(|line| line.strip_prefix(PEAK)?.parse().ok());
    Taken { time: ended - begun, resident: said.unwrap_or(resident), output }
}

fn finish(child: Child) -> (Output, Instant) {
    let output = child.wait_with_output().expect("the child's output");
    (output, Instant::now())
}

const PEAK: &str = "peak resident: ";

/// As a child's last act: tells [`run`] its peak.
pub(crate) fn tell_peak() {
    println!("{PEAK}{}", peak_resident("self").unwrap_or_default());
}

/// This program again, to do something else.
///
/// # Panics
/// If the system does not say where this program is.
pub(crate) fn again(what: &str) -> Command {
    let mut command = Command::new(std::env::current_exe().expect("the path of this program"));
    command.arg(what);
    command
}

/// The middle one.
pub(crate) fn median(values: impl Iterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A number of bytes for a table.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{:.1} MiB", bytes as f64 / (1024.0 * 1024.0))
}
