//! Programs in jars, run by their stand-ins.

use std::sync::{Arc, Mutex};

use flink_client::mini::{JavaException, MiniJob};
use flink_client::{ClusterClient, ErrorKind, ExecutionPlan, JobId, JobStatus};

use super::support::{Lab, endless};

#[test]
fn a_program_is_given_what_it_is_run_with() {
    let lab = Lab::new(4);
    lab.cluster.register_program("com.acme.Etl", |program| {
        assert_eq!((program.entry_class(), program.jar_name()), ("com.acme.Etl", "program.jar"));
        assert_eq!(program.configuration().get_raw("acme.level"), Some("7"));
        let name = format!("etl of {}", program.parameter("topic").unwrap());
        MiniJob::new(name).vertex("source", program.parallelism(), |task| {
            let args = task.args().join(" ");
            task.list("args").add(args);
            Ok(())
        })
    });
    let jar = lab.jar("Manifest-Version: 1.0\r\nMain-Class: com.acme.Etl\r\n");
    let id = JobId::random();
    let sent = Arc::new(Mutex::new((0, 0)));
    let progress = Arc::clone(&sent);
    let plan = ExecutionPlan::jar(&jar)
        .args(["--topic", "a b"])
        .parallelism(2)
        .job_id(id)
        .configuration("acme.level", "7")
        .on_upload(move |now, all| *progress.lock().unwrap() = (now, all));
    assert_eq!(lab.client.submit_job(plan).wait().unwrap(), id);
    let length = std::fs::metadata(&jar).unwrap().len();
    assert_eq!(*sent.lock().unwrap(), (length, length));
    let result = lab.client.job_result(id).wait().unwrap();
    assert_eq!(result.job_name.as_deref(), Some("etl of a b"));
    assert_eq!(result.accumulators.value("args").unwrap().to_string(), "[--topic a b, --topic a b]");
}

#[test]
fn what_is_wrong_with_a_program_is_told_as_flink_tells_it() {
    let lab = Lab::new(1);
    lab.cluster
        .register_program("com.acme.Nothing", |_| None::<MiniJob>)
        .register_program("com.acme.Throwing", |_| -> Result<MiniJob, JavaException> {
            Err(JavaException::new("java.lang.IllegalArgumentException", "main gave up")
                .caused_by(JavaException::new("java.lang.ArithmeticException", "because")))
        })
        .register_program("com.acme.Panicking", |_| -> MiniJob { panic!("main panicked") })
        .register_program("com.acme.Empty", |_| MiniJob::new("empty"))
        .register_program("com.acme.Twins", |_| {
            MiniJob::new("twins").vertex("a", 1, |_| Ok(())).operator("x").operator("x")
        });
    let jar = lab.jar("Manifest-Version: 1.0\n");
    let refused =
        |class: &str| lab.client.submit_job(ExecutionPlan::jar(&jar).entry_class(class)).wait().unwrap_err();
    for (class, text, exception) in [
        (
            "com.acme.Nothing",
            "No jobs included in application",
            "org.apache.flink.runtime.rest.handler.RestHandlerException",
        ),
        ("com.acme.Throwing", "main gave up", "java.lang.ArithmeticException"),
        ("com.acme.Panicking", "main panicked", "java.lang.Error"),
        ("com.acme.Empty", "No operators defined", "java.lang.IllegalStateException"),
        ("com.acme.Twins", "non-unique ID", "java.lang.IllegalArgumentException"),
        (
            "com.acme.NoSuch",
            "entry point class 'com.acme.NoSuch' was not found",
            "java.lang.ClassNotFoundException",
        ),
    ] {
        let error = refused(class);
        assert_eq!(error.kind(), ErrorKind::ProgramFailed, "{class}: {error}");
        assert!(error.to_string().contains(text), "{class}: {error}");
        assert_eq!(error.exception_class(), Some(exception), "{class}");
    }
    let unnamed = lab.client.submit_job(ExecutionPlan::jar(&jar)).wait().unwrap_err();
    assert!(unnamed.to_string().contains("Neither a 'Main-Class', nor a 'program-class' entry"), "{unnamed}");
    assert!(lab.client.list_jobs().wait().unwrap().is_empty());
}

#[test]
fn what_is_no_jar_is_not_run() {
    let lab = Lab::new(1);
    let path = lab.directory.path().join("broken.jar");
    let missing = lab.client.submit_job(ExecutionPlan::jar(&path)).wait().unwrap_err();
    assert_eq!(missing.kind(), ErrorKind::LocalFile, "{missing}");
    std::fs::write(&path, "not a jar").unwrap();
    let broken = lab.client.submit_job(ExecutionPlan::jar(&path).entry_class("A")).wait().unwrap_err();
    assert_eq!(broken.kind(), ErrorKind::ProgramFailed, "{broken}");
    assert_eq!(broken.exception_class(), Some("java.util.zip.ZipException"));
    let other = lab.directory.path().join("program.zip");
    std::fs::write(&other, super::support::jar("")).unwrap();
    let named = lab.client.submit_job(ExecutionPlan::jar(&other)).wait().unwrap_err();
    assert!(named.to_string().contains("Only Jar files are allowed"), "{named}");
    let unknown = lab.client.submit_job(ExecutionPlan::uploaded_jar("nosuch.jar")).wait().unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::JarNotFound, "{unknown}");
    let graph = lab.client.submit_job(ExecutionPlan::serialized(&path)).wait().unwrap_err();
    assert_eq!(graph.kind(), ErrorKind::Unsupported, "{graph}");
}

#[test]
fn an_id_is_taken_once_while_its_job_runs_and_after() {
    let lab = Lab::new(2);
    lab.cluster.register_program("com.acme.Endless", |_| endless(1));
    let jar = lab.jar("Main-Class: com.acme.Endless\n");
    let id = JobId::random();
    let submit = || lab.client.submit_job(ExecutionPlan::jar(&jar).job_id(id)).wait();
    submit().unwrap();
    assert_eq!(submit().unwrap_err().kind(), ErrorKind::DuplicateJob);
    assert_eq!(lab.status(id), JobStatus::Running);
    lab.client.cancel(id).wait().unwrap();
    lab.client.job_result(id).wait().unwrap();
    let refused = submit().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::DuplicateJob, "{refused}");
    assert_eq!(refused.job_id(), Some(id));
}

#[test]
fn a_restart_strategy_may_come_from_the_configuration() {
    let lab = Lab::new(1);
    lab.cluster.register_program("com.acme.Failing", |_| {
        MiniJob::new("failing").vertex("source", 1, |task| match task.attempt() {
            2 => Ok(()),
            _ => Err(JavaException::new("com.acme.Kaput", "again")),
        })
    });
    let jar = lab.jar("Main-Class: com.acme.Failing\n");
    let plan = ExecutionPlan::jar(&jar)
        .configuration("restart-strategy.type", "fixed-delay")
        .configuration("restart-strategy.fixed-delay.attempts", "2")
        .configuration("restart-strategy.fixed-delay.delay", "1 ms");
    let job = lab.client.submit_job(plan).wait().unwrap();
    assert!(lab.client.job_result(job).wait().unwrap().is_success());
    let unknown = ExecutionPlan::jar(&jar).configuration("restart-strategy.type", "prayer");
    let refused = lab.client.submit_job(unknown).wait().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ProgramFailed, "{refused}");
}
