//! What continues, limits or hands over one handle.

use std::time::Duration;

use crossbeam_channel::Receiver;

use crate::error::{Error, Result};
use crate::panics::{caught, drop_contained};
use crate::pending::derived::{self, Answer};
use crate::pending::node::{LetGo, let_go};
use crate::pending::{Pending, Repr, promise, timeout};

impl<T: Send + 'static> Pending<T> {
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

    /// [`then`](Self::then), but never on the registering thread, even if the result is there already: on a callback
    /// thread, or on the thread that waits for this chain first.
    ///
    /// For a thread that holds a lock which the function takes, or that must not be held up by it.
    ///
    /// # Examples
    /// ```
    /// use std::sync::{Arc, Mutex};
    /// use flink_client::Pending;
    ///
    /// let sum = Arc::new(Mutex::new(0));
    /// let guard = sum.lock().unwrap();
    /// let added = {
    ///     let sum = Arc::clone(&sum);
    ///     Pending::ready(42).then_queued(move |n| {
    ///         let mut sum = sum.lock().unwrap();
    ///         *sum += n;
    ///         Ok(*sum)
    ///     })
    /// };
    /// drop(guard);
    /// assert_eq!(added.wait()?, 42);
    /// # Ok::<(), flink_client::Error>(())
    /// ```
    pub fn then_queued<U, F>(self, function: F) -> Pending<U>
    where
        U: Send + 'static,
        F: FnOnce(T) -> Result<U> + Send + 'static,
    {
        derived::derive_queued(self, |outcome| Answer::Result(outcome.and_then(function)))
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
    /// If the function panics, a success becomes [`ErrorKind::Panicked`](crate::ErrorKind::Panicked); a failure stays what it is.
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
            Answer::Result(match (caught(|| function(&outcome)), outcome) {
                (Err(panicked), Ok(value)) => {
                    drop_contained(value);
                    Err(panicked)
                }
                (Err(panicked), Err(error)) => {
                    log::error!("a function given to inspect panicked: {panicked}");
                    Err(error)
                }
                (Ok(()), outcome) => outcome,
            })
        })
    }

    /// Fails with [`ErrorKind::Timeout`](crate::ErrorKind::Timeout) if there is no result within `limit`.
    ///
    /// What was sent is not undone: the operation may go on in the cluster, only following it stops. The error names
    /// the operation and carries its job and trigger ids, so that it can be taken up again. A function that was
    /// attached before the limit still runs when its outcome comes, so for its sake following goes on.
    ///
    /// The limit is noticed by the timer's thread, which completes the handle but runs no function. A thread that waits
    /// behind a limit runs no function from before it either, so as to be there when it passes: the callback threads do,
    /// and if they are busy for longer than the limit, it passes. Only a callback thread that waits here runs them, and
    /// then may overrun the limit.
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
    /// The receiver gets exactly one message. Dropping it lets nothing go: the operation runs to its end. Waiting at the channel does not run the chain's functions on the waiting
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
}
