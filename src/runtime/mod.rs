//! The threads behind every handle: a request lane, a callback lane and a timer.

pub(crate) mod lane;
pub(crate) mod slots;
pub(crate) mod timer;

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use crossbeam_channel::RecvTimeoutError;

use crate::error::{Error, ErrorKind, Result};
use crate::panics::drop_contained;
use crate::pending::node::{LetGo, Node, Place, Requests, Runnable, Sources, Subject};
use crate::pending::waiter::Waiter;
use crate::pending::{Pending, Promise};
use crate::runtime::lane::Lane;
use crate::runtime::slots::Slots;
use crate::runtime::timer::{Sleep, Timer};
use crate::sync::{Mutex, lock};

thread_local! {
    static PLACE: Cell<Option<Place>> = const { Cell::new(None) };
}

/// Which lane the current thread serves, if any.
pub(crate) fn current_place() -> Option<Place> {
    PLACE.get()
}

pub(crate) fn enter_place(place: Place) {
    PLACE.set(Some(place));
}

/// The threads that run operations and callbacks: two lanes and a timer.
///
/// All clients of a process share one runtime, [`Runtime::shared`], unless they are given their own; so a client
/// costs no threads. Threads start when there is work for them and no earlier:
///
/// | threads | by default | run |
/// |---|---|---|
/// | `flink-client-io-N` | up to 4 | requests, and decoding their answers; never a function of yours |
/// | `flink-client-cb-N` | up to 2 | your functions: `then`, `and_then`, `handle`, … |
/// | `flink-client-timer` | 1 | delays of retries, polls and limits |
///
/// A thread that waits for a handle does that handle's own work when no thread has begun it, so even one thread in
/// each lane cannot deadlock, however deeply callbacks wait for operations.
///
/// Cloning is cheap and names the same runtime. When the last clone, client and handle of a runtime other than the
/// shared one is gone, its threads finish what is queued, and are joined: for at most a second, since one may be in a
/// function of yours that takes longer, and not at all if that last one goes on such a thread; they end by themselves
/// then. Operations that nobody holds any more and that wait for a delay end with [`ErrorKind::Closed`]. A child made
/// by `fork` has none of these threads; start a new runtime there.
///
/// # Examples
/// ```
/// use flink_client::Runtime;
///
/// let runtime = Runtime::builder().io_threads(8).callback_threads(1).build()?;
/// let answer = runtime.spawn(|| Ok(6 * 7)).then(|n| Ok(n.to_string()));
/// assert_eq!(answer.wait()?, "42");
/// # Ok::<(), flink_client::Error>(())
/// ```
#[derive(Clone)]
pub struct Runtime(Arc<Owner>);

/// Whoever holds this keeps the threads; steps that are queued or running hold only the [`Core`].
struct Owner {
    core: Arc<Core>,
}

/// How long the drop of a runtime's last user waits for its threads. They are idle, as a rule; but one may be in a
/// function of the caller's that never ends, or wants a lock which the dropping thread holds.
const JOIN_LIMIT: Duration = Duration::from_secs(1);

impl Drop for Owner {
    /// Ends the threads from a thread of its own, because the last user may go on one of theirs, and joins that within
    /// [`JOIN_LIMIT`]. A library thread does not wait at all: what it would wait for may be waiting for it.
    fn drop(&mut self) {
        if !self.core.has_threads() {
            return self.core.shut_down();
        }
        let core = Arc::clone(&self.core);
        let (running, ended) = crossbeam_channel::bounded::<()>(0);
        let end = move || {
            core.shut_down();
            drop(running);
        };
        match thread::Builder::new().name("flink-client-end".into()).spawn(end) {
            Ok(handle) if current_place().is_none() => {
                if ended.recv_timeout(JOIN_LIMIT) == Err(RecvTimeoutError::Disconnected) {
                    let _ = handle.join();
                }
            }
            Ok(_) => {}
            Err(error) => {
                log::error!("cannot start thread flink-client-end: {error}");
                self.core.shut_down();
            }
        }
    }
}

pub(crate) struct Core {
    io: Arc<Lane>,
    callbacks: Arc<Lane>,
    timer: Arc<Timer>,
    io_threads: usize,
    uploads: Arc<Slots>,
}

static SHARED: OnceLock<Runtime> = OnceLock::new();

impl Runtime {
    /// Sizes for a runtime of one's own.
    pub fn builder() -> RuntimeBuilder {
        RuntimeBuilder::default()
    }

