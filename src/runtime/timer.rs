//! One thread for all delays: retries, polls, limits.
//!
//! A delay is an entry in a sorted map, so ten thousand of them cost memory and nothing else, and cancelling removes
//! the entry. The thread only wakes wakers of this crate: they queue a step, or complete a handle whose limit has
//! passed, so that a limit is noticed even while every other thread is busy. No function or value of a caller's runs
//! or drops here.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::panics::caught;
use crate::pending::node::Place;
use crate::runtime::enter_place;
use crate::sync::{Condvar, Mutex, MutexGuard, lock, wait};

/// Entries are unique by their number even when two fall on the same instant.
type Key = (Instant, u64);

pub(crate) struct Timer {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    entries: BTreeMap<Key, Waker>,
    numbered: u64,
    closed: bool,
    handle: Option<JoinHandle<()>>,
}

impl Timer {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State::default()), changed: Condvar::new() }
    }

    /// Wakes `waker` at `at`, unless the entry is removed before. `None` when the timer has been shut down: the waker
    /// is dropped, and with it what nobody can resume any more.
    pub(crate) fn wake_at(self: &Arc<Self>, at: Instant, waker: Waker) -> Option<Entry> {
        let mut state = lock(&self.state);
        if state.closed {
            drop(state);
            drop(waker);
            return None;
        }
        state.numbered += 1;
        let key = (at, state.numbered);
        let earliest = state.entries.first_key_value().is_none_or(|(first, _)| key < *first);
        state.entries.insert(key, waker);
        let started = if state.handle.is_none() { self.start(&mut state) } else { Ok(()) };
        drop(state);
        if let Err(error) = started {
            // The entry stays, and the next delay tries again.
            log::error!("cannot start thread flink-client-timer: {error}");
        }
        if earliest {
            self.changed.notify_one();
        }
        Some(Entry { timer: Arc::clone(self), key })
    }

    #[cfg(not(loom))]
    fn start(self: &Arc<Self>, state: &mut State) -> io::Result<()> {
        let timer = Arc::clone(self);
        let thread = thread::Builder::new().name("flink-client-timer".into());
        state.handle = Some(thread.spawn(move || timer.serve())?);
        Ok(())
    }

    /// Models wake entries themselves, by [`wake_first`](Self::wake_first).
    #[cfg(loom)]
    fn start(self: &Arc<Self>, _state: &mut State) -> io::Result<()> {
        Ok(())
    }

    #[cfg(all(test, loom))]
    pub(crate) fn wake_first(&self) {
        let first = lock(&self.state).entries.pop_first();
        if let Some((_, waker)) = first {
            waker.wake();
        }
    }

    #[cfg_attr(loom, expect(dead_code, reason = "models have no timer thread"))]
    fn serve(&self) {
        enter_place(Place::Io);
        let mut state = lock(&self.state);
        while !state.closed {
            let now = Instant::now();
            let Some((&key, _)) = state.entries.first_key_value() else {
                state = wait(&self.changed, state);
                continue;
            };
            if key.0 > now {
                state = wait_limited(&self.changed, state, key.0 - now);
                continue;
            }
            // One by one: an entry that is cancelled while those before it are woken is not woken any more.
            let Some((_, waker)) = state.entries.pop_first() else { continue };
            drop(state);
            if let Err(error) = caught(|| waker.wake()) {
                log::error!("a waker panicked: {error}");
            }
            state = lock(&self.state);
        }
    }

    /// How many delays are pending.
    pub(crate) fn len(&self) -> usize {
        lock(&self.state).entries.len()
    }

    pub(crate) fn has_thread(&self) -> bool {
        lock(&self.state).handle.is_some()
    }

    /// Drops all entries and joins the thread.
    pub(crate) fn shut_down(&self) {
        let (entries, handle) = {
            let mut state = lock(&self.state);
            state.closed = true;
            (std::mem::take(&mut state.entries), state.handle.take())
        };
        self.changed.notify_all();
        drop(entries);
        if let Some(handle) = handle.filter(|handle| handle.thread().id() != thread::current().id()) {
            let _ = handle.join();
        }
    }
}

