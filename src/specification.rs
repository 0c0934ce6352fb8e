//! How large a cluster is to be.

use crate::config::{Configuration, MemorySize, options};
use crate::error::{Error, ErrorKind, Result};

/// How large a cluster is to be that a [`ClusterDescriptor`](crate::ClusterDescriptor) deploys.
///
/// # Examples
/// ```
/// use flink_client::ClusterSpecification;
///
/// let specification = ClusterSpecification::new()
///     .task_managers(2)
///     .slots_per_task_manager(4)
///     .task_manager_memory("2 gb".parse()?);
/// assert_eq!(specification.slots(), 8);
/// # Ok::<(), flink_client::InvalidValue>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
#[non_exhaustive]
pub struct ClusterSpecification {
    /// All memory of the JobManager's process.
    pub job_manager_memory: MemorySize,
    /// All memory of each TaskManager's process.
    pub task_manager_memory: MemorySize,
    /// How many TaskManagers there are to be.
    pub task_managers: u32,
    /// How many parallel pipelines each TaskManager runs.
    pub slots_per_task_manager: u32,
}

const JOB_MANAGER_MEMORY: MemorySize = MemorySize::from_mebibytes(768).unwrap();
const TASK_MANAGER_MEMORY: MemorySize = MemorySize::from_mebibytes(1024).unwrap();

impl Default for ClusterSpecification {
    fn default() -> Self {
        Self::new()
    }
}

impl ClusterSpecification {
    /// A JobManager of 768 MiB, and one TaskManager of 1 GiB with one slot: the defaults of Java's.
    pub const fn new() -> Self {
        Self {
            job_manager_memory: JOB_MANAGER_MEMORY,
            task_manager_memory: TASK_MANAGER_MEMORY,
            task_managers: 1,
            slots_per_task_manager: 1,
        }
    }

    /// One TaskManager, with the memory and slots that Flink's configuration says: `jobmanager.memory.process.size`,
    /// `taskmanager.memory.process.size`, `taskmanager.numberOfTaskSlots`; what is not set is as [`new`](Self::new) has
    /// it.
    ///
    /// # Errors
    /// [`ErrorKind::Configuration`], naming the key, for a value that cannot be read.
    pub fn from_configuration(configuration: &Configuration) -> Result<Self> {
        let mut specification = Self::new();
        if let Some(memory) = configuration.get_optional(&options::JOBMANAGER_MEMORY_PROCESS_SIZE)? {
            specification.job_manager_memory = memory;
        }
        if let Some(memory) = configuration.get_optional(&options::TASKMANAGER_MEMORY_PROCESS_SIZE)? {
            specification.task_manager_memory = memory;
        }
        if let Some(slots) = configuration.get_optional(&options::TASKMANAGER_NUMBER_OF_TASK_SLOTS)? {
            specification.slots_per_task_manager = slots;
        }
        Ok(specification)
    }

    /// All memory of the JobManager's process. Defaults to 768 MiB.
    pub fn job_manager_memory(mut self, memory: MemorySize) -> Self {
        self.job_manager_memory = memory;
        self
    }

    /// All memory of each TaskManager's process. Defaults to 1 GiB.
    pub fn task_manager_memory(mut self, memory: MemorySize) -> Self {
        self.task_manager_memory = memory;
        self
    }

    /// How many TaskManagers there are to be. Defaults to 1.
    pub fn task_managers(mut self, task_managers: u32) -> Self {
        self.task_managers = task_managers;
        self
    }

    /// How many parallel pipelines each TaskManager runs. Defaults to 1.
    pub fn slots_per_task_manager(mut self, slots: u32) -> Self {
        self.slots_per_task_manager = slots;
        self
    }

    /// How many slots that makes in all.
    pub fn slots(&self) -> u64 {
        u64::from(self.task_managers) * u64::from(self.slots_per_task_manager)
    }

    /// # Errors
    /// [`ErrorKind::InvalidArgument`] for a cluster without a TaskManager or slot.
    pub(crate) fn check(&self) -> Result<()> {
        for (name, value) in
            [("task_managers", self.task_managers), ("slots_per_task_manager", self.slots_per_task_manager)]
        {
            if value == 0 {
                let message = format!("{name} is 0, but a cluster needs at least 1 to run a job");
                return Err(Error::new(ErrorKind::InvalidArgument, message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_configuration_sets_is_taken_and_what_it_does_not_is_javas_default() {
        let nothing = ClusterSpecification::from_configuration(&Configuration::new()).unwrap();
        assert_eq!(nothing, ClusterSpecification::new());
        let configuration: Configuration = [
            ("jobmanager.memory.process.size", "1600m"),
            ("taskmanager.memory.process.size", "1728m"),
            ("taskmanager.numberOfTaskSlots", "3"),
        ]
        .into_iter()
        .collect();
        let read = ClusterSpecification::from_configuration(&configuration).unwrap();
        assert_eq!(read.job_manager_memory.mebibytes(), 1600);
        assert_eq!(read.task_manager_memory.mebibytes(), 1728);
        assert_eq!((read.task_managers, read.slots_per_task_manager, read.slots()), (1, 3, 3));
    }

    #[test]
    fn a_cluster_that_could_run_nothing_is_refused_by_name() {
        let none = ClusterSpecification::new().task_managers(0).check().unwrap_err();
        assert_eq!(none.kind(), ErrorKind::InvalidArgument);
        assert!(none.to_string().starts_with("task_managers is 0"), "{none}");
        let none = ClusterSpecification::new().slots_per_task_manager(0).check().unwrap_err();
        assert!(none.to_string().starts_with("slots_per_task_manager is 0"), "{none}");
        ClusterSpecification::new().check().unwrap();
    }
}
