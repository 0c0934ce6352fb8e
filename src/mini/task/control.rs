//! The cluster's end of a running task: cancel it, ask it for a snapshot, hand it a request.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

use super::accumulators::AccumulatorState;
use super::context::CoordinationRequest;
use super::state::TaskSnapshot;
use crate::ids::JobId;
use crate::mini::graph::JobGraph;
use crate::mini::lock;

/// Everything that a task needs to begin.
pub(crate) struct Deployed {
    pub(crate) job_id: JobId,
    pub(crate) graph: Arc<JobGraph>,
    pub(crate) vertex: usize,
    pub(crate) subtask: u32,
    /// Of the vertex, now: the adaptive scheduler may run it with less than the graph says.
    pub(crate) parallelism: u32,
    /// Of the vertex; a savepoint that was restored may have decided it.
    pub(crate) max_parallelism: u32,
    pub(crate) attempt: u32,
    /// Tells this run of the job from those before a restart.
    pub(crate) epoch: u64,
    pub(crate) restored: Option<TaskSnapshot>,
    pub(crate) control: Arc<Control>,
}

/// A request for a snapshot. A task takes it between two records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Barrier {
    pub(crate) checkpoint: u64,
    pub(crate) kind: BarrierKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BarrierKind {
    /// The task goes on at once.
    Passing,
    /// The task waits until the savepoint is made, and then ends.
    Stop,
    /// The task works off what it has, ends, and the snapshot is taken of that.
    Drain,
}

#[derive(Default)]
pub(crate) struct Inbox {
    pub(crate) cancelled: bool,
    pub(crate) barriers: VecDeque<Barrier>,
    /// Of a stop: whether its savepoint was made, by the number of the checkpoint.
    pub(crate) stopped: BTreeMap<u64, bool>,
    pub(crate) requests: VecDeque<CoordinationRequest>,
    /// The task has taken its last snapshot and takes nothing more.
    pub(crate) ended: bool,
}

/// Shared by a task and the cluster.
#[derive(Default)]
pub(crate) struct Control {
    inbox: Mutex<Inbox>,
    changed: Condvar,
    /// Set while there is something in the inbox that the task must see before its next record.
    attention: AtomicBool,
    pub(crate) records: AtomicU64,
    pub(crate) accumulators: Mutex<BTreeMap<String, Arc<Mutex<AccumulatorState>>>>,
}

impl Control {
    pub(crate) fn inbox(&self) -> MutexGuard<'_, Inbox> {
        lock(&self.inbox)
    }

    pub(crate) fn changed(&self) -> &Condvar {
        &self.changed
    }

    pub(crate) fn wants_attention(&self) -> bool {
        self.attention.load(Ordering::Acquire)
    }

    /// To be called under the inbox's lock, when nothing is left in it.
    pub(crate) fn attended(&self) {
        self.attention.store(false, Ordering::Release);
    }

    pub(crate) fn cancel(&self) {
        self.tell(|inbox| inbox.cancelled = true);
    }

    /// Whether it takes the barrier: a task that has ended does not.
    pub(crate) fn deliver(&self, barrier: Barrier) -> bool {
        let mut taken = false;
        self.tell(|inbox| {
            if !inbox.ended {
                inbox.barriers.push_back(barrier);
                taken = true;
            }
        });
        taken
    }

    /// The outcome of the stop that the task waits for.
    pub(crate) fn stopped(&self, checkpoint: u64, made: bool) {
        self.tell(|inbox| {
            inbox.barriers.retain(|barrier| made || barrier.checkpoint != checkpoint);
            inbox.stopped.insert(checkpoint, made);
        });
    }

    /// Hands the request back if the task takes nothing more.
    pub(crate) fn request(&self, request: CoordinationRequest) -> Option<CoordinationRequest> {
        let mut inbox = self.inbox();
        if inbox.ended || inbox.cancelled {
            return Some(request);
        }
        inbox.requests.push_back(request);
        self.changed.notify_all();
        None
    }

    /// Wakes a task that sleeps by a clock that was moved.
    pub(crate) fn wake(&self) {
        let _inbox = self.inbox();
        self.changed.notify_all();
    }

    fn tell(&self, change: impl FnOnce(&mut Inbox)) {
        let mut inbox = self.inbox();
        change(&mut inbox);
        self.attention.store(true, Ordering::Release);
        self.changed.notify_all();
    }

    /// The accumulators' values now.
    pub(crate) fn accumulator_states(&self) -> BTreeMap<String, AccumulatorState> {
        let accumulators = lock(&self.accumulators);
        accumulators.iter().map(|(name, state)| (name.clone(), lock(state).clone())).collect()
    }
}

impl fmt::Debug for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Control").field("attention", &self.attention).finish_non_exhaustive()
    }
}
