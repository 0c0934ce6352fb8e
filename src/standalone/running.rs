//! A cluster's processes while they run, and how they are ended.

use std::thread;
use std::time::{Duration, Instant};

use super::folder::WorkingFolder;
use super::processes::{self, GRACE, Launched, OwnerPipe, Process, SUPERVISOR};
use crate::error::{Error, ErrorKind, Result};
use crate::runtime::{Core, current_place};
use crate::sync::{Mutex, lock};

/// The supervisor has killed what did not end by itself by then, and removed the folder.
const PATIENCE: Duration = Duration::from_secs(GRACE + 3);
/// And by then whoever is left cannot be killed.
const LAST: Duration = Duration::from_secs(GRACE + 8);

/// The processes of one cluster. Dropping it ends them, if they are this process's.
#[derive(Debug)]
pub(super) struct Running {
    pub(super) folder: WorkingFolder,
    group: u32,
    processes: Mutex<Vec<Process>>,
    hold: Mutex<Hold>,
}

/// Why the cluster runs on.
#[derive(Debug)]
enum Hold {
    /// As long as this pipe is open.
    Pipe(OwnerPipe),
    /// Until somebody kills it.
    Detached,
    /// It does not: it has been asked to end.
    Let(Instant),
}

impl Running {
    /// Processes that were started just now; they end with this one.
    pub(super) fn owned(folder: WorkingFolder, launched: Launched) -> Self {
        let supervisor = Process::of(SUPERVISOR, launched.supervisor);
        Self {
            folder,
            group: launched.group,
            processes: Mutex::new(supervisor.into_iter().collect()),
            hold: Mutex::new(Hold::Pipe(launched.pipe)),
        }
    }

    /// Processes that run without this one.
    pub(super) fn found(folder: WorkingFolder, group: u32, processes: Vec<Process>) -> Self {
        Self { folder, group, processes: Mutex::new(processes), hold: Mutex::new(Hold::Detached) }
    }

    pub(super) fn group(&self) -> u32 {
        self.group
    }

    pub(super) fn processes(&self) -> Vec<Process> {
        lock(&self.processes).clone()
    }

    pub(super) fn add(&self, process: Process) {
        lock(&self.processes).push(process);
    }

    /// The first of the given names whose process is known and runs no more.
    pub(super) fn first_ended(&self, names: &[String]) -> Option<String> {
        let processes = lock(&self.processes);
        let ended =
            |name: &&String| processes.iter().any(|process| process.name == **name && !process.runs());
        names.iter().find(ended).cloned()
    }

    /// Whether the JobManager runs: without it there is no cluster.
    pub(super) fn runs(&self) -> bool {
        let processes = lock(&self.processes);
        processes.iter().any(|process| process.name == JOB_MANAGER && process.runs())
    }

    pub(super) fn is_detached(&self) -> bool {
        matches!(*lock(&self.hold), Hold::Detached)
    }

    /// Lets the cluster outlive this process.
    ///
    /// # Errors
    /// [`ErrorKind::Process`] if it ends already.
    pub(super) fn detach(&self) -> Result<()> {
        let mut hold = lock(&self.hold);
        match std::mem::replace(&mut *hold, Hold::Let(Instant::now())) {
            Hold::Pipe(pipe) => pipe.detach().map_err(|error| {
                let message =
                    format!("the cluster in {} ends already: {error}", self.folder.path().display());
                Error::new(ErrorKind::Process, message)
            })?,
            Hold::Detached => {}
            Hold::Let(since) => {
                *hold = Hold::Let(since);
                return Err(Error::new(ErrorKind::Process, "the cluster was killed"));
            }
        }
        *hold = Hold::Detached;
        Ok(())
    }

    /// Asks all processes to end, once. When that was.
    fn let_go(&self) -> Instant {
        let before = {
            let mut hold = lock(&self.hold);
            match *hold {
                Hold::Let(since) => return since,
                Hold::Pipe(_) | Hold::Detached => std::mem::replace(&mut *hold, Hold::Let(Instant::now())),
            }
        };
        match before {
            // The supervisor reads the end of it.
            Hold::Pipe(pipe) => drop(pipe),
            Hold::Detached | Hold::Let(_) => self.terminate(),
        }
        Instant::now()
    }

