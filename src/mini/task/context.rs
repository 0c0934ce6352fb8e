//! What a vertex's function is given.

use std::collections::BTreeMap;
use std::fmt;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::accumulators::*;
use super::control::{Barrier, BarrierKind, Deployed};
use super::state::{Kept, KeyedState, ListState, Owner, StateSnapshot, TaskSnapshot, ValueState};
use crate::accumulator::AccumulatorValue;
use crate::config::Configuration;
use crate::ids::JobId;
use crate::mini::core::Core;
use crate::mini::exception::{JavaException, TaskResult};
use crate::mini::job::checkpoint;
use crate::mini::{Answer, lock, wording};
use crate::pending::Promise;

type SnapshotHook = Box<dyn FnMut(u64) -> TaskResult>;

/// What a task knows and can do. Each task of a [`MiniJob`](super::super::MiniJob) is a call of its vertex's function
/// with one of these, on a thread of its own.
///
/// A task works record by record and asks before each whether it should go on:
/// [`keep_running`](Self::keep_running) is where snapshots are taken, stops are noticed, and a cancelled task ends
/// (by an error that `?` passes on). A function that never asks can be neither cancelled nor checkpointed, as a Flink
/// task that ignores its interrupts.
///
/// When the function returns `Ok`, the task is finished; when it returns an error or panics, it has failed.
///
/// # Examples
/// ```
/// use flink_client::mini::{JavaException, MiniJob};
///
/// let job = MiniJob::new("etl").vertex("source", 1, |task| {
///     let next = task.value_state("source", "next", 0_u64)?;
///     while task.keep_running()? {
///         if next.get() == 21 && task.attempt() == 0 {
///             return Err(JavaException::new("com.acme.BadRecord", "record 21 is one too many"));
///         }
///         if next.get() == 100 {
///             break;
///         }
///         next.update(|n| *n += 1);
///         task.long_counter("records").add(1);
///     }
///     Ok(())
/// });
/// # let _ = job;
/// ```
pub struct TaskContext {
    core: Arc<Core>,
    deployed: Deployed,
    /// What was restored and is not opened yet; a snapshot passes it on.
    restored: TaskSnapshot,
    opened: BTreeMap<(String, String), Rc<dyn Kept>>,
    hook: Option<SnapshotHook>,
    /// The checkpoint of the drain that ended the input.
    drained_for: Option<u64>,
    ended: bool,
}

/// A request of a client to an operator's coordinator.
///
/// Dropping it unanswered fails the request.
pub struct CoordinationRequest {
    operator: String,
    bytes: Vec<u8>,
    promise: Option<Promise<Answer<Vec<u8>>>>,
}

impl CoordinationRequest {
    pub(crate) fn new(operator: String, bytes: Vec<u8>, promise: Promise<Answer<Vec<u8>>>) -> Self {
        Self { operator, bytes, promise: Some(promise) }
    }

    /// The uid of the operator that was asked.
    pub fn operator(&self) -> &str {
        &self.operator
    }

    /// What the client sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Answers it.
    pub fn respond(mut self, bytes: impl Into<Vec<u8>>) {
        self.complete(Ok(bytes.into()));
    }

    /// Fails it.
    pub fn fail(mut self, exception: JavaException) {
        self.complete(Err(exception));
    }

    fn complete(&mut self, answer: Answer<Vec<u8>>) {
        if let Some(promise) = self.promise.take() {
            promise.complete(Ok(answer));
        }
    }
}

impl Drop for CoordinationRequest {
    fn drop(&mut self) {
        let unanswered = format!("The coordinator of operator {} ended without an answer.", self.operator);
        self.complete(Err(JavaException::new("org.apache.flink.util.FlinkException", unanswered)));
    }
}

impl fmt::Debug for CoordinationRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoordinationRequest")
            .field("operator", &self.operator)
            .field("bytes", &self.bytes.len())
            .finish_non_exhaustive()
    }
}

impl TaskContext {
    pub(super) fn new(core: Arc<Core>, mut deployed: Deployed) -> Self {
        let restored = deployed.restored.take().unwrap_or_default();
        Self {
            core,
            deployed,
            restored,
            opened: BTreeMap::new(),
            hook: None,
            drained_for: None,
            ended: false,
        }
    }

