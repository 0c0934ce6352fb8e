//! How many may do something at once; the others wait without a thread.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::sync::{Mutex, lock};

/// Keeps long uploads from taking every request thread, so that polls and cancels go on beside them.
///
/// Who gives a slot back wakes the one that waits longest; who is woken and gone meanwhile passes it on by dropping.
pub(crate) struct Slots {
    state: Mutex<State>,
}

struct State {
    free: usize,
    waiting: VecDeque<(u64, Waker)>,
    numbered: u64,
}

/// A slot taken. Dropping it gives it back.
pub(crate) struct Slot(Arc<Slots>);

pub(crate) struct Enter {
    slots: Arc<Slots>,
    /// Its place in the queue once it waits.
    number: Option<u64>,
}

impl Slots {
    pub(crate) fn new(slots: usize) -> Arc<Self> {
        Arc::new(Self { state: Mutex::new(State { free: slots, waiting: VecDeque::new(), numbered: 0 }) })
    }

    /// Waits for a slot.
    pub(crate) fn enter(self: &Arc<Self>) -> Enter {
        Enter { slots: Arc::clone(self), number: None }
    }

    fn wake_next(&self) {
        let next = {
            let mut state = lock(&self.state);
            if state.free == 0 { None } else { state.waiting.pop_front() }
        };
        if let Some((_, waker)) = next {
            waker.wake();
        }
    }
}

impl Future for Enter {
    type Output = Slot;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Slot> {
        let slots = Arc::clone(&self.slots);
        let mut state = lock(&slots.state);
        if let Some(number) = self.number.take() {
            state.waiting.retain(|(waiting, _)| *waiting != number);
        }
        if state.free > 0 {
            state.free -= 1;
            drop(state);
            return Poll::Ready(Slot(slots));
        }
        state.numbered += 1;
        let number = state.numbered;
        state.waiting.push_back((number, context.waker().clone()));
        self.number = Some(number);
        Poll::Pending
    }
}

impl Drop for Enter {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let gone = {
            let mut state = lock(&self.slots.state);
            let place = state.waiting.iter().position(|(waiting, _)| *waiting == number);
            place.and_then(|place| state.waiting.remove(place))
        };
        // Not in the queue any more: it was woken for a slot that it will not take.
        if gone.is_none() {
            self.slots.wake_next();
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        lock(&self.0.state).free += 1;
        self.0.wake_next();
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// A task that wants a slot.
    struct Task {
        enter: Enter,
        woken: Arc<Woken>,
    }

    impl Task {
        fn of(slots: &Arc<Slots>) -> Self {
            Self { enter: slots.enter(), woken: Arc::default() }
        }

        fn poll(&mut self) -> Option<Slot> {
            let waker = Waker::from(Arc::clone(&self.woken));
            match Pin::new(&mut self.enter).poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(slot) => Some(slot),
                Poll::Pending => None,
            }
        }

        fn woken(&self) -> usize {
            self.woken.0.load(Ordering::SeqCst)
        }
    }

    /// The slot of the one that has it, and two that wait for it.
    fn taken() -> (Slot, Task, Task) {
        let slots = Slots::new(1);
        let slot = Task::of(&slots).poll().expect("it is free");
        let (mut first, mut second) = (Task::of(&slots), Task::of(&slots));
        assert!(first.poll().is_none() && second.poll().is_none());
        (slot, first, second)
    }

    #[test]
    fn a_slot_goes_to_the_one_that_waits_longest() {
        let (slot, mut first, mut second) = taken();
        drop(slot);
        assert_eq!((first.woken(), second.woken()), (1, 0));
        let slot = first.poll().expect("it was woken for it");
        assert!(second.poll().is_none());
        drop(slot);
        assert_eq!((first.woken(), second.woken()), (1, 1));
        assert!(second.poll().is_some());
    }

    #[test]
    fn who_is_woken_and_gone_passes_the_slot_on() {
        let (slot, first, mut second) = taken();
        drop(slot);
        drop(first);
        assert_eq!(second.woken(), 1);
        assert!(second.poll().is_some());
    }

    #[test]
    fn who_goes_before_it_is_woken_leaves_the_queue() {
        let (slot, first, mut second) = taken();
        drop(first);
        assert_eq!(second.woken(), 0);
        drop(slot);
        assert_eq!(second.woken(), 1);
        assert!(second.poll().is_some());
    }

    #[test]
    fn who_is_polled_again_waits_once() {
        let (slot, mut first, second) = taken();
        assert!(first.poll().is_none());
        assert_eq!(Arc::strong_count(&first.woken), 2);
        drop(slot);
        // Behind the other now, which came before its last poll.
        assert_eq!((first.woken(), second.woken()), (0, 1));
    }
}
