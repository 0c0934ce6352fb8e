//! An operation of the library: a state machine that the request lane steps, and the scope that can close it.
//!
//! The state machine is a compiler-written one (an `async` block), so that trigger, retry, poll and decode read from
//! top to bottom. Nothing asynchronous is behind it: a request inside blocks the thread that steps it, as a blocking
//! client does, and the only things it ever suspends on are the timer and other handles.
//!
//! # The protocol
//! `Parked -> Queued -> Running -> Parked | Queued | Done`, under one mutex. A wake while running is remembered
//! (`woken`) and queues the step again, so no wake is lost. Whoever takes the machine out (`Queued -> Running`) has
//! claimed the step; a queue entry whose step has been claimed is empty. Close and cancel take the machine out too
//! when it does not run, and otherwise leave word (`stop`), which the running thread finds when the step returns.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::error::{Error, ErrorKind, Result};
use crate::ids::{JobId, TriggerId};
use crate::job::JobStatus;
use crate::panics::{caught, drop_contained};
use crate::pending::Pending;
use crate::pending::Progress;
use crate::pending::cell::{Cell, Completed};
use crate::pending::node::{
    LetGo, Node, Place, Requests, Runnable, Source, Sources, Subject, complete, discard, settle,
};
use crate::pending::waiter::Waiter;
use crate::runtime::{Core, Runtime};
use crate::sync::{AtomicU8, AtomicU64, Mutex, lock};

type Machine<T> = Pin<Box<dyn Future<Output = Result<T>> + Send>>;

/// What an operation is and how far it has come; shared by its state machine, its node and its handle.
pub(crate) struct Operating {
    pub(crate) name: Cow<'static, str>,
    pub(crate) job_id: Option<JobId>,
    pub(crate) trigger_id: Option<TriggerId>,
    begun: Instant,
    phase: AtomicU8,
    polls: AtomicU64,
    /// The job's state when it was last seen, as one more than its place among all; 0 before.
    seen: AtomicU8,
    /// [`FOLLOWING`] and [`UNWANTED`].
    conduct: AtomicU8,
}

/// All that acts on the cluster has been done; what is left only looks.
const FOLLOWING: u8 = 1;
/// Nobody will see the result.
const UNWANTED: u8 = 2;

/// What an operation is doing; see [`Pending::progress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Phase {
    /// It has not begun.
    Queued,
    /// A request is on its way, or its answer is.
    Sending,
    /// A request has failed, and will be sent again.
    Waiting,
    /// The cluster works on it, and is looked at from time to time.
    Polling,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Queued => "queued",
            Self::Sending => "sending",
            Self::Waiting => "waiting for the next attempt",
            Self::Polling => "polling",
        })
    }
}

impl Operating {
    pub(crate) fn new(name: impl Into<Cow<'static, str>>) -> Self {
        Self {
            name: name.into(),
            job_id: None,
            trigger_id: None,
            begun: Instant::now(),
            phase: AtomicU8::new(Phase::Queued as u8),
            polls: AtomicU64::new(0),
            seen: AtomicU8::new(0),
            conduct: AtomicU8::new(0),
        }
    }

    pub(crate) fn job(mut self, job_id: JobId) -> Self {
        self.job_id = Some(job_id);
        self
    }

    pub(crate) fn trigger(mut self, trigger_id: TriggerId) -> Self {
        self.trigger_id = Some(trigger_id);
        self
    }

    /// Nothing that it does changes the cluster, so it may stop whenever nobody looks.
    pub(crate) fn reading(mut self) -> Self {
        self.conduct = AtomicU8::new(FOLLOWING);
        self
    }