    /// Names the job.
    pub fn job_id(&self) -> JobId {
        self.deployed.job_id
    }

    /// The job's name.
    pub fn job_name(&self) -> &str {
        &self.deployed.graph.name
    }

    /// The vertex's name.
    pub fn vertex_name(&self) -> &str {
        &self.vertex().name
    }

    /// Which of the vertex's tasks this is, from 0.
    pub fn subtask_index(&self) -> u32 {
        self.deployed.subtask
    }

    /// How many tasks the vertex has.
    pub fn parallelism(&self) -> u32 {
        self.deployed.parallelism
    }

    /// How often this task was tried before.
    pub fn attempt(&self) -> u32 {
        self.deployed.attempt
    }

    /// The arguments of the program.
    pub fn args(&self) -> &[String] {
        &self.deployed.graph.args
    }

    /// The configuration of the job.
    pub fn configuration(&self) -> &Configuration {
        &self.deployed.graph.configuration
    }

    /// Whether there is restored state that has not been opened yet.
    pub fn is_restored(&self) -> bool {
        !self.restored.is_empty()
    }

    /// Asks whether there should be another record. To be called between records; cheap.
    ///
    /// Takes the snapshots that are due. `false` ends the input: the job is being stopped. With
    /// [`is_drained`](Self::is_drained) the function should work off what it holds, as at the end of event time, before
    /// it returns; without, it should return and leave its state alone.
    ///
    /// # Errors
    /// A `CancelTaskException` if the task was cancelled; another if a snapshot failed. Both are to be passed on.
    pub fn keep_running(&mut self) -> TaskResult<bool> {
        self.deployed.control.records.fetch_add(1, Ordering::Relaxed);
        self.attend()
    }

    /// Waits so long, and takes the snapshots that are due meanwhile. Otherwise as
    /// [`keep_running`](Self::keep_running), and returns early when that would no longer be `true`.
    ///
    /// # Errors
    /// As [`keep_running`](Self::keep_running).
    pub fn sleep(&mut self, duration: Duration) -> TaskResult<bool> {
        let clock = self.core.clock.clone();
        let deadline = clock.since_1970().saturating_add(duration);
        let control = Arc::clone(&self.deployed.control);
        if !clock.passes() {
            let sleeper = Arc::clone(&control);
            self.core.timer.at(deadline, move || sleeper.wake());
        }
        loop {
            if !self.attend()? {
                return Ok(false);
            }
            let inbox = control.inbox();
            if control.wants_attention() {
                continue;
            }
            let left = deadline.saturating_sub(clock.since_1970());
            if left.is_zero() {
                return Ok(true);
            }
            if clock.passes() {
                let _ = control.changed().wait_timeout(inbox, left).unwrap_or_else(PoisonError::into_inner);
            } else {
                drop(control.changed().wait(inbox).unwrap_or_else(PoisonError::into_inner));
            }
        }
    }

    /// Whether the input ended by a stop that drains: the maximum watermark has come, all timers have fired.
    pub fn is_drained(&self) -> bool {
        self.drained_for.is_some()
    }

    /// One value under an operator's uid and a name of its own, restored if there is one to restore, else `initial`.
    ///
    /// # Errors
    /// If the vertex has no such operator, the state was opened already, is of another kind or type, or several
    /// values were restored because the parallelism was lowered: see [`merged_value_state`](Self::merged_value_state).
    pub fn value_state<T>(&mut self, uid: &str, name: &str, initial: T) -> TaskResult<ValueState<T>>
    where
        T: Serialize + DeserializeOwned + 'static,
    {
        let restored = self.take_restored(uid, name)?;
        let state = ValueState::open(name, restored, initial, None)?;
        self.keep(uid, name, state.kept());
        Ok(state)
    }

