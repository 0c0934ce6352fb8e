//! Exactly once through a network that loses things, by the cluster's own records.
//!
//! A short run by default; `FLINK_TEST_CHAOS=full` for the whole one (some minutes), `FLINK_TEST_CHAOS_SEED=N` for other
//! harms. The figures are printed (`-- --nocapture`) and left in `target/tmp/chaos-VERSION.txt`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flink_client::{
    CheckpointType, ClusterClient, Error, ErrorKind, ExecutionPlan, ExponentialWaitStrategy, JobId,
    JobResult, JobStatus, RestClusterClient, RestClusterClientConfiguration, SavepointFormatType,
    StandaloneClusterId,
};
use serde_json::Value;

use crate::support::{ChaosProxy, Cluster, Environment, Http, Settings, until};

const LIMIT: Duration = Duration::from_secs(120);

/// The share of requests that are harmed.
const RATE: f64 = 0.3;

/// So few that some operations are given up, and have to say truly what became of them.
const ATTEMPTS: u32 = 5;

/// Operations at a time.
const CREW: usize = 8;

/// How many of each.
struct Numbers {
    savepoints: usize,
    checkpoints: usize,
    /// Jobs from a jar, each of them stopped with a savepoint.
    stops: usize,
    /// Jobs from a jar that is there or from a serialised plan, each of them cancelled.
    cancels: usize,
    /// Of the jobs that are cancelled.
    plans: usize,
    disposals: usize,
    uploads: usize,
}

impl Numbers {
    fn get() -> Self {
        match std::env::var("FLINK_TEST_CHAOS").as_deref() {
            // A run that is given up leaves nothing to stop or cancel, so there are more of them than have to be shown.
            Ok("full") => Self {
                savepoints: 200,
                checkpoints: 50,
                stops: 54,
                cancels: 54,
                plans: 10,
                disposals: 100,
                uploads: 30,
            },
            _ => Self {
                savepoints: 24,
                checkpoints: 8,
                stops: 8,
                cancels: 8,
                plans: 2,
                disposals: 12,
                uploads: 6,
            },
        }
    }
}

/// How operations of one sort ended, against what they did.
#[derive(Default)]
struct Tally {
    succeeded: usize,
    /// Errors, by kind, with the number of effects that they had.
    errors: BTreeMap<String, (usize, usize)>,
    effects: usize,
}

impl Tally {
    /// Takes in an operation that ended so and had so many effects; panics if it was not exactly once, or lied.
    #[track_caller]
    fn judge<T>(&mut self, what: &str, outcome: &Result<T, Error>, effects: usize) {
        self.effects += effects;
        match outcome {
            Ok(_) => {
                assert_eq!(effects, 1, "{what} succeeded");
                self.succeeded += 1;
            }
            Err(error) => {
                let most = match error.kind() {
                    ErrorKind::OutcomeUnknown | ErrorKind::OperationLost => 1,
                    // It was never taken.
                    ErrorKind::Connect | ErrorKind::Unavailable => 0,
                    _ => panic!("{what}: not an error that the network gives: {error:?}"),
                };
                assert!(effects <= most, "{what} had {effects} effects, but: {error}");
                let (count, did) = self.errors.entry(format!("{:?}", error.kind())).or_default();
                *count += 1;
                *did += effects;
            }
        }
    }

    fn line(&self, what: &str) -> String {
        let errors: usize = self.errors.values().map(|(count, _)| count).sum();
        let mut line = format!(
            "{what:20} {:4} operations, {:4} succeeded, {errors:3} true errors, {:4} effects",
            self.succeeded + errors,
            self.succeeded,
            self.effects
        );
        for (kind, (count, effects)) in &self.errors {
            let _ = write!(line, "; {count} {kind} ({effects} with effect)");
        }
        line.push('\n');
        line
    }
}

