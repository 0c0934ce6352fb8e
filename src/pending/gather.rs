//! Several handles made one: `all`, `all_settled`, `any`, `first`, `zip`.
//!
//! # The protocol
//! Outcomes arrive by `receive` in any order and go to the rule, under the lock; the rule only stores. When it has
//! decided, the decision waits as `decided` until a step of this node, on whichever thread, lets the other sources go
//! and completes the result. Later outcomes are discarded.

use std::marker::PhantomData;
use std::sync::{Arc, Weak};

use crate::error::Result;
use crate::pending::cell::Cell;
use crate::pending::node::{
    LetGo, Node, Place, Receive, Requests, Runnable, Source, Sources, Subject, complete, discard, let_go,
    settle,
};
use crate::pending::waiter::Waiter;
use crate::pending::{Keep, Pending, Repr};
use crate::runtime::{Core, Runtime};
use crate::sync::{Mutex, lock};

/// Stores the outcome of one source; decides when it knows enough.
pub(crate) trait Rule<T, U>: Send {
    fn take(&mut self, index: usize, outcome: Result<T>) -> Option<Result<U>>;
}

struct Gather<T, U, R> {
    core: Arc<Core>,
    cell: Cell<U>,
    state: Mutex<State<T, U, R>>,
}

struct State<T, U, R> {
    rule: Option<R>,
    sources: Vec<Weak<dyn Node>>,
    decided: Option<Result<U>>,
    _takes: PhantomData<fn(T)>,
}

/// Joins `pendings` by `rule`. There is at least one.
pub(crate) fn gather<T, U, R>(pendings: Vec<Pending<T>>, rule: R) -> Pending<U>
where
    T: Send + 'static,
    U: Send + 'static,
    R: Rule<T, U> + 'static,
{
    let mut keep = Keep::None;
    let mut parts: Vec<Repr<T>> = Vec::with_capacity(pendings.len());
    for pending in pendings {
        let (repr, kept) = pending.into_repr();
        keep.add(kept);
        parts.push(repr);
    }
    let gather = Gather::of(&keep, rule, parts.iter().filter_map(node_of).collect());
    for (index, part) in parts.into_iter().enumerate() {
        gather.follow(part, index, |gather| gather);
    }
    Pending::from_source_kept(gather, keep)
}

/// Joins two handles of different types.
pub(crate) fn zip<A: Send + 'static, B: Send + 'static>(
    left: Pending<A>,
    right: Pending<B>,
) -> Pending<(A, B)> {
    let (left, mut keep) = left.into_repr();
    let (right, kept) = right.into_repr();
    keep.add(kept);
    let sources = node_of(&left).into_iter().chain(node_of(&right)).collect();
    let gather = Gather::of(&keep, Zip { left: None, right: None }, sources);
    gather.follow(left, 0, |gather| Arc::new(Sided { gather, side: Side::Left }));
    gather.follow(right, 1, |gather| Arc::new(Sided { gather, side: Side::Right }));
    Pending::from_source_kept(gather, keep)
}

fn node_of<T: Send + 'static>(part: &Repr<T>) -> Option<Weak<dyn Node>> {
    let Repr::Source(source) = part else { return None };
    let node: Arc<dyn Node> = Arc::clone(source) as _;
    Some(Arc::downgrade(&node))
}

impl<T, U, R> Gather<T, U, R>
where
    T: Send + 'static,
    U: Send + 'static,
    R: Rule<T, U> + 'static,
{
    fn of(keep: &Keep, rule: R, sources: Vec<Weak<dyn Node>>) -> Arc<Self> {
        let runtime = keep.first().cloned().unwrap_or_else(Runtime::shared);
        Arc::new(Self {
            core: Arc::clone(runtime.core()),
            cell: Cell::new(),
            state: Mutex::new(State { rule: Some(rule), sources, decided: None, _takes: PhantomData }),
        })
    }

    /// Has the outcome of `part` delivered to what `receiver` makes of this node: now if it is there, else when it
    /// comes.
    fn follow<S, N>(self: &Arc<Self>, part: Repr<S>, index: usize, receiver: impl FnOnce(Arc<Self>) -> Arc<N>)
    where
        S: Send + 'static,
        N: Receive<S> + 'static,
    {
        let receiver = receiver(Arc::clone(self));
        let outcome = match part {
            Repr::Ready(outcome) => Some(outcome),
            Repr::Source(source) => source.cell().pass_to(Arc::clone(&receiver) as _, index),
        };
        if let Some(outcome) = outcome {
            settle(receiver.receive(index, outcome));
        }
    }
}

impl<T, U, R> Node for Gather<T, U, R>
where
    T: Send + 'static,
    U: Send + 'static,
    R: Rule<T, U> + 'static,
{
    fn place(&self) -> Place {
        Place::Anywhere
    }

    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn run(self: Arc<Self>) -> Option<Runnable> {
        let (result, sources) = {
            let mut state = lock(&self.state);
            (state.decided.take()?, std::mem::take(&mut state.sources))
        };
        for source in sources.iter().filter_map(Weak::upgrade) {
            let_go(source, LetGo::Dropped);
        }
        complete(&self.core, &self.cell, result)
    }

    fn enlist(self: Arc<Self>, _waiter: &Arc<Waiter>, _requests: Requests, sources: &mut Sources) {
        let state = lock(&self.state);
        sources
            .extend(state.sources.iter().filter_map(Weak::upgrade).map(|source| (source, Requests::Leave)));
    }

    fn let_go(self: Arc<Self>, _how: LetGo, sources: &mut Vec<Arc<dyn Node>>) {
        if let Some(result) = self.cell.let_go() {
            discard(&self.core, result);
            return;
        }
        let mut state = lock(&self.state);
        let rule = state.rule.take();
        sources.extend(state.sources.drain(..).filter_map(|source| source.upgrade()));
        drop(state);
        self.core.discard(rule);
    }

    fn subject(&self) -> Subject {
        Subject::Unknown
    }
}

