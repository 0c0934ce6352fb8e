//! [`Pending`]: the handle to a result that is coming.

pub(crate) mod cell;
mod completed;
mod derived;
mod gather;
pub(crate) mod node;
pub(crate) mod operation;
mod promise;
mod timeout;
pub(crate) mod waiter;

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crossbeam_channel::Receiver;

pub use self::completed::AsCompleted;
pub(crate) use self::derived::spawn;
pub use self::promise::Promise;
use crate::error::{Error, ErrorKind, Result};
use crate::pending::derived::Answer;
use crate::pending::gather::{All, AllSettled, Any, First, Side, Zip};
use crate::pending::node::{LetGo, Node, Source, let_go};
use crate::pending::waiter::{Claims, Waiter};
use crate::runtime::Runtime;

/// A handle to the result of an operation that is already under way.
///
/// Every operation of a client returns one at once. [`wait`](Self::wait) blocks until the result is there; the
/// combinators say what to do with it when it comes. There is one owner, every combinator consumes the handle, and no
/// combinator wraps an error in another.
///
/// # Coming from Java
///
/// | `CompletableFuture` | `Pending` |
/// |---|---|
/// | `get`, `join` | [`wait`](Self::wait) |
/// | `get(timeout)` | [`wait_timeout`](Self::wait_timeout), which hands the handle back |
/// | `getNow`, `isDone` | [`try_wait`](Self::try_wait), [`is_done`](Self::is_done) |
/// | `thenApply`, `thenAccept`, `thenRun` | [`then`](Self::then), [`map`](Self::map) |
/// | `thenCompose` | [`and_then`](Self::and_then) |
/// | `handle` | [`handle`](Self::handle) |
/// | `exceptionally` | [`or_else`](Self::or_else) |
/// | `whenComplete` | [`inspect`](Self::inspect) |
/// | `thenCombine` | [`zip`](Self::zip) |
/// | `allOf`, `anyOf` | [`all`](Self::all) (fails at the first failure), [`all_settled`](Self::all_settled), [`any`](Self::any) (first success), [`first`](Self::first) |
/// | `orTimeout` | [`timeout`](Self::timeout) |
/// | `cancel` | [`cancel`](Self::cancel) |
/// | `complete`, `completeExceptionally` | [`Pending::promise`] |
/// | `completedFuture`, `failedFuture` | [`ready`](Self::ready), [`failed`](Self::failed) |
///
/// # Which thread runs what
///
/// - **Eager.** The operation starts when it is called, waited for or not.
/// - A request runs on a request thread of the [`Runtime`], or on the thread that waits for it, if no other has begun
///   it and a connection is open.
/// - A function given to a combinator runs in one of three places: on the registering thread, at once, if the result
///   is there already; on the thread that waits for this chain; or on a callback thread. Never on a request thread or
///   the timer, never under a lock of this crate.
/// - A waiting thread runs steps of the chain that it waits for and nothing else. So a callback may call operations
///   and wait for them, at any depth, with one callback thread. Two waits no design can save: waiting for a
///   [`Promise`] that the waiting thread itself should complete, and waiting while holding a lock that a function of
///   the same chain takes.
/// - Steps of one chain run in order; nothing is promised across chains.
/// - A function that panics gives [`ErrorKind::Panicked`] with its message, and costs no thread.
///
/// # Dropping
///
/// Dropping a handle leaves the operation to itself: what was asked for is still sent, and functions that were attached
/// still run. Only what nobody can see any more stops: the polling that would have brought the result.
/// [`cancel`](Self::cancel) also keeps back what has not been sent yet. Neither cancels the *job*; that is
/// [`ClusterClient::cancel`](crate::ClusterClient::cancel).
///
/// # In asynchronous programs
///
/// A `Pending` is a [`Future`] and can be awaited under any executor. `wait` blocks its thread.
///
/// # Examples
/// ```
/// use flink_client::{Pending, Runtime};
///
/// let answer = Runtime::shared()
///     .spawn(|| Ok(6))
///     .then(|n| Ok(n * 7))
///     .wait()?;
/// assert_eq!(answer, 42);
/// # Ok::<(), flink_client::Error>(())
/// ```
#[must_use = "dropping it leaves the operation running and its result unseen"]
pub struct Pending<T> {
    repr: Option<Repr<T>>,
    keep: Keep,
}

