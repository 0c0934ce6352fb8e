//! How many threads there are, by the system's own count: a binary of its own, and one test at a time, so that no other
//! test's threads are counted.
#![cfg(target_os = "linux")]

#[path = "it/support/mod.rs"]
mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use flink_client::{ClusterClient, JobId, Pending, Runtime};

use support::{Reply, ScriptedServer, client, eager};

static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn ours() -> Vec<String> {
    support::threads_named("flink-client")
}

/// A joined thread may be listed for a moment after it has ended, and a list that is read meanwhile may lack it: so one that
/// is as expected is not read again.
fn assert_ours(expected: &[&str], when: &str) {
    let limit = Instant::now() + support::HANG;
    let mut found = ours();
    while found != expected && Instant::now() < limit {
        std::thread::sleep(Duration::from_millis(1));
        found = ours();
    }
    assert_eq!(found, expected, "{when}");
}

#[test]
fn threads_start_when_they_are_needed_are_shared_and_end_with_their_runtime() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    const CB: &str = "flink-client-cb";
    const TIMER: &str = "flink-client-ti";

    assert_ours(&[], "at first");
    let shared = Runtime::shared();
    let runtime = Runtime::builder().callback_threads(1).build().unwrap();
    assert_eq!(Pending::ready(1).map(|n| n + 1).wait().unwrap(), 2);
    let (promise, pending) = shared.promise();
    promise.complete(Ok(1));
    assert_eq!(pending.map(|n| n + 1).wait().unwrap(), 2);
    assert_ours(&[], "runtimes without work");

    let call = |runtime: &Runtime| runtime.spawn(|| Ok(1)).into_receiver().recv().unwrap().unwrap();
    call(&runtime);
    call(&runtime);
    assert_ours(&[CB], "one callback thread did the work");
    let (never, pending) = runtime.promise::<()>();
    let limited = pending.timeout(Duration::from_secs(3600));
    assert_ours(&[CB, TIMER], "a limit");
    // Ten thousand limits and ten thousand queued functions need no more.
    let limits: Vec<_> = (0..10_000)
        .map(|_| {
            let (promise, pending) = runtime.promise::<()>();
            (promise, pending.timeout(Duration::from_secs(3600)))
        })
        .collect();
    let queued: Vec<_> = (0..10_000).map(|n| runtime.spawn(move || Ok(n))).collect();
    assert_eq!(Pending::all(queued).wait().unwrap().len(), 10_000);
    assert_ours(&[CB, TIMER], "ten thousand limits and functions");
    drop(limits);

    // The last user is a handle.
    drop(runtime);
    assert_ours(&[CB, TIMER], "a handle is left");
    drop(limited);
    assert_ours(&[CB, TIMER], "a promise is left");
    drop(never);
    assert_ours(&[], "the last user has gone");

    for _ in 0..100 {
        let runtime = Runtime::builder().build().unwrap();
        let limited = runtime.spawn(|| Ok(1)).timeout(Duration::from_secs(3600));
        assert_eq!(limited.into_receiver().recv().unwrap().unwrap(), 1);
    }
    assert_ours(&[], "after a hundred runtimes");

    // The last user goes on one of the runtime's own threads.
    let runtime = Runtime::builder().callback_threads(2).build().unwrap();
    let (release, released) = crossbeam_channel::bounded::<()>(0);
    let inner = runtime.clone();
    drop(runtime.spawn(move || {
        let _ = released.recv();
        drop(inner);
        Ok(())
    }));
    drop(runtime);
    drop(release);
    assert_ours(&[], "dropped by its own callback");

    // The last user goes while a function runs that does not end: the drop gives up waiting for it.
    let runtime = Runtime::builder().callback_threads(1).build().unwrap();
    let (release, released) = crossbeam_channel::bounded::<()>(0);
    let (begun_at, running) = crossbeam_channel::bounded(1);
    drop(runtime.spawn(move || {
        begun_at.send(()).unwrap();
        let _ = released.recv();
        Ok(())
    }));
    running.recv().unwrap();
    let begun = Instant::now();
    drop(runtime);
    assert!(begun.elapsed() < Duration::from_secs(30), "the drop hung");
    drop(release);
    assert_ours(&[], "after the function has ended");

    // The shared runtime: started by use, never more than its lanes have.
    let twice = |n: u32| Runtime::shared().spawn(move || Ok(n * 2)).into_receiver();
    let receivers: Vec<_> = (0..1000).map(twice).collect();
    for (n, receiver) in (0..).zip(receivers) {
        assert_eq!(receiver.recv().unwrap().unwrap(), n * 2);
    }
    assert_ours(&[CB, CB], "the shared runtime");
}

#[test]
fn ten_thousand_waits_for_jobs_need_no_more_threads_than_ten() {
    const JOBS: usize = 10_000;
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let before = ours().len();
    let ids: Vec<JobId> = (0..JOBS).map(|_| JobId::random()).collect();
    let ended = Arc::new(AtomicBool::new(false));
    let list = |state: &str| {
        let jobs: Vec<String> =
            ids.iter().map(|id| format!(r#"{{"jid":"{id}","state":"{state}"}}"#)).collect();
        Reply::json(200, format!(r#"{{"jobs":[{}]}}"#, jobs.join(",")))
    };
    let (running, finished, asked) = (list("RUNNING"), list("FINISHED"), Arc::clone(&ended));
    let server = ScriptedServer::deciding(move |request| {
        let ended = asked.load(Ordering::SeqCst);
        match request.path() {
            "/jobs/overview" if ended => finished.clone(),
            "/jobs/overview" => running.clone(),
            path if ended => {
                let id = path.split('/').nth(2).unwrap();
                Reply::json(
                    200,
                    format!(
                        r#"{{"status":{{"id":"COMPLETED"}},"job-execution-result":{{"id":"{id}","application-status":"SUCCEEDED","accumulator-results":{{}},"net-runtime":1}}}}"#
                    ),
                )
            }
            _ => Reply::json(200, r#"{"status":{"id":"IN_PROGRESS"}}"#),
        }
    });
    let runtime = Runtime::builder().io_threads(3).callback_threads(1).build().unwrap();
    let client = client(
        eager(&server.url()).runtime(runtime).answer_timeout(Duration::from_secs(60)).max_attempts(20),
    );
    let waits: Vec<_> = ids.iter().map(|id| client.job_result(*id)).collect();
    support::until("three rounds", || {
        let rounds = server.lines().iter().filter(|line| line.ends_with("/overview")).count();
        (rounds >= 3).then_some(())
    });
    // The request threads, the timer, and perhaps one for callbacks.
    assert!(ours().len() <= before + 5, "{:?}", ours());
    ended.store(true, Ordering::SeqCst);
    let results = Pending::all(waits).wait().unwrap();
    assert_eq!(results.len(), JOBS);
    assert!(ours().len() <= before + 5, "{:?}", ours());
    // The first was alone for a moment, and may have been looked at then.
    let first = format!("/{}/execution-result", ids[0]);
    let results = server.lines();
    let results =
        results.iter().filter(|line| line.ends_with("/execution-result") && !line.ends_with(&first));
    assert_eq!(results.count(), JOBS - 1, "each is fetched once");
}
