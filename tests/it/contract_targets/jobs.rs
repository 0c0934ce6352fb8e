//! Stand-ins for the test jobs of `tests/jobs`: the same arguments, operator uids, accumulators and failures.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError};
use flink_client::mini::{
    Checkpointing, JavaException, JobStatusChange, MiniCluster, MiniJob, MiniProgram, OwnAccumulator,
    RestartStrategy, TaskContext, TaskResult,
};
use flink_client::{AccumulatorValue, IntermediateDataSetId, JobId, JobStatus};

use super::echo::echo;
use AccumulatorValue::{Integer, Text};

/// Registers all of them.
pub(super) fn register(cluster: &MiniCluster) {
    cluster
        .register_program("jobs.Accumulators", |program| {
            let args = Arguments::of(program)?;
            accumulators(&args, args.text("name", "accumulators"))
        })
        .register_program("jobs.DataSet", data_set)
        .register_program("jobs.Echo", echo)
        .register_program("jobs.Failing", failing)
        .register_program("jobs.LongestText", |_: &MiniProgram| {
            let class = "org.apache.flink.client.program.ProgramInvocationException";
            let text = "The given program class does not have a main(String[]) method.";
            Err::<MiniJob, _>(JavaException::new(class, text))
        })
        .register_program("jobs.NothingSubmitted", |_: &MiniProgram| None::<MiniJob>)
        .register_program("jobs.Stateful", stateful(cluster))
        .register_program("jobs.SlowStart", slow_start(cluster))
        .register_program("jobs.ThrowingMain", |program: &MiniProgram| {
            let message = Arguments::of(program)?.text("message", "the main method gave up");
            Err::<MiniJob, _>(JavaException::new("java.lang.IllegalStateException", message))
        })
        .register_program("jobs.TooManySlots", |program: &MiniProgram| {
            let args = Arguments::of(program)?;
            let slots = args.number("slots", 500) as u32;
            let job = MiniJob::new(args.text("name", "too many slots"));
            let job = job.vertex("Source: numbers -> discard: Writer", slots, |_task| Ok(()));
            Ok::<_, JavaException>(args.environment(job.operator("numbers").operator("discard")))
        })
        .register_program("jobs.TwoJobs", |program: &MiniProgram| {
            let args = Arguments::of(program)?;
            let named = |name: &str| accumulators(&args, args.text("prefix", "") + name);
            Ok::<_, JavaException>(vec![named("first")?, named("second")?])
        });
}

/// The arguments of a job: `--name value` pairs, and `--name` alone for "true".
#[derive(Clone)]
pub(super) struct Arguments {
    values: Arc<BTreeMap<String, String>>,
    /// The submission's.
    parallelism: u32,
}

impl Arguments {
    pub(super) fn of(program: &MiniProgram) -> TaskResult<Self> {
        let mut values = BTreeMap::new();
        let mut args = program.args().iter().peekable();
        while let Some(arg) = args.next() {
            let Some(name) = arg.strip_prefix("--") else {
                let text = format!("expected --name, got '{arg}'");
                return Err(JavaException::new("java.lang.IllegalArgumentException", text));
            };
            let value = args.next_if(|next| !next.starts_with("--"));
            values.insert(name.to_owned(), value.map_or("true", String::as_str).to_owned());
        }
        Ok(Self { values: Arc::new(values), parallelism: program.parallelism() })
    }

    fn has(&self, name: &str) -> bool {
        self.values.contains_key(name)
    }

    pub(super) fn text(&self, name: &str, otherwise: &str) -> String {
        self.values.get(name).map_or(otherwise, String::as_str).to_owned()
    }

    fn number(&self, name: &str, otherwise: u64) -> u64 {
        self.values.get(name).map_or(otherwise, |number| number.parse().expect("a number"))
    }

    fn millis(&self, name: &str, otherwise: u64) -> Duration {
        Duration::from_millis(self.number(name, otherwise))
    }

    pub(super) fn parallelism(&self) -> u32 {
        self.number("parallelism", self.parallelism.into()) as u32
    }

    /// What `--restarts` with `--restart-delay-millis`, `--checkpoint-millis` and `--parallelism` make of the job; what
    /// is not given is left to the cluster and the submission.
    pub(super) fn environment(&self, job: MiniJob) -> MiniJob {
        let job = job.parallelism(self.parallelism());
        let job = match self.number("restarts", 0) {
            _ if !self.has("restarts") => job,
            0 => job.restart_strategy(RestartStrategy::None),
            restarts => {
                let delay = self.millis("restart-delay-millis", 100);
                job.restart_strategy(RestartStrategy::fixed_delay(restarts as u32, delay))
            }
        };
        match self.millis("checkpoint-millis", 0) {
            Duration::ZERO => job,
            interval => job.checkpointing(Checkpointing::every(interval)),
        }
    }