/// Does `work` for every number below `count`, several at a time; gives the results in order.
fn crew<T: Send>(count: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..CREW.min(count) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    let result = work(number);
                    results.lock().expect("no worker panics with it").push((number, result));
                }
            });
        }
    });
    let mut results = results.into_inner().expect("no worker panics with it");
    results.sort_by_key(|(number, _)| *number);
    results.into_iter().map(|(_, result)| result).collect()
}

/// The savepoints in a folder; none if there is no such folder.
fn savepoints_in(folder: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(folder).into_iter().flatten().map(|entry| entry.expect("a readable folder").path());
    entries.filter(|path| path.join("_metadata").exists()).collect()
}

fn is_of(path: &str, folder: &Path) -> bool {
    savepoints_in(folder).iter().any(|savepoint| path == format!("file:{}", savepoint.display()))
}

struct Scene {
    cluster: Cluster,
    proxy: ChaosProxy,
    client: RestClusterClient<StandaloneClusterId>,
    report: String,
}

impl Scene {
    fn set(seed: u64) -> Self {
        let cluster = Settings::mini()
            .slots(16)
            .set("web.refresh-interval", "50")
            .set("web.checkpoints.history", "1000")
            .set("state.checkpoints.num-retained", "100")
            .set("jobstore.max-capacity", "1000")
            .start();
        let proxy = ChaosProxy::before(cluster.port(), seed, RATE);
        let millis = Duration::from_millis;
        let configuration = RestClusterClientConfiguration::builder()
            .address(proxy.url())
            .max_attempts(ATTEMPTS)
            .retry_strategy(
                ExponentialWaitStrategy::new(millis(10), millis(300), 2.0)
                    .and_then(|waits| waits.with_jitter(0.3))
                    .unwrap(),
            )
            .build()
            .unwrap();
        let client = RestClusterClient::new(configuration, StandaloneClusterId).unwrap();
        Self { cluster, proxy, client, report: String::new() }
    }

    fn http(&self) -> &Http {
        self.cluster.http()
    }

    /// The ids of all jobs that the cluster has ever had, with their states.
    fn jobs(&self) -> BTreeMap<String, String> {
        let (_, body) = self.http().get("/jobs/overview");
        let jobs = body["jobs"].as_array().expect("a list").iter();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        jobs.map(|job| (text(&job["jid"]), text(&job["state"]))).collect()
    }

    fn jars(&self) -> BTreeSet<String> {
        let (_, body) = self.http().get("/jars");
        let jars = body["files"].as_array().expect("a list").iter();
        jars.map(|jar| jar["id"].as_str().expect("an id").to_owned()).collect()
    }

    /// The completed snapshots of a job by its own history, once none is in progress any more: all, and those that are
    /// savepoints.
    fn history(&self, job: &str) -> (BTreeSet<u64>, BTreeSet<u64>) {
        until("no checkpoint to be in progress", LIMIT, || {
            let (_, body) = self.http().get(&format!("/jobs/{job}/checkpoints"));
            let counts = &body["counts"];
            if counts["in_progress"] != 0 {
                return None;
            }
            let history = body["history"].as_array().expect("a history");
            let completed = || history.iter().filter(|checkpoint| checkpoint["status"] == "COMPLETED");
            let id = |checkpoint: &Value| checkpoint["id"].as_u64().expect("an id");
            let all: BTreeSet<u64> = completed().map(id).collect();
            assert_eq!(counts["completed"].as_u64(), Some(all.len() as u64), "{counts}");
            assert_eq!(counts["failed"], 0, "{counts}");
            assert_eq!(counts["total"], counts["completed"], "{counts}");
            Some((all, completed().filter(|checkpoint| checkpoint["is_savepoint"] == true).map(id).collect()))
        })
    }

    fn tell(&mut self, what: &str, tally: &Tally, began: Instant) {
        let _ = write!(self.report, "{:6.1} s  {}", began.elapsed().as_secs_f64(), tally.line(what));
    }
}

