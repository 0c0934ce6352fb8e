//! One thread that does what is due by the cluster's clock.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use super::clock::MiniClock;
use super::lock;

type Action = Box<dyn FnOnce() + Send>;

/// Actions and when they are due. Nothing is ever taken back: what an action finds outdated, it leaves alone.
pub(crate) struct Timer {
    clock: MiniClock,
    due: Mutex<Due>,
    changed: Condvar,
    wake: Mutex<Option<Arc<dyn Fn() + Send + Sync>>>,
}

#[derive(Default)]
struct Due {
    closed: bool,
    numbered: u64,
    actions: BinaryHeap<Reverse<Entry>>,
}

struct Entry {
    at: Duration,
    number: u64,
    action: Action,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl Timer {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system gives no thread.
    pub(crate) fn start(clock: MiniClock) -> std::io::Result<Arc<Self>> {
        let timer = Arc::new(Self {
            clock,
            due: Mutex::new(Due::default()),
            changed: Condvar::new(),
            wake: Mutex::new(None),
        });
        let weak = Arc::downgrade(&timer);
        let wake: Arc<dyn Fn() + Send + Sync> = Arc::new(move || {
            if let Some(timer) = weak.upgrade() {
                // Under the lock, so that the thread is either before its look at the clock or asleep already.
                let _due = lock(&timer.due);
                timer.changed.notify_all();
            }
        });
        timer.clock.on_advance(&wake);
        *lock(&timer.wake) = Some(wake);
        let ours = Arc::clone(&timer);
        std::thread::Builder::new().name("flink-mini-timer".into()).spawn(move || ours.run())?;
        Ok(timer)
    }

    /// Does `action` at this time (since 1970); never, if the timer is closed first.
    pub(crate) fn at(&self, at: Duration, action: impl FnOnce() + Send + 'static) {
        let mut due = lock(&self.due);
        if due.closed {
            return;
        }
        due.numbered += 1;
        let number = due.numbered;
        due.actions.push(Reverse(Entry { at, number, action: Box::new(action) }));
        self.changed.notify_all();
    }

    /// Ends the thread and drops what is not due yet.
    pub(crate) fn close(&self) {
        let dropped = {
            let mut due = lock(&self.due);
            due.closed = true;
            self.changed.notify_all();
            std::mem::take(&mut due.actions)
        };
        drop(dropped);
    }

    fn run(&self) {
        loop {
            let action = {
                let mut due = lock(&self.due);
                loop {
                    if due.closed {
                        return;
                    }
                    let now = self.clock.since_1970();
                    match due.actions.peek().map(|Reverse(first)| first.at) {
                        Some(at) if at <= now => break due.actions.pop().map(|Reverse(entry)| entry.action),
                        Some(at) if self.clock.passes() => {
                            // A day at most: some systems cannot wait for ever.
                            let wait = (at - now).min(Duration::from_secs(86_400));
                            due = self
                                .changed
                                .wait_timeout(due, wait)
                                .unwrap_or_else(PoisonError::into_inner)
                                .0;
                        }
                        _ => due = self.changed.wait(due).unwrap_or_else(PoisonError::into_inner),
                    }
                }
            };
            if let Some(action) = action {
                action();
            }
        }
    }
}

impl fmt::Debug for Timer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timer").field("due", &lock(&self.due).actions.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;

    #[test]
    fn actions_are_done_in_the_order_of_their_time_when_the_clock_is_moved() {
        let clock = MiniClock::manual(UNIX_EPOCH);
        let timer = Timer::start(clock.clone()).unwrap();
        let (sender, receiver) = crossbeam_channel::unbounded();
        for seconds in [3, 1, 2] {
            let sender = sender.clone();
            timer.at(Duration::from_secs(seconds), move || sender.send(seconds).unwrap());
        }
        clock.advance(Duration::from_secs(2));
        assert_eq!((receiver.recv(), receiver.recv()), (Ok(1), Ok(2)));
        assert!(receiver.is_empty());
        clock.advance(Duration::from_secs(1));
        assert_eq!(receiver.recv(), Ok(3));
        timer.close();
    }

    #[test]
    fn closing_drops_what_is_not_due() {
        let timer = Timer::start(MiniClock::system()).unwrap();
        let (sender, receiver) = crossbeam_channel::unbounded::<()>();
        timer.at(Duration::MAX, move || sender.send(()).unwrap());
        timer.close();
        assert!(receiver.recv().is_err());
    }
}