pub(crate) enum Repr<T> {
    Ready(Result<T>),
    Source(Arc<dyn Source<T>>),
}

/// The runtimes whose threads a handle needs. Nearly always one.
#[derive(Clone, Default)]
pub(crate) enum Keep {
    #[default]
    None,
    One(Runtime),
    Several(Vec<Runtime>),
}

impl<T: Send + 'static> Pending<T> {
    /// A handle whose result is there already.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Pending;
    ///
    /// assert_eq!(Pending::ready(6).then(|n| Ok(n * 7)).wait()?, 42);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn ready(value: T) -> Self {
        Self::settled(Ok(value))
    }

    /// A handle that has failed already.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{Error, ErrorKind, Pending};
    ///
    /// let failed = Pending::<()>::failed(Error::new(ErrorKind::Closed, "gone"));
    /// assert_eq!(failed.wait().unwrap_err().kind(), ErrorKind::Closed);
    /// ```
    pub fn failed(error: Error) -> Self {
        Self::settled(Err(error))
    }

    /// A handle and what completes it: for adapters and tests.
    ///
    /// Completing runs no function on the completing thread. Dropping the [`Promise`] completes the handle with
    /// [`ErrorKind::Closed`], so nobody waits for ever.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{ErrorKind, Pending};
    ///
    /// let (promise, pending) = Pending::promise();
    /// std::thread::spawn(move || promise.complete(Ok("done")));
    /// assert_eq!(pending.wait()?, "done");
    ///
    /// let (promise, pending) = Pending::<()>::promise();
    /// drop(promise);
    /// assert_eq!(pending.wait().unwrap_err().kind(), ErrorKind::Closed);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn promise() -> (Promise<T>, Self) {
        promise::promise(&Runtime::shared())
    }

    /// Blocks until the result is there.
    ///
    /// Runs the chain's own steps on this thread meanwhile, as far as no other thread has begun them.
    ///
    /// # Errors
    /// The operation's own, or that of the function that failed. [`ErrorKind::Closed`] if its client was closed first.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Runtime;
    ///
    /// assert_eq!(Runtime::shared().spawn(|| Ok(42)).wait()?, 42);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn wait(self) -> Result<T> {
        match self.block(None, Claims::Everything) {
            Ok(result) => result,
            Err(_) => Err(Error::new(ErrorKind::Closed, "the result was taken elsewhere")),
        }
    }

    /// Blocks until the result is there or `limit` has passed; then hands the handle back, and the operation goes on.
    ///
    /// Runs no request on this thread, and functions only when this is a callback thread; one that it has begun may
    /// overrun the limit.
    ///
    /// # Errors
    /// The handle itself if the limit has passed.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use flink_client::Pending;
    ///
    /// let (promise, pending) = Pending::promise();
    /// let pending = pending.wait_timeout(Duration::from_millis(1)).expect_err("nothing has come yet");
    /// promise.complete(Ok(42));
    /// assert_eq!(pending.wait_timeout(Duration::from_secs(60)).expect("it is there")?, 42);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn wait_timeout(self, limit: Duration) -> Result<Result<T>, Self> {
        self.wait_deadline(crate::runtime::timer::after(limit))
    }

    /// [`wait_timeout`](Self::wait_timeout) until an instant.
    ///
    /// # Errors
    /// The handle itself if the deadline has passed.
    ///
    /// # Examples
    /// ```
    /// use std::time::Instant;
    /// use flink_client::Pending;
    ///
    /// let (_promise, pending) = Pending::<()>::promise();
    /// assert!(pending.wait_deadline(Instant::now()).is_err());
    /// ```
    pub fn wait_deadline(self, deadline: Instant) -> Result<Result<T>, Self> {
        self.block(Some(deadline), Claims::of_limited_wait())
    }

    /// The result if it is there, else the handle. Runs nothing.
    ///
    /// # Errors
    /// The handle itself if there is no result yet.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Pending;
    ///
    /// let (promise, pending) = Pending::promise();
    /// let pending = pending.try_wait().expect_err("nothing has come yet");
    /// promise.complete(Ok(42));
    /// assert_eq!(pending.try_wait().expect("it is there")?, 42);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn try_wait(mut self) -> Result<Result<T>, Self> {
        self.take_if_done().ok_or(self)
    }

    /// Whether the result is there. Runs nothing.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Pending;
    ///
    /// let (promise, pending) = Pending::promise();
    /// assert!(!pending.is_done());
    /// promise.complete(Ok(42));
    /// assert!(pending.is_done());
    /// # pending.wait().unwrap();
    /// ```
    pub fn is_done(&self) -> bool {
        match &self.repr {
            Some(Repr::Ready(_)) => true,
            Some(Repr::Source(source)) => source.cell().is_full(),
            None => false,
        }
    }

    /// Continues a success with a function that may fail; a failure passes on.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{Error, Pending};
    ///
    /// let port = Pending::ready("8081").then(|text| text.parse::<u16>().map_err(Error::other));
    /// assert_eq!(port.wait()?, 8081);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn then<U, F>(self, function: F) -> Pending<U>
    where
        U: Send + 'static,
        F: FnOnce(T) -> Result<U> + Send + 'static,
    {
        derived::derive(self, |outcome| Answer::Result(outcome.and_then(function)))
    }

    /// Continues a success with a function that cannot fail.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Pending;
    ///
    /// assert_eq!(Pending::ready(vec![1, 2, 3]).map(|list| list.len()).wait()?, 3);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn map<U, F>(self, function: F) -> Pending<U>
    where
        U: Send + 'static,
        F: FnOnce(T) -> U + Send + 'static,
    {
        derived::derive(self, |outcome| Answer::Result(outcome.map(function)))
    }

    /// Changes a failure into another.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{Error, ErrorKind, Pending};
    ///
    /// let failed = Pending::<()>::failed(Error::new(ErrorKind::Closed, "gone"));
    /// let error = failed.map_err(|error| error.with_hint("open it again")).wait().unwrap_err();
    /// assert_eq!(error.to_string(), "gone; open it again");
    /// ```
    pub fn map_err<F>(self, function: F) -> Self
    where
        F: FnOnce(Error) -> Error + Send + 'static,
    {
        derived::derive(self, |outcome| Answer::Result(outcome.map_err(function)))
    }

    /// Continues a success with another operation; a failure passes on. No thread waits for the second.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{Pending, Runtime};
    ///
    /// let sum = Pending::ready(40).and_then(|n| Runtime::shared().spawn(move || Ok(n + 2)));
    /// assert_eq!(sum.wait()?, 42);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn and_then<U, F>(self, function: F) -> Pending<U>
    where
        U: Send + 'static,
        F: FnOnce(T) -> Pending<U> + Send + 'static,
    {
        derived::derive(self, |outcome| match outcome {
            Ok(value) => Answer::Link(function(value)),
            Err(error) => Answer::Result(Err(error)),
        })
    }

    /// Continues either outcome with a function that may fail.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{Error, ErrorKind, Pending};
    ///
    /// let gone = Pending::<u32>::failed(Error::new(ErrorKind::JobNotFound, "no such job"));
    /// let jobs = gone.handle(|outcome| match outcome {
    ///     Err(error) if error.kind() == ErrorKind::JobNotFound => Ok(0),
    ///     other => other,
    /// });
    /// assert_eq!(jobs.wait()?, 0);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn handle<U, F>(self, function: F) -> Pending<U>
    where
        U: Send + 'static,
        F: FnOnce(Result<T>) -> Result<U> + Send + 'static,
    {
        derived::derive(self, |outcome| Answer::Result(function(outcome)))
    }

    /// Continues a failure with a function that may mend it; a success passes on.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{Error, ErrorKind, Pending};
    ///
    /// let failed = Pending::failed(Error::new(ErrorKind::Closed, "gone"));
    /// assert_eq!(failed.or_else(|_| Ok(0)).wait()?, 0);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn or_else<F>(self, function: F) -> Self
    where
        F: FnOnce(Error) -> Result<T> + Send + 'static,
    {
        derived::derive(self, |outcome| Answer::Result(outcome.or_else(function)))
    }

    /// Looks at the outcome and passes it on.
    ///
    /// If the function panics, a success becomes [`ErrorKind::Panicked`]; a failure stays what it is.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Pending;
    ///
    /// let logged = Pending::ready(42).inspect(|outcome| println!("{outcome:?}"));
    /// assert_eq!(logged.wait()?, 42);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn inspect<F>(self, function: F) -> Self
    where
        F: FnOnce(&Result<T>) + Send + 'static,
    {
        derived::derive(self, |outcome| {
            let looked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| function(&outcome)));
            Answer::Result(match (looked, outcome) {
                (Err(payload), Ok(_)) => Err(Error::from_panic(&*payload)),
                (Err(payload), Err(error)) => {
                    log::error!("a function given to inspect panicked: {}", Error::from_panic(&*payload));
                    Err(error)
                }
                (Ok(()), outcome) => outcome,
            })
        })
    }

    /// Both values, or the first failure.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Pending;
    ///
    /// assert_eq!(Pending::ready(6).zip(Pending::ready("seven")).wait()?, (6, "seven"));
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn zip<U: Send + 'static>(self, other: Pending<U>) -> Pending<(T, U)> {
        gather::gather(vec![self.map(Side::Left), other.map(Side::Right)], Zip::new())
    }

    /// All values in the order of the handles; fails at the first failure, and then lets the others go.
    ///
    /// Of nothing: ready, and empty.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{Pending, Runtime};
    ///
    /// let squares = (0..4).map(|n| Runtime::shared().spawn(move || Ok(n * n)));
    /// assert_eq!(Pending::all(squares).wait()?, [0, 1, 4, 9]);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn all(pendings: impl IntoIterator<Item = Self>) -> Pending<Vec<T>> {
        let pendings: Vec<Self> = pendings.into_iter().collect();
        if pendings.is_empty() {
            return Pending::ready(Vec::new());
        }
        let rule = All::new(pendings.len());
        gather::gather(pendings, rule)
    }

    /// Every outcome in the order of the handles. Never fails itself.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{Error, ErrorKind, Pending};
    ///
    /// let outcomes = Pending::all_settled([
    ///     Pending::ready(1),
    ///     Pending::failed(Error::new(ErrorKind::Closed, "gone")),
    /// ]);
    /// assert_eq!(outcomes.wait()?.iter().filter(|outcome| outcome.is_ok()).count(), 1);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn all_settled(pendings: impl IntoIterator<Item = Self>) -> Pending<Vec<Result<T>>> {
        let pendings: Vec<Self> = pendings.into_iter().collect();
        if pendings.is_empty() {
            return Pending::ready(Vec::new());
        }
        let rule = AllSettled(All::new(pendings.len()));
        gather::gather(pendings, rule)
    }

    /// The first success; the others are let go. If all fail, one error that lists them, of the last one's kind.
    ///
    /// Of nothing: an error at once.
    ///
    /// # Examples
    /// ```
    /// use flink_client::{Error, ErrorKind, Pending};
    ///
    /// let one = Pending::any([Pending::failed(Error::new(ErrorKind::Closed, "gone")), Pending::ready(2)]);
    /// assert_eq!(one.wait()?, 2);
    /// assert!(Pending::<()>::any([]).wait().is_err());
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn any(pendings: impl IntoIterator<Item = Self>) -> Self {
        let pendings: Vec<Self> = pendings.into_iter().collect();
        if pendings.is_empty() {
            return Self::failed(nothing_to_wait_for());
        }
        let rule = Any(All::new(pendings.len()));
        gather::gather(pendings, rule)
    }

    /// The first outcome, success or failure; the others are let go.
    ///
    /// Of nothing: an error at once.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Pending;
    ///
    /// let (_promise, never) = Pending::promise();
    /// assert_eq!(Pending::first([never, Pending::ready(2)]).wait()?, 2);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn first(pendings: impl IntoIterator<Item = Self>) -> Self {
        let pendings: Vec<Self> = pendings.into_iter().collect();
        if pendings.is_empty() {
            return Self::failed(nothing_to_wait_for());
        }
        gather::gather(pendings, First)
    }

    /// The outcomes as an iterator, each with the index of its handle, in the order in which they come.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Pending;
    ///
    /// let (promise, late) = Pending::promise();
    /// let mut outcomes = Pending::as_completed([late, Pending::ready("early")]);
    /// assert_eq!(outcomes.next().map(|(index, _)| index), Some(1));
    /// promise.complete(Ok("late"));
    /// assert_eq!(outcomes.next().map(|(index, _)| index), Some(0));
    /// assert!(outcomes.next().is_none());
    /// ```
    pub fn as_completed(pendings: impl IntoIterator<Item = Self>) -> AsCompleted<T> {
        AsCompleted::new(pendings.into_iter().collect())
    }

    /// Fails with [`ErrorKind::Timeout`] if there is no result within `limit`.
    ///
    /// What was sent is not undone: the operation may go on in the cluster, only following it stops. The error names
    /// the operation and carries its job and trigger ids, so that it can be taken up again.
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use flink_client::{ErrorKind, Pending};
    ///
    /// let (_promise, never) = Pending::<()>::promise();
    /// let error = never.timeout(Duration::from_millis(1)).wait().unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Timeout);
    /// ```
    pub fn timeout(self, limit: Duration) -> Self {
        timeout::limit(self, limit)
    }

    /// Stops following the operation: what is queued is not sent, polls and retries stop, functions that have not
    /// begun do not run. What is being sent is left to itself. Never cancels the *job*.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Pending;
    ///
    /// let (promise, pending) = Pending::<()>::promise();
    /// pending.then(|()| -> flink_client::Result<()> { unreachable!("cancelled before") }).cancel();
    /// promise.complete(Ok(()));
    /// ```
    pub fn cancel(mut self) {
        if let Some(Repr::Source(source)) = self.repr.take() {
            let_go(source, LetGo::Cancelled);
        }
    }

    /// The result through a channel of capacity one, for [`crossbeam_channel::select!`].
    ///
    /// The receiver gets exactly one message. Waiting at the channel does not run the chain's functions on the waiting
    /// thread, so in a callback prefer [`wait`](Self::wait) or [`as_completed`](Self::as_completed).
    ///
    /// # Examples
    /// ```
    /// use flink_client::Runtime;
    ///
    /// let answer = Runtime::shared().spawn(|| Ok(42)).into_receiver();
    /// crossbeam_channel::select! {
    ///     recv(answer) -> result => assert_eq!(result.expect("one message")?, 42),
    /// }
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn into_receiver(self) -> Receiver<Result<T>> {
        promise::into_receiver(self)
    }

    pub(crate) fn settled(result: Result<T>) -> Self {
        Self { repr: Some(Repr::Ready(result)), keep: Keep::None }
    }

    pub(crate) fn from_source(source: Arc<dyn Source<T>>, runtime: Runtime) -> Self {
        Self::from_source_kept(source, Keep::One(runtime))
    }

    pub(crate) fn from_source_kept(source: Arc<dyn Source<T>>, keep: Keep) -> Self {
        Self { repr: Some(Repr::Source(source)), keep }
    }

    /// Takes the handle apart without letting its operation go.
    pub(crate) fn into_repr(mut self) -> (Repr<T>, Keep) {
        let repr = self.repr.take().unwrap_or_else(|| Repr::Ready(Err(polled_out())));
        (repr, mem::take(&mut self.keep))
    }

    fn take_if_done(&mut self) -> Option<Result<T>> {
        match self.repr.take() {
            Some(Repr::Ready(result)) => Some(result),
            Some(Repr::Source(source)) => {
                let result = source.cell().take();
                if result.is_none() {
                    self.repr = Some(Repr::Source(source));
                }
                result
            }
            None => Some(Err(polled_out())),
        }
    }

    fn block(mut self, deadline: Option<Instant>, claims: Claims) -> Result<Result<T>, Self> {
        if let Some(result) = self.take_if_done() {
            return Ok(result);
        }
        let Some(Repr::Source(source)) = &self.repr else {
            return Ok(Err(polled_out()));
        };
        let waiter = Waiter::new(claims);
        if source.cell().await_by(&waiter) {
            let node: Arc<dyn Node> = Arc::clone(source) as _;
            if !waiter::wait_for(node, &waiter, deadline) {
                source.cell().hand_back();
            }
        }
        self.take_if_done().ok_or(self)
    }
}

