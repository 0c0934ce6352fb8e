//! The one-shot: a result that is written once and taken once, and whoever is to get it.
//!
//! # The protocol
//! One mutex guards two things: the outcome (`Empty`, then `Full`, then `Gone`) and the taker, who is the only
//! consumer that a handle can have at a time: the handle itself, a thread that waits, a task's waker, or the node
//! that continues the chain. Every transition happens under the lock and only says what is to be done after it:
//! waking, continuing and dropping all happen unlocked, because a waker's or a value's code may be the caller's and
//! may come back to this very cell.
//!
//! The first completion wins. A second one (close racing with the answer) gets its value back for the discard. Letting
//! go is final: a node that registers itself afterwards (it was being told its sources while another decided) is not
//! kept. A cell that is dropped empty completes its continuation with `Closed`, whoever lost it.

use std::mem;
use std::sync::{Arc, PoisonError};
use std::task::{Poll, Waker};

use crate::error::{Error, ErrorKind, Result};
use crate::panics::caught;
use crate::pending::node::{Receive, Runnable, settle};
use crate::pending::waiter::Waiter;
use crate::sync::{Mutex, lock};

pub(crate) struct Cell<T> {
    state: Mutex<State<T>>,
}

struct State<T> {
    outcome: Outcome<T>,
    taker: Taker<T>,
}

enum Outcome<T> {
    Empty,
    Full(Result<T>),
    /// Passed on, taken, or refused because nobody wants it.
    Gone,
}

enum Taker<T> {
    /// The handle, which will come and look.
    Handle,
    Waiter(Arc<Waiter>),
    Waker(Waker),
    /// The continuation, and which of its sources this is.
    Next(Arc<dyn Receive<T>>, usize),
    Nobody,
}

/// What a completion leaves to do.
pub(crate) enum Completed<T> {
    /// Stored, and whoever waits has been woken.
    Stored,
    /// Passed on; this can run now.
    Passed(Option<Runnable>),
    /// Nobody wants the value, or the cell was completed before.
    Unwanted(Result<T>),
}

impl<T> Cell<T> {
    pub(crate) fn new() -> Self {
        Self { state: Mutex::new(State { outcome: Outcome::Empty, taker: Taker::Handle }) }
    }

    /// Writes the result, unless one is there already.
    pub(crate) fn complete(&self, result: Result<T>) -> Completed<T> {
        let mut state = lock(&self.state);
        if !matches!(state.outcome, Outcome::Empty) {
            return Completed::Unwanted(result);
        }
        match mem::replace(&mut state.taker, Taker::Handle) {
            Taker::Handle => {
                state.outcome = Outcome::Full(result);
                Completed::Stored
            }
            Taker::Waiter(waiter) => {
                state.outcome = Outcome::Full(result);
                drop(state);
                waiter.finish();
                Completed::Stored
            }
            Taker::Waker(waker) => {
                state.outcome = Outcome::Full(result);
                drop(state);
                if let Err(error) = caught(|| waker.wake()) {
                    log::error!("a waker panicked: {error}");
                }
                Completed::Stored
            }
            Taker::Next(node, index) => {
                state.outcome = Outcome::Gone;
                drop(state);
                Completed::Passed(node.receive(index, result))
            }
            Taker::Nobody => {
                state.outcome = Outcome::Gone;
                Completed::Unwanted(result)
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        matches!(lock(&self.state).outcome, Outcome::Full(_))
    }

    /// Whether a result would find nobody.
    pub(crate) fn is_unwanted(&self) -> bool {
        matches!(lock(&self.state).taker, Taker::Nobody)
    }

    pub(crate) fn take(&self) -> Option<Result<T>> {
        lock(&self.state).take()
    }

    /// Takes the result, or else makes `waker` the one to wake for it.
    pub(crate) fn poll(&self, waker: &Waker) -> Poll<Result<T>> {
        {
            let mut state = lock(&self.state);
            if let Some(result) = state.take() {
                return Poll::Ready(result);
            }
            if matches!(&state.taker, Taker::Waker(known) if known.will_wake(waker)) {
                return Poll::Pending;
            }
        }
        // Cloning a waker is an executor's code.
        let new = Taker::Waker(waker.clone());
        let mut state = lock(&self.state);
        if let Some(result) = state.take() {
            drop(state);
            return Poll::Ready(result);
        }
        let old = mem::replace(&mut state.taker, new);
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// Makes `waiter` the one to wake; false if the result is there already. One that leaves before stays registered:
    /// to finish it then does nothing.
    pub(crate) fn await_by(&self, waiter: &Arc<Waiter>) -> bool {
        let mut state = lock(&self.state);
        if !matches!(state.outcome, Outcome::Empty) {
            return false;
        }
        let old = mem::replace(&mut state.taker, Taker::Waiter(Arc::clone(waiter)));
        drop(state);
        drop(old);
        true
    }

    /// Takes the result, or else makes `node` the one to get it as its source number `index`.
    pub(crate) fn pass_to(&self, node: Arc<dyn Receive<T>>, index: usize) -> Option<Result<T>> {
        let mut state = lock(&self.state);
        if let Some(result) = state.take() {
            return Some(result);
        }
        if matches!(state.taker, Taker::Nobody) {
            return None;
        }
        let old = mem::replace(&mut state.taker, Taker::Next(node, index));
        drop(state);
        drop(old);
        None
    }

    /// Nobody will come for the result. Returns it if it is there.
    pub(crate) fn let_go(&self) -> Option<Result<T>> {
        let mut state = lock(&self.state);
        let result = state.take();
        let old = mem::replace(&mut state.taker, Taker::Nobody);
        drop(state);
        drop(old);
        result
    }
}

impl<T> Drop for Cell<T> {
    /// Only a continuation can be left here: a handle, a waiter and a waker's handle would have kept the cell.
    fn drop(&mut self) {
        let state = self.state.get_mut().unwrap_or_else(PoisonError::into_inner);
        if let (Outcome::Empty, Taker::Next(..)) = (&state.outcome, &state.taker) {
            let lost = Error::new(ErrorKind::Closed, "its runtime was shut down before there was a result");
            if let Completed::Passed(next) = self.complete(Err(lost)) {
                settle(next);
            }
        }
    }
}

impl<T> State<T> {
    fn take(&mut self) -> Option<Result<T>> {
        match mem::replace(&mut self.outcome, Outcome::Gone) {
            Outcome::Full(result) => Some(result),
            other => {
                self.outcome = other;
                None
            }
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    struct Takes;

    impl Receive<u8> for Takes {
        fn receive(self: Arc<Self>, _index: usize, _outcome: Result<u8>) -> Option<Runnable> {
            None
        }
    }

    #[test]
    fn a_second_completion_gets_its_result_back_whoever_had_the_first() {
        type Arrange = (&'static str, fn(&Cell<u8>));
        let takers: [Arrange; 4] = [
            ("the handle", |_| ()),
            ("a waker", |cell| assert!(cell.poll(Waker::noop()).is_pending())),
            ("a continuation", |cell| assert!(cell.pass_to(Arc::new(Takes), 0).is_none())),
            ("nobody", |cell| assert!(cell.let_go().is_none())),
        ];
        for (taker, arrange) in takers {
            let cell = Cell::new();
            arrange(&cell);
            let _first = cell.complete(Ok(1));
            assert!(matches!(cell.complete(Ok(2)), Completed::Unwanted(Ok(2))), "{taker}");
        }
    }
}
