//! A queue of runnable steps and the threads that serve it.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::thread::{self, JoinHandle, ThreadId};

use crate::error::Error;
use crate::pending::node::{Node, Place, Runnable, settle};
use crate::sync::{Condvar, Mutex, lock, wait};

/// Out of so many steps taken one is a resumed one even if fresh ones wait, and the other way round fresh ones go
/// first: ten thousand polls cannot starve a cancel, nor a stream of calls the polls.
const FRESH_IN_A_ROW: u32 = 4;

pub(crate) struct Lane {
    place: Place,
    name: &'static str,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    /// Steps that were never begun.
    fresh: VecDeque<Arc<dyn Node>>,
    /// Steps that a timer or another step resumed.
    resumed: VecDeque<Arc<dyn Node>>,
    taken_fresh: u32,
    threads: usize,
    limit: usize,
    idle: usize,
    closing: bool,
    handles: Vec<JoinHandle<()>>,
}

impl Lane {
    pub(crate) fn new(place: Place, name: &'static str, limit: usize) -> Self {
        Self {
            place,
            name,
            state: Mutex::new(State {
                fresh: VecDeque::new(),
                resumed: VecDeque::new(),
                taken_fresh: 0,
                threads: 0,
                limit,
                idle: 0,
                closing: false,
                handles: Vec::new(),
            }),
            changed: Condvar::new(),
        }
    }

    /// Queues a step and sees to it that a thread comes for it. Gives it back if the lane is closing for good and has
    /// no thread left.
    pub(crate) fn push(self: &Arc<Self>, node: Arc<dyn Node>, resumed: bool) -> Result<(), Arc<dyn Node>> {
        let mut state = lock(&self.state);
        if state.closing && state.threads == 0 {
            return Err(node);
        }
        if resumed {
            state.resumed.push_back(node);
        } else {
            state.fresh.push_back(node);
        }
        if state.idle > 0 {
            drop(state);
            self.changed.notify_one();
        } else if state.threads < state.limit && !state.closing {
            state.threads += 1;
            let number = state.threads;
            drop(state);
            self.start(number);
        }
        Ok(())
    }

    fn start(self: &Arc<Self>, number: usize) {
        let lane = Arc::clone(self);
        let thread = thread::Builder::new().name(format!("{}-{number}", self.name));
        match thread.spawn(move || lane.serve()) {
            Ok(handle) => lock(&self.state).handles.push(handle),
            Err(error) => {
                // The step stays queued: a thread that waits for it runs it, and the next push tries again.
                lock(&self.state).threads -= 1;
                log::error!("cannot start thread {}-{number}: {error}", self.name);
            }
        }
    }

    fn serve(&self) {
        crate::runtime::enter_place(self.place);
        while let Some(node) = self.take() {
            let mut next = run(node);
            // What a step makes runnable in this lane runs here and now, but only if nothing else is waiting for a
            // thread: a long chain must not hold up others.
            while let Some(Runnable { node, helper }) = next {
                let own = node.place() == self.place && helper.is_none() && self.is_empty();
                next = if own || node.place() == Place::Anywhere {
                    run(node)
                } else {
                    settle(Some(Runnable { node, helper }));
                    None
                };
            }
        }
    }

    fn is_empty(&self) -> bool {
        let state = lock(&self.state);
        state.fresh.is_empty() && state.resumed.is_empty()
    }

    fn take(&self) -> Option<Arc<dyn Node>> {
        let mut state = lock(&self.state);
        loop {
            if let Some(node) = state.pop() {
                return Some(node);
            }
            if state.closing {
                state.threads -= 1;
                return None;
            }
            state.idle += 1;
            state = wait(&self.changed, state);
            state.idle -= 1;
        }
    }

    /// A step for a thread that is not this lane's own, for models and tests.
    #[cfg(all(test, loom))]
    pub(crate) fn try_take(&self) -> Option<Arc<dyn Node>> {
        lock(&self.state).pop()
    }

    /// Lets the threads finish what is queued and joins them; not from one of them, which ends by itself.
    pub(crate) fn shut_down(&self) {
        let handles = {
            let mut state = lock(&self.state);
            state.closing = true;
            std::mem::take(&mut state.handles)
        };
        self.changed.notify_all();
        for handle in handles {
            if handle.thread().id() != current_thread() {
                // A panic cannot get here (each step is caught), and there would be nothing to do about one.
                let _ = handle.join();
            }
        }
    }
}

fn current_thread() -> ThreadId {
    thread::current().id()
}

impl State {
    fn pop(&mut self) -> Option<Arc<dyn Node>> {
        let resumed_first = self.taken_fresh >= FRESH_IN_A_ROW;
        if resumed_first {
            self.taken_fresh = 0;
            if let Some(node) = self.resumed.pop_front() {
                return Some(node);
            }
        }
        if let Some(node) = self.fresh.pop_front() {
            self.taken_fresh += 1;
            return Some(node);
        }
        self.resumed.pop_front()
    }
}

/// Runs one step. Steps catch the panics of the functions in them; what is caught here is a panic in the `Drop` of a
/// caller's value or in a caller's waker, and it must not cost the thread.
fn run(node: Arc<dyn Node>) -> Option<Runnable> {
    catch_unwind(AssertUnwindSafe(|| node.run())).unwrap_or_else(|payload| {
        log::error!("a value or waker panicked: {}", Error::from_panic(&*payload));
        None
    })
}
