//! A job as it is run: what the program built, with everything decided that it left open.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use super::checkpoint_storage::CheckpointStorage;
use super::exception::JavaException;
use super::hash::murmur3;
use super::program::{Checkpointing, InitializeFn, MiniJob, RestartStrategy, TaskFn};
use crate::config::{ConfigOption, Configuration};
use crate::ids::{IntermediateDataSetId, JobId, JobVertexId, OperatorId};
use crate::savepoint::ClaimMode;

/// What a program built, resolved.
pub(crate) struct JobGraph {
    pub(crate) job_id: JobId,
    pub(crate) name: String,
    pub(crate) batch: bool,
    pub(crate) vertices: Vec<Vertex>,
    pub(crate) restart_strategy: RestartStrategy,
    /// Whether the program or the configuration chose the strategy.
    pub(crate) restart_strategy_chosen: bool,
    pub(crate) checkpointing: Option<Checkpointing>,
    pub(crate) checkpoint_storage: CheckpointStorage,
    pub(crate) initialize: Option<Arc<InitializeFn>>,
    pub(crate) data_sets: Vec<IntermediateDataSetId>,
    pub(crate) restore: Option<Restore>,
    pub(crate) args: Arc<[String]>,
    pub(crate) configuration: Arc<Configuration>,
    /// The parallelism that the program set or the submission asked for.
    pub(crate) parallelism: u32,
}

pub(crate) struct Vertex {
    pub(crate) id: JobVertexId,
    pub(crate) name: String,
    pub(crate) parallelism: u32,
    pub(crate) max_parallelism: u32,
    /// Whether the program chose it, so that a savepoint's cannot replace it.
    pub(crate) max_parallelism_chosen: bool,
    pub(crate) operators: Vec<Operator>,
    pub(crate) task: Arc<TaskFn>,
}

#[derive(Clone, Debug)]
pub(crate) struct Operator {
    pub(crate) uid: String,
    pub(crate) id: OperatorId,
    pub(crate) coordinated: bool,
}

/// What to start from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Restore {
    pub(crate) path: String,
    pub(crate) claim_mode: ClaimMode,
    pub(crate) allow_non_restored_state: bool,
}

/// The settings of a submission that a graph takes over.
#[derive(Clone)]
pub(crate) struct Setting {
    pub(crate) job_id: JobId,
    pub(crate) args: Arc<[String]>,
    pub(crate) parallelism: u32,
    pub(crate) configuration: Arc<Configuration>,
    pub(crate) restore: Option<Restore>,
}

/// Flink's limit for a maximum parallelism.
const HIGHEST_PARALLELISM: u32 = 1 << 15;

impl JobGraph {
    /// # Errors
    /// What Flink's translation of the program throws.
    pub(crate) fn new(job: MiniJob, setting: Setting) -> Result<Self, JavaException> {
        let illegal = |text: String| JavaException::new("java.lang.IllegalArgumentException", text);
        if job.vertices.is_empty() {
            return Err(JavaException::new(
                "java.lang.IllegalStateException",
                "No operators defined in streaming topology. Cannot execute.",
            ));
        }
        let configuration = Arc::clone(&setting.configuration);
        let of_all = configuration.get_optional(&MAX_PARALLELISM)?.filter(|most| *most > 0);
        let mut uids = BTreeSet::new();
        let mut vertices = Vec::with_capacity(job.vertices.len());
        for vertex in job.vertices {
            if vertex.parallelism == 0 || vertex.parallelism > HIGHEST_PARALLELISM {
                return Err(illegal("The parallelism of an operator must be at least 1.".into()));
            }
            let chosen = vertex.max_parallelism.or(of_all.map(i32::unsigned_abs));
            let max_parallelism = chosen.unwrap_or_else(|| default_max_parallelism(vertex.parallelism));
            if max_parallelism < vertex.parallelism || max_parallelism > HIGHEST_PARALLELISM {
                return Err(illegal(format!(
                    "The maximum parallelism {max_parallelism} of vertex '{}' is not between its parallelism \
                     {} and {HIGHEST_PARALLELISM}.",
                    vertex.name, vertex.parallelism
                )));
            }
            let mut operators: Vec<_> = vertex
                .operators
                .into_iter()
                .map(|operator| Operator::new(operator.uid, operator.coordinated))
                .collect();
            if operators.is_empty() {
                operators.push(Operator::new(vertex.name.clone(), false));
            }
            if let Some(twice) = operators.iter().find(|operator| !uids.insert(operator.uid.clone())) {
                return Err(illegal(format!(
                    "Hash collision on user-specified ID \"{}\". Most likely cause is a non-unique ID. Please \
                     check that all IDs specified via `uid(String)` are unique.",
                    twice.uid
                )));
            }
            vertices.push(Vertex {
                id: JobVertexId::from_bytes(*operators[0].id.as_bytes()),
                name: vertex.name,
                parallelism: vertex.parallelism,
                max_parallelism,
                max_parallelism_chosen: chosen.is_some(),
                operators,
                task: vertex.task,
            });
        }
        let checkpointing = match job.checkpointing {
            Some(chosen) => Some(chosen),
            None => checkpointing_of(&configuration)?,
        }
        .filter(|_| !job.batch);
        let chosen = match job.restart_strategy {
            Some(chosen) => Some(chosen),
            None => restart_strategy_of(&configuration)?,
        };
        let default = if checkpointing.is_some() {
            RestartStrategy::fixed_delay(i32::MAX.unsigned_abs(), Duration::from_secs(1))
        } else {
            RestartStrategy::None
        };
        Ok(Self {
            job_id: setting.job_id,
            name: job.name,
            batch: job.batch,
            vertices,
            restart_strategy: chosen.unwrap_or(default),
            restart_strategy_chosen: chosen.is_some(),
            checkpointing,
            checkpoint_storage: CheckpointStorage::of(&configuration)?,
            initialize: job.initialize,
            data_sets: job.data_sets,
            restore: setting.restore,
            args: setting.args,
            configuration: setting.configuration,
            parallelism: job.parallelism.unwrap_or(setting.parallelism),
        })
    }