    fn terminate(&self) {
        let processes = self.processes();
        match processes.iter().find(|process| process.name == SUPERVISOR && process.runs()) {
            Some(supervisor) => processes::terminate(supervisor),
            // Nobody is left to do it gently.
            None => processes::kill_group(self.group, &processes),
        }
    }

    /// Adds processes that run and that nobody has looked for, since the start was given up before. Whether there are.
    ///
    /// Names that are known are left out: what is known of a cluster that was found is all there is, and the ids in its
    /// folder may be as old as the folder.
    fn meet_others(&self) -> bool {
        let mut processes = lock(&self.processes);
        let known = processes.len();
        for (name, pid) in self.folder.started() {
            if processes.iter().all(|process| process.name != name) {
                processes.extend(Process::of(&name, pid));
            }
        }
        processes.len() > known
    }

    /// One look on the way to the end. `None` while something runs that may still end.
    fn press(&self, since: Instant, killed: &mut bool) -> Option<Result<()>> {
        let processes = self.processes();
        let left: Vec<_> = processes.iter().filter(|process| process.runs()).collect();
        if left.is_empty() {
            if self.meet_others() {
                return None;
            }
            self.folder.remove_if_temporary();
            return Some(Ok(()));
        }
        // Without the supervisor nobody escalates; with it, it had its time.
        let supervised = left.iter().any(|process| process.name == SUPERVISOR);
        if !*killed && (!supervised || since.elapsed() > PATIENCE) {
            *killed = true;
            processes::kill_group(self.group, &processes);
        }
        (since.elapsed() > LAST).then(|| {
            let left: Vec<_> =
                left.iter().map(|process| format!("{} (process {})", process.name, process.pid)).collect();
            Err(Error::new(ErrorKind::Process, format!("still running: {}", left.join(", "))))
        })
    }

    /// Ends the processes, and completes when none is left.
    ///
    /// # Errors
    /// [`ErrorKind::Process`], naming them, if some cannot be killed.
    pub(super) async fn end(&self, core: &Core) -> Result<()> {
        let since = self.let_go();
        let mut killed = false;
        loop {
            if let Some(ended) = self.press(since, &mut killed) {
                return ended;
            }
            core.sleep(LOOK).await;
        }
    }
}

const LOOK: Duration = Duration::from_millis(25);

/// The name of the process without which there is no cluster.
pub(super) const JOB_MANAGER: &str = "jobmanager";

impl Drop for Running {
    /// The processes end without this one's help once they were asked to. It waits for that, since a caller who drops a
    /// cluster expects it to be gone; but not on a thread of this library, which has other work.
    fn drop(&mut self) {
        if self.is_detached() {
            return;
        }
        let since = self.let_go();
        if current_place().is_some() {
            return;
        }
        let mut killed = false;
        loop {
            match self.press(since, &mut killed) {
                Some(Ok(())) => return,
                Some(Err(error)) => return log::error!("{}: {error}", self.folder.path().display()),
                None => thread::sleep(LOOK),
            }
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use std::os::unix::process::CommandExt as _;
    use std::process::Command;

    use super::*;

    #[test]
    fn a_process_that_nobody_has_seen_start_is_ended_too() {
        let parent = tempfile::tempdir().unwrap();
        let folder = WorkingFolder::create(Some(parent.path())).unwrap();
        let mut child = Command::new("sleep").arg("60").process_group(0).spawn().unwrap();
        folder.write("run/taskmanager-1.pid", &format!("{}\n", child.id())).unwrap();
        let hold = Mutex::new(Hold::Let(Instant::now()));
        drop(Running { folder, group: child.id(), processes: Mutex::default(), hold });
        assert_eq!(Process::of("taskmanager-1", child.id()), None);
        child.wait().unwrap();
    }
}
