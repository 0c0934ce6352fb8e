//! A whole session of a client with every kind of credential, in a process of its own: nothing that it prints, shows or
//! logs at any level has a secret in it.

use std::env;
use std::fmt::Debug;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use flink_client::{
    ClusterClient, Configuration, ExecutionPlan, JobId, RestClusterClient, RestClusterClientConfiguration,
    SavepointFormatType, StandaloneClusterId, TriggerId,
};

use super::JOBS;
use crate::support::{Reply, ScriptedServer, eager};

/// So long, and so much the same, that also a dump of bytes in short rows shows it.
const SECRET: &str = "hunter2hunter2hunter2hunter2hunter2hunter2hunter2";
const SIGN: &str = "hunter2";

/// Set in the process that holds the session.
const CHILD: &str = "FLINK_CLIENT_TEST_SESSION";

#[test]
fn nothing_that_a_session_prints_or_logs_holds_a_secret() {
    if env::var_os(CHILD).is_some() {
        return session();
    }
    let output = Command::new(env::current_exe().unwrap())
        .args([
            "--exact",
            "faults::secrets::nothing_that_a_session_prints_or_logs_holds_a_secret",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .env("FLINK_REST_CLIENT_HEADERS", format!("x-from-environment: {SECRET}"))
        .output()
        .unwrap();
    let printed =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(output.status.success(), "{printed}");
    // It has logged, at every level of every library, and come to its end.
    for sign in ["attempt 1 failed", "ureq_proto", "the session is over"] {
        assert!(printed.contains(sign), "no {sign:?} in: {printed}");
    }
    let basic = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, format!("ada:{SECRET}"));
    for sign in [SIGN, &basic[8..20], "68756e74", "6875 6e74"] {
        let odd: Vec<&str> = printed.lines().filter(|line| line.contains(sign)).collect();
        assert!(odd.is_empty(), "{odd:#?}");
    }
}

/// Every record, as soon as it comes.
struct Everything;

impl log::Log for Everything {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        eprintln!("{} {}: {}", record.level(), record.target(), record.args());
    }

    fn flush(&self) {}
}

fn show(what: &impl Debug) {
    eprintln!("{what:?} {what:#?}");
}

fn session() {
    log::set_logger(&Everything).unwrap();
    log::set_max_level(log::LevelFilter::Trace);

    // What arrives has everything; what is shown nothing.
    let attempts = AtomicUsize::new(0);
    let server = ScriptedServer::deciding(move |request| {
        assert_eq!(request.header("x-from-environment"), Some(SECRET));
        assert_eq!(request.header("x-key"), Some(SECRET));
        assert!(request.header("authorization").is_some());
        match (request.path(), attempts.fetch_add(1, Ordering::SeqCst)) {
            (_, 0) => Reply::nothing().close(),
            (_, 1) => Reply::json(503, r#"{"errors":["starting"]}"#),
            ("/config", _) => Reply::new(401, &[("www-authenticate", "Basic")], ""),
            ("/datasets", _) => Reply::nothing().close(),
            ("/jobs/overview", _) => Reply::json(200, JOBS),
            (path, _) if path.ends_with("/savepoints") => Reply::json(202, r#"{"request-id":"5f"}"#),
            _ => Reply::json(404, r#"{"errors":["Not found: /"]}"#),
        }
    });
    let mut configuration = Configuration::new();
    for key in ["security.ssl.rest.keystore-password", "s3.secret-key", "fs.azure.account.key.a"] {
        configuration.set_raw(key, SECRET);
    }
    configuration.set_raw("rest.address", "127.0.0.1");
    configuration.set_raw("rest.port", server.port().to_string());
    configuration.set_raw("some.url", format!("http://ada:{SECRET}@h/"));
    show(&configuration);
    let flinks = RestClusterClientConfiguration::builder().configuration(&configuration).unwrap();
    let like = |builder: flink_client::RestClusterClientConfigurationBuilder| {
        builder.configuration(&configuration).unwrap().header("x-key", SECRET).on_retry(|event| show(event))
    };
    show(&flinks);

    // It refuses.
    let proxy = ScriptedServer::always(Reply::new(407, &[], ""));
    for builder in [
        like(eager(&server.url())).basic_auth("ada", SECRET),
        like(eager(&server.url())).bearer_token(SECRET),
        like(eager(&server.url())).bearer_token_from(|| Ok(SECRET.into())),
        like(eager(&server.url()))
            .bearer_token(SECRET)
            .proxy(format!("http://ada:{SECRET}@127.0.0.1:{}", proxy.port())),
    ] {
        let builder = builder
            .max_attempts(2)
            .retry_strategy(flink_client::FixedWaitStrategy(std::time::Duration::ZERO));
        show(&builder);
        let rest = builder.build().unwrap();
        show(&rest);
        let client = RestClusterClient::new(rest, StandaloneClusterId).unwrap();
        show(&client);
        session_of(&client);
        show(&client);
        client.close();
        show(&client);
    }
    for refused in [
        RestClusterClientConfiguration::builder().address(format!("http://ada:{SECRET}@h:1")).build(),
        RestClusterClientConfiguration::builder().address("h:1").header("x", format!("{SECRET}\r\n")).build(),
        RestClusterClientConfiguration::builder().address("h:1").header("x y", SECRET).build(),
        RestClusterClientConfiguration::builder().address("h:1").basic_auth("a:b", SECRET).build(),
        RestClusterClientConfiguration::builder().address("h:1").bearer_token(&format!("{SECRET}\0")).build(),
        RestClusterClientConfiguration::builder()
            .address("h:1")
            .proxy(format!("socks5://ada:{SECRET}@h:1"))
            .build(),
        RestClusterClientConfiguration::builder().address("h:1").proxy(format!("ada:{SECRET}")).build(),
    ] {
        let error = refused.expect_err("none of these can be used");
        show(&error);
        eprintln!("{error}");
    }
    eprintln!("the session is over");
}

fn session_of(client: &RestClusterClient<StandaloneClusterId>) {
    let job = JobId::random();
    let plan = ExecutionPlan::uploaded_jar("a.jar").arg(SECRET).configuration("s3.secret-key", SECRET);
    show(&plan);
    let handles = [
        client.list_jobs().map(drop),
        client.overview().map(drop),
        client.dashboard_configuration().map(drop),
        client.list_completed_cluster_dataset_ids().map(drop),
        client
            .trigger_detached_savepoint_as(TriggerId::random(), job, None, SavepointFormatType::Native)
            .map(drop),
        client.submit_job(plan).map(drop),
        client.job_result(job).map(drop),
    ];
    for handle in handles {
        show(&handle);
        if let Err(error) = handle.wait() {
            eprintln!("{error} {error:#}");
            show(&error);
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                eprintln!("{cause} {cause:?}");
                source = cause.source();
            }
        }
    }
}
