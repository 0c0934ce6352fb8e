//! A handle with a limit.
//!
//! # The protocol
//! `Open -> Came | Expired -> Done`. The outcome and the timer race for `Open` under the lock; the loser finds another
//! state and does nothing (a late outcome is discarded). The step that completes the result runs on whichever thread
//! brought it about, so that a limit is noticed even while all other threads are busy.

use std::mem;
use std::sync::{Arc, Weak};
use std::task::{Wake, Waker};
use std::time::Duration;

use crate::error::{Error, ErrorKind, Result};
use crate::job::JobStatus;
use crate::pending::cell::Cell;
use crate::pending::node::{
    LetGo, Node, Place, Receive, Requests, Runnable, Source, Sources, Subject, complete, discard, let_go,
    settle, subject,
};
use crate::pending::waiter::Waiter;
use crate::pending::{Pending, Repr};
use crate::runtime::Core;
use crate::runtime::timer::{Entry, after};
use crate::sync::{Mutex, lock};

struct Timeout<T> {
    core: Arc<Core>,
    cell: Cell<T>,
    limit: Duration,
    state: Mutex<State<T>>,
}

struct State<T> {
    step: Step<T>,
    source: Weak<dyn Node>,
    entry: Option<Entry>,
}

enum Step<T> {
    Open,
    Came(Result<T>),
    Expired,
    Done,
}

pub(crate) fn limit<T: Send + 'static>(pending: Pending<T>, limit: Duration) -> Pending<T> {
    let (source, keep) = match pending.into_repr() {
        (Repr::Ready(result), keep) => return Pending::settled_kept(result, keep),
        (Repr::Source(source), keep) => (source, keep),
    };
    let node: Arc<dyn Node> = Arc::clone(&source) as _;
    let timeout = Arc::new(Timeout {
        core: Arc::clone(source.core()),
        cell: Cell::new(),
        limit,
        state: Mutex::new(State { step: Step::Open, source: Arc::downgrade(&node), entry: None }),
    });
    if let Some(result) = source.cell().pass_to(Arc::clone(&timeout) as _, 0) {
        return Pending::settled_kept(result, keep);
    }
    let entry = timeout.core.timer().wake_at(after(limit), Waker::from(Arc::clone(&timeout)));
    if let Some(entry) = entry.and_then(|entry| timeout.keep_entry(entry)) {
        entry.cancel();
    }
    Pending::from_source_kept(timeout, keep)
}

impl<T: Send + 'static> Timeout<T> {
    /// Keeps the timer's entry to remove it when the outcome comes; gives it back if that was before.
    fn keep_entry(&self, entry: Entry) -> Option<Entry> {
        let mut state = lock(&self.state);
        if !matches!(state.step, Step::Open) {
            return Some(entry);
        }
        state.entry = Some(entry);
        None
    }

    /// Moves from `Open` to `step`; the step is given back if it came too late.
    fn close(&self, step: Step<T>) -> Result<(), Step<T>> {
        let mut state = lock(&self.state);
        if !matches!(state.step, Step::Open) {
            return Err(step);
        }
        state.step = step;
        let entry = state.entry.take();
        drop(state);
        if let Some(entry) = entry {
            entry.cancel();
        }
        Ok(())
    }

    fn expired(&self, source: Option<Arc<dyn Node>>) -> Error {
        let mut message = format!("no result within {:?}; the operation itself may go on", self.limit);
        let Some(source) = source else { return Error::new(ErrorKind::Timeout, message) };
        let operating = subject(&source);
        let seen = operating.as_ref().and_then(|operating| operating.seen());
        if let Some(status) = seen {
            message.push_str(&format!("; the job was last seen {status}"));
        }
        let mut error = Error::new(ErrorKind::Timeout, message);
        if let Some(status) = seen {
            error = error.with_job_status(status);
        }
        if let Some(JobStatus::Restarting | JobStatus::Failing) = seen {
            error = error.with_hint("`job_exceptions` tells what goes wrong in it");
        }
        if let Some(operating) = operating {
            error = operating.name_in(error);
        }
        let_go(source, LetGo::Dropped);
        error
    }
}

impl<T: Send + 'static> Node for Timeout<T> {
    fn place(&self) -> Place {
        Place::Anywhere
    }

    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn run(self: Arc<Self>) -> Option<Runnable> {
        let (step, source) = {
            let mut state = lock(&self.state);
            match mem::replace(&mut state.step, Step::Done) {
                Step::Open => {
                    state.step = Step::Open;
                    return None;
                }
                step => (step, state.source.upgrade()),
            }
        };
        let result = match step {
            Step::Came(result) => result,
            Step::Expired => Err(self.expired(source)),
            Step::Open | Step::Done => return None,
        };
        complete(&self.core, &self.cell, result)
    }

    fn enlist(self: Arc<Self>, waiter: &Arc<Waiter>, _requests: Requests, sources: &mut Sources) {
        if !waiter.accepts_limited() {
            return self.core.tell();
        }
        sources.extend(lock(&self.state).source.upgrade().map(|source| (source, Requests::Leave)));
    }

    fn let_go(self: Arc<Self>, _how: LetGo, sources: &mut Vec<Arc<dyn Node>>) {
        if let Some(result) = self.cell.let_go() {
            discard(&self.core, result);
            return;
        }
        sources.extend(lock(&self.state).source.upgrade());
        // Too late is fine: then the step that completes the cell finds nobody there.
        let _ = self.close(Step::Done);
    }

    fn subject(&self) -> Subject {
        Subject::Of(Weak::clone(&lock(&self.state).source))
    }
}

impl<T: Send + 'static> Source<T> for Timeout<T> {
    fn cell(&self) -> &Cell<T> {
        &self.cell
    }
}

impl<T: Send + 'static> Receive<T> for Timeout<T> {
    fn receive(self: Arc<Self>, _index: usize, outcome: Result<T>) -> Option<Runnable> {
        match self.close(Step::Came(outcome)) {
            Ok(()) => Some(Runnable { node: self, helper: None }),
            Err(late) => {
                if let Step::Came(outcome) = late {
                    discard(&self.core, outcome);
                }
                None
            }
        }
    }
}

impl<T: Send + 'static> Wake for Timeout<T> {
    fn wake(self: Arc<Self>) {
        if self.close(Step::Expired).is_ok() {
            settle(Some(Runnable { node: self, helper: None }));
        }
    }
}
