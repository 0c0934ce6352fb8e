//! Operations that go on after their trigger: followed by trigger id, done once, remembered for a while.

use std::collections::BTreeMap;

use super::Answer;
use super::exception::JavaException;
use crate::ids::{JobId, TriggerId};
use crate::pending::Promise;

/// Flink keeps savepoints and stops in one space of ids, for each job.
pub(crate) type JobKey = (JobId, TriggerId);

#[derive(Default)]
pub(crate) struct Operations {
    pub(crate) savepoints: Store<JobKey, String>,
    pub(crate) checkpoints: Store<JobKey, u64>,
    pub(crate) disposals: Store<TriggerId, ()>,
    pub(crate) data_sets: Store<TriggerId, ()>,
}

impl Operations {
    /// Whether there is an outcome, or will be one, that nobody has been told.
    pub(crate) fn have_untold(&self) -> bool {
        self.savepoints.has_untold()
            || self.checkpoints.has_untold()
            || self.disposals.has_untold()
            || self.data_sets.has_untold()
    }
}

/// The operations of one kind.
pub(crate) struct Store<K, T: Send + 'static> {
    operations: BTreeMap<K, Operation<T>>,
}

struct Operation<T: Send + 'static> {
    outcome: Option<(Answer<T>, i64)>,
    /// Whether anybody has been told the outcome.
    told: bool,
    waiting: Vec<Promise<Answer<T>>>,
}

impl<K, T: Send + 'static> Default for Store<K, T> {
    fn default() -> Self {
        Self { operations: BTreeMap::new() }
    }
}

/// How long an operation is remembered after its end; `None`: as long as the cluster lives.
pub(crate) type Kept = Option<i64>;

impl<K: Ord + Copy, T: Clone + Send + 'static> Store<K, T> {
    /// Whether `key` is new: an operation that is known, going on or not, is not done again.
    pub(crate) fn begin(&mut self, key: K, now: i64, kept: Kept) -> bool {
        self.forget(now, kept);
        let known = self.operations.contains_key(&key);
        self.operations.entry(key).or_insert_with(|| Operation {
            outcome: None,
            told: false,
            waiting: Vec::new(),
        });
        !known
    }

    /// Keeps the outcome, and tells those who wait for it.
    pub(crate) fn end(&mut self, key: K, outcome: Answer<T>, now: i64) {
        let Some(operation) = self.operations.get_mut(&key) else { return };
        if operation.outcome.is_some() {
            return;
        }
        for promise in operation.waiting.drain(..) {
            operation.told = true;
            promise.complete(Ok(outcome.clone()));
        }
        operation.outcome = Some((outcome, now));
    }

    /// The outcome so far: `None` if the operation is not known, `Some(None)` while it goes on.
    pub(crate) fn look(&mut self, key: K, now: i64, kept: Kept) -> Option<Option<Answer<T>>> {
        self.forget(now, kept);
        let operation = self.operations.get_mut(&key)?;
        operation.told = operation.outcome.is_some();
        Some(operation.outcome.as_ref().map(|(outcome, _)| outcome.clone()))
    }

    /// Completes `promise` when the operation ends; at once if it has, or is not known.
    pub(crate) fn wait(
        &mut self,
        key: K,
        promise: Promise<Answer<T>>,
        unknown: impl FnOnce() -> JavaException,
    ) {
        match self.operations.get_mut(&key) {
            None => promise.complete(Ok(Err(unknown()))),
            Some(Operation { outcome: Some((outcome, _)), told, .. }) => {
                *told = true;
                promise.complete(Ok(outcome.clone()));
            }
            Some(operation) => operation.waiting.push(promise),
        }
    }

    /// Whether there is an outcome, or will be one, that nobody has been told.
    fn has_untold(&self) -> bool {
        self.operations.values().any(|operation| !operation.told)
    }

    fn forget(&mut self, now: i64, kept: Kept) {
        let Some(kept) = kept else { return };
        self.operations.retain(|_, operation| match &operation.outcome {
            Some((_, ended)) => now.saturating_sub(*ended) < kept,
            None => true,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: TriggerId = TriggerId::from_bytes([1; 16]);

    #[test]
    fn a_key_is_good_for_one_operation_until_its_outcome_is_forgotten() {
        let mut store = Store::<TriggerId, u8>::default();
        let kept = Some(20);
        assert!(store.begin(KEY, 0, kept));
        assert!(!store.begin(KEY, 1_000, kept), "it goes on, however long");
        assert_eq!(store.look(KEY, 1_000, kept), Some(None));
        store.end(KEY, Err(JavaException::new("a.B", "no")), 1_000);
        store.end(KEY, Ok(7), 1_001);
        assert!(!store.begin(KEY, 1_019, kept), "a failed one is used up too");
        assert!(store.look(KEY, 1_019, kept).flatten().unwrap().is_err());
        assert_eq!(store.look(KEY, 1_020, kept), None, "looking does not prolong it");
        assert!(store.begin(KEY, 1_020, kept));
    }

    #[test]
    fn an_outcome_is_untold_until_somebody_has_looked_or_waited() {
        let mut store = Store::<TriggerId, u8>::default();
        assert!(!store.has_untold());
        store.begin(KEY, 0, None);
        assert_eq!(store.look(KEY, 0, None), Some(None));
        assert!(store.has_untold(), "it goes on");
        store.end(KEY, Ok(7), 1);
        assert!(store.has_untold());
        store.look(KEY, 2, None);
        assert!(!store.has_untold());
        let other = TriggerId::from_bytes([2; 16]);
        store.begin(other, 0, None);
        let (promise, _told) = crate::Pending::promise();
        store.wait(other, promise, || unreachable!());
        assert!(store.has_untold());
        store.end(other, Ok(7), 1);
        assert!(!store.has_untold());
    }

    #[test]
    fn who_waits_is_told() {
        let mut store = Store::<TriggerId, u8>::default();
        store.begin(KEY, 0, None);
        let (first, told) = crate::Pending::promise();
        store.wait(KEY, first, || unreachable!());
        store.end(KEY, Ok(7), 1);
        assert_eq!(told.wait().unwrap(), Ok(7));
        let (second, told) = crate::Pending::promise();
        store.wait(KEY, second, || unreachable!());
        assert_eq!(told.wait().unwrap(), Ok(7));
        let (stray, told) = crate::Pending::promise();
        store.wait(TriggerId::from_bytes([2; 16]), stray, || JavaException::new("a.B", "no"));
        assert!(told.wait().unwrap().is_err());
    }
}
