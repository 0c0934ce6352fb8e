//! Many operations among faults, and many clients that come and go: what the process holds afterwards, by the system's
//! own counts. A binary of its own, and one test at a time, so that nothing else is counted.
//!
//! A short run is part of every `cargo test`. A long one: `FLINK_CLIENT_SOAK_CALLS=200000 cargo test --test soak -- --nocapture`,
//! which prints its figures.
#![cfg(target_os = "linux")]

#[path = "it/support/mod.rs"]
mod support;

use std::collections::HashMap;
use std::fs;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use flink_client::{
    ClusterClient, ErrorKind, FixedWaitStrategy, JobId, Pending, RestClusterClient, Result, Runtime,
    SavepointFormatType, StandaloneClusterId,
};

use support::{ReceivedRequest, Reply, ScriptedServer, client, eager, until};

type Client = RestClusterClient<StandaloneClusterId>;

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Of a hundred requests.
const FAULTS: u64 = 5;

const THREADS: usize = 8;

/// What this process holds.
#[derive(Clone, Copy, Debug)]
struct Held {
    resident_kib: u64,
    threads: usize,
    files: usize,
}

impl Held {
    fn now() -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let count = |folder| fs::read_dir(folder).unwrap().count();
        Self {
            resident_kib: line.trim().trim_end_matches(" kB").parse().unwrap(),
            threads: count("/proc/self/task"),
            files: count("/proc/self/fd"),
        }
    }
}

/// Numbers in an order of their own that is the same in every run.
fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z ^ (z >> 27)
}

