//! A function of the caller's that continues a handle: `then`, `and_then`, `handle`, `or_else`, `inspect`.
//!
//! # The protocol
//! `Blocked -> Ready -> Running -> Done`, or from `Running` to `Linked` when the function answered with another
//! handle. The source's outcome arrives by `receive` (stores it, nothing more); whoever takes function and outcome out
//! of `Ready` has claimed the step. The function runs unlocked, its panic becomes the result.

use std::mem;
use std::sync::{Arc, Weak};

use crate::error::Result;
use crate::panics::{caught, drop_contained};
use crate::pending::cell::Cell;
use crate::pending::node::{
    LetGo, Node, Place, Receive, Requests, Runnable, Source, Sources, Subject, complete, discard, enlist,
    let_go,
};
use crate::pending::waiter::Waiter;
use crate::pending::{Keep, Pending, Repr};
use crate::runtime::{Core, Runtime};
use crate::sync::{Mutex, lock};

/// What a function answers with.
pub(crate) enum Answer<U> {
    Result(Result<U>),
    Link(Pending<U>),
}

struct Derived<S, U, F> {
    core: Arc<Core>,
    cell: Cell<U>,
    state: Mutex<State<S, F>>,
}

struct State<S, F> {
    step: Step<S, F>,
    helper: Option<(Arc<Waiter>, Requests)>,
    /// How the handle was let go, for a function that is running and may still answer with another handle.
    gone: Option<LetGo>,
}

enum Step<S, F> {
    Blocked {
        function: F,
        source: Weak<dyn Node>,
    },
    Ready {
        function: F,
        outcome: Result<S>,
    },
    Running,
    /// Waits for the handle that the function answered with, and keeps its threads.
    Linked {
        inner: Weak<dyn Node>,
        _keep: Keep,
    },
    Done,
}

/// Continues `pending` by `function`: here and now if the outcome is there, else when it comes.
pub(crate) fn derive<S, U, F>(pending: Pending<S>, function: F) -> Pending<U>
where
    S: Send + 'static,
    U: Send + 'static,
    F: FnOnce(Result<S>) -> Answer<U> + Send + 'static,
{
    derive_or(pending, function, run_here)
}

/// Continues `pending` by `function` when the outcome comes, or by `done` if it is there.
fn derive_or<S, U, F>(
    pending: Pending<S>,
    function: F,
    done: impl FnOnce(Keep, F, Result<S>) -> Pending<U>,
) -> Pending<U>
where
    S: Send + 'static,
    U: Send + 'static,
    F: FnOnce(Result<S>) -> Answer<U> + Send + 'static,
{
    let (source, keep) = match pending.into_repr() {
        (Repr::Ready(outcome), keep) => return done(keep, function, outcome),
        (Repr::Source(source), keep) => (source, keep),
    };
    if let Some(outcome) = source.cell().take() {
        return done(keep, function, outcome);
    }
    let node: Arc<dyn Node> = Arc::clone(&source) as _;
    let derived = Arc::new(Derived {
        core: Arc::clone(source.core()),
        cell: Cell::new(),
        state: Mutex::new(State {
            step: Step::Blocked { function, source: Arc::downgrade(&node) },
            helper: None,
            gone: None,
        }),
    });
    let Some(outcome) = source.cell().pass_to(Arc::clone(&derived) as _, 0) else {
        return Pending::from_source_kept(derived, keep);
    };
    // It came just now, so nobody else knows of the node.
    let step = mem::replace(&mut lock(&derived.state).step, Step::Done);
    match step {
        Step::Blocked { function, .. } => done(keep, function, outcome),
        _ => Pending::failed(crate::pending::operation::closed()),
    }
}

/// Continues `pending` by `function` as if its outcome were still to come, even if it is there.
pub(crate) fn derive_queued<S, U, F>(pending: Pending<S>, function: F) -> Pending<U>
where
    S: Send + 'static,
    U: Send + 'static,
    F: FnOnce(Result<S>) -> Answer<U> + Send + 'static,
{
    derive_or(pending, function, |keep, function, outcome| queue(&keep, function, outcome))
}

/// How many functions that run at once, on their registering thread, may be nested in one another.
const NESTED: usize = 16;

