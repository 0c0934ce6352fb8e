//! What the dispatcher gives to the REST API and the direct client does not show.

use std::time::{Duration, Instant};

use super::dispatcher::RunRequest;
use super::*;
use crate::details::{ApplicationState, FlinkVersion, JobResourceRequirements};
use crate::ids::{ApplicationId, JobId, TriggerId};
use crate::savepoint::{CheckpointType, SavepointFormatType};

pub(super) fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(90);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn endless(parallelism: u32) -> MiniJob {
    MiniJob::new("endless").vertex("source", parallelism, |task| {
        while task.sleep(Duration::from_millis(1))? {}
        Ok(())
    })
}

fn run(cluster: &MiniCluster, job: MiniJob) -> JobId {
    let id = cluster.submit(job).wait().unwrap();
    eventually("all tasks run", || cluster.dispatcher().job_details(id).unwrap().tasks().all_running());
    id
}

#[test]
fn a_running_job_is_rescaled_within_its_requirements_and_slots() {
    let cluster = MiniCluster::start(
        MiniClusterConfiguration::new().slots_per_task_manager(4).set("jobmanager.scheduler", "adaptive"),
    )
    .unwrap();
    let dispatcher = cluster.dispatcher();
    let job = run(&cluster, endless(2));
    let vertex = *dispatcher.requirements(job).unwrap().vertices.keys().next().unwrap();
    let wanted = |lower, upper| JobResourceRequirements::new().vertex(vertex, lower, upper).unwrap();
    let width = || {
        let details = dispatcher.job_details(job).unwrap();
        (details.vertices[0].parallelism, details.tasks().all_running())
    };
    for (upper, expected) in [(3, 3), (9, 4), (1, 1)] {
        dispatcher.set_requirements(job, &wanted(1, upper)).unwrap();
        eventually("it runs as wide as it may", || width() == (expected, true));
        assert_eq!(cluster.slots_available(), 4 - expected as usize);
    }
    let refused = dispatcher.set_requirements(job, &wanted(1, 100_000)).unwrap_err();
    assert!(refused.to_string().contains("100000 for the job vertex"), "{refused}");
    let missing = dispatcher.set_requirements(job, &JobResourceRequirements::new()).unwrap_err();
    assert!(missing.to_string().contains("The request is incomplete, missing job vertex ["), "{missing}");
    dispatcher.set_requirements(job, &wanted(5, 5)).unwrap();
    eventually("it waits for what it needs", || dispatcher.job_status(job).unwrap() == JobStatus::Created);
    dispatcher.cancel(job).wait().unwrap().unwrap();
    assert_eq!(dispatcher.job_status(job).unwrap(), JobStatus::Canceled);
    assert_eq!(cluster.slots_available(), 4);
}

#[test]
fn the_default_scheduler_has_no_requirements() {
    let cluster = MiniCluster::start(MiniClusterConfiguration::new()).unwrap();
    let job = run(&cluster, endless(1));
    let refused = cluster.dispatcher().requirements(job).unwrap_err();
    assert_eq!(refused.class(), "java.lang.UnsupportedOperationException");
}

#[test]
fn jars_are_uploaded_listed_planned_run_and_deleted() {
    let cluster = MiniCluster::start(MiniClusterConfiguration::new().slots_per_task_manager(3)).unwrap();
    cluster.register_program("com.acme.Etl", |program| {
        MiniJob::new("etl").vertex("a <b>", program.parallelism(), |_| Ok(())).vertex("c", 3, |_| Ok(()))
    });
    let dispatcher = cluster.dispatcher();
    let jar = zip::tests::jar("Main-Class: com.acme.Etl\n", true);
    let path = dispatcher.upload_jar("etl.jar", &mut jar.as_slice()).unwrap();
    let id = path.file_name().unwrap().to_str().unwrap();
    assert_eq!(path.parent(), Some(dispatcher.jar_directory().as_path()));
    assert_eq!(dispatcher.list_jars()[0].entries[0].name, "com.acme.Etl");
    let request = RunRequest { parallelism: Some(2), ..RunRequest::default() };
    let plan = dispatcher.jar_plan(id, &request).wait().unwrap().unwrap();
    assert_eq!((plan.name.as_str(), plan.nodes.len(), plan.nodes[0].parallelism), ("etl", 2, 2));
    assert_eq!(plan.nodes[0].description, "a &lt;b><br/>");
    assert!(dispatcher.list_jobs().is_empty());
    let job = dispatcher.run_jar(id, &request).wait().unwrap().unwrap();
    assert!(dispatcher.await_job_result(job).wait().unwrap().unwrap().is_success());
    dispatcher.delete_jar(id).unwrap();
    assert!(dispatcher.list_jars().is_empty());
    let unknown = dispatcher.run_jar(id, &request).wait().unwrap().unwrap_err();
    assert!(unknown.root().to_string().ends_with(&format!("{id} does not exist")), "{unknown}");
}

