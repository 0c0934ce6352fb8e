//! Threads that are kept for a while when they have nothing to do.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::lock;

type Work = Box<dyn FnOnce() + Send>;

/// How long a thread waits for more work. Long enough to serve job after job, short enough that an idle cluster has
/// no threads but its timer.
const KEPT: Duration = Duration::from_secs(2);

thread_local! {
    /// The pool that the current thread belongs to, by address.
    static POOL: Cell<usize> = const { Cell::new(0) };
}

/// A pool that grows with the work, up to a limit; beyond it work waits for its turn.
pub(crate) struct Threads {
    name: &'static str,
    most: usize,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    closed: bool,
    live: usize,
    idle: usize,
    numbered: u64,
    work: VecDeque<Work>,
}

impl Threads {
    pub(crate) fn new(name: &'static str, most: usize) -> Arc<Self> {
        Arc::new(Self {
            name,
            most: most.max(1),
            state: Mutex::new(State::default()),
            changed: Condvar::new(),
        })
    }

    /// Has `work` done soon. Dropped undone if the pool is closed.
    ///
    /// # Errors
    /// The operating system gives no thread and there is none yet.
    pub(crate) fn run(self: &Arc<Self>, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
        let mut state = lock(&self.state);
        if state.closed {
            return Ok(());
        }
        state.work.push_back(Box::new(work));
        if state.idle >= state.work.len() || state.live >= self.most {
            self.changed.notify_one();
            return Ok(());
        }
        state.numbered += 1;
        let pool = Arc::clone(self);
        let spawned = std::thread::Builder::new()
            .name(format!("{}-{}", self.name, state.numbered))
            .spawn(move || pool.serve());
        match spawned {
            Ok(_) => {
                state.live += 1;
                Ok(())
            }
            // The others will come to it.
            Err(_) if state.live > 0 => Ok(()),
            Err(error) => {
                state.work.pop_back();
                Err(error)
            }
        }
    }

    /// How many threads there are.
    #[cfg(test)]
    pub(crate) fn live(&self) -> usize {
        lock(&self.state).live
    }

    /// Takes no more work, drops what has not begun, and waits until the threads have ended or `limit` has passed.
    /// From one of its own threads it does not wait for that one.
    pub(crate) fn close(&self, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let dropped = {
            let mut state = lock(&self.state);
            state.closed = true;
            self.changed.notify_all();
            std::mem::take(&mut state.work)
        };
        drop(dropped);
        let own = usize::from(POOL.get() == self.address());
        let mut state = lock(&self.state);
        while state.live > own {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn address(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    fn serve(&self) {
        POOL.set(self.address());
        let mut state = lock(&self.state);
        // Set when the work is done; what wakes it without work does not keep it any longer.
        let mut kept_until = None;
        loop {
            if let Some(work) = state.work.pop_front() {
                kept_until = None;
                drop(state);
                // Work catches what its own callers throw; this keeps the count right whatever happens.
                if let Err(payload) = catch_unwind(AssertUnwindSafe(work)) {
                    log::error!(
                        "a thread of the mini cluster panicked: {}",
                        crate::Error::from_panic(&*payload)
                    );
                }
                state = lock(&self.state);
                continue;
            }
            if state.closed {
                break;
            }
            let now = Instant::now();
            let left = kept_until.get_or_insert(now + KEPT).saturating_duration_since(now);
            if left.is_zero() {
                break;
            }
            state.idle += 1;
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            state.idle -= 1;
        }
        state.live -= 1;
        self.changed.notify_all();
    }
}

impl fmt::Debug for Threads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = lock(&self.state);
        f.debug_struct("Threads")
            .field("name", &self.name)
            .field("live", &state.live)
            .field("waiting", &state.work.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_beyond_the_limit_waits_for_its_turn() {
        let threads = Threads::new("test", 2);
        let (sender, receiver) = crossbeam_channel::unbounded();
        let (gate, open) = crossbeam_channel::bounded::<()>(0);
        for number in 0..20 {
            let (sender, open) = (sender.clone(), open.clone());
            threads
                .run(move || {
                    let _ = open.recv();
                    sender.send(number).unwrap();
                })
                .unwrap();
        }
        assert_eq!(threads.live(), 2);
        drop(gate);
        let mut done: Vec<i32> = receiver.iter().take(20).collect();
        done.sort_unstable();
        assert_eq!(done, (0..20).collect::<Vec<_>>());
        assert!(threads.close(Duration::from_secs(10)));
        assert_eq!(threads.live(), 0);
    }

    #[test]
    fn a_panic_costs_no_thread_and_closing_from_inside_does_not_wait_for_itself() {
        let threads = Threads::new("test", 1);
        threads.run(|| panic!("on purpose")).unwrap();
        let (sender, receiver) = crossbeam_channel::unbounded();
        let pool = Arc::clone(&threads);
        threads.run(move || sender.send(pool.close(Duration::from_secs(60))).unwrap()).unwrap();
        assert_eq!(receiver.recv(), Ok(true));
    }
}