thread_local! {
    static NESTING: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Runs `function` on this thread. A recursion (a function that continues a finished handle by itself, and so on) does
/// so only to some depth, and then goes on from the callback lane with an empty stack.
fn run_here<S, U, F>(keep: Keep, function: F, outcome: Result<S>) -> Pending<U>
where
    S: Send + 'static,
    U: Send + 'static,
    F: FnOnce(Result<S>) -> Answer<U> + Send + 'static,
{
    let nesting = NESTING.get();
    if nesting >= NESTED {
        return queue(&keep, function, outcome);
    }
    NESTING.set(nesting + 1);
    let answer = call(function, outcome);
    NESTING.set(nesting);
    match answer {
        Answer::Result(result) => Pending::settled_kept(result, keep),
        Answer::Link(pending) => pending.kept_at_least(keep),
    }
}

/// A node whose step can run and is queued in the callback lane.
fn queue<S, U, F>(keep: &Keep, function: F, outcome: Result<S>) -> Pending<U>
where
    S: Send + 'static,
    U: Send + 'static,
    F: FnOnce(Result<S>) -> Answer<U> + Send + 'static,
{
    let runtime = keep.first().cloned().unwrap_or_else(Runtime::shared);
    let derived = Arc::new(Derived {
        core: Arc::clone(runtime.core()),
        cell: Cell::new(),
        state: Mutex::new(State { step: Step::Ready { function, outcome }, helper: None, gone: None }),
    });
    runtime.core().push_fresh(Arc::clone(&derived) as _);
    Pending::from_source(derived, runtime)
}

/// Runs `function` on the callback lane, or on the thread that waits for it first.
pub(crate) fn spawn<U, F>(runtime: &Runtime, function: F) -> Pending<U>
where
    U: Send + 'static,
    F: FnOnce() -> Result<U> + Send + 'static,
{
    queue(&Keep::One(runtime.clone()), move |_: Result<()>| Answer::Result(function()), Ok(()))
}

fn call<S, U>(function: impl FnOnce(Result<S>) -> Answer<U>, outcome: Result<S>) -> Answer<U> {
    caught(|| function(outcome)).unwrap_or_else(|panicked| Answer::Result(Err(panicked)))
}

impl<S, U, F> Derived<S, U, F>
where
    S: Send + 'static,
    U: Send + 'static,
    F: FnOnce(Result<S>) -> Answer<U> + Send + 'static,
{
    fn end(&self, result: Result<U>) -> Option<Runnable> {
        let old = mem::replace(&mut lock(&self.state).step, Step::Done);
        drop(old);
        complete(&self.core, &self.cell, result)
    }

    /// Takes the outcome of `pending` when it comes.
    fn link(self: Arc<Self>, pending: Pending<U>) -> Option<Runnable> {
        let (inner, keep) = match pending.into_repr() {
            (Repr::Ready(result), _) => return self.end(result),
            (Repr::Source(inner), keep) => (inner, keep),
        };
        let node: Arc<dyn Node> = Arc::clone(&inner) as _;
        let mut state = lock(&self.state);
        if let Some(how) = state.gone {
            drop(state);
            // As if the caller had let go of the handle that the function made.
            let_go(node, how);
            return self.end(Err(crate::pending::operation::closed()));
        }
        state.step = Step::Linked { inner: Arc::downgrade(&node), _keep: keep };
        let helper = state.helper.clone();
        drop(state);
        let link = Arc::new(Link { target: Arc::clone(&self) as _, outcome: Mutex::new(None) });
        if let Some(result) = inner.cell().pass_to(link, 0) {
            return self.end(result);
        }
        // A waiter that came before the link was there found nothing behind this node to enlist at. One that comes
        // from now on finds the inner handle itself.
        if let Some((waiter, requests)) = helper {
            enlist(node, &waiter, requests);
        }
        None
    }
}

impl<S, U, F> Node for Derived<S, U, F>
where
    S: Send + 'static,
    U: Send + 'static,
    F: FnOnce(Result<S>) -> Answer<U> + Send + 'static,
{
    fn place(&self) -> Place {
        Place::Callbacks
    }

    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn run(self: Arc<Self>) -> Option<Runnable> {
        let (function, outcome) = {
            let mut state = lock(&self.state);
            match mem::replace(&mut state.step, Step::Running) {
                Step::Ready { function, outcome } => (function, outcome),
                other => {
                    state.step = other;
                    return None;
                }
            }
        };
        match call(function, outcome) {
            Answer::Result(result) => self.end(result),
            Answer::Link(pending) => self.link(pending),
        }
    }

    fn enlist(self: Arc<Self>, waiter: &Arc<Waiter>, requests: Requests, sources: &mut Sources) {
        let mut state = lock(&self.state);
        state.helper = Some((Arc::clone(waiter), requests));
        match &state.step {
            Step::Blocked { source: behind, .. } | Step::Linked { inner: behind, .. } => {
                sources.extend(behind.upgrade().map(|source| (source, requests)));
            }
            Step::Ready { .. } => {
                drop(state);
                waiter.offer(&(self as Arc<dyn Node>));
            }
            Step::Running => self.core.came_late(Place::Callbacks),
            Step::Done => {}
        }
    }

    fn let_go(self: Arc<Self>, how: LetGo, sources: &mut Vec<Arc<dyn Node>>) {
        if let Some(result) = self.cell.let_go() {
            discard(&self.core, result);
            return;
        }
        let mut state = lock(&self.state);
        state.gone = Some(how);
        if let Step::Linked { inner, .. } = &state.step {
            sources.extend(inner.upgrade());
            return;
        }
        if how == LetGo::Dropped {
            // The function still sees the outcome, so whatever it waits for still serves.
            return;
        }
        let cancelled = match mem::replace(&mut state.step, Step::Done) {
            Step::Running => {
                state.step = Step::Running;
                return;
            }
            other => other,
        };
        drop(state);
        if let Step::Blocked { source, .. } = &cancelled {
            sources.extend(source.upgrade());
        }
        // The function's captures are the caller's, and so is this thread.
        drop_contained(cancelled);
    }

    fn subject(&self) -> Subject {
        match &lock(&self.state).step {
            Step::Blocked { source: behind, .. } | Step::Linked { inner: behind, .. } => {
                Subject::Of(Weak::clone(behind))
            }
            _ => Subject::Unknown,
        }
    }
}

impl<S, U, F> Source<U> for Derived<S, U, F>
where
    S: Send + 'static,
    U: Send + 'static,
    F: FnOnce(Result<S>) -> Answer<U> + Send + 'static,
{
    fn cell(&self) -> &Cell<U> {
        &self.cell
    }
}

impl<S, U, F> Receive<S> for Derived<S, U, F>
where
    S: Send + 'static,
    U: Send + 'static,
    F: FnOnce(Result<S>) -> Answer<U> + Send + 'static,
{
    fn receive(self: Arc<Self>, _index: usize, outcome: Result<S>) -> Option<Runnable> {
        let mut state = lock(&self.state);
        match mem::replace(&mut state.step, Step::Done) {
            Step::Blocked { function, .. } => {
                state.step = Step::Ready { function, outcome };
                let helper = state.helper.as_ref().map(|(waiter, _)| Arc::clone(waiter));
                drop(state);
                Some(Runnable { node: self, helper })
            }
            // Cancelled meanwhile.
            other => {
                state.step = other;
                drop(state);
                discard(&self.core, outcome);
                None
            }
        }
    }
}

/// What the handle that a function answered with continues to.
trait Target<U>: Send + Sync {
    fn core(&self) -> &Arc<Core>;
    fn end(&self, result: Result<U>) -> Option<Runnable>;
}

impl<S, U, F> Target<U> for Derived<S, U, F>
where
    S: Send + 'static,
    U: Send + 'static,
    F: FnOnce(Result<S>) -> Answer<U> + Send + 'static,
{
    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn end(&self, result: Result<U>) -> Option<Runnable> {
        Self::end(self, result)
    }
}

/// Carries the inner handle's outcome over to the outer one, as a step of its own: functions that answer with a handle
/// whose function answers with a handle, and so on, would otherwise complete recursively.
struct Link<U> {
    target: Arc<dyn Target<U>>,
    outcome: Mutex<Option<Result<U>>>,
}

impl<U: Send + 'static> Receive<U> for Link<U> {
    fn receive(self: Arc<Self>, _index: usize, outcome: Result<U>) -> Option<Runnable> {
        *lock(&self.outcome) = Some(outcome);
        Some(Runnable { node: self, helper: None })
    }
}

impl<U: Send + 'static> Node for Link<U> {
    fn place(&self) -> Place {
        Place::Anywhere
    }

    fn core(&self) -> &Arc<Core> {
        self.target.core()
    }

    fn run(self: Arc<Self>) -> Option<Runnable> {
        let outcome = lock(&self.outcome).take()?;
        self.target.end(outcome)
    }

    fn enlist(self: Arc<Self>, _waiter: &Arc<Waiter>, _requests: Requests, _sources: &mut Sources) {}

    fn let_go(self: Arc<Self>, _how: LetGo, _sources: &mut Vec<Arc<dyn Node>>) {}

    fn subject(&self) -> Subject {
        Subject::Unknown
    }
}
