//! A queue of runnable steps and the threads that serve it.
//!
//! # The protocol
//! Queue and counts are under one mutex. A thread that finds nothing counts itself `idle` and waits. Whoever queues a
//! step wakes a thread for it or starts one, so that each queued step has a thread of its own that comes: `woken` counts
//! those that have been woken and have not come yet.
//!
//! It may count too few, never too many, so nobody relies on a thread that will not come. Of the idle threads some, say
//! `up`, have left the condition variable (woken, or the time was up, or for no reason) and have yet to take the lock;
//! the rest sleep. And some wakes, say `due`, have been counted under the lock, but are called only after it has been
//! given up. What holds throughout is `woken <= up + min(due, asleep)`:
//! - counting wakes adds to both `woken` and `due`, and stops at `idle`, which is `up + asleep`;
//! - calling one moves a sleeper from `asleep` to `up`, and `due` falls by one; if none sleeps, the minimum is nought
//!   before and after;
//! - a sleeper that rises by itself adds to `up` what it takes from the minimum at most;
//! - one that comes lowers `up`, and lowers `woken` as well, woken or not, unless that is nought already;
//! - one that goes to sleep makes the right side no smaller.
//!
//! A thread that has run a step and finds no other looks a few times more before it waits. Meanwhile it counts as
//! `looking`, and nobody is woken for a step that it will find: its next look comes after the step was queued, since it
//! stops looking under the lock. If another thread takes the step first, none is left for the one that looks, and none is
//! missed.
//!
//! Where a program begins an operation and waits for it at once, the waiting thread runs the step itself, and a thread
//! that was woken for it comes for nothing, or just before: as costly as the rest of such a call. So where waiters come
//! for steps (`helped`), an idle thread stays on *standby*: it waits no longer than [`STANDBY`] and looks for itself,
//! again and again as long as waiters come. A fresh step that is alone in the queue is not told to it. It is withdrawn,
//! or told when another one is queued or when somebody waits for it who will not run it ([`Lane::tell`]), or found at
//! the next look.

use std::collections::VecDeque;
use std::io;
use std::mem;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::pending::node::{Node, Place, Runnable, run, settle, settle_here};
use crate::sync::{Condvar, LOOKS, Mutex, MutexGuard, lock, look_again, wait};

/// Out of so many steps taken one is a resumed one even if fresh ones wait, and the other way round fresh ones go
/// first: ten thousand polls cannot starve a cancel, nor a stream of calls the polls.
const FRESH_IN_A_ROW: u32 = 4;