    /// The runtime that everything uses which is not given another.
    ///
    /// Made when first asked for, with the default sizes unless [`RuntimeBuilder::build_shared`] came first.
    pub fn shared() -> Self {
        SHARED.get_or_init(|| RuntimeBuilder::default().make()).clone()
    }

    /// The number of request threads at most.
    pub fn io_threads(&self) -> usize {
        self.0.core.io_threads
    }

    /// Runs a function of yours on a callback thread, or on the thread that waits for it first.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Runtime;
    ///
    /// let read = Runtime::shared().spawn(|| std::fs::read("Cargo.toml").map_err(flink_client::Error::other));
    /// assert!(!read.wait()?.is_empty());
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn spawn<T, F>(&self, function: F) -> Pending<T>
    where
        T: Send + 'static,
        F: FnOnce() -> Result<T> + Send + 'static,
    {
        crate::pending::spawn(self, function)
    }

    /// [`Pending::promise`], with the functions that continue the handle on this runtime's callback threads.
    ///
    /// # Examples
    /// ```
    /// use flink_client::Runtime;
    ///
    /// let runtime = Runtime::builder().callback_threads(1).build()?;
    /// let (promise, pending) = runtime.promise();
    /// let doubled = pending.then(|n: u32| Ok(n * 2));
    /// promise.complete(Ok(21));
    /// assert_eq!(doubled.wait()?, 42);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn promise<T: Send + 'static>(&self) -> (Promise<T>, Pending<T>) {
        crate::pending::promise_on(self)
    }

    pub(crate) fn core(&self) -> &Arc<Core> {
        &self.0.core
    }

    /// For models: whatever is queued stays there until the model takes it.
    #[cfg(all(test, loom))]
    pub(crate) fn without_threads() -> Self {
        RuntimeBuilder { io_threads: 0, callback_threads: 0, stack_size: None }.make()
    }

    /// Whether both name the same threads.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("io_threads", &self.0.core.io_threads)
            .field("delays", &self.0.core.timer.len())
            .finish_non_exhaustive()
    }
}

/// Sizes of a [`Runtime`].
#[derive(Clone, Debug)]
#[must_use]
pub struct RuntimeBuilder {
    io_threads: usize,
    callback_threads: usize,
    stack_size: Option<usize>,
}

impl Default for RuntimeBuilder {
    fn default() -> Self {
        Self { io_threads: 4, callback_threads: 2, stack_size: None }
    }
}

impl RuntimeBuilder {
    /// How many requests can be under way at once, at most. Defaults to 4.
    ///
    /// An operation that waits for its next poll or retry holds no thread, so few are enough.
    pub fn io_threads(mut self, threads: usize) -> Self {
        self.io_threads = threads;
        self
    }

    /// How many callbacks can run at once, at most, besides those that waiting threads run. Defaults to 2.
    pub fn callback_threads(mut self, threads: usize) -> Self {
        self.callback_threads = threads;
        self
    }

    /// How many bytes of stack each request and callback thread has. Defaults to the standard library's choice, 2 MiB
    /// unless `RUST_MIN_STACK` says otherwise. Your functions run on these stacks; this crate itself needs 64 KiB.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// A runtime of its own; its threads start when first needed.
    ///
    /// # Errors
    /// [`ErrorKind::InvalidArgument`] if a lane would have no thread.
    pub fn build(self) -> Result<Runtime> {
        for (lane, threads) in [("io_threads", self.io_threads), ("callback_threads", self.callback_threads)]
        {
            if NonZeroUsize::new(threads).is_none() {
                return Err(Error::new(
                    ErrorKind::InvalidArgument,
                    format!("{lane} is 0, but a runtime needs at least one thread in each lane"),
                ));
            }
        }
        Ok(self.make())
    }

    /// Makes the shared runtime of this size. Only the first use of the shared runtime can decide that.
    ///
    /// # Errors
    /// As [`build`](Self::build), and [`ErrorKind::InvalidArgument`] if the shared runtime exists already.
    pub fn build_shared(self) -> Result<Runtime> {
        let runtime = self.build()?;
        SHARED.set(runtime.clone()).map_err(|_| {
            Error::new(
                ErrorKind::InvalidArgument,
                "the shared runtime is in use already; size it before the first call",
            )
        })?;
        Ok(runtime)
    }

