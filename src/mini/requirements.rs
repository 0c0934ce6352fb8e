//! How wide a job may run, and that it is started anew when that changes.

use super::core::{Effects, State};
use super::job::{Job, run};
use crate::details::JobResourceRequirements;
use crate::ids::JobId;
use crate::job::JobStatus;

/// What is wrong with requirements, in Flink's words.
pub(crate) fn faults(job: &Job, wanted: &JobResourceRequirements) -> Vec<String> {
    let mut faults = Vec::new();
    for (id, bounds) in &wanted.vertices {
        let (lower, upper) = (bounds.lower_bound, bounds.upper_bound);
        let Some(index) = job.graph.vertex(*id) else {
            faults.push(format!("Job vertex [{id}] was not found in the JobGraph."));
            continue;
        };
        let most = job.vertices[index].max_parallelism;
        if lower == 0 || upper == 0 {
            faults.push(format!(
                "Both, the requested lower bound [{lower}] and upper bound [{upper}] for job vertex [{id}] must be \
                 greater than zero."
            ));
        } else if lower > upper {
            faults.push(format!(
                "The requested lower bound [{lower}] for job vertex [{id}] is higher than the upper bound [{upper}]."
            ));
        } else if upper > most {
            faults.push(format!(
                "The newly requested parallelism {upper} for the job vertex {id} exceeds its maximum parallelism \
                 {most}."
            ));
        }
    }
    let missing = job.graph.vertices.iter().filter(|vertex| !wanted.vertices.contains_key(&vertex.id));
    faults.extend(missing.map(|vertex| {
        format!("The request is incomplete, missing job vertex [{}] resource requirements.", vertex.id)
    }));
    faults
}

/// Takes the requirements over. A running job is started anew if it would now run with another parallelism.
pub(crate) fn apply(state: &mut State, effects: &mut Effects, id: JobId, wanted: &JobResourceRequirements) {
    let free = state.slots.free();
    let Some(job) = state.jobs.get_mut(&id) else { return };
    let graph = std::sync::Arc::clone(&job.graph);
    for (vertex, run) in graph.vertices.iter().zip(&mut job.vertices) {
        if let Some(bounds) = wanted.vertices.get(&vertex.id) {
            run.bounds = *bounds;
        }
    }
    let slots = job.slots.len() + free;
    let changes = job
        .vertices
        .iter()
        .any(|vertex| (vertex.bounds.upper_bound as usize).min(slots) != vertex.tasks.len());
    if changes && job.status == JobStatus::Running {
        run::rescale(state, effects, id);
    } else {
        // One that waits may now need less.
        run::allocate(state, effects);
    }
}
