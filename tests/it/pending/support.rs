//! What the tests of handles share.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use flink_client::{Error, ErrorKind, Pending, Runtime};

/// Long enough that only a hang gets there.
pub(crate) const HANG: Duration = Duration::from_secs(60);

/// One thread in each lane: what deadlocks anywhere deadlocks here.
pub(crate) fn narrow() -> Runtime {
    Runtime::builder().io_threads(1).callback_threads(1).build().unwrap()
}

pub(crate) fn thread_name() -> String {
    thread::current().name().unwrap_or("?").to_owned()
}

pub(crate) fn is_callback_thread(name: &str) -> bool {
    name.starts_with("flink-client-cb-")
}

pub(crate) fn gone() -> Error {
    Error::new(ErrorKind::JobNotFound, "gone")
}

/// Runs `test` on a thread of its own and fails if that hangs.
pub(crate) fn within<T: Send + 'static>(limit: Duration, test: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, receiver) = crossbeam_channel::bounded(1);
    let thread = thread::Builder::new()
        .name("caller".into())
        .spawn(move || {
            let _ = sender.send(test());
        })
        .unwrap();
    match receiver.recv_timeout(limit) {
        Ok(value) => value,
        Err(crossbeam_channel::RecvTimeoutError::Timeout) => panic!("hangs"),
        Err(crossbeam_channel::RecvTimeoutError::Disconnected) => match thread.join() {
            Err(payload) => std::panic::resume_unwind(payload),
            Ok(()) => unreachable!("it sends before it ends"),
        },
    }
}

/// Occupies the only callback thread until the returned sender is dropped.
pub(crate) fn occupy(runtime: &Runtime) -> crossbeam_channel::Sender<()> {
    let (release, released) = crossbeam_channel::bounded::<()>(0);
    let (begun_at, begun) = crossbeam_channel::bounded(1);
    // Dropped, so that nobody but the lane can run it.
    drop(runtime.spawn(move || {
        begun_at.send(()).unwrap();
        let _ = released.recv();
        Ok(())
    }));
    begun.recv_timeout(HANG).unwrap();
    release
}

/// Counts how many of its tokens were made and how many have been dropped.
#[derive(Clone, Default)]
pub(crate) struct Tally(Arc<(AtomicUsize, AtomicUsize)>);

/// Must be dropped exactly once; there is no way to copy it.
pub(crate) struct Token(Tally);

impl Tally {
    pub(crate) fn token(&self) -> Token {
        self.0.0.fetch_add(1, Ordering::SeqCst);
        Token(self.clone())
    }

    pub(crate) fn made(&self) -> usize {
        self.0.0.load(Ordering::SeqCst)
    }

    pub(crate) fn dropped(&self) -> usize {
        self.0.1.load(Ordering::SeqCst)
    }

    pub(crate) fn assert_all_dropped(&self, what: &str) {
        assert!(self.made() > 0, "{what}: nothing was counted");
        settle(
            || self.dropped() == self.made(),
            || format!("{what}: {} of {} dropped", self.dropped(), self.made()),
        );
        assert_eq!(self.dropped(), self.made(), "{what}");
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.1.fetch_add(1, Ordering::SeqCst);
    }
}

/// Waits until `condition` holds, which another thread brings about.
pub(crate) fn settle(condition: impl Fn() -> bool, otherwise: impl Fn() -> String) {
    let limit = std::time::Instant::now() + HANG;
    while !condition() {
        assert!(std::time::Instant::now() < limit, "{}", otherwise());
        thread::yield_now();
    }
}

/// A handle that another thread completes when the returned function is called.
pub(crate) fn later<T: Send + 'static>(
    runtime: &Runtime,
    result: Result<T, Error>,
) -> (Pending<T>, impl FnOnce() + use<T>) {
    let (promise, pending) = runtime.promise();
    (pending, move || promise.complete(result))
}