/// A pending delay. [`cancel`](Self::cancel) it or let it come.
pub(crate) struct Entry {
    timer: Arc<Timer>,
    key: Key,
}

impl Entry {
    pub(crate) fn cancel(self) {
        let waker = lock(&self.timer.state).entries.remove(&self.key);
        drop(waker);
    }
}

/// Completes when its delay has passed; dropping it removes the entry.
pub(crate) struct Sleep {
    timer: Arc<Timer>,
    at: Instant,
    entry: Option<Entry>,
}

impl Sleep {
    pub(crate) fn new(timer: &Arc<Timer>, delay: Duration) -> Self {
        Self { timer: Arc::clone(timer), at: after(delay), entry: None }
    }
}

/// As long as for ever, and every clock can say when it will be over.
pub(crate) const CENTURY: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The instant `delay` from now; a delay beyond what the clock can say is a century.
pub(crate) fn after(delay: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(delay).unwrap_or_else(|| now + CENTURY)
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.at {
            return Poll::Ready(());
        }
        if let Some(entry) = self.entry.take() {
            entry.cancel();
        }
        let timer = Arc::clone(&self.timer);
        self.entry = timer.wake_at(self.at, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(entry) = self.entry.take() {
            entry.cancel();
        }
    }
}

#[cfg(not(loom))]
fn wait_limited<'a>(
    condvar: &Condvar,
    guard: MutexGuard<'a, State>,
    limit: Duration,
) -> MutexGuard<'a, State> {
    condvar.wait_timeout(guard, limit).unwrap_or_else(std::sync::PoisonError::into_inner).0
}

/// Time does not pass in a model; models wake the entries themselves.
#[cfg(loom)]
fn wait_limited<'a>(
    condvar: &Condvar,
    guard: MutexGuard<'a, State>,
    _limit: Duration,
) -> MutexGuard<'a, State> {
    wait(condvar, guard)
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use std::task::Wake;

    struct Counting(std::sync::atomic::AtomicUsize, std::sync::mpsc::Sender<Instant>);

    impl Wake for Counting {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let _ = self.1.send(Instant::now());
        }
    }

    fn counting() -> (Arc<Counting>, std::sync::mpsc::Receiver<Instant>) {
        let (sender, receiver) = std::sync::mpsc::channel();
        (Arc::new(Counting(0.into(), sender)), receiver)
    }

    #[test]
    fn wakes_no_earlier_than_asked_and_in_order() {
        let timer = Arc::new(Timer::new());
        let (counting, woken) = counting();
        let start = Instant::now();
        for delay in [30, 10, 20] {
            let _entry = timer.wake_at(start + Duration::from_millis(delay), counting.clone().into());
        }
        for delay in [10, 20, 30] {
            let at = woken.recv().unwrap();
            assert!(at >= start + Duration::from_millis(delay));
        }
        timer.shut_down();
    }

    #[test]
    fn a_hundred_thousand_delays_leave_nothing_behind_when_they_are_cancelled() {
        let timer = Arc::new(Timer::new());
        let (counting, _woken) = counting();
        let far = Instant::now() + Duration::from_secs(3600);
        let entries: Vec<_> =
            (0..100_000).filter_map(|_| timer.wake_at(far, counting.clone().into())).collect();
        assert_eq!(timer.len(), 100_000);
        entries.into_iter().for_each(Entry::cancel);
        assert_eq!(timer.len(), 0);
        assert_eq!(Arc::strong_count(&counting), 1, "a cancelled entry holds its waker no longer");
        timer.shut_down();
    }

    #[test]
    fn after_shutting_down_a_delay_drops_its_waker() {
        let timer = Arc::new(Timer::new());
        let (counting, _woken) = counting();
        let _entry = timer.wake_at(Instant::now() + Duration::from_secs(3600), counting.clone().into());
        timer.shut_down();
        assert!(timer.wake_at(Instant::now(), counting.clone().into()).is_none());
        assert_eq!(Arc::strong_count(&counting), 1);
    }
}