/// How late an operation may start that nobody waits for, if those before it were waited for. A thousand looks a second
/// are half a percent of a processor.
#[cfg_attr(loom, expect(dead_code, reason = "time does not pass in models"))]
const STANDBY: Duration = Duration::from_millis(1);

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
    woken: usize,
    /// Threads that have nothing to do and have not gone to wait yet.
    looking: usize,
    /// One of the idle threads looks for itself after [`STANDBY`].
    standby: bool,
    /// Waiters have come for steps since a thread last went to wait.
    helped: bool,
    closing: bool,
    handles: Vec<JoinHandle<()>>,
    /// In a model: who is on standby is found only by those who tell.
    #[cfg(loom)]
    timeless: bool,
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
                woken: 0,
                looking: 0,
                standby: false,
                helped: false,
                closing: false,
                handles: Vec::new(),
                #[cfg(loom)]
                timeless: false,
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
            if state.standby && state.queued() == 1 {
                return;
            }
        }
        let wakes = state.wakes();
        // One that was woken for the step before may be busy with that for long.
        let lacks_thread =
            state.queued() > state.idle + state.looking && state.threads < state.limit && !state.closing;
        let started = if lacks_thread { self.start(&mut state) } else { Ok(()) };
        let nobody_comes = state.threads == 0 && (state.closing || state.limit > 0);
        let orphans = if nobody_comes { state.take_all() } else { VecDeque::new() };
        drop(state);
        if let Err(error) = started {
            log::error!("cannot start a thread {}-N: {error}", self.name);
        }
        self.wake(wakes);
        orphans.into_iter().for_each(settle_here);
    }

    fn wake(&self, threads: usize) {
        (0..threads).for_each(|_| self.changed.notify_one());
    }

    /// Takes a step out that the thread which waits for it is about to run, if that was the last one to be queued: an
    /// older one is most likely gone already, and whoever takes it finds it claimed.
    pub(crate) fn withdraw(&self, node: &Arc<dyn Node>) {
        let mut state = lock(&self.state);
        state.helped = true;
        let is_last = |last| std::ptr::addr_eq(Arc::as_ptr(last), Arc::as_ptr(node));
        let step = if state.fresh.back().is_some_and(is_last) { state.fresh.pop_back() } else { None };
        drop(state);
        drop(step);
    }

    /// Somebody waits for a step that a thread of the lane has begun just before.
    pub(crate) fn came_late(&self) {
        lock(&self.state).helped = true;
    }

    /// Wakes a thread for the step that was told to nobody, if there is one.
    pub(crate) fn tell(&self) {
        let wakes = lock(&self.state).wakes();
        self.wake(wakes);
    }

    /// Under the lock, so that shutting down finds either no thread or the handle of one.
    fn start(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let name = format!("{}-{}", self.name, state.threads + 1);
        let lane = Arc::clone(self);
        let mut thread = thread::Builder::new().name(name);
        if let Some(bytes) = self.stack_size {
            thread = thread.stack_size(bytes);
        }
        let handle = thread.spawn(move || lane.serve())?;
        state.threads += 1;
        state.handles.push(handle);
        Ok(())
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
        let mut looks = LOOKS;
        loop {
            if let Some(node) = state.pop() {
                return Some(node);
            }
            if state.closing {
                state.threads -= 1;
                return None;
            }
            if looks > 0 {
                looks -= 1;
                state.looking += 1;
                state = look_again(&self.state, state);
                state.looking -= 1;
                continue;
            }
            state.idle += 1;
            // One is enough: what is queued besides the step that this one would find is told.
            if !state.standby && mem::take(&mut state.helped) {
                state.standby = true;
                state = self.stand_by(state);
                state.standby = false;
            } else {
                state = wait(&self.changed, state);
            }
            state.idle -= 1;
            state.woken = state.woken.saturating_sub(1);
        }
    }

    #[cfg(not(loom))]
    fn stand_by<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, STANDBY).unwrap_or_else(std::sync::PoisonError::into_inner).0
    }

    /// In a model the time may pass before or after whatever the other threads do, or never.
    #[cfg(loom)]
    fn stand_by<'a>(&'a self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if state.timeless {
            return wait(&self.changed, state);
        }
        look_again(&self.state, state)
    }

    /// A step for a model's thread, which is none of the lane's.
    #[cfg(all(test, loom))]
    pub(crate) fn try_take(&self) -> Option<Arc<dyn Node>> {
        lock(&self.state).pop()
    }

    /// Makes a model's thread one of the lane's, which takes steps until the lane is shut down. `timeless`: on standby
    /// no time passes for it.
    #[cfg(all(test, loom))]
    pub(crate) fn join_in(&self, timeless: bool) {
        let mut state = lock(&self.state);
        state.threads += 1;
        state.timeless = timeless;
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

    /// How many more threads have to be woken so that one comes for each step, as far as there are idle ones. They are
    /// to be woken after the lock has been given up.
    fn wakes(&mut self) -> usize {
        let found = self.queued().min(self.looking);
        let more = (self.queued() - found).min(self.idle).saturating_sub(self.woken);
        self.woken += more;
        more
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

#[cfg(all(test, not(loom)))]
mod tests {
    use crossbeam_channel::{bounded, unbounded};

    use super::*;
    use crate::pending::node::{LetGo, Requests, Sources, Subject};
    use crate::pending::waiter::Waiter;
    use crate::runtime::Core;

    struct Step<F> {
        core: Arc<Core>,
        code: Mutex<Option<F>>,
    }

    impl<F: FnOnce() + Send> Node for Step<F> {
        fn place(&self) -> Place {
            Place::Callbacks
        }

        fn core(&self) -> &Arc<Core> {
            &self.core
        }

        fn run(self: Arc<Self>) -> Option<Runnable> {
            let code = lock(&self.code).take();
            code.expect("it runs once")();
            None
        }

        fn enlist(self: Arc<Self>, _waiter: &Arc<Waiter>, _requests: Requests, _sources: &mut Sources) {}

        fn let_go(self: Arc<Self>, _how: LetGo, _sources: &mut Vec<Arc<dyn Node>>) {}

        fn subject(&self) -> Subject {
            Subject::Unknown
        }
    }

    fn lane(limit: usize) -> Arc<Lane> {
        Arc::new(Lane::new(Place::Callbacks, "flink-client-test", limit, None))
    }

    fn step(code: impl FnOnce() + Send + 'static) -> Arc<dyn Node> {
        Arc::new(Step { core: Core::new(1, 1, None), code: Mutex::new(Some(code)) })
    }

    fn until(condition: impl Fn() -> bool) {
        while !condition() {
            thread::yield_now();
        }
    }

    #[test]
    fn fresh_steps_go_first_and_the_fifth_is_a_resumed_one() {
        let lane = lane(0);
        let (ran_at, ran) = unbounded();
        for (resumed, names) in
            [(true, ["r1", "r2", "r3"].as_slice()), (false, &["f1", "f2", "f3", "f4", "f5", "f6"])]
        {
            for name in names {
                let ran_at = ran_at.clone();
                lane.push(step(move || ran_at.send(*name).unwrap()), resumed);
            }
        }
        while let Some(node) = { lock(&lane.state).pop() } {
            assert!(run(node).is_none());
        }
        let order: Vec<_> = ran.try_iter().collect();
        assert_eq!(order, ["f1", "f2", "f3", "f4", "r1", "f5", "f6", "r2", "r3"]);
    }

    #[test]
    fn a_thread_is_started_only_when_none_is_free() {
        let lane = lane(2);
        for _ in 0..3 {
            let (ran_at, ran) = bounded(1);
            lane.push(step(move || ran_at.send(()).unwrap()), true);
            ran.recv().unwrap();
            until(|| lock(&lane.state).idle == 1);
            assert_eq!(lock(&lane.state).threads, 1);
        }
        let (release, released) = bounded::<()>(0);
        for _ in 0..3 {
            let released = released.clone();
            lane.push(step(move || assert!(released.recv().is_err())), true);
        }
        assert_eq!(lock(&lane.state).threads, 2);
        drop(release);
        lane.shut_down();
        assert!(!lane.has_threads());
    }

    #[test]
    fn shutting_down_waits_for_the_step_that_runs_and_steps_that_come_later_run_where_they_come() {
        let lane = lane(1);
        let (begun_at, begun) = bounded(1);
        let (ended_at, ended) = bounded(1);
        lane.push(
            step(move || {
                begun_at.send(()).unwrap();
                thread::sleep(Duration::from_millis(20));
                ended_at.send(()).unwrap();
            }),
            false,
        );
        begun.recv().unwrap();
        lane.shut_down();
        assert!(ended.try_recv().is_ok(), "it is still running");
        assert!(!lane.has_threads());

        let (ran_at, ran) = bounded(1);
        let inner = Arc::clone(&lane);
        let here = thread::current().id();
        let late = move || inner.push(step(move || ran_at.send(thread::current().id()).unwrap()), false);
        lane.push(step(late), false);
        assert_eq!(ran.try_recv(), Ok(here));
    }
}