    pub(crate) fn vertex(&self, id: JobVertexId) -> Option<usize> {
        self.vertices.iter().position(|vertex| vertex.id == id)
    }

    /// By uid, or by id as Flink 1.x asks.
    pub(crate) fn operator(&self, name: &str) -> Option<(usize, &Operator)> {
        let id = name.parse::<OperatorId>().ok();
        self.vertices.iter().enumerate().find_map(|(index, vertex)| {
            let found =
                vertex.operators.iter().find(|operator| operator.uid == name || Some(operator.id) == id);
            found.map(|operator| (index, operator))
        })
    }
}

impl Operator {
    fn new(uid: String, coordinated: bool) -> Self {
        let id = operator_id(&uid);
        Self { uid, id, coordinated }
    }
}

pub(crate) fn operator_id(uid: &str) -> OperatorId {
    OperatorId::from_bytes(murmur3(uid.as_bytes()))
}

/// Flink's choice: half as much again, rounded up to a power of two, between 128 and its limit.
fn default_max_parallelism(parallelism: u32) -> u32 {
    (parallelism + parallelism / 2).next_power_of_two().clamp(128, HIGHEST_PARALLELISM)
}

const MAX_PARALLELISM: ConfigOption<i32> = ConfigOption::new("pipeline.max-parallelism").with_default("-1");
const INTERVAL: ConfigOption<Duration> = crate::config::options::EXECUTION_CHECKPOINTING_INTERVAL;
const TIMEOUT: ConfigOption<Duration> = ConfigOption::new("execution.checkpointing.timeout");
const MINIMUM_PAUSE: ConfigOption<Duration> = ConfigOption::new("execution.checkpointing.min-pause");
const TOLERABLE_FAILURES: ConfigOption<u32> =
    ConfigOption::new("execution.checkpointing.tolerable-failed-checkpoints");
const RESTART_STRATEGY: ConfigOption<String> =
    ConfigOption::new("restart-strategy.type").with_deprecated_keys(&["restart-strategy"]);
const ATTEMPTS: ConfigOption<u32> =
    ConfigOption::new("restart-strategy.fixed-delay.attempts").with_default("1");
const DELAY: ConfigOption<Duration> =
    ConfigOption::new("restart-strategy.fixed-delay.delay").with_default("1 s");

fn checkpointing_of(configuration: &Configuration) -> Result<Option<Checkpointing>, JavaException> {
    let Some(interval) = configuration.get_optional(&INTERVAL)?.filter(|interval| !interval.is_zero()) else {
        return Ok(None);
    };
    let mut checkpointing = Checkpointing::every(interval);
    if let Some(timeout) = configuration.get_optional(&TIMEOUT)? {
        checkpointing.timeout = timeout;
    }
    if let Some(pause) = configuration.get_optional(&MINIMUM_PAUSE)? {
        checkpointing.minimum_pause = pause;
    }
    if let Some(failures) = configuration.get_optional(&TOLERABLE_FAILURES)? {
        checkpointing.tolerable_failures = failures;
    }
    Ok(Some(checkpointing))
}

fn restart_strategy_of(configuration: &Configuration) -> Result<Option<RestartStrategy>, JavaException> {
    let Some(name) = configuration.get_optional(&RESTART_STRATEGY)? else { return Ok(None) };
    match name.as_str() {
        "none" | "off" | "disable" => Ok(Some(RestartStrategy::None)),
        "fixed-delay" | "fixeddelay" => {
            Ok(Some(RestartStrategy::fixed_delay(configuration.get(&ATTEMPTS)?, configuration.get(&DELAY)?)))
        }
        other => Err(JavaException::new(
            "java.lang.IllegalArgumentException",
            format!("Unknown restart strategy {other}: the mini cluster has 'none' and 'fixed-delay'."),
        )),
    }
}
