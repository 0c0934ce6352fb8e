//! How the memory of a process is divided, which Flink leaves to its start scripts.
//!
//! A TaskManager refuses to start unless every part is given, and the JVM has to be told the sums. The rules and
//! defaults are those of Flink's documentation, "Set up Flink's process memory", starting from the whole process.

use crate::config::{ConfigOption, Configuration, MemorySize, options};
use crate::error::{Error, ErrorKind, Result};
use crate::specification::ClusterSpecification;

const JM_OFF_HEAP: ConfigOption<MemorySize> =
    ConfigOption::new("jobmanager.memory.off-heap.size").with_default("128 mb");
const JM_METASPACE: ConfigOption<MemorySize> =
    ConfigOption::new("jobmanager.memory.jvm-metaspace.size").with_default("256 mb");
const JM_OVERHEAD: Share = Share {
    fraction: ConfigOption::new("jobmanager.memory.jvm-overhead.fraction").with_default("0.1"),
    min: ConfigOption::new("jobmanager.memory.jvm-overhead.min").with_default("192 mb"),
    max: ConfigOption::new("jobmanager.memory.jvm-overhead.max").with_default("1 gb"),
};
const TM_OVERHEAD: Share = Share {
    fraction: ConfigOption::new("taskmanager.memory.jvm-overhead.fraction").with_default("0.1"),
    min: ConfigOption::new("taskmanager.memory.jvm-overhead.min").with_default("192 mb"),
    max: ConfigOption::new("taskmanager.memory.jvm-overhead.max").with_default("1 gb"),
};
const TM_NETWORK: Share = Share {
    fraction: ConfigOption::new("taskmanager.memory.network.fraction").with_default("0.1"),
    min: options::TASKMANAGER_MEMORY_NETWORK_MIN,
    max: options::TASKMANAGER_MEMORY_NETWORK_MAX,
};
const TM_MANAGED_FRACTION: ConfigOption<f64> =
    ConfigOption::new("taskmanager.memory.managed.fraction").with_default("0.4");

/// Flink's JobManager does not start with less heap.
const LEAST_JM_HEAP: u64 = 128 << 20;

/// A part of the memory that is a fraction of the whole, within limits.
struct Share {
    fraction: ConfigOption<f64>,
    min: ConfigOption<MemorySize>,
    max: ConfigOption<MemorySize>,
}

impl Share {
    fn of(&self, whole: u64, configuration: &Configuration) -> Result<u64> {
        let fraction = fraction(configuration, &self.fraction)?;
        let (min, max) = (configuration.get(&self.min)?.bytes(), configuration.get(&self.max)?.bytes());
        if min > max {
            let message = format!("{} is {min} bytes, more than {} with its {max} bytes", self.min, self.max);
            return Err(Error::new(ErrorKind::Configuration, message));
        }
        Ok(part(whole, fraction).clamp(min, max))
    }
}

fn fraction(configuration: &Configuration, option: &ConfigOption<f64>) -> Result<f64> {
    let fraction = configuration.get(option)?;
    if (0.0..1.0).contains(&fraction) {
        return Ok(fraction);
    }
    Err(Error::new(
        ErrorKind::Configuration,
        format!("{option} is {fraction}, but a fraction is at least 0 and less than 1"),
    ))
}

fn part(whole: u64, fraction: f64) -> u64 {
    (whole as f64 * fraction) as u64
}

/// What the JVM is told.
pub(super) fn job_manager_flags(
    configuration: &Configuration,
    specification: &ClusterSpecification,
) -> Result<Vec<String>> {
    let process = specification.job_manager_memory;
    let metaspace = configuration.get(&JM_METASPACE)?.bytes();
    let overhead = JM_OVERHEAD.of(process.bytes(), configuration)?;
    let off_heap = configuration.get(&JM_OFF_HEAP)?.bytes();
    let parts = [
        ("the JVM's metaspace", metaspace),
        ("its overhead", overhead),
        ("memory outside of the heap", off_heap),
    ];
    let heap = rest("the JobManager", process, &parts, LEAST_JM_HEAP)?;
    Ok(vec![format!("-Xmx{heap}"), format!("-XX:MaxMetaspaceSize={metaspace}")])
}

