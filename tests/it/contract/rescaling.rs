//! Resource requirements: what the adaptive scheduler scales by.

use flink_client::{ClusterClientExt, ErrorKind, JobResourceRequirements, JobVertexId};

use super::Target;
use super::scene::{Job, Soon, names, until};

pub(crate) fn a_job_of_the_default_scheduler_has_no_resource_requirements(t: &dyn Target) {
    let rest = t.rest();
    let job = Job::running(t, "Stateful", &[]);
    names(&rest.resource_requirements(*job).refused(ErrorKind::Unsupported), *job);
    let details = until("the vertices", || {
        Some(job.client.job_details(*job).done()).filter(|details| !details.vertices.is_empty())
    });
    let requirements = details
        .vertices
        .iter()
        .fold(JobResourceRequirements::new(), |all, vertex| all.vertex(vertex.id, 1, 2).unwrap());
    names(&rest.update_resource_requirements(*job, &requirements).refused(ErrorKind::Unsupported), *job);
}

pub(crate) fn an_initialising_job_has_no_resource_requirements_yet(t: &dyn Target) {
    let job = Job::initializing(t);
    names(&t.rest().resource_requirements(*job).refused(ErrorKind::JobNotReady), *job);
}

pub(crate) fn a_job_of_the_adaptive_scheduler_is_rescaled(t: &dyn Target) {
    let adaptive = t.dedicated(&[
        ("jobmanager.scheduler", "adaptive"),
        ("jobmanager.adaptive-scheduler.executing.cooldown-after-rescaling", "0 s"),
        ("jobmanager.adaptive-scheduler.executing.resource-stabilization-timeout", "0 s"),
        ("jobmanager.adaptive-scheduler.submission.resource-stabilization-timeout", "0 s"),
    ]);
    let rest = adaptive.rest();
    let job = Job::running(&*adaptive, "Stateful", &["--parallelism", "1"]);
    let now = rest.resource_requirements(*job).done();
    assert!(!now.vertices.is_empty());
    assert!(
        now.vertices.values().all(|bounds| (bounds.lower_bound, bounds.upper_bound) == (1, 1)),
        "{now:?}"
    );

    let all = |lower, upper| {
        now.vertices
            .keys()
            .fold(JobResourceRequirements::new(), |all, &vertex| all.vertex(vertex, lower, upper).unwrap())
    };
    rest.update_resource_requirements(*job, &all(1, 2)).done();
    assert_eq!(rest.resource_requirements(*job).done(), all(1, 2));
    until("two tasks of each vertex", || {
        let details = job.client.job_details(*job).done();
        let wide = details.vertices.iter().all(|vertex| vertex.parallelism == 2);
        (wide && details.tasks().all_running()).then_some(())
    });
    job.client.wait_until_running(*job).done();

    let refuse = |requirements: &JobResourceRequirements, kind: ErrorKind, text: &str| {
        let error = rest.update_resource_requirements(*job, requirements).refused(kind);
        names(&error, *job);
        assert!(error.to_string().contains(text), "{error}");
    };
    refuse(&all(1, 100_000), ErrorKind::InvalidRequest, "exceeds its maximum parallelism");
    refuse(&JobResourceRequirements::new(), ErrorKind::InvalidRequest, "");
    let mut inverted = all(1, 2);
    for bounds in inverted.vertices.values_mut() {
        (bounds.lower_bound, bounds.upper_bound) = (4, 1);
    }
    refuse(&inverted, ErrorKind::InvalidRequest, "is higher than the upper bound");
    let stranger = all(1, 2).vertex(JobVertexId::random(), 1, 2).unwrap();
    refuse(&stranger, ErrorKind::NotFound, "was not found in the JobGraph");
    assert_eq!(rest.resource_requirements(*job).done(), all(1, 2), "a refusal changes nothing");
}