    /// `Polling` is entered after each look.
    pub(crate) fn enter(&self, phase: Phase) {
        if phase == Phase::Polling {
            self.polls.fetch_add(1, Ordering::Relaxed);
        }
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// A look has found the job in this state.
    pub(crate) fn saw(&self, status: JobStatus) {
        let place = JobStatus::ALL.iter().position(|known| *known == status);
        self.seen.store(place.map_or(0, |place| place as u8 + 1), Ordering::Relaxed);
    }

    pub(crate) fn progress(&self) -> Progress {
        Progress {
            operation: self.name.clone(),
            phase: self.phase(),
            elapsed: self.begun.elapsed(),
            polls: self.polls.load(Ordering::Relaxed),
            job_status: self.seen(),
        }
    }

    /// The job's state when it was last seen.
    pub(crate) fn seen(&self) -> Option<JobStatus> {
        let place = usize::from(self.seen.load(Ordering::Relaxed)).checked_sub(1)?;
        JobStatus::ALL.get(place).copied()
    }

    fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Queued,
            1 => Phase::Sending,
            2 => Phase::Waiting,
            _ => Phase::Polling,
        }
    }

    /// From here on the operation only looks. An error if nobody wants to know.
    pub(crate) fn follow(&self) -> Result<()> {
        // One atomic word, so either this sees the handle's drop or the drop sees that it may stop the machine.
        if self.conduct.fetch_or(FOLLOWING, Ordering::SeqCst) & UNWANTED != 0 {
            return Err(unseen());
        }
        Ok(())
    }

    /// True if the machine may stop.
    fn let_go(&self) -> bool {
        self.conduct.fetch_or(UNWANTED, Ordering::SeqCst) & FOLLOWING != 0
    }

    fn may_stop(&self) -> bool {
        self.conduct.load(Ordering::SeqCst) == FOLLOWING | UNWANTED
    }

    /// Adds what this operation is about to an error that does not say it yet.
    pub(crate) fn name_in(&self, mut error: Error) -> Error {
        error = error.with_operation(self.name.clone());
        if let (None, Some(job_id)) = (error.job_id(), self.job_id) {
            error = error.with_job_id(job_id);
        }
        if let (None, Some(trigger_id)) = (error.trigger_id(), self.trigger_id) {
            error = error.with_trigger_id(trigger_id);
        }
        error
    }
}

impl fmt::Debug for Operating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} for {:.1?})", self.name, self.phase(), self.begun.elapsed())
    }
}

/// The open operations of one client, so that closing it completes them all.
#[derive(Default)]
pub(crate) struct Scope {
    open: Mutex<Open>,
    /// Microseconds since the process's first use of it until which a connection is likely to be open; 0: none.
    near_until: AtomicU64,
}

#[derive(Default)]
struct Open {
    closed: bool,
    numbered: u64,
    operations: BTreeMap<u64, Weak<dyn Close>>,
}

trait Close: Send + Sync {
    fn close(self: Arc<Self>);
}

impl Scope {
    pub(crate) fn is_closed(&self) -> bool {
        lock(&self.open).closed
    }

    /// Refuses new operations and completes the open ones with `Closed`, in whatever phase they are.
    pub(crate) fn close(&self) {
        let open = {
            let mut open = lock(&self.open);
            open.closed = true;
            std::mem::take(&mut open.operations)
        };
        for operation in open.into_values().filter_map(|operation| operation.upgrade()) {
            operation.close();
        }
    }

    /// How many operations are open.
    pub(crate) fn open(&self) -> usize {
        lock(&self.open).operations.len()
    }

    /// A connection is free, and stays open for about this long. A waiting thread runs a request itself only when one
    /// is: resolving and connecting cannot be interrupted, so a thread that did it would not notice a close.
    pub(crate) fn connection_is_free(&self, keeps: Duration) {
        let until = since_epoch(Instant::now() + keeps);
        self.near_until.store(until, Ordering::Relaxed);
    }

    pub(crate) fn no_connection(&self) {
        self.near_until.store(0, Ordering::Relaxed);
    }

    fn is_near(&self) -> bool {
        let until = self.near_until.load(Ordering::Relaxed);
        until != 0 && since_epoch(Instant::now()) < until
    }

    fn enter(&self, operation: Weak<dyn Close>) -> Option<u64> {
        let mut open = lock(&self.open);
        if open.closed {
            return None;
        }
        open.numbered += 1;
        let number = open.numbered;
        open.operations.insert(number, operation);
        Some(number)
    }

    fn leave(&self, number: u64) {
        lock(&self.open).operations.remove(&number);
    }
}

fn since_epoch(instant: Instant) -> u64 {
    static EPOCH: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
    let epoch = *EPOCH.get_or_init(Instant::now);
    instant.saturating_duration_since(epoch).as_micros().try_into().unwrap_or(u64::MAX)
}

fn unseen() -> Error {
    Error::new(ErrorKind::Cancelled, "nobody waits for the result any more")
}