    /// [`value_state`](Self::value_state) that says how the values of several tasks become one.
    ///
    /// # Errors
    /// As [`value_state`](Self::value_state).
    pub fn merged_value_state<T>(
        &mut self,
        uid: &str,
        name: &str,
        initial: T,
        merge: fn(T, T) -> T,
    ) -> TaskResult<ValueState<T>>
    where
        T: Serialize + DeserializeOwned + 'static,
    {
        let restored = self.take_restored(uid, name)?;
        let state = ValueState::open(name, restored, initial, Some(merge))?;
        self.keep(uid, name, state.kept());
        Ok(state)
    }

    /// A list under an operator's uid and a name of its own, as restored.
    ///
    /// # Errors
    /// If the vertex has no such operator, the state was opened already, or is of another kind or type.
    pub fn list_state<T>(&mut self, uid: &str, name: &str) -> TaskResult<ListState<T>>
    where
        T: Serialize + DeserializeOwned + 'static,
    {
        let restored = self.take_restored(uid, name)?;
        let state = ListState::open(name, restored)?;
        self.keep(uid, name, state.kept());
        Ok(state)
    }

    /// Values by key under an operator's uid and a name of their own, as restored.
    ///
    /// # Errors
    /// If the vertex has no such operator, the state was opened already, or is of another kind or type.
    pub fn keyed_state<K, V>(&mut self, uid: &str, name: &str) -> TaskResult<KeyedState<K, V>>
    where
        K: Ord + Serialize + DeserializeOwned + 'static,
        V: Serialize + DeserializeOwned + 'static,
    {
        let restored = self.take_restored(uid, name)?;
        let state = KeyedState::open(name, restored, self.owner())?;
        self.keep(uid, name, state.kept());
        Ok(state)
    }

    /// Whether keyed state of this key belongs to this task. Each key belongs to one task of the vertex.
    ///
    /// # Errors
    /// If the key cannot be written.
    pub fn owns_key<K: Serialize>(&self, key: &K) -> TaskResult<bool> {
        self.owner().owns(key)
    }

    /// Calls `hook` before each snapshot, with the checkpoint's number (0 for the last one, when the task ends): to put into the state what is not in it yet, to
    /// be slow, or to fail. If it fails, the checkpoint does, and the task.
    pub fn on_snapshot(&mut self, hook: impl FnMut(u64) -> TaskResult + 'static) {
        self.hook = Some(Box::new(hook));
    }

    /// The next coordination request to an operator of this vertex, if one has come. Only the task with index 0 gets
    /// any.
    pub fn next_coordination_request(&mut self) -> Option<CoordinationRequest> {
        self.deployed.control.inbox().requests.pop_front()
    }

    fn vertex(&self) -> &crate::mini::graph::Vertex {
        &self.deployed.graph.vertices[self.deployed.vertex]
    }

    fn owner(&self) -> Owner {
        let max_parallelism = self.deployed.max_parallelism;
        Owner { subtask: self.deployed.subtask, parallelism: self.deployed.parallelism, max_parallelism }
    }

    fn take_restored(&mut self, uid: &str, name: &str) -> TaskResult<Option<StateSnapshot>> {
        let illegal = |text: String| Err(JavaException::new("java.lang.IllegalStateException", text));
        if !self.vertex().operators.iter().any(|operator| operator.uid == uid) {
            let known: Vec<_> =
                self.vertex().operators.iter().map(|operator| operator.uid.as_str()).collect();
            return illegal(format!(
                "Vertex '{}' has no operator '{uid}'; it has {}.",
                self.vertex_name(),
                known.join(", ")
            ));
        }
        if self.opened.contains_key(&(uid.to_owned(), name.to_owned())) {
            return illegal(format!("State '{name}' of operator '{uid}' is open already."));
        }
        let Some(states) = self.restored.get_mut(uid) else { return Ok(None) };
        let state = states.remove(name);
        if states.is_empty() {
            self.restored.remove(uid);
        }
        Ok(state)
    }

    fn keep(&mut self, uid: &str, name: &str, kept: Rc<dyn Kept>) {
        self.opened.insert((uid.into(), name.into()), kept);
    }

