//! A queue of runnable steps and the threads that serve it.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use crate::pending::node::{Node, Place, Runnable, run, settle, settle_here};
use crate::sync::{Condvar, Mutex, lock, wait};

/// Out of so many steps taken one is a resumed one even if fresh ones wait, and the other way round fresh ones go
/// first: ten thousand polls cannot starve a cancel, nor a stream of calls the polls.
const FRESH_IN_A_ROW: u32 = 4;

pub(crate) struct Lane {
    place: Place,
    name: &'static str,
    stack_size: Option<usize>,
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
    /// Threads that wait for a step; among them those that have been woken and not come yet.
    idle: usize,
    closing: bool,
    handles: Vec<JoinHandle<()>>,
}

impl Lane {
    pub(crate) fn new(place: Place, name: &'static str, limit: usize, stack_size: Option<usize>) -> Self {
        Self {
            place,
            name,
            stack_size,
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

    /// Queues a step and sees to it that a thread comes for it. Where there is no thread and can be none (the lane was
    /// shut down, or the system refuses threads), it runs here: the wrong place is better than none.
    pub(crate) fn push(self: &Arc<Self>, node: Arc<dyn Node>, resumed: bool) {
        let mut state = lock(&self.state);
        if resumed {
            state.resumed.push_back(node);
        } else {
            state.fresh.push_back(node);
        }
        // A woken thread stays `idle` until it has come, so each queued step needs an idle thread of its own: one that
        // was woken for the step before may be busy with that for long.
        if state.queued() <= state.idle {
            drop(state);
            self.changed.notify_one();
            return;
        }
        if state.threads < state.limit && !state.closing {
            self.start(&mut state);
        }
        if state.threads == 0 && (state.closing || state.limit > 0) {
            let orphans = state.take_all();
            drop(state);
            orphans.into_iter().for_each(settle_here);
        }
    }

    /// Under the lock, so that shutting down finds either no thread or the handle of one.
    fn start(self: &Arc<Self>, state: &mut State) {
        let name = format!("{}-{}", self.name, state.threads + 1);
        let lane = Arc::clone(self);
        let mut thread = thread::Builder::new().name(name);
        if let Some(bytes) = self.stack_size {
            thread = thread.stack_size(bytes);
        }
        match thread.spawn(move || lane.serve()) {
            Ok(handle) => {
                state.threads += 1;
                state.handles.push(handle);
            }
            Err(error) => log::error!("cannot start thread {}-{}: {error}", self.name, state.threads + 1),
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
        lock(&self.state).queued() == 0
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

    /// A step for a model's thread, which is none of the lane's.
    #[cfg(all(test, loom))]
    pub(crate) fn try_take(&self) -> Option<Arc<dyn Node>> {
        lock(&self.state).pop()
    }

    /// Makes a model's thread one of the lane's, which takes steps until the lane is shut down.
    #[cfg(all(test, loom))]
    pub(crate) fn join_in(&self) {
        lock(&self.state).threads += 1;
    }

    #[cfg(all(test, loom))]
    pub(crate) fn take_until_shut_down(&self) {
        while let Some(node) = self.take() {
            settle(run(node));
        }
    }

    pub(crate) fn has_threads(&self) -> bool {
        lock(&self.state).threads > 0
    }

    /// Lets the threads finish what is queued and joins them.
    pub(crate) fn shut_down(&self) {
        let handles = {
            let mut state = lock(&self.state);
            state.closing = true;
            mem::take(&mut state.handles)
        };
        self.changed.notify_all();
        for handle in handles {
            // Not from one of them, which ends by itself.
            if handle.thread().id() != thread::current().id() {
                // A panic cannot get here (each step is caught), and there would be nothing to do about one.
                let _ = handle.join();
            }
        }
        let orphans = {
            let mut state = lock(&self.state);
            if state.threads > 0 { VecDeque::new() } else { state.take_all() }
        };
        orphans.into_iter().for_each(settle_here);
    }
}

impl State {
    fn queued(&self) -> usize {
        self.fresh.len() + self.resumed.len()
    }

    fn take_all(&mut self) -> VecDeque<Arc<dyn Node>> {
        let mut all = mem::take(&mut self.fresh);
        all.append(&mut self.resumed);
        all
    }

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