fn nothing_to_wait_for() -> Error {
    Error::new(ErrorKind::InvalidArgument, "of no handles, none can come first")
}

/// A future that is polled after its result was taken; [`Future`] allows anything but harm.
fn polled_out() -> Error {
    Error::new(ErrorKind::Closed, "the result was taken already")
}

impl<T> Drop for Pending<T> {
    fn drop(&mut self) {
        match self.repr.take() {
            Some(Repr::Source(source)) => let_go(source, LetGo::Dropped),
            Some(Repr::Ready(Err(error))) => log::debug!("dropped unseen: {error}"),
            Some(Repr::Ready(Ok(_))) | None => {}
        }
    }
}

/// No part of a result is ever pinned.
impl<T> Unpin for Pending<T> {}

impl<T: Send + 'static> Future for Pending<T> {
    type Output = Result<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<T>> {
        let Some(Repr::Source(source)) = &self.repr else {
            return Poll::Ready(self.take_if_done().unwrap_or_else(|| Err(polled_out())));
        };
        let polled = source.cell().poll(context.waker());
        if polled.is_ready() {
            self.repr = None;
        }
        polled
    }
}

impl<T: Send + 'static> fmt::Debug for Pending<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Pending");
        if self.is_done() {
            debug.field("done", &true);
        } else if let Some(Repr::Source(source)) = &self.repr {
            let node: Arc<dyn Node> = Arc::clone(source) as _;
            match node::subject(&node) {
                Some(operating) => debug.field("operation", &operating),
                None => debug.field("done", &false),
            };
        }
        debug.finish_non_exhaustive()
    }
}

impl Keep {
    pub(crate) fn first(&self) -> Option<&Runtime> {
        match self {
            Self::None => None,
            Self::One(runtime) => Some(runtime),
            Self::Several(runtimes) => runtimes.first(),
        }
    }

    pub(crate) fn add(&mut self, other: Self) {
        let others = match other {
            Self::None => return,
            Self::One(runtime) => vec![runtime],
            Self::Several(runtimes) => runtimes,
        };
        for runtime in others {
            match self {
                Self::None => *self = Self::One(runtime),
                Self::One(known) if known.is(&runtime) => {}
                Self::One(known) => *self = Self::Several(vec![known.clone(), runtime]),
                Self::Several(known) => {
                    if !known.iter().any(|known| known.is(&runtime)) {
                        known.push(runtime);
                    }
                }
            }
        }
    }
}