    /// Waits for the next number of a task's part of an endless source, at `--records-per-second` over all tasks.
    /// `false` at the end.
    fn next_number(&self, task: &mut TaskContext) -> TaskResult<bool> {
        let per_second = self.number("records-per-second", 100).max(1);
        task.sleep(Duration::from_secs(task.parallelism().into()) / per_second as u32)
    }
}

/// The part of the numbers from 1 to `records` that is this task's.
fn numbers(task: &TaskContext, records: u64) -> impl Iterator<Item = u64> + use<> {
    let (first, step) = (u64::from(task.subtask_index()) + 1, task.parallelism() as usize);
    (first..=records).step_by(step)
}

fn accumulators(args: &Arguments, name: String) -> TaskResult<MiniJob> {
    let (records, broken) = (args.number("records", 100), args.has("broken"));
    let job = MiniJob::new(name).vertex(
        "Source: numbers -> record -> discard: Writer",
        args.parallelism(),
        move |task| {
            let ints = task.int_counter("ints");
            let (int_minimum, int_maximum) =
                (task.int_minimum("int-minimum"), task.int_maximum("int-maximum"));
            let longs = task.long_counter("longs");
            let (long_minimum, long_maximum) =
                (task.long_minimum("long-minimum"), task.long_maximum("long-maximum"));
            let doubles = task.double_counter("doubles");
            let (double_minimum, double_maximum) =
                (task.double_minimum("double-minimum"), task.double_maximum("double-maximum"));
            let (average, histogram, list) =
                (task.average("average"), task.histogram("histogram"), task.list("list"));
            let longest = longest_text(task);
            let unmergeable = broken.then(|| unmergeable_counter(task));
            for number in numbers(task, records) {
                let (int, long, float) = (number as i32, number as i64, number as f64);
                ints.add(1);
                int_minimum.add(int);
                int_maximum.add(int);
                longs.add(long);
                long_minimum.add(long);
                long_maximum.add(long);
                doubles.add(float / 2.0);
                double_minimum.add(float / 2.0);
                double_maximum.add(float / 2.0);
                average.add(float);
                histogram.add(int % 5);
                let text = format!("record-{number}");
                longest.update(|longest| keep_longest(longest, &text));
                if number % 25 == 0 {
                    list.add(text);
                }
                if let Some(unmergeable) = &unmergeable {
                    unmergeable.update(|count| *count = Integer(count.as_i64().unwrap_or(0) + 1));
                }
                if !task.keep_running()? {
                    break;
                }
            }
            Ok(())
        },
    );
    Ok(args.environment(job.operator("numbers").operator("record").operator("discard")))
}

fn longest_text(task: &TaskContext) -> OwnAccumulator {
    task.own_accumulator("longest", "jobs.LongestText", Text(String::new()), |longest, other| {
        keep_longest(longest, other.as_str().unwrap_or_default());
        Ok(())
    })
}

/// Among texts of one length the greatest wins.
fn keep_longest(longest: &mut AccumulatorValue, text: &str) {
    let known = longest.as_str().unwrap_or_default();
    if (text.len(), text) > (known.len(), known) {
        *longest = Text(text.to_owned());
    }
}

fn unmergeable_counter(task: &TaskContext) -> OwnAccumulator {
    task.own_accumulator("broken", "jobs.UnmergeableCounter", Integer(0), |_, _| {
        Err(JavaException::new("java.lang.UnsupportedOperationException", "this counter does not merge"))
    })
}

fn data_set(program: &MiniProgram) -> TaskResult<MiniJob> {
    let args = Arguments::of(program)?;
    let records = args.number("records", 100);
    let job = MiniJob::new(args.text("name", "data set")).batch().vertex(
        "Source: Sequence Source -> Map",
        args.parallelism(),
        move |task| {
            for _number in numbers(task, records) {
                task.keep_running()?;
            }
            Ok(())
        },
    );
    Ok(args.environment(job.cluster_dataset(IntermediateDataSetId::random())))
}

