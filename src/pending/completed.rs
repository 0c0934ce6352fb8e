//! Several handles as an iterator, in the order in which they complete.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::panics::drop_contained;
use crate::pending::node::{LetGo, Node, Receive, Requests, Runnable, discard, enlist, let_go};
use crate::pending::waiter::{Claims, Waiter};
use crate::pending::{Keep, Pending, Repr};
use crate::runtime::Core;
use crate::sync::{Mutex, lock};

/// The outcomes of several handles, each with its index, in the order in which they come.
///
/// Made by [`Pending::as_completed`]. `next` blocks until one more has come; the iterator ends when all have.
/// Dropping it lets the remaining handles go, as dropping each would.
#[must_use = "dropping it leaves the operations running and their outcomes unseen"]
pub struct AsCompleted<T: Send + 'static> {
    inbox: Arc<Inbox<T>>,
    sources: Vec<Option<Arc<dyn Node>>>,
    left: usize,
    _keep: Keep,
}

type Outcomes<T> = VecDeque<(usize, Result<T>)>;

struct Inbox<T> {
    /// `None` when the iterator is gone.
    outcomes: Mutex<Option<Outcomes<T>>>,
    waiter: Arc<Waiter>,
    /// Where what nobody will take is dropped; none if all outcomes were there from the start.
    core: Option<Arc<Core>>,
}

impl<T: Send + 'static> AsCompleted<T> {
    pub(crate) fn new(pendings: Vec<Pending<T>>) -> Self {
        // Requests are left to the request lane: this thread is to hear of whichever comes first. Functions it must
        // be able to run, since it may be the only callback thread.
        let mut keep = Keep::None;
        let mut parts = Vec::with_capacity(pendings.len());
        for pending in pendings {
            let (repr, kept) = pending.into_repr();
            keep.add(kept);
            parts.push(repr);
        }
        let inbox = Arc::new(Inbox {
            outcomes: Mutex::new(Some(VecDeque::new())),
            waiter: Waiter::new(Claims::Functions),
            core: keep.first().map(|runtime| Arc::clone(runtime.core())),
        });
        let mut completed =
            Self { inbox, sources: Vec::with_capacity(parts.len()), left: parts.len(), _keep: keep };
        for (index, repr) in parts.into_iter().enumerate() {
            let source = match repr {
                Repr::Ready(outcome) => {
                    completed.inbox.put(index, outcome);
                    None
                }
                Repr::Source(source) => match source.cell().pass_to(Arc::clone(&completed.inbox) as _, index)
                {
                    Some(outcome) => {
                        completed.inbox.put(index, outcome);
                        None
                    }
                    None => Some(source as Arc<dyn Node>),
                },
            };
            if let Some(node) = &source {
                enlist(Arc::clone(node), &completed.inbox.waiter, Requests::Leave);
            }
            completed.sources.push(source);
        }
        completed
    }
}

impl<T: Send + 'static> Iterator for AsCompleted<T> {
    type Item = (usize, Result<T>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.left == 0 {
            return None;
        }
        loop {
            let next = lock(&self.inbox.outcomes).as_mut().and_then(VecDeque::pop_front);
            if let Some((index, outcome)) = next {
                self.left -= 1;
                self.sources[index] = None;
                return Some((index, outcome));
            }
            self.inbox.waiter.run_until(None, true);
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<T: Send + 'static> ExactSizeIterator for AsCompleted<T> {}

impl<T: Send + 'static> std::iter::FusedIterator for AsCompleted<T> {}

impl<T: Send + 'static> Drop for AsCompleted<T> {
    fn drop(&mut self) {
        self.inbox.waiter.retire();
        let unseen = lock(&self.inbox.outcomes).take();
        for source in self.sources.drain(..).flatten() {
            let_go(source, LetGo::Dropped);
        }
        drop_contained(unseen);
    }
}

impl<T: Send + 'static> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Inbox<T> {
    fn put(&self, index: usize, outcome: Result<T>) {
        let mut outcomes = lock(&self.outcomes);
        if let Some(outcomes) = &mut *outcomes {
            outcomes.push_back((index, outcome));
        } else {
            drop(outcomes);
            if let Some(core) = &self.core {
                discard(core, outcome);
            }
            return;
        }
        drop(outcomes);
        self.waiter.finish();
    }
}

impl<T: Send + 'static> Receive<T> for Inbox<T> {
    fn receive(self: Arc<Self>, index: usize, outcome: Result<T>) -> Option<Runnable> {
        self.put(index, outcome);
        None
    }
}
