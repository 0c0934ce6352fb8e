//! The two ends of a handle that library code does not drive: completed by hand, or read from a channel.

use std::fmt;
use std::sync::Arc;

use crossbeam_channel::{Receiver, Sender, bounded};

use crate::error::{Error, ErrorKind, Result};
use crate::pending::cell::Cell;
use crate::pending::node::{
    LetGo, Node, Place, Receive, Requests, Runnable, Source, Sources, Subject, complete, discard, settle,
};
use crate::pending::waiter::Waiter;
use crate::pending::{Keep, Pending, Repr};
use crate::runtime::{Core, Runtime};

/// Completes a [`Pending`], once. Made by [`Pending::promise`].
///
/// Dropping it without completing it completes the handle with [`ErrorKind::Closed`].
///
/// # Examples
/// ```
/// use flink_client::{Pending, Promise};
///
/// /// What answers by other means, and spares itself the work for a handle that is gone.
/// fn answer(promise: Promise<u32>) {
///     if !promise.is_unwanted() {
///         promise.complete(Ok(6 * 7));
///     }
/// }
///
/// let (promise, pending) = Pending::promise();
/// std::thread::spawn(move || answer(promise));
/// assert_eq!(pending.wait()?, 42);
/// # Ok::<(), flink_client::Error>(())
/// ```
#[must_use = "dropping it fails the handle"]
pub struct Promise<T: Send + 'static> {
    held: Option<Arc<Held<T>>>,
    /// Functions may be waiting for the result when all handles are gone; they are not to run here.
    _keep: Runtime,
}

struct Held<T> {
    core: Arc<Core>,
    cell: Cell<T>,
}

pub(crate) fn promise<T: Send + 'static>(runtime: &Runtime) -> (Promise<T>, Pending<T>) {
    let held = Arc::new(Held { core: Arc::clone(runtime.core()), cell: Cell::new() });
    let pending = Pending::from_source(Arc::clone(&held) as _, runtime.clone());
    (Promise { held: Some(held), _keep: runtime.clone() }, pending)
}

impl<T: Send + 'static> Promise<T> {
    /// Completes the handle.
    ///
    /// Functions that continue it run elsewhere: on a callback thread or on the thread that waits for them. If
    /// nobody holds the handle any more, the result is dropped here.
    pub fn complete(mut self, result: Result<T>) {
        if let Some(held) = self.held.take() {
            settle(complete(&held.core, &held.cell, result));
        }
    }

    /// Whether the handle, and everything that continued it, has been dropped.
    pub fn is_unwanted(&self) -> bool {
        self.held.as_ref().is_none_or(|held| held.cell.is_unwanted())
    }
}

impl<T: Send + 'static> Drop for Promise<T> {
    fn drop(&mut self) {
        if let Some(held) = self.held.take() {
            let error = Error::new(ErrorKind::Closed, "the promise was dropped without a result");
            settle(complete(&held.core, &held.cell, Err(error)));
        }
    }
}

impl<T: Send + 'static> fmt::Debug for Promise<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Promise").field("unwanted", &self.is_unwanted()).finish()
    }
}

impl<T: Send + 'static> Node for Held<T> {
    fn place(&self) -> Place {
        Place::Anywhere
    }

    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn run(self: Arc<Self>) -> Option<Runnable> {
        None
    }

    fn enlist(self: Arc<Self>, _waiter: &Arc<Waiter>, _requests: Requests, _sources: &mut Sources) {}

    fn let_go(self: Arc<Self>, _how: LetGo, _sources: &mut Vec<Arc<dyn Node>>) {
        if let Some(result) = self.cell.let_go() {
            discard(&self.core, result);
        }
    }

    fn subject(&self) -> Subject {
        Subject::Unknown
    }
}

impl<T: Send + 'static> Source<T> for Held<T> {
    fn cell(&self) -> &Cell<T> {
        &self.cell
    }
}

/// Sends the outcome into a channel that has room for it.
struct ToChannel<T> {
    core: Arc<Core>,
    sender: Sender<Result<T>>,
    /// A receiver cannot hold the threads that will send to it.
    _keep: Keep,
}

pub(crate) fn into_receiver<T: Send + 'static>(pending: Pending<T>) -> Receiver<Result<T>> {
    let (sender, receiver) = bounded(1);
    // The channel has room for the one message, so sending neither blocks nor fails while `receiver` lives.
    match pending.into_repr() {
        (Repr::Ready(result), _) => {
            let _ = sender.send(result);
        }
        (Repr::Source(source), keep) => {
            let core = Arc::clone(source.core());
            let node = Arc::new(ToChannel { core, sender: sender.clone(), _keep: keep });
            if let Some(result) = source.cell().pass_to(node, 0) {
                let _ = sender.send(result);
            } else {
                source.core().tell();
            }
        }
    }
    receiver
}

impl<T: Send + 'static> Receive<T> for ToChannel<T> {
    fn receive(self: Arc<Self>, _index: usize, outcome: Result<T>) -> Option<Runnable> {
        // Full it cannot be.
        if let Err(unsent) = self.sender.try_send(outcome) {
            discard(&self.core, unsent.into_inner());
        }
        None
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_source_that_goes_without_a_result_fails_what_continues_it() {
        let runtime = Runtime::builder().build().unwrap();
        let held = Arc::new(Held::<u8> { core: Arc::clone(runtime.core()), cell: Cell::new() });
        let pending = Pending::from_source(Arc::clone(&held) as _, runtime);
        let limited = pending.timeout(Duration::from_secs(3600));
        assert!(!limited.is_done());
        drop(held);
        assert!(limited.is_done());
        assert_eq!(limited.wait().unwrap_err().kind(), ErrorKind::Closed);
    }
}