/// What the JVM is told, and with which entries Flink is told the same.
#[derive(Debug)]
pub(super) struct TaskManagerMemory {
    pub(super) flags: Vec<String>,
    pub(super) entries: Vec<(String, String)>,
}

impl TaskManagerMemory {
    pub(super) fn new(configuration: &Configuration, specification: &ClusterSpecification) -> Result<Self> {
        let process = specification.task_manager_memory;
        let metaspace = configuration.get(&options::TASKMANAGER_MEMORY_JVM_METASPACE_SIZE)?.bytes();
        let overhead = TM_OVERHEAD.of(process.bytes(), configuration)?;
        let flink = process.bytes().saturating_sub(metaspace).saturating_sub(overhead);
        let network = TM_NETWORK.of(flink, configuration)?;
        let managed = match configuration.get_optional(&options::TASKMANAGER_MEMORY_MANAGED_SIZE)? {
            Some(size) => size.bytes(),
            None => part(flink, fraction(configuration, &TM_MANAGED_FRACTION)?),
        };
        let framework_heap = configuration.get(&options::TASKMANAGER_MEMORY_FRAMEWORK_HEAP_SIZE)?.bytes();
        let framework = configuration.get(&options::TASKMANAGER_MEMORY_FRAMEWORK_OFF_HEAP_SIZE)?.bytes();
        let task = configuration.get(&options::TASKMANAGER_MEMORY_TASK_OFF_HEAP_SIZE)?.bytes();
        let parts = [
            ("the JVM's metaspace", metaspace),
            ("its overhead", overhead),
            ("the network", network),
            ("managed memory", managed),
            ("the framework's heap", framework_heap),
            ("the framework's memory outside of the heap", framework),
            ("the tasks' memory outside of the heap", task),
        ];
        let task_heap = rest("a TaskManager", process, &parts, 0)?;
        let flags = vec![
            format!("-Xmx{}", framework_heap + task_heap),
            format!("-XX:MaxDirectMemorySize={}", framework + task + network),
            format!("-XX:MaxMetaspaceSize={metaspace}"),
        ];
        let entries = [
            (options::TASKMANAGER_MEMORY_FRAMEWORK_HEAP_SIZE.key(), framework_heap),
            (options::TASKMANAGER_MEMORY_FRAMEWORK_OFF_HEAP_SIZE.key(), framework),
            (options::TASKMANAGER_MEMORY_TASK_HEAP_SIZE.key(), task_heap),
            (options::TASKMANAGER_MEMORY_TASK_OFF_HEAP_SIZE.key(), task),
            (options::TASKMANAGER_MEMORY_MANAGED_SIZE.key(), managed),
            (options::TASKMANAGER_MEMORY_NETWORK_MIN.key(), network),
            (options::TASKMANAGER_MEMORY_NETWORK_MAX.key(), network),
            (options::TASKMANAGER_MEMORY_JVM_METASPACE_SIZE.key(), metaspace),
            (TM_OVERHEAD.min.key(), overhead),
            (TM_OVERHEAD.max.key(), overhead),
        ];
        let entries = entries.map(|(key, bytes)| (key.to_owned(), format!("{bytes}b"))).to_vec();
        Ok(Self { flags, entries })
    }
}