fn failing(program: &MiniProgram) -> TaskResult<MiniJob> {
    let args = Arguments::of(program)?;
    let ours = args.clone();
    let job = MiniJob::new(args.text("name", "failing")).vertex(
        "Source: numbers -> fail -> discard: Writer",
        args.parallelism(),
        move |task| {
            let limit = ours.number("records", 10);
            let counter = task.long_counter("seen");
            let mut seen = 0;
            while ours.next_number(task)? {
                if seen >= limit {
                    let text = format!("broke after {limit} records");
                    return Err(JavaException::new("jobs.Failing$Broke", text));
                }
                seen += 1;
                counter.add(1);
            }
            Ok(())
        },
    );
    Ok(args.environment(job.operator("numbers").operator("fail").operator("discard")))
}

fn stateful(cluster: &MiniCluster) -> impl Fn(&MiniProgram) -> TaskResult<MiniJob> + use<> {
    let cluster = cluster.clone();
    move |program| {
        let args = Arguments::of(program)?;
        let (ours, cluster) = (args.clone(), cluster.clone());
        let job = MiniJob::new(args.text("name", "stateful")).vertex(
            "Source: numbers -> count -> discard: Writer",
            args.parallelism(),
            move |task| {
                let counted = count(task, &ours, Watch::of(&cluster, Some(task.job_id())));
                // However it ends, and not to be interrupted.
                std::thread::sleep(ours.millis("close-millis", 0));
                if ours.has("close-fails") {
                    let text = "this job does not end well";
                    return Err(JavaException::new("java.lang.IllegalStateException", text));
                }
                counted
            },
        );
        let job = job.operator("numbers").operator(args.text("count-uid", "count")).operator("discard");
        Ok(args.environment(job))
    }
}

fn count(task: &mut TaskContext, args: &Arguments, watch: Watch) -> TaskResult {
    let state = task.list_state::<i64>(&args.text("count-uid", "count"), "count")?;
    let restored = state.elements().iter().sum();
    task.long_counter("restored").add(restored);
    let (fresh, count) = (task.long_counter("fresh"), task.long_counter("count"));
    count.add(restored);
    let (takes, fails) = (args.millis("snapshot-millis", 0), args.has("snapshot-fails"));
    task.on_snapshot(move |checkpoint| match checkpoint {
        // The task has ended.
        0 => Ok(()),
        _ if !watch.sleep(takes) => {
            Err(JavaException::new("java.lang.InterruptedException", "sleep interrupted"))
        }
        _ if fails => Err(JavaException::new("jobs.Stateful$SnapshotRefused", "this job takes no snapshot")),
        _ => Ok(()),
    });
    let mut counted = restored;
    loop {
        // The first number is there at once.
        counted += 1;
        fresh.add(1);
        count.add(1);
        state.update(|parts| *parts = vec![counted]);
        if !args.next_number(task)? {
            return Ok(());
        }
    }
}

fn slow_start(cluster: &MiniCluster) -> impl Fn(&MiniProgram) -> TaskResult<MiniJob> + use<> {
    let cluster = cluster.clone();
    move |program| {
        let args = Arguments::of(program)?;
        let (takes, fails) = (args.millis("init-millis", 3000), args.has("init-fails"));
        let watch = Watch::of(&cluster, program.job_id());
        let job = MiniJob::new(args.text("name", "slow start")).on_initialize(move || {
            // What was cancelled keeps no test waiting.
            if watch.sleep(takes) && fails {
                return Err(JavaException::new("java.io.IOException", "the output cannot be initialised"));
            }
            Ok(())
        });
        let ours = args.clone();
        let job = job.vertex("Source: numbers -> Sink: output", args.parallelism(), move |task| {
            while ours.next_number(task)? {}
            Ok(())
        });
        Ok(args.environment(job.operator("numbers").operator("output")))
    }
}

/// Sleep that ends when a job is cancelled, as Java's does by an interrupt.
struct Watch {
    changes: Receiver<JobStatusChange>,
    job: Option<JobId>,
}

impl Watch {
    fn of(cluster: &MiniCluster, job: Option<JobId>) -> Self {
        Self { changes: cluster.job_status_changes(), job }
    }

    /// Whether it was slept for so long.
    fn sleep(&self, duration: Duration) -> bool {
        let deadline = Instant::now() + duration;
        loop {
            match self.changes.recv_deadline(deadline) {
                Ok(change) if Some(change.job_id) == self.job && change.to == JobStatus::Cancelling => {
                    return false;
                }
                Ok(_) => {}
                Err(RecvTimeoutError::Timeout) => return true,
                Err(RecvTimeoutError::Disconnected) => return false,
            }
        }
    }
}