    fn attend(&mut self) -> TaskResult<bool> {
        let control = Arc::clone(&self.deployed.control);
        while control.wants_attention() {
            let barrier = {
                let mut inbox = control.inbox();
                if inbox.cancelled {
                    return Err(wording::task_cancelled());
                }
                if self.ended {
                    return Ok(false);
                }
                match inbox.barriers.pop_front() {
                    Some(barrier) => barrier,
                    None => {
                        control.attended();
                        break;
                    }
                }
            };
            match barrier.kind {
                BarrierKind::Passing => self.snapshot(barrier)?,
                BarrierKind::Stop => {
                    self.snapshot(barrier)?;
                    self.ended = self.await_stop(barrier.checkpoint)?;
                }
                BarrierKind::Drain => {
                    self.ended = true;
                    self.drained_for = Some(barrier.checkpoint);
                }
            }
        }
        Ok(!self.ended)
    }

    /// Takes the snapshot that a barrier asks for and hands it in.
    fn snapshot(&mut self, barrier: Barrier) -> TaskResult {
        let taken = self.prepare(barrier.checkpoint).and_then(|()| self.collect());
        let Deployed { job_id, epoch, vertex, subtask, .. } = self.deployed;
        let task = checkpoint::TaskRef { job_id, epoch, vertex, subtask };
        match taken {
            Ok(snapshot) => {
                self.core.act(|state, effects| {
                    checkpoint::acknowledge(state, effects, task, barrier.checkpoint, snapshot);
                });
                Ok(())
            }
            Err(exception) => {
                let name = wording::task_name(&self.vertex().name, subtask, self.deployed.parallelism);
                let failure =
                    wording::snapshot_failed(barrier.checkpoint, &name, self.deployed.attempt, exception);
                let declined = failure.clone();
                self.core.act(|state, effects| {
                    checkpoint::decline(state, effects, task, barrier.checkpoint, declined);
                });
                Err(failure)
            }
        }
    }

    fn prepare(&mut self, checkpoint: u64) -> TaskResult {
        let Some(mut hook) = self.hook.take() else { return Ok(()) };
        let prepared = hook(checkpoint);
        self.hook = Some(hook);
        prepared
    }

    fn collect(&self) -> TaskResult<TaskSnapshot> {
        let mut snapshot = self.restored.clone();
        for ((uid, name), kept) in &self.opened {
            snapshot.entry(uid.clone()).or_default().insert(name.clone(), kept.snapshot()?);
        }
        Ok(snapshot)
    }