/// What the parts leave of the whole.
fn rest(whose: &str, process: MemorySize, parts: &[(&str, u64)], least: u64) -> Result<u64> {
    let taken = parts.iter().fold(0_u64, |sum, (_, bytes)| sum.saturating_add(*bytes));
    match process.bytes().checked_sub(taken) {
        Some(left) if left >= least => Ok(left),
        _ => {
            let parts: Vec<_> =
                parts.iter().map(|(name, bytes)| format!("{} MiB for {name}", bytes >> 20)).collect();
            let needed = (taken.saturating_add(least)).div_ceil(1 << 20);
            let message = format!(
                "{whose} cannot live in {process}: that leaves too little heap beside {}",
                parts.join(", ")
            );
            Err(Error::new(ErrorKind::InvalidArgument, message)
                .with_hint(format!("give it {needed} MiB or more")))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn specification(job_manager: u64, task_manager: u64) -> ClusterSpecification {
        ClusterSpecification::new()
            .job_manager_memory(MemorySize::from_mebibytes(job_manager).unwrap())
            .task_manager_memory(MemorySize::from_mebibytes(task_manager).unwrap())
    }

    fn mebibytes(memory: &TaskManagerMemory, key: &str) -> f64 {
        let (_, value) = memory.entries.iter().find(|(name, _)| name == key).unwrap();
        value.strip_suffix('b').unwrap().parse::<f64>().unwrap() / f64::from(1 << 20)
    }

    /// The figures that Flink's documentation and start scripts give for its default of 1728 MiB.
    #[test]
    fn a_task_manager_of_flinks_default_size_is_divided_as_flink_does() {
        let memory = TaskManagerMemory::new(&Configuration::new(), &specification(1600, 1728)).unwrap();
        for (key, expected) in [
            ("taskmanager.memory.jvm-metaspace.size", 256.0),
            ("taskmanager.memory.jvm-overhead.min", 192.0),
            ("taskmanager.memory.network.max", 128.0),
            ("taskmanager.memory.managed.size", 512.0),
            ("taskmanager.memory.framework.heap.size", 128.0),
            ("taskmanager.memory.framework.off-heap.size", 128.0),
            ("taskmanager.memory.task.off-heap.size", 0.0),
            ("taskmanager.memory.task.heap.size", 384.0),
        ] {
            assert!((mebibytes(&memory, key) - expected).abs() < 0.1, "{key}: {memory:?}");
        }
        assert_eq!(memory.flags[0], "-Xmx536870912");
        assert_eq!(memory.flags[1], "-XX:MaxDirectMemorySize=268435456");
    }

    #[test]
    fn a_job_manager_of_flinks_default_size_is_divided_as_flink_does() {
        let flags = job_manager_flags(&Configuration::new(), &specification(1600, 1728)).unwrap();
        assert_eq!(flags, ["-Xmx1073741824", "-XX:MaxMetaspaceSize=268435456"]);
    }

    #[test]
    fn what_the_configuration_says_of_a_part_holds() {
        let configuration: Configuration = [
            ("taskmanager.memory.managed.size", "0"),
            ("taskmanager.memory.network.max", "64m"),
            ("taskmanager.memory.task.off-heap.size", "16m"),
        ]
        .into_iter()
        .collect();
        let memory = TaskManagerMemory::new(&configuration, &specification(1600, 1728)).unwrap();
        assert!(mebibytes(&memory, "taskmanager.memory.managed.size").abs() < 0.1);
        assert!((mebibytes(&memory, "taskmanager.memory.task.heap.size") - 944.0).abs() < 0.1, "{memory:?}");
        assert_eq!(memory.flags[1], format!("-XX:MaxDirectMemorySize={}", (128 + 16 + 64) << 20));
    }

    #[test]
    fn a_process_too_small_for_its_parts_is_refused_with_what_it_needs() {
        let error = TaskManagerMemory::new(&Configuration::new(), &specification(1600, 600)).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidArgument);
        let text = error.to_string();
        assert!(text.contains("a TaskManager cannot live in 600 mb"), "{text}");
        assert!(text.contains("256 MiB for the JVM's metaspace"), "{text}");
        let error = job_manager_flags(&Configuration::new(), &specification(700, 1728)).unwrap_err();
        assert!(error.to_string().ends_with("give it 704 MiB or more"), "{error}");
        job_manager_flags(&Configuration::new(), &specification(704, 1728)).unwrap();
    }

    #[test]
    fn limits_and_fractions_that_cannot_be_are_refused_by_their_keys() {
        for (key, value) in
            [("taskmanager.memory.managed.fraction", "1.5"), ("taskmanager.memory.network.min", "1 tb")]
        {
            let mut configuration = Configuration::new();
            configuration.set_raw(key, value);
            configuration.set_raw("taskmanager.memory.network.max", "64m");
            let error = TaskManagerMemory::new(&configuration, &specification(1600, 1728)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Configuration);
            assert!(error.to_string().starts_with(key), "{error}");
        }
    }
}