#[test]
fn a_program_of_several_jobs_answers_the_first_and_runs_them_all_unless_an_id_was_chosen() {
    for (version, with_id) in [(FlinkVersion::new(1, 20, 5), Ok(1)), (FlinkVersion::new(2, 3, 0), Err(1))] {
        let configuration = MiniClusterConfiguration::new().slots_per_task_manager(2).flink_version(version);
        let cluster = MiniCluster::start(configuration).unwrap();
        cluster.register_program("com.acme.Twice", |_| [endless(1), endless(1)].to_vec());
        let dispatcher = cluster.dispatcher();
        let jar = zip::tests::jar("program-class: com.acme.Twice\n", false);
        let jar = dispatcher.upload_jar("a.jar", &mut jar.as_slice()).unwrap();
        let run = |job_id| {
            let request = RunRequest { job_id, ..RunRequest::default() };
            dispatcher.run_jar(jar.file_name().unwrap().to_str().unwrap(), &request).wait().unwrap()
        };
        let jobs = || dispatcher.list_jobs().iter().map(|job| job.job_id).collect::<Vec<_>>();
        let first = run(None).unwrap();
        assert!(jobs().len() == 2 && jobs()[1] == first, "the newest is listed first");
        let chosen = JobId::random();
        let submitted = run(Some(chosen)).map(|id| usize::from(id == chosen));
        let refused = |refused: JavaException| {
            let class = "org.apache.flink.runtime.client.DuplicateApplicationSubmissionException";
            usize::from(refused.is_or_has(class))
        };
        assert_eq!(submitted.map_err(refused), with_id, "{version}");
        assert!(jobs().len() == 3 && jobs()[0] == chosen, "{version}");
    }
}

#[test]
fn an_application_is_what_its_main_and_its_jobs_are() {
    let cluster = MiniCluster::start(MiniClusterConfiguration::new().slots_per_task_manager(2)).unwrap();
    cluster
        .register_program("com.acme.Twice", |_| vec![endless(1), endless(1)])
        .register_program("com.acme.Throwing", |_| Err::<MiniJob, _>(JavaException::new("a.B", "no")))
        .register_program("com.acme.Nothing", |_| None::<MiniJob>);
    let dispatcher = cluster.dispatcher();
    let jar = dispatcher.upload_jar("a.jar", &mut zip::tests::jar("", false).as_slice()).unwrap();
    let jar = jar.file_name().unwrap().to_str().unwrap();
    let start = |class: &str| {
        let request = RunRequest { entry_class: Some(class.into()), ..RunRequest::default() };
        dispatcher.run_application(jar, &request, None).unwrap()
    };
    let state = |id| dispatcher.application(id).unwrap().status;
    let twice = start("com.acme.Twice");
    eventually("both jobs are there", || dispatcher.application(twice).unwrap().jobs.len() == 2);
    assert_eq!(state(twice), ApplicationState::Running);
    dispatcher.cancel_application(twice).unwrap();
    eventually("it is cancelled", || state(twice) == ApplicationState::Canceled);
    assert!(dispatcher.cancel_application(twice).is_err(), "it has ended");
    let (throwing, nothing) = (start("com.acme.Throwing"), start("com.acme.Nothing"));
    eventually("it has failed", || state(throwing) == ApplicationState::Failed);
    eventually("it has finished", || state(nothing) == ApplicationState::Finished);
    let again = RunRequest { entry_class: Some("com.acme.Twice".into()), ..RunRequest::default() };
    assert!(dispatcher.run_application(jar, &again, Some(twice)).is_err(), "the id is taken");
    assert!(dispatcher.application(ApplicationId::random()).is_err());
    let job = run(&cluster, endless(1));
    let own = dispatcher.application(ApplicationId::from_bytes(*job.as_bytes())).unwrap();
    assert_eq!((own.name.as_str(), own.jobs[0].job_id), ("SingleJobApplication(endless)", job));
    assert_eq!(dispatcher.applications().len(), 4);
}