pub(crate) fn closed() -> Error {
    Error::new(ErrorKind::Closed, "the client was closed")
}

struct Operation<T> {
    core: Arc<Core>,
    scope: Option<(Arc<Scope>, AtomicU64)>,
    operating: Arc<Operating>,
    cell: Cell<T>,
    state: Mutex<State<T>>,
}

struct State<T> {
    step: Step<T>,
    helper: Option<Arc<Waiter>>,
    /// The running thread is to drop the machine when its step returns, and if that comes before whoever stopped it, to
    /// complete the operation with this.
    stop: Option<fn() -> Error>,
}

enum Step<T> {
    Parked(Machine<T>),
    Queued(Machine<T>),
    Running { woken: bool },
    Done,
}

/// Starts an operation of `scope`: its machine is queued at once.
///
/// The machine may await delays, and handles of this crate's own operations. Not a handle that a caller's function is
/// part of: a waiting thread cannot look into the machine, so it could not run that function, and no other callback
/// thread may be free to. Continue the operation's handle with `and_then` instead.
pub(crate) fn start<T: Send + 'static>(
    runtime: &Runtime,
    scope: Option<&Arc<Scope>>,
    operating: Arc<Operating>,
    machine: impl Future<Output = Result<T>> + Send + 'static,
) -> Pending<T> {
    let core = Arc::clone(runtime.core());
    let operation = Arc::new(Operation {
        core: Arc::clone(&core),
        scope: scope.map(|scope| (Arc::clone(scope), AtomicU64::new(0))),
        operating,
        cell: Cell::new(),
        state: Mutex::new(State { step: Step::Queued(Box::pin(machine)), helper: None, stop: None }),
    });
    if let Some((scope, number)) = &operation.scope {
        let weak: Weak<dyn Close> = Arc::downgrade(&(Arc::clone(&operation) as Arc<dyn Close>));
        match scope.enter(weak) {
            Some(entered) => number.store(entered, Ordering::Relaxed),
            None => {
                let error = operation.operating.name_in(closed());
                return Pending::failed(error);
            }
        }
    }
    core.push_fresh(Arc::clone(&operation) as Arc<dyn Node>);
    Pending::from_source(operation, runtime.clone())
}

/// Starts an operation that nobody waits for and nothing closes.
pub(crate) fn detach<T: Send + 'static>(
    core: &Arc<Core>,
    operating: Arc<Operating>,
    machine: impl Future<Output = Result<T>> + Send + 'static,
) {
    let state = State { step: Step::Queued(Box::pin(machine)), helper: None, stop: None };
    let operation = Operation {
        core: Arc::clone(core),
        scope: None,
        operating,
        cell: Cell::new(),
        state: Mutex::new(state),
    };
    // Nobody: so that a failure is logged as one that nobody sees.
    let _ = operation.cell.let_go();
    core.push_fresh(Arc::new(operation));
}

impl<T: Send + 'static> Operation<T> {
    /// Completes the result; the machine is gone.
    fn end(&self, result: Result<T>) -> Option<Runnable> {
        if let Some((scope, number)) = &self.scope {
            scope.leave(number.load(Ordering::Relaxed));
        }
        let result = result.map_err(|error| self.operating.name_in(error));
        complete(&self.core, &self.cell, result)
    }

    /// The helper, if it may run this step.
    fn helper(&self, state: &State<T>) -> Option<Arc<Waiter>> {
        let near = self.scope.as_ref().is_none_or(|(scope, _)| scope.is_near());
        state.helper.as_ref().filter(|_| near).cloned()
    }

    /// Takes the machine out so that it never runs again, or leaves word with the thread that runs it.
    fn stop(&self, why: fn() -> Error) -> Option<Machine<T>> {
        let mut state = lock(&self.state);
        match std::mem::replace(&mut state.step, Step::Done) {
            Step::Parked(machine) | Step::Queued(machine) => Some(machine),
            running @ Step::Running { .. } => {
                state.step = running;
                state.stop = Some(why);
                None
            }
            Step::Done => None,
        }
    }
}

