use super::*;

fn kind_of(about: About, status: u16, error: &str) -> ErrorKind {
    server_errors(about, status, vec![error.to_owned()]).kind()
}

#[test]
fn a_stop_that_failed_after_its_savepoint_carries_the_path() {
    let trace = "java.util.concurrent.CompletionException: org.apache.flink.runtime.scheduler.stopwithsavepoint.\
        StopWithSavepointStoppingException: A savepoint has been created at: s3://sp/a, b/savepoint-1, but the \
        corresponding job 0123 failed during stopping. The savepoint is consistent, but might have uncommitted \
        transactions.\n\tat a.B.c(B.java:1)\nCaused by: org.apache.flink.runtime.scheduler.stopwithsavepoint.\
        StopWithSavepointStoppingException: A savepoint has been created at: s3://sp/a, b/savepoint-1, but the \
        corresponding job 0123 failed during stopping.\n\tat a.B.c(B.java:1)\n\
        Caused by: java.io.IOException: sink is gone\n\tat a.B.c(B.java:1)\n";
    let error = operation_failure(AsyncOperation::Stop, "java.util.concurrent.CompletionException", trace);
    assert_eq!(error.kind(), StopFailedAfterSavepoint);
    assert_eq!(error.savepoint_path(), Some("s3://sp/a, b/savepoint-1"));
    assert_eq!(error.exception_class(), Some("java.io.IOException"));
    assert_eq!(error.stack_trace(), Some(trace));
}

#[test]
fn texts_of_other_versions_are_known() {
    let handler = "org.apache.flink.runtime.rest.handler.RestHandlerException: ";
    for (status, text, kind) in [
        (404, "Checkpointing has not been enabled.", CheckpointingDisabled),
        (404, "Checkpointing is not enabled for this job (01).", CheckpointingDisabled),
        (404, "Checkpointing was not enabled for job 01.", CheckpointingDisabled),
        (
            400,
            "Job cancellation failed because the job has already reached another terminal state (FINISHED).",
            JobAlreadyTerminal,
        ),
        (404, "Could not find checkpointing statistics for checkpoint 7.", NotFound),
        (409, "Another update to the job [01] resource requirements is in progress.", JobNotReady),
        (408, "Job cancellation timed out.", Timeout),
        (400, "Anything else.", ErrorKind::InvalidRequest),
        (500, "Anything else.", ErrorKind::Server),
        (404, "Anything else.", JobNotFound),
    ] {
        assert_eq!(kind_of(About::Job, status, &format!("{handler}{text}\n\tat a.B(C)")), kind, "{text}");
    }
    let no_directory = "java.lang.IllegalStateException: No savepoint directory configured. You can either …";
    assert_eq!(kind_of(About::Job, 500, no_directory), SavepointDirectoryMissing);
    let ask = "java.util.concurrent.TimeoutException: Invocation of [RemoteRpcInvocation(X.y())] at recipient [pekko] timed out.";
    assert_eq!(kind_of(About::Job, 500, ask), Timeout);
}

#[test]
fn what_a_404_is_about_depends_on_what_was_asked_for() {
    let text = "org.apache.flink.runtime.rest.NotFoundException: no such thing";
    for (about, kind) in [
        (About::Job, JobNotFound),
        (About::Operation, OperationLost),
        (About::Jar, JarNotFound),
        (About::Part, NotFound),
        (About::Cluster, NotFound),
    ] {
        assert_eq!(kind_of(about, 404, text), kind);
        assert_eq!(kind_of(about, 404, "Not found: /v2/jobs"), Unsupported);
    }
}

#[test]
fn what_a_program_throws_does_not_pass_for_the_servers_word() {
    let program = "java.util.concurrent.CompletionException: org.apache.flink.client.program.ProgramInvocationException: \
        The main method caused an error\n\tat a.B(C)\n\
        Caused by: java.lang.UnsupportedOperationException: not yet\n\tat a.B(C)";
    assert_eq!(kind_of(About::Jar, 400, program), ProgramFailed);
    let snapshot = "org.apache.flink.runtime.checkpoint.CheckpointException: Task has failed.\n\tat a.B(C)\n\
        Caused by: java.lang.UnsupportedOperationException: not yet\n\tat a.B(C)";
    let failed = |operation| operation_failure(operation, "x.Y", snapshot).kind();
    assert_eq!(failed(AsyncOperation::Savepoint), ErrorKind::SavepointFailed);
    assert_eq!(failed(AsyncOperation::Checkpoint), ErrorKind::CheckpointFailed);
    assert_eq!(failed(AsyncOperation::Disposal), ErrorKind::Server);
    let user = "com.acme.FlinkJobNotFoundException: mine\n\tat a.B(C)";
    assert_eq!(kind_of(About::Cluster, 500, user), ErrorKind::Server);
}

