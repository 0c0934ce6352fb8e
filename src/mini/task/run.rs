//! One task, from its deployment to its end, on a thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::context::TaskContext;
use super::control::Deployed;
use crate::mini::core::Core;
use crate::mini::exception::JavaException;
use crate::mini::job::checkpoint::TaskRef;
use crate::mini::job::run as job_run;

pub(crate) fn run(core: &Arc<Core>, deployed: Deployed) {
    let Deployed { job_id, epoch, vertex, subtask, .. } = deployed;
    let task = TaskRef { job_id, epoch, vertex, subtask };
    let control = Arc::clone(&deployed.control);
    let function = Arc::clone(&deployed.graph.vertices[vertex].task);
    core.act(|state, effects| job_run::task_running(state, effects, task));
    let (ours, control_of_task) = (Arc::clone(core), Arc::clone(&control));
    // State and captured values are the caller's types: they are dropped in here, too.
    let ended = catch_unwind(AssertUnwindSafe(move || {
        let mut context = TaskContext::new(ours, deployed);
        if !control_of_task.inbox().cancelled {
            function(&mut context)?;
        }
        context.finish()
    }));
    let ended = ended.unwrap_or_else(|payload| Err(JavaException::from_panic(&*payload)));
    let left: Vec<_> = {
        let mut inbox = control.inbox();
        inbox.ended = true;
        inbox.requests.drain(..).collect()
    };
    drop(left);
    core.act(|state, effects| job_run::task_ended(state, effects, task, ended));
}
