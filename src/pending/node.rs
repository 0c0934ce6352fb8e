//! A chain of work is made of nodes: what each can be asked, and how what becomes runnable gets run.
//!
//! A node owns the cell of its result. It points forward (its cell owns the continuation) and, weakly, backward (to
//! the sources that it waits for), so a chain has no cycle, and a source that nobody can complete any more drops and
//! completes its continuation with `Closed`: a chain never hangs on a lost completer.
//!
//! Nothing here recurses along a chain. Completing a node returns what that made runnable, and a loop runs or queues
//! it ([`settle`]); walks (enlisting a waiter, letting go) keep a stack on the heap.

use std::sync::{Arc, Weak};

use crate::error::Result;
use crate::panics::{caught, drop_contained};
use crate::pending::cell::{Cell, Completed};
use crate::pending::operation::Operating;
use crate::pending::waiter::Waiter;
use crate::runtime::Core;

/// Where a node's step may run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The request lane: library code that may block on the network, never on a handle.
    Io,
    /// The callback lane: the caller's functions.
    Callbacks,
    /// Whichever thread comes: library code that neither blocks nor runs a caller's function.
    Anywhere,
}

pub(crate) trait Node: Send + Sync {
    fn place(&self) -> Place;

    fn core(&self) -> &Arc<Core>;

    /// Runs the step if it is runnable and nobody has claimed it, and returns what that made runnable.
    fn run(self: Arc<Self>) -> Option<Runnable>;

    /// Makes `waiter` this node's helper: it is offered the step when that becomes runnable, or now if it is. Adds
    /// the sources that are still waited for.
    fn enlist(self: Arc<Self>, waiter: &Arc<Waiter>, requests: Requests, sources: &mut Sources);

    /// Nobody will see the result. Adds the sources that served nothing else.
    fn let_go(self: Arc<Self>, how: LetGo, sources: &mut Vec<Arc<dyn Node>>);

    /// What the chain is about, as far as this node knows.
    fn subject(&self) -> Subject;
}

/// The sources to go on with, each with what may be claimed there.
pub(crate) type Sources = Vec<(Arc<dyn Node>, Requests)>;

/// Whether a waiting thread may run the requests it meets. Not behind a limit or a choice among several: a thread that
/// is busy with one stalled request would notice neither the limit nor the other's result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Requests {
    Claim,
    Leave,
}

/// What a chain is about, for errors and `Debug`.
pub(crate) enum Subject {
    Operation(Arc<Operating>),
    /// Whatever the source is about.
    Of(Weak<dyn Node>),
    Unknown,
}

/// A node with a result of type `T`, as a handle holds it.
pub(crate) trait Source<T>: Node {
    fn cell(&self) -> &Cell<T>;
}

/// A node that continues others.
pub(crate) trait Receive<T>: Send + Sync {
    /// Takes the outcome of source number `index`; returns itself if that makes it runnable. Stores only: nothing of
    /// the caller's runs here.
    fn receive(self: Arc<Self>, index: usize, outcome: Result<T>) -> Option<Runnable>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LetGo {
    /// What acts on the cluster still acts; what only follows stops.
    Dropped,
    /// Whatever has not begun does not begin.
    Cancelled,
}

/// A node whose step can run, and the thread that waits for its chain, if one does.
pub(crate) struct Runnable {
    pub(crate) node: Arc<dyn Node>,
    pub(crate) helper: Option<Arc<Waiter>>,
}

impl Runnable {
    /// Gives the step to the thread that waits for it, if that is idle, else to its lane (and to both, if the waiter
    /// is busy with another step of its chain: whoever comes first claims it).
    pub(crate) fn schedule(self) {
        let taken = self.helper.is_some_and(|helper| helper.offer(&self.node));
        if !taken {
            Core::push(&Arc::clone(self.node.core()), self.node);
        }
    }
}

/// Runs what can run anywhere and queues the rest, until nothing more became runnable.
pub(crate) fn settle(mut next: Option<Runnable>) {
    while let Some(runnable) = next {
        next = if runnable.node.place() == Place::Anywhere {
            run(runnable.node)
        } else {
            runnable.schedule();
            None
        };
    }
}

/// Completes `cell` and returns what that made runnable.
pub(crate) fn complete<T: Send + 'static>(
    core: &Arc<Core>,
    cell: &Cell<T>,
    result: Result<T>,
) -> Option<Runnable> {
    match cell.complete(result) {
        Completed::Stored => None,
        Completed::Passed(next) => next,
        Completed::Unwanted(result) => {
            discard(core, result);
            None
        }
    }
}

/// Runs a step. What can panic in it (a caller's function, a waker, the `Drop` of a caller's value) is caught where it
/// is called, so that the step still does the rest of its work; what is caught here is a mistake of this crate's, and
/// must not cost the thread either.
pub(crate) fn run(node: Arc<dyn Node>) -> Option<Runnable> {
    caught(|| node.run()).unwrap_or_else(|error| {
        log::error!("a step panicked: {error}");
        None
    })
}

/// Drops a result that nobody wants where its `Drop`, which may be the caller's code, is allowed to run.
pub(crate) fn discard<T: Send + 'static>(core: &Arc<Core>, result: Result<T>) {
    match result {
        Ok(value) => core.discard(value),
        Err(error) => {
            log::debug!("dropped unseen: {error}");
            // What caused it may be a caller's value.
            drop_contained(error);
        }
    }
}

/// Runs `node` and whatever follows from it on this thread, whatever lane it belongs to: there are no threads left.
pub(crate) fn settle_here(node: Arc<dyn Node>) {
    let mut next = run(node);
    while let Some(runnable) = next {
        next = run(runnable.node);
    }
}

/// Enlists `waiter` at `node` and all that it waits for.
pub(crate) fn enlist(node: Arc<dyn Node>, waiter: &Arc<Waiter>, requests: Requests) {
    let mut stack = vec![(node, requests)];
    while let Some((node, requests)) = stack.pop() {
        node.enlist(waiter, requests, &mut stack);
    }
}

/// What the chain that ends in `node` is about.
pub(crate) fn subject(node: &Arc<dyn Node>) -> Option<Arc<Operating>> {
    let mut subject = node.subject();
    loop {
        match subject {
            Subject::Operation(operating) => return Some(operating),
            Subject::Of(source) => subject = source.upgrade()?.subject(),
            Subject::Unknown => return None,
        }
    }
}

/// Lets go of `node` and of all that served only it.
pub(crate) fn let_go(node: Arc<dyn Node>, how: LetGo) {
    let mut stack = vec![node];
    while let Some(node) = stack.pop() {
        node.let_go(how, &mut stack);
    }
}