impl<T: Send + 'static> Node for Operation<T> {
    fn place(&self) -> Place {
        Place::Io
    }

    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn run(self: Arc<Self>) -> Option<Runnable> {
        let mut machine = {
            let mut state = lock(&self.state);
            match std::mem::replace(&mut state.step, Step::Running { woken: false }) {
                Step::Queued(machine) => machine,
                other => {
                    state.step = other;
                    return None;
                }
            }
        };
        let waker = Waker::from(Arc::clone(&self));
        let result = match caught(|| machine.as_mut().poll(&mut Context::from_waker(&waker))) {
            Ok(Poll::Pending) => {
                let mut state = lock(&self.state);
                let stop =
                    state.stop.or_else(|| self.operating.may_stop().then_some(unseen as fn() -> Error));
                let Some(stopped) = stop else {
                    let woken = matches!(state.step, Step::Running { woken: true });
                    if woken {
                        state.step = Step::Queued(machine);
                        let helper = self.helper(&state);
                        drop(state);
                        return Some(Runnable { node: self, helper });
                    }
                    state.step = Step::Parked(machine);
                    return None;
                };
                Err(stopped())
            }
            Ok(Poll::Ready(result)) => result,
            Err(panicked) => Err(panicked),
        };
        lock(&self.state).step = Step::Done;
        // What the machine holds is the library's and may be large: gone before anybody hears of the result.
        drop_contained(machine);
        self.end(result)
    }

    fn enlist(self: Arc<Self>, waiter: &Arc<Waiter>, requests: Requests, _sources: &mut Sources) {
        if requests == Requests::Leave || !waiter.accepts_requests() {
            return self.core.tell();
        }
        let mut state = lock(&self.state);
        state.helper = Some(Arc::clone(waiter));
        let (queued, running) =
            (matches!(state.step, Step::Queued(_)), matches!(state.step, Step::Running { .. }));
        let near = self.helper(&state).is_some();
        drop(state);
        match (queued, near) {
            (true, true) => {
                waiter.offer(&(self as Arc<dyn Node>));
            }
            (true, false) => self.core.tell(),
            (false, true) if running => self.core.came_late(Place::Io),
            (false, _) => {}
        }
    }

    fn let_go(self: Arc<Self>, how: LetGo, _sources: &mut Vec<Arc<dyn Node>>) {
        if let Some(result) = self.cell.let_go() {
            discard(&self.core, result);
            return;
        }
        let may_stop = self.operating.let_go();
        self.core.tell();
        let machine = match how {
            LetGo::Cancelled => self.stop(unseen),
            // What is queued is still sent: the caller asked for it. What sleeps between two looks has done its part.
            LetGo::Dropped if may_stop => {
                let mut state = lock(&self.state);
                match std::mem::replace(&mut state.step, Step::Done) {
                    Step::Parked(machine) => Some(machine),
                    other => {
                        state.step = other;
                        None
                    }
                }
            }
            LetGo::Dropped => None,
        };
        if machine.is_some() {
            drop_contained(machine);
            settle(self.end(Err(unseen())));
        }
    }

    fn subject(&self) -> Subject {
        Subject::Operation(Arc::clone(&self.operating))
    }
}

impl<T: Send + 'static> Source<T> for Operation<T> {
    fn cell(&self) -> &Cell<T> {
        &self.cell
    }
}

impl<T: Send + 'static> Close for Operation<T> {
    fn close(self: Arc<Self>) {
        drop_contained(self.stop(closed));
        settle(self.end(Err(closed())));
    }
}

impl<T: Send + 'static> Wake for Operation<T> {
    fn wake(self: Arc<Self>) {
        let mut state = lock(&self.state);
        match std::mem::replace(&mut state.step, Step::Done) {
            Step::Parked(machine) => {
                state.step = Step::Queued(machine);
                let helper = self.helper(&state);
                drop(state);
                Runnable { node: self, helper }.schedule();
            }
            Step::Running { .. } => state.step = Step::Running { woken: true },
            other => state.step = other,
        }
    }
}

impl<T> Drop for Operation<T> {
    /// An operation that nothing can resume any more (its runtime was shut down) still answers.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if matches!(state.step, Step::Done) {
            return;
        }
        if let Some((scope, number)) = &self.scope {
            scope.leave(number.load(Ordering::Relaxed));
        }
        let error = self.operating.name_in(Error::new(ErrorKind::Closed, "the runtime was shut down"));
        if let Completed::Passed(next) = self.cell.complete(Err(error)) {
            settle(next);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests;