#[test]
fn every_operation_has_exactly_one_effect_or_an_error_that_is_true() {
    let seed = std::env::var("FLINK_TEST_CHAOS_SEED").map_or(1, |seed| seed.parse().expect("a number"));
    let numbers = Numbers::get();
    let mut scene = Scene::set(seed);
    let jar = scene.http().upload(&Environment::get().jobs_jar());

    savepoints_and_checkpoints(&mut scene, &numbers, &jar);
    let mut jobs = runs_and_stops(&mut scene, &numbers);
    jobs.extend(cancels(&mut scene, &numbers, &jar));
    disposals(&mut scene, &numbers);
    uploads(&mut scene, &numbers);

    // Nothing is left over: no job but ours, no jar but the first.
    until("jars that are being removed", LIMIT, || {
        (scene.jars() == BTreeSet::from([jar.clone()])).then_some(())
    });
    let known: BTreeSet<String> = scene.jobs().into_keys().collect();
    assert!(known.is_subset(&jobs.union(&long_running(&scene)).cloned().collect()), "{known:?}");

    let toll = scene.proxy.toll();
    let report = format!("Flink {}, seed {seed}\n{}{toll}", Environment::get().version, scene.report);
    println!("{report}");
    let file = format!("chaos-{}.txt", Environment::get().version);
    fs::write(Path::new(env!("CARGO_TARGET_TMPDIR")).join(file), report).expect("target/ can be written");
    // Else this has shown nothing.
    assert!((RATE - toll.harmed()).abs() < 0.1, "{toll}");
}

/// The jobs that run to the end of the test.
fn long_running(scene: &Scene) -> BTreeSet<String> {
    scene.jobs().into_iter().filter(|(_, state)| state == "RUNNING").map(|(id, _)| id).collect()
}

fn savepoints_and_checkpoints(scene: &mut Scene, numbers: &Numbers, jar: &str) {
    let jobs: Vec<String> =
        (0..4).map(|_| scene.http().run(jar, "Stateful", &["--parallelism", "1"])).collect();
    jobs.iter().for_each(|job| scene.http().await_running(job));
    let id = |number: usize| -> JobId { jobs[number % jobs.len()].parse().expect("an id") };
    let folder = |number: usize| scene.cluster.folder("savepoints").join(number.to_string());

    let began = Instant::now();
    let outcomes = crew(numbers.savepoints, |number| {
        let folder = folder(number).display().to_string();
        scene.client.trigger_savepoint(id(number), Some(&folder), SavepointFormatType::Canonical).wait()
    });
    let made: usize = jobs.iter().map(|job| scene.history(job).1.len()).sum();
    let mut tally = Tally::default();
    for (number, outcome) in outcomes.iter().enumerate() {
        tally.judge("a savepoint", outcome, savepoints_in(&folder(number)).len());
        if let Ok(path) = outcome {
            assert!(is_of(path, &folder(number)), "{path}");
        }
    }
    assert_eq!(made, tally.effects, "savepoints by the history, and on disk");

    let checkpoints_began = Instant::now();
    let outcomes = crew(numbers.checkpoints, |number| {
        scene.client.trigger_checkpoint(id(number), CheckpointType::Full).wait()
    });
    let mut checkpoints = Tally::default();
    for (index, job) in jobs.iter().enumerate() {
        let (all, savepoints) = scene.history(job);
        let mut made: BTreeSet<u64> = all.difference(&savepoints).copied().collect();
        let of_job = || outcomes.iter().enumerate().filter(|(number, _)| number % jobs.len() == index);
        for (_, outcome) in of_job().filter(|(_, outcome)| outcome.is_ok()) {
            let there = outcome.as_ref().is_ok_and(|number| made.remove(number));
            checkpoints.judge("a checkpoint", outcome, usize::from(there));
        }
        // What is left belongs to those that do not know.
        for (_, outcome) in of_job().filter(|(_, outcome)| outcome.is_err()) {
            let unknown = outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::OutcomeUnknown);
            let did = unknown && made.pop_first().is_some();
            checkpoints.judge("a checkpoint", outcome, usize::from(did));
        }
        assert!(made.is_empty(), "checkpoints of nobody: {made:?}");
    }
    scene.tell("savepoints", &tally, began);
    scene.tell("checkpoints", &checkpoints, checkpoints_began);
}

