//! A thread that waits for a chain, and runs that chain's own steps meanwhile.
//!
//! # The protocol
//! The waiter enlists itself at every node of the chain, then loops: run what was offered, look whether the result is
//! there, park. A node that becomes runnable offers its step to its helper. While the helper is parked the offer is
//! exclusive (nobody else needs waking); while it is busy the step also goes to its lane, so that a chain with
//! several branches uses the pool. It looks a few times before it parks, and is busy until then. Leaving (a passed limit) happens under the same lock as offering: what was offered
//! and not run goes to the lanes, and later offers are refused. So a step is never lost, and running it twice is
//! impossible because `Node::run` claims.
//!
//! Only steps of the waiter's own chain ever get here. A foreign step could want a lock that this thread holds, or
//! nest waits without end.

use std::collections::VecDeque;
use std::mem;
use std::sync::Arc;
use std::time::Instant;

use crate::pending::node::{Node, Place, Requests, enlist, run, settle};
use crate::runtime::{Core, current_place};
use crate::sync::{Condvar, LOOKS, Mutex, MutexGuard, lock, look_again, wait};

pub(crate) struct Waiter {
    claims: Claims,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    offered: VecDeque<Offer>,
    phase: Phase,
    finished: bool,
}

struct Offer {
    node: Arc<dyn Node>,
    /// No lane has it.
    only_here: bool,
}

#[derive(PartialEq)]
enum Phase {
    Busy,
    Parked,
    Left,
}

/// What a waiting thread may run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claims {
    /// An unlimited wait on a callback thread: requests and functions.
    Everything,
    /// An unlimited wait elsewhere: the same, but nothing that is behind a limit. A thread that is busy with it would
    /// not notice the limit, and the lanes can run it; if they are too busy, the limit passes.
    Unlimited,
    /// A limited wait on a callback thread: functions, which could otherwise never start. No request: cutting one
    /// at the caller's limit would change the operation.
    Functions,
    /// A limited wait elsewhere.
    Nothing,
}

impl Claims {
    pub(crate) fn of_wait() -> Self {
        if current_place() == Some(Place::Callbacks) { Self::Everything } else { Self::Unlimited }
    }

    pub(crate) fn of_limited_wait() -> Self {
        if current_place() == Some(Place::Callbacks) { Self::Functions } else { Self::Nothing }
    }
}

impl Waiter {
    pub(crate) fn new(claims: Claims) -> Arc<Self> {
        let state = State { offered: VecDeque::new(), phase: Phase::Busy, finished: false };
        Arc::new(Self { claims, state: Mutex::new(state), changed: Condvar::new() })
    }

    pub(crate) fn accepts_requests(&self) -> bool {
        matches!(self.claims, Claims::Everything | Claims::Unlimited)
    }

    /// Whether it runs what is behind a limit.
    pub(crate) fn accepts_limited(&self) -> bool {
        self.claims != Claims::Unlimited
    }

    /// Offers a runnable step; true if it needs to go nowhere else.
    pub(crate) fn offer(&self, node: &Arc<dyn Node>) -> bool {
        let mut state = lock(&self.state);
        if state.phase == Phase::Left {
            return false;
        }
        let only_here = state.phase == Phase::Parked && state.offered.is_empty();
        state.offered.push_back(Offer { node: Arc::clone(node), only_here });
        self.wake(state);
        only_here
    }

    /// The result that is waited for is there.
    pub(crate) fn finish(&self) {
        let mut state = lock(&self.state);
        state.finished = true;
        self.wake(state);
    }

    /// Waking costs a call of the system even if nobody sleeps, and often the thread that has run a step is the waiting
    /// one. One that is not parked looks at its state before it parks.
    fn wake(&self, state: MutexGuard<'_, State>) {
        let parked = state.phase == Phase::Parked;
        drop(state);
        if parked {
            self.changed.notify_one();
        }
    }