#[test]
fn a_program_that_could_not_reach_the_leader_has_not_failed() {
    for (cause, kind) in [
        (
            "org.apache.flink.runtime.rpc.exceptions.RecipientUnreachableException: Could not send message [x]",
            Unavailable,
        ),
        ("java.io.IOException: Could not connect to BlobServer at address 127.0.0.1:34567", Unavailable),
        (
            "java.util.concurrent.TimeoutException: Invocation of [RemoteRpcInvocation(x)] at recipient [y] timed out.",
            Timeout,
        ),
        ("java.io.IOException: Could not connect to the lake", ProgramFailed),
    ] {
        let program = format!(
            "org.apache.flink.runtime.rest.handler.RestHandlerException: Could not execute application.\n\tat a.B(C)\n\
             Caused by: org.apache.flink.client.program.ProgramInvocationException: The main method caused an error: \
             Failed to execute job 'etl'.\n\tat a.B(C)\n\
             Caused by: java.util.concurrent.CompletionException: {cause}\n\tat a.B(C)"
        );
        assert_eq!(kind_of(About::Jar, 400, &program), kind, "{cause}");
    }
}

#[test]
fn credentials_are_asked_for_before_anything_else_is_read() {
    assert_eq!(kind_of(About::Job, 401, "Not found: /jobs"), ErrorKind::Authentication);
}

/// Texts of Flink's for the rows that no recording is about: from its own sources, of 1.18 to 2.3.
#[rustfmt::skip]
const NOT_RECORDED: &[(Place, &str, ErrorKind)] = &[
    (Operation, "org.apache.flink.runtime.scheduler.stopwithsavepoint.StopWithSavepointStoppingException: A savepoint has been created at: s3://sp/1, but the corresponding job 01 failed during stopping.", StopFailedAfterSavepoint),
    (Operation, "org.apache.flink.util.FlinkException: A savepoint has been created at: s3://sp/1, but the corresponding job 01 failed during stopping.", StopFailedAfterSavepoint),
    (Job, "java.lang.IllegalStateException: Failed to rollback to checkpoint/savepoint s3://sp/1. Max parallelism mismatch between checkpoint/savepoint state and new program.", NonRestoredState),
    (Answer, "java.lang.IllegalStateException: Cannot map checkpoint/savepoint state for operator 01 to the new program.", NonRestoredState),
    (Job, "java.io.FileNotFoundException: Cannot find meta data file '_metadata' in directory 's3://sp/1'.", SavepointNotFound),
    (Answer, "java.io.IOException: Checkpoint/savepoint path 's3:x' is not a valid file URI. Either the pointer path is invalid, or the checkpoint was created by a different state backend.", SavepointNotFound),
    (Answer, "java.io.IOException: Cannot access file system for checkpoint/savepoint path 's3://sp/1'.", SavepointNotFound),
    (Answer, "java.lang.RuntimeException: Unexpected magic number. This can have multiple reasons: (1) You are trying to load a Flink 1.0 savepoint (2) The file you were pointing to is not a savepoint at all.", SavepointNotFound),
    (Answer, "org.apache.flink.runtime.resourcemanager.exceptions.UnfulfillableSlotRequestException: Could not fulfill slot request 01.", NoResources),
    (Answer, "org.apache.flink.client.program.ProgramParametrizationException: --input is missing", ProgramFailed),
    (Answer, "org.apache.flink.client.program.ProgramMissingJobException: The program didn't contain a Flink job.", ProgramFailed),
    (Operation, "java.lang.IllegalStateException: No savepoint directory configured. You can either specify a directory via configure a cluster-wide default via key 'x'", SavepointDirectoryMissing),
    (Operation, "java.lang.IllegalArgumentException: No savepoint location given and no default location configured.", SavepointDirectoryMissing),
    (Answer, "org.apache.flink.runtime.rest.handler.RestHandlerException: Checkpointing has not been enabled.", CheckpointingDisabled),
    (Answer, "org.apache.flink.runtime.rest.handler.RestHandlerException: Checkpointing was not enabled for job 01.", CheckpointingDisabled),
    (Operation, "java.lang.IllegalStateException: Job 01 is not a streaming job.", CheckpointingDisabled),
    (Operation, "org.apache.flink.runtime.checkpoint.CheckpointException: Checkpoint was declined (tasks not ready)", JobNotReady),
    (Operation, "org.apache.flink.runtime.checkpoint.CheckpointException: The Flink job is currently not executing.", JobNotReady),
    (Answer, "java.lang.IllegalStateException: Scheduler is currently not executing the job.", JobNotReady),
    (Answer, "org.apache.flink.runtime.rest.handler.RestHandlerException: Another update to the job [01] resource requirements is in progress.", JobNotReady),
    (Answer, "org.apache.flink.runtime.messages.FlinkJobTerminatedWithoutCancellationException: Flink job (01) was not canceled, but instead FINISHED.", JobAlreadyTerminal),
    (Answer, "org.apache.flink.runtime.messages.FlinkApplicationTerminatedWithoutCancellationException: Flink application (01) was not canceled, but instead FINISHED.", JobAlreadyTerminal),
    (Answer, "org.apache.flink.runtime.rest.handler.RestHandlerException: Job could not be found.", JobNotFound),
    (Answer, "org.apache.flink.runtime.dispatcher.UnknownOperationKeyException: No ongoing operation for x", OperationLost),
    (Answer, "org.apache.flink.runtime.rest.handler.RestHandlerException: Could not find checkpointing statistics for checkpoint 7.", NotFound),
    (Answer, "org.apache.flink.runtime.rest.handler.RestHandlerException: Invalid subtask index for vertex 01", NotFound),
    (Answer, "org.apache.flink.runtime.rpc.akka.exceptions.EndpointNotStartedException: Discard message", Unavailable),
    (Answer, "org.apache.flink.runtime.rpc.exceptions.FencingTokenException: Fencing token mismatch", Unavailable),
    (Answer, "org.apache.flink.runtime.leaderelection.LeadershipLostException: Leadership of x lost", Unavailable),
    (Answer, "java.io.IOException: Could not connect to BlobServer at address localhost/127.0.0.1:34567", Unavailable),
    (Answer, "java.util.concurrent.TimeoutException: Invocation of [RemoteRpcInvocation(X.y())] at recipient [pekko] timed out.", Timeout),
    (Answer, "org.apache.flink.runtime.rest.handler.RestHandlerException: Job cancellation timed out.", Timeout),
];