/// What a healthy cluster answers.
fn well(request: &ReceivedRequest) -> Reply {
    let last = request.path().rsplit('/').next().unwrap_or_default();
    match (&*request.method, last) {
        ("GET", "overview") if request.path() == "/jobs/overview" => {
            let job = |number: u32| {
                format!(r#"{{"jid":"{number:032x}","name":"etl","state":"RUNNING","start-time":1}}"#)
            };
            Reply::json(200, format!(r#"{{"jobs":[{}]}}"#, (0..20).map(job).collect::<Vec<_>>().join(",")))
        }
        ("GET", "status") => Reply::json(200, r#"{"status":"RUNNING"}"#),
        ("GET", "metrics") => Reply::json(200, r#"[{"id":"a","value":"1"}]"#),
        ("POST", "savepoints") => {
            Reply::json(202, format!(r#"{{"request-id":{}}}"#, request.json()["triggerId"]))
        }
        ("GET", _) if request.path().contains("/savepoints/") => {
            Reply::json(200, r#"{"status":{"id":"COMPLETED"},"operation":{"location":"file:/s"}}"#)
        }
        ("GET", "checkpoints") => Reply::json(404, r#"{"errors":["Job could not be found."]}"#),
        ("PATCH", _) => Reply::json(202, "{}"),
        _ => Reply::json(404, r#"{"errors":["Not found: /"]}"#),
    }
}

fn faulty(which: u64) -> Reply {
    match which % 10 {
        0 | 1 => Reply::nothing().close(),
        2 => Reply::nothing().reset(),
        3 => Reply::raw("HTTP/1.1 200 OK\r\ncontent-length: 11\r\n\r\n{\"jo").close(),
        4 => Reply::raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{\"").reset(),
        5 => Reply::json(
            503,
            r#"{"errors":["Service temporarily unavailable due to an ongoing leader election."]}"#,
        ),
        6 => Reply::html(502, "<html><title>Bad gateway</title></html>"),
        7 => Reply::json(
            500,
            r#"{"errors":["Internal server error.","java.lang.RuntimeException: x\n\tat a.B.c(D.java:1)"]}"#,
        ),
        8 => Reply::raw("\x15\x03garbage\r\n\r\n").close(),
        _ => Reply::json(200, "{}").close(),
    }
}

fn call(client: &Client, number: u64) -> Result<()> {
    let job: JobId = format!("{:032x}", number % 20).parse().unwrap();
    match number % 10 {
        0..=3 => client.list_jobs().wait().map(drop),
        4..=6 => client.job_status(job).wait().map(drop),
        7 => client.job_metrics(job, &["a"]).wait().map(drop),
        8 => client.cancel(job).then(|_| Ok(())).wait(),
        _ if number % 100 == 9 => {
            client.trigger_savepoint(job, None, SavepointFormatType::Canonical).wait().map(drop)
        }
        // Handles of which most are never waited for.
        _ => {
            let handles: Vec<_> = (0..5).map(|_| client.job_status(job)).collect();
            Pending::first(handles).wait().map(drop)
        }
    }
}

#[test]
fn nothing_grows_over_many_calls_of_which_some_fail() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let calls: u64 = std::env::var("FLINK_CLIENT_SOAK_CALLS")
        .map_or(8_000, |calls| calls.parse().expect("FLINK_CLIENT_SOAK_CALLS is a number"));
    let (asked, faults) = (AtomicU64::new(0), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&faults);
    let server = ScriptedServer::deciding(move |request| {
        let which = scattered(asked.fetch_add(1, Ordering::Relaxed));
        if which % 100 < FAULTS {
            counted.fetch_add(1, Ordering::Relaxed);
            return faulty(which / 100);
        }
        well(request)
    });
    let runtime = Runtime::builder().build().unwrap();
    let connect = || {
        client(
            eager(&server.url())
                .runtime(runtime.clone())
                .max_attempts(20)
                .retry_strategy(FixedWaitStrategy(Duration::ZERO))
                .await_leader_timeout(Duration::from_secs(30))
                .answer_timeout(Duration::from_secs(30)),
        )
    };
    let begun = Instant::now();
    let (next, requests) = (AtomicU64::new(0), AtomicUsize::new(0));
    let outcomes: Mutex<HashMap<Option<ErrorKind>, u64>> = Mutex::default();
    // A fifth of the calls, then what the process holds; the rest, and the same again.
    let run = |until: u64| {
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let mut client = connect();
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= until {
                            return client.close();
                        }
                        let kind = call(&client, number).err().map(|error| error.kind());
                        *outcomes.lock().unwrap().entry(kind).or_default() += 1;
                        if number % 500 == 0 {
                            requests.fetch_add(server.take_requests().len(), Ordering::Relaxed);
                            client.close();
                            client = connect();
                        }
                    }
                });
            }
        });
        next.store(until, Ordering::Relaxed);
        requests.fetch_add(server.take_requests().len(), Ordering::Relaxed);
        support::until("every connection to end", || (server.open_connections() == 0).then_some(()));
        Held::now()
    };
    let (warm, middle, end) = (run(calls / 5), run(calls / 5 * 3), run(calls));
    let outcomes = outcomes.into_inner().unwrap();
    let (requests, faults) = (requests.into_inner(), faults.load(Ordering::Relaxed));
    println!(
        "{calls} calls, {requests} requests on {} connections, {faults} faults, in {:.1?}: {outcomes:?}\n\
         after a fifth {warm:?}\nafter three fifths {middle:?}\nat the end {end:?}",
        server.connections(),
        begun.elapsed(),
    );
    assert_eq!(outcomes.values().sum::<u64>(), calls, "every call has ended");
    // What passes was tried again; what was left are answers, bad as they are.
    for kind in outcomes.keys().flatten() {
        assert!(
            matches!(
                kind,
                ErrorKind::Server | ErrorKind::Decode | ErrorKind::Tls | ErrorKind::OutcomeUnknown
            ),
            "{kind:?}: {outcomes:?}"
        );
    }
    assert!(outcomes[&None] > calls / 100 * 90, "{outcomes:?}");
    assert!(faults > requests as u64 / 100 * (FAULTS - 2), "{faults} faults in {requests} requests");
    // The server's threads end a moment after their connections.
    let slack = THREADS + 4;
    let end = support::until(&format!("no more than {warm:?}"), || {
        let now = Held::now();
        (now.threads <= warm.threads + slack && now.files <= warm.files + slack).then_some(now)
    });
    // Allocators keep some of what was used; what leaks grows with the calls.
    assert!(end.resident_kib <= warm.resident_kib + 24 * 1024, "{warm:?} {middle:?} {end:?}");
}

#[test]
fn clients_that_are_closed_leave_no_thread_and_no_socket() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let (files, threads) = (Held::now().files, support::threads_named("flink-client").len());
    {
        let answering = ScriptedServer::always(Reply::json(200, r#"{"jobs":[]}"#));
        let silent = ScriptedServer::always(Reply::nothing().stall());
        let runtime = Runtime::builder().build().unwrap();
        for number in 0..100 {
            let url = if number % 2 == 0 { answering.url() } else { silent.url() };
            let client =
                client(eager(&url).runtime(runtime.clone()).answer_timeout(Duration::from_secs(3600)));
            // Some have an answer, some wait for it, some have not begun.
            let handles: Vec<_> = (0..8).map(|_| client.list_jobs()).collect();
            if number % 2 == 0 {
                assert_eq!(Pending::all(handles).wait().unwrap().len(), 8);
                client.close();
            } else {
                client.close();
                let ends = Pending::all_settled(handles).wait().unwrap();
                assert!(
                    ends.iter().all(|end| end.as_ref().is_err_and(|e| e.kind() == ErrorKind::Closed)),
                    "{ends:?}"
                );
            }
        }
        until("every connection to the server that answers to end", || {
            (answering.open_connections() == 0).then_some(())
        });
        assert!(
            support::threads_named("flink-client").len() <= threads + 4 + 2 + 1,
            "{} threads",
            support::threads_named("flink-client").len()
        );
    }
    // The runtime's threads were joined, and the servers are gone.
    until("as many threads and files as before", || {
        (support::threads_named("flink-client").len() <= threads && Held::now().files <= files).then_some(())
    });
}
