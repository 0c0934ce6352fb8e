//! How many threads there are, by the system's own count: a binary of its own, and one test, so that no other test's
//! threads are counted.

use std::time::{Duration, Instant};

use flink_client::{Pending, Runtime};

/// The names of this process's threads that are this crate's, as the system has them: cut to 15 bytes.
#[cfg(target_os = "linux")]
fn ours() -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir("/proc/self/task")
        .unwrap()
        // A thread may end between the listing and the reading.
        .filter_map(|task| std::fs::read_to_string(task.unwrap().path().join("comm")).ok())
        .map(|name| name.trim_end().to_owned())
        .filter(|name| name.starts_with("flink-client"))
        .collect();
    names.sort();
    names
}

/// A joined thread may be listed for a moment after it has ended.
#[cfg(target_os = "linux")]
fn assert_ours(expected: &[&str], when: &str) {
    let limit = Instant::now() + Duration::from_secs(10);
    while ours() != expected && Instant::now() < limit {
        std::thread::yield_now();
    }
    assert_eq!(ours(), expected, "{when}");
}

#[cfg(target_os = "linux")]
#[test]
fn threads_start_when_they_are_needed_are_shared_and_end_with_their_runtime() {
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
    let begun = Instant::now();
    drop(never);
    assert!(begun.elapsed() < Duration::from_secs(1), "idle threads end at once");
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