/// Gives the ids of the jobs.
fn runs_and_stops(scene: &mut Scene, numbers: &Numbers) -> BTreeSet<String> {
    let plan = ExecutionPlan::jar(Environment::get().jobs_jar()).entry_class("jobs.Stateful").parallelism(1);
    let before = scene.jobs();
    let ids: Vec<JobId> = (0..numbers.stops).map(|_| JobId::random()).collect();
    let folder = |number: usize| scene.cluster.folder("stops").join(number.to_string());
    let began = Instant::now();
    let outcomes = crew(numbers.stops, |number| {
        let id = ids[number];
        let run = scene.client.submit_job(plan.clone().job_id(id)).wait();
        let runs = scene.jobs().contains_key(&id.to_string());
        if !runs {
            return (run, None);
        }
        scene.http().await_running(&id.to_string());
        let folder = folder(number).display().to_string();
        let stop =
            scene.client.stop_with_savepoint(id, false, Some(&folder), SavepointFormatType::Canonical).wait();
        if stop.is_ok() {
            let result = scene.client.job_result(id).wait();
            assert!(result.as_ref().map_or_else(passes, JobResult::is_success), "{result:?}");
            assert_eq!(scene.http().job_status(&id.to_string()), "FINISHED");
        }
        (run, Some(stop))
    });
    let (mut runs, mut stops) = (Tally::default(), Tally::default());
    for (number, (run, stop)) in outcomes.iter().enumerate() {
        runs.judge("a run", run, usize::from(scene.jobs().contains_key(&ids[number].to_string())));
        let Some(stop) = stop else { continue };
        if stop.is_err() {
            // It may be under way still, and ends the job or not.
            scene.history(&ids[number].to_string());
        }
        let savepoints = savepoints_in(&folder(number)).len();
        let stopped = scene.http().job_status(&ids[number].to_string()) == "FINISHED";
        assert_eq!(savepoints, usize::from(stopped), "savepoints of a job that is stopped: {stopped}");
        stops.judge("a stop", stop, savepoints);
        if let Ok(path) = stop {
            assert!(is_of(path, &folder(number)), "{path}");
        }
        if !stopped {
            scene.http().cancel(&ids[number].to_string());
        }
    }
    scene.tell("runs of a jar", &runs, began);
    scene.tell("stops", &stops, began);
    let ids: BTreeSet<String> = ids.iter().map(ToString::to_string).collect();
    let news: BTreeSet<String> = scene.jobs().into_keys().filter(|id| !before.contains_key(id)).collect();
    assert!(news.is_subset(&ids), "jobs that nobody submitted: {:?}", news.difference(&ids));
    ids
}

