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
