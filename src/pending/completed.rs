//! Several handles as an iterator, in the order in which they complete.

use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;

use crate::error::Result;
use crate::pending::node::{LetGo, Node, Receive, Requests, Runnable, enlist, let_go};
use crate::pending::waiter::{Claims, Waiter};
use crate::pending::{Keep, Pending, Repr};
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

struct Inbox<T> {
    outcomes: Mutex<VecDeque<(usize, Result<T>)>>,
    waiter: Arc<Waiter>,
}

impl<T: Send + 'static> AsCompleted<T> {
    pub(crate) fn new(pendings: Vec<Pending<T>>) -> Self {
        // Requests are left to the request lane: this thread is to hear of whichever comes first. Functions it must
        // be able to run, since it may be the only callback thread.
        let inbox =
            Arc::new(Inbox { outcomes: Mutex::new(VecDeque::new()), waiter: Waiter::new(Claims::Functions) });
        let mut completed = Self {
            inbox,
            sources: Vec::with_capacity(pendings.len()),
            left: pendings.len(),
            _keep: Keep::None,
        };
        for (index, pending) in pendings.into_iter().enumerate() {
            let (repr, keep) = pending.into_repr();
            completed._keep.add(keep);
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
            let next = lock(&self.inbox.outcomes).pop_front();
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
        for source in self.sources.drain(..).flatten() {
            let_go(source, LetGo::Dropped);
        }
    }
}

impl<T: Send + 'static> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsCompleted").field("left", &self.left).finish_non_exhaustive()
    }
}

impl<T> Inbox<T> {
    fn put(&self, index: usize, outcome: Result<T>) {
        lock(&self.outcomes).push_back((index, outcome));
        self.waiter.finish();
    }
}

impl<T: Send + 'static> Receive<T> for Inbox<T> {
    fn receive(self: Arc<Self>, index: usize, outcome: Result<T>) -> Option<Runnable> {
        self.put(index, outcome);
        None
    }
}