    /// Whether the savepoint of the stop was made.
    fn await_stop(&self, checkpoint: u64) -> TaskResult<bool> {
        let control = &self.deployed.control;
        let mut inbox = control.inbox();
        loop {
            if inbox.cancelled {
                return Err(wording::task_cancelled());
            }
            if let Some(made) = inbox.stopped.remove(&checkpoint) {
                return Ok(made);
            }
            inbox = control.changed().wait(inbox).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// After the function has returned: takes the snapshots that are still asked for, and the last one.
    pub(super) fn finish(&mut self) -> TaskResult<TaskResult<TaskSnapshot>> {
        if let Some(checkpoint) = self.drained_for {
            self.snapshot(Barrier { checkpoint, kind: BarrierKind::Drain })?;
            if !self.await_stop(checkpoint)? {
                // The end of the input cannot be taken back.
                return Err(wording::stop_failed());
            }
        }
        let control = Arc::clone(&self.deployed.control);
        loop {
            let barrier = {
                let mut inbox = control.inbox();
                if inbox.cancelled {
                    return Err(wording::task_cancelled());
                }
                match inbox.barriers.pop_front() {
                    Some(barrier) => barrier,
                    None => {
                        // From here on a barrier is answered with the last snapshot, by the cluster.
                        inbox.ended = true;
                        break;
                    }
                }
            };
            self.snapshot(barrier)?;
            if barrier.kind != BarrierKind::Passing {
                // It has ended either way.
                let _made = self.await_stop(barrier.checkpoint)?;
            }
        }
        Ok(self.prepare(0).and_then(|()| self.collect()))
    }
}

macro_rules! accumulators {
    ($( $(#[$doc:meta])* $method:ident: $name:ident; )*) => {
        /// Accumulators. They are made when first asked for; an error of mixed kinds is that accumulator's, not the job's.
        impl TaskContext { $(
            $(#[$doc])*
            pub fn $method(&self, name: &str) -> $name {
                $name(self.accumulator(name, $name::KIND))
            }
        )* }
    };
}

accumulators! {
    /// A sum of integers of 32 bits.
    int_counter: IntCounter;
    /// A sum of integers of 64 bits.
    long_counter: LongCounter;
    /// A sum of floating-point numbers.
    double_counter: DoubleCounter;
    /// The least of integers of 32 bits.
    int_minimum: IntMinimum;
    /// The greatest of integers of 32 bits.
    int_maximum: IntMaximum;
    /// The least of integers of 64 bits.
    long_minimum: LongMinimum;
    /// The greatest of integers of 64 bits.
    long_maximum: LongMaximum;
    /// The least of floating-point numbers.
    double_minimum: DoubleMinimum;
    /// The greatest of floating-point numbers.
    double_maximum: DoubleMaximum;
    /// A mean.
    average: AverageAccumulator;
    /// How often each integer came.
    histogram: HistogramAccumulator;
    /// A list.
    list: ListAccumulator;
}

impl TaskContext {
    /// One of a class of the program's own, such as `com.acme.Distinct`, that begins with this value.
    ///
    /// `merge` adds another task's value to the first. It is called under the cluster's lock, so it has to be quick
    /// and must not use the cluster. If it fails, so does the accumulator, and nothing else.
    ///
    /// # Examples
    /// ```
    /// use flink_client::AccumulatorValue;
    /// use flink_client::mini::{MiniCluster, MiniClusterClient, MiniClusterConfiguration, MiniJob};
    /// use flink_client::ClusterClient;
    ///
    /// let job = MiniJob::new("longest").vertex("source", 2, |task| {
    ///     let name = "x".repeat(task.subtask_index() as usize + 1);
    ///     let initial = AccumulatorValue::Text(String::new());
    ///     let longest = task.own_accumulator("longest", "com.acme.LongestText", initial, |one, other| {
    ///         if other.as_str().map(str::len) > one.as_str().map(str::len) {
    ///             *one = other.clone();
    ///         }
    ///         Ok(())
    ///     });
    ///     longest.update(|value| *value = AccumulatorValue::Text(name));
    ///     Ok(())
    /// });
    /// let cluster = MiniCluster::start(MiniClusterConfiguration::new().slots_per_task_manager(2))?;
    /// let client = MiniClusterClient::new(cluster.configuration().clone(), cluster.clone());
    /// let result = client.job_result(cluster.submit(job).wait()?).wait()?;
    /// assert_eq!(result.accumulators.value("longest")?.as_str(), Some("xx"));
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn own_accumulator(
        &self,
        name: &str,
        class: &'static str,
        initial: AccumulatorValue,
        merge: fn(&mut AccumulatorValue, &AccumulatorValue) -> TaskResult,
    ) -> OwnAccumulator {
        OwnAccumulator(self.accumulator_of(name, AccumulatorState::own(class, initial, merge)))
    }

    fn accumulator(&self, name: &str, kind: AccumulatorKind) -> Shared {
        self.accumulator_of(name, AccumulatorState::new(kind))
    }

    fn accumulator_of(&self, name: &str, initial: AccumulatorState) -> Shared {
        let kind = initial.kind();
        let made = Arc::new(std::sync::Mutex::new(initial));
        let mut accumulators = lock(&self.deployed.control.accumulators);
        if let Some(known) = accumulators.get(name) {
            if lock(known).kind() == kind {
                return Arc::clone(known);
            }
            // One of another kind under the same name is not seen by anyone, as in a job of one task in Flink it would
            // have been refused; across tasks the merge says so.
            return made;
        }
        accumulators.insert(name.into(), Arc::clone(&made));
        made
    }
}

impl fmt::Debug for TaskContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TaskContext")
            .field("job", &self.deployed.job_id)
            .field("vertex", &self.vertex().name)
            .field("subtask", &self.deployed.subtask)
            .field("attempt", &self.deployed.attempt)
            .finish_non_exhaustive()
    }
}
