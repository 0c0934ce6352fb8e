//! The cluster's one lock, and what is done when it is open again.
//!
//! Everything that a cluster knows is in [`State`], under one mutex. Whatever changes it is a function of the state
//! that takes no time: no caller's code, no file, no waiting. What it wants done besides — run a task, write a
//! savepoint, complete a handle — it leaves in [`Effects`], which are done in order after the lock is open.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, VecDeque};
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use crossbeam_channel::Sender;

use super::applications::Applications;
use super::clock::MiniClock;
use super::jars::Jars;
use super::job::Job;
use super::operations::Operations;
use super::program::ProgramFn;
use super::rest::Server;
use super::slots::Slots;
use super::threads::Threads;
use super::timer::Timer;
use super::{JobStatusChange, lock};
use crate::config::Configuration;
use crate::details::FlinkVersion;
use crate::ids::{IntermediateDataSetId, JobId};

/// What a cluster is made of, shared by its handles, clients and threads.
pub(crate) struct Core {
    pub(crate) settings: Settings,
    pub(crate) clock: MiniClock,
    pub(crate) timer: Arc<Timer>,
    /// One thread for each running task; slots bound their number.
    pub(crate) tasks: Arc<Threads>,
    /// Reads and writes of checkpoints and jars.
    pub(crate) files: Arc<Threads>,
    /// `main` of programs, and what jobs do while they initialise: callers' code, which may block.
    pub(crate) programs: Arc<Threads>,
    pub(crate) jars: Jars,
    /// The REST API, if it is served.
    pub(crate) rest: OnceLock<Server>,
    state: Mutex<State>,
}

/// What does not change while a cluster runs.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) configuration: Configuration,
    pub(crate) flink_version: FlinkVersion,
    pub(crate) task_managers: Vec<TaskManager>,
    pub(crate) slots_per_task_manager: u32,
    pub(crate) parallelism: u32,
    pub(crate) slot_request_timeout: Duration,
    pub(crate) job_store_capacity: usize,
    pub(crate) job_store_expiration: Duration,
    pub(crate) async_store_duration: Duration,
    /// How many failures of a job are shown.
    pub(crate) exceptions_shown: usize,
    pub(crate) savepoint_directory: Option<String>,
    pub(crate) adaptive: bool,
    pub(crate) ends_with_its_job: bool,
}

#[derive(Clone, Debug)]
pub(crate) struct TaskManager {
    pub(crate) id: String,
    pub(crate) endpoint: String,
}

/// What changes.
pub(crate) struct State {
    pub(crate) settings: Arc<StoreSettings>,
    pub(crate) open: bool,
    /// Whether it closes as soon as the outcomes of all operations have been told.
    pub(crate) ending: bool,
    pub(crate) jobs: HashMap<JobId, Job>,
    pub(crate) numbered: u64,
    pub(crate) slots: Slots,
    /// Jobs that wait for slots, in the order in which they came.
    pub(crate) waiting: VecDeque<JobId>,
    /// Jobs that have ended and are kept, the oldest first.
    pub(crate) ended: VecDeque<JobId>,
    /// Every job that ever ended: its id is never taken again, even when the job itself is forgotten.
    pub(crate) ever_ended: HashSet<JobId>,
    pub(crate) programs: BTreeMap<String, Arc<ProgramFn>>,
    pub(crate) operations: Operations,
    pub(crate) applications: Applications,
    pub(crate) data_sets: BTreeSet<IntermediateDataSetId>,
    pub(crate) heartbeats: HashMap<JobId, i64>,
    pub(crate) listeners: Vec<Sender<JobStatusChange>>,
}

/// What the state needs of the settings.
#[derive(Debug)]
pub(crate) struct StoreSettings {
    pub(crate) job_store_capacity: usize,
    pub(crate) job_store_expiration_millis: i64,
    pub(crate) async_store_millis: Option<i64>,
    pub(crate) slot_request_timeout: Duration,
    pub(crate) adaptive: bool,
    pub(crate) flink_2: bool,
    pub(crate) ends_with_its_job: bool,
}

/// What is done after the lock is open.
pub(crate) struct Effects {
    /// Milliseconds since 1970, the same for all of one change.
    pub(crate) now: i64,
    /// The same, since 1970 in full.
    pub(crate) at: Duration,
    pub(crate) changes: Vec<JobStatusChange>,
    later: Vec<Effect>,
}

type Effect = Box<dyn FnOnce(&Arc<Core>) + Send>;

impl Effects {
    /// Does `effect` when the lock is open, after those that were asked for before.
    pub(crate) fn then(&mut self, effect: impl FnOnce(&Arc<Core>) + Send + 'static) {
        self.later.push(Box::new(effect));
    }

    /// Changes the state again when `delay` has passed.
    pub(crate) fn after(
        &mut self,
        delay: Duration,
        change: impl FnOnce(&mut State, &mut Self) + Send + 'static,
    ) {
        // Counted from the change itself: a clock may be moved before the effect comes.
        self.when(self.at.saturating_add(delay), change);
    }

    /// Changes the state again at this time (since 1970).
    pub(crate) fn when(
        &mut self,
        due: Duration,
        change: impl FnOnce(&mut State, &mut Self) + Send + 'static,
    ) {
        self.then(move |core| {
            let ours = Arc::clone(core);
            core.timer.at(due, move || ours.act(change));
        });
    }

    /// Has `work` done by a thread for files.
    pub(crate) fn with_files(&mut self, work: impl FnOnce(&Arc<Core>) + Send + 'static) {
        self.then(move |core| core.with_files(work));
    }
}

impl Core {
    pub(crate) fn new(
        settings: Settings,
        clock: MiniClock,
        timer: Arc<Timer>,
        jars: Jars,
        state: State,
    ) -> Arc<Self> {
        Arc::new(Self {
            settings,
            clock,
            timer,
            tasks: Threads::new("flink-mini-task", usize::MAX),
            files: Threads::new("flink-mini-files", 4),
            programs: Threads::new("flink-mini-main", 16),
            jars,
            rest: OnceLock::new(),
            state: Mutex::new(state),
        })
    }

    /// Changes the state, or only looks at it, and then does what the change asks for.
    ///
    /// `change` must not wait and must not run callers' code.
    pub(crate) fn act<R>(self: &Arc<Self>, change: impl FnOnce(&mut State, &mut Effects) -> R) -> R {
        let (result, effects) = {
            let mut state = lock(&self.state);
            let at = self.clock.since_1970();
            let now = at.as_millis().try_into().unwrap_or(i64::MAX);
            let mut effects = Effects { now, at, changes: Vec::new(), later: Vec::new() };
            let result = change(&mut state, &mut effects);
            if state.ending && !state.operations.have_untold() {
                state.ending = false;
                effects.then(Self::close_elsewhere);
            }
            for change in effects.changes.drain(..) {
                state.listeners.retain(|listener| listener.send(change).is_ok());
            }
            (result, effects.later)
        };
        for effect in effects {
            effect(self);
        }
        result
    }

    pub(crate) fn with_files(self: &Arc<Self>, work: impl FnOnce(&Arc<Self>) + Send + 'static) {
        let ours = Arc::clone(self);
        if let Err(error) = self.files.run(move || work(&ours)) {
            log::error!("the mini cluster gets no thread for its files: {error}");
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Core").field("settings", &self.settings).finish_non_exhaustive()
    }
}