/// Every text that the recordings have, with the place where it is.
fn recorded_texts() -> Vec<(Place, String)> {
    let mut texts = Vec::new();
    for version in ["1.20.5", "2.3.0"] {
        let folder = format!("{}/tests/fixtures/rest/{version}", env!("CARGO_MANIFEST_DIR"));
        for entry in std::fs::read_dir(folder).unwrap() {
            let text = std::fs::read(entry.unwrap().path()).unwrap();
            let exchange: serde_json::Value = serde_json::from_slice(&text).unwrap();
            let body = &exchange["body"];
            let errors = body["errors"].as_array().and_then(|errors| errors.last());
            let operation = &body["operation"];
            for (place, text) in [
                (Answer, errors),
                (Operation, operation["failure-cause"].get("stack-trace")),
                (Operation, operation["failureCause"].get("stack-trace")),
                (Job, body["job-execution-result"]["failure-cause"].get("stack-trace")),
            ] {
                texts.extend(text.and_then(|text| text.as_str()).map(|text| (place, text.to_owned())));
            }
        }
    }
    texts
}

#[test]
fn every_row_of_the_table_has_a_text_that_it_decides() {
    for (place, text, kind) in NOT_RECORDED {
        let trace = Trace::parse(text);
        assert_eq!(look_up(&trace, *place).map(|(kind, _)| kind), Some(*kind), "{text}");
    }
    let known = NOT_RECORDED.iter().map(|(place, text, _)| (*place, (*text).to_owned()));
    let texts: Vec<(Place, String)> = recorded_texts().into_iter().chain(known).collect();
    for (index, row) in TABLE.iter().enumerate() {
        let decides_one = texts.iter().any(|(place, text)| {
            let trace = Trace::parse(text);
            TABLE.iter().position(|row| row.decides(&trace, *place).is_some()) == Some(index)
        });
        assert!(decides_one, "row {index}, {:?}, decides no text", row.kind);
    }
}