    fn make(self) -> Runtime {
        Runtime(Arc::new(Owner { core: Core::new(self.io_threads, self.callback_threads, self.stack_size) }))
    }
}

impl Core {
    pub(crate) fn new(io_threads: usize, callback_threads: usize, stack: Option<usize>) -> Arc<Self> {
        Arc::new(Self {
            io: Arc::new(Lane::new(Place::Io, "flink-client-io", io_threads, stack)),
            callbacks: Arc::new(Lane::new(Place::Callbacks, "flink-client-cb", callback_threads, stack)),
            timer: Arc::new(Timer::new()),
            io_threads,
            uploads: Slots::new(io_threads.saturating_sub(1).max(1)),
        })
    }

    pub(crate) fn timer(&self) -> &Arc<Timer> {
        &self.timer
    }

    /// Uploads that may hold a request thread at once: one thread is left for everything else, if there are several.
    pub(crate) fn uploads(&self) -> &Arc<Slots> {
        &self.uploads
    }

    pub(crate) fn sleep(&self, delay: Duration) -> Sleep {
        Sleep::new(&self.timer, delay)
    }

    /// Queues a step that another step or a delay has resumed or made runnable.
    pub(crate) fn push(self: &Arc<Self>, node: Arc<dyn Node>) {
        self.queue(node, true);
    }

    /// Queues a step that begins an operation.
    pub(crate) fn push_fresh(self: &Arc<Self>, node: Arc<dyn Node>) {
        self.queue(node, false);
    }

    fn queue(self: &Arc<Self>, node: Arc<dyn Node>, resumed: bool) {
        self.lane(node.place()).push(node, resumed);
    }

    fn lane(&self, place: Place) -> &Arc<Lane> {
        match place {
            Place::Io => &self.io,
            Place::Callbacks => &self.callbacks,
            // Runs on any thread; one that may be blocked for long is the wrong one, so: a request thread.
            Place::Anywhere => &self.io,
        }
    }

    /// The thread that waits for `node` is about to run it.
    pub(crate) fn withdraw(&self, node: &Arc<dyn Node>) {
        self.lane(node.place()).withdraw(node);
    }

    /// Somebody waits for a step of this place that has just begun.
    pub(crate) fn came_late(&self, place: Place) {
        self.lane(place).came_late();
    }

    /// Somebody wants a result without running what it needs: the lanes are to do that at once.
    pub(crate) fn tell(&self) {
        self.io.tell();
        self.callbacks.tell();
    }

    /// Drops `value` on a thread where its `Drop` may block or wait.
    pub(crate) fn discard<T: Send + 'static>(self: &Arc<Self>, value: T) {
        let here = !matches!(current_place(), Some(Place::Io)) || !std::mem::needs_drop::<T>();
        if here {
            drop_contained(value);
        } else {
            self.push(Arc::new(Discard { core: Arc::clone(self), value: Mutex::new(Some(value)) }));
        }
    }

    fn has_threads(&self) -> bool {
        self.io.has_threads() || self.callbacks.has_threads() || self.timer.has_thread()
    }

    /// The lanes are closed after what feeds them, so that nothing that is queued is lost: the timer, whose dropped
    /// entries complete their operations with `Closed`, then requests, then callbacks.
    fn shut_down(&self) {
        self.timer.shut_down();
        self.io.shut_down();
        self.callbacks.shut_down();
    }

    #[cfg(all(test, loom))]
    pub(crate) fn lanes(&self) -> [&Arc<Lane>; 2] {
        [&self.io, &self.callbacks]
    }
}

/// A value on its way to be dropped on the callback lane.
struct Discard<T> {
    core: Arc<Core>,
    value: Mutex<Option<T>>,
}

impl<T: Send> Node for Discard<T> {
    fn place(&self) -> Place {
        Place::Callbacks
    }

    fn core(&self) -> &Arc<Core> {
        &self.core
    }

    fn run(self: Arc<Self>) -> Option<Runnable> {
        let value = lock(&self.value).take();
        drop_contained(value);
        None
    }

    fn enlist(self: Arc<Self>, _waiter: &Arc<Waiter>, _requests: Requests, _sources: &mut Sources) {}

    fn let_go(self: Arc<Self>, _how: LetGo, _sources: &mut Vec<Arc<dyn Node>>) {}

    fn subject(&self) -> Subject {
        Subject::Unknown
    }
}
