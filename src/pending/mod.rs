//! [`Pending`]: the handle to a result that is coming.

pub(crate) mod cell;
mod completed;
mod derived;
mod gather;
#[cfg(all(test, loom))]
mod loom_models;
pub(crate) mod node;
mod one;
pub(crate) mod operation;
mod progress;
mod promise;
mod several;
mod timeout;
pub(crate) mod waiter;

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

pub use self::completed::AsCompleted;
pub(crate) use self::derived::spawn;
pub use self::progress::Progress;
pub use self::promise::Promise;
pub(crate) use self::promise::promise as promise_on;
use crate::error::{Error, ErrorKind, Result};
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
/// - **Eager.** The operation starts when it is called, waited for or not; at the latest a millisecond later.
/// - A request runs on a request thread of the [`Runtime`], or on the thread that waits for it, if no other has begun
///   it and a connection is open.
/// - A function given to a combinator runs in one of three places: on the registering thread, at once, if the result
///   is there already (but [`then_queued`](Self::then_queued) never does, nor a recursion that is 16 such functions
///   deep); on the thread that waits for this chain; or on a callback thread. Never on a request thread or the timer,
///   never under a lock of this crate.
/// - A waiting thread runs steps of the chain that it waits for and nothing else. So a callback may call operations
///   and wait for them, at any depth, with one callback thread. Three waits no design can save: waiting for a
///   [`Promise`] that the waiting thread itself should complete, waiting in a function for what comes of that very
///   function, and waiting while holding a lock that a function of the same chain takes.
/// - A function keeps its thread until it ends, a waiting one too. So what is behind a [`timeout`](Self::timeout) is
///   left to the callback threads, unless the waiting thread is one.
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
/// A `Pending` is a [`Future`] and can be awaited under any executor. `wait` blocks its thread. Wakers are called by
/// whichever thread brings the result about, the timer's included, so they must not block. In a callback prefer `wait`
/// to blocking on a future or a channel: only `wait` and [`as_completed`](Self::as_completed) run the functions that
/// the result depends on when no callback thread is free.
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
        match self.block(None, Claims::of_wait()) {
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

    /// How far the operation has come: what it does, for how long, and how the job was when last seen. For a bar, or a
    /// line in a log. Runs nothing, and sends nothing.
    ///
    /// Of a chain it is the operation that the chain waits for now. `None` if the result is there, or if it comes from
    /// elsewhere (a [`Promise`], a function, several handles).
    ///
    /// # Examples
    /// ```
    /// use std::time::Duration;
    /// use flink_client::prelude::*;
    /// # use flink_client::{MiniCluster, MiniClusterConfiguration, MiniJob};
    /// # let cluster = MiniCluster::start(MiniClusterConfiguration::new())?;
    /// # let client = cluster.client();
    /// # let job = cluster.submit(MiniJob::new("short").vertex("source", 1, |task| {
    /// #     task.sleep(Duration::from_millis(20))?;
    /// #     Ok(())
    /// # })).wait()?;
    ///
    /// let mut ending = client.job_result(job);
    /// let result = loop {
    ///     match ending.wait_timeout(Duration::from_millis(5)) {
    ///         Ok(result) => break result?,
    ///         Err(still_going_on) => ending = still_going_on,
    ///     }
    ///     if let Some(progress) = ending.progress() {
    ///         println!("{progress}"); // waiting for the result of job 5f…: polling, 0 s
    ///     }
    /// };
    /// assert!(result.is_success());
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn progress(&self) -> Option<Progress> {
        match &self.repr {
            Some(Repr::Source(source)) if !source.cell().is_full() => {
                let node: Arc<dyn Node> = Arc::clone(source) as _;
                node::subject(&node).map(|operating| operating.progress())
            }
            _ => None,
        }
    }

    pub(crate) fn settled(result: Result<T>) -> Self {
        Self::settled_kept(result, Keep::None)
    }

    /// A result that is there and goes on to have its functions run by the threads that it came from.
    pub(crate) fn settled_kept(result: Result<T>, keep: Keep) -> Self {
        Self { repr: Some(Repr::Ready(result)), keep }
    }

    /// One that knows of no threads goes on with these.
    pub(crate) fn kept_at_least(mut self, keep: Keep) -> Self {
        if matches!(self.keep, Keep::None) {
            self.keep = keep;
        }
        self
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
            waiter::wait_for(node, &waiter, deadline);
        }
        self.take_if_done().ok_or(self)
    }
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
        } else {
            source.core().tell();
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

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn each_runtime_is_kept_once() {
        let runtimes = [(); 3].map(|()| Runtime::builder().build().unwrap());
        let mut keep = Keep::None;
        for i in [0, 1, 0, 2, 1] {
            keep.add(Keep::One(runtimes[i].clone()));
        }
        let Keep::Several(kept) = keep else { panic!("three runtimes are several") };
        assert_eq!(kept.len(), 3);
        assert!(kept.iter().zip(&runtimes).all(|(kept, runtime)| kept.is(runtime)));
    }
}
