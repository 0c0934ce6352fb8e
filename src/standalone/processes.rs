//! The processes of a cluster: started under a supervisor, known by id and start time, ended as a group.
//!
//! The supervisor is a shell with a fixed script, [`SUPERVISOR_SCRIPT`]. It exists because this crate has no unsafe code and runs
//! nothing that it would have to compile first: a pipe that only this process holds is all that the supervisor needs to
//! notice the end of this process, whatever the end is.
//!
//! An id alone names a process only while somebody has not reaped it, so each is known with the time it was started at.
//! Between the look at that time and a signal are microseconds, in which the system would have to go once round its ids.

use std::io::{self, Write as _};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};

const SHELL: &str = "/bin/sh";
/// What the supervisor does; it is to be in the cluster's folder, as [`SCRIPT_FILE`].
pub(super) const SUPERVISOR_SCRIPT: &str = include_str!("supervisor.sh");
pub(super) const SCRIPT_FILE: &str = "run/supervisor.sh";

/// Starts the supervisor and ends, so that the supervisor is nobody's child that would have to be waited for. Says its
/// id. The standard input of what runs in the background is empty unless it is given explicitly.
const LAUNCHER: &str = r#"exec 3<&0 </dev/null; /bin/sh "$@" <&3 3<&- >>log/supervisor.log 2>&1 & echo $!"#;

/// How long processes have to end after they were asked to, in seconds; then they are killed.
pub(super) const GRACE: u64 = 5;

/// What the supervisor is called in errors and in the record.
pub(super) const SUPERVISOR: &str = "supervisor";

/// One process, told from a later one of the same id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Process {
    pub(super) name: String,
    pub(super) pid: u32,
    /// When it was started, in the system's own words.
    pub(super) started: String,
}

impl Process {
    /// The process that has this id now; `None` if none has.
    pub(super) fn of(name: &str, pid: u32) -> Option<Self> {
        Some(Self { name: name.to_owned(), pid, started: start_of(pid)? })
    }

    pub(super) fn runs(&self) -> bool {
        start_of(self.pid).is_some_and(|started| started == self.started)
    }
}

/// A supervisor that was started just now.
#[derive(Debug)]
pub(super) struct Launched {
    /// The process group of everything of this cluster.
    pub(super) group: u32,
    pub(super) supervisor: u32,
    pub(super) pipe: OwnerPipe,
}

/// The end of the pipe whose other end the supervisor reads. Dropping it ends the cluster. Other children of this
/// process do not inherit it: the standard library opens it so.
#[derive(Debug)]
pub(super) struct OwnerPipe(ChildStdin);

impl OwnerPipe {
    /// Lets the cluster run on after this process.
    pub(super) fn detach(mut self) -> io::Result<()> {
        self.0.write_all(b"detach\n")
    }
}

/// # Errors
/// [`ErrorKind::Unsupported`] on a system without process groups and a shell.
pub(super) fn check_system() -> Result<()> {
    if cfg!(unix) {
        return Ok(());
    }
    let message =
        "this library starts clusters on Unix systems only, where a shell can watch over their processes";
    Err(Error::new(ErrorKind::Unsupported, message)
        .with_hint("start Flink in WSL or a container, and use `RestClusterClient` with its address"))
}

/// Starts the supervisor of the processes that are described in `folder`.
///
/// # Errors
/// [`ErrorKind::Process`].
pub(super) fn launch(
    folder: &Path,
    java: &Path,
    environment: &[(String, Option<String>)],
    remove: bool,
    processes: &[String],
) -> Result<Launched> {
    let failed = |error: &io::Error| {
        Error::new(ErrorKind::Process, format!("cannot start {SHELL}, which starts the cluster: {error}"))
    };
    let mut command = Command::new(SHELL);
    command
        .args(["-c", LAUNCHER, "launcher", SCRIPT_FILE])
        .arg(java)
        .arg(GRACE.to_string())
        .arg(if remove { "yes" } else { "no" })
        .args(processes)
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    // Signals of the terminal, Ctrl-C above all, are for this process alone.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let mut child = command.spawn().map_err(|error| failed(&error))?;
    let group = child.id();
    let pipe =
        child.stdin.take().ok_or_else(|| Error::new(ErrorKind::Process, "the supervisor has no pipe"))?;
    let output = child.wait_with_output().map_err(|error| failed(&error))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let supervisor = said.trim().parse().map_err(|_| {
        Error::new(
            ErrorKind::Process,
            format!("{SHELL} did not start the supervisor ({}): {said}", output.status),
        )
    })?;
    Ok(Launched { group, supervisor, pipe: OwnerPipe(pipe) })
}

/// Asks a process to end, if it is still this one.
pub(super) fn terminate(process: &Process) {
    if process.runs() {
        signal("TERM", &process.pid.to_string());
    }
}

/// Ends a group at once. Only while one of its members is known to run: then its id cannot be another group's.
pub(super) fn kill_group(group: u32, members: &[Process]) {
    if members.iter().any(Process::runs) {
        signal("KILL", &format!("-{group}"));
    }
}

fn signal(signal: &str, target: &str) {
    let status = Command::new(SHELL)
        .args(["-c", r#"kill -s "$1" -- "$2""#, SHELL, signal, target])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    match status {
        Ok(status) if status.success() => {}
        // It has ended meanwhile, as a rule; whoever sends a signal looks afterwards.
        Ok(status) => log::debug!("kill -s {signal} {target}: {status}"),
        Err(error) => log::warn!("cannot run {SHELL} to end process {target}: {error}"),
    }
}

/// When the process of this id was started; `None` if there is none, or only one that nobody has waited for yet.
#[cfg(target_os = "linux")]
fn start_of(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in brackets, in which anything may be.
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    // Field 22 counts from the machine's start, so the start is part of it.
    let ticks = fields.nth(18)?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    Some(format!("{ticks} {}", boot.trim()).trim_end().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn start_of(pid: u32) -> Option<String> {
    let output = Command::new("ps")
        .args(["-o", "stat=", "-o", "lstart=", "-p", &pid.to_string()])
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    let (state, started) = text.trim().split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| started.trim().to_owned())
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::process::CommandExt as _;
    use std::process::Child;
    use std::time::{Duration, Instant};

    fn sleeper() -> Child {
        Command::new("sleep").arg("60").spawn().unwrap()
    }

    fn eventually(is_so: impl Fn() -> bool) {
        let deadline = Instant::now() + Duration::from_secs(30);
        while !is_so() {
            assert!(Instant::now() < deadline, "waited in vain");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn a_process_is_known_by_id_and_start_until_it_ends() {
        let mut child = sleeper();
        let process = Process::of("sleeper", child.id()).unwrap();
        assert!(process.runs());
        let another = Process { started: "1 another".into(), ..process.clone() };
        assert!(!another.runs(), "one that was started at another time");
        terminate(&another);
        assert!(process.runs());

        terminate(&process);
        // Until it is waited for it has an id, and does not run.
        eventually(|| !process.runs());
        assert_eq!(Process::of("sleeper", child.id()), None);
        child.wait().unwrap();
        assert!(!process.runs());
        terminate(&process);
        kill_group(process.pid, &[process]);
    }

    #[test]
    fn a_group_is_ended_while_a_member_is_known() {
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        let process = Process::of("sleeper", child.id()).unwrap();
        kill_group(child.id(), std::slice::from_ref(&process));
        assert!(!child.wait().unwrap().success());
        assert!(!process.runs());
    }
}
