//! Which slot of which TaskManager is whose.

use crate::ids::JobId;

/// A slot: its TaskManager and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SlotId {
    pub(crate) task_manager: usize,
    pub(crate) number: usize,
}

/// The slots of all TaskManagers. A job has all the slots that it needs, or none.
#[derive(Debug)]
pub(crate) struct Slots {
    owners: Vec<Vec<Option<JobId>>>,
}

impl Slots {
    pub(crate) fn new(task_managers: usize, each: usize) -> Self {
        Self { owners: vec![vec![None; each]; task_managers] }
    }

    pub(crate) fn total(&self) -> usize {
        self.owners.iter().map(Vec::len).sum()
    }

    pub(crate) fn free(&self) -> usize {
        (0..self.owners.len()).map(|task_manager| self.free_of(task_manager)).sum()
    }

    pub(crate) fn free_of(&self, task_manager: usize) -> usize {
        self.owners.get(task_manager).map_or(0, |slots| slots.iter().filter(|owner| owner.is_none()).count())
    }

    /// The jobs that have slots of a TaskManager, once for each slot.
    pub(crate) fn owners_of(&self, task_manager: usize) -> impl Iterator<Item = JobId> {
        self.owners.get(task_manager).into_iter().flatten().copied().flatten()
    }

    /// Gives `job` so many free slots, spread over as few TaskManagers as come first; `None` if there are too few.
    pub(crate) fn allocate(&mut self, job: JobId, wanted: usize) -> Option<Vec<SlotId>> {
        if self.free() < wanted {
            return None;
        }
        let mut taken = Vec::with_capacity(wanted);
        for (task_manager, slots) in self.owners.iter_mut().enumerate() {
            for (number, owner) in slots.iter_mut().enumerate() {
                if taken.len() < wanted && owner.is_none() {
                    *owner = Some(job);
                    taken.push(SlotId { task_manager, number });
                }
            }
        }
        Some(taken)
    }

    /// Frees all slots of `job`; none is fine.
    pub(crate) fn release(&mut self, job: JobId) {
        for owner in self.owners.iter_mut().flatten() {
            if *owner == Some(job) {
                *owner = None;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn slots_are_neither_lost_nor_given_twice(
            each in 1usize..5,
            task_managers in 0usize..4,
            steps in proptest::collection::vec((0u8..6, 0usize..7), 0..60),
        ) {
            let mut slots = Slots::new(task_managers, each);
            let mut held = BTreeMap::<u8, Vec<SlotId>>::new();
            for (job, wanted) in steps {
                let id = JobId::from_bytes([job; 16]);
                if held.remove(&job).is_some() {
                    slots.release(id);
                } else {
                    let free = slots.free();
                    match slots.allocate(id, wanted) {
                        Some(taken) => {
                            prop_assert_eq!(taken.len(), wanted);
                            held.insert(job, taken);
                        }
                        None => prop_assert!(free < wanted),
                    }
                }
                let mut all: Vec<_> = held.values().flatten().copied().collect();
                prop_assert_eq!(slots.free() + all.len(), slots.total());
                all.sort_unstable();
                all.dedup();
                prop_assert_eq!(slots.free() + all.len(), slots.total());
            }
        }
    }
}
