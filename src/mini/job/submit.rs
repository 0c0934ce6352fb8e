//! How a job comes to be: accepted, initialised, scheduled.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::checkpoint::Restored;
use super::ended::end;
use super::run::schedule;
use super::{Failure, Job};
use crate::ids::{ApplicationId, JobId};
use crate::job::JobStatus;
use crate::mini::Answer;
use crate::mini::core::{Core, Effects, State};
use crate::mini::exception::JavaException;
use crate::mini::graph::JobGraph;
use crate::mini::{savepoint_store, wording};
use crate::savepoint::ClaimMode;

/// Told when a job has been initialised, whether well or not. Called under the cluster's lock: it is to be quick.
pub(crate) type Waiter = Box<dyn FnOnce(&mut Effects, Answer<()>) + Send>;

/// Accepts a job, unless its id is taken.
pub(crate) fn submit(
    state: &mut State,
    effects: &mut Effects,
    graph: JobGraph,
    application: ApplicationId,
    answer: Waiter,
) -> bool {
    let id = graph.job_id;
    if state.jobs.contains_key(&id) || state.ever_ended.contains(&id) {
        answer(effects, Err(wording::duplicate_job(state.settings.flink_2)));
        // Functions of the caller's are not dropped under the lock.
        effects.then(move |_| drop(graph));
        return false;
    }
    state.numbered += 1;
    let mut job = Job::new(graph, state.numbered, application, effects.now);
    job.initialization_waiters.push(answer);
    let graph = Arc::clone(&job.graph);
    state.jobs.insert(id, job);
    effects.then(move |core| {
        let ours = Arc::clone(core);
        let failed = core.programs.run(move || initialize(&ours, &graph)).err();
        if let Some(error) = failed {
            let failure = wording::no_thread(&error);
            core.act(|state, effects| initialized(state, effects, id, Err(failure)));
        }
    });
    true
}

/// Runs what the job does in the JobManager before it starts, and reads what it starts from.
fn initialize(core: &Arc<Core>, graph: &JobGraph) {
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        if let Some(initialize) = &graph.initialize {
            initialize().map_err(|cause| {
                let task = graph.vertices.first().map_or("", |vertex| &vertex.name);
                let text =
                    format!("Cannot initialize task '{task}': {}", cause.message().unwrap_or(cause.class()));
                wording::rethrown(
                    JavaException::new("org.apache.flink.runtime.client.JobExecutionException", text)
                        .caused_by(cause),
                )
            })?;
        }
        restore(graph)
    }));
    let outcome = outcome.unwrap_or_else(|payload| Err(JavaException::from_panic(&*payload)));
    let id = graph.job_id;
    core.act(|state, effects| initialized(state, effects, id, outcome));
}

/// Reads the savepoint and maps its state to the job's operators.
fn restore(graph: &JobGraph) -> Result<Option<Restored>, JavaException> {
    let Some(restore) = &graph.restore else { return Ok(None) };
    let snapshot = savepoint_store::read(&restore.path).map_err(wording::rethrown)?;
    let mut max_parallelisms = BTreeMap::new();
    for (uid, operator) in &snapshot.operators {
        let Some((index, _)) = graph.operator(uid).filter(|(_, found)| found.uid == *uid) else {
            if operator.has_state() && !restore.allow_non_restored_state {
                let id = crate::mini::graph::operator_id(uid).to_string();
                return Err(wording::state_not_restored(&restore.path, &id));
            }
            continue;
        };
        let vertex = &graph.vertices[index];
        if vertex.max_parallelism_chosen && vertex.max_parallelism != operator.max_parallelism {
            return Err(wording::max_parallelism_changed(
                &vertex.name,
                operator.max_parallelism,
                vertex.max_parallelism,
            ));
        }
        if vertex.parallelism > operator.max_parallelism {
            return Err(wording::parallelism_above_restored(
                &vertex.name,
                operator.max_parallelism,
                vertex.parallelism,
            ));
        }
        max_parallelisms.insert(index, operator.max_parallelism);
    }
    let path = savepoint_store::local_path(&restore.path)?;
    Ok(Some(Restored {
        snapshot: Arc::new(snapshot),
        path: savepoint_store::uri(&path),
        claimed: restore.claim_mode == ClaimMode::Claim,
        max_parallelisms,
    }))
}

fn initialized(
    state: &mut State,
    effects: &mut Effects,
    id: JobId,
    outcome: Result<Option<Restored>, JavaException>,
) {
    let Some(job) = state.jobs.get_mut(&id) else { return };
    job.initialized = true;
    for promise in job.cancel_waiters.drain(..) {
        promise.complete(Ok(Ok(())));
    }
    let waiting = std::mem::take(&mut job.initialization_waiters);
    if job.status.is_terminal() {
        return;
    }
    let cancelled = job.status == JobStatus::Cancelling;
    let answer = match outcome {
        Err(cause) => {
            let failure = wording::initialization_failed(cause);
            if cancelled {
                end(state, effects, id, JobStatus::Canceled);
            } else {
                job.failure = Some(failure.clone());
                let at = effects.now;
                job.remember(Failure { exception: failure.clone(), at, task: None, concurrent: Vec::new() });
                end(state, effects, id, JobStatus::Failed);
            }
            Err(failure)
        }
        Ok(restored) => {
            if let Some(restored) = restored {
                for (vertex, max_parallelism) in &restored.max_parallelisms {
                    job.vertices[*vertex].max_parallelism = *max_parallelism;
                }
                job.checkpoints.start_from(restored, effects.now);
            }
            if cancelled {
                end(state, effects, id, JobStatus::Canceled);
            } else {
                job.enter(JobStatus::Created, effects);
                schedule(state, effects, id);
            }
            Ok(())
        }
    };
    for waiter in waiting {
        waiter(effects, answer.clone());
    }
}