#[test]
fn failures_checkpoints_and_numbers_are_told() {
    let cluster = MiniCluster::start(MiniClusterConfiguration::new().task_managers(2)).unwrap();
    let dispatcher = cluster.dispatcher();
    let job = run(
        &cluster,
        MiniJob::new("told")
            .vertex("source", 2, |task| {
                let list = task.list_state::<u32>("source", "list")?;
                list.add(7);
                while task.sleep(Duration::from_millis(1))? {
                    if task.attempt() == 0 && task.subtask_index() == 1 && list.elements().len() == 1 {
                        list.add(8);
                        return Err(JavaException::new("com.acme.Kaput", "once"));
                    }
                }
                Ok(())
            })
            .restart_strategy(RestartStrategy::fixed_delay(1, Duration::ZERO)),
    );
    eventually("it has restarted", || {
        !dispatcher.exceptions(job, None).unwrap().entries.is_empty()
            && dispatcher.job_details(job).unwrap().tasks().all_running()
    });
    let history = dispatcher.exceptions(job, None).unwrap();
    assert_eq!(history.entries[0].exception_name, "com.acme.Kaput");
    assert_eq!(history.entries[0].task_name.as_deref(), Some("source (2/2) - execution #0"));
    assert_eq!(history.entries[0].task_manager_id.as_ref(), Some(&dispatcher.task_managers()[1].id));

    let checkpoint = TriggerId::random();
    dispatcher.trigger_checkpoint(job, checkpoint, CheckpointType::Full).unwrap();
    assert_eq!(dispatcher.await_checkpoint(job, checkpoint).wait().unwrap(), Ok(1));
    let trigger = TriggerId::random();
    dispatcher
        .trigger_savepoint(job, trigger, Some("/proc/nowhere"), SavepointFormatType::Native, false)
        .unwrap();
    assert!(dispatcher.await_savepoint(job, trigger).wait().unwrap().is_err());
    let statistics = dispatcher.checkpoints(job).unwrap();
    assert_eq!(
        (statistics.counts.completed, statistics.counts.failed, statistics.counts.in_progress),
        (1, 1, 0)
    );
    assert_eq!(statistics.latest.failed.unwrap().savepoint_format, Some(SavepointFormatType::Native));
    let details = dispatcher.checkpoint_details(job, 1).unwrap();
    let vertex = dispatcher.job_plan(job).unwrap().nodes[0].id;
    assert_eq!(details.tasks[&vertex].num_acknowledged_subtasks, 2);
    assert!(dispatcher.checkpoint_details(job, 99).is_err());
    assert!(dispatcher.checkpoint_config(job).unwrap().interval.is_none());

    let subtasks = dispatcher.vertex(job, vertex).unwrap().subtasks;
    assert_eq!((subtasks.len(), subtasks[1].attempt), (2, 1));
    assert!(dispatcher.vertex(job, crate::JobVertexId::from_bytes([0; 16])).is_err());
    assert!(dispatcher.vertex_accumulators(job, vertex).unwrap().is_empty());
    let config = dispatcher.job_config(job).unwrap().execution_config.unwrap();
    assert_eq!(config.restart_strategy, "Restart with fixed delay (0 ms). #1 restart attempts.");
    let metric = |name: &str| {
        let metrics = dispatcher.job_metrics(job).unwrap();
        metrics.into_iter().find(|metric| metric.id == name).unwrap().as_f64()
    };
    assert_eq!((metric("numRestarts"), metric("numberOfCompletedCheckpoints")), (Some(1.0), Some(1.0)));
    let overview = dispatcher.overview();
    assert_eq!((overview.slots_total, overview.slots_available, overview.jobs_running), (2, 0, 1));
    assert_eq!(dispatcher.task_managers()[0].assigned_tasks, Some(1));
    assert!(dispatcher.task_manager("localhost:1-ffffff").is_err());
    assert_eq!(dispatcher.job_manager_metrics()[1].value.as_deref(), Some("1"));
}

#[test]
fn a_program_may_hold_its_cluster() {
    let cluster =
        MiniCluster::start(MiniClusterConfiguration::new().set("jobstore.max-capacity", "1")).unwrap();
    for _ in 0..3 {
        let own = cluster.clone();
        let job = MiniJob::new("short").vertex("source", 1, move |_| {
            assert!(own.is_open());
            Ok(())
        });
        let job = cluster.submit(job).wait().unwrap();
        cluster.dispatcher().await_job_result(job).wait().unwrap().unwrap();
    }
    let weak = std::sync::Arc::downgrade(cluster.dispatcher().core());
    cluster.close();
    drop(cluster);
    eventually("nothing of it is left", || weak.strong_count() == 0);
}