impl<T, U, R> Source<U> for Gather<T, U, R>
where
    T: Send + 'static,
    U: Send + 'static,
    R: Rule<T, U> + 'static,
{
    fn cell(&self) -> &Cell<U> {
        &self.cell
    }
}

impl<T, U, R> Receive<T> for Gather<T, U, R>
where
    T: Send + 'static,
    U: Send + 'static,
    R: Rule<T, U> + 'static,
{
    fn receive(self: Arc<Self>, index: usize, outcome: Result<T>) -> Option<Runnable> {
        let mut state = lock(&self.state);
        let Some(rule) = &mut state.rule else {
            drop(state);
            discard(&self.core, outcome);
            return None;
        };
        let decided = rule.take(index, outcome)?;
        state.decided = Some(decided);
        let rule = state.rule.take();
        drop(state);
        // It may still hold values of sources that came before the decision.
        self.core.discard(rule);
        Some(Runnable { node: self, helper: None })
    }
}

/// Values in the order of the sources; fails at the first failure.
pub(crate) struct All<T> {
    slots: Vec<Option<T>>,
    missing: usize,
}

impl<T> All<T> {
    pub(crate) fn new(sources: usize) -> Self {
        Self { slots: (0..sources).map(|_| None).collect(), missing: sources }
    }

    fn put(&mut self, index: usize, value: T) -> Option<Vec<T>> {
        self.slots[index] = Some(value);
        self.missing -= 1;
        (self.missing == 0).then(|| self.slots.drain(..).flatten().collect())
    }
}

impl<T: Send> Rule<T, Vec<T>> for All<T> {
    fn take(&mut self, index: usize, outcome: Result<T>) -> Option<Result<Vec<T>>> {
        match outcome {
            Ok(value) => self.put(index, value).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }
}

/// Every outcome, in the order of the sources.
pub(crate) struct AllSettled<T>(pub(crate) All<Result<T>>);

impl<T: Send> Rule<T, Vec<Result<T>>> for AllSettled<T> {
    fn take(&mut self, index: usize, outcome: Result<T>) -> Option<Result<Vec<Result<T>>>> {
        self.0.put(index, outcome).map(Ok)
    }
}

/// The first success, or the failures of all.
pub(crate) struct Any(pub(crate) All<crate::error::Error>);

impl<T: Send> Rule<T, T> for Any {
    fn take(&mut self, index: usize, outcome: Result<T>) -> Option<Result<T>> {
        let error = match outcome {
            Ok(value) => return Some(Ok(value)),
            Err(error) => error,
        };
        self.0.slots[index] = Some(error);
        self.0.missing -= 1;
        if self.0.missing > 0 {
            return None;
        }
        let listed: Vec<String> = self.0.slots.iter().flatten().map(ToString::to_string).collect();
        // The others are dropped with the rule, after the lock.
        let last = self.0.slots.pop()??;
        let message = format!("all {} failed: {}", listed.len(), listed.join("; "));
        Some(Err(crate::error::Error::new(last.kind(), message).with_source(last)))
    }
}

/// The first outcome, whatever it is.
pub(crate) struct First;

impl<T: Send> Rule<T, T> for First {
    fn take(&mut self, _index: usize, outcome: Result<T>) -> Option<Result<T>> {
        Some(outcome)
    }
}

/// The outcomes of two handles of different types, as one type.
enum Side<A, B> {
    Left(A),
    Right(B),
}

struct Zip<A, B> {
    left: Option<A>,
    right: Option<B>,
}

impl<A: Send, B: Send> Rule<Side<A, B>, (A, B)> for Zip<A, B> {
    fn take(&mut self, _index: usize, outcome: Result<Side<A, B>>) -> Option<Result<(A, B)>> {
        match outcome {
            Ok(Side::Left(value)) => self.left = Some(value),
            Ok(Side::Right(value)) => self.right = Some(value),
            Err(error) => return Some(Err(error)),
        }
        match (self.left.take(), self.right.take()) {
            (Some(left), Some(right)) => Some(Ok((left, right))),
            (left, right) => {
                (self.left, self.right) = (left, right);
                None
            }
        }
    }
}

type Zipped<A, B> = Gather<Side<A, B>, (A, B), Zip<A, B>>;

/// Says which side an outcome is of, on its way into a [`Zip`].
struct Sided<A, B, S> {
    gather: Arc<Zipped<A, B>>,
    side: fn(S) -> Side<A, B>,
}

impl<A: Send + 'static, B: Send + 'static, S: Send + 'static> Receive<S> for Sided<A, B, S> {
    fn receive(self: Arc<Self>, index: usize, outcome: Result<S>) -> Option<Runnable> {
        Arc::clone(&self.gather).receive(index, outcome.map(self.side))
    }
}
