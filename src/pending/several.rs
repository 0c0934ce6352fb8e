//! What makes one handle, or an iterator, of several.

use crate::error::{Error, ErrorKind, Result};
use crate::pending::gather::{self, All, AllSettled, Any, First};
use crate::pending::{AsCompleted, Pending};

impl<T: Send + 'static> Pending<T> {
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
        gather::zip(self, other)
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
    /// A waiting thread that has begun a function of one handle hears of the others when that has ended.
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
    /// A waiting thread that has begun a function of one handle hears of the others when that has ended.
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
    /// A thread that waits for the next and has begun a function of one handle hears of the others when that has ended.
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
}

fn nothing_to_wait_for() -> Error {
    Error::new(ErrorKind::InvalidArgument, "of no handles, none can come first")
}