    /// Runs what is offered until a result is there (true) or `deadline` has passed (false). `stay` if the waiter will
    /// come back for more results; then [`retire`](Self::retire) must end it.
    pub(crate) fn run_until(&self, deadline: Option<Instant>, stay: bool) -> bool {
        debug_assert_ne!(current_place(), Some(Place::Io), "the request lane never waits for a handle");
        let mut state = lock(&self.state);
        let mut looks = LOOKS;
        loop {
            if state.finished {
                state.finished = false;
                self.leave(state, if stay { Phase::Busy } else { Phase::Left });
                return true;
            }
            if let Some(offer) = state.offered.pop_front() {
                state.phase = Phase::Busy;
                drop(state);
                if !offer.only_here {
                    offer.node.core().withdraw(&offer.node);
                }
                self.run_chain(offer.node);
                state = lock(&self.state);
                looks = LOOKS;
                continue;
            }
            if looks > 0 {
                looks -= 1;
                state = look_again(&self.state, state);
                continue;
            }
            state.phase = Phase::Parked;
            match deadline {
                None => state = wait(&self.changed, state),
                Some(deadline) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        self.leave(state, Phase::Left);
                        return false;
                    }
                    state = wait_limited(&self.changed, state, left);
                }
            }
        }
    }

    /// Ends a waiter that stayed.
    pub(crate) fn retire(&self) {
        self.leave(lock(&self.state), Phase::Left);
    }

    /// Gives to the lanes what they do not have yet. A waiter that stays is `Busy` while it is away: offers go to the
    /// lanes, so that work goes on, and also here, so that a caller who is the only callback thread finds them when it
    /// waits again. One that has left keeps nothing, or nodes and waiter would hold each other for ever.
    fn leave(&self, mut state: MutexGuard<'_, State>, phase: Phase) {
        let left = phase == Phase::Left;
        state.phase = phase;
        let mut unqueued = Vec::new();
        for offer in &mut state.offered {
            if mem::take(&mut offer.only_here) {
                unqueued.push(Arc::clone(&offer.node));
            }
        }
        let forgotten = if left { mem::take(&mut state.offered) } else { VecDeque::new() };
        drop(state);
        drop(forgotten);
        for node in unqueued {
            Core::push(&Arc::clone(node.core()), node);
        }
    }

    /// Runs a step and what it makes runnable, as long as that belongs to this chain.
    fn run_chain(&self, node: Arc<dyn Node>) {
        let mut next = run(node);
        while let Some(runnable) = next {
            let own = runnable.helper.as_ref().is_some_and(|helper| std::ptr::eq(&**helper, self));
            let claims = match runnable.node.place() {
                Place::Io => false,
                Place::Callbacks => own,
                Place::Anywhere => true,
            };
            next = if claims {
                run(runnable.node)
            } else {
                settle(Some(runnable));
                None
            };
        }
    }
}

#[cfg(not(loom))]
fn wait_limited<'a>(
    condvar: &Condvar,
    guard: MutexGuard<'a, State>,
    limit: std::time::Duration,
) -> MutexGuard<'a, State> {
    condvar.wait_timeout(guard, limit).unwrap_or_else(std::sync::PoisonError::into_inner).0
}

/// Time does not pass in a model: limited waits are tested on real threads.
#[cfg(loom)]
fn wait_limited<'a>(
    condvar: &Condvar,
    guard: MutexGuard<'a, State>,
    _limit: std::time::Duration,
) -> MutexGuard<'a, State> {
    wait(condvar, guard)
}

/// Waits for `node`, whose cell has made `waiter` its taker.
pub(crate) fn wait_for(node: Arc<dyn Node>, waiter: &Arc<Waiter>, deadline: Option<Instant>) {
    if waiter.claims == Claims::Nothing {
        node.core().tell();
    } else {
        enlist(node, waiter, Requests::Claim);
    }
    waiter.run_until(deadline, false);
}