/// Gives the ids of the jobs.
fn cancels(scene: &mut Scene, numbers: &Numbers, jar: &str) -> BTreeSet<String> {
    let folder = scene.cluster.folder("plans");
    let plans: Vec<(JobId, ExecutionPlan)> = crew(numbers.cancels, |number| {
        if number >= numbers.plans {
            let id = JobId::random();
            let plan = ExecutionPlan::uploaded_jar(jar).entry_class("jobs.Stateful").parallelism(1);
            return (id, plan.job_id(id));
        }
        let file = folder.join(format!("plan-{number}"));
        let out = file.display().to_string();
        let arguments = ["--job", "stateful", "--parallelism", "1", "--out", &out];
        let id: JobId = Environment::get().run_java("jobs.WritePlan", &arguments).parse().expect("an id");
        (id, ExecutionPlan::serialized(file).with_jar(Environment::get().jobs_jar()).job_id(id))
    });
    let began = Instant::now();
    let outcomes = crew(numbers.cancels, |number| {
        let (id, plan) = &plans[number];
        let run = scene.client.submit_job(plan.clone()).wait();
        if !scene.jobs().contains_key(&id.to_string()) {
            return (run, None);
        }
        scene.http().await_running(&id.to_string());
        let cancel = scene.client.cancel(*id).wait();
        if cancel.is_ok() {
            let result = scene.client.job_result(*id).wait();
            assert!(result.as_ref().map_or_else(passes, |result| !result.is_success()), "{result:?}");
            let status = scene.client.job_status(*id).wait();
            assert!(
                status.as_ref().map_or_else(passes, |status| *status == JobStatus::Canceled),
                "{status:?}"
            );
        }
        (run, Some(cancel))
    });
    let (mut runs, mut submissions, mut cancels) = (Tally::default(), Tally::default(), Tally::default());
    for (number, (run, cancel)) in outcomes.iter().enumerate() {
        let id = plans[number].0.to_string();
        let tally = if number < numbers.plans { &mut submissions } else { &mut runs };
        tally.judge("a run", run, usize::from(scene.jobs().contains_key(&id)));
        let Some(cancel) = cancel else { continue };
        let cancelled = ["CANCELED", "CANCELLING"].contains(&&*scene.http().job_status(&id));
        cancels.judge("a cancel", cancel, usize::from(cancelled));
        if !cancelled {
            scene.http().cancel(&id);
        }
    }
    scene.tell("runs", &runs, began);
    scene.tell("serialised plans", &submissions, began);
    scene.tell("cancels", &cancels, began);
    plans.into_iter().map(|(id, _)| id.to_string()).collect()
}

fn disposals(scene: &mut Scene, numbers: &Numbers) {
    let root = scene.cluster.folder("savepoints");
    let there: Vec<PathBuf> = fs::read_dir(root)
        .expect("a folder")
        .flat_map(|folder| savepoints_in(&folder.expect("a readable folder").path()))
        .take(numbers.disposals)
        .collect();
    let began = Instant::now();
    let outcomes = crew(there.len(), |number| {
        scene.client.dispose_savepoint(&there[number].display().to_string()).wait()
    });
    let mut tally = Tally::default();
    for (path, outcome) in there.iter().zip(&outcomes) {
        tally.judge("a disposal", outcome, usize::from(!path.exists()));
    }
    scene.tell("disposals", &tally, began);
}

fn uploads(scene: &mut Scene, numbers: &Numbers) {
    let folder = scene.cluster.folder("jars");
    let before = scene.jars();
    let began = Instant::now();
    let outcomes = crew(numbers.uploads, |number| {
        let name = format!("upload-{number}.jar");
        fs::copy(Environment::get().jobs_jar(), folder.join(&name)).expect("the folder can be written");
        let upload = scene.client.upload_jar(folder.join(&name)).wait();
        let there: Vec<String> =
            scene.jars().into_iter().filter(|id| id.ends_with(&format!("_{name}"))).collect();
        let removals = there.iter().map(|id| scene.client.delete_jar(id).wait()).collect::<Vec<_>>();
        (upload, there, removals)
    });
    let (mut uploads, mut removals) = (Tally::default(), Tally::default());
    let left = scene.jars();
    for (upload, there, removed) in &outcomes {
        // An upload that was repeated may have left copies besides.
        uploads.judge("an upload", upload, there.len().min(1));
        assert!(upload.as_ref().map_or(true, |id| there.contains(id)), "{upload:?} {there:?}");
        for (id, removed) in there.iter().zip(removed) {
            removals.judge("a removal", removed, usize::from(!left.contains(id)));
            if left.contains(id) {
                scene.http().send("DELETE", &format!("/jars/{id}"), None);
            }
        }
    }
    scene.tell("uploads", &uploads, began);
    scene.tell("removals of jars", &removals, began);
    // Copies may also have come after their upload was judged.
    for late in scene.jars().iter().filter(|id| !before.contains(*id) && id.contains("_upload-")) {
        scene.http().send("DELETE", &format!("/jars/{late}"), None);
    }
    assert_eq!(scene.jars(), before);
}

/// Whether a look failed for no other reason than the network.
fn passes(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::Connect | ErrorKind::ConnectionLost | ErrorKind::Unavailable | ErrorKind::Timeout
    )
}
